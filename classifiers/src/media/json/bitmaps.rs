//! Stage one of the fast lane: what each byte of a window is, sixty-four bytes to a machine word.
//!
//! After J. Keiser and D. Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte" and
//! "Parsing Gigabytes of JSON per Second" (VLDB Journal 28, 2019): quotes that are not escaped are
//! found by carrying additions through runs of backslashes, what lies between them by a prefix sum
//! of their bits. Here the grammar is checked the same way as far as it is local: which byte may
//! follow which, white space aside. What depends on the open container is left to the lane.

#![expect(
    clippy::inline_always,
    reason = "all of it must be compiled for the instructions of the one function it is part of"
)]

use super::Expect;
use crate::vector::{BLOCK_BYTES, Block, Masks};

/// Bytes that are indexed at once. An index of it and the bytes stay in the first-level cache.
pub(super) const WINDOW_BYTES: usize = 2048;
/// Tokens are written in so many, wanted or not.
const STRIDE: usize = 8;

/// What is kept of a window until its values were looked at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Map {
    /// Bytes without which a text is plain and hardly any detector finds anything in it: digits, what
    /// makes a text marked to [`crate::scan::Glance`], and what a string does not mean as it is.
    Attention,
    Underscore,
    Digit,
    /// Dots and white space.
    Break,
    /// Bytes of numbers and literals, and whatever else stands where only these may.
    Scalar,
}

/// How many kinds of [`Map`] there are.
const MAPS: usize = 5;
/// Bytes of a map: one bit for each byte of the window, and room to read a word from the last.
const MAP_BYTES: usize = WINDOW_BYTES / 8 + 8;
/// A word read at any bit holds so many bits at least.
pub(super) const SPAN_BYTES: usize = 57;

/// The index of one window.
#[derive(Debug)]
pub(super) struct Index {
    /// Where tokens begin, and where strings end.
    tokens: [u32; WINDOW_BYTES + STRIDE],
    maps: [[u8; MAP_BYTES]; MAPS],
}

/// What the bytes before a block left open. Each bit is lowest.
#[derive(Clone, Copy, Default)]
struct Carry {
    /// The last byte was a backslash that escapes the next.
    escaped: u64,
    /// All bits, if a string is open.
    in_string: u64,
    /// The last byte belongs to a number or a literal.
    scalar: u64,
    /// The last byte was white space.
    white: u64,
    /// A string was the last token.
    after_string: u64,
    /// Another value was.
    after_value: u64,
    /// A comma or a colon was.
    after_separator: u64,
    /// An opening bracket was.
    after_open: u64,
}

impl Carry {
    /// At a window's begin, which lies between two tokens.
    fn at(expect: Expect) -> Self {
        let mut carry = Self::default();
        match expect {
            Expect::Colon => carry.after_string = 1,
            Expect::CommaOrEnd | Expect::End => carry.after_value = 1,
            Expect::Value | Expect::Name | Expect::Document => carry.after_separator = 1,
            Expect::ValueOrEnd | Expect::NameOrEnd => carry.after_open = 1,
        }
        carry
    }

    /// Which quotes and other bytes are escaped.
    #[inline(always)]
    fn escaped(&mut self, backslash: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        if backslash == 0 {
            return std::mem::take(&mut self.escaped);
        }
        let backslash = backslash & !self.escaped;
        let follows = backslash << 1 | self.escaped;
        let odd_starts = backslash & !EVEN & !follows;
        let (runs, overflow) = odd_starts.overflowing_add(backslash);
        self.escaped = u64::from(overflow);
        (EVEN ^ (runs << 1)) & follows
    }

    /// The bytes of strings, with their opening quotes and without the closing ones.
    #[inline(always)]
    fn in_string(&mut self, quotes: u64) -> u64 {
        let in_string = parity(quotes) ^ self.in_string;
        self.in_string = 0u64.wrapping_sub(in_string >> 63);
        in_string
    }

    /// What is kept of the next block, by [`Map`], and where its tokens begin and its strings end.
    #[inline(always)]
    fn next(&mut self, masks: Masks, flaws: &mut u64) -> ([u64; MAPS], u64) {
        let quotes = masks.quote & !self.escaped(masks.backslash);
        let in_string = self.in_string(quotes);
        let outside = !in_string;
        let (closing, opening) = (quotes & outside, quotes & in_string);
        let white = masks.white & outside;
        let separator = (masks.comma | masks.colon) & outside;
        let bracket = (masks.open | masks.close) & outside;
        let scalar = outside & !(quotes | white | separator | bracket);
        let scalar_before = scalar << 1 | self.scalar;
        self.scalar = scalar >> 63;
        let starts = scalar & !scalar_before;

        let (open, close) = (masks.open & outside, masks.close & outside);
        let after_string = next(closing, white, &mut self.after_string);
        // The byte behind a number was carried there already.
        let after_value = close << 1 | self.after_value | scalar_before & !scalar;
        let after_value = pass(after_value, white, &mut self.after_value);
        self.after_value |= close >> 63;
        let after_separator = next(separator, white, &mut self.after_separator);
        let after_open = next(open, white, &mut self.after_open);
        *flaws |= (after_string | after_value) & (opening | open | starts)
            | masks.colon & outside & !after_string
            | after_separator & (separator | close)
            | after_open & separator
            | masks.control & in_string;

        let inside = masks.capital & (masks.white << 1 | self.white);
        self.white = masks.white >> 63;
        let rows = [
            masks.mark | masks.coded | masks.backslash | masks.wide | inside,
            masks.underscore,
            masks.digit,
            masks.dot | masks.white,
            scalar,
        ];
        (rows, quotes | bracket | starts)
    }
}

