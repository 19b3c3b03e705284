//! The tokens of a JSON document that comes in pieces, each with the bytes it is written in.

use json_event_parser::{JsonEvent, LowLevelJsonParser};

use crate::Interrupted;
use classifiers::media::json::{DEPTH_MAX, Flaw, VALUE_BYTES_MAX};

/// Reads tokens; holds what is no whole token yet, and the space and separators before the next.
pub(crate) struct Tokens {
    parser: LowLevelJsonParser,
    open: Vec<u8>,
    /// Whether a backslash is its last byte, and means something.
    escaped: bool,
    lead: Vec<u8>,
    /// Bytes of the document that were read.
    read: u64,
    failed: Option<Interrupted>,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self {
            parser: LowLevelJsonParser::new().with_max_stack_size(DEPTH_MAX),
            open: Vec::new(),
            escaped: false,
            lead: Vec::new(),
            read: 0,
            failed: None,
        }
    }

    /// The bytes that are held.
    pub(crate) fn held(&self) -> usize {
        self.open.len() + self.lead.len()
    }

    /// Takes the next bytes, hands every token that is whole to `take`, with all that stands before
    /// it; at the end also what stands behind the last. After a failure every call repeats it.
    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        ended: bool,
        take: impl FnMut(&JsonEvent<'_>, &[u8]) -> Result<(), Flaw>,
    ) -> Result<(), Interrupted> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let advanced = self.advance(chunk, ended, take);
        self.failed = advanced.as_ref().err().cloned();
        advanced
    }

    fn advance(
        &mut self,
        chunk: &[u8],
        ended: bool,
        take: impl FnMut(&JsonEvent<'_>, &[u8]) -> Result<(), Flaw>,
    ) -> Result<(), Interrupted> {
        let closes = ended || self.may_close(chunk);
        let mut text = std::mem::take(&mut self.open);
        text.extend_from_slice(chunk);
        if closes {
            let read = self.events(&text, ended, take)?;
            text.drain(..read);
            self.escaped = closing(text.get(1..).unwrap_or_default(), false) == Closing::Escaped;
        }
        self.open = text;
        if self.open.len() > VALUE_BYTES_MAX {
            return Err(self.unreadable(Flaw::ValueTooLong));
        }
        Ok(())
    }

    /// Whether the open token may end with these bytes. The parser begins at its start each time, which
    /// of a long one that comes byte by byte would be often.
    fn may_close(&mut self, chunk: &[u8]) -> bool {
        match self.open.first() {
            Some(b'"') => {
                let closing = closing(chunk, self.escaped);
                self.escaped = closing == Closing::Escaped;
                closing == Closing::Closed
            }
            Some(b'-' | b'0'..=b'9') => !chunk.iter().all(u8::is_ascii_digit),
            _ => true,
        }
    }

    /// Reads every token that is whole; how many bytes that were.
    fn events(
        &mut self,
        text: &[u8],
        ended: bool,
        mut take: impl FnMut(&JsonEvent<'_>, &[u8]) -> Result<(), Flaw>,
    ) -> Result<usize, Interrupted> {
        let mut at = 0;
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let result = self.parser.parse_next(rest, ended);
            let piece = rest.get(..result.consumed_bytes).unwrap_or_default();
            at += piece.len();
            self.read += piece.len() as u64;
            self.lead.extend_from_slice(piece);
            // Space before a token is kept with it, and there is no end to how much may come.
            if self.lead.len() > 2 * VALUE_BYTES_MAX {
                return Err(self.unreadable(Flaw::ValueTooLong));
            }
            match result.event {
                None => return Ok(at),
                Some(Ok(event)) => {
                    let taken = take(&event, &self.lead);
                    taken.map_err(|flaw| self.unreadable(flaw))?;
                    self.lead.clear();
                    if event == JsonEvent::Eof {
                        return Ok(at);
                    }
                }
                Some(Err(_)) => {
                    let flaw = if ended && at == text.len() {
                        Flaw::Truncated
                    } else {
                        Flaw::ByteOutOfPlace
                    };
                    return Err(self.unreadable(flaw));
                }
            }
        }
    }

    fn unreadable(&self, flaw: Flaw) -> Interrupted {
        let offset = self.read;
        Interrupted::Unreadable { offset, flaw }
    }
}

/// Where the inside of a string stands at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Open,
    /// Behind a backslash.
    Escaped,
    /// A quote ended it.
    Closed,
}

fn closing(inside: &[u8], escaped: bool) -> Closing {
    let mut escaped = escaped;
    for byte in inside {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Closing::Closed,
            _ => {}
        }
    }
    if escaped {
        Closing::Escaped
    } else {
        Closing::Open
    }
}
