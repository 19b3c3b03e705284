//! Numbers written with other signs than ASCII: full-width digits, hyphens that do not break, narrow
//! spaces, Arabic digits.
//!
//! They are read as ASCII, and what is found is taken back to where it stands. Only values that have
//! such a sign beside a digit are copied, which hardly any has.

use crate::finding::Finding;

/// A value in ASCII as far as its signs have a plain form, and where each byte of it stands.
pub(super) struct Plain {
    pub(super) text: Vec<u8>,
    places: Vec<u32>,
}

/// The value in plain signs; none if it already is.
pub(super) fn plain(value: &[u8]) -> Option<Plain> {
    if value.is_ascii() {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?;
    needs(text).then(|| Plain::of(text))
}

impl Plain {
    fn of(text: &str) -> Self {
        let mut plain = Self {
            text: Vec::with_capacity(text.len()),
            places: Vec::with_capacity(text.len() + 1),
        };
        for (at, letter) in text.char_indices() {
            let mut buffer = [0; 4];
            let letter = ascii(letter).unwrap_or(letter);
            for (byte, offset) in letter.encode_utf8(&mut buffer).bytes().zip(0..) {
                plain.text.push(byte);
                plain
                    .places
                    .push(u32::try_from(at).unwrap_or(u32::MAX) + offset);
            }
        }
        plain
            .places
            .push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        plain
    }

    /// Takes a finding in the plain text back to the value.
    pub(super) fn restore(&self, finding: &mut Finding) {
        for place in [&mut finding.start, &mut finding.end] {
            let known = usize::try_from(*place)
                .ok()
                .and_then(|place| self.places.get(place));
            *place = known.copied().unwrap_or(*place);
        }
    }
}

/// Whether a sign that has a plain form stands beside a digit, or is one.
fn needs(text: &str) -> bool {
    let mut before = ' ';
    text.chars().any(|letter| {
        let plain = ascii(letter).unwrap_or(letter);
        let replaced = plain != letter;
        let found = replaced && (plain.is_ascii_digit() || before.is_ascii_digit());
        before = plain;
        found
    })
}

/// The plain form of a sign.
fn ascii(letter: char) -> Option<char> {
    let code = u32::from(letter);
    let digit = |first: u32| char::from_digit(code - first, 10);
    match letter {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(code - 0xFEE0),
        '\u{2010}'..='\u{2014}' | '\u{2212}' => Some('-'),
        '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{3000}' => Some(' '),
        '\u{660}'..='\u{669}' => digit(0x660),
        '\u{6F0}'..='\u{6F9}' => digit(0x6F0),
        '\u{966}'..='\u{96F}' => digit(0x966),
        _ => None,
    }
}
