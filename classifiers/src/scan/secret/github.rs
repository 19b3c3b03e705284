//! The check sum of GitHub's tokens: six base-62 digits of the CRC-32 of the thirty before.
//!
//! <https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>

/// The prefix `ghp_` and its like.
const PREFIX_BYTES: usize = 4;
/// The part that was drawn by lot.
const DRAWN_BYTES: usize = 30;

/// Whether the last six characters are the check sum of those before.
pub(super) fn checksum_holds(token: &[u8]) -> bool {
    let Some((drawn, sum)) = token
        .get(PREFIX_BYTES..)
        .and_then(|body| body.split_at_checked(DRAWN_BYTES))
    else {
        return false;
    };
    sum.len() == 6 && number(sum) == Some(u64::from(crc32(drawn)))
}

/// A number in base 62: digits, capitals, small letters.
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |sum, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => return None,
        };
        Some(sum * 62 + u64::from(digit))
    })
}

/// CRC-32 of ISO/IEC/IEEE 8802-3, bit by bit: it is asked for thirty bytes of a rare token.
fn crc32(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            let polynomial = if sum & 1 == 1 { 0xEDB8_8320 } else { 0 };
            sum >> 1 ^ polynomial
        })
    });
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_the_standard_is_met() {
        // The check value of the catalogue of CRC algorithms, for `123456789`.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn one_wrong_letter_breaks_the_sum() {
        let drawn = "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ";
        let mut sum = u64::from(crc32(drawn.as_bytes()));
        let mut digits = Vec::new();
        for _ in 0..6 {
            let digit = u8::try_from(sum % 62).unwrap();
            digits.insert(
                0,
                match digit {
                    0..10 => b'0' + digit,
                    10..36 => b'A' + digit - 10,
                    _ => b'a' + digit - 36,
                },
            );
            sum /= 62;
        }
        let token = ["gh", "p_", drawn, std::str::from_utf8(&digits).unwrap()].concat();
        assert!(checksum_holds(token.as_bytes()));
        assert!(!checksum_holds(token.replace('z', "y").as_bytes()));
    }
}
