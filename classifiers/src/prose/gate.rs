//! Whether a text could name someone or tell an age, told in one pass over machine words.
//!
//! Most text in an API is a label or a sentence of documentation. A name that the tagger can find
//! is a word with a capital that does not start a sentence, so a text without one is left alone.

use super::gazetteer::Lists;
use super::token::{HASH_SEED, finish, step};
use crate::packed;
use crate::vector::{Block, Lane, Level, Masks, each_block};

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
    let seen = Level::best()
        .run(Looking(text))
        .unwrap_or_else(|| Seen::by_words(text));
    let is_small = !seen.capitals && seen.blanks > SPACES_MIN && text.len() <= SMALL_BYTES_MAX;
    Signs {
        names: seen.blanks >= SPACES_MIN && (seen.inside || is_small && has_listed_name(text)),
        digits: seen.blanks >= SPACES_MIN && seen.digits,
    }
}

/// What a text holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    blanks: u32,
    digits: bool,
    /// Capitals of ASCII, or whatever is beyond it.
    capitals: bool,
    /// Whether one of them stands inside a sentence.
    inside: bool,
}

impl Seen {
    fn by_words(text: &[u8]) -> Self {
        let mut seen = Self::default();
        let (words, rest) = text.as_chunks::<8>();
        let mut last = [0; 8];
        for (slot, byte) in last.iter_mut().zip(rest) {
            *slot = *byte;
        }
        let mut carried = 0;
        for (index, word) in words.iter().chain([&last]).enumerate() {
            let word = u64::from_le_bytes(*word);
            let blanks = packed::within(word, b'\t', b' ');
            let capitals = packed::within(word, b'A', b'Z') | word & packed::HIGH;
            let mut starts = capitals & (blanks << 8 | carried);
            carried = blanks >> 56;
            seen.blanks += blanks.count_ones();
            seen.digits |= packed::within(word, b'0', b'9') != 0;
            seen.capitals |= capitals != 0;
            while starts != 0 && !seen.inside {
                let lane = usize::try_from(starts.trailing_zeros() / 8).unwrap_or(0);
                seen.inside = is_inside(text, index * 8 + lane);
                starts &= starts - 1;
            }
        }
        seen
    }
}

/// What [`Seen::by_words`] does, with vectors.
struct Looking<'a>(&'a [u8]);

impl Lane for Looking<'_> {
    type Done = Seen;

    #[expect(
        clippy::inline_always,
        reason = "compiled for the instructions of the function it is part of"
    )]
    #[inline(always)]
    fn run(self, masks: impl Fn(&Block) -> Masks) -> Seen {
        let mut seen = Seen::default();
        let (mut carried, mut base) = (0, 0usize);
        each_block(self.0, |block| {
            let masks = masks(block);
            let capitals = masks.capital | masks.wide;
            let mut starts = capitals & (masks.blank << 1 | carried);
            carried = masks.blank >> 63;
            seen.blanks = seen.blanks.wrapping_add(masks.blank.count_ones());
            seen.digits |= masks.digit != 0;
            seen.capitals |= capitals != 0;
            while starts != 0 && !seen.inside {
                let lane = starts.trailing_zeros() as usize;
                seen.inside = is_inside(self.0, base.wrapping_add(lane));
                starts &= starts.wrapping_sub(1);
            }
            base = base.wrapping_add(block.len());
        });
        seen
    }
}

/// Whether a word of a text in small letters is on a list of names and on no other.
fn has_listed_name(text: &[u8]) -> bool {
    let (mut hash, mut length) = (HASH_SEED, 0usize);
    for byte in text {
        if byte.is_ascii_lowercase() {
            hash = step(hash, *byte);
            length = length.wrapping_add(1);
            continue;
        }
        if length >= NAME_BYTES_MIN && is_listed_name(finish(hash)) {
            return true;
        }
        (hash, length) = (HASH_SEED, 0);
    }
    length >= NAME_BYTES_MIN && is_listed_name(finish(hash))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn vectors_see_what_words_do(
            words in prop::collection::vec("[A-Za-z0-9\\PC]{0,9}[.!?]?[ \n]?", 0..40)
        ) {
            let text = words.concat();
            if let Some(seen) = Level::best().run(Looking(text.as_bytes())) {
                prop_assert_eq!(seen, Seen::by_words(text.as_bytes()));
            }
        }
    }
}
