//! Tokens in a text become the values they stand for, for whom policy allows it: bytes in, bytes out,
//! however they are cut.
//!
//! A [`Restorer`] reads one span of text: a whole JSON document, or what a model's deltas add up to.
//! Inside strings of JSON, and of JSON within those (the arguments of a tool call), a value is escaped
//! as often as it is wrapped. Everything else passes as it is. What is held back is a piece that may
//! still become a token, so at most [`TOKEN_BYTES_MAX`](crate::token::TOKEN_BYTES_MAX) bytes.

mod document;
mod nesting;

use std::sync::Arc;

use classifiers::DataClass;

use crate::Pseudonyms;
use crate::token::{self, PREFIX, Start};
pub use document::DocumentRestorer;
use nesting::Nesting;

/// Who decides what is restored in this message.
pub trait Restore {
    /// Whether a token of this class may be turned back. Asked once per token: remember the answer.
    fn may_restore(&mut self, class: DataClass) -> bool;
}

impl Restore for Box<dyn Restore + Send> {
    fn may_restore(&mut self, class: DataClass) -> bool {
        (**self).may_restore(class)
    }
}

impl<F: FnMut(DataClass) -> bool> Restore for F {
    fn may_restore(&mut self, class: DataClass) -> bool {
        self(class)
    }
}

/// What became of the tokens of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// How many of each class were turned back; a class appears once.
    pub classes: Vec<(DataClass, u64)>,
    /// Tokens that hold, and that policy leaves as they are.
    pub refused: u64,
    /// What looks like a token and was forged, altered or made by others.
    pub unopened: u64,
}

impl Restored {
    fn count(&mut self, class: DataClass) {
        match self.classes.iter_mut().find(|(known, _)| *known == class) {
            Some((_, count)) => *count += 1,
            None => self.classes.push((class, 1)),
        }
    }

    /// Adds what another span of the same message held.
    pub fn add(&mut self, other: &Self) {
        for (class, count) in &other.classes {
            for _ in 0..*count {
                self.count(*class);
            }
        }
        self.refused += other.refused;
        self.unopened += other.unopened;
    }
}

/// Restores tokens in one span of text.
pub struct Restorer<R> {
    restore: R,
    keys: Arc<dyn Pseudonyms>,
    nesting: Nesting,
    /// A piece that may still become a token.
    held: Vec<u8>,
    restored: Restored,
}

impl<R: Restore> Restorer<R> {
    /// For a JSON document.
    pub fn json(restore: R, keys: Arc<dyn Pseudonyms>) -> Self {
        Self::new(restore, keys, Nesting::json())
    }

    /// For text that may itself be JSON, such as what a model writes or a tool's arguments.
    pub fn text(restore: R, keys: Arc<dyn Pseudonyms>) -> Self {
        Self::new(restore, keys, Nesting::text())
    }

    fn new(restore: R, keys: Arc<dyn Pseudonyms>, nesting: Nesting) -> Self {
        Self {
            restore,
            keys,
            nesting,
            held: Vec::new(),
            restored: Restored::default(),
        }
    }

    /// Takes the next piece, appends what may go on.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        if self.held.is_empty() {
            let read = self.read(piece, false, out);
            self.held
                .extend_from_slice(piece.get(read..).unwrap_or_default());
            return;
        }
        // Only what was held is read together with what follows it.
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(piece);
        let read = self.read(&text, false, out);
        text.drain(..read);
        self.held = text;
    }

    /// Ends the span: what was held is a token now, or none.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let text = std::mem::take(&mut self.held);
        self.read(&text, true, out);
    }

    /// The bytes that are held back.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// What became of the tokens so far.
    pub fn restored(&self) -> &Restored {
        &self.restored
    }

    /// Reads on until the end, or until a piece that needs more text to be judged; where it stands.
    fn read(&mut self, text: &[u8], ended: bool, out: &mut Vec<u8>) -> usize {
        let (mut at, mut copied) = (0, 0);
        while let Some(byte) = text.get(at) {
            if Some(byte) != PREFIX.first() || !self.nesting.begins_word() {
                self.nesting.feed(*byte);
                at += 1;
                continue;
            }
            match token::at_start(text.get(at..).unwrap_or_default(), ended) {
                Start::Open => break,
                Start::Other => {
                    self.nesting.feed(*byte);
                    at += 1;
                }
                Start::Token(shape) => {
                    let value = self.value(&shape);
                    if let Some(value) = value {
                        out.extend_from_slice(text.get(copied..at).unwrap_or_default());
                        out.extend_from_slice(&value);
                        copied = at + shape.length;
                    }
                    // To what surrounds it, value and token are a word alike.
                    self.nesting.feed(b't');
                    at += shape.length;
                }
            }
        }
        out.extend_from_slice(text.get(copied..at).unwrap_or_default());
        at
    }

    /// What stands in a token's place, written as its surroundings need it.
    fn value(&mut self, shape: &token::Shape<'_>) -> Option<Vec<u8>> {
        let Some((class, value)) = shape.open(&*self.keys) else {
            self.restored.unopened += 1;
            return None;
        };
        let written = if self.restore.may_restore(class) {
            escaped(value, self.nesting.depth())
        } else {
            None
        };
        match &written {
            Some(_) => self.restored.count(class),
            None => self.restored.refused += 1,
        }
        written
    }
}

/// The value as it stands in a string within a string, `depth` times (RFC 8259 section 7).
fn escaped(value: Vec<u8>, depth: usize) -> Option<Vec<u8>> {
    let mut text = String::from_utf8(value).ok()?;
    for _ in 0..depth {
        let quoted = serde_json::to_string(&text).ok()?;
        let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
        inner.clone_into(&mut text);
    }
    Some(text.into_bytes())
}
