//! What a member name says of the value under it.
//!
//! A name is split into words (camel, snake, kebab, spaces), folded to lower-case ASCII, and read
//! from its end, where English and its like put the noun: `homePhone` is a phone, `phone_verified`
//! is not. What stands before the noun is read the same way, and [`inherit`] joins the two, exactly
//! as it joins a member to the object around it: `card_number` is `card: { number }`.

mod cache;
mod endings;
mod steps;

pub use cache::KeyCache;
pub(crate) use cache::Tells;
pub(crate) use endings::may_end_a_noun as may_be_known;
pub use steps::{Name, Spot};

use crate::DataClass;
use crate::words::KEYS;

/// What a member name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyClass {
    /// Nothing that is known.
    None,
    /// The value is of this class, or holds values that are.
    Leaf(DataClass),
    /// The value is about a natural person: `customer`, `author`.
    Someone,
    /// The value is about a patient.
    Patient,
    /// The value is about a payment card.
    Card,
    /// The value is about no person: `company`, `file`.
    Thing,
    /// `name`: of a person, if the object is about one.
    Name,
    /// `first`, `given`: part of a name, if the object is a name or about a person.
    NamePart,
    /// `number`: whatever the object is about.
    Number,
    /// `id`: whatever the object is about.
    Id,
    /// `value`, `text`, `formatted`: the value that the object is there for.
    Value,
    /// `data`, `attributes`: a wrapper that changes nothing.
    Wrapper,
    /// Numbers and codes that look like personal data and are none: orders, tracking, hashes.
    Veto,
}

impl KeyClass {
    /// The class of a name that says nothing.
    pub const NONE: Self = Self::None;

    /// The data class of the value, where the name alone tells it.
    pub fn data_class(self) -> Option<DataClass> {
        match self {
            Self::Leaf(class) => Some(class),
            _ => None,
        }
    }
}

/// Longest part of a name that is read, in bytes, from its end.
pub const KEY_BYTES_MAX: usize = 64;
/// Most words of a name that are read, from its end.
const KEY_WORDS_MAX: usize = 12;
/// Most words that make one entry of the table.
const ENTRY_WORDS_MAX: usize = 4;

/// What this member name means by itself.
pub fn key_class(name: &[u8]) -> KeyClass {
    // JSON Schema and its like: `$ref`, `$id`.
    if name.starts_with(b"$") {
        return KeyClass::Veto;
    }
    if !endings::may_end_a_noun(name) {
        return KeyClass::None;
    }
    let words = Words::split(name);
    let (noun, rest) = words.noun(words.count);
    if noun == KeyClass::None {
        return KeyClass::None;
    }
    let (modifier, _) = words.noun(rest);
    inherit(modifier, noun)
}

/// What a member means inside an object, or a noun behind its modifier.
pub fn inherit(parent: KeyClass, child: KeyClass) -> KeyClass {
    use KeyClass::{
        Card, Id, Leaf, Name, NamePart, Number, Patient, Someone, Thing, Value, Veto, Wrapper,
    };
    match (parent, child) {
        (KeyClass::None, _) => child,
        // A passport runs out too.
        (
            Leaf(DataClass::US_PASSPORT | DataClass::US_DRIVER_LICENSE | DataClass::NATIONAL_ID),
            Leaf(DataClass::EXPIRY),
        ) => KeyClass::None,
        (_, Wrapper)
        | (Veto | Leaf(_), Value | Number | Id)
        // `email: { address }`, `ssn_last4`: the other noun only says where to look.
        | (Leaf(DataClass::US_SSN), Leaf(DataClass::PAN_TRUNCATED))
        | (Leaf(DataClass::EMAIL | DataClass::IP | DataClass::MAC), Leaf(DataClass::ADDRESS)) => parent,
        (Card, Name) => Leaf(DataClass::CARDHOLDER),
        (Card, Number) => Leaf(DataClass::PAN),
        (Patient, Id | Number) => Leaf(DataClass::PATIENT_ID),
        (Someone, Id | Number) => Leaf(DataClass::CUSTOMER_ID),
        (Someone | Patient | Leaf(DataClass::ADDRESS | DataClass::PERSON), Name)
        | (Someone | Patient | Name | Leaf(DataClass::PERSON), NamePart) => Leaf(DataClass::PERSON),
        (Thing, Name | NamePart | Value | Leaf(DataClass::ADDRESS | DataClass::CITY | DataClass::POSTAL_CODE)) => Thing,
        // `drug: { name }`; persons and their addresses are above.
        (Leaf(class), Name | NamePart) => Leaf(class),
        _ => child,
    }
}

