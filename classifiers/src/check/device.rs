//! Vehicles, devices and goods.

use super::algorithm::{digits, is_digits, luhn, weighted};

/// The form of a vehicle identification number: seventeen characters without I, O and Q, letters
/// and digits, the last four digits (ISO 3779:2009; 49 CFR 565.13).
pub fn vin_form(vin: &[u8]) -> bool {
    let last = vin.get(13..).unwrap_or_default();
    vin.len() == 17
        && vin.iter().all(|byte| vin_value(*byte).is_some())
        && vin.iter().any(u8::is_ascii_uppercase)
        && is_digits(last)
}

/// A vehicle identification number with the check digit of North America and China (49 CFR
/// 565.15(c); GB 16735).
pub fn vin(vin: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum = vin.iter().zip(WEIGHTS).try_fold(0, |sum, (byte, weight)| {
        Some(sum + vin_value(*byte)? * weight)
    });
    let check = match vin.get(8) {
        Some(b'X') => Some(10),
        Some(byte @ b'0'..=b'9') => Some(u32::from(byte - b'0')),
        _ => None,
    };
    vin.len() == 17 && sum.map(|sum| sum % 11) == check && check.is_some()
}

fn vin_value(byte: u8) -> Option<u32> {
    let value = match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'H' => byte - b'A' + 1,
        b'J'..=b'N' => byte - b'J' + 1,
        b'P' => 7,
        b'R' => 9,
        b'S'..=b'Z' => byte - b'S' + 2,
        _ => return None,
    };
    Some(u32::from(value))
}

/// An IMEI: fifteen digits, Luhn (3GPP TS 23.003 annex B; GSMA TS.06). An IMEISV of sixteen has two
/// digits of the software version in place of the check.
pub fn imei(imei: &[u8]) -> bool {
    imei.len() == 15 && imei.iter().any(|digit| *digit != b'0') && luhn(imei)
}

/// Thirteen digits with the check of EAN-13 (GS1 General Specifications 7.9).
pub fn ean_13(number: &[u8]) -> bool {
    digits::<13>(number).is_some_and(|all| {
        weighted(&all, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
    })
}

/// Fourteen digits with the check of a GTIN (GS1 General Specifications 7.9).
pub fn gtin(number: &[u8]) -> bool {
    digits::<14>(number).is_some_and(|all| {
        weighted(&all, &[3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
    })
}