/// For each bit, whether the number of bits up to it is odd.
#[inline(always)]
fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// The byte behind each of these that is no white space. What passes the block's end is carried.
#[inline(always)]
fn next(bits: u64, white: u64, carry: &mut u64) -> u64 {
    let passed = pass(bits << 1 | *carry, white, carry);
    *carry |= bits >> 63;
    passed
}

/// Moves each of these bits past the white space that it stands at the begin of, if it does. Sets
/// `beyond` if one passes the block's end.
#[inline(always)]
fn pass(bits: u64, white: u64, beyond: &mut u64) -> u64 {
    if white == 0 {
        *beyond = 0;
        return bits;
    }
    let (passed, overflow) = bits.overflowing_add(white);
    *beyond = u64::from(overflow);
    passed & !white
}

impl Index {
    pub(super) fn new() -> Box<Self> {
        Box::new(Self {
            tokens: [0; WINDOW_BYTES + STRIDE],
            maps: [[0; MAP_BYTES]; MAPS],
        })
    }

    /// Indexes a window that begins between two tokens, and returns how many ends of tokens it has;
    /// nothing if a byte of it is out of place or a string holds a control character.
    #[inline(always)]
    pub(super) fn fill(
        &mut self,
        window: &[u8],
        expect: Expect,
        masks: impl Fn(&Block) -> Masks,
    ) -> Option<usize> {
        let (blocks, rest) = window.as_chunks::<BLOCK_BYTES>();
        // White space behind the window ends no token that might go on.
        let mut last = [b' '; BLOCK_BYTES];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let mut carry = Carry::at(expect);
        let mut count = 0;
        let mut flaws = 0;
        let mut base = 0;
        let last = std::iter::once(&last).filter(|_| !rest.is_empty());
        for block in blocks.iter().chain(last) {
            let (rows, tokens) = carry.next(masks(block), &mut flaws);
            let at = base as usize / 8;
            for (map, row) in self.maps.iter_mut().zip(rows) {
                if let Some(place) = map.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
                    *place = row.to_le_bytes();
                }
            }
            let rest = self.tokens.get_mut(count..).unwrap_or_default();
            count = count.wrapping_add(write(rest, base, tokens));
            base = base.wrapping_add(u64::BITS);
        }
        (flaws == 0).then_some(count)
    }

    pub(super) fn tokens(&self, count: usize) -> &[u32] {
        self.tokens.get(..count).unwrap_or_default()
    }

    /// The bits of at least [`SPAN_BYTES`] bytes from `start` on, the first of them lowest.
    #[inline(always)]
    pub(super) fn bits(&self, start: usize, map: Map) -> u64 {
        let map = self.maps.get(map as usize).map_or(&[][..], |map| map);
        // The place is within the window as it is; this way it is also seen to be.
        let place = start / 8 % (WINDOW_BYTES / 8);
        let word = map.get(place..).and_then(<[u8]>::first_chunk);
        u64::from_le_bytes(*word.unwrap_or(&[0; 8])) >> (start % 8)
    }

    /// How long the number or literal at `start` is, if no longer than [`SPAN_BYTES`].
    #[inline(always)]
    pub(super) fn scalar_length(&self, start: usize) -> usize {
        (!self.bits(start, Map::Scalar)).trailing_zeros() as usize
    }
}

/// Writes the numbers of the bits down, and returns how many there are. A few more are written than
/// that: whether it is seven or eight would be guessed wrong too often. Not a fixed number at once,
/// which the compiler would make vectors of, and those have no instruction for this.
#[inline(always)]
fn write(tokens: &mut [u32], base: u32, mut bits: u64) -> usize {
    let count = bits.count_ones() as usize;
    let slots = count.next_multiple_of(STRIDE);
    for token in tokens.get_mut(..slots).unwrap_or_default() {
        *token = base.wrapping_add(bits.trailing_zeros());
        bits &= bits.wrapping_sub(1);
    }
    count
}
