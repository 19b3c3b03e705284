//! Numbers of Poland, Czechia, Slovakia, Romania and Bulgaria.

use super::algorithm::{decimal, digits, is_date, weighted};

/// A Polish PESEL: birth date with the century in the month, weights 1, 3, 7, 9, modulo 10 (Ustawa o
/// ewidencji ludności, art. 15).
pub fn pl_pesel(pesel: &[u8]) -> bool {
    let Some(all @ [y1, y2, m1, m2, d1, d2, ..]) = digits::<11>(pesel) else {
        return false;
    };
    let [head @ .., check] = all;
    let month = m1 * 10 + m2;
    let century = match month / 20 {
        4 => 1800,
        shift => 1900 + shift * 100,
    };
    is_date(century + y1 * 10 + y2, month % 20, d1 * 10 + d2)
        && (10 - weighted(&head, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10 == check
}

/// A Polish NIP: weights 6, 5, 7, 2, 3, 4, 5, 6, 7, modulo 11 (Ustawa o zasadach ewidencji i
/// identyfikacji podatników, art. 8).
pub fn pl_nip(nip: &[u8]) -> bool {
    digits::<10>(nip).is_some_and(|[head @ .., check]| {
        decimal(&head) > 0 && weighted(&head, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == check
    })
}

/// A Czech or Slovak birth number: date with 50 added to the month of women (20 more where numbers
/// ran out), and from 1954 a tenth digit that makes it a multiple of 11 (zákon 133/2000 Sb. § 13;
/// zákon 301/1995 Z. z. § 2).
pub fn cz_rc(number: &[u8]) -> bool {
    if let Some([y1, y2, m1, m2, d1, d2, ..]) = digits::<9>(number) {
        let year = y1 * 10 + y2;
        return year < 54 && is_date(1900 + year, (m1 * 10 + m2) % 50, d1 * 10 + d2);
    }
    let Some(all @ [y1, y2, m1, m2, d1, d2, ..]) = digits::<10>(number) else {
        return false;
    };
    let [head @ .., check] = all;
    let year = y1 * 10 + y2;
    let month = (m1 * 10 + m2) % 50;
    let born = is_date(
        if year < 54 { 2000 } else { 1900 } + year,
        if month > 20 { month - 20 } else { month },
        d1 * 10 + d2,
    );
    // Until 1985 a remainder of 10 was written as 0.
    born && decimal(&head) % 11 % 10 == u64::from(check)
}

/// A Romanian CNP: sex and century, birth date, county, weights 279146358279, modulo 11 (Legea
/// 105/1996; OUG 97/2005).
pub fn ro_cnp(cnp: &[u8]) -> bool {
    let Some(all @ [sex, y1, y2, m1, m2, d1, d2, c1, c2, ..]) = digits::<13>(cnp) else {
        return false;
    };
    let [head @ .., check] = all;
    let rest = weighted(&head, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    let century = match sex {
        1 | 2 => 1900,
        3 | 4 => 1800,
        5 | 6 => 2000,
        // Residents of any century.
        _ => 0,
    };
    sex > 0
        && is_date(century + y1 * 10 + y2, m1 * 10 + m2, d1 * 10 + d2)
        && matches!(c1 * 10 + c2, 1..=48 | 51 | 52 | 70 | 80..=83)
        && check == if rest == 10 { 1 } else { rest }
}

/// A Bulgarian EGN: birth date with 20 or 40 added to the month for the 1800s and 2000s, weights 2,
/// 4, 8, 5, 10, 9, 7, 3, 6, modulo 11 (Закон за гражданската регистрация, art. 11; Наредба РД-02-20-9,
/// annex).
pub fn bg_egn(egn: &[u8]) -> bool {
    let Some(all @ [y1, y2, m1, m2, d1, d2, ..]) = digits::<10>(egn) else {
        return false;
    };
    let [head @ .., check] = all;
    let month = m1 * 10 + m2;
    let century = match month {
        21..=32 => 1800,
        41..=52 => 2000,
        _ => 1900,
    };
    month < 60
        && is_date(century + y1 * 10 + y2, month % 20, d1 * 10 + d2)
        && weighted(&head, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == check
}
