//! A second look at text whose characters are written in another way: `%40` and `&#64;` for an `@`,
//! full-width digits, hyphens and spaces that are not the ASCII ones.
//!
//! Detectors know ASCII. What may hide something from them is put into ASCII here, and what they
//! find is led back to the bytes as they stand in the value.

use crate::finding::Finding;
use crate::media::{form, xml};

/// Longer values are looked at as they are.
const VIEW_BYTES_MAX: usize = 64 * 1024;

/// Whether a value may hold something that only a view shows: a percent sign, an ampersand or a
/// byte above 127 that begins one of the characters below. Cheap, and mostly no.
#[inline]
pub(super) fn may_show(value: &[u8]) -> bool {
    let foreign = value
        .iter()
        .fold(false, |seen, byte| seen | is_foreign(*byte));
    foreign && value.len() <= VIEW_BYTES_MAX && first(value).is_some()
}

/// What begins one of the forms that are read here: UTF-8 of U+0080 to U+00BF, U+2000 to U+2FFF, and
/// U+F000 to U+FFFF.
#[inline]
fn is_foreign(byte: u8) -> bool {
    matches!(byte, b'%' | b'&' | 0xC2 | 0xE2 | 0xEF)
}

/// The first byte that begins another form of a character.
fn first(value: &[u8]) -> Option<usize> {
    (0..value.len()).find(|at| {
        let rest = value.get(*at..).unwrap_or_default();
        rest.first().is_some_and(|byte| is_foreign(*byte)) && other(rest, true).is_some()
    })
}

/// A value in plain characters, and where each of its bytes stands in the value.
pub(super) struct View {
    pub(super) text: Vec<u8>,
    /// One for each byte of the text, and one for its end.
    places: Vec<u32>,
}

impl View {
    pub(super) fn of(value: &[u8]) -> Self {
        let mut view = Self {
            text: Vec::with_capacity(value.len()),
            places: Vec::with_capacity(value.len() + 1),
        };
        let mut at = 0;
        while let Some(rest) = value.get(at..).filter(|rest| !rest.is_empty()) {
            let after_digit = view.text.last().is_some_and(u8::is_ascii_digit);
            let (plain, length) = match rest.first() {
                Some(byte) if !is_foreign(*byte) => (*byte, 1),
                Some(byte) => other(rest, after_digit).unwrap_or((*byte, 1)),
                None => break,
            };
            if plain != UNSEEN {
                view.text.push(plain);
                view.places.push(u32::try_from(at).unwrap_or(u32::MAX));
            }
            at += length;
        }
        view.places.push(u32::try_from(at).unwrap_or(u32::MAX));
        view
    }

    /// Leads findings from the view back to the value.
    pub(super) fn lead_back(&self, findings: &mut [Finding]) {
        let place = |at: u32| self.places.get(at as usize).copied();
        for finding in findings {
            finding.start = place(finding.start).unwrap_or(finding.start);
            finding.end = place(finding.end).unwrap_or(finding.end);
        }
    }
}

/// Stands for a character that nobody sees.
const UNSEEN: u8 = 0;

/// The ASCII character that the bytes at the front stand for, and how many bytes it takes.
fn other(bytes: &[u8], after_digit: bool) -> Option<(u8, usize)> {
    match bytes {
        [b'%', rest @ ..] => form::hex(rest)
            .filter(|byte| byte.is_ascii_graphic() || *byte == b' ')
            .map(|byte| (byte, 3)),
        [b'&', ..] => {
            let (character, length) = xml::entity(bytes)?;
            Some((plain(character, after_digit)?, length))
        }
        _ => {
            let length = match bytes.first()? {
                0xC2 => 2,
                _ => 3,
            };
            let character = std::str::from_utf8(bytes.get(..length)?).ok()?;
            Some((plain(character.chars().next()?, after_digit)?, length))
        }
    }
}

/// What a character is in ASCII.
fn plain(character: char, after_digit: bool) -> Option<u8> {
    Some(match character {
        ' '..='~' => u8::try_from(character).ok()?,
        // No-break spaces and those of a fixed width.
        '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' => b' ',
        // Soft hyphen, zero width, byte order mark.
        '\u{AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}' => UNSEEN,
        // Hyphens and dashes part digits; in prose they are left alone.
        '\u{2010}'..='\u{2015}' | '\u{2212}' if after_digit => b'-',
        // Full-width forms (Unicode chart UFF00) in the order of ASCII.
        '\u{FF01}'..='\u{FF5E}' => u8::try_from(u32::from(character) - 0xFF01 + 0x21).ok()?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_forms_of_a_character_are_seen_through() {
        for (value, plain) in [
            ("a%40b.co", "a@b.co"),
            ("a&#64;b.co", "a@b.co"),
            ("a&#x40;b.co", "a@b.co"),
            ("１２３", "123"),
            ("1\u{2011}2", "1-2"),
            ("1\u{a0}2", "1 2"),
            ("a\u{200b}b", "ab"),
            ("100%", "100%"),
            ("R&D", "R&D"),
            ("1 \u{2013} 2", "1 \u{2013} 2"),
        ] {
            assert_eq!(
                String::from_utf8_lossy(&View::of(value.as_bytes()).text),
                plain
            );
            assert!(may_show(value.as_bytes()) || value == plain, "{value}");
        }
    }
}
