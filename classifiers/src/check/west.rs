//! Numbers of Belgium, France, Ireland, the Netherlands and the United Kingdom.

use super::algorithm::{decimal, digits, is_digits, luhn, stands, weighted};

/// An NHS number: weights 10 to 2, modulo 11; a check of 10 is not issued (NHS Data Model and
/// Dictionary, "NHS NUMBER").
pub fn uk_nhs(number: &[u8]) -> bool {
    let Some(all) = digits::<10>(number) else {
        return false;
    };
    let [head @ .., check] = all;
    let rest = (11 - weighted(&head, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    all.iter().any(|digit| *digit != check) && rest == check
}

/// A National Insurance number: two letters, six digits, a suffix A to D (HMRC National Insurance
/// Manual NIM39110).
pub fn uk_nino(number: &[u8]) -> bool {
    let [first, second, middle @ .., suffix] = number else {
        return false;
    };
    let unused = b"DFIQUV";
    let prefixes: [&[u8; 2]; 7] = [b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"];
    middle.len() == 6
        && is_digits(middle)
        && first.is_ascii_uppercase()
        && second.is_ascii_uppercase()
        && !unused.contains(first)
        && !unused.contains(second)
        && *second != b'O'
        && !prefixes.contains(&&[*first, *second])
        && matches!(suffix, b'A'..=b'D')
}

/// A driving licence of Great Britain: five characters of the surname filled up with 9, the birth
/// date with 5 added to the month's first digit for women, two initials, and three of DVLA's own
/// (DVLA, "Driver number" in the licence's field 5, form D100).
pub fn uk_driving_licence(licence: &[u8]) -> bool {
    let (Some(surname), Some(birth), Some([one, two, _, rest @ ..])) =
        (licence.get(..5), licence.get(5..11), licence.get(11..))
    else {
        return false;
    };
    let letters = surname
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase())
        .count();
    let filled = surname.iter().skip(letters).all(|byte| *byte == b'9');
    let initial = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'9';
    let born = digits::<6>(birth).is_some_and(|[_, m1, m2, d1, d2, _]| {
        matches!(m1 * 10 + m2, 1..=12 | 51..=62) && (1..=31).contains(&(d1 * 10 + d2))
    });
    matches!(licence.len(), 16 | 18)
        && letters > 0
        && filled
        && born
        && initial(one)
        && initial(two)
        && rest.iter().take(2).all(u8::is_ascii_uppercase)
        && rest.iter().skip(2).all(u8::is_ascii_digit)
}

/// An Irish PPS number: seven digits and a check letter modulo 23, weights 8 to 2; a second letter
/// counts nine times (Social Welfare Consolidation Act 2005, s. 262; Department of Social
/// Protection).
pub fn ie_pps(number: &[u8]) -> bool {
    const LETTERS: &[u8] = b"WABCDEFGHIJKLMNOPQRSTUV";
    let (Some(head), Some([check, second @ ..])) =
        (number.get(..7).and_then(digits::<7>), number.get(7..))
    else {
        return false;
    };
    let extra = match second {
        [] | [b'W' | b'T'] => 0,
        [letter @ b'A'..=b'I'] => u32::from(letter - b'A') + 1,
        _ => return false,
    };
    let sum = weighted(&head, &[8, 7, 6, 5, 4, 3, 2]) + extra * 9;
    decimal(&head) > 0 && stands(LETTERS, sum % 23, *check)
}

/// A French NIR: sex, year, month, place, order and a key of 97 less the remainder; Corsica's 2A
/// and 2B count 19 and 18 (INSEE; Décret 82-103 art. 4).
pub fn fr_nir(nir: &[u8]) -> bool {
    let Some((number, key)) = nir.split_at_checked(13) else {
        return false;
    };
    let mut plain = [0; 13];
    plain.copy_from_slice(number);
    if let [_, _, _, _, _, b'2', letter @ (b'A' | b'B'), ..] = &mut plain {
        let corsica = if *letter == b'A' { b'9' } else { b'8' };
        *letter = corsica;
        if let Some(tens) = plain.get_mut(5) {
            *tens = b'1';
        }
    }
    let (Some(all @ [sex, _, _, m1, m2, ..]), Some([k1, k2])) =
        (digits::<13>(&plain), digits::<2>(key))
    else {
        return false;
    };
    matches!(sex, 1..=4 | 7 | 8)
        && matches!(m1 * 10 + m2, 1..=12 | 20..=42 | 50..=99)
        && u64::from(k1 * 10 + k2) == 97 - decimal(&all) % 97
}

/// A French SIREN: nine digits, Luhn (Code de commerce R. 123-221; INSEE).
pub fn fr_siren(siren: &[u8]) -> bool {
    siren.len() == 9 && siren != b"000000000" && luhn(siren)
}

/// A French SIRET: a SIREN and five digits, Luhn over all; La Poste's sum to a multiple of five
/// (INSEE, "SIRET").
pub fn fr_siret(number: &[u8]) -> bool {
    let Some(siren) = number.get(..9) else {
        return false;
    };
    let post = siren == b"356000000"
        && digits::<14>(number).is_some_and(|all| all.iter().sum::<u32>().is_multiple_of(5));
    number.len() == 14 && fr_siren(siren) && (luhn(number) || post)
}

/// A Dutch BSN: the eleven-test, weights 9 to 2 and -1 (Besluit BSN; Logisch Ontwerp BRP, 01.20).
/// Eight digits have lost a zero.
pub fn nl_bsn(bsn: &[u8]) -> bool {
    let Some([head @ .., check]) = padded(bsn) else {
        return false;
    };
    decimal(&head) > 0 && weighted(&head, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == check
}

fn padded(bsn: &[u8]) -> Option<[u32; 9]> {
    let mut full = *b"000000000";
    let start = full
        .len()
        .checked_sub(bsn.len())
        .filter(|start| *start < 2)?;
    full.get_mut(start..)?.copy_from_slice(bsn);
    digits::<9>(&full)
}

/// A Belgian national register or BIS number: birth date, series, and 97 less the remainder of the
/// first nine digits, behind a 2 for births from 2000 (Arrêté royal of 3 April 1984; BIS numbers
/// add 20 or 40 to the month).
pub fn be_nrn(number: &[u8]) -> bool {
    let Some([y1, y2, m1, m2, d1, d2, s1, s2, s3, c1, c2]) = digits::<11>(number) else {
        return false;
    };
    let head = decimal(&[y1, y2, m1, m2, d1, d2, s1, s2, s3]);
    let check = u64::from(c1 * 10 + c2);
    let holds = [head, 2_000_000_000 + head]
        .iter()
        .any(|number| 97 - number % 97 == check);
    holds && (m1 * 10 + m2) % 20 <= 12 && m1 * 10 + m2 <= 52 && d1 * 10 + d2 <= 31
}
