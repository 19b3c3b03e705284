//! XML 1.0 and HTML, cut into text and markup.
//!
//! No tree, no entities but the predefined ones and characters: a document type, which could define
//! others, is refused in XML. HTML is what people put there, so it refuses nothing.

use std::ops::Range;

use memchr::{memchr, memchr2, memchr3, memmem};
use thiserror::Error;

/// What makes a document unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Flaw {
    /// It could define entities, which mean something else to every reader.
    #[error("document type")]
    DocumentType,
    /// A `<` that begins nothing.
    #[error("broken markup")]
    Markup,
    /// An end tag that does not match.
    #[error("end tag without its start")]
    EndTag,
    /// An element that does not end.
    #[error("document cut short")]
    Truncated,
    /// More open elements than [`DEPTH_MAX`].
    #[error("nesting too deep")]
    TooDeep,
    /// A declaration of an encoding in which these bytes would mean something else.
    #[error("another encoding than UTF-8 declared")]
    Encoding,
}

/// The deepest nesting of elements.
pub const DEPTH_MAX: usize = 127;

/// One piece of a document, with its parts as bytes of the piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Character data, entities undecoded.
    Text,
    /// Character data without entities: the inside of a CDATA section.
    Verbatim(Range<usize>),
    /// A start tag: where its name and its attributes stand, and whether it ends its element too.
    Start {
        /// The element's name.
        name: Range<usize>,
        /// What follows the name.
        attributes: Range<usize>,
        /// Whether the element is empty.
        empty: bool,
    },
    /// An end tag with its name.
    End(Range<usize>),
    /// The inside of a comment or a processing instruction.
    Aside(Range<usize>),
    /// A document type.
    DocumentType,
    /// None of them.
    Broken,
}

const COMMENT: &[u8] = b"<!--";
const CDATA: &[u8] = b"<![CDATA[";

/// Where the piece that begins with `bytes` ends, if it does; `seen` bytes were looked at, and
/// `quote` is the quote that is open there.
pub fn piece_end(bytes: &[u8], seen: usize, quote: &mut u8) -> Option<usize> {
    if bytes.first() != Some(&b'<') {
        return memchr(b'<', bytes.get(seen..).unwrap_or_default()).map(|at| seen + at);
    }
    let undecided = [COMMENT, CDATA]
        .iter()
        .any(|opening| bytes.len() < opening.len() && opening.starts_with(bytes));
    if undecided {
        return None;
    }
    let closed_by = |end: &[u8], least: usize| {
        let from = seen.saturating_sub(end.len()).max(least);
        let found = memmem::find(bytes.get(from..)?, end)?;
        Some(from + found + end.len())
    };
    if bytes.starts_with(COMMENT) {
        return closed_by(b"-->", COMMENT.len());
    }
    if bytes.starts_with(CDATA) {
        return closed_by(b"]]>", CDATA.len());
    }
    if bytes.starts_with(b"<?") {
        return closed_by(b"?>", 2);
    }
    tag_end(bytes, seen, quote)
}

/// Behind the `>` of a tag that stands in no quotes, which open only behind an equals sign (HTML
/// section 13.2.5): the one in `title=Ann's` opens none.
fn tag_end(bytes: &[u8], seen: usize, quote: &mut u8) -> Option<usize> {
    let mut at = seen.max(1);
    loop {
        let rest = bytes.get(at..)?;
        at += if *quote == 0 {
            memchr3(b'>', b'"', b'\'', rest)?
        } else {
            memchr(*quote, rest)?
        };
        match bytes.get(at) {
            Some(b'>') if *quote == 0 => return Some(at + 1),
            Some(byte) if *quote == 0 && opens(bytes.get(..at).unwrap_or_default()) => {
                *quote = *byte;
            }
            _ => *quote = 0,
        }
        at += 1;
    }
}

/// Whether a quote behind `before` opens a value: an equals sign stands there that is no value itself.
fn opens(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    before
        .strip_suffix(b"=")
        .is_some_and(|name| !name.trim_ascii_end().ends_with(b"="))
}

/// What a whole piece is.
pub fn piece(bytes: &[u8]) -> Piece {
    // What is cut short ends with the document.
    let inside = |opening: usize, closing: &[u8]| {
        let closed = bytes.len() >= opening + closing.len() && bytes.ends_with(closing);
        opening..bytes.len() - if closed { closing.len() } else { 0 }
    };
    match bytes {
        [b'<', b'!', b'-', b'-', ..] => Piece::Aside(inside(COMMENT.len(), b"-->")),
        [b'<', b'?', ..] => Piece::Aside(inside(2, b"?>")),
        [b'<', b'!', ..] if bytes.starts_with(CDATA) => {
            Piece::Verbatim(inside(CDATA.len(), b"]]>"))
        }
        [b'<', b'!', ..] => Piece::DocumentType,
        [b'<', b'/', ..] => {
            let name = name(bytes, 2);
            if name.is_empty() {
                Piece::Broken
            } else {
                Piece::End(name)
            }
        }
        [b'<', ..] => start(bytes),
        _ => Piece::Text,
    }
}

