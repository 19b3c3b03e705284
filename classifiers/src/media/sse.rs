//! Server-sent events, cut into lines and fields (WHATWG HTML section 9.2.6).

use std::ops::Range;

/// Where the line that begins with `bytes` ends, from `seen` on: behind a line feed or a carriage
/// return. A line feed right behind a carriage return is an empty line of its own here; whoever
/// reads lines takes the two for one.
pub fn line_end(bytes: &[u8], seen: usize) -> Option<usize> {
    memchr::memchr2(b'\n', b'\r', bytes.get(seen..).unwrap_or_default()).map(|at| seen + at + 1)
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Ends the event.
    Empty,
    /// Not for the receiver.
    Comment(Range<usize>),
    /// A field: where its name and its value stand.
    Field(Range<usize>, Range<usize>),
}

/// What a line is, given without what ends it.
pub fn line(bytes: &[u8]) -> Line {
    let Some(colon) = memchr::memchr(b':', bytes) else {
        return if bytes.is_empty() {
            Line::Empty
        } else {
            Line::Field(0..bytes.len(), bytes.len()..bytes.len())
        };
    };
    // One space behind the colon is not part of the value.
    let space = usize::from(bytes.get(colon + 1) == Some(&b' '));
    let value = colon + 1 + space..bytes.len();
    if colon == 0 {
        Line::Comment(value)
    } else {
        Line::Field(0..colon, value)
    }
}

#[cfg(test)]
mod tests;
