//! Geographic positions in text: pairs of degrees, `geo:` URIs (RFC 5870), degrees with minutes.
//!
//! Two decimal numbers are most often something else, as the numbers of a vector; so a pair counts
//! where it is the whole value, or where a word or sign says what it is.

use super::{before, byte, finding};
use crate::DataClass;
use crate::finding::Finding;

/// Fewest digits behind the point: three are a hundred metres.
const DECIMALS_MIN: usize = 3;
/// Most bytes before a pair in which a word may tell it.
const WINDOW_BYTES: usize = 32;

/// What tells a pair before it.
static SIGNS: &[&[u8]] = &[
    b"geo:",
    b"lat",
    b"coord",
    b"gps",
    b"posi",
    b"ort:",
    b"ubicaci",
    b"location",
    b"ll=",
    b"q=",
    b"query=",
    b"/@",
    b"center=",
    b"standort",
];

pub(super) fn scan(value: &[u8], findings: &mut Vec<Finding>) {
    for point in memchr::memchr_iter(b'.', value) {
        let seen = findings.last().map_or(0, |last| last.end as usize);
        if point >= seen
            && let Some((start, end, confidence)) = pair(value, point)
        {
            findings.push(finding(DataClass::GEO, start, end, confidence, "position"));
        }
    }
}

/// Finds degrees, minutes and seconds: `48°51'24"N 2°21'03"E`.
pub(super) fn scan_degrees(value: &[u8], findings: &mut Vec<Finding>) {
    let mut from = 0;
    for degree in memchr::memmem::find_iter(value, "°".as_bytes()) {
        if degree < from {
            continue;
        }
        let Some((start, middle, true)) = angle(value, degree, b"NS") else {
            continue;
        };
        let gap = blanks(value, middle);
        let next = value.get(middle + gap..).unwrap_or_default();
        let second = memchr::memmem::find(
            next.get(..next.len().min(8)).unwrap_or(next),
            "°".as_bytes(),
        )
        .and_then(|degree| angle(value, middle + gap + degree, b"EWO"));
        if let Some((_, end, true)) = second {
            findings.push(finding(DataClass::GEO, start, end, 90, "position"));
            from = end;
        }
    }
}

/// Where the angle around a degree sign starts and ends, and whether one of these letters ends it.
fn angle(value: &[u8], degree: usize, letters: &[u8]) -> Option<(usize, usize, bool)> {
    let head = value.get(..degree)?;
    let digits = head
        .iter()
        .rev()
        .take(12)
        .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
        .count();
    let rest = value.get(degree..)?;
    let length = rest
        .iter()
        .take(28)
        .take_while(|byte| byte.is_ascii_digit() || b" .'\"".contains(byte) || **byte >= 0x80)
        .count();
    let end = degree + length;
    let lettered =
        letters.contains(&byte(value, end)) && !byte(value, end + 1).is_ascii_alphabetic();
    (digits > 0).then_some((degree - digits, end + usize::from(lettered), lettered))
}

/// The pair whose first number's point stands at `point`.
fn pair(value: &[u8], point: usize) -> Option<(usize, usize, u8)> {
    let (start, first_end) = number(value, point)?;
    let separator = blanks(value, first_end);
    let second = first_end + separator;
    let digits = value.get(second..)?.iter().take(4);
    let point = second
        + digits
            .take_while(|byte| byte.is_ascii_digit() || **byte == b'-')
            .count();
    let (second_start, end) = number(value, point)?;
    let latitude = degrees(value.get(start..first_end)?)?;
    let longitude = degrees(value.get(second..end)?)?;
    if separator == 0
        || second_start != second
        || latitude.abs() > 90.0
        || longitude.abs() > 180.0
        || goes_on(value, start, end)
    {
        return None;
    }
    if start == 0 && end == value.len() {
        return Some((start, end, 80));
    }
    told(value, start).then_some((start, end, 85))
}

