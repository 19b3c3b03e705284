//! The algorithms that national numbers share: weighted sums, Luhn, ISO 7064, Verhoeff, dates.

/// The Luhn check (ISO/IEC 7812-1 annex B): double every second digit from the right.
pub fn luhn(digits: &[u8]) -> bool {
    digits.len() > 1 && is_digits(digits) && luhn_sum(digits).is_multiple_of(10)
}

pub(super) fn luhn_sum(digits: &[u8]) -> u32 {
    digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit.wrapping_sub(b'0'));
            match place % 2 {
                0 => value,
                _ if value > 4 => value * 2 - 9,
                _ => value * 2,
            }
        })
        .sum()
}

/// ISO/IEC 7064 MOD 11,10 over all digits, the check digit last.
pub fn mod_11_10(digits: &[u8]) -> bool {
    let Some((check, head)) = digits.split_last() else {
        return false;
    };
    let product = head.iter().fold(10, |product, digit| {
        let sum = (u32::from(digit.wrapping_sub(b'0')) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    is_digits(digits) && (11 - product) % 10 == u32::from(check.wrapping_sub(b'0'))
}

/// ISO/IEC 7064 MOD 11-2 over all digits; the last may be `X` for ten.
pub fn mod_11_2(text: &[u8]) -> bool {
    let Some((check, head)) = text.split_last() else {
        return false;
    };
    let rest = head.iter().fold(0, |rest, digit| {
        (rest + u32::from(digit.wrapping_sub(b'0'))) * 2 % 11
    });
    let expected = match check {
        b'X' => 10,
        _ => u32::from(check.wrapping_sub(b'0')),
    };
    is_digits(head) && (rest + expected) % 11 == 1
}

/// Verhoeff's dihedral check (J. Verhoeff, "Error Detecting Decimal Codes", 1969).
pub fn verhoeff(digits: &[u8]) -> bool {
    let rest = digits
        .iter()
        .rev()
        .enumerate()
        .try_fold(0u8, |rest, (place, digit)| {
            let value = digit.checked_sub(b'0').filter(|value| *value < 10)?;
            Some(dihedral(rest, permuted(value, place % 8)))
        });
    digits.len() > 1 && rest == Some(0)
}

/// The product in the dihedral group of order ten.
fn dihedral(left: u8, right: u8) -> u8 {
    match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => (left + right) % 5 + 5,
        (false, true) => (left + 5 - right) % 5 + 5,
        (false, false) => (left + 5 - right) % 5,
    }
}

/// The permutation (1 5 8 9 4 2 7 0)(3 6), so many times.
fn permuted(value: u8, times: usize) -> u8 {
    const STEP: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    (0..times).fold(value, |value, _| {
        STEP.get(usize::from(value)).copied().unwrap_or(0)
    })
}

/// Whether all bytes are digits.
pub(super) fn is_digits(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_digit)
}

/// The digits of a number of exactly so many.
pub(super) fn digits<const COUNT: usize>(value: &[u8]) -> Option<[u32; COUNT]> {
    let value: &[u8; COUNT] = value.try_into().ok()?;
    is_digits(value).then(|| value.map(|digit| u32::from(digit - b'0')))
}

/// The sum of digits times weights, as far as both go.
pub(super) fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits
        .iter()
        .zip(weights)
        .map(|(digit, weight)| digit * weight)
        .sum()
}

/// The number that decimal digits write.
pub(super) fn decimal(digits: &[u32]) -> u64 {
    digits
        .iter()
        .fold(0, |number, digit| number * 10 + u64::from(*digit))
}

/// The sum of a number's own two digits.
pub(super) fn cross(number: u32) -> u32 {
    number / 10 + number % 10
}

/// The place of a byte in an alphabet.
pub(super) fn place(alphabet: &[u8], byte: u8) -> Option<u32> {
    let place = alphabet.iter().position(|letter| *letter == byte)?;
    u32::try_from(place).ok()
}

/// Whether an alphabet has this byte at this place.
pub(super) fn stands(alphabet: &[u8], place: u32, byte: u8) -> bool {
    usize::try_from(place).is_ok_and(|place| alphabet.get(place) == Some(&byte))
}

/// Whether the calendar has this day. A year of two digits counts as of the century that has
/// 29 February in it if either has.
pub(super) fn is_date(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4)
        && (!year.is_multiple_of(100) || year.is_multiple_of(400) || year < 100);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// The value of a letter or digit where letters go on behind the digits: A is 10.
pub(super) fn base36(byte: u8) -> Option<u32> {
    match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        b'A'..=b'Z' => Some(u32::from(byte - b'A') + 10),
        _ => None,
    }
}

/// The check digit that ICAO Doc 9303 part 3, 4.9 gives: weights 7, 3, 1, letters from A = 10,
/// modulo 10.
pub(super) fn icao(text: &[u8]) -> Option<u32> {
    let sum = text
        .iter()
        .zip([7, 3, 1].into_iter().cycle())
        .try_fold(0, |sum, (byte, weight)| Some(sum + base36(*byte)? * weight))?;
    Some(sum % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luhn_catches_one_wrong_digit_and_a_swap() {
        // ISO/IEC 7812-1 annex B.
        assert!(luhn(b"79927398713"));
        assert!(!luhn(b"79927398731"));
        assert!(!luhn(b"79927398710"));
        assert!(luhn(b"4111111111111111"));
        assert!(!luhn(b"0"));
        assert!(!luhn(b"41111x1111111111"));
    }

    #[test]
    fn iso_7064_has_its_own_examples() {
        // ISO/IEC 7064:2003, 6.2 (0794 gives 0) and 8.2 (0794 gives 5).
        assert!(mod_11_2(b"07940"));
        assert!(!mod_11_2(b"07941"));
        assert!(mod_11_2(b"079X"));
        assert!(mod_11_10(b"07945"));
        assert!(!mod_11_10(b"07946"));
    }

    #[test]
    fn verhoeff_catches_swaps_too() {
        // SNOMED CT Editorial Guide, "Check-digit computation": 2363 is right.
        assert!(verhoeff(b"2363"));
        assert!(!verhoeff(b"2633"));
        assert!(!verhoeff(b"2364"));
        assert!(!verhoeff(b"23a3"));
    }

    #[test]
    fn the_machine_readable_zone_has_weights_7_3_1() {
        // ICAO Doc 9303 part 3, appendix A: 520727 gives 3, AB2134 gives 5 once filled up.
        assert_eq!(icao(b"520727"), Some(3));
        assert_eq!(icao(b"AB2134"), Some(5));
        assert_eq!(icao(b"ab2134"), None);
    }

    #[test]
    fn a_year_of_two_digits_may_have_a_29_february() {
        assert!(is_date(0, 2, 29));
        assert!(is_date(2000, 2, 29));
        assert!(!is_date(1900, 2, 29));
        assert!(!is_date(99, 2, 29));
        assert!(!is_date(99, 13, 1));
        assert!(!is_date(99, 4, 31));
    }
}
