//! Whether a text could name someone or tell an age, told in one pass over machine words.
//!
//! Most text in an API is a label or a sentence of documentation. A name that the tagger can find
//! is a word with a capital that does not start a sentence, so a text without one is left alone.

use super::gazetteer::Lists;
use super::token::{HASH_SEED, finish, step};
use crate::packed;

/// Shortest text that is looked at, in bytes: four words.
pub(crate) const TEXT_BYTES_MIN: usize = 12;
/// Longest text without any capital that is looked at, in bytes: people write messages so.
const SMALL_BYTES_MAX: usize = 2048;
/// Fewest gaps between words.
pub(crate) const SPACES_MIN: u32 = 2;

/// Shortest name that is looked for in one, in bytes.
const NAME_BYTES_MIN: usize = 3;

/// What a text shows at a glance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// A capital inside a sentence, or a listed name in a text written small.
    pub(super) names: bool,
    /// A digit among words.
    pub(super) digits: bool,
}

/// Looks at a text once.
#[inline]
pub(super) fn signs(text: &[u8]) -> Signs {
    if text.len() < TEXT_BYTES_MIN {
        return Signs::default();
    }
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [0; 8];
    for (slot, byte) in last.iter_mut().zip(rest) {
        *slot = *byte;
    }
    let (mut spaces, mut digits, mut any_capitals, mut carried) = (0, 0, 0, 0);
    let mut names = false;
    for (index, word) in words.iter().chain([&last]).enumerate() {
        let word = u64::from_le_bytes(*word);
        let blanks = packed::within(word, b'\t', b' ');
        // Capitals of ASCII, and whatever is beyond it.
        let capitals = packed::within(word, b'A', b'Z') | word & packed::HIGH;
        let mut starts = capitals & (blanks << 8 | carried);
        carried = blanks >> 56;
        spaces += blanks.count_ones();
        digits |= packed::within(word, b'0', b'9');
        any_capitals |= capitals;
        while starts != 0 && !names {
            let lane = usize::try_from(starts.trailing_zeros() / 8).unwrap_or(0);
            names = is_inside(text, index * 8 + lane);
            starts &= starts - 1;
        }
    }
    let is_small = any_capitals == 0 && spaces > SPACES_MIN && text.len() <= SMALL_BYTES_MAX;
    Signs {
        names: spaces >= SPACES_MIN && (names || is_small && has_listed_name(text)),
        digits: spaces >= SPACES_MIN && digits != 0,
    }
}

/// Whether a word of a text in small letters is on a list of names and on no other.
fn has_listed_name(text: &[u8]) -> bool {
    let (mut hash, mut length) = (HASH_SEED, 0);
    for byte in text.iter().chain([&b' ']) {
        if byte.is_ascii_lowercase() {
            hash = step(hash, *byte);
            length += 1;
            continue;
        }
        if length >= NAME_BYTES_MIN && is_listed_name(finish(hash)) {
            return true;
        }
        (hash, length) = (HASH_SEED, 0);
    }
    false
}

/// Whether the word with this hash is on a list of names and on no other.
fn is_listed_name(hash: u32) -> bool {
    let lists = Lists::of(hash);
    lists.is_name_only() && lists.has(Lists::GIVEN | Lists::FAMILY)
}

/// Whether the capital at `at` stands inside a sentence.
fn is_inside(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default().trim_ascii_end();
    let after = text.get(at + 1).copied().unwrap_or(0);
    let sign = before.last().copied().unwrap_or(b'.');
    let initial = matches!(before, [.., b' ' | b'r' | b's', _, b'.']) || before.len() < 6;
    (!matches!(sign, b'.' | b'!' | b'?') || initial)
        && (after.is_ascii_lowercase()
            || after >= 0x80
            || matches!(after, b'.' | b'\'' | b'A'..=b'Z'))
}
