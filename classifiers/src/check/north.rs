//! Numbers of the Nordic and Baltic countries.

use super::algorithm::{decimal, digits, is_date, luhn, stands, weighted};

/// A Swedish personal or coordination number, ten digits or twelve with the century: birth date (day
/// plus 60 for coordination numbers), three digits, Luhn (Folkbokföringslag 1991:481 §§ 18, 18 a;
/// Skatteverket SKV 704).
pub fn se_personnummer(number: &[u8]) -> bool {
    let century = number.len() == 12;
    let short = if century {
        number.get(2..)
    } else {
        Some(number)
    };
    let Some(short) = short else {
        return false;
    };
    let born = digits::<10>(short).is_some_and(|[y1, y2, m1, m2, d1, d2, ..]| {
        let day = d1 * 10 + d2;
        is_date(
            y1 * 10 + y2,
            m1 * 10 + m2,
            if day > 60 { day - 60 } else { day },
        )
    });
    let centuries = !century || [b"18", b"19", b"20"].iter().any(|c| number.starts_with(*c));
    born && centuries && luhn(short)
}

/// A Swedish organisation number: the third digit at least 2, so that it is no date; Luhn (Lag
/// 1974:174; Skatteverket SKV 709).
pub fn se_orgnr(number: &[u8]) -> bool {
    number.len() == 10
        && matches!(number, [b'1'..=b'3' | b'5'..=b'9', _, b'2'..=b'9', ..])
        && luhn(number)
}

/// A Norwegian birth or D number: date (day plus 40 for D numbers, month plus 40 for help numbers,
/// plus 80 for test data), series, two check digits modulo 11 (Folkeregisterforskriften § 2-2-1;
/// Skatteetaten).
pub fn no_fnr(number: &[u8]) -> bool {
    let Some(all @ [d1, d2, m1, m2, y1, y2, ..]) = digits::<11>(number) else {
        return false;
    };
    let [head @ .., first, second] = all;
    let [most @ .., _] = all;
    let day = (d1 * 10 + d2) % 40;
    let month = (m1 * 10 + m2) % 40;
    let check = |sum: u32| (11 - sum % 11) % 11;
    is_date(y1 * 10 + y2, month, day)
        && check(weighted(&head, &[3, 7, 6, 1, 8, 9, 4, 5, 2])) == first
        && check(weighted(&most, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2])) == second
}

/// A Danish CPR number: a birth date and four digits. The modulo 11 check has not held for all since
/// 1 October 2007 (CPR-loven § 3; CPR-kontoret, "Personnummeret i CPR").
pub fn dk_cpr(number: &[u8]) -> bool {
    digits::<10>(number).is_some_and(|[d1, d2, m1, m2, y1, y2, seventh, ..]| {
        let year = y1 * 10 + y2;
        let century = match (seventh, year) {
            (0..=3, _) | (4 | 9, 37..) => 1900,
            (5..=8, 58..) => 1800,
            _ => 2000,
        };
        is_date(century + year, m1 * 10 + m2, d1 * 10 + d2)
    })
}

/// A Finnish personal identity code without its sign: birth date, an individual number from 002, and
/// a check character modulo 31 (Laki väestötietojärjestelmästä 661/2009 § 11; DVV, "The personal
/// identity code").
pub fn fi_hetu(code: &[u8]) -> bool {
    const CHECKS: &[u8] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    // The sign of the century may be a letter; where it is a hyphen it was taken out before.
    let (Some(birth), Some(rest)) = (code.get(..6), code.get(6..)) else {
        return false;
    };
    let rest = match rest {
        [b'A'..=b'F' | b'U'..=b'Y', rest @ ..] if rest.len() == 4 => rest,
        _ => rest,
    };
    let (Some(date @ [d1, d2, m1, m2, y1, y2]), [a, b, c, check]) = (digits::<6>(birth), rest)
    else {
        return false;
    };
    let Some(individual) = digits::<3>(&[*a, *b, *c]) else {
        return false;
    };
    let number = decimal(&date) * 1000 + decimal(&individual);
    is_date(y1 * 10 + y2, m1 * 10 + m2, d1 * 10 + d2)
        && decimal(&individual) >= 2
        && u32::try_from(number % 31).is_ok_and(|place| stands(CHECKS, place, *check))
}

/// An Estonian or Lithuanian personal code: sex and century, birth date, series, a check digit of
/// two rounds modulo 11 (EVS 585:2007; Lietuvos Respublikos gyventojų registro įstatymas, art. 8).
pub fn ee_ik(code: &[u8]) -> bool {
    let Some(all @ [sex, y1, y2, m1, m2, d1, d2, ..]) = digits::<11>(code) else {
        return false;
    };
    let [head @ .., check] = all;
    let first = weighted(&head, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(&head, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    let expected = if first < 10 { first } else { second % 10 };
    (1..=8).contains(&sex)
        && is_date(
            1700 + sex.div_ceil(2) * 100 + y1 * 10 + y2,
            m1 * 10 + m2,
            d1 * 10 + d2,
        )
        && expected == check
}
