//! The tokens of a JSON document that comes in pieces, each with the bytes it is written in.

use json_event_parser::{JsonEvent, LowLevelJsonParser};

use crate::Interrupted;
use classifiers::media::json::{DEPTH_MAX, Flaw, VALUE_BYTES_MAX};

/// Reads tokens; holds what is no whole token yet, and the space and separators before the next.
pub(crate) struct Tokens {
    parser: LowLevelJsonParser,
    open: Vec<u8>,
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
        let mut text = std::mem::take(&mut self.open);
        text.extend_from_slice(chunk);
        let read = self.events(&text, ended, take)?;
        text.drain(..read);
        self.open = text;
        if self.open.len() > VALUE_BYTES_MAX {
            return Err(self.unreadable(Flaw::ValueTooLong));
        }
        Ok(())
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
