//! A client of WebSocket by hand, for what no library says.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Result, ensure};

/// How long an answer may take on a busy machine.
const ANSWER_MAX: Duration = Duration::from_mins(1);

/// How long nothing may be taken before a pipe counts as full.
const WRITE_MAX: Duration = Duration::from_secs(3);

pub(super) const TEXT: u8 = 1;
pub(super) const CLOSE: u8 = 8;

/// A connection on which a WebSocket was opened.
pub(super) struct Raw {
    stream: TcpStream,
}

/// A frame that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) opcode: u8,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// The code and the reason of a close frame.
    pub(super) fn closes(&self) -> Option<(u16, String)> {
        let (code, reason) = self.payload.split_first_chunk::<2>()?;
        let reason = String::from_utf8_lossy(reason).into_owned();
        (self.opcode == CLOSE).then_some((u16::from_be_bytes(*code), reason))
    }
}

/// A handshake for `path`, with these fields more.
pub(super) fn handshake(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: gateway\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

/// A whole frame as a client sends it, whose mask is zero.
pub(super) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    part(0x80 | opcode, payload)
}

/// A frame with this first byte.
pub(super) fn part(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..126), _) => bytes.push(0x80 | length),
        (_, Ok(length)) => {
            bytes.push(0xfe);
            bytes.extend(length.to_be_bytes());
        }
        _ => {
            bytes.push(0xff);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

impl Raw {
    /// Opens one.
    pub(super) fn open(address: SocketAddr, path: &str, more: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.set_nodelay(true)?;
        stream.write_all(handshake(path, more).as_bytes())?;
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte)?;
            head.extend(byte);
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        ensure!(head.starts_with("http/1.1 101 "), "{head}");
        // Of RFC 6455 section 1.3.
        ensure!(
            head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
            "{head}"
        );
        Ok(Self { stream })
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// Writes no longer than so long where nobody takes it.
    pub(super) fn gives_up_writing(&self) -> Result<()> {
        Ok(self.stream.set_write_timeout(Some(WRITE_MAX))?)
    }

    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        self.send(&frame(TEXT, text.as_bytes()))
    }

    /// The next frame, none of which is masked.
    pub(super) fn next(&mut self) -> Result<Frame> {
        let mut first = [0; 2];
        self.stream.read_exact(&mut first)?;
        let [opcode, length] = first;
        ensure!(opcode & 0xf0 == 0x80 && length < 128, "{first:?}");
        let length = match length {
            126 => {
                let mut length = [0; 2];
                self.stream.read_exact(&mut length)?;
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                self.stream.read_exact(&mut length)?;
                u64::from_be_bytes(length)
            }
            length => length.into(),
        };
        let mut payload = vec![0; usize::try_from(length)?];
        self.stream.read_exact(&mut payload)?;
        Ok(Frame {
            opcode: opcode & 0x0f,
            payload,
        })
    }

    /// The next text.
    pub(super) fn next_text(&mut self) -> Result<String> {
        let frame = self.next()?;
        ensure!(frame.opcode == TEXT, "{frame:?}");
        Ok(String::from_utf8(frame.payload)?)
    }

    /// How it is closed, whatever comes before; then nothing comes any more.
    pub(super) fn closed(&mut self) -> Result<(u16, String)> {
        loop {
            let came = self.next()?;
            if let Some(closed) = came.closes() {
                // A client answers, and the connection ends.
                self.send(&frame(CLOSE, &came.payload)).ok();
                let mut rest = Vec::new();
                self.stream.read_to_end(&mut rest).ok();
                ensure!(rest.is_empty(), "{rest:?} behind the end");
                return Ok(closed);
            }
        }
    }
}
