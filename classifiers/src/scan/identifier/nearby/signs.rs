//! How the words end that tell or veto, so that a text without any is left after one look.

use std::sync::LazyLock;

use super::super::words::{ENDINGS, TELLING, VETOING};
use super::SMALL;
use crate::bits::Bits;
use crate::vector::{BLOCK_BYTES, Block, Lane, Level, Masks, padded};

/// The text without what may end an entry, if it ends so.
pub(super) fn without_ending(text: &[u8]) -> Option<&[u8]> {
    // Each ends with one of these pairs.
    if !matches!(
        text,
        [.., b'e' | b'n', b'r'] | [.., b'r' | b'n', b'o'] | [.., b'u', b'm'] | [.., b'i', b'd']
    ) {
        return None;
    }
    let mut endings = ENDINGS.iter();
    endings
        .find_map(|ending| text.strip_suffix(ending.as_bytes()))
        .filter(|plain| plain.len() > 1)
}

/// The ends of words: so many letters of each. With a thousand ends one bit in two hundred and fifty
/// is set.
pub(super) struct Signs {
    ends: Bits<4096>,
    /// The last three letters of each, told apart by five bits: most words end as no entry does.
    thirds: Box<[u64; THIRD_WORDS]>,
}

/// The most letters of an end that are compared.
pub(super) const SIGN_BYTES_MAX: u32 = 6;
/// Bits that tell a letter, whatever its case. Digits share theirs with letters.
const LETTER_BITS: u32 = 5;
const LETTER: u64 = (1 << LETTER_BITS) - 1;
/// Three letters, as a word's bits.
const THIRD_WORDS: usize = (1 << (3 * LETTER_BITS)) / 64;
/// Most letters across words of which an end is made.
const TAIL_BYTES: usize = 8;

pub(super) static SIGNS: LazyLock<Signs> = LazyLock::new(|| {
    let words = || TELLING.keys().chain(VETOING.iter());
    let mut signs = Signs {
        ends: Bits::of(words().map(|word| {
            let length = u32::try_from(word.len()).unwrap_or(SIGN_BYTES_MAX);
            sign(tail(word.as_bytes()), length.min(SIGN_BYTES_MAX))
        })),
        thirds: Box::new([0; THIRD_WORDS]),
    };
    for end in words().chain(ENDINGS) {
        signs.add_third(end.as_bytes());
    }
    signs
});

/// The last eight letters of a text, as a number.
pub(super) fn tail(text: &[u8]) -> u64 {
    text.iter()
        .fold(0, |tail, letter| tail << 8 | u64::from(*letter))
}

/// What stands for so many letters of an end.
#[inline]
fn sign(tail: u64, length: u32) -> u64 {
    tail & !(u64::MAX << (8 * length)) | u64::from(length) << 56
}

/// What stands for the last three letters: a bit of [`Signs::thirds`].
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "fifteen bits are kept")]
fn third(tail: u64) -> usize {
    let [last, before, first] = [tail & LETTER, tail >> 8 & LETTER, tail >> 16 & LETTER];
    (last | before << LETTER_BITS | first << (2 * LETTER_BITS)) as usize
}

impl Signs {
    /// Notes an end. What has fewer than three letters may stand behind any.
    fn add_third(&mut self, end: &[u8]) {
        let known = third(tail(end));
        let free = LETTER_BITS * 3u32.saturating_sub(u32::try_from(end.len()).unwrap_or(3));
        for before in 0..1 << free {
            let third = known | before << (3 * LETTER_BITS - free);
            if let Some(word) = self.thirds.get_mut(third / 64) {
                *word |= 1 << (third % 64);
            }
        }
    }

    /// Whether any end has the last three letters of this one.
    #[inline]
    fn may_end(&self, tail: u64) -> bool {
        let third = third(tail);
        self.thirds
            .get(third / 64)
            .is_some_and(|word| word >> (third % 64) & 1 == 1)
    }

    /// Whether a word of the text, or some that follow one another, may tell or veto.
    pub(super) fn may_tell(&self, text: &[u8]) -> bool {
        let telling = Telling { signs: self, text };
        Level::best()
            .run(telling)
            .unwrap_or_else(|| self.may_tell_by_letters(text))
    }

    fn may_tell_by_letters(&self, text: &[u8]) -> bool {
        if !text.is_ascii() {
            return true;
        }
        // The last letters so far, across words, and how many of this one there are.
        let (mut tail, mut length) = (0u64, 0u32);
        for letter in text {
            let small = SMALL.get(usize::from(*letter)).copied().unwrap_or(0);
            if small != 0 {
                tail = tail << 8 | u64::from(small);
                length += 1;
            } else if length > 0 {
                if self.may_hold(tail, length) {
                    return true;
                }
                length = 0;
            }
        }
        length > 0 && self.may_hold(tail, length)
    }

    /// Whether a word of so many letters may tell that ends so, alone or with those before it.
    #[inline]
    pub(super) fn may_hold(&self, tail: u64, length: u32) -> bool {
        self.may_end(tail) && self.holds(tail, length)
    }

