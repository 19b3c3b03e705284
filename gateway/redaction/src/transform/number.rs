//! Numbers stay numbers: what stands in the place of one.

use classifiers::DataClass;
use jiff::{Timestamp, Unit, civil::Date, tz::TimeZone};

use super::{Edit, coarsen, date::Dated, imitate};
use crate::{Action, Pseudonyms, pseudonym};

/// Appends the number that stands for `value` after `edit`: `0` where nothing of it may stay.
pub(super) fn write(edit: Edit, value: &[u8], keys: &dyn Pseudonyms, out: &mut Vec<u8>) {
    let class = edit.class;
    let start = out.len();
    let written = match edit.action {
        // A number has no room for a token: who must read it back asks for text upstream.
        Action::Tokenize | Action::Encipher => imitate::encipher_number(class, value, keys, out),
        Action::Pseudonymize => {
            pseudonym::write_number(keys.pseudonym(class, value), value, out);
            true
        }
        Action::Synthesize => imitate::number(class, value, keys, out),
        Action::DateShift(days) => shift(class, value, days, keys, out),
        Action::Truncate(decimals) => {
            class == DataClass::GEO && coarsen::place(value, decimals, out)
        }
        Action::Generalize => generalize(class, value, keys, out),
        _ => false,
    };
    if !written {
        out.truncate(start);
        out.push(b'0');
    }
}

fn generalize(class: DataClass, value: &[u8], keys: &dyn Pseudonyms, out: &mut Vec<u8>) -> bool {
    match class {
        DataClass::AGE => coarsen::age(value, b"90", out),
        DataClass::POSTAL_CODE => zip3(value, out),
        _ if coarsen::is_date(class) => year(class, value, keys, out),
        _ => false,
    }
}

/// Three digits; the zeros that a number cannot lead with are put back first and left out again.
fn zip3(value: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(number) = whole(value).filter(|zip| *zip < 100_000) else {
        return false;
    };
    let mut zip3 = Vec::new();
    if !coarsen::zip3(format!("{number:05}").as_bytes(), &mut zip3) {
        return false;
    }
    let told = whole(&zip3).unwrap_or_default();
    out.extend_from_slice(told.to_string().as_bytes());
    true
}

/// The year of a year, of `19710309`, or of a time since 1970, in the form it came in.
fn year(class: DataClass, value: &[u8], keys: &dyn Pseudonyms, out: &mut Vec<u8>) -> bool {
    let year = |year| coarsen::told_year(class, year, keys);
    if let Some(dated) = Dated::parse(value) {
        let told = year(dated.date.year());
        return told.is_some_and(|told| {
            dated.write_year(told, out);
            true
        });
    }
    let told = match Epoch::of(value) {
        Some(epoch) => {
            year(epoch.date().year()).and_then(|told| epoch.at(Date::new(told, 1, 1).ok()?))
        }
        None => whole(value)
            .and_then(|number| i16::try_from(number).ok())
            .filter(|number| (1000..=9999).contains(number))
            .and_then(year)
            .map(i64::from),
    };
    told.is_some_and(|told| {
        out.extend_from_slice(told.to_string().as_bytes());
        true
    })
}

fn shift(
    class: DataClass,
    value: &[u8],
    days_max: u16,
    keys: &dyn Pseudonyms,
    out: &mut Vec<u8>,
) -> bool {
    match (Epoch::of(value), coarsen::days(days_max, keys)) {
        (Some(epoch), Some(days)) if coarsen::is_date(class) => {
            let moved = epoch.number + days * epoch.day;
            out.extend_from_slice(moved.to_string().as_bytes());
            true
        }
        _ if Dated::parse(value).is_some() => coarsen::shift(class, value, days_max, keys, out),
        _ => coarsen::is_date(class) && year(class, value, keys, out),
    }
}

/// A time as a number since 1970: seconds of ten digits, milliseconds of thirteen.
struct Epoch {
    number: i64,
    /// What a day is in its unit.
    day: i64,
}

impl Epoch {
    fn of(value: &[u8]) -> Option<Self> {
        let day = match value.len() {
            10 => 86_400,
            13 => 86_400_000,
            _ => return None,
        };
        let number = whole(value)?;
        Some(Self { number, day })
    }

    fn date(&self) -> Date {
        let seconds = self.number / (self.day / 86_400);
        let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
        time.to_zoned(TimeZone::UTC).date()
    }

    /// Midnight of a day in its unit.
    fn at(&self, date: Date) -> Option<i64> {
        let epoch = Date::new(1970, 1, 1).ok()?;
        let days = date.since((Unit::Day, epoch)).ok()?.get_days();
        Some(i64::from(days) * self.day)
    }
}

fn whole(digits: &[u8]) -> Option<i64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
