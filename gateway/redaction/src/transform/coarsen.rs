//! What keeps part of the truth: years, ZIP3, `90+`, networks, places, dates that moved.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use classifiers::DataClass;
use jiff::Span;

use super::date::{self, Dated};
use crate::Pseudonyms;

/// Three-digit ZIP codes with 20,000 people or fewer by the Census of 2000, which become `000`
/// (45 CFR 164.514(b)(2)(i)(B); the list is that of the guidance of the Office for Civil Rights of
/// 26 November 2012).
const ZIP3_SMALL: [&[u8; 3]; 17] = [
    b"036", b"059", b"063", b"102", b"203", b"556", b"692", b"790", b"821", b"823", b"830", b"831",
    b"878", b"879", b"884", b"890", b"893",
];

/// Ages above this one are one group (45 CFR 164.514(b)(2)(i)(C)).
const AGE_TOLD_MAX: u32 = 89;

/// Whether values of this class are dates, with a time or without.
pub(super) fn is_date(class: DataClass) -> bool {
    matches!(
        class,
        DataClass::DOB | DataClass::DATE_TIME | DataClass::DATE
    )
}

/// Appends what may stay of a value. Returns whether anything may.
pub(super) fn generalize(
    class: DataClass,
    value: &[u8],
    keys: &dyn Pseudonyms,
    out: &mut Vec<u8>,
) -> bool {
    match class {
        _ if is_date(class) => year(class, value, keys, out),
        DataClass::POSTAL_CODE => zip3(value, out),
        DataClass::AGE => age(value, b"90+", out),
        _ => false,
    }
}

/// Appends the date moved by the days of its subject; where there is no subject, or it cannot be
/// moved, only its year. Returns whether it could.
pub(super) fn shift(
    class: DataClass,
    value: &[u8],
    days_max: u16,
    keys: &dyn Pseudonyms,
    out: &mut Vec<u8>,
) -> bool {
    if !is_date(class) {
        return false;
    }
    let moved = days(days_max, keys).zip(Dated::parse(value));
    let moved = moved.and_then(|(days, dated)| {
        let date = dated.date.checked_add(Span::new().days(days)).ok()?;
        Some((dated, date))
    });
    match moved {
        Some((dated, date)) => {
            dated.write(date, out);
            true
        }
        None => year(class, value, keys, out),
    }
}

/// By how many days the dates of this subject move: never none.
pub(super) fn days(days_max: u16, keys: &dyn Pseudonyms) -> Option<i64> {
    let subject = keys.subject()?;
    let mut drawn = [0; 8];
    // One class for all, so that a birth and a visit of one person move alike.
    keys.fill(
        "date_shift",
        DataClass::DATE,
        subject.as_bytes(),
        &mut drawn,
    )
    .then_some(())?;
    let days_max = u64::from(days_max.max(1));
    let drawn = u64::from_be_bytes(drawn);
    let days = i64::try_from(drawn / 2 % days_max + 1).ok()?;
    Some(if drawn % 2 == 0 { days } else { -days })
}

fn year(class: DataClass, value: &[u8], keys: &dyn Pseudonyms, out: &mut Vec<u8>) -> bool {
    let dated = Dated::parse(value);
    let year = match &dated {
        Some(dated) => Some(dated.date.year()),
        None => date::year_in(value),
    };
    let Some(year) = year.and_then(|year| told_year(class, year, keys)) else {
        return false;
    };
    match dated {
        Some(dated) => dated.write_year(year, out),
        None => out.extend_from_slice(year.to_string().as_bytes()),
    }
    true
}

/// The year, or the first of the group of those who are 90 and older. A birth is told only where the
/// present year is known.
pub(super) fn told_year(class: DataClass, year: i16, keys: &dyn Pseudonyms) -> Option<i16> {
    if class == DataClass::DOB {
        Some(year.max(keys.year()? - 90))
    } else {
        Some(year)
    }
}

/// Three digits of a ZIP or ZIP+4 code; the codes of other countries have no such rule.
pub(super) fn zip3(value: &[u8], out: &mut Vec<u8>) -> bool {
    let shape = |at: usize, byte: &u8| {
        if at == 5 {
            *byte == b'-'
        } else {
            byte.is_ascii_digit()
        }
    };
    let is_zip =
        matches!(value.len(), 5 | 10) && value.iter().enumerate().all(|(at, byte)| shape(at, byte));
    let Some(zip3) = value.first_chunk::<3>().filter(|_| is_zip) else {
        return false;
    };
    let told = if ZIP3_SMALL.contains(&zip3) {
        b"000"
    } else {
        zip3
    };
    out.extend_from_slice(told);
    true
}

/// The age, or `oldest` for those of 90 and more.
pub(super) fn age(value: &[u8], oldest: &[u8], out: &mut Vec<u8>) -> bool {
    let age = std::str::from_utf8(value)
        .ok()
        .and_then(|age| age.parse::<u32>().ok());
    let Some(age) = age else { return false };
    if age > AGE_TOLD_MAX {
        out.extend_from_slice(oldest);
    } else {
        out.extend_from_slice(age.to_string().as_bytes());
    }
    true
}

/// Appends a network or a place that is less exact. Returns whether the value was one.
pub(super) fn truncate(class: DataClass, value: &[u8], decimals: u8, out: &mut Vec<u8>) -> bool {
    match class {
        DataClass::IP => network(value, out),
        DataClass::GEO => place(value, decimals, out),
        _ => false,
    }
}

fn network(value: &[u8], out: &mut Vec<u8>) -> bool {
    let address = std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse::<IpAddr>().ok());
    let network = match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & !0xFF)),
        Some(IpAddr::V6(address)) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 80)))
        }
        None => return false,
    };
    out.extend_from_slice(network.to_string().as_bytes());
    true
}

/// Cuts every fraction to `decimals` digits.
pub(super) fn place(value: &[u8], decimals: u8, out: &mut Vec<u8>) -> bool {
    let is_place = |byte: &u8| byte.is_ascii_digit() || b"+-., ;".contains(byte);
    if !value.iter().all(is_place) {
        return false;
    }
    let mut fraction = None;
    for byte in value {
        match (byte, fraction) {
            (b'.', _) => fraction = Some(0),
            (b'0'..=b'9', Some(digits)) => {
                if digits < decimals {
                    // The point stands only before a digit.
                    out.extend((digits == 0).then_some(b'.'));
                    out.push(*byte);
                }
                fraction = Some(digits.saturating_add(1));
            }
            _ => {
                fraction = None;
                out.push(*byte);
            }
        }
    }
    true
}
