//! How a name is spelt: split into words and folded to lower-case ASCII, so that `Straße`,
//! `firstName` and `FIRST-NAME` are what the vocabulary knows.

use super::KEY_BYTES_MAX;

/// Most words of a name that are read, from its end.
const WORDS_MAX: usize = 12;

/// A name as words: folded bytes without separators, and where each word starts.
pub(super) struct Words {
    bytes: [u8; KEY_BYTES_MAX],
    length: usize,
    starts: [usize; WORDS_MAX],
    count: usize,
}

impl Words {
    pub(super) fn split(name: &[u8]) -> Self {
        let mut words = Self {
            bytes: [0; KEY_BYTES_MAX],
            length: 0,
            starts: [0; WORDS_MAX],
            count: 0,
        };
        let tail = name.len().saturating_sub(KEY_BYTES_MAX);
        let name = name.get(tail..).unwrap_or_default();
        let mut before = Kind::Separator;
        let mut lead = 0;
        for (at, byte) in name.iter().enumerate() {
            if matches!(byte, 0xC0..) {
                lead = *byte;
                continue;
            }
            let kind = Kind::of(lead, *byte);
            let lower_follows = name.get(at + 1).is_some_and(u8::is_ascii_lowercase);
            let starts = match (before, kind) {
                (_, Kind::Separator) => false,
                (Kind::Separator, _) | (Kind::Lower | Kind::Digit, Kind::Upper) => true,
                // The `A` of `IPAddress`: a capital before a small letter starts a word.
                (Kind::Upper, Kind::Upper) => lower_follows,
                _ => false,
            };
            before = kind;
            if kind != Kind::Separator {
                words.push(fold(lead, *byte), starts);
            }
            lead = 0;
        }
        words
    }

    /// Adds a letter; beyond the bounds of a name the rest is read as one word.
    fn push(&mut self, (first, second): (u8, Option<u8>), starts: bool) {
        if starts && let Some(start) = self.starts.get_mut(self.count) {
            *start = self.length;
            self.count += 1;
        }
        for byte in std::iter::once(first).chain(second) {
            if let Some(slot) = self.bytes.get_mut(self.length) {
                *slot = byte;
                self.length += 1;
            }
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The words from `first` up to and without `end`, joined.
    pub(super) fn joined(&self, first: usize, end: usize) -> Option<&str> {
        let stop = match self.starts.get(end) {
            Some(start) if end < self.count => *start,
            _ => self.length,
        };
        let bytes = self.bytes.get(*self.starts.get(first)?..stop)?;
        std::str::from_utf8(bytes).ok()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Separator,
    Lower,
    Upper,
    Digit,
}

impl Kind {
    /// What the letter is whose last byte this is, behind this lead byte.
    fn of(lead: u8, byte: u8) -> Self {
        match (lead, byte) {
            (_, b'A'..=b'Z') | (0xC3, 0x80..=0x9E) => Self::Upper,
            (_, b'0'..=b'9') => Self::Digit,
            (_, b'a'..=b'z' | 0x80..) => Self::Lower,
            _ => Self::Separator,
        }
    }
}

/// Latin-1's letters U+00C0 to U+00FF without their marks; `ß` and `æ` are two.
static LATIN_1: &[u8; 64] = b"aaaaaaaceeeeiiiidnoooooxouuuuytsaaaaaaaceeeeiiiidnoooooxouuuuyty";
/// Latin Extended-A, U+0100 to U+017F, without marks.
static LATIN_A: &[u8; 128] = b"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkkllllllllllnnnnnnnnnoooooooorrrrrrsssssssstttttuuuuuuuuuuuuuwwyyyzzzzzzs";

/// One letter in lower-case ASCII; letters of other scripts stay as they are, in bytes.
fn fold(lead: u8, byte: u8) -> (u8, Option<u8>) {
    let place = usize::from(byte & 0x3F);
    let plain = match (lead, byte) {
        (_, 0..=0x7F) => Some(byte.to_ascii_lowercase()),
        (0xC3, 0x86 | 0xA6) => return (b'a', Some(b'e')),
        (0xC3, 0x9F) => return (b's', Some(b's')),
        (0xC3, _) => LATIN_1.get(place).copied(),
        (0xC4, _) => LATIN_A.get(place).copied(),
        (0xC5, _) => LATIN_A.get(place + 64).copied(),
        // Romanian s and t with comma below.
        (0xC8, 0x98 | 0x99) => Some(b's'),
        (0xC8, 0x9A | 0x9B) => Some(b't'),
        _ => None,
    };
    match plain {
        Some(plain) => (plain, None),
        None if lead != 0 => (lead, Some(byte)),
        None => (byte, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: &[&str]) {
        let words = Words::split(name.as_bytes());
        let found: Vec<&str> = (0..words.count())
            .filter_map(|word| words.joined(word, word + 1))
            .collect();
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    fn names_are_split_as_people_write_them() {
        check("firstName", &["first", "name"]);
        check("FIRST_NAME", &["first", "name"]);
        check("clientIPAddress", &["client", "ip", "address"]);
        check("address1Line", &["address1", "line"]);
        check(
            "billing.address-line 1",
            &["billing", "address", "line", "1"],
        );
    }

    #[test]
    fn letters_lose_their_marks() {
        check("Straße", &["strasse"]);
        check("CÓDIGO_POSTAL", &["codigo", "postal"]);
        check("płećOsoby", &["plec", "osoby"]);
        check("doğumTarihi", &["dogum", "tarihi"]);
        check("rodné číslo", &["rodne", "cislo"]);
        check("Fødselsdato", &["fodselsdato"]);
        check("姓名", &["姓名"]);
    }
}
