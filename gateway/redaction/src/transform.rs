//! How a value is covered: one table of actions against kinds of value.
//!
//! | action       | in a string             | in a name       | number           | boolean |
//! | ------------ | ----------------------- | --------------- | ---------------- | ------- |
//! | tokenize     | see [`token`]           | the same        | as encipher      | `null`  |
//! | encipher     | FF1 of digits, letters  | the same        | as many digits   | `null`  |
//! | pseudonymize | `p-<16 hex>`            | the same        | as many digits   | `null`  |
//! | synthesize   | the same shape          | the same        | as many digits   | `null`  |
//! | `date_shift`  | a date, see [`coarsen`] | the same        | a moved date     | `null`  |
//! | truncate     | `192.0.2.0`, `48.13`    | the same        | fewer decimals   | `null`  |
//! | generalize   | `1971-01-01`, `100`     | the same        | year, ZIP3, 90   | `null`  |
//! | mask         | by class, see [`mask`]  | the same        | `0`              | `null`  |
//! | replace      | `[pii.email]`           | the same        | `0`              | `null`  |
//! | drop         | the whole becomes `null`| `[pii.email]`   | `null`           | `null`  |
//!
//! Strings are edited as they are meant, not as they are written, and only the finding's range;
//! then the one value is written anew. A value that a transform knows no way with (an e-mail address
//! that should be generalized) gets the placeholder, a number `0`.
//!
//! Findings that overlap are one, from the first byte of any to the last, under the strongest
//! obligation among them; of equally strong ones the class of the one that begins first counts, and
//! of two that begin together the longer one's.

mod coarsen;
mod date;
mod imitate;
mod number;

use std::cmp::Reverse;

use classifiers::media::json::Token;
use classifiers::{DataClass, ValueKind};

use crate::pseudonym::{self, Pseudonyms};
use crate::{Action, mask, token};

/// A range of a decoded value that may not be released as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edit {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) class: DataClass,
    pub(crate) action: Action,
}

/// Buffers of the rewriting, kept between values.
#[derive(Debug, Default)]
pub(crate) struct Rewriter {
    /// The decoded value, edited.
    text: Vec<u8>,
    /// The same as JSON.
    json: Vec<u8>,
}

impl Rewriter {
    /// The JSON that stands for a scalar after `edits`, of which there is at least one.
    pub(crate) fn scalar(
        &mut self,
        kind: ValueKind,
        token: Token<'_>,
        edits: &mut Vec<Edit>,
        pseudonyms: &dyn Pseudonyms,
    ) -> &[u8] {
        let value = token.decoded;
        let strongest = edits.iter().max_by_key(|edit| edit.action).copied();
        let Some(strongest) = strongest.filter(|edit| edit.action != Action::Drop) else {
            return b"null";
        };
        match kind {
            ValueKind::Text => self.text(token, edits, pseudonyms),
            ValueKind::Number => {
                self.json.clear();
                number::write(strongest, value, pseudonyms, &mut self.json);
                &self.json
            }
            ValueKind::Bool => b"null",
        }
    }

    /// The JSON string that stands for a name or a text after `edits`.
    pub(crate) fn text(
        &mut self,
        token: Token<'_>,
        edits: &mut Vec<Edit>,
        pseudonyms: &dyn Pseudonyms,
    ) -> &[u8] {
        disjoin(edits);
        self.json.clear();
        if token.raw.len() == token.decoded.len() + 2 {
            // Written without escapes. What stays, and what masks keep of the rest, needs none now.
            self.json.push(b'"');
            edit(token.decoded, edits, pseudonyms, &mut self.json);
            self.json.push(b'"');
            return &self.json;
        }
        self.text.clear();
        edit(token.decoded, edits, pseudonyms, &mut self.text);
        let written = std::str::from_utf8(&self.text)
            .is_ok_and(|text| serde_json::to_writer(&mut self.json, text).is_ok());
        // Never taken: every range begins and ends between characters.
        if written { &self.json } else { b"\"\"" }
    }

    /// The text that stands for a text which is no JSON string after `edits`; none if all of it is
    /// dropped.
    pub(crate) fn bare(
        &mut self,
        value: &[u8],
        edits: &mut Vec<Edit>,
        pseudonyms: &dyn Pseudonyms,
    ) -> Option<&[u8]> {
        if edits.iter().any(|edit| edit.action == Action::Drop) {
            return None;
        }
        disjoin(edits);
        self.text.clear();
        edit(value, edits, pseudonyms, &mut self.text);
        Some(&self.text)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.text.capacity() + self.json.capacity()
    }
}

/// Appends the value with its edits, which are in order and apart.
fn edit(value: &[u8], edits: &[Edit], pseudonyms: &dyn Pseudonyms, out: &mut Vec<u8>) {
    let mut copied = 0;
    for edit in edits {
        let (start, end) = characters(value, edit.start.max(copied), edit.end);
        out.extend_from_slice(value.get(copied..start).unwrap_or_default());
        let covered = value.get(start..end).unwrap_or_default();
        cover(covered, edit, pseudonyms, out);
        copied = end;
    }
    out.extend_from_slice(value.get(copied..).unwrap_or_default());
}

/// Orders the edits and joins those that overlap under the stronger action.
fn disjoin(edits: &mut Vec<Edit>) {
    if edits.len() < 2 {
        return;
    }
    edits.sort_by_key(|edit| (edit.start, Reverse(edit.end)));
    edits.dedup_by(|next, kept| {
        let overlap = next.start < kept.end;
        if overlap {
            kept.end = kept.end.max(next.end);
            if next.action > kept.action {
                (kept.class, kept.action) = (next.class, next.action);
            }
        }
        overlap
    });
}

/// The range widened to whole characters, within the value.
fn characters(value: &[u8], mut start: usize, end: usize) -> (usize, usize) {
    let inside = |at: usize| value.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    let mut end = end.min(value.len());
    while inside(start) {
        start -= 1;
    }
    while inside(end) {
        end += 1;
    }
    (start.min(end), end)
}

fn cover(value: &[u8], edit: &Edit, keys: &dyn Pseudonyms, out: &mut Vec<u8>) {
    let class = edit.class;
    let start = out.len();
    let covered = match edit.action {
        Action::Tokenize => token::write(class, value, keys, out),
        Action::Encipher => imitate::encipher(class, value, keys, out),
        Action::Pseudonymize => {
            pseudonym::write_text(keys.pseudonym(class, value), class, out);
            true
        }
        Action::Synthesize => imitate::synthesize(class, value, keys, out),
        Action::DateShift(days) => coarsen::shift(class, value, days, keys, out),
        Action::Truncate(decimals) => coarsen::truncate(class, value, decimals, out),
        Action::Generalize => coarsen::generalize(class, value, keys, out),
        Action::Mask => {
            mask::write(class, value, out);
            true
        }
        Action::MaskKeeping(count) => {
            mask::write_keeping(usize::from(count), value, out);
            true
        }
        // Block never comes here; a name cannot be dropped without changing the shape.
        Action::Show | Action::Replace | Action::Drop | Action::Block => false,
    };
    if !covered {
        out.truncate(start);
        out.push(b'[');
        out.extend_from_slice(class.name().as_bytes());
        out.push(b']');
    }
}

#[cfg(test)]
mod tests;
