//! Which prefixes may start at a word: a bit for each three first bytes, as a hash.

use std::sync::LazyLock;

use super::families::{FAMILIES, Family};
use crate::packed::{pack, within};
use crate::vector::{Block, Lane, Level, Masks, each_block};

/// Bytes of a word that is looked through at once.
const WORD_BYTES: usize = 8;

/// Words of the bits. With a hundred prefixes one bit in hundreds is set.
const HEAD_WORDS: usize = 65536 / 64;

/// [`FAMILIES`] by how they begin.
pub(super) struct Index {
    heads: Box<[u64; HEAD_WORDS]>,
    /// Rows by the first byte of their prefix.
    rows: [Vec<&'static Family>; 128],
}

pub(super) static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index {
        heads: Box::new([0; HEAD_WORDS]),
        rows: [const { Vec::new() }; 128],
    };
    for family in FAMILIES {
        index.add(family);
    }
    index
});

impl Index {
    fn add(&mut self, family: &'static Family) {
        let [first, second, rest @ ..] = family.prefix.as_bytes() else {
            return;
        };
        // What is shorter goes on with any byte.
        let thirds = rest.first().map_or(0..=u8::MAX, |third| *third..=*third);
        for third in thirds {
            let (word, bit) = place([*first, *second, third]);
            if let Some(word) = self.heads.get_mut(word) {
                *word |= 1 << bit;
            }
        }
        if let Some(rows) = self.rows.get_mut(usize::from(*first)) {
            rows.push(family);
        }
    }

    /// Whether a prefix may begin with the bytes at `start`.
    #[inline]
    pub(super) fn may_start(&self, value: &[u8], start: usize) -> bool {
        let rest = value.get(start..).unwrap_or_default();
        let Some(head) = rest.first_chunk() else {
            // No prefix and what it stands before are so short.
            return false;
        };
        let (word, bit) = place(*head);
        self.heads
            .get(word)
            .is_some_and(|word| word >> bit & 1 == 1)
    }

    /// The families whose prefix begins with this byte, in the table's order.
    pub(super) fn families(&self, first: u8) -> impl Iterator<Item = &'static Family> {
        let rows = self.rows.get(usize::from(first));
        rows.into_iter().flatten().copied()
    }
}

#[inline]
fn place([first, second, third]: [u8; 3]) -> (usize, u32) {
    let head = u32::from_le_bytes([first, second, third, 0]);
    let place = (head.wrapping_mul(0x9E37_79B1) >> 16) as u16;
    (usize::from(place / 64), u32::from(place % 64))
}

/// Calls `visit` with the place of each letter or digit that no letter or digit stands before.
#[inline]
pub(super) fn each_start(value: &[u8], mut visit: impl FnMut(usize)) {
    let starts = Starts {
        value,
        visit: &mut visit,
    };
    if Level::best().run(starts).is_none() {
        each_start_by_words(value, visit);
    }
}

/// What [`each_start_by_words`] does, with vectors.
struct Starts<'a, V> {
    value: &'a [u8],
    visit: &'a mut V,
}

impl<V: FnMut(usize)> Lane for Starts<'_, V> {
    type Done = ();

    #[expect(
        clippy::inline_always,
        reason = "compiled for the instructions of the function it is part of"
    )]
    #[inline(always)]
    fn run(self, masks: impl Fn(&Block) -> Masks) {
        let (mut inside, mut base) = (0, 0usize);
        each_block(self.value, |block| {
            let seen = masks(block);
            let letters = seen.digit | seen.letter;
            let mut starts = letters & !(letters << 1 | inside);
            inside = letters >> 63;
            while starts != 0 {
                (self.visit)(base.wrapping_add(starts.trailing_zeros() as usize));
                starts &= starts.wrapping_sub(1);
            }
            base = base.wrapping_add(block.len());
        });
    }
}

fn each_start_by_words(value: &[u8], mut visit: impl FnMut(usize)) {
    let (words, rest) = value.as_chunks::<WORD_BYTES>();
    let mut inside = 0;
    let mut base = 0;
    for word in words {
        inside = word_starts(u64::from_le_bytes(*word), inside, base, &mut visit);
        base += WORD_BYTES;
    }
    let [last, _] = pack(rest);
    word_starts(last, inside, base, &mut visit);
}

/// Visits the starts in one word; returns the lowest byte's mark for the next.
#[inline]
fn word_starts(word: u64, inside: u64, base: usize, visit: &mut impl FnMut(usize)) -> u64 {
    /// The bit that tells small letters from capitals.
    const CASE: u64 = 0x2020_2020_2020_2020;
    let marks = within(word, b'0', b'9') | within(word | CASE, b'a', b'z');
    let mut starts = marks & !(marks << 8 | inside);
    while starts != 0 {
        visit(base + (starts.trailing_zeros() / 8) as usize);
        starts &= starts - 1;
    }
    marks >> 63 << 7
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn starts_are_where_words_start(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut starts = Vec::new();
            each_start(&value, |start| starts.push(start));
            let slow: Vec<usize> = (0..value.len())
                .filter(|at| value[*at].is_ascii_alphanumeric())
                .filter(|at| *at == 0 || !value[*at - 1].is_ascii_alphanumeric())
                .collect();
            prop_assert_eq!(&starts, &slow);
            starts.clear();
            each_start_by_words(&value, |start| starts.push(start));
            prop_assert_eq!(starts, slow);
        }
    }

    #[test]
    fn every_prefix_may_start_a_word() {
        for family in FAMILIES {
            // The shortest has two bytes.
            let text = [family.prefix, "."].concat();
            assert!(INDEX.may_start(text.as_bytes(), 0), "{}", family.prefix);
            assert!(
                family.prefix.as_bytes()[0].is_ascii_alphanumeric(),
                "{}",
                family.prefix
            );
            assert!(
                INDEX
                    .families(family.prefix.as_bytes()[0])
                    .any(|row| row.prefix == family.prefix)
            );
        }
    }
}
