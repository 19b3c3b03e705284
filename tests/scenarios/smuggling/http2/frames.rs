//! Frames of HTTP/2 (RFC 9113 section 4) as a test wants them, right or wrong, and what comes back.

use std::{collections::BTreeMap, io::Read as _, io::Write as _};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::smuggling::{
    front::{Front, HOST},
    wire::{self, Both, Way},
};

pub(in crate::smuggling) const DATA: u8 = 0;
pub(in crate::smuggling) const HEADERS: u8 = 1;
pub(in crate::smuggling) const RST_STREAM: u8 = 3;
pub(in crate::smuggling) const SETTINGS: u8 = 4;
pub(in crate::smuggling) const PING: u8 = 6;
pub(in crate::smuggling) const GOAWAY: u8 = 7;
pub(in crate::smuggling) const CONTINUATION: u8 = 9;

pub(in crate::smuggling) const END_STREAM: u8 = 1;
pub(in crate::smuggling) const END_HEADERS: u8 = 4;

/// The most bytes of a frame that the gateway sends.
const FRAME_BYTES_MAX: usize = 16 * 1024;

/// What came on a stream.
#[derive(Clone, Debug, Default)]
pub(in crate::smuggling) struct Stream {
    /// Whether an answer began.
    pub(in crate::smuggling) begun: bool,
    pub(in crate::smuggling) data: Vec<u8>,
    pub(in crate::smuggling) ended: bool,
    /// The code with which it was reset.
    pub(in crate::smuggling) reset: Option<u32>,
}

impl Stream {
    /// What the service says that it was asked for.
    pub(in crate::smuggling) fn asked(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.data).ok()?;
        Some(body.get("asked")?.as_str()?.to_owned())
    }
}

/// A connection of HTTP/2.
pub(in crate::smuggling) struct Connection {
    stream: Box<dyn Both>,
    streams: BTreeMap<u32, Stream>,
    /// The code with which the gateway ended it.
    pub(in crate::smuggling) goaway: Option<u32>,
    closed: bool,
}

impl Connection {
    /// Begins one.
    pub(in crate::smuggling) fn open(front: &Front, way: Way) -> Result<Self> {
        Self::with_settings(front, way, &[])
    }

    /// The same with these settings.
    pub(in crate::smuggling) fn with_settings(
        front: &Front,
        way: Way,
        settings: &[u8],
    ) -> Result<Self> {
        let mut stream = wire::open(front, way, true)?;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
        let mut connection = Self {
            stream,
            streams: BTreeMap::new(),
            goaway: None,
            closed: false,
        };
        connection.send(SETTINGS, 0, 0, settings);
        Ok(connection)
    }

    /// Sends a frame; whether the gateway still takes any.
    pub(in crate::smuggling) fn send(
        &mut self,
        kind: u8,
        flags: u8,
        on: u32,
        payload: &[u8],
    ) -> bool {
        self.send_all(&frame(kind, flags, on, payload))
    }

    /// Sends bytes; whether the gateway still takes any.
    pub(in crate::smuggling) fn send_all(&mut self, bytes: &[u8]) -> bool {
        let sent = self
            .stream
            .write_all(bytes)
            .and_then(|()| self.stream.flush());
        sent.is_ok()
    }

    /// Asks for a path.
    pub(in crate::smuggling) fn ask(&mut self, on: u32, path: &str) -> bool {
        self.send(HEADERS, END_HEADERS | END_STREAM, on, &get(path))
    }

    /// Reads until these streams are over, or the connection.
    pub(in crate::smuggling) fn until_done(&mut self, streams: &[u32]) -> Result<()> {
        let is_done = |this: &Self, on: &u32| {
            let stream = this.streams.get(on);
            stream.is_some_and(|it| it.ended || it.reset.is_some())
        };
        while !self.closed && !streams.iter().all(|on| is_done(self, on)) {
            self.read()?;
        }
        Ok(())
    }

    /// Reads until the gateway closes it.
    pub(in crate::smuggling) fn until_closed(&mut self) -> Result<()> {
        while !self.closed {
            self.read()?;
        }
        Ok(())
    }

    /// Whether the gateway has ended it.
    pub(in crate::smuggling) fn ended(&self) -> bool {
        self.closed || self.goaway.is_some()
    }

    /// What came on a stream.
    pub(in crate::smuggling) fn stream(&self, on: u32) -> Stream {
        self.streams.get(&on).cloned().unwrap_or_default()
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<bool> {
        match self.stream.read_exact(bytes) {
            Ok(()) => Ok(true),
            Err(error) if wire::is_end(error.kind()) => {
                self.closed = true;
                Ok(false)
            }
            Err(error) => Err(error).context("no frame came"),
        }
    }

    /// Reads one frame.
    fn read(&mut self) -> Result<()> {
        let mut head = [0; 9];
        if !self.fill(&mut head)? {
            return Ok(());
        }
        let [a, b, c, kind, flags, on @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c]))?;
        let on = u32::from_be_bytes(on) & (u32::MAX >> 1);
        ensure!(length <= FRAME_BYTES_MAX, "a frame of {length} bytes");
        let mut payload = vec![0; length];
        if !self.fill(&mut payload)? {
            return Ok(());
        }
        let code = |at: usize| {
            let bytes = payload.get(at..at + 4)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        let stream = self.streams.entry(on).or_default();
        match kind {
            HEADERS => stream.begun = true,
            DATA => stream.data.extend(&payload),
            RST_STREAM => stream.reset = code(0),
            GOAWAY => self.goaway = code(4),
            _ => {}
        }
        if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
            stream.ended = true;
        }
        Ok(())
    }
}

/// A frame.
pub(in crate::smuggling) fn frame(kind: u8, flags: u8, on: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    let mut frame = length.get(1..).unwrap_or_default().to_vec();
    frame.extend([kind, flags]);
    frame.extend(on.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The fields of a request for a path.
pub(in crate::smuggling) fn get(path: &str) -> Vec<u8> {
    let fields = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", HOST),
        (":path", path),
    ];
    block(&fields.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

/// Fields as literals that nobody indexes (RFC 7541 section 6.2.2), byte for byte.
pub(in crate::smuggling) fn block(fields: &[(String, String)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        string(&mut block, name.as_bytes());
        string(&mut block, value.as_bytes());
    }
    block
}

/// A string as it is (RFC 7541 sections 5.1 and 5.2).
pub(in crate::smuggling) fn string(block: &mut Vec<u8>, bytes: &[u8]) {
    const PREFIX: usize = 127;
    if let Some(short) = u8::try_from(bytes.len())
        .ok()
        .filter(|it| usize::from(*it) < PREFIX)
    {
        block.push(short);
    } else {
        block.push(127);
        let mut left = bytes.len() - PREFIX;
        while left >= 128 {
            block.push(u8::try_from(left % 128).unwrap_or(0) | 128);
            left /= 128;
        }
        block.push(u8::try_from(left).unwrap_or(0));
    }
    block.extend(bytes);
}
