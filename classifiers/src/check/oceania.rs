//! Numbers of Australia, New Zealand and South Africa.

use super::algorithm::{decimal, digits, is_date, luhn, weighted};

/// An Australian tax file number: weights 1, 4, 3, 7, 5, 8, 6, 9, 10 (eight digits: 10, 7, 8, 4, 6,
/// 3, 5, 1), a multiple of 11 (Taxation Administration Act 1953 Part VA; ATO, "TFN algorithm").
pub fn au_tfn(tfn: &[u8]) -> bool {
    let sum = match (digits::<9>(tfn), digits::<8>(tfn)) {
        (Some(all), _) => weighted(&all, &[1, 4, 3, 7, 5, 8, 6, 9, 10]),
        (_, Some(all)) => weighted(&all, &[10, 7, 8, 4, 6, 3, 5, 1]),
        _ => return false,
    };
    sum > 0 && sum.is_multiple_of(11)
}

/// An Australian Business Number: one less in the first digit, weights 10, 1, 3 ... 19, a multiple
/// of 89 (Australian Business Register, "Format of the ABN").
pub fn au_abn(abn: &[u8]) -> bool {
    const WEIGHTS: [u32; 11] = [10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19];
    digits::<11>(abn).is_some_and(|all| {
        let [first, ..] = all;
        first > 0 && (weighted(&all, &WEIGHTS) - 10).is_multiple_of(89)
    })
}

/// An Australian Company Number: weights 8 to 1, modulo 10 (ASIC, "Australian Company Number digit
/// check").
pub fn au_acn(acn: &[u8]) -> bool {
    digits::<9>(acn).is_some_and(|[head @ .., check]| {
        decimal(&head) > 0 && (10 - weighted(&head, &[8, 7, 6, 5, 4, 3, 2, 1]) % 10) % 10 == check
    })
}

/// An Australian Medicare card: the first digit 2 to 6, weights 1, 3, 7, 9, modulo 10, the issue
/// number, and the person's own digit if it is there (Services Australia; `METeOR` 270101).
pub fn au_medicare(card: &[u8]) -> bool {
    let Some((number, rest)) = card.split_at_checked(9) else {
        return false;
    };
    digits::<9>(number).is_some_and(|[head @ .., check]| {
        let [first, ..] = head;
        (2..=6).contains(&first)
            && weighted(&head, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == check
            && matches!(rest, [b'1'..=b'9'] | [b'1'..=b'9', b'1'..=b'9'])
    })
}

/// A New Zealand IRD number: weights 3, 2, 7, 6, 5, 4, 3, 2, and a second round where the first gives
/// 10 (Inland Revenue, "Non-Resident Withholding Tax and Resident Withholding Tax Specification
/// Document", 31 March 2016). There numbers end at 150,000,000, as "expected to be issued in the next
/// 10 years"; those are over, so more are taken, up to 200,000,000.
pub fn nz_ird(number: &[u8]) -> bool {
    let mut padded = *b"000000000";
    let start = padded.len().saturating_sub(number.len()).min(1);
    let Some(target) = padded
        .get_mut(start..)
        .filter(|target| target.len() == number.len())
    else {
        return false;
    };
    target.copy_from_slice(number);
    let Some(full) = digits::<9>(&padded) else {
        return false;
    };
    let [head @ .., check] = full;
    let round = |weights: [u32; 8]| (11 - weighted(&head, &weights) % 11) % 11;
    let first = round([3, 2, 7, 6, 5, 4, 3, 2]);
    let last = if first == 10 {
        round([7, 4, 3, 2, 5, 2, 7, 6])
    } else {
        first
    };
    (10_000_000..200_000_000).contains(&decimal(&full)) && last == check
}

/// A South African identity number: birth date, series, 0 for citizens, 1 for residents or 2 for
/// refugees, Luhn (Identification Act 68 of 1997, s. 7).
pub fn za_id(number: &[u8]) -> bool {
    digits::<13>(number).is_some_and(|[y1, y2, m1, m2, d1, d2, _, _, _, _, status, ..]| {
        status <= 2 && is_date(y1 * 10 + y2, m1 * 10 + m2, d1 * 10 + d2) && luhn(number)
    })
}
