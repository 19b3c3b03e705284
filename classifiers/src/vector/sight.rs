//! What each byte of a string is, as far as it matters to whether any detector looks at it.

use crate::packed;

/// Bytes that are looked at together.
pub(crate) const HALF_BYTES: usize = 32;

pub(crate) type Half = [u8; HALF_BYTES];

/// Which bytes of half a block are what: a bit for each byte, the first lowest. Those behind the first
/// quote may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) quote: u32,
    /// All of the following but quotes and capitals, and maybe more.
    pub(crate) odd: u32,
    /// Above 127.
    pub(crate) wide: u32,
    /// Backslashes, and control characters below `U+0020`.
    pub(crate) refused: u32,
    /// One of `:;<=>?@`, `%` and `&`.
    pub(crate) marked: u32,
    pub(crate) digit: u32,
    /// Dots and spaces.
    pub(crate) breaks: u32,
    pub(crate) underscore: u32,
    pub(crate) capital: u32,
}

const DIGIT: u8 = 1 << 7;
const BREAK: u8 = 1 << 6;
const UNDERSCORE: u8 = 1 << 5;
/// `:` to `?`.
const SIGN: u8 = 1 << 4;
const AT: u8 = 1 << 3;
/// `%` and `&`.
const CODED: u8 = 1 << 2;
const BACKSLASH: u8 = 1 << 1;
const CONTROL: u8 = 1;

/// What the lower half of a byte allows it to be.
pub(super) const LOW: [u8; 16] = [
    CONTROL | DIGIT | BREAK | AT,
    CONTROL | DIGIT,
    CONTROL | DIGIT,
    CONTROL | DIGIT,
    CONTROL | DIGIT,
    CONTROL | DIGIT | CODED,
    CONTROL | DIGIT | CODED,
    CONTROL | DIGIT,
    CONTROL | DIGIT,
    CONTROL | DIGIT,
    CONTROL | SIGN,
    CONTROL | SIGN,
    CONTROL | SIGN | BACKSLASH,
    CONTROL | SIGN,
    CONTROL | SIGN | BREAK,
    CONTROL | SIGN | UNDERSCORE,
];
/// What the higher half does.
pub(super) const HIGH: [u8; 16] = [
    CONTROL,
    CONTROL,
    BREAK | CODED,
    DIGIT | SIGN,
    AT,
    UNDERSCORE | BACKSLASH,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
];
pub(super) const MARKED: u8 = SIGN | AT | CODED;
pub(super) const REFUSED: u8 = BACKSLASH | CONTROL;
/// How far to the left these are moved to be a byte's top bit.
pub(super) const BREAK_SHIFT: i32 = 1;
pub(super) const UNDERSCORE_SHIFT: i32 = 2;

/// The same without vectors.
#[expect(
    clippy::inline_always,
    reason = "as part of what asks, so that only what is read is looked for"
)]
#[inline(always)]
pub(super) fn by_words(half: &Half) -> Sight {
    let within = |first, last| gather(half, |word| packed::within(word, first, last));
    let equal = |byte| within(byte, byte);
    Sight {
        quote: equal(b'"'),
        odd: gather(half, |word| {
            packed::HIGH & !packed::within(word, b'a', b'z')
        }),
        wide: gather(half, |word| word & packed::HIGH),
        refused: equal(b'\\') | within(0, 0x1F),
        marked: within(b':', b'@') | within(b'%', b'&'),
        digit: within(b'0', b'9'),
        breaks: equal(b'.') | equal(b' '),
        underscore: equal(b'_'),
        capital: within(b'A', b'Z'),
    }
}

/// The top bits that `tops` leaves of each byte, up to the word with the first quote.
#[inline(always)]
fn gather(half: &Half, tops: impl Fn(u64) -> u64) -> u32 {
    /// Brings the lowest bit of each byte to the highest byte, in order.
    const TOGETHER: u64 = 0x0102_0408_1020_4080;
    let (words, _) = half.as_chunks::<8>();
    let mut bits = 0;
    for (shift, word) in [0, 8, 16, 24].into_iter().zip(words) {
        let word = u64::from_le_bytes(*word);
        let together = ((tops(word) >> 7).wrapping_mul(TOGETHER) >> 56) as u32;
        bits |= together << shift;
        if packed::within(word, b'"', b'"') != 0 {
            break;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vector::{Level, Limit, Work};

    struct Looking<'a>(&'a Half);

    impl Work for Looking<'_> {
        type Done = Sight;

        fn run(self, sight: impl Fn(&Half) -> Sight) -> Sight {
            sight(self.0)
        }
    }

    /// What a byte is, said plainly.
    fn slow(half: &Half, is: impl Fn(u8) -> bool) -> u32 {
        let bits = half.iter().enumerate().filter(|(_, byte)| is(**byte));
        bits.fold(0, |bits, (place, _)| bits | 1 << place)
    }

    proptest! {
        #[test]
        fn words_and_vectors_see_what_is_there(
            bytes in prop::collection::vec(prop_oneof![b' '..=b'~', any::<u8>()], HALF_BYTES)
        ) {
            let half: Half = bytes.try_into().unwrap();
            for limit in [Limit::Plain, Limit::Avx2, Limit::Any] {
                let seen = Level::within(limit).work(Looking(&half));
                let quote = slow(&half, |byte| byte == b'"');
                let first = quote & quote.wrapping_neg();
                prop_assert_eq!(seen.quote & seen.quote.wrapping_neg(), first);
                let body = first.wrapping_sub(1);
                let expected = Sight {
                    quote: 0,
                    odd: seen.odd & body,
                    wide: slow(&half, |byte| byte >= 0x80) & body,
                    refused: slow(&half, |byte| byte < b' ' || byte == b'\\') & body,
                    marked: slow(&half, |byte| matches!(byte, b':'..=b'@' | b'%' | b'&')) & body,
                    digit: slow(&half, |byte| byte.is_ascii_digit()) & body,
                    breaks: slow(&half, |byte| matches!(byte, b'.' | b' ')) & body,
                    underscore: slow(&half, |byte| byte == b'_') & body,
                    capital: slow(&half, |byte| byte.is_ascii_uppercase()) & body,
                };
                let within = Sight {
                    quote: 0,
                    odd: seen.odd & body,
                    wide: seen.wide & body,
                    refused: seen.refused & body,
                    marked: seen.marked & body,
                    digit: seen.digit & body,
                    breaks: seen.breaks & body,
                    underscore: seen.underscore & body,
                    capital: seen.capital & body,
                };
                prop_assert_eq!(within, expected);
                let any = within.wide | within.refused | within.marked | within.digit
                    | within.breaks | within.underscore;
                prop_assert_eq!(any & !within.odd, 0);
            }
        }
    }
}
