//! Ages in running text: `45 years old`, `a 92-year-old man`, `aged 45`, `45 Jahre alt`.
//!
//! An age over 89 is an identifier by 45 CFR 164.514(b)(2)(i)(C); below that it is personal in the
//! sense of Art. 4(1) GDPR only beside something else, so it is found with less confidence.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::DataClass;
use crate::finding::Finding;

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

/// All cues, those behind an age first.
static CUES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(BEHIND.iter().chain(&BEFORE))
        .ok()
});

/// Finds the ages in a text.
pub(super) fn scan(text: &[u8], findings: &mut Vec<Finding>) {
    let Some(cues) = CUES.as_ref() else { return };
    for cue in cues.find_iter(text) {
        let found = if cue.pattern().as_usize() < BEHIND.len() {
            number_before(text, cue.start()).filter(|_| !is_range(text, cue.end()))
        } else {
            number_at(text, cue.end()).filter(|(_, end, _)| !is_range(text, *end))
        };
        let Some((start, end, age)) = found.filter(|(.., age)| (1..=AGE_MAX).contains(age)) else {
            continue;
        };
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

/// The number of at most three digits that ends before `end`, unless a word makes it a limit.
fn number_before(text: &[u8], end: usize) -> Option<(usize, usize, u32)> {
    let head = text.get(..end)?;
    let head = head
        .strip_suffix(b" ")
        .or_else(|| head.strip_suffix(b"-"))
        .unwrap_or(head);
    let digits = head
        .iter()
        .rev()
        .take(4)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let start = head.len() - digits;
    let before = text.get(..start)?.trim_ascii_end();
    let is_part = text
        .get(..start)?
        .last()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || b".,-".contains(byte));
    let is_limit = LIMITS.iter().any(|limit| before.ends_with(limit));
    number(head.get(start..)?)
        .filter(|_| !is_part && !is_limit)
        .map(|age| (start, head.len(), age))
}

/// The number of at most three digits at `start`.
fn number_at(text: &[u8], start: usize) -> Option<(usize, usize, u32)> {
    let rest = text.get(start..)?;
    let digits = rest
        .iter()
        .take(4)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let is_part = rest.get(digits).is_some_and(u8::is_ascii_alphabetic);
    number(rest.get(..digits)?)
        .filter(|_| !is_part)
        .map(|age| (start, start + digits, age))
}

fn number(digits: &[u8]) -> Option<u32> {
    if !(1..=3).contains(&digits.len()) {
        return None;
    }
    Some(
        digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')),
    )
}

fn is_range(text: &[u8], end: usize) -> bool {
    let rest = text.get(end..).unwrap_or_default();
    RANGES.iter().any(|range| rest.starts_with(range))
}
