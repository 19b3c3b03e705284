//! Numbers of Germany, Austria and Switzerland.

use super::algorithm::{
    base36, cross, digits, icao, is_date, is_digits, mod_11_10, stands, weighted,
};

/// A German tax identification number: eleven digits, the first not 0, of the first ten exactly one
/// digit twice or three times and the others once at most, three never in a row; ISO 7064 MOD 11,10
/// (§ 139b AO; `ITZBund`, "Informationen zur Steuerlichen Identifikationsnummer").
pub fn de_tax_id(number: &[u8]) -> bool {
    let Some([head @ .., _]) = digits::<11>(number) else {
        return false;
    };
    let count = |digit: u32| head.iter().filter(|other| **other == digit).count();
    let repeated = || (0..10).filter(|digit| count(*digit) > 1);
    let row = head
        .windows(3)
        .any(|window| matches!(window, [a, b, c] if a == b && b == c));
    head.first() != Some(&0)
        && repeated().count() == 1
        && repeated().all(|digit| count(digit) <= 3)
        && !row
        && mod_11_10(number)
}

/// The unified form of a German tax number: thirteen digits, federal state first, a 0 in fifth place
/// (§ 139a AO; ELSTER, "Pruefung der Steuer- und Steueridentifikationsnummer").
pub fn de_tax_number(number: &[u8]) -> bool {
    let Some([f1, f2, f3, f4, zero, ..]) = digits::<13>(number) else {
        // The forms of the federal states have ten or eleven digits.
        return matches!(number.len(), 10 | 11) && is_digits(number);
    };
    let state = f1 * 10 + f2;
    let known =
        matches!(state, 10 | 11 | 21..=24 | 26..=28 | 30..=32 | 40 | 41) || matches!(f1, 5 | 9);
    known && zero == 0 && (f3 + f4 > 0 || f2 > 0)
}

/// A German pension insurance number: area, birth date (day plus 50 where numbers ran out), first
/// letter of the birth name, series, check digit from cross sums (§ 147 SGB VI; VKVV §§ 2 to 4).
pub fn de_social_security(number: &[u8]) -> bool {
    let (Some(front), Some([letter @ b'A'..=b'Z', back @ ..])) =
        (number.get(..8).and_then(digits::<8>), number.get(8..))
    else {
        return false;
    };
    let Some([s1, s2, check]) = digits::<3>(back) else {
        return false;
    };
    let [a1, a2, d1, d2, m1, m2, y1, y2] = front;
    let letter = u32::from(letter - b'A') + 1;
    let all = [
        a1,
        a2,
        d1,
        d2,
        m1,
        m2,
        y1,
        y2,
        letter / 10,
        letter % 10,
        s1,
        s2,
    ];
    let sum: u32 = all
        .iter()
        .zip([2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1])
        .map(|(digit, weight)| cross(digit * weight))
        .sum();
    let day = d1 * 10 + d2;
    let born = is_date(
        y1 * 10 + y2,
        m1 * 10 + m2,
        if day > 50 { day - 50 } else { day },
    );
    a1 * 10 + a2 >= 2 && a1 * 10 + a2 <= 89 && born && sum % 10 == check
}

/// The unchanging part of a German health insurance number: a letter, eight digits and a check digit
/// from cross sums with weights 1 and 2 (§ 290 SGB V; GKV-Spitzenverband, "Richtlinie KVNR").
pub fn de_kvnr(number: &[u8]) -> bool {
    let Some((letter @ b'A'..=b'Z', rest)) = number.split_first() else {
        return false;
    };
    let Some([head @ .., check]) = digits::<9>(rest) else {
        return false;
    };
    let letter = u32::from(letter - b'A') + 1;
    let sum: u32 = [letter / 10, letter % 10]
        .iter()
        .chain(&head)
        .zip([1, 2].into_iter().cycle())
        .map(|(digit, weight)| cross(digit * weight))
        .sum();
    sum % 10 == check
}

/// A German physician number (LANR): six digits, a check digit with weights 4 and 9, and two for the
/// field of medicine (KBV, "Richtlinie zur Vergabe der Arzt- und Betriebsstättennummern", § 2).
pub fn de_lanr(number: &[u8]) -> bool {
    digits::<9>(number).is_some_and(|[a, b, c, d, e, f, check, ..]| {
        let sum = weighted(&[a, b, c, d, e, f], &[4, 9, 4, 9, 4, 9]);
        sum > 0 && (10 - sum % 10) % 10 == check
    })
}

