//! Numbers and codes of health care.

use super::algorithm::{digits, is_digits, luhn, luhn_sum, place, stands, verhoeff, weighted};

/// A US National Provider Identifier: ten digits, the first 1 or 2, Luhn over `80840` and the
/// number (CMS, "Requirements for NPI and NPI check digit", 2004). `80840` adds 24 to the sum.
pub fn us_npi(npi: &[u8]) -> bool {
    npi.len() == 10
        && matches!(npi.first(), Some(b'1' | b'2'))
        && is_digits(npi)
        && (luhn_sum(npi) + 24).is_multiple_of(10)
}

/// A number of the US Drug Enforcement Administration: registrant's kind, a letter or 9, six digits
/// and a check digit (21 CFR 1301.13; DEA Diversion Control Division, "DEA registration number").
pub fn us_dea(number: &[u8]) -> bool {
    let [kind, name, rest @ ..] = number else {
        return false;
    };
    digits::<7>(rest).is_some_and(|all| {
        let [.., check] = all;
        b"ABCDEFGHJKLMPRSTUX".contains(kind)
            && (name.is_ascii_uppercase() || *name == b'9')
            && all.iter().any(|digit| *digit > 0)
            && weighted(&all, &[1, 2, 1, 2, 1, 2, 0]) % 10 == check
    })
}

/// A US Medicare Beneficiary Identifier: eleven places of a fixed kind, no S, L, O, I, B, Z (CMS,
/// "Understanding the Medicare Beneficiary Identifier format").
pub fn us_mbi(mbi: &[u8]) -> bool {
    let letter = |byte: u8| byte.is_ascii_uppercase() && !b"SLOIBZ".contains(&byte);
    mbi.len() == MBI_PLACES.len()
        && mbi.iter().zip(MBI_PLACES).all(|(byte, place)| match place {
            b'1' => matches!(byte, b'1'..=b'9'),
            b'9' => byte.is_ascii_digit(),
            b'A' => letter(*byte),
            _ => letter(*byte) || byte.is_ascii_digit(),
        })
}

/// The places of an MBI: `1` a digit but 0, `9` a digit, `A` a letter, `*` either.
const MBI_PLACES: &[u8] = b"1A*9A*9AA99";

/// A code of LOINC: up to seven digits, of which the last, behind a hyphen, is Luhn (Regenstrief
/// Institute, LOINC Users' Guide, appendix C).
pub fn loinc(code: &[u8]) -> bool {
    let [head @ .., b'-', check] = code else {
        return false;
    };
    let mut plain = [0; 8];
    let count = head.len();
    if let (Some(target), true) = (plain.get_mut(..count), (1..=7).contains(&count)) {
        target.copy_from_slice(head);
    } else {
        return false;
    }
    if let Some(last) = plain.get_mut(count) {
        *last = *check;
    }
    plain.get(..=count).is_some_and(luhn)
}

/// An identifier of SNOMED CT: six to eighteen digits, the two before the last of a kind that exists
/// (component and namespace), Verhoeff (SNOMED CT Release File Specifications, 6 SCTID).
pub fn snomed(id: &[u8]) -> bool {
    let partition = id
        .len()
        .checked_sub(3)
        .and_then(|start| id.get(start..start + 2));
    (6..=18).contains(&id.len())
        && id.first() != Some(&b'0')
        && matches!(partition, Some([b'0' | b'1', b'0'..=b'2']))
        && verhoeff(id)
}

/// An `RxNorm` concept: up to eight digits (NLM, `RxNorm` Technical Documentation, RXCUI).
pub fn rxnorm(code: &[u8]) -> bool {
    (1..=8).contains(&code.len()) && is_digits(code) && code.first() != Some(&b'0')
}

/// A National Drug Code: labeler, product and package in 4-4-2, 5-3-2 or 5-4-1, eleven digits in
/// claims 5-4-2 (21 CFR 207.33; 45 CFR 162.1002).
pub fn ndc(code: &[u8]) -> bool {
    let mut parts = [0; 3];
    let mut count = 0;
    for part in code.split(|byte| *byte == b'-') {
        let Some(slot) = parts.get_mut(count).filter(|_| is_digits(part)) else {
            return false;
        };
        *slot = part.len();
        count += 1;
    }
    match count {
        1 => matches!(parts, [10 | 11, ..]),
        3 => matches!(parts, [4, 4, 2] | [5, 3, 2] | [5, 4, 1 | 2]),
        _ => false,
    }
}

/// The form of a code of ICD-10-CM: letter, digit, digit or letter, and up to four behind a dot (CMS,
/// ICD-10-CM Official Guidelines I.A).
pub fn icd_10_cm(code: &[u8]) -> bool {
    let [letter, digit, third, rest @ ..] = code else {
        return false;
    };
    let extension = match rest {
        [] => rest,
        [b'.', extension @ ..] if !extension.is_empty() => extension,
        _ => return false,
    };
    letter.is_ascii_uppercase()
        && digit.is_ascii_digit()
        && (third.is_ascii_digit() || matches!(third, b'A' | b'B'))
        && extension.len() <= 4
        && extension
            .iter()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

/// The form of a CPT code: five digits, or four and F, T or U (AMA, CPT categories I to III and PLA).
pub fn cpt(code: &[u8]) -> bool {
    matches!(code, [head @ .., last]
        if head.len() == 4
            && is_digits(head)
            && (last.is_ascii_digit() || matches!(last, b'F' | b'T' | b'U')))
}

/// A device identifier as 21 CFR 830.20 has it, of GS1 (`(01)` and fourteen digits, GS1 General
/// Specifications 3.2) or HIBCC (`+`, ANSI/HIBC 2.6).
pub fn udi(udi: &[u8]) -> bool {
    if let Some(rest) = udi
        .strip_prefix(b"(01)")
        .or_else(|| udi.strip_prefix(b"01"))
    {
        return rest.get(..14).is_some_and(super::gtin);
    }
    udi.strip_prefix(b"+").is_some_and(|_| hibc(udi))
}

/// The link character of a HIBC symbol: values of all characters, modulo 43 (ANSI/HIBC 2.6, appendix
/// B).
fn hibc(symbol: &[u8]) -> bool {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%";
    let [head @ .., check] = symbol else {
        return false;
    };
    let sum = head
        .iter()
        .try_fold(0, |sum, byte| Some(sum + place(ALPHABET, *byte)?));
    head.len() > 6
        && matches!(head, [b'+', b'A'..=b'Z', ..])
        && sum.is_some_and(|sum| stands(ALPHABET, sum % 43, *check))
}
