//! Walks one JSON document (RFC 8259) as its bytes arrive.
//!
//! A parser that builds a tree costs several times what forwarding the bytes costs, and one that
//! wants the whole document stalls a stream. This one keeps a bit per open container and the bytes
//! of the one token that a chunk's end cut through; everything else it hands out as slices of the
//! chunk. It is strict, because what the receiver reads differently from us is a way past us:
//! whatever `serde_json` refuses is refused here, with the byte at which it went wrong. Two things
//! it does not judge: duplicate names, which all reach the visitor, and the size of numbers, which
//! are never turned into machine numbers.

mod lane;
mod number;
#[cfg(test)]
mod tests;
mod text;
mod token;

use crate::vector::{Level, Limit};
use lane::{LANE_BYTES_MIN, Ride};
use text::{End, Seen};

pub use token::{AHEAD_BYTES, Flaw, Scalar, Token, Unreadable, Visitor};

/// A JSON token is held whole while it is judged; a longer one, quotes included, is refused.
pub const VALUE_BYTES_MAX: usize = 256 * 1024;

/// The deepest nesting of containers; the same that `serde_json` opens.
pub const DEPTH_MAX: usize = 127;

/// What may come next, white space aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// The document's value, and nothing was seen yet.
    Document,
    /// A value: after a colon, or after a comma in an array.
    Value,
    /// A value or the end of the array: after `[`.
    ValueOrEnd,
    /// A name: after a comma in an object.
    Name,
    /// A name or the end of the object: after `{`.
    NameOrEnd,
    Colon,
    /// A comma or the end of the open container: after a value.
    CommaOrEnd,
    /// Nothing more.
    End,
}

/// The token that the end of the last chunk cut through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Text(Seen),
    Number,
    Literal(&'static [u8], Scalar),
}

/// The state of a walk: push chunks, then finish.
#[derive(Debug)]
pub struct Walker {
    expect: Expect,
    open: Open,
    /// One bit per open container, the innermost lowest: set for objects.
    objects: u128,
    depth: usize,
    /// Where the current chunk begins in the document.
    base: u64,
    /// The bytes of the open token that came with earlier chunks. Below [`VALUE_BYTES_MAX`].
    carry: Vec<u8>,
    /// Where a string with escapes is decoded. Below [`VALUE_BYTES_MAX`].
    decoded: Vec<u8>,
    failed: Option<Unreadable>,
    /// Which vector instructions this walk may use.
    limit: Limit,
}

impl Default for Walker {
    fn default() -> Self {
        Self::new()
    }
}

impl Walker {
    /// A walk that has seen nothing.
    pub const fn new() -> Self {
        Self {
            expect: Expect::Document,
            open: Open::Nothing,
            objects: 0,
            depth: 0,
            base: 0,
            carry: Vec::new(),
            decoded: Vec::new(),
            failed: None,
            limit: Limit::Any,
        }
    }

    /// A walk that uses no vector instructions, whatever the processor has: to measure, and to test
    /// that both see the same.
    pub const fn plain() -> Self {
        let mut walker = Self::new();
        walker.limit = Limit::Plain;
        walker
    }

    /// Starts over with the next document, keeping the buffers.
    pub fn reset(&mut self) {
        self.carry.clear();
        *self = Self {
            carry: std::mem::take(&mut self.carry),
            decoded: std::mem::take(&mut self.decoded),
            limit: self.limit,
            ..Self::new()
        };
    }

    /// [`Walker::reset`] for a document that begins at this byte of a stream.
    pub(crate) fn reset_at(&mut self, start: u64) {
        self.reset();
        self.base = start;
    }

    /// How many of the bytes pushed last belong to a token that is still open: these may not be
    /// released yet.
    pub fn held(&self) -> usize {
        self.carry.len()
    }

    /// Whether a container is open.
    pub(crate) fn is_within(&self) -> bool {
        self.depth > 0
    }

    /// The bytes that its buffers occupy, for those who watch limits.
    pub fn capacity(&self) -> usize {
        self.carry.capacity() + self.decoded.capacity()
    }

