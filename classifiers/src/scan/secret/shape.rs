//! What follows a prefix: runs of bytes of a set, so many of them, with fixed text between.
//!
//! Runs are greedy and never given back, so that a match costs one look at each byte.

use Part::{Run, Text};

/// A set of ASCII bytes.
#[derive(Clone, Copy)]
pub(super) struct Set(u128);

impl Set {
    const fn span(first: u8, last: u8) -> Self {
        let mut bits = 0;
        let mut byte = first;
        while byte <= last {
            bits |= 1 << byte;
            byte += 1;
        }
        Self(bits)
    }

    const fn one(byte: u8) -> Self {
        Self(1 << byte)
    }

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// `_`.
    pub(super) const UNDERSCORE: Self = Self::one(b'_');
    /// `_` and `-`.
    pub(super) const HYPHENS: Self = Self::one(b'_').or(Self::one(b'-'));
    /// Digits and the colon behind them.
    pub(super) const DIGIT_COLON: Self = Self::span(b'0', b':');
    /// Hexadecimal digits and the hyphen behind them.
    pub(super) const HEX_HYPHEN: Self = HEX.or(Self::one(b'-'));
    /// What stands between the parts of an application's access token at Facebook.
    pub(super) const BARS: Self = Self::one(b'|').or(Self::one(b'%'));
    /// [`BASE64`] with what base64url has.
    pub(super) const BASE64_TOKEN: Self = BASE64.or(TOKEN);
    /// All that is printed but the blank.
    pub(super) const VISIBLE: Self = Self::span(b'!', b'~');
    /// [`PADDED`] with `.`.
    pub(super) const DOTTED_PADDED: Self = PADDED.or(Self::one(b'.'));

    /// Whether the byte is in the set.
    pub(super) fn has(self, byte: u8) -> bool {
        byte < 128 && self.0 >> byte & 1 == 1
    }

    /// How many bytes of the set stand first, of at most `most`.
    pub(super) fn run(self, bytes: &[u8], most: usize) -> usize {
        let bytes = bytes.iter().take(most);
        bytes.take_while(|byte| self.has(**byte)).count()
    }

    /// How many bytes of the set stand last, of at most `most`.
    pub(super) fn run_back(self, bytes: &[u8], most: usize) -> usize {
        let bytes = bytes.iter().rev().take(most);
        bytes.take_while(|byte| self.has(**byte)).count()
    }
}

pub(super) const DIGIT: Set = Set::span(b'0', b'9');
pub(super) const UPPER: Set = Set::span(b'A', b'Z');
pub(super) const LOWER: Set = Set::span(b'a', b'z');
/// Hexadecimal digits of either case.
pub(super) const HEX: Set = DIGIT.or(Set::span(b'a', b'f')).or(Set::span(b'A', b'F'));
pub(super) const UPPER_DIGIT: Set = UPPER.or(DIGIT);
pub(super) const LETTER: Set = UPPER.or(LOWER);
pub(super) const ALNUM: Set = LETTER.or(DIGIT);
/// Letters, digits and `_`.
pub(super) const WORD: Set = ALNUM.or(Set::one(b'_'));
/// The letters of base64url: RFC 4648, section 5.
pub(super) const TOKEN: Set = WORD.or(Set::one(b'-'));
/// [`TOKEN`] with `=`, which pads.
pub(super) const PADDED: Set = TOKEN.or(Set::one(b'='));
/// [`TOKEN`] with `.`.
pub(super) const DOTTED: Set = TOKEN.or(Set::one(b'.'));
/// The letters of base64 with its padding: RFC 4648, section 4.
pub(super) const BASE64: Set = ALNUM
    .or(Set::one(b'+'))
    .or(Set::one(b'/'))
    .or(Set::one(b'='));
/// What a token of RFC 6750, section 2.1 (`b64token`), may hold.
pub(super) const TOKEN68: Set = DOTTED.or(BASE64).or(Set::one(b'~'));
/// What Microsoft Entra ID puts into client secrets.
pub(super) const ENTRA: Set = DOTTED.or(Set::one(b'~'));
/// What a URL's path and query hold.
pub(super) const PATH: Set = TOKEN68.or(Set::one(b'@')).or(Set::one(b'%'));

/// A part of a token.
#[derive(Clone, Copy)]
pub(super) enum Part {
    /// From so many to so many bytes of a set.
    Run(Set, usize, usize),
    /// These bytes.
    Text(&'static [u8]),
}

/// The parts of a token, in order.
pub(super) type Shape = &'static [Part];

/// RFC 9562, section 4.
pub(super) const UUID: Shape = &[
    Run(HEX, 8, 8),
    Text(b"-"),
    Run(HEX, 4, 4),
    Text(b"-"),
    Run(HEX, 4, 4),
    Text(b"-"),
    Run(HEX, 4, 4),
    Text(b"-"),
    Run(HEX, 12, 12),
];

/// How long the text of this shape is that starts `bytes`.
pub(super) fn length(shape: Shape, bytes: &[u8]) -> Option<usize> {
    shape.iter().try_fold(0, |at, part| {
        let rest = bytes.get(at..)?;
        let length = match part {
            Run(set, least, most) => {
                let run = set.run(rest, *most);
                (run >= *least).then_some(run)?
            }
            Text(text) => rest.starts_with(text).then_some(text.len())?,
        };
        Some(at + length)
    })
}
