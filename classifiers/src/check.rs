//! Check digits and number ranges: what tells an identifier from any other digits.
//!
//! Every function is total: bytes that are not of the kind it speaks of fail the check.

/// The Luhn check (ISO/IEC 7812-1 annex B): double every second digit from the right.
pub fn luhn(digits: &[u8]) -> bool {
    digits.len() > 1 && digits.iter().all(u8::is_ascii_digit) && luhn_sum(digits).is_multiple_of(10)
}

fn luhn_sum(digits: &[u8]) -> u32 {
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

/// A US National Provider Identifier: ten digits, the first 1 or 2, Luhn over `80840` and the
/// number (CMS, "Requirements for NPI and NPI check digit", 2004). `80840` adds 24 to the sum.
pub fn npi(digits: &[u8]) -> bool {
    digits.len() == 10
        && matches!(digits.first(), Some(b'1' | b'2'))
        && digits.iter().all(u8::is_ascii_digit)
        && (luhn_sum(digits) + 24).is_multiple_of(10)
}

/// Whether the Social Security Administration could have issued this number: area not 000, 666 or
/// 9xx, group not 00, serial not 0000 (SSA POMS RM 10201.035), and not one of two numbers that were
/// printed in advertisements.
pub fn us_ssn(digits: &[u8]) -> bool {
    let (Some(area), Some(group), Some(serial)) =
        (digits.get(..3), digits.get(3..5), digits.get(5..9))
    else {
        return false;
    };
    digits.len() == 9
        && digits.iter().all(u8::is_ascii_digit)
        && !area.starts_with(b"9")
        && area != b"000"
        && area != b"666"
        && group != b"00"
        && serial != b"0000"
        && digits != b"078051120"
        && digits != b"219099999"
}

/// Length of an IBAN per country, from the SWIFT IBAN registry (ISO 13616), release 99.
static IBAN_LENGTHS: phf::Map<&'static str, u8> = phf::phf_map! {
    "AD" => 24, "AE" => 23, "AL" => 28, "AT" => 20, "AZ" => 28, "BA" => 20, "BE" => 16,
    "BG" => 22, "BH" => 22, "BI" => 27, "BR" => 29, "BY" => 28, "CH" => 21, "CR" => 22,
    "CY" => 28, "CZ" => 24, "DE" => 22, "DJ" => 27, "DK" => 18, "DO" => 28, "EE" => 20,
    "EG" => 29, "ES" => 24, "FI" => 18, "FK" => 18, "FO" => 18, "FR" => 27, "GB" => 22,
    "GE" => 22, "GI" => 23, "GL" => 18, "GR" => 27, "GT" => 28, "HN" => 28, "HR" => 21,
    "HU" => 28, "IE" => 22, "IL" => 23, "IQ" => 23, "IS" => 26, "IT" => 27, "JO" => 30,
    "KW" => 30, "KZ" => 20, "LB" => 28, "LC" => 32, "LI" => 21, "LT" => 20, "LU" => 20,
    "LV" => 21, "LY" => 25, "MC" => 27, "MD" => 24, "ME" => 22, "MK" => 19, "MN" => 20,
    "MR" => 27, "MT" => 31, "MU" => 30, "NI" => 28, "NL" => 18, "NO" => 15, "OM" => 23,
    "PK" => 24, "PL" => 28, "PS" => 29, "PT" => 25, "QA" => 29, "RO" => 24, "RS" => 22,
    "RU" => 33, "SA" => 24, "SC" => 31, "SD" => 18, "SE" => 24, "SI" => 19, "SK" => 24,
    "SM" => 27, "SO" => 23, "ST" => 25, "SV" => 28, "TL" => 23, "TN" => 24, "TR" => 26,
    "UA" => 29, "VA" => 22, "VG" => 24, "XK" => 20, "YE" => 30,
};

/// How many characters an IBAN of this country has; none where the country issues none.
pub fn iban_length(country: [u8; 2]) -> Option<usize> {
    let country = std::str::from_utf8(&country).ok()?;
    IBAN_LENGTHS.get(country).copied().map(usize::from)
}

