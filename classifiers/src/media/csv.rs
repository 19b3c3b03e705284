//! CSV records (RFC 4180), read as the `csv` crate reads them, but with every field's place.
//!
//! That crate hands out unquoted copies; here a field must lead back to the bytes it was read from.

use std::ops::Range;

use memchr::{memchr, memchr3};

/// What may separate fields.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Where a look for the end of a record stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// At the first byte of a field.
    #[default]
    FieldStart,
    /// Inside a field, not in quotes.
    Field,
    /// Inside quotes.
    Quoted,
    /// Behind a quote in a quoted field: its end, or the first of two.
    Quote,
}

/// Looks for the end of the record: behind its line feed, or behind a lone carriage return.
pub fn record_end(bytes: &[u8], delimiter: u8, place: &mut Place) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let byte = *rest.first()?;
        match *place {
            Place::FieldStart | Place::Quote if byte == b'"' => *place = Place::Quoted,
            Place::Quoted => {
                at += memchr(b'"', rest)?;
                *place = Place::Quote;
            }
            Place::FieldStart | Place::Field | Place::Quote => {
                *place = Place::Field;
                let found = memchr3(delimiter, b'\n', b'\r', rest)?;
                at += found;
                if rest.get(found) != Some(&delimiter) {
                    *place = Place::FieldStart;
                    return Some(at + 1);
                }
                *place = Place::FieldStart;
            }
        }
        at += 1;
    }
}

/// One field of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its bytes, without the quotes around it.
    pub raw: Range<usize>,
    /// Whether its quotes, doubled inside, must be undone.
    pub quoted: bool,
}

/// The fields of a record; what ends it may still be there.
pub fn fields(record: &[u8], delimiter: u8) -> impl Iterator<Item = Field> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let rest = record.get(start..)?;
        let (field, length) = field(rest, delimiter);
        next = (rest.get(length) == Some(&delimiter)).then_some(start + length + 1);
        Some(Field {
            raw: start + field.raw.start..start + field.raw.end,
            quoted: field.quoted,
        })
    })
}

/// The field at the front of `rest`, and where the byte behind it stands that ends it.
fn field(rest: &[u8], delimiter: u8) -> (Field, usize) {
    if rest.first() != Some(&b'"') {
        let length = memchr3(delimiter, b'\n', b'\r', rest).unwrap_or(rest.len());
        let plain = Field {
            raw: 0..length,
            quoted: false,
        };
        return (plain, length);
    }
    let mut at = 1;
    let closed = loop {
        let Some(found) = memchr(b'"', rest.get(at..).unwrap_or_default()) else {
            break rest.len();
        };
        at += found;
        if rest.get(at + 1) != Some(&b'"') {
            break at;
        }
        at += 2;
    };
    let behind = rest.get(closed..).unwrap_or_default();
    let length =
        memchr3(delimiter, b'\n', b'\r', behind).map_or(rest.len(), |found| closed + found);
    // Bytes behind the closing quote belong to the field, as most readers have it.
    let tail = length > closed + 1;
    let field = Field {
        raw: 1..if tail { length } else { closed },
        quoted: true,
    };
    (field, length)
}

/// The next byte that the raw bytes of a quoted field stand for, and how many make it: none for the
/// closing quote of a field that goes on behind it.
pub(crate) fn next_quoted(bytes: &[u8]) -> (Option<u8>, usize) {
    match bytes {
        [b'"', b'"', ..] => (Some(b'"'), 2),
        [b'"', ..] | [] => (None, 1),
        [byte, ..] => (Some(*byte), 1),
    }
}

/// What separates the fields of a file that begins so: the tab if its first line has one outside
/// quotes, because names have none; else the candidate that stands there most often, the comma if
/// none does.
pub fn delimiter(text: &[u8]) -> u8 {
    let mut counts = DELIMITERS.map(|candidate| (candidate, 0_usize));
    let mut quoted = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted && opens(text, at),
            _ if quoted => {}
            b'\n' | b'\r' => break,
            _ => counts
                .iter_mut()
                .filter(|(candidate, _)| candidate == byte)
                .for_each(|(_, count)| *count += 1),
        }
    }
    let mut best = (b',', 0);
    for (candidate, count) in counts {
        if candidate == b'\t' && count > 0 {
            return candidate;
        }
        if count > best.1 {
            best = (candidate, count);
        }
    }
    best.0
}

/// Whether the quote at `at` may open a field: the file begins there, or what may part fields stands
/// before it, or the quote of two that closed one.
fn opens(text: &[u8], at: usize) -> bool {
    match text.get(..at) {
        None | Some([] | [0xEF, 0xBB, 0xBF]) => true,
        Some(before) => before
            .last()
            .is_some_and(|byte| *byte == b'"' || DELIMITERS.contains(byte)),
    }
}

/// The end of a file's first line, in which quotes hide line ends.
pub(crate) fn first_line_end(bytes: &[u8], from: usize, quoted: &mut bool) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        at += if *quoted {
            memchr(b'"', rest)?
        } else {
            memchr3(b'"', b'\n', b'\r', rest)?
        };
        if !*quoted && bytes.get(at) != Some(&b'"') {
            return Some(at + 1);
        }
        *quoted = !*quoted && opens(bytes, at);
        at += 1;
    }
}

#[cfg(test)]
mod tests;
