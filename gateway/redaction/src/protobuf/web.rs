//! What gRPC-Web adds to frames of gRPC: the status in a frame of its own, and base64
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>).

use bytes::Bytes;
use data_encoding::BASE64;

use crate::Interrupted;

/// What a frame begins with that holds trailers: its highest bit.
pub(super) const TRAILERS: u8 = 0x80;
/// The most digits of a status.
const STATUS_DIGITS_MAX: usize = 3;

const NO_BASE64: Interrupted = Interrupted::Form("a body is no base64");

/// What is known of one body.
#[derive(Debug, Default)]
pub(super) struct Web {
    /// Base64 that is no whole group yet.
    rest: Vec<u8>,
    status: Option<String>,
}

impl Web {
    /// The bytes that a piece of base64 ends. Senders encode each of their writes by itself, so that
    /// padding may stand anywhere.
    pub(super) fn decode(&mut self, chunk: &[u8]) -> Result<Bytes, Interrupted> {
        self.rest.extend_from_slice(chunk);
        let whole = self.rest.len() / 4 * 4;
        let later = self.rest.split_off(whole);
        let groups = std::mem::replace(&mut self.rest, later);
        let mut decoded = Vec::with_capacity(groups.len());
        let mut from = 0;
        for (at, group) in groups.chunks(4).enumerate() {
            let end = (at + 1) * 4;
            // Padding ends what was encoded at once.
            if group.contains(&b'=') || end == groups.len() {
                let part = groups.get(from..end).unwrap_or_default();
                decoded.extend(BASE64.decode(part).map_err(|_| NO_BASE64)?);
                from = end;
            }
        }
        Ok(decoded.into())
    }

    /// Whether a group of base64 is open.
    pub(super) fn is_within(&self) -> bool {
        !self.rest.is_empty()
    }

    pub(super) fn status(&self) -> Option<&str> {
        self.status.as_deref()
    }

    /// Takes the frame of trailers. Of them the status is kept: nobody inspects the others.
    pub(super) fn end(&mut self, trailers: &[u8]) -> Result<(), Interrupted> {
        let text = std::str::from_utf8(trailers).unwrap_or_default();
        let codes = text.lines().filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim()
                .eq_ignore_ascii_case("grpc-status")
                .then(|| value.trim())
        });
        let mut codes = codes.filter(|code| {
            (1..=STATUS_DIGITS_MAX).contains(&code.len())
                && code.bytes().all(|it| it.is_ascii_digit())
        });
        match (codes.next(), codes.next()) {
            (Some(code), None) => self.status = Some(code.to_owned()),
            _ => return Err(Interrupted::Form("a call ends without a status")),
        }
        Ok(())
    }
}

/// The frame that ends an answer of gRPC-Web, in base64 if it `is_text`.
pub fn ending(status: &str, message: Option<&str>, is_text: bool) -> Bytes {
    let message = message.map(|message| format!("grpc-message: {message}\r\n"));
    let trailers = format!("grpc-status: {status}\r\n{}", message.unwrap_or_default());
    let length = u32::try_from(trailers.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    let frame = [&[TRAILERS], &length[..], trailers.as_bytes()].concat();
    if is_text {
        BASE64.encode(&frame).into()
    } else {
        frame.into()
    }
}
