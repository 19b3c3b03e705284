//! Whether a text looks drawn by lot, or only shows where a secret goes.
//!
//! Never asked alone: hashes, ids and keys of public things are as random as any secret. Of 220
//! false positives that users reported to gitleaks, 218 came from rules that asked only this.

use std::sync::LazyLock;

/// Most bytes that are weighed.
const WEIGHED_BYTES_MAX: usize = 256;

/// Words that stand where a secret would.
static PLACEHOLDERS: &[&[u8]] = &[
    b"example",
    b"xxxx",
    b"your",
    b"placeholder",
    b"changeme",
    b"change_me",
    b"redacted",
    b"dummy",
    b"****",
    b"....",
    b"${",
    b"{{",
    b"$(",
    b"<",
    b"%(",
    b"todo",
    b"insert",
    b"sample",
    b"process.env",
    b"os.environ",
    b"getenv",
];

/// Whether the text only shows where a secret goes.
pub(in crate::scan) fn is_placeholder(token: &[u8]) -> bool {
    let head = token.get(..token.len().min(128)).unwrap_or(token);
    PLACEHOLDERS.iter().any(|word| {
        head.windows(word.len())
            .any(|part| part.eq_ignore_ascii_case(word))
    })
}

/// A count of bytes times its logarithm, for each count.
static WEIGHTS: LazyLock<[f32; WEIGHED_BYTES_MAX + 1]> = LazyLock::new(|| {
    std::array::from_fn(|count| {
        let count = u16::try_from(count).map_or(0.0, f32::from);
        if count > 0.0 {
            count * count.log2()
        } else {
            0.0
        }
    })
});

/// Shannon's entropy of the bytes, in tenths of a bit per byte.
pub(super) fn entropy(token: &[u8]) -> u32 {
    let token = token
        .get(..token.len().min(WEIGHED_BYTES_MAX))
        .unwrap_or(token);
    let mut counts = [0u16; 256];
    for byte in token {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let weights = &*WEIGHTS;
    let weight = |count: usize| weights.get(count).copied().unwrap_or(0.0);
    let same: f32 = counts.iter().map(|count| weight(usize::from(*count))).sum();
    let length = u16::try_from(token.len()).map_or(1.0, f32::from).max(1.0);
    let bits = (weight(token.len()) - same) / length;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 80: a byte has no more than eight bits"
    )]
    let tenths = (bits * 10.0).round() as u32;
    tenths
}

/// Whether the entropy can reach so many tenths of a bit at all: with so few different bytes, it
/// cannot. Costs less than the entropy.
pub(super) fn may_reach(token: &[u8], tenths: u32) -> bool {
    let seen = token
        .iter()
        .take(WEIGHED_BYTES_MAX)
        .fold(0u128, |seen, byte| seen | 1 << (byte & 0x7F));
    // The logarithm of so many is the most; 2^3.0 is 8, and less is below that.
    seen.count_ones() >= 1 << (tenths / 10)
}

/// Whether most bytes are one more than, one less than or the same as the byte before: `12345678`,
/// `abcdef`, `aaaa`.
pub(super) fn is_sequence(token: &[u8]) -> bool {
    let token = token
        .get(..token.len().min(WEIGHED_BYTES_MAX))
        .unwrap_or(token);
    let steps = token
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.abs_diff(*b) <= 1))
        .count();
    steps * 3 > token.len() * 2
}

/// Shortest text that is called random, in bytes.
const RANDOM_BYTES_MIN: usize = 10;
/// Least entropy of a text of hexadecimal digits, which cannot have more than four bits; in tenths
/// of a bit.
const HEX_ENTROPY_MIN: u32 = 28;

/// Whether a text that a name calls a secret looks like one: letters and digits, many of them
/// different, neither a placeholder nor a sequence.
pub(in crate::scan) fn is_random(token: &[u8]) -> bool {
    let digits = token.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = token
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    let hex = token
        .iter()
        .all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    // The most that a text of so many bytes can have is the logarithm of its length.
    let least = match token.len() {
        0..RANDOM_BYTES_MIN => return false,
        _ if hex => HEX_ENTROPY_MIN,
        RANDOM_BYTES_MIN..12 => 26,
        12..20 => 30,
        20..32 => 34,
        _ => 36,
    };
    digits > 0
        && (letters > 0 || digits >= 20)
        && entropy(token) >= least
        && !is_placeholder(token)
        && !is_sequence(token)
        && !is_words(token)
}

/// Whether it reads like a name that a person gave: words of small letters with a number behind,
/// as `web-server-12` or `prod5zyxlmy-cmk`.
fn is_words(token: &[u8]) -> bool {
    let mut words = 0;
    let mut letters = 0;
    for word in token.split(|byte| !byte.is_ascii_alphabetic()) {
        let vowels = word
            .iter()
            .filter(|byte| b"aeiouAEIOU".contains(byte))
            .count();
        let capital_inside = word.iter().skip(1).any(u8::is_ascii_uppercase)
            && word.iter().any(u8::is_ascii_lowercase);
        let spoken = vowels * 4 >= word.len() && vowels * 5 <= word.len() * 3;
        if word.len() >= 4 && !capital_inside && spoken {
            words += 1;
            letters += word.len();
        }
    }
    let separated = token.iter().any(|byte| b"-_. ".contains(byte));
    separated && words >= 2 && letters * 2 > token.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_bits_per_byte() {
        assert_eq!(entropy(b"aaaaaaaa"), 0);
        assert_eq!(entropy(b"abababab"), 10);
        assert_eq!(entropy(b"0123456789abcdef"), 40);
    }

    #[test]
    fn what_shows_where_a_secret_goes_is_not_random() {
        for text in [
            "xxxxxxxxxxxxxxxx1",
            "1234567890123456",
            "abcdefghijklmnop1",
            "YOUR_API_KEY_1",
            "changeme123",
            "${SECRET_1}",
            "<token-12345>",
            "aaaaaaaa1111",
            "my-test-token-1",
        ] {
            assert!(!is_random(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_was_drawn_by_lot_is_random() {
        for text in [
            "tH2EmCyaTOMSY2cGyvEs",
            "6fe4476ee5a1832882e326b506d14126",
            "dafa7817-e246-48f3-91a7-e87653d587b8",
            "Ru2b7YzdC7Ok",
            "9Xk2mPq7Rw",
        ] {
            assert!(is_random(text.as_bytes()), "{text}");
        }
    }
}