/// A German practice number (BSNR): the first two digits are of an association of physicians (KBV,
/// "Richtlinie zur Vergabe der Arzt- und Betriebsstättennummern", annex 1).
pub fn de_bsnr(number: &[u8]) -> bool {
    digits::<9>(number).is_some_and(|[tens, ones, ..]| {
        matches!(
            tens * 10 + ones,
            1..=3 | 17 | 20 | 38 | 46 | 51 | 52 | 71..=73 | 78 | 83 | 88 | 93 | 98
        )
    })
}

/// The number of a German identity card or passport as printed: a letter of the authority or T of
/// the old cards, and letters without those that could be read as digits or make words
/// (Personalausweisverordnung annex 3, Passverwaltungsvorschrift 4.1). Ten characters end in the
/// check digit of ICAO Doc 9303.
fn serial(number: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_digit() || b"CFGHJKLMNPRTVWXYZ".contains(byte);
    let first = number.first().is_some_and(u8::is_ascii_alphabetic);
    let rest = number
        .get(1..9)
        .is_some_and(|rest| rest.iter().all(allowed));
    let digits = number.iter().filter(|byte| byte.is_ascii_digit()).count();
    let checked = match number {
        [head @ .., check] if number.len() == 10 => {
            icao(head).is_some_and(|sum| check.is_ascii_digit() && sum == u32::from(check - b'0'))
        }
        _ => number.len() == 9,
    };
    first && rest && digits > 1 && checked
}

/// A German identity card's serial number, nine characters or ten with the check digit.
pub fn de_id_card(number: &[u8]) -> bool {
    number
        .first()
        .is_some_and(|first| b"CFGHJKLMNPRTVWXYZ".contains(first))
        && serial(number)
}

/// A German passport's serial number, nine characters or ten with the check digit.
pub fn de_passport(number: &[u8]) -> bool {
    number
        .first()
        .is_some_and(|first| b"CFGHJK".contains(first))
        && serial(number)
}

/// Whether the ninth character is the check digit of the eight before, as some systems have it that
/// leave out the last character of the serial number.
pub fn de_serial_of_eight(number: &[u8]) -> bool {
    let [head @ .., check @ b'0'..=b'9'] = number else {
        return false;
    };
    head.len() == 8 && serial(number) && icao(head) == Some(u32::from(check - b'0'))
}

/// The form of a German driving licence: four characters of the authority, five of the licence, a
/// check digit and the number of the issue (Fahrerlaubnis-Verordnung annex 8, field 5).
pub fn de_driver_license_form(number: &[u8]) -> bool {
    let [first, middle @ .., check, issue] = number else {
        return false;
    };
    let digits = middle.iter().filter(|byte| byte.is_ascii_digit()).count();
    number.len() == 11
        && first.is_ascii_uppercase()
        && digits > 2
        && middle.iter().all(|byte| base36(*byte).is_some())
        && (check.is_ascii_digit() || *check == b'X')
        && base36(*issue).is_some()
}

/// A German driving licence with its check digit: weights 9 to 1, letters from A = 10, modulo 11
/// (Kraftfahrt-Bundesamt).
pub fn de_driver_license(number: &[u8]) -> bool {
    let sum = number
        .iter()
        .zip((1..=9).rev())
        .try_fold(0, |sum, (byte, weight)| Some(sum + base36(*byte)? * weight));
    let check = number.get(9).copied().unwrap_or_default();
    de_driver_license_form(number) && sum.is_some_and(|sum| stands(b"0123456789X", sum % 11, check))
}

/// A German VAT identification number without its `DE`: ISO 7064 MOD 11,10 (§ 27a `UStG`; VIES).
pub fn de_vat_id(number: &[u8]) -> bool {
    let number = number.strip_prefix(b"DE").unwrap_or(number);
    number.len() == 9 && number.first() != Some(&b'0') && mod_11_10(number)
}

/// An Austrian social insurance number: three digits, a check digit, the birth date; weights 3, 7,
/// 9, 5, 8, 4, 2, 1, 6, modulo 11 (§ 31 ASVG; Dachverband, "Aufbau der Versicherungsnummer").
pub fn at_svnr(number: &[u8]) -> bool {
    let Some(all @ [first, _, _, check, d1, d2, m1, m2, ..]) = digits::<10>(number) else {
        return false;
    };
    // Months 13 to 15 stand for days that ran out of numbers.
    first > 0
        && (1..=31).contains(&(d1 * 10 + d2))
        && (1..=15).contains(&(m1 * 10 + m2))
        && weighted(&all, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 == check
}

/// A Swiss AHV number: 756 and the check digit of EAN-13 (AHVV art. 133; ZAS).
pub fn ch_ahv(number: &[u8]) -> bool {
    number.starts_with(b"756") && super::ean_13(number)
}
