//! Numbers of Asia.

use super::algorithm::{
    base36, decimal, digits, is_date, is_digits, mod_11_2, stands, verhoeff, weighted,
};

/// An Indian Aadhaar number: twelve digits, the first not 0 or 1, no palindrome, Verhoeff (UIDAI,
/// "UID Numbering Scheme", 2010; Aadhaar Act 2016 s. 4).
pub fn in_aadhaar(number: &[u8]) -> bool {
    number.len() == 12
        && matches!(number.first(), Some(b'2'..=b'9'))
        && !number.iter().eq(number.iter().rev())
        && verhoeff(number)
}

/// An Indian PAN: five letters of which the fourth is the kind of holder, four digits, a letter
/// (Income-tax Rules 1962, rule 114; Income Tax Department, "PAN structure").
pub fn in_pan(pan: &[u8]) -> bool {
    let [a, b, c, kind, e, serial @ .., last] = pan else {
        return false;
    };
    [a, b, c, e, last]
        .iter()
        .all(|byte| byte.is_ascii_uppercase())
        && b"ABCEFGHJLPT".contains(kind)
        && serial.len() == 4
        && is_digits(serial)
        && serial != b"0000"
}

/// The form of an Indian GSTIN: state, PAN, entity, `Z`, check character (CGST Rules 2017, rule 10).
pub fn in_gstin_form(number: &[u8]) -> bool {
    let (Some(state), Some(pan), Some([entity, b'Z', check])) =
        (number.get(..2), number.get(2..12), number.get(12..))
    else {
        return false;
    };
    let [letters @ .., n1, n2, n3, n4, last] = pan else {
        return false;
    };
    digits::<2>(state).is_some_and(|[t, o]| matches!(t * 10 + o, 1..=38 | 97 | 99))
        && letters.iter().chain([last]).all(u8::is_ascii_uppercase)
        && is_digits(&[*n1, *n2, *n3, *n4])
        && entity.is_ascii_alphanumeric()
        && *entity != b'0'
        && check.is_ascii_alphanumeric()
}

/// An Indian GSTIN with its check character: factors 1 and 2, modulo 36 (GSTN, "GSTIN structure").
pub fn in_gstin(number: &[u8]) -> bool {
    let sum = number
        .iter()
        .take(14)
        .zip([1, 2].into_iter().cycle())
        .try_fold(0, |sum, (byte, factor)| {
            let product = base36(*byte)? * factor;
            Some(sum + product / 36 + product % 36)
        });
    let check = number.get(14).and_then(|byte| base36(*byte));
    in_gstin_form(number) && sum.map(|sum| (36 - sum % 36) % 36) == check
}

/// A Singapore NRIC or FIN: weights 2, 7, 6, 5, 4, 3, 2, modulo 11, a letter by series (National
/// Registration Regulations; ICA; M series from 2022).
pub fn sg_nric(number: &[u8]) -> bool {
    let [series, middle @ .., check] = number else {
        return false;
    };
    let (letters, add): (&[u8], u32) = match series {
        b'S' => (b"JZIHGFEDCBA", 0),
        b'T' => (b"JZIHGFEDCBA", 4),
        b'F' => (b"XWUTRQPNMLK", 0),
        b'G' => (b"XWUTRQPNMLK", 4),
        b'M' => (b"XWUTRQPNJLK", 3),
        _ => return false,
    };
    digits::<7>(middle).is_some_and(|middle| {
        let rest = (weighted(&middle, &[2, 7, 6, 5, 4, 3, 2]) + add) % 11;
        stands(letters, rest, *check)
    })
}

/// A Singapore UEN of a business, a local company or another entity, each with its own check letter
/// (ACRA, "UEN format", 2009).
pub fn sg_uen(uen: &[u8]) -> bool {
    match uen {
        [head @ .., check] if head.len() == 8 && is_digits(head) => {
            digits::<8>(head).is_some_and(|head| {
                let sum = weighted(&head, &[10, 4, 9, 3, 8, 2, 7, 1]);
                stands(b"XMKECAWLJDB", sum % 11, *check)
            })
        }
        [head @ .., check] if head.len() == 9 && is_digits(head) => {
            digits::<9>(head).is_some_and(|head| {
                let sum = weighted(&head, &[10, 8, 6, 4, 9, 7, 5, 3, 1]);
                stands(b"ZKCMDNERGWH", sum % 11, *check)
            })
        }
        [head @ .., check] if head.len() == 9 => sg_entity(head, *check),
        _ => false,
    }
}

/// The third form: century, year, kind of entity, four digits.
fn sg_entity(head: &[u8], check: u8) -> bool {
    const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWX0123456789";
    const WEIGHTS: [u32; 9] = [4, 3, 5, 3, 10, 2, 2, 5, 7];
    let [century, y1, y2, k1, k2, rest @ ..] = head else {
        return false;
    };
    let sum = head.iter().zip(WEIGHTS).try_fold(0, |sum, (byte, weight)| {
        Some(sum + super::algorithm::place(ALPHABET, *byte)? * weight)
    });
    matches!(century, b'R' | b'S' | b'T')
        && is_digits(&[*y1, *y2])
        && k1.is_ascii_uppercase()
        && (k2.is_ascii_uppercase() || k2.is_ascii_digit())
        && is_digits(rest)
        && sum.is_some_and(|sum| stands(ALPHABET, (sum + 6) % 11, check))
}

