//! How often the bytes occur without which no detector can find anything.
//!
//! Two steps, because most values need only the first: is there a digit, an `@` or a colon at all?
//! All of them lie between `0` and `@` in ASCII, so that is one range. Only then is counted.

use crate::packed::{self, PACK_BYTES_MAX, pack};
use crate::prose;
use crate::vector::{Block as Vectors, Lane, Level, Masks, Sight, each_block};

/// Shortest value that holds a secret with a known prefix, in bytes.
pub(super) const SECRET_BYTES_MIN: usize = 16;
/// Fewest digits of anything known by its digits: a national telephone number.
pub(super) const NUMBER_DIGITS_MIN: u32 = 7;
/// Shortest identifier of letters and digits that is known by its look, in bytes: `AA123456B`.
pub(super) const CODE_BYTES_MIN: usize = 8;
/// Fewest digits of one: `AAAPL1234C`.
pub(super) const CODE_DIGITS_MIN: u32 = 4;
/// Shortest word that may hold another text in base64, in bytes; see [`crate::embedded`].
const WORD_BYTES_MIN: usize = 12;
/// The bits of so many.
const FIRST_BYTES: u32 = (1 << WORD_BYTES_MIN) - 1;
/// Shortest address of a wallet, in bytes.
pub(super) const WALLET_BYTES_MIN: usize = 25;

// Shorter values are looked at as two words.
const _: () = assert!(SECRET_BYTES_MIN <= PACK_BYTES_MAX);

/// The counts for one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) digits: u32,
    pub(super) ats: u32,
    pub(super) colons: u32,
    pub(super) dots: u32,
    pub(super) spaces: u32,
    pub(super) equals: u32,
    pub(super) underscores: u32,
    pub(super) hyphens: u32,
}

/// What a walker knows of a text from its masks, before it has read it: enough to know of most that
/// [`super::classify_value`] finds nothing in them by their look.
///
/// A detector that can find something in a text without any of this needs a bit of its own here and
/// in `Sight`. `what_is_kept_back_holds_nothing` beside the walker's tests is red until
/// then.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Glance {
    pub(crate) length: usize,
    /// Digits.
    pub(crate) digits: u32,
    /// Whether any byte is one of `:;<=>?@`, `%` or `&`, a backslash, above 127, or a capital letter
    /// behind a space or a dot.
    pub(crate) marked: bool,
    pub(crate) underscored: bool,
    /// Spaces and dots.
    pub(crate) breaks: u32,
    /// The bits of those that are among the first bytes, as many as base64 has to begin with.
    pub(crate) early: u32,
    /// Whether every run of digits stands right behind an underscore, as in `ord_000123`.
    pub(crate) numbered: bool,
}

impl Glance {
    /// A text of small letters.
    #[expect(
        clippy::inline_always,
        reason = "compiled for the instructions of the function it is part of"
    )]
    #[inline(always)]
    pub(crate) fn letters(length: usize) -> Self {
        Self {
            length,
            numbered: true,
            ..Self::default()
        }
    }

    /// A text in ASCII, without escapes, that is these bits of half a block from the first on.
    #[expect(
        clippy::inline_always,
        reason = "compiled for the instructions of the function it is part of"
    )]
    #[inline(always)]
    pub(crate) fn of(seen: &Sight, body: u32) -> Self {
        let digits = seen.digit & body;
        let underscores = seen.underscore & body;
        let breaks = seen.breaks & body;
        Self {
            length: body.count_ones() as usize,
            digits: digits.count_ones(),
            marked: (seen.marked | seen.capital & breaks << 1) & body != 0,
            underscored: underscores != 0,
            breaks: breaks.count_ones(),
            early: breaks & FIRST_BYTES,
            numbered: digits & !(digits << 1 | underscores << 1) == 0,
        }
    }

    /// Whether nothing is found in a text that looks like this.
    #[expect(
        clippy::inline_always,
        reason = "compiled for the instructions of the function it is part of"
    )]
    #[inline(always)]
    pub(crate) fn is_bland(self) -> bool {
        // Spaces or dots, whichever matters more.
        let profile = Profile {
            digits: self.digits,
            underscores: u32::from(self.underscored),
            spaces: self.breaks,
            ..Profile::default()
        };
        let words =
            self.breaks > prose::SPACES_MIN || self.breaks == prose::SPACES_MIN && self.digits > 0;
        let prose = self.length >= prose::TEXT_BYTES_MIN && words;
        // Of letters alone, it may be base64, behind which there may be white space.
        let word = self.length >= WORD_BYTES_MIN && self.early == 0;
        // Neither an identifier nor a telephone number begins behind an underscore.
        let numbered = self.numbered && self.breaks == 0;
        !self.marked && !prose && !word && (numbered || profile.is_bland(self.length))
    }
}

