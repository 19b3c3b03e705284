//! Numbers of the Americas.

use super::algorithm::{decimal, digits, is_date, is_digits, luhn, place, stands, weighted};

/// Whether the Social Security Administration could have issued this number: area not 000, 666 or
/// 9xx, group not 00, serial not 0000 (SSA POMS RM 10201.035), and not one of two numbers that were
/// printed in advertisements.
pub fn us_ssn(ssn: &[u8]) -> bool {
    let (Some(area), Some(group), Some(serial)) = (ssn.get(..3), ssn.get(3..5), ssn.get(5..9))
    else {
        return false;
    };
    ssn.len() == 9
        && is_digits(ssn)
        && !area.starts_with(b"9")
        && area != b"000"
        && area != b"666"
        && group != b"00"
        && serial != b"0000"
        && ssn != b"078051120"
        && ssn != b"219099999"
}

/// A US Individual Taxpayer Identification Number: 9, then a fourth and fifth digit of 50 to 65,
/// 70 to 88, 90 to 92 or 94 to 99 (IRS Internal Revenue Manual 3.21.263.5.2).
pub fn us_itin(itin: &[u8]) -> bool {
    digits::<9>(itin).is_some_and(|[first, _, _, tens, ones, ..]| {
        first == 9 && matches!(tens * 10 + ones, 50..=65 | 70..=88 | 90..=92 | 94..=99)
    })
}

/// A US Employer Identification Number: the prefix is one that the IRS has assigned ("How EINs are
/// assigned and valid EIN prefixes", irs.gov).
pub fn us_ein(ein: &[u8]) -> bool {
    digits::<9>(ein).is_some_and(|[tens, ones, ..]| {
        !matches!(
            tens * 10 + ones,
            0 | 7..=9 | 17..=19 | 28 | 29 | 49 | 69 | 70 | 78 | 79 | 89 | 96 | 97
        )
    })
}

/// A routing number of the American Bankers Association: Federal Reserve prefix, weights 3, 7, 1,
/// modulo 10 (ABA Routing Number Policy; Federal Reserve Operating Circular 4).
pub fn us_aba_routing(number: &[u8]) -> bool {
    digits::<9>(number).is_some_and(|all| {
        let [tens, ones, ..] = all;
        let prefix = tens * 10 + ones;
        matches!(prefix, 0..=12 | 21..=32 | 61..=72 | 80)
            && decimal(&all) > 0
            && weighted(&all, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
    })
}

/// A Canadian Social Insurance Number: Luhn; none begins with 0 or 8 (Employment and Social
/// Development Canada, "Social Insurance Number Code of Practice").
pub fn ca_sin(sin: &[u8]) -> bool {
    sin.len() == 9 && !matches!(sin.first(), Some(b'0' | b'8')) && luhn(sin)
}

/// A Mexican CURP: four letters, a date, sex, state, three consonants, a mark of the century and a
/// check digit with weights 18 to 2 (Instructivo Normativo para la asignación de la CURP, DOF
/// 18.10.2021).
pub fn mx_curp(curp: &[u8]) -> bool {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ";
    let (Some((check, head)), Some(letters), Some(birth)) =
        (curp.split_last(), curp.get(..4), curp.get(4..10))
    else {
        return false;
    };
    let (Some([y1, y2, m1, m2, d1, d2]), Some([sex, s1, s2, inner @ .., _])) =
        (digits::<6>(birth), head.get(10..))
    else {
        return false;
    };
    let sum = head
        .iter()
        .zip((2..=18).rev())
        .try_fold(0, |sum, (byte, weight)| {
            Some(sum + place(ALPHABET, *byte)? * weight)
        });
    curp.len() == 18
        && letters.iter().chain(inner).all(u8::is_ascii_uppercase)
        && matches!(sex, b'H' | b'M' | b'X')
        && MX_STATES.contains(&[*s1, *s2])
        && is_date(y1 * 10 + y2, m1 * 10 + m2, d1 * 10 + d2)
        && sum.is_some_and(|sum| stands(b"0123456789", (10 - sum % 10) % 10, *check))
}

/// The codes of the states of Mexico, `NE` for born abroad.
static MX_STATES: &[[u8; 2]] = &[
    *b"AS", *b"BC", *b"BS", *b"CC", *b"CH", *b"CL", *b"CM", *b"CS", *b"DF", *b"DG", *b"GR", *b"GT",
    *b"HG", *b"JC", *b"MC", *b"MN", *b"MS", *b"NE", *b"NL", *b"NT", *b"OC", *b"PL", *b"QR", *b"QT",
    *b"SL", *b"SP", *b"SR", *b"TC", *b"TL", *b"TS", *b"VZ", *b"YN", *b"ZS",
];

/// A Brazilian CPF: two check digits modulo 11, not all digits the same (Receita Federal, Instrução
/// Normativa RFB 2.172/2024).
pub fn br_cpf(cpf: &[u8]) -> bool {
    const WEIGHTS: [u32; 10] = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
    let Some(all @ [head @ .., first, second]) = digits::<11>(cpf) else {
        return false;
    };
    let [_, short @ ..] = WEIGHTS;
    let [most @ .., _] = all;
    all.iter().any(|digit| *digit != second)
        && br_digit(weighted(&head, &short)) == first
        && br_digit(weighted(&most, &WEIGHTS)) == second
}

/// A Brazilian CNPJ, also with letters as issued from July 2026: a character counts its ASCII code
/// less 48 (Receita Federal, Instrução Normativa RFB 2.229/2024).
pub fn br_cnpj(cnpj: &[u8]) -> bool {
    const WEIGHTS: [u32; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    let Ok(all) = <[u8; 14]>::try_from(cnpj) else {
        return false;
    };
    let all @ [head @ .., first, second] = all.map(|byte| u32::from(byte.wrapping_sub(b'0')));
    let [_, short @ ..] = WEIGHTS;
    let [most @ .., _] = all;
    cnpj.iter()
        .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        && all.iter().any(|digit| *digit != second)
        && br_digit(weighted(&head, &short)) == first
        && br_digit(weighted(&most, &WEIGHTS)) == second
}

fn br_digit(sum: u32) -> u32 {
    match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

/// An Argentine CUIT or CUIL: type 20, 23 to 27, 30, 33 or 34, and a check digit modulo 11 (AFIP,
/// Resolución General 3995/2017).
pub fn ar_cuit(cuit: &[u8]) -> bool {
    let Some(all @ [tens, ones, ..]) = digits::<11>(cuit) else {
        return false;
    };
    let [head @ .., check] = all;
    let rest = (11 - weighted(&head, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    matches!(tens * 10 + ones, 20 | 23..=27 | 30 | 33 | 34)
        && check == if rest == 10 { 9 } else { rest }
}

/// A Chilean RUT: weights 2 to 7 from the right, modulo 11, `K` for ten (Servicio de Impuestos
/// Internos; Decreto con Fuerza de Ley 3 of 1969).
pub fn cl_rut(rut: &[u8]) -> bool {
    let Some((check, head)) = rut.split_last() else {
        return false;
    };
    let sum: u32 = head
        .iter()
        .rev()
        .zip((2..=7).cycle())
        .map(|(digit, weight)| u32::from(digit.wrapping_sub(b'0')) * weight)
        .sum();
    (7..=8).contains(&head.len())
        && is_digits(head)
        && head.iter().any(|digit| *digit != b'0')
        && stands(b"0123456789K", (11 - sum % 11) % 11, *check)
}
