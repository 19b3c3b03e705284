//! Dates and instants as every API writes them (RFC 3339, ISO 8601): the most frequent values with
//! so many digits. Where no name says whose they are they tell nothing, and no detector need look.

/// Longest that is told apart, in bytes: `2025-11-03T09:12:44.123456789+01:00`.
const INSTANT_BYTES_MAX: usize = 35;

/// Whether the value is a date, or a date and a time, and nothing else.
#[inline]
pub(super) fn is_instant(value: &[u8]) -> bool {
    match value.get(4) {
        Some(b'-') if value.len() <= INSTANT_BYTES_MAX => date_and_time(value).is_some(),
        _ => false,
    }
}

fn date_and_time(value: &[u8]) -> Option<()> {
    let (date, rest) = value.split_first_chunk::<10>()?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *date else {
        return None;
    };
    let year = number([y0, y1])?.checked_mul(100)? + number([y2, y3])?;
    let known = (1000..=2999).contains(&year)
        && (1..=12).contains(&number([m0, m1])?)
        && (1..=31).contains(&number([d0, d1])?);
    let ends = match rest {
        [] => true,
        [b'T' | b't' | b' ', time @ ..] => is_time(time)?,
        _ => false,
    };
    (known && ends).then_some(())
}

/// `09:12`, `09:12:44.123Z`, `09:12:44+01:00`.
fn is_time(time: &[u8]) -> Option<bool> {
    let ([h0, h1, b':', m0, m1], mut rest) = time.split_first_chunk::<5>()? else {
        return None;
    };
    let mut known = number([*h0, *h1])? <= 24 && number([*m0, *m1])? <= 59;
    if let [b':', s0, s1, behind @ ..] = rest {
        known &= number([*s0, *s1])? <= 60;
        rest = behind;
    }
    if let [b'.' | b',', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit());
        let digits = digits.count();
        known &= (1..=9).contains(&digits);
        rest = fraction.get(digits..)?;
    }
    Some(known && is_zone(rest))
}

fn is_zone(zone: &[u8]) -> bool {
    let within = |hours: [u8; 2], minutes: [u8; 2]| {
        number(hours).is_some_and(|hours| hours <= 14)
            && number(minutes).is_some_and(|minutes| minutes <= 59)
    };
    match *zone {
        [] | [b'Z' | b'z'] => true,
        [b'+' | b'-', h0, h1] => within([h0, h1], [b'0', b'0']),
        [b'+' | b'-', h0, h1, b':', m0, m1] | [b'+' | b'-', h0, h1, m0, m1] => {
            within([h0, h1], [m0, m1])
        }
        _ => false,
    }
}

/// What two digits make.
fn number([tens, ones]: [u8; 2]) -> Option<u32> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::finding::ValueKind;
    use crate::key::KeyClass;

    #[test]
    fn only_what_is_whole_and_possible_is_one() {
        for value in [
            "2025-11-03",
            "2025-11-03T09:12Z",
            "2025-11-03T09:12:44.123456+01:00",
            "2025-11-03 09:12:44",
            "1999-12-31t23:59:60z",
        ] {
            assert!(is_instant(value.as_bytes()), "{value}");
        }
        for value in [
            "2025-13-03",
            "2025-11-32",
            "0025-11-03",
            "2025-11-03T",
            "2025-11-03T25:12",
            "2025-11-03 030 901820",
            "2025-11-03T09:12:44.",
            "2025-11-03T09:12:44+1",
            "2025-11-03T09:12:44Z a@b.co",
        ] {
            assert!(!is_instant(value.as_bytes()), "{value}");
        }
    }

    proptest! {
        /// What is passed over without a look held nothing when it was looked at.
        #[test]
        fn no_detector_finds_anything_in_one(
            year in 1000u32..3000, month in 1u32..13, day in 1u32..32, hour in 0u32..25,
            minute in 0u32..60, second in 0u32..61, nanos in 0u32..1_000_000_000,
            zone in prop::sample::select(vec!["", "Z", "+01:00", "-0530", "+14"]),
            form in 0..5
        ) {
            let date = format!("{year}-{month:02}-{day:02}");
            let value = match form {
                0 => date,
                1 => format!("{date}T{hour:02}:{minute:02}{zone}"),
                2 => format!("{date}T{hour:02}:{minute:02}:{second:02}{zone}"),
                3 => format!("{date} {hour:02}:{minute:02}:{second:02}{zone}"),
                _ => format!("{date}T{hour:02}:{minute:02}:{second:02}.{nanos:09}{zone}"),
            };
            prop_assert!(is_instant(value.as_bytes()), "{}", value);
            let mut findings = Vec::new();
            super::super::look_closely(
                KeyClass::None, ValueKind::Text, value.as_bytes(), &mut findings,
            );
            prop_assert!(findings.is_empty(), "{} {:?}", value, findings);
        }
    }
}