/// Whether [`super::look`] finds nothing in a number with so many digits.
#[inline]
pub(crate) fn is_bland_number(digits: u32) -> bool {
    digits < NUMBER_DIGITS_MIN
}

/// Bytes looked at together. A loop over so many, and no fewer, becomes vector instructions.
const BLOCK_BYTES: usize = 16;
/// Blocks of two words after which a count of one byte per lane could be full.
const LANE_BLOCKS_MAX: usize = 127;

type Block = [u8; BLOCK_BYTES];

impl Profile {
    /// The profile of a value, unless nothing in it could interest any detector.
    #[inline]
    pub(super) fn of(value: &[u8]) -> Option<Self> {
        // An underscore alone makes a value as long as a token worth a look.
        let profile = if value.len() < SECRET_BYTES_MIN {
            Self::of_words(pack(value))
        } else {
            Level::best()
                .run(Counting(value))
                .unwrap_or_else(|| Self::of_blocks(value))
        };
        profile.filter(|profile| !profile.is_bland(value.len()))
    }

    #[inline]
    fn of_words(words: [u64; 2]) -> Option<Self> {
        let [first, second] = words;
        if packed::within(first, b'0', b'@') | packed::within(second, b'0', b'@') == 0 {
            return None;
        }
        let both = |from, to| packed::count(first, from, to) + packed::count(second, from, to);
        Some(Self {
            digits: both(b'0', b'9'),
            ats: both(b'@', b'@'),
            colons: both(b':', b':'),
            dots: both(b'.', b'.'),
            spaces: both(b' ', b' '),
            equals: both(b'=', b'='),
            underscores: both(b'_', b'_'),
            hyphens: both(b'-', b'-'),
        })
    }

    fn of_blocks(value: &[u8]) -> Option<Self> {
        let (blocks, rest) = value.as_chunks::<BLOCK_BYTES>();
        let last = value.last_chunk::<BLOCK_BYTES>()?;
        if !blocks.iter().chain([last]).any(has_mark) {
            return None;
        }
        let mut profile = Self::default();
        for blocks in blocks.chunks(LANE_BLOCKS_MAX) {
            profile.add(blocks.iter().map(|block| pack(block)));
        }
        profile.add(std::iter::once(pack(rest)));
        Some(profile)
    }

    /// Counts in at most [`LANE_BLOCKS_MAX`] blocks, with one sum for each byte of a word.
    fn add(&mut self, blocks: impl Iterator<Item = [u64; 2]>) {
        let mut lanes = [0u64; 8];
        for word in blocks.flatten() {
            let [
                digits,
                ats,
                colons,
                dots,
                spaces,
                equals,
                underscores,
                hyphens,
            ] = &mut lanes;
            tally(digits, word, b'0', b'9');
            tally(ats, word, b'@', b'@');
            tally(colons, word, b':', b':');
            tally(dots, word, b'.', b'.');
            tally(spaces, word, b' ', b' ');
            tally(equals, word, b'=', b'=');
            tally(underscores, word, b'_', b'_');
            tally(hyphens, word, b'-', b'-');
        }
        let [
            digits,
            ats,
            colons,
            dots,
            spaces,
            equals,
            underscores,
            hyphens,
        ] = lanes.map(sum);
        self.digits += digits;
        self.ats += ats;
        self.colons += colons;
        self.dots += dots;
        self.spaces += spaces;
        self.equals += equals;
        self.underscores += underscores;
        self.hyphens += hyphens;
    }

