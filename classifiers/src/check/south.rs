//! Numbers of Spain, Italy, Portugal, Greece, Croatia, Turkey and Israel.

use super::algorithm::{
    cross, decimal, digits, is_date, is_digits, luhn, mod_11_10, place, stands, weighted,
};

const NIF_LETTERS: &[u8] = b"TRWAGMYFPDXBNJZSQVHLCKE";

/// A Spanish DNI: eight digits and a letter modulo 23; K, L and M with seven digits for those who
/// have none (Real Decreto 1553/2005 art. 1; Orden EHA/451/2008). A CIF has its own check.
pub fn es_nif(nif: &[u8]) -> bool {
    match nif {
        [b'K' | b'L' | b'M', head @ .., letter] if head.len() == 7 => es_letter(head, *letter),
        [head @ .., letter] if (7..=8).contains(&head.len()) => es_letter(head, *letter),
        _ => false,
    }
}

/// A Spanish NIE: X, Y or Z for 0, 1 or 2, seven digits and the letter of a DNI (Real Decreto
/// 557/2011 art. 206; Orden INT/2058/2008).
pub fn es_nie(nie: &[u8]) -> bool {
    let [first @ b'X'..=b'Z', middle @ .., letter] = nie else {
        return false;
    };
    let mut number = *b"00000000";
    let [head, rest @ ..] = &mut number;
    *head = b'0' + (first - b'X');
    if middle.len() != rest.len() {
        return false;
    }
    rest.copy_from_slice(middle);
    es_letter(&number, *letter)
}

fn es_letter(head: &[u8], letter: u8) -> bool {
    let number = head.iter().fold(0u32, |number, digit| {
        (number * 10 + u32::from(digit.wrapping_sub(b'0'))) % 23
    });
    is_digits(head)
        && head.iter().any(|digit| *digit != b'0')
        && stands(NIF_LETTERS, number, letter)
}

/// A Spanish CIF, the tax number of an organisation: form, seven digits, a control digit or letter
/// (Real Decreto 1065/2007 art. 22; Orden EHA/451/2008).
pub fn es_cif(cif: &[u8]) -> bool {
    let [form, head @ .., control] = cif else {
        return false;
    };
    let Some(head) = digits::<7>(head) else {
        return false;
    };
    let sum: u32 = head
        .iter()
        .zip([2, 1].into_iter().cycle())
        .map(|(digit, weight)| cross(digit * weight))
        .sum();
    let check = (10 - sum % 10) % 10;
    let digit = stands(b"0123456789", check, *control);
    let letter = stands(b"JABCDEFGHI", check, *control);
    match form {
        b'A' | b'B' | b'E' | b'H' => digit,
        b'P' | b'Q' | b'R' | b'S' | b'N' | b'W' => letter,
        b'C' | b'D' | b'F' | b'G' | b'J' | b'U' | b'V' => digit || letter,
        _ => false,
    }
}

/// An Italian codice fiscale of a person: letters of the names, birth date, municipality, and a check
/// letter modulo 26; digits may be replaced by LMNPQRSTUV where two persons would share a code
/// (Decreto Ministeriale 23 December 1976).
pub fn it_fiscal_code(code: &[u8]) -> bool {
    let (Some(names), Some([y1, y2, month, d1, d2, place, p1, p2, p3, check])) =
        (code.get(..6), code.get(6..))
    else {
        return false;
    };
    let all = [*y1, *y2, *d1, *d2, *p1, *p2, *p3].map(it_digit);
    let [
        Some(_),
        Some(_),
        Some(tens),
        Some(ones),
        Some(_),
        Some(_),
        Some(_),
    ] = all
    else {
        return false;
    };
    let day = tens * 10 + ones;
    let sum = code
        .iter()
        .take(15)
        .enumerate()
        .try_fold(0, |sum, (at, byte)| Some(sum + it_value(at, *byte)?));
    names.iter().chain([place]).all(u8::is_ascii_uppercase)
        && b"ABCDEHLMPRST".contains(month)
        && matches!(day, 1..=31 | 41..=71)
        && sum.is_some_and(|sum| stands(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", sum % 26, *check))
}

/// A digit, or the letter that replaces it.
fn it_digit(byte: u8) -> Option<u32> {
    match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        _ => place(b"LMNPQRSTUV", byte),
    }
}

/// What a character counts at an odd place (the first is one) and at an even one.
fn it_value(at: usize, byte: u8) -> Option<u32> {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let value = match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'Z' => byte - b'A',
        _ => return None,
    };
    if at % 2 == 1 {
        return Some(u32::from(value));
    }
    ODD.get(usize::from(value)).copied()
}

/// An Italian partita IVA: seven digits, a province, Luhn (DPR 633/1972 art. 35; Agenzia delle
/// Entrate).
pub fn it_vat(number: &[u8]) -> bool {
    let (Some(company), Some(province)) = (
        number.get(..7).and_then(digits::<7>),
        number.get(7..10).and_then(digits::<3>),
    ) else {
        return false;
    };
    let province = decimal(&province);
    number.len() == 11
        && decimal(&company) > 0
        && matches!(province, 1..=100 | 120 | 121 | 888 | 999)
        && luhn(number)
}

/// A Portuguese NIF: kind of taxpayer, weights 9 to 2, modulo 11 (Decreto-Lei 14/2013; Autoridade
/// Tributária).
pub fn pt_nif(nif: &[u8]) -> bool {
    let Some(all @ [first, second, ..]) = digits::<9>(nif) else {
        return false;
    };
    let [head @ .., check] = all;
    let rest = weighted(&head, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let kind = match first {
        1 | 2 | 3 | 5 | 6 | 8 => true,
        4 => second == 5,
        7 => matches!(second, 0..=2 | 4 | 5 | 7..=9),
        9 => matches!(second, 0 | 1 | 8 | 9),
        _ => false,
    };
    kind && check == if rest < 2 { 0 } else { 11 - rest }
}

/// A Greek AMKA: birth date, four digits, Luhn (Law 3655/2008 art. 153; IDIKA).
pub fn gr_amka(amka: &[u8]) -> bool {
    digits::<11>(amka).is_some_and(|[d1, d2, m1, m2, y1, y2, ..]| {
        is_date(y1 * 10 + y2, m1 * 10 + m2, d1 * 10 + d2) && luhn(amka)
    })
}

/// A Croatian OIB: ISO 7064 MOD 11,10 (Zakon o osobnom identifikacijskom broju, NN 60/08; Pravilnik
/// NN 1/09).
pub fn hr_oib(oib: &[u8]) -> bool {
    oib.len() == 11 && mod_11_10(oib)
}

/// A Turkish identity number: the tenth digit from sums of the odd and even places, the eleventh
/// from all before (Nüfus Hizmetleri Kanunu 5490, art. 46; NVİ).
pub fn tr_tckn(number: &[u8]) -> bool {
    let Some([head @ .., tenth, last]) = digits::<11>(number) else {
        return false;
    };
    let odd: u32 = head.iter().step_by(2).sum();
    let even: u32 = head.iter().skip(1).step_by(2).sum();
    head.first() > Some(&0)
        && (odd * 7 + 100 - even) % 10 == tenth
        && (odd + even + tenth) % 10 == last
}

/// An Israeli identity number: nine digits with leading zeros, Luhn (Population Registry Law
/// 5725-1965).
pub fn il_id(number: &[u8]) -> bool {
    (8..=9).contains(&number.len()) && number.iter().any(|digit| *digit != b'0') && luhn(number)
}