/// The form of a South Korean resident number: birth date, sex and century 1 to 4. Numbers given
/// since October 2020 have six random digits behind (주민등록법 시행규칙 art. 2).
pub fn kr_rrn_form(number: &[u8]) -> bool {
    kr_form(number, 1, 4)
}

/// A South Korean resident number with the check digit of those before October 2020.
pub fn kr_rrn(number: &[u8]) -> bool {
    kr_rrn_form(number) && kr_digit(number, 11)
}

/// The form of a South Korean foreigner's number: as a resident's, with 5 to 8 (출입국관리법 시행규칙).
pub fn kr_frn_form(number: &[u8]) -> bool {
    kr_form(number, 5, 8)
}

/// A South Korean foreigner's number with its check digit.
pub fn kr_frn(number: &[u8]) -> bool {
    kr_frn_form(number) && kr_digit(number, 13)
}

fn kr_form(number: &[u8], least: u32, most: u32) -> bool {
    digits::<13>(number).is_some_and(|[y1, y2, m1, m2, d1, d2, sex, ..]| {
        (least..=most).contains(&sex) && is_date(y1 * 10 + y2, m1 * 10 + m2, d1 * 10 + d2)
    })
}

fn kr_digit(number: &[u8], from: u32) -> bool {
    digits::<13>(number).is_some_and(|[head @ .., check]| {
        let sum = weighted(&head, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
        (from - sum % 11) % 10 == check
    })
}

/// A South Korean business number: weights 1, 3, 7, 1, 3, 7, 1, 3, 5 and the tens of the last
/// product (국세청, 사업자등록번호).
pub fn kr_brn(number: &[u8]) -> bool {
    digits::<10>(number).is_some_and(|[head @ .., check]| {
        let [office, .., ninth] = head;
        let sum = weighted(&head, &[1, 3, 7, 1, 3, 7, 1, 3, 5]) + ninth * 5 / 10;
        // Tax offices have numbers from 101.
        office > 0 && (10 - sum % 10) % 10 == check
    })
}

/// A South Korean driving licence: the region is 11 to 26 or 28 (도로교통법 시행규칙).
pub fn kr_driver_license(number: &[u8]) -> bool {
    digits::<12>(number).is_some_and(|[tens, ones, ..]| matches!(tens * 10 + ones, 11..=26 | 28))
}

/// A Japanese individual number: weights 6 to 2 and 7 to 2, modulo 11 (総務省令第85号 of 2014, art.
/// 5).
pub fn jp_mynumber(number: &[u8]) -> bool {
    let Some(all) = digits::<12>(number) else {
        return false;
    };
    let [head @ .., check] = all;
    let rest = weighted(&head, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    decimal(&head) > 0 && check == if rest < 2 { 0 } else { 11 - rest }
}

/// A Chinese resident identity number: province, birth date, ISO 7064 MOD 11-2 (GB 11643-1999).
pub fn cn_ric(number: &[u8]) -> bool {
    let Some([t, o, _, _, _, _, y1, y2, y3, y4, m1, m2, d1, d2, _, _, _]) =
        number.get(..17).and_then(digits::<17>)
    else {
        return false;
    };
    let year = y1 * 1000 + y2 * 100 + y3 * 10 + y4;
    let province = matches!(
        t * 10 + o,
        11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83
    );
    number.len() == 18
        && province
        && (1800..2100).contains(&year)
        && is_date(year, m1 * 10 + m2, d1 * 10 + d2)
        && mod_11_2(number)
}

/// A Taiwanese identity or residence number: a letter for the place as two digits, 1 or 2 for sex
/// (8 or 9 for residents from 2021), weights 1, 9, 8 ... 1, 1, modulo 10 (戶籍法施行細則; 內政部).
pub fn tw_id(number: &[u8]) -> bool {
    const PLACES: &[u8] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let Some((letter, rest)) = number.split_first() else {
        return false;
    };
    let (Some(place), Some(rest)) = (super::algorithm::place(PLACES, *letter), digits::<9>(rest))
    else {
        return false;
    };
    let (tens, ones) = ((place + 10) / 10, (place + 10) % 10);
    let [sex, ..] = rest;
    let sum = tens + ones * 9 + weighted(&rest, &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    matches!(sex, 1 | 2 | 8 | 9) && sum.is_multiple_of(10)
}

/// A Thai identity number: the first digit 1 to 8, weights 13 to 2, modulo 11 (พระราชบัญญัติการทะเบียนราษฎร
/// พ.ศ. 2534; กรมการปกครอง).
pub fn th_tnin(number: &[u8]) -> bool {
    digits::<13>(number).is_some_and(|[head @ .., check]| {
        let [kind, ..] = head;
        let sum = weighted(&head, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
        (1..=8).contains(&kind) && (11 - sum % 11) % 10 == check
    })
}