    /// Walks the next bytes. After an error every call repeats it.
    pub fn push<V: Visitor>(&mut self, chunk: &[u8], visitor: &mut V) -> Result<(), Unreadable> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let walked = self.walk(chunk, visitor);
        self.base += chunk.len() as u64;
        self.failed = walked.err();
        walked
    }

    /// Ends the document: a number at its end is only now known to be whole.
    pub fn finish<V: Visitor>(&mut self, visitor: &mut V) -> Result<(), Unreadable> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let mut finished = match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => Ok(()),
            Open::Number => {
                let number = std::mem::take(&mut self.carry);
                self.number(&number, self.base - number.len() as u64, visitor)
            }
            Open::Text(_) | Open::Literal(..) => Err(self.unreadable(0, Flaw::Truncated)),
        };
        if finished.is_ok() && self.expect != Expect::End {
            let flaw = if self.expect == Expect::Document {
                Flaw::Empty
            } else {
                Flaw::Truncated
            };
            finished = Err(self.unreadable(0, flaw));
        }
        self.failed = finished.err();
        finished
    }

    fn walk<V: Visitor>(&mut self, chunk: &[u8], visitor: &mut V) -> Result<(), Unreadable> {
        let mut at = self.resume(chunk, visitor)?;
        let level = Level::within(self.limit);
        loop {
            at = self.hurry(level, chunk, at, visitor);
            let Some(&byte) = chunk.get(at) else {
                return Ok(());
            };
            at = match byte {
                b'"' => self.text(chunk, at, visitor)?,
                b' ' | b'\n' | b'\r' | b'\t' => text::skip_space(chunk, at + 1),
                b'-' | b'0'..=b'9' => self.number_at(chunk, at, visitor)?,
                b'{' | b'[' => self.enter(byte == b'{', at, visitor)?,
                b'}' | b']' => self.leave(byte == b'}', chunk, at, visitor)?,
                b':' if self.expect == Expect::Colon => {
                    self.expect = Expect::Value;
                    at + 1
                }
                b',' if self.expect == Expect::CommaOrEnd => {
                    self.expect = self.after_comma();
                    at + 1
                }
                b't' => self.literal(b"true", Scalar::Boolean, chunk, at, visitor)?,
                b'f' => self.literal(b"false", Scalar::Boolean, chunk, at, visitor)?,
                b'n' => self.literal(b"null", Scalar::Null, chunk, at, visitor)?,
                _ => return Err(self.out_of_place(at)),
            };
        }
    }

    /// Walks as far as the fast lane goes, and returns where that is.
    #[inline]
    fn hurry<V: Visitor>(
        &mut self,
        level: Level,
        chunk: &[u8],
        at: usize,
        visitor: &mut V,
    ) -> usize {
        if self.depth == 0 || chunk.len().saturating_sub(at) < LANE_BYTES_MIN {
            return at;
        }
        level.work(Ride {
            chunk,
            at,
            walker: self,
            visitor,
        })
    }

    /// Completes the token that the last chunk left open. Returns where it ends in this chunk.
    fn resume<V: Visitor>(&mut self, chunk: &[u8], visitor: &mut V) -> Result<usize, Unreadable> {
        if self.open == Open::Nothing || chunk.is_empty() {
            return Ok(0);
        }
        let mut token = std::mem::take(&mut self.carry);
        let start = self.base - token.len() as u64;
        let room = VALUE_BYTES_MAX - token.len();
        let window = chunk.get(..room).unwrap_or(chunk);
        let (end, closed) = match &mut self.open {
            Open::Nothing => (0, true),
            Open::Text(seen) => match text::end(window, 0, seen) {
                End::Closed(end) => (end, true),
                End::Open => (window.len(), false),
                End::Control(at) => return Err(self.unreadable(at, Flaw::ControlCharacter)),
            },
            Open::Number => number::end(window, 0),
            Open::Literal(word, _) => {
                let rest = word.get(token.len()..).unwrap_or_default();
                let same = rest.iter().zip(window).take_while(|(a, b)| a == b).count();
                if same < rest.len().min(window.len()) {
                    return Err(self.unreadable(same, Flaw::ByteOutOfPlace));
                }
                (same, same == rest.len())
            }
        };
        token.extend_from_slice(window.get(..end).unwrap_or_default());
        if !closed && (end < chunk.len() || token.len() >= VALUE_BYTES_MAX) {
            return Err(Unreadable {
                offset: start,
                flaw: Flaw::ValueTooLong,
            });
        }
        if closed {
            match std::mem::replace(&mut self.open, Open::Nothing) {
                Open::Nothing => {}
                Open::Text(seen) => self.string(&token, seen, start, visitor)?,
                Open::Number => self.number(&token, start, visitor)?,
                Open::Literal(_, kind) => self.scalar(kind, &token, start, visitor)?,
            }
            token.clear();
        }
        self.carry = token;
        Ok(end)
    }

    /// Keeps the bytes from `at` on until the next chunk completes them.
    fn hold(&mut self, open: Open, chunk: &[u8], at: usize) -> Result<usize, Unreadable> {
        let rest = chunk.get(at..).unwrap_or_default();
        if rest.len() >= VALUE_BYTES_MAX {
            return Err(self.unreadable(at, Flaw::ValueTooLong));
        }
        self.open = open;
        self.carry.extend_from_slice(rest);
        Ok(chunk.len())
    }

    #[inline]
    fn text<V: Visitor>(
        &mut self,
        chunk: &[u8],
        at: usize,
        visitor: &mut V,
    ) -> Result<usize, Unreadable> {
        let rest = chunk.get(at..).unwrap_or_default();
        let window = rest.get(..VALUE_BYTES_MAX).unwrap_or(rest);
        let mut seen = Seen::default();
        match text::end(window, 1, &mut seen) {
            End::Closed(length) => {
                let raw = window.get(..length).unwrap_or_default();
                self.string(raw, seen, self.base + at as u64, visitor)?;
                Ok(self.skip_separator(chunk, at + length))
            }
            End::Open => self.hold(Open::Text(seen), chunk, at),
            End::Control(past) => Err(self.unreadable(at + past, Flaw::ControlCharacter)),
        }
    }

    /// Takes the colon or comma right behind a token, which compact documents always have there.
    #[inline]
    fn skip_separator(&mut self, chunk: &[u8], at: usize) -> usize {
        match (chunk.get(at), self.expect) {
            (Some(b':'), Expect::Colon) => self.expect = Expect::Value,
            (Some(b','), Expect::CommaOrEnd) => self.expect = self.after_comma(),
            _ => return at,
        }
        at + 1
    }

    #[inline]
    fn string<V: Visitor>(
        &mut self,
        raw: &[u8],
        seen: Seen,
        start: u64,
        visitor: &mut V,
    ) -> Result<(), Unreadable> {
        let body = raw.get(1..raw.len() - 1).unwrap_or_default();
        let decoded = if seen.plain() {
            body
        } else {
            text::decode(body, seen, &mut self.decoded).map_err(|(at, flaw)| Unreadable {
                offset: start + 1 + at as u64,
                flaw,
            })?
        };
        let token = Token {
            start,
            raw,
            decoded,
        };
        match self.expect {
            Expect::Name | Expect::NameOrEnd => {
                visitor.name(token);
                self.expect = Expect::Colon;
            }
            Expect::Document | Expect::Value | Expect::ValueOrEnd => {
                visitor.scalar(Scalar::Text, token);
                self.expect = after_value(self.depth);
            }
            _ => return Err(self.misplaced(start)),
        }
        Ok(())
    }

    #[inline]
    fn number_at<V: Visitor>(
        &mut self,
        chunk: &[u8],
        at: usize,
        visitor: &mut V,
    ) -> Result<usize, Unreadable> {
        let rest = chunk.get(at..).unwrap_or_default();
        let (length, closed) = number::end(rest, 0);
        if !closed {
            return self.hold(Open::Number, chunk, at);
        }
        if length >= VALUE_BYTES_MAX {
            return Err(self.unreadable(at, Flaw::ValueTooLong));
        }
        let raw = rest.get(..length).unwrap_or_default();
        self.number(raw, self.base + at as u64, visitor)?;
        Ok(self.skip_separator(chunk, at + length))
    }

    fn number<V: Visitor>(
        &mut self,
        raw: &[u8],
        start: u64,
        visitor: &mut V,
    ) -> Result<(), Unreadable> {
        if !number::is_valid(raw) {
            return Err(Unreadable {
                offset: start,
                flaw: Flaw::Number,
            });
        }
        self.scalar(Scalar::Number, raw, start, visitor)
    }

    fn literal<V: Visitor>(
        &mut self,
        word: &'static [u8],
        kind: Scalar,
        chunk: &[u8],
        at: usize,
        visitor: &mut V,
    ) -> Result<usize, Unreadable> {
        let rest = chunk.get(at..).unwrap_or_default();
        let same = word.iter().zip(rest).take_while(|(a, b)| a == b).count();
        if same == word.len() {
            self.scalar(kind, word, self.base + at as u64, visitor)?;
            return Ok(self.skip_separator(chunk, at + same));
        }
        if same < rest.len() {
            return Err(self.unreadable(at + same, Flaw::ByteOutOfPlace));
        }
        self.hold(Open::Literal(word, kind), chunk, at)
    }

    #[inline]
    fn scalar<V: Visitor>(
        &mut self,
        kind: Scalar,
        raw: &[u8],
        start: u64,
        visitor: &mut V,
    ) -> Result<(), Unreadable> {
        if !self.takes_value() {
            return Err(self.misplaced(start));
        }
        visitor.scalar(
            kind,
            Token {
                start,
                raw,
                decoded: raw,
            },
        );
        self.expect = after_value(self.depth);
        Ok(())
    }

    #[inline]
    fn enter<V: Visitor>(
        &mut self,
        object: bool,
        at: usize,
        visitor: &mut V,
    ) -> Result<usize, Unreadable> {
        if !self.takes_value() {
            return Err(self.out_of_place(at));
        }
        if self.depth == DEPTH_MAX {
            return Err(self.unreadable(at, Flaw::TooDeep));
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        if object {
            self.expect = Expect::NameOrEnd;
            visitor.object_start();
        } else {
            self.expect = Expect::ValueOrEnd;
            visitor.array_start();
        }
        Ok(at + 1)
    }

    #[inline]
    fn leave<V: Visitor>(
        &mut self,
        object: bool,
        chunk: &[u8],
        at: usize,
        visitor: &mut V,
    ) -> Result<usize, Unreadable> {
        let empty = if object {
            Expect::NameOrEnd
        } else {
            Expect::ValueOrEnd
        };
        let ends = self.expect == empty
            || (self.expect == Expect::CommaOrEnd && self.in_object() == object);
        if !ends {
            return Err(self.out_of_place(at));
        }
        self.depth -= 1;
        self.objects >>= 1;
        self.expect = after_value(self.depth);
        if object {
            visitor.object_end();
        } else {
            visitor.array_end();
        }
        Ok(self.skip_separator(chunk, at + 1))
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    fn takes_value(&self) -> bool {
        matches!(
            self.expect,
            Expect::Value | Expect::ValueOrEnd | Expect::Document
        )
    }

    fn after_comma(&self) -> Expect {
        if self.in_object() {
            Expect::Name
        } else {
            Expect::Value
        }
    }

    fn unreadable(&self, at: usize, flaw: Flaw) -> Unreadable {
        Unreadable {
            offset: self.base + at as u64,
            flaw,
        }
    }

    fn out_of_place(&self, at: usize) -> Unreadable {
        self.misplaced(self.base + at as u64)
    }

    fn misplaced(&self, offset: u64) -> Unreadable {
        let flaw = if self.expect == Expect::End {
            Flaw::TrailingBytes
        } else {
            Flaw::ByteOutOfPlace
        };
        Unreadable { offset, flaw }
    }
}

/// The character that the escape at the front of `bytes` stands for, and how long the escape is.
pub(crate) fn unescape(bytes: &[u8]) -> Option<(char, usize)> {
    text::unescape(bytes).ok()
}

fn after_value(depth: usize) -> Expect {
    if depth == 0 {
        Expect::End
    } else {
        Expect::CommaOrEnd
    }
}