fn start(bytes: &[u8]) -> Piece {
    let name = name(bytes, 1);
    if name.is_empty() {
        return Piece::Broken;
    }
    let empty = bytes.ends_with(b"/>");
    let end = bytes.len() - 1 - usize::from(empty);
    Piece::Start {
        attributes: name.end..end.max(name.end),
        name,
        empty,
    }
}

/// The name that begins at `at`: up to white space, `/`, `>` or `=`.
fn name(bytes: &[u8], at: usize) -> Range<usize> {
    let rest = bytes.get(at..).unwrap_or_default();
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"/>=<\"'".contains(byte);
    let length = rest.iter().position(ends).unwrap_or(rest.len());
    at..at + length
}

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: Range<usize>,
    /// Its value, without quotes, entities undecoded.
    pub value: Range<usize>,
}

/// The attributes in this part of a start tag.
pub fn attributes(tag: &[u8], part: Range<usize>) -> impl Iterator<Item = Attribute> + Clone {
    let mut at = part.start;
    let tag = tag.get(..part.end).unwrap_or_default();
    std::iter::from_fn(move || {
        at = skip(tag, at, |byte| {
            byte.is_ascii_whitespace() || b"/=\"'<>".contains(&byte)
        });
        let name = name(tag, at);
        if name.is_empty() {
            return None;
        }
        let equals = skip(tag, name.end, |byte| byte.is_ascii_whitespace());
        if tag.get(equals) != Some(&b'=') {
            at = name.end;
            return Some(Attribute {
                value: name.end..name.end,
                name,
            });
        }
        let value = value(
            tag,
            skip(tag, equals + 1, |byte| byte.is_ascii_whitespace()),
        );
        at = value.end;
        Some(Attribute { name, value })
    })
}

fn value(tag: &[u8], at: usize) -> Range<usize> {
    match tag.get(at) {
        Some(quote @ (b'"' | b'\'')) => {
            let rest = tag.get(at + 1..).unwrap_or_default();
            let length = memchr(*quote, rest).unwrap_or(rest.len());
            at + 1..at + 1 + length
        }
        _ => at..skip(tag, at, |byte| !byte.is_ascii_whitespace()),
    }
}

fn skip(bytes: &[u8], at: usize, skips: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| skips(**byte)).count()
}

/// The longest name of an entity that is read, with what is around it.
const ENTITY_BYTES_MAX: usize = 10;

/// The character that the entity at the front of `bytes` stands for, and how long the entity is: a
/// character reference or one of XML's five (XML 1.0 section 4.6), and HTML's space and hyphen.
pub(crate) fn entity(bytes: &[u8]) -> Option<(char, usize)> {
    if let Some(digits) = bytes.strip_prefix(b"&#") {
        let (character, length) = reference(digits)?;
        return Some((character, 2 + length));
    }
    let window = bytes.get(..ENTITY_BYTES_MAX).unwrap_or(bytes);
    let end = memchr2(b';', b' ', window)?;
    if window.get(end) != Some(&b';') {
        return None;
    }
    let name = std::str::from_utf8(window.get(1..end)?).ok()?;
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "shy" => '\u{ad}',
        "commat" => '@',
        "period" => '.',
        "hyphen" | "dash" => '\u{2010}',
        "ndash" => '\u{2013}',
        "plus" => '+',
        "colon" => ':',
        "lowbar" => '_',
        "num" => '#',
        "sol" => '/',
        "lpar" => '(',
        "rpar" => ')',
        "zwnj" => '\u{200c}',
        "ensp" | "emsp" | "thinsp" => '\u{2009}',
        _ => return None,
    };
    Some((character, end + 1))
}

/// The character that the number behind `&#` stands for, and how long that is. Browsers read any
/// number of zeros, no `;`, and what Windows-1252 has where Unicode has controls (HTML section
/// 13.2.5.80).
fn reference(bytes: &[u8]) -> Option<(char, usize)> {
    let (radix, mark) = match bytes.first() {
        Some(b'x' | b'X') => (16, 1),
        _ => (10, 0),
    };
    let digits = bytes.get(mark..)?.iter();
    let digits = digits.map_while(|byte| char::from(*byte).to_digit(radix));
    let (number, count) = digits.fold((0_u32, 0), |(number, count), digit| {
        let number = number.saturating_mul(radix).saturating_add(digit);
        (number, count + 1)
    });
    let end = mark + count;
    let character = match number {
        _ if count == 0 => return None,
        0x91 | 0x92 => '\u{2019}',
        0x96 | 0x97 => '\u{2013}',
        _ => char::from_u32(number)?,
    };
    Some((character, end + usize::from(bytes.get(end) == Some(&b';'))))
}

#[cfg(test)]
mod tests;