    /// Whether no detector looks at a value of this length with these counts.
    #[expect(
        clippy::inline_always,
        reason = "compiled for the instructions of the function it is part of"
    )]
    #[inline(always)]
    fn is_bland(&self, length: usize) -> bool {
        let digits_most = match (length < SECRET_BYTES_MIN, self.spaces, self.dots) {
            (false, ..) => 0,
            (true, 0, 0..=2) if length < CODE_BYTES_MIN => NUMBER_DIGITS_MIN - 1,
            (true, 0, 0..=2) => CODE_DIGITS_MIN - 1,
            _ => 2,
        };
        let named = length >= SECRET_BYTES_MIN && self.colons + self.equals + self.underscores > 0;
        self.digits <= digits_most && self.ats == 0 && self.colons < 2 && !named
    }
}

/// What [`Profile::of_blocks`] does, with vectors.
struct Counting<'a>(&'a [u8]);

impl Lane for Counting<'_> {
    type Done = Option<Profile>;

    #[expect(
        clippy::inline_always,
        reason = "compiled for the instructions of the function it is part of"
    )]
    #[inline(always)]
    fn run(self, masks: impl Fn(&Vectors) -> Masks) -> Option<Profile> {
        let mut profile = Profile::default();
        let mut any = 0;
        each_block(self.0, |block| {
            let masks = masks(block);
            any |= masks.mark | masks.underscore;
            for (count, bits) in [
                (&mut profile.digits, masks.digit),
                (&mut profile.ats, masks.at),
                (&mut profile.colons, masks.colon),
                (&mut profile.dots, masks.dot),
                (&mut profile.spaces, masks.space),
                (&mut profile.equals, masks.equals),
                (&mut profile.underscores, masks.underscore),
                (&mut profile.hyphens, masks.hyphen),
            ] {
                *count = count.wrapping_add(bits.count_ones());
            }
        });
        (any != 0).then_some(profile)
    }
}

fn has_mark(block: &Block) -> bool {
    block.iter().fold(false, |seen, byte| {
        let mark = byte.wrapping_sub(b'0') <= b'@' - b'0';
        seen | mark | matches!(byte, b'_')
    })
}

#[inline]
fn tally(lanes: &mut u64, word: u64, first: u8, last: u8) {
    *lanes = lanes.wrapping_add(packed::within(word, first, last) >> 7);
}

/// The sum of all lanes: bytes are joined to pairs, which cannot overflow, and a product adds the
/// pairs up in its highest sixteen bits.
fn sum(lanes: u64) -> u32 {
    const EVERY_OTHER: u64 = 0x00FF_00FF_00FF_00FF;
    let pairs = (lanes & EVERY_OTHER) + (lanes >> 8 & EVERY_OTHER);
    let total = pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48;
    u32::try_from(total).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn vectors_count_what_words_do(
            value in prop::collection::vec(prop_oneof![b' '..=b'~', any::<u8>()], 16..300)
        ) {
            if let Some(counted) = Level::best().run(Counting(&value)) {
                prop_assert_eq!(counted, Profile::of_blocks(&value));
            }
        }

        #[test]
        fn letters_are_no_marks(value in "[a-zA-Z ]{16,150}") {
            if let Some(counted) = Level::best().run(Counting(value.as_bytes())) {
                prop_assert_eq!(counted, Profile::of_blocks(value.as_bytes()));
            }
        }
    }
}
