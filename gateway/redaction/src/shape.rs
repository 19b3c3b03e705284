//! What of a JSON document goes on at all: rows of others, more records than asked for, and fields
//! that nobody allowed stay behind. Every other byte passes as it came.
//!
//! A [`Shaper`] stands between the decoded body and the redactor: what it takes out is never
//! classified, and what it leaves still is. Members and array elements leave with the comma before
//! them. An element whose binding must be known first is held, up to [`HELD_BYTES_MAX`]; from there on
//! the rule's [`Unbound`] decides, and [`Withheld`] counts it.

mod path;
mod walk;

use std::sync::Arc;

use json_event_parser::{JsonEvent, LowLevelJsonParser};

use crate::Interrupted;
use classifiers::media::json::{DEPTH_MAX, Flaw, VALUE_BYTES_MAX};
pub use path::{Fields, NoPath, Path};
use walk::Walk;

/// An element is held until its binding is known, but no more bytes than this.
pub const HELD_BYTES_MAX: usize = 256 * 1024;

/// What happens to an element that does not say whose it is, or says it too late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unbound {
    /// It stays behind.
    #[default]
    Drop,
    /// It goes on, and is counted.
    Pass,
}

/// The rows that may go on: elements of an array that are bound to one value.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The array.
    pub array: Path,
    /// Where in an element its binding stands; empty if the element is it.
    pub member: Path,
    /// What the binding must read; no row fits none.
    pub bound: Option<Arc<str>>,
    /// What happens to rows without a binding.
    pub unbound: Unbound,
}

/// What may go on of one message.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Whose rows.
    pub rows: Vec<Rows>,
    /// Which fields: each list narrows the others.
    pub fields: Vec<Arc<Fields>>,
    /// How many records: elements of arrays that are objects, outermost ones.
    pub records_max: Option<u64>,
    /// How many fields: scalars, wherever they stand.
    pub fields_max: Option<u64>,
}

impl Plan {
    /// Whether everything may.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
            && self.fields.is_empty()
            && self.records_max.is_none()
            && self.fields_max.is_none()
    }
}

/// What stayed behind of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Withheld {
    /// Rows bound to another value.
    pub rows: u64,
    /// Rows that named no binding, or none within [`HELD_BYTES_MAX`], and were left out.
    pub unbound: u64,
    /// Rows of that kind that went on.
    pub unbound_passed: u64,
    /// Records beyond the most.
    pub records: u64,
    /// Fields beyond the most.
    pub fields: u64,
    /// Members and elements that no list of fields names.
    pub unlisted: u64,
}

impl Withheld {
    /// What it counts, by name, where there is any.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("rows", self.rows),
            ("unbound", self.unbound),
            ("unbound-passed", self.unbound_passed),
            ("records", self.records),
            ("fields", self.fields),
            ("unlisted", self.unlisted),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
    }

    /// The same, of what depends on the reader's own rows alone: how many others have is not told.
    pub fn tellable(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let told = |(name, _): &(&str, u64)| ["records", "fields", "unlisted"].contains(name);
        self.counts().filter(told)
    }

    /// Whether the document is another than it was.
    pub fn changed(&self) -> bool {
        self.counts().any(|(name, _)| name != "unbound-passed")
    }
}

/// Shapes one JSON document as it streams.
pub struct Shaper {
    parser: LowLevelJsonParser,
    /// What came and is no whole token yet.
    open: Vec<u8>,
    /// Whether a backslash is its last byte, and means something.
    escaped: bool,
    /// Space and separators before the next token.
    lead: Vec<u8>,
    walk: Walk,
    /// Bytes of the document that were read.
    read: u64,
    failed: Option<Interrupted>,
}

impl Shaper {
    /// For one document.
    pub fn new(plan: Plan) -> Self {
        Self {
            parser: LowLevelJsonParser::new().with_max_stack_size(DEPTH_MAX),
            open: Vec::new(),
            escaped: false,
            lead: Vec::new(),
            walk: Walk::new(plan),
            read: 0,
            failed: None,
        }
    }

    /// Takes the next bytes, appends what goes on. After a failure every call repeats it.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Interrupted> {
        self.advance(chunk, false, out)
    }

    /// Ends the document.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Interrupted> {
        self.advance(&[], true, out)
    }

    /// What stayed behind so far.
    pub fn withheld(&self) -> Withheld {
        self.walk.withheld
    }

    /// The bytes that it holds back.
    pub fn held(&self) -> usize {
        self.open.len() + self.lead.len() + self.walk.held.len()
    }

    fn advance(&mut self, chunk: &[u8], ended: bool, out: &mut Vec<u8>) -> Result<(), Interrupted> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let advanced = self.read(chunk, ended, out);
        self.failed = advanced.as_ref().err().cloned();
        advanced
    }

    fn read(&mut self, chunk: &[u8], ended: bool, out: &mut Vec<u8>) -> Result<(), Interrupted> {
        let closes = ended || self.may_close(chunk);
        let mut text = std::mem::take(&mut self.open);
        text.extend_from_slice(chunk);
        if closes {
            let read = self.events(&text, ended, out)?;
            text.drain(..read);
            self.escaped = closing(text.get(1..).unwrap_or_default(), false) == Closing::Escaped;
        }
        self.open = text;
        if self.open.len() > VALUE_BYTES_MAX {
            return Err(unreadable(self.read, Flaw::ValueTooLong));
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
        out: &mut Vec<u8>,
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
                return Err(unreadable(self.read, Flaw::ValueTooLong));
            }
            match result.event {
                None => return Ok(at),
                Some(Ok(JsonEvent::Eof)) => {
                    self.walk.emit(&self.lead, out);
                    self.lead.clear();
                    return Ok(at);
                }
                Some(Ok(event)) => {
                    let walked = self.walk.event(&event, &self.lead, out);
                    walked.map_err(|flaw| unreadable(self.read, flaw))?;
                    self.lead.clear();
                }
                Some(Err(_)) => {
                    let flaw = if ended && at == text.len() {
                        Flaw::Truncated
                    } else {
                        Flaw::ByteOutOfPlace
                    };
                    return Err(unreadable(self.read, flaw));
                }
            }
        }
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

fn unreadable(offset: u64, flaw: Flaw) -> Interrupted {
    Interrupted::Unreadable { offset, flaw }
}
