//! Identifiers whose length varies: IBANs, wallets, magnetic stripes.

use super::super::profile::WALLET_BYTES_MIN;
use super::super::{before, byte};
use crate::DataClass;
use crate::check;

/// Most characters of an IBAN (ISO 13616).
const IBAN_BYTES_MAX: usize = 34;
/// Fewest characters of an IBAN.
const IBAN_BYTES_MIN: usize = 15;
/// Longest magnetic stripe (ISO/IEC 7813: track 1 holds 79 characters).
const TRACK_BYTES_MAX: usize = 80;

/// What starts at `start`, where a run of letters and digits goes to `run_end`: class, end, rule.
pub(super) fn at(
    value: &[u8],
    start: usize,
    run_end: usize,
) -> Option<(DataClass, usize, &'static str)> {
    let is_country = |at| byte(value, at).is_ascii_alphabetic();
    let is_check = |at| byte(value, at).is_ascii_digit();
    if is_country(start)
        && is_country(start + 1)
        && is_check(start + 2)
        && is_check(start + 3)
        && let Some(end) = iban(value, start)
    {
        return Some((DataClass::IBAN, end, "iban"));
    }
    let run = value
        .get(start..run_end)
        .filter(|run| run.len() >= WALLET_BYTES_MIN)?;
    check::crypto_wallet(run).then_some((DataClass::CRYPTO_WALLET, run_end, "wallet"))
}

/// Whether the run has the form of a wallet's address, of which its word must tell that it is one.
pub(super) fn is_wallet_form(run: &[u8]) -> bool {
    run.len() >= WALLET_BYTES_MIN && check::crypto_wallet_form(run)
}

/// Where the magnetic stripe starts and ends behind whose sentinel the run at `start` stands.
pub(super) fn track(value: &[u8], start: usize) -> Option<(usize, usize)> {
    let first = match (before(value, start, 1), byte(value, start)) {
        (b'%', b'B' | b'b') | (b';', b'0'..=b'9') => start - 1,
        _ => return None,
    };
    let rest = value.get(first..)?;
    let rest = rest.get(..rest.len().min(TRACK_BYTES_MAX))?;
    let length = rest
        .iter()
        .position(|letter| *letter == b'?')
        .map(|end| end + 1)
        .or_else(|| rest.iter().position(u8::is_ascii_whitespace))
        .unwrap_or(rest.len());
    check::track_data(rest.get(..length)?).then_some((first, first + length))
}

/// Where the IBAN ends that starts at `start`, bare or in groups of four.
fn iban(value: &[u8], start: usize) -> Option<usize> {
    let country = value
        .get(start..)?
        .first_chunk::<2>()?
        .map(|letter| letter.to_ascii_uppercase());
    let length = check::iban_length(country)?;
    let mut compact = [0u8; IBAN_BYTES_MAX];
    let mut filled = 0;
    let mut end = start;
    for (place, letter) in value
        .get(start..)?
        .iter()
        .enumerate()
        .take(IBAN_BYTES_MAX * 2)
    {
        match letter {
            b' ' | b'-' if filled % 4 == 0 && filled > 0 => {}
            _ if letter.is_ascii_alphanumeric() => {
                *compact.get_mut(filled)? = letter.to_ascii_uppercase();
                filled += 1;
                end = start + place + 1;
            }
            _ => break,
        }
        if filled == length {
            break;
        }
    }
    let iban = compact.get(..filled)?;
    let text = value.get(start..end)?;
    // An IBAN is written in one case.
    let mixed = text.iter().any(u8::is_ascii_lowercase) && text.iter().any(u8::is_ascii_uppercase);
    (filled >= IBAN_BYTES_MIN
        && !mixed
        && filled == length
        && !byte(value, end).is_ascii_alphanumeric()
        && check::iban_mod97(iban))
    .then_some(end)
}
