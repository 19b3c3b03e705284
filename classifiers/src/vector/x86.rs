//! The masks of a block, with AVX2 and with AVX-512.

use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_setr_epi8, _mm256_and_si256, _mm256_andnot_si256,
    _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8,
    _mm256_or_si256, _mm256_set1_epi8, _mm256_setr_epi64x, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_slli_epi16, _mm256_srli_epi16, _mm256_sub_epi8,
    _mm512_broadcast_i32x4, _mm512_cmpeq_epi8_mask, _mm512_cmple_epu8_mask, _mm512_movepi8_mask,
    _mm512_or_si512, _mm512_set1_epi8, _mm512_setr_epi64, _mm512_shuffle_epi8, _mm512_sub_epi8,
};

use super::{Block, Half, Lane, Masks, Sight, Work, sight};

/// Turns `[` into `{` and `]` into `}`, and no other byte into one of these.
const BRACKET_BIT: u8 = 0x20;
/// Turns a capital into a small letter, and no other byte into one.
const CASE_BIT: u8 = 0x20;

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn avx2<L: Lane>(lane: L) -> L::Done {
    lane.run(|block| masks_avx2(block))
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512vl")]
pub(super) fn avx512<L: Lane>(lane: L) -> L::Done {
    lane.run(|block| masks_avx512(block))
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn work_avx2<W: Work>(work: W) -> W::Done {
    work.run(|half| sight_avx2(half))
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512vl")]
pub(super) fn work_avx512<W: Work>(work: W) -> W::Done {
    work.run(|half| sight_avx2(half))
}

#[inline]
#[target_feature(enable = "avx2")]
fn masks_avx2(block: &Block) -> Masks {
    let bytes = load_avx2(block);
    let brackets = bytes.map(|half| _mm256_or_si256(half, _mm256_set1_epi8(signed(BRACKET_BIT))));
    let small = bytes.map(|half| _mm256_or_si256(half, _mm256_set1_epi8(signed(CASE_BIT))));
    let spaces = _mm256_broadcastsi128_si256(spaces());
    let white = bytes.map(|half| _mm256_cmpeq_epi8(half, _mm256_shuffle_epi8(spaces, half)));
    Masks {
        quote: equal_avx2(bytes, b'"'),
        backslash: equal_avx2(bytes, b'\\'),
        control: within_avx2(bytes, 0, 0x1F),
        wide: tops_avx2(bytes),
        white: tops_avx2(white),
        comma: equal_avx2(bytes, b','),
        colon: equal_avx2(bytes, b':'),
        open: equal_avx2(brackets, b'{'),
        close: equal_avx2(brackets, b'}'),
        dot: equal_avx2(bytes, b'.'),
        underscore: equal_avx2(bytes, b'_'),
        coded: within_avx2(bytes, b'%', b'&'),
        capital: within_avx2(bytes, b'A', b'Z'),
        letter: within_avx2(small, b'a', b'z'),
        blank: within_avx2(bytes, b'\t', b' '),
        space: equal_avx2(bytes, b' '),
        hyphen: equal_avx2(bytes, b'-'),
        equals: equal_avx2(bytes, b'='),
        at: equal_avx2(bytes, b'@'),
        digit: within_avx2(bytes, b'0', b'9'),
        mark: within_avx2(bytes, b'0', b'@'),
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_avx2(block: &Block) -> [__m256i; 2] {
    let [[one, two, three, four], high] = words(block);
    let low = _mm256_setr_epi64x(one, two, three, four);
    let [one, two, three, four] = high;
    [low, _mm256_setr_epi64x(one, two, three, four)]
}

#[inline]
#[target_feature(enable = "avx2")]
fn equal_avx2(bytes: [__m256i; 2], byte: u8) -> u64 {
    tops_avx2(bytes.map(|half| _mm256_cmpeq_epi8(half, _mm256_set1_epi8(signed(byte)))))
}

#[inline]
#[target_feature(enable = "avx2")]
fn within_avx2(bytes: [__m256i; 2], first: u8, last: u8) -> u64 {
    tops_avx2(bytes.map(|half| {
        let past = _mm256_sub_epi8(half, _mm256_set1_epi8(signed(first)));
        _mm256_cmpeq_epi8(
            past,
            _mm256_min_epu8(past, _mm256_set1_epi8(signed(last - first))),
        )
    }))
}

/// The top bit of each byte.
#[inline]
#[target_feature(enable = "avx2")]
fn tops_avx2(bytes: [__m256i; 2]) -> u64 {
    let [low, high] = bytes.map(|half| u64::from(_mm256_movemask_epi8(half).cast_unsigned()));
    low | high << 32
}

/// Looks each byte up by its two halves: what both give is what it is.
#[inline]
#[target_feature(enable = "avx2")]
fn sight_avx2(half: &Half) -> Sight {
    let [one, two, three, four] = half_words(half);
    let bytes = _mm256_setr_epi64x(one, two, three, four);
    let above = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(0x0F));
    // Of a byte above 127 the first lookup gives nothing.
    let kind = _mm256_and_si256(
        _mm256_shuffle_epi8(table(sight::LOW), bytes),
        _mm256_shuffle_epi8(table(sight::HIGH), above),
    );
    let nothing = _mm256_cmpeq_epi8(kind, _mm256_setzero_si256());
    let past = _mm256_sub_epi8(bytes, _mm256_set1_epi8(signed(b'A')));
    let capital = _mm256_min_epu8(past, _mm256_set1_epi8(signed(b'Z' - b'A')));
    Sight {
        quote: top(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(signed(b'"')))),
        odd: !top(_mm256_andnot_si256(bytes, nothing)),
        wide: top(bytes),
        refused: any_of(kind, sight::REFUSED),
        marked: any_of(kind, sight::MARKED),
        digit: top(kind),
        breaks: top(_mm256_slli_epi16::<{ sight::BREAK_SHIFT }>(kind)),
        underscore: top(_mm256_slli_epi16::<{ sight::UNDERSCORE_SHIFT }>(kind)),
        capital: top(_mm256_cmpeq_epi8(past, capital)),
    }
}

/// Which bytes have one of these bits.
#[inline]
#[target_feature(enable = "avx2")]
fn any_of(kind: __m256i, bits: u8) -> u32 {
    let bits = _mm256_and_si256(kind, _mm256_set1_epi8(signed(bits)));
    !top(_mm256_cmpeq_epi8(bits, _mm256_setzero_si256()))
}

/// The top bit of each byte.
#[inline]
#[target_feature(enable = "avx2")]
fn top(bytes: __m256i) -> u32 {
    _mm256_movemask_epi8(bytes).cast_unsigned()
}

/// A table for each half of a register.
#[inline]
#[target_feature(enable = "avx2")]
fn table(bytes: [u8; 16]) -> __m256i {
    let [low, high] = halves(bytes);
    _mm256_setr_epi64x(low, high, low, high)
}

#[inline]
fn halves(bytes: [u8; 16]) -> [i64; 2] {
    let word = u128::from_le_bytes(bytes);
    #[expect(clippy::cast_possible_truncation, reason = "each half is taken")]
    [
        (word as u64).cast_signed(),
        ((word >> 64) as u64).cast_signed(),
    ]
}

#[inline]
fn half_words(half: &Half) -> [i64; 4] {
    let (words, _) = half.as_chunks::<8>();
    let mut all = [0; 4];
    for (to, word) in all.iter_mut().zip(words) {
        *to = i64::from_le_bytes(*word);
    }
    all
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn masks_avx512(block: &Block) -> Masks {
    let [[one, two, three, four], [five, six, seven, eight]] = words(block);
    let bytes = _mm512_setr_epi64(one, two, three, four, five, six, seven, eight);
    let brackets = _mm512_or_si512(bytes, _mm512_set1_epi8(signed(BRACKET_BIT)));
    let small = _mm512_or_si512(bytes, _mm512_set1_epi8(signed(CASE_BIT)));
    let spaces = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(spaces()), bytes);
    Masks {
        quote: equal_avx512(bytes, b'"'),
        backslash: equal_avx512(bytes, b'\\'),
        control: within_avx512(bytes, 0, 0x1F),
        wide: _mm512_movepi8_mask(bytes),
        white: _mm512_cmpeq_epi8_mask(bytes, spaces),
        comma: equal_avx512(bytes, b','),
        colon: equal_avx512(bytes, b':'),
        open: equal_avx512(brackets, b'{'),
        close: equal_avx512(brackets, b'}'),
        dot: equal_avx512(bytes, b'.'),
        underscore: equal_avx512(bytes, b'_'),
        coded: within_avx512(bytes, b'%', b'&'),
        capital: within_avx512(bytes, b'A', b'Z'),
        letter: within_avx512(small, b'a', b'z'),
        blank: within_avx512(bytes, b'\t', b' '),
        space: equal_avx512(bytes, b' '),
        hyphen: equal_avx512(bytes, b'-'),
        equals: equal_avx512(bytes, b'='),
        at: equal_avx512(bytes, b'@'),
        digit: within_avx512(bytes, b'0', b'9'),
        mark: within_avx512(bytes, b'0', b'@'),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn equal_avx512(bytes: __m512i, byte: u8) -> u64 {
    _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(signed(byte)))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn within_avx512(bytes: __m512i, first: u8, last: u8) -> u64 {
    let past = _mm512_sub_epi8(bytes, _mm512_set1_epi8(signed(first)));
    _mm512_cmple_epu8_mask(past, _mm512_set1_epi8(signed(last - first)))
}

/// White space, each at the place that its lower half tells: a byte is white space if it is the
/// one at its place. Zero stands for none, because no byte at another place than the first is it.
#[inline]
#[target_feature(enable = "sse2")]
fn spaces() -> __m128i {
    _mm_setr_epi8(32, 0, 0, 0, 0, 0, 0, 0, 0, 9, 10, 0, 0, 13, 0, 0)
}

/// The block in machine words; put together again they are one load.
#[inline]
fn words(block: &Block) -> [[i64; 4]; 2] {
    let (words, _) = block.as_chunks::<8>();
    let mut all = [[0; 4]; 2];
    for (to, word) in all.as_flattened_mut().iter_mut().zip(words) {
        *to = i64::from_le_bytes(*word);
    }
    all
}

#[inline]
fn signed(byte: u8) -> i8 {
    byte.cast_signed()
}