/// A name as words: folded bytes without separators, and where each word starts.
struct Words {
    bytes: [u8; KEY_BYTES_MAX],
    length: usize,
    starts: [usize; KEY_WORDS_MAX],
    count: usize,
}

impl Words {
    fn split(name: &[u8]) -> Self {
        let mut words = Self {
            bytes: [0; KEY_BYTES_MAX],
            length: 0,
            starts: [0; KEY_WORDS_MAX],
            count: 0,
        };
        let tail = name.len().saturating_sub(KEY_BYTES_MAX);
        let name = name.get(tail..).unwrap_or_default();
        let mut before = Kind::Separator;
        for (at, byte) in name.iter().enumerate() {
            let kind = Kind::of(*byte);
            let Some(folded) = fold(*byte) else {
                continue;
            };
            let lower_follows = name.get(at + 1).is_some_and(u8::is_ascii_lowercase);
            let starts = match (before, kind) {
                (_, Kind::Separator) => false,
                (Kind::Separator, _) | (Kind::Lower, Kind::Upper) => true,
                // The `A` of `IPAddress`: a capital before a small letter starts a word.
                (Kind::Upper, Kind::Upper) => lower_follows,
                _ => false,
            };
            before = kind;
            if kind != Kind::Separator {
                words.push(folded, starts);
            }
        }
        words
    }

    /// Adds a byte; beyond the bounds of a name the rest is read as one word.
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

    /// The longest table entry that ends the first `count` words, and how many words stand before.
    fn noun(&self, count: usize) -> (KeyClass, usize) {
        let end = match self.starts.get(count) {
            Some(start) if count < self.count => *start,
            _ => self.length,
        };
        let first = count.saturating_sub(ENTRY_WORDS_MAX);
        (first..count)
            .find_map(|word| {
                let start = *self.starts.get(word)?;
                let entry = self.bytes.get(start..end)?;
                lookup(entry).map(|class| (class, word))
            })
            .unwrap_or((KeyClass::None, 0))
    }
}

/// The table's word for this noun, which may be numbered or plural: `line1`, `addresses`.
fn lookup(entry: &[u8]) -> Option<KeyClass> {
    let digits = entry
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let unnumbered = entry.get(..entry.len() - digits).unwrap_or_default();
    let forms = [
        Some(entry),
        (digits > 0).then_some(unnumbered),
        unnumbered.strip_suffix(b"s"),
        unnumbered.strip_suffix(b"es"),
    ];
    forms
        .into_iter()
        .flatten()
        .filter_map(|form| std::str::from_utf8(form).ok())
        .find_map(|form| KEYS.get(form).copied())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Separator,
    Lower,
    Upper,
    Other,
}

impl Kind {
    fn of(byte: u8) -> Self {
        match byte {
            b'a'..=b'z' => Self::Lower,
            b'A'..=b'Z' => Self::Upper,
            b'0'..=b'9' | 0x80.. => Self::Other,
            _ => Self::Separator,
        }
    }
}

/// One byte in lower-case ASCII. Latin letters with marks (U+00C0 to U+00FF, of which the second
/// UTF-8 byte comes here) lose the mark; what leads them is dropped.
fn fold(byte: u8) -> Option<(u8, Option<u8>)> {
    let plain = match byte {
        0x00..=0x7F => return Some((byte.to_ascii_lowercase(), None)),
        0x9F => return Some((b's', Some(b's'))),
        0x80..=0x85 | 0xA0..=0xA5 => b'a',
        0x87 | 0xA7 => b'c',
        0x88..=0x8B | 0xA8..=0xAB => b'e',
        0x8C..=0x8F | 0xAC..=0xAF => b'i',
        0x91 | 0xB1 => b'n',
        0x92..=0x96 | 0x98 | 0xB2..=0xB6 | 0xB8 => b'o',
        0x99..=0x9C | 0xB9..=0xBC => b'u',
        _ => return None,
    };
    Some((plain, None))
}

#[cfg(test)]
mod tests;
