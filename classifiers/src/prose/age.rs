//! Ages in running text: `45 years old`, `a 92-year-old man`, `aged 45`, `45 Jahre alt`.
//!
//! An age over 89 is an identifier by 45 CFR 164.514(b)(2)(i)(C); below that it is personal in the
//! sense of Art. 4(1) GDPR only beside something else, so it is found with less confidence.

use crate::DataClass;
use crate::finding::Finding;
use crate::packed;

/// What stands behind an age.
const BEHIND: [&str; 16] = [
    "years old",
    "year old",
    "years-old",
    "year-old",
    "yrs old",
    "yr old",
    "years of age",
    "y/o",
    "yo male",
    "yo female",
    "yo m",
    "yo f",
    "jahre alt",
    "jährig",
    "jaar oud",
    "anos de idade",
];
/// What stands before an age.
const BEFORE: [&str; 8] = [
    "aged ",
    "at age ",
    "age of ",
    "âgé de ",
    "âgée de ",
    "edad de ",
    "età di ",
    "leeftijd van ",
];
/// Words before an age that make it a limit.
const LIMITS: [&[u8]; 9] = [
    b"least", b"over", b"under", b"than", b"minimum", b"from", b"below", b"above", b"until",
];
/// What follows where a limit is told, not an age.
const RANGES: [&[u8]; 6] = [b" or ", b" and ", b" to ", b"-", b"+", b"/"];
/// Longest life on record, in years: what is above counts something else.
const AGE_MAX: u32 = 122;
/// Highest age that 45 CFR 164.514(b)(2)(i)(C) lets stand.
const AGE_OPEN_MAX: u32 = 89;

/// Most digits of an age.
const DIGITS_MAX: usize = 3;

/// Finds the ages in a text.
pub(super) fn scan(text: &[u8], findings: &mut Vec<Finding>) {
    let mut from = 0;
    while let Some(start) = packed::next(text, from, b'0', b'9') {
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = start + length;
        from = end;
        if length > DIGITS_MAX || !(told_before(text, start, end) || told_behind(text, start, end))
        {
            continue;
        }
        let age = number(rest.get(..length).unwrap_or_default());
        if !(1..=AGE_MAX).contains(&age) {
            continue;
        }
        let confidence = if age > AGE_OPEN_MAX { 80 } else { 60 };
        if let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) {
            findings.push(Finding {
                class: DataClass::AGE,
                start,
                end,
                confidence,
                detector: "age",
            });
        }
    }
}

/// Whether what stands before the number says that it is an age.
fn told_before(text: &[u8], start: usize, end: usize) -> bool {
    let head = text.get(..start).unwrap_or_default();
    if !matches!(
        head,
        [
            ..,
            b'd' | b'D' | b'e' | b'E' | b'f' | b'F' | b'i' | b'I' | b'n' | b'N',
            b' '
        ]
    ) {
        return false;
    }
    let told = BEFORE.iter().any(|cue| {
        head.len()
            .checked_sub(cue.len())
            .and_then(|from| head.get(from..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(cue.as_bytes()))
    });
    let is_part = text.get(end).is_some_and(u8::is_ascii_alphabetic);
    told && !is_part && !is_range(text, end)
}

/// Whether what stands behind the number says that it is an age, and no word makes it a limit.
fn told_behind(text: &[u8], start: usize, end: usize) -> bool {
    let cue_end = |from: usize| {
        let rest = text.get(from..)?;
        if !matches!(rest.first()?, b'y' | b'Y' | b'j' | b'J' | b'a' | b'A') {
            return None;
        }
        let is_next = |cue: &&str| {
            rest.get(..cue.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(cue.as_bytes()))
        };
        let lengths = BEHIND.iter().copied().filter(is_next).map(str::len);
        lengths.min().map(|length| from + length)
    };
    let joined = matches!(text.get(end), Some(b' ' | b'-'));
    let Some(cue_end) = cue_end(end + usize::from(joined)) else {
        return false;
    };
    let head = text.get(..start).unwrap_or_default();
    let is_part = head
        .last()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || b".,-".contains(byte));
    let before = head.trim_ascii_end();
    let is_limit = LIMITS.iter().any(|limit| before.ends_with(limit));
    !is_part && !is_limit && !is_range(text, cue_end)
}

/// The number that at most [`DIGITS_MAX`] digits make.
fn number(digits: &[u8]) -> u32 {
    digits
        .iter()
        .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
}

fn is_range(text: &[u8], end: usize) -> bool {
    let rest = text.get(end..).unwrap_or_default();
    RANGES.iter().any(|range| rest.starts_with(range))
}