/// ISO 7064 MOD 97-10 as ISO 13616 uses it: the first four characters go last, letters count 10 to
/// 35, and the number leaves 1. `iban` holds no spaces.
pub fn iban_mod97(iban: &[u8]) -> bool {
    let Some((head, body)) = iban.split_at_checked(4) else {
        return false;
    };
    let remainder = body
        .iter()
        .chain(head)
        .try_fold(0u32, |rest, byte| match byte {
            b'0'..=b'9' => Some((rest * 10 + u32::from(byte - b'0')) % 97),
            b'A'..=b'Z' => Some((rest * 100 + u32::from(byte - b'A') + 10) % 97),
            _ => None,
        });
    remainder == Some(1)
}

/// Whether the first digits belong to a card network (ISO/IEC 7812 issuer identification numbers)
/// that issues cards of this length.
pub fn card_issuer(digits: &[u8]) -> bool {
    let Some(prefix) = digits.first_chunk::<4>() else {
        return false;
    };
    let prefix = prefix.iter().fold(0u32, |sum, digit| {
        sum * 10 + u32::from(digit.wrapping_sub(b'0'))
    });
    CARD_ISSUERS.iter().any(|(low, high, lengths)| {
        (*low..=*high).contains(&prefix) && lengths.contains(&digits.len())
    })
}

/// Four-digit prefix range and lengths: Visa, Mastercard, American Express, Discover, Diners Club,
/// JCB, `UnionPay`, Maestro, Mir.
static CARD_ISSUERS: &[(u32, u32, &[usize])] = &[
    (4000, 4999, &[13, 16, 19]),
    (5100, 5599, &[16]),
    (2221, 2720, &[16]),
    (3400, 3499, &[15]),
    (3700, 3799, &[15]),
    (6011, 6011, &[16, 19]),
    (6440, 6599, &[16, 19]),
    (3000, 3059, &[14, 16, 19]),
    (3600, 3699, &[14, 16, 19]),
    (3800, 3999, &[14, 16, 19]),
    (3528, 3589, &[16, 19]),
    (6200, 6299, &[16, 17, 18, 19]),
    (5000, 5099, &[12, 13, 14, 15, 16, 17, 18, 19]),
    (5600, 5899, &[12, 13, 14, 15, 16, 17, 18, 19]),
    (6300, 6399, &[12, 13, 14, 15, 16, 17, 18, 19]),
    (6700, 6799, &[12, 13, 14, 15, 16, 17, 18, 19]),
    (2200, 2204, &[16, 17, 18, 19]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luhn_catches_one_wrong_digit_and_a_swap() {
        assert!(luhn(b"4111111111111111"));
        assert!(luhn(b"79927398713"));
        assert!(!luhn(b"4111111111111112"));
        assert!(!luhn(b"79927398731"));
        assert!(!luhn(b"0"));
        assert!(!luhn(b"41111x1111111111"));
    }

    #[test]
    fn an_npi_counts_its_prefix() {
        assert!(npi(b"1234567893"));
        assert!(!npi(b"1234567890"));
        assert!(!npi(b"3234567893"));
        assert!(!npi(b"123456789"));
    }

    #[test]
    fn numbers_never_issued_are_no_ssn() {
        assert!(us_ssn(b"536221234"));
        for never in [
            b"000221234",
            b"666221234",
            b"936221234",
            b"536001234",
            b"536220000",
            b"078051120",
        ] {
            assert!(!us_ssn(never));
        }
    }

    #[test]
    fn an_iban_has_its_countrys_length_and_remainder() {
        assert!(iban_mod97(b"DE89370400440532013000"));
        assert!(!iban_mod97(b"DE89370400440532013001"));
        assert!(!iban_mod97(b"DE8"));
        assert_eq!(iban_length(*b"DE"), Some(22));
        assert_eq!(iban_length(*b"US"), None);
    }

    #[test]
    fn issuers_have_lengths() {
        assert!(card_issuer(b"4111111111111111"));
        assert!(card_issuer(b"378282246310005"));
        assert!(!card_issuer(b"3782822463100050"));
        assert!(!card_issuer(b"9111111111111111"));
    }
}