    #[inline(never)]
    fn holds(&self, tail: u64, length: u32) -> bool {
        let mut lengths = length.min(SIGN_BYTES_MAX)..=SIGN_BYTES_MAX;
        without_ending(&tail.to_be_bytes()).is_some()
            || lengths.any(|length| self.ends.may_hold(sign(tail, length)))
    }

    /// [`Signs::may_hold`] of the word whose last letter is here.
    #[inline(never)]
    fn may_hold_at(&self, text: &[u8], last: usize) -> bool {
        let mut tail = [0; TAIL_BYTES];
        let mut slots = tail.iter_mut().rev();
        let (mut length, mut inside) = (0, true);
        let letters = text.get(..=last).unwrap_or_default().iter().rev();
        for letter in letters {
            let small = SMALL.get(usize::from(*letter)).copied().unwrap_or(0);
            inside &= small != 0;
            length += u32::from(inside);
            if small != 0 {
                let Some(slot) = slots.next() else {
                    break;
                };
                *slot = small;
            }
        }
        self.may_hold(u64::from_be_bytes(tail), length)
    }
}

/// What [`Signs::may_tell_by_letters`] does, with vectors.
struct Telling<'a> {
    signs: &'a Signs,
    text: &'a [u8],
}

impl Lane for Telling<'_> {
    type Done = bool;

    #[expect(
        clippy::inline_always,
        reason = "compiled for the instructions of the function it is part of"
    )]
    #[inline(always)]
    fn run(self, masks: impl Fn(&Block) -> Masks) -> bool {
        let Self { signs, text } = self;
        let (blocks, rest) = text.as_chunks::<BLOCK_BYTES>();
        let last = padded(rest);
        let mut base = 0usize;
        for block in blocks.iter().chain([&last]) {
            let masks = masks(block);
            if masks.wide != 0 {
                return true;
            }
            let letters = masks.letter | masks.digit;
            let next = text.get(base.wrapping_add(BLOCK_BYTES));
            let goes_on = next.is_some_and(u8::is_ascii_alphanumeric);
            let mut ends = letters & !(letters >> 1 | u64::from(goes_on) << 63);
            while ends != 0 {
                let end = ends.trailing_zeros();
                ends &= ends.wrapping_sub(1);
                // With the letters of the words before.
                let known = letters & u64::MAX >> (63u32.wrapping_sub(end));
                let is_cut = base > 0 && known.count_ones() < 3;
                if (is_cut || signs.may_end(last_three(block, known)))
                    && signs.may_hold_at(text, base.wrapping_add(end as usize))
                {
                    return true;
                }
            }
            base = base.wrapping_add(BLOCK_BYTES);
        }
        false
    }
}

/// The bytes where the three highest of these bits are, the highest lowest.
#[expect(
    clippy::inline_always,
    reason = "compiled for the instructions of the function it is part of"
)]
#[inline(always)]
fn last_three(block: &Block, mut letters: u64) -> u64 {
    let mut tail = 0;
    for shift in [0, 8, 16] {
        if letters == 0 {
            break;
        }
        let last = 63u32.wrapping_sub(letters.leading_zeros());
        let byte = block.get(last as usize).copied().unwrap_or(0);
        tail |= u64::from(byte) << shift;
        letters &= !(1 << last);
    }
    tail
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A word that may tell, now and then, among others.
    pub(in super::super) fn text() -> impl Strategy<Value = String> {
        let entries: Vec<&str> = TELLING.keys().chain(VETOING.iter()).copied().collect();
        let word = prop_oneof![
            "[a-zA-Z0-9]{1,9}",
            prop::sample::select(entries).prop_map(str::to_owned),
            prop::sample::select(ENDINGS.to_vec()).prop_map(str::to_owned),
            "\\PC{0,2}",
        ];
        let gap = prop::sample::select(vec!["", " ", "-", ". ", "_"]);
        prop::collection::vec((word, gap), 0..9)
            .prop_map(|words| words.into_iter().map(|(word, gap)| word + gap).collect())
    }

    /// Whether a word of the text ends so, alone or with those before it, asked of every end.
    fn tells(text: &[u8]) -> bool {
        let (mut letters, mut length) = (Vec::new(), 0);
        let mut any = !text.is_ascii();
        for letter in text.iter().chain(b" ") {
            match SMALL[usize::from(*letter)] {
                0 if length > 0 => {
                    any |= ends_so(&letters, length);
                    length = 0;
                }
                0 => {}
                small => {
                    letters.push(small);
                    length += 1;
                }
            }
        }
        any
    }

    fn ends_so(letters: &[u8], length: usize) -> bool {
        let most = SIGN_BYTES_MAX as usize;
        let end = |word: &str| word.as_bytes()[word.len() - word.len().min(most)..].to_vec();
        let mut words = TELLING.keys().chain(VETOING.iter());
        words.any(|word| word.len() >= length.min(most) && letters.ends_with(&end(word)))
            || ENDINGS
                .iter()
                .any(|word| letters.ends_with(word.as_bytes()))
    }

    proptest! {
        #[test]
        fn a_text_is_left_only_if_no_end_is_in_it(text in text()) {
            let text = text.as_bytes();
            let may_tell = SIGNS.may_tell(text);
            prop_assert_eq!(may_tell, SIGNS.may_tell_by_letters(text));
            prop_assert!(may_tell || !tells(text));
        }
    }
}