/// Where the decimal number around a point starts and ends, if it has decimals enough.
fn number(value: &[u8], point: usize) -> Option<(usize, usize)> {
    if byte(value, point) != b'.' {
        return None;
    }
    let head = value.get(..point)?.iter().rev().take(4);
    let whole = head.take_while(|byte| byte.is_ascii_digit()).count();
    let rest = value.get(point + 1..)?.iter().take(17);
    let decimals = rest.take_while(|byte| byte.is_ascii_digit()).count();
    let minus = usize::from(before(value, point - whole, 1) == b'-');
    ((1..=3).contains(&whole) && (DECIMALS_MIN..=16).contains(&decimals))
        .then_some((point - whole - minus, point + 1 + decimals))
}

fn degrees(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// How many bytes separate two numbers: a comma, a semicolon or blanks.
fn blanks(value: &[u8], at: usize) -> usize {
    let rest = value.get(at..).unwrap_or_default().iter().take(3);
    rest.take_while(|byte| matches!(byte, b',' | b' ' | b';' | b'/'))
        .count()
}

/// Whether other numbers stand before or behind, as in a vector, or a word goes on.
fn goes_on(value: &[u8], start: usize, end: usize) -> bool {
    let list = |at: usize| {
        let gap = blanks(value, at);
        gap > 0
            && matches!(byte(value, at + gap), b'0'..=b'9' | b'-')
            && byte(value, at + gap + 1) != b' '
    };
    let head = value.get(..start).unwrap_or_default().trim_ascii_end();
    let listed = matches!(head, [.., b'0'..=b'9', b',' | b';'] | [.., b'0'..=b'9']);
    let zoom = value.get(..start).is_some_and(|head| head.ends_with(b"/@"));
    let next = byte(value, end);
    listed
        || list(end) && !zoom
        || next.is_ascii_alphanumeric()
        || next == b'.' && byte(value, end + 1).is_ascii_digit()
}

/// Whether what stands before says that a position follows.
fn told(value: &[u8], start: usize) -> bool {
    let head = value.get(..start).unwrap_or_default();
    let head = head
        .get(head.len().saturating_sub(WINDOW_BYTES)..)
        .unwrap_or(head);
    SIGNS.iter().any(|sign| {
        head.windows(sign.len())
            .any(|part| part.eq_ignore_ascii_case(sign))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut findings = Vec::new();
        scan(text.as_bytes(), &mut findings);
        scan_degrees(text.as_bytes(), &mut findings);
        let texts = findings.iter().map(|finding| {
            text.get(finding.start.try_into().unwrap()..finding.end.try_into().unwrap())
        });
        texts.map(Option::unwrap).collect()
    }

    #[test]
    fn positions_are_told() {
        assert_eq!(found("48.8566,2.3522"), ["48.8566,2.3522"]);
        assert_eq!(found("-33.86882, 151.20930"), ["-33.86882, 151.20930"]);
        assert_eq!(found("geo:48.2010,16.3695;u=35"), ["48.2010,16.3695"]);
        assert_eq!(found("GPS 52.5200 13.4050 at noon"), ["52.5200 13.4050"]);
        assert_eq!(
            found("https://maps.example/@48.8566,2.3522,15z"),
            ["48.8566,2.3522"]
        );
        assert_eq!(
            found("at 48°51'24\"N 2°21'03\"E."),
            ["48°51'24\"N 2°21'03\"E"]
        );
    }

    #[test]
    fn other_pairs_are_no_positions() {
        for text in [
            "0.567687, 0.829489, 0.644447",
            "ratio 0.1234 0.5678",
            "1.2.3456, 7.8901",
            "91.1234, 181.1234",
            "12.50, 13.75",
            "20° C and 30° F",
            "lat of 1.2345",
        ] {
            assert!(found(text).is_empty(), "{text}: {:?}", found(text));
        }
    }
}
