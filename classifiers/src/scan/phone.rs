//! Telephone numbers: with a country's code, as a country prints them, or behind a word that says so.
//!
//! Digits alone are never one: UNIX times, order numbers and ids are as long. A shape is tested
//! first, which costs a look at some twenty bytes; the numbering plan of the country is asked last.

mod digits;
mod plan;
mod words;

use super::{before, byte, finding};
use crate::DataClass;
use crate::finding::Finding;
use crate::key::KeyClass;
use crate::packed;
use digits::Run;

/// Most digits of a telephone number (ITU-T E.164).
const DIGITS_MAX: usize = 15;
/// Fewest digits of a telephone number with its country's code.
const DIGITS_MIN: usize = 8;
/// Fewest digits of a telephone number behind a word.
const LOCAL_DIGITS_MIN: usize = 6;

/// How sure a number makes that its country's plan has, in percent.
const BY_PLAN: u8 = 95;
/// How sure a number makes that has a country's code and a length that numbers have.
const BY_CODE: u8 = 75;
/// How sure a printed form makes that its country's plan has a number for.
const BY_FORM: u8 = 85;
/// How sure a printed form makes that no plan has a number for, as in examples and tests.
const BY_FORM_ONLY: u8 = 70;
/// How sure groups behind a trunk prefix make, of which some country's plan has a number.
const BY_GROUPS: u8 = 60;
/// How sure a word nearby makes.
const BY_WORD: u8 = 80;

/// A match: where it starts and ends, and how sure.
type Match = (usize, usize, u8);

pub(super) fn scan(key: KeyClass, value: &[u8], findings: &mut Vec<Finding>) {
    if matches!(key, KeyClass::Veto | KeyClass::Id) {
        return;
    }
    let mut from = 0;
    while let Some(start) = packed::next(value, from, b'0', b'9') {
        let run = Run::read(value, start);
        from = run.first_end;
        if let Some((start, end, confidence)) = at(value, start, &run) {
            let end = end + extension(value, end);
            let class = if words::says_fax(value, start) {
                DataClass::FAX
            } else {
                DataClass::PHONE
            };
            findings.push(finding(class, start, end, confidence, "phone"));
            from = end.max(from);
        }
    }
}

/// The number whose first digit stands at `start`.
fn at(value: &[u8], start: usize, run: &Run) -> Option<Match> {
    let previous = before(value, start, 1);
    let plus = match previous {
        b'+' => 1,
        b'(' if before(value, start, 2) == b'+' => 2,
        _ => 0,
    };
    if plus > 0 {
        let first = start - plus;
        let apart = !before(value, first, 1).is_ascii_alphanumeric();
        return international(value, run, 0)
            .filter(|_| apart)
            .map(|(end, confidence)| (first, end, confidence));
    }
    if !opens(value, start) {
        return None;
    }
    let first = start - usize::from(previous == b'(');
    let found = north_american(value, run, previous == b'(')
        .or_else(|| exit_code(value, run).filter(|_| !ends_a_time(value, start, run)))
        .or_else(|| printed(value, run, previous == b'('))
        .or_else(|| told(value, start, run));
    found.map(|(end, confidence)| (first, end, confidence))
}

/// A number with its country's code, behind `skip` digits that dial out.
fn international(value: &[u8], run: &Run, skip: usize) -> Option<(usize, u8)> {
    let digits = run.digits.get(skip..)?;
    let (code, length) = plan::country(digits)?;
    let mut possible = None;
    for (count, end) in run.ends().rev() {
        let count = count.checked_sub(skip).filter(|count| *count <= DIGITS_MAX);
        let Some(national) = count.and_then(|count| digits.get(length..count)) else {
            continue;
        };
        if !closes(value, end) || national.len() + length < DIGITS_MIN {
            continue;
        }
        if is_number(code, national) {
            return Some((end, BY_PLAN));
        }
        // More than eleven digits behind +1 are another number's.
        let fits = code != 1 || national.len() == 10;
        possible = possible.or(fits.then_some((end, BY_CODE)));
    }
    possible
}

/// Whether the country has this number, which may be written with its trunk prefix: `+44 (0)20`.
fn is_number(code: u16, national: &[u8]) -> bool {
    plan::is_valid(code, national)
        || national
            .strip_prefix(b"0")
            .is_some_and(|national| plan::is_valid(code, national))
}

/// `(202) 555-0143`, `202-555-0143`, `1-202-555-0143`: the North American plan as it is printed.
fn north_american(value: &[u8], run: &Run, bracket: bool) -> Option<(usize, u8)> {
    let offset = usize::from(run.lengths().first() == Some(&1));
    let layout = run.lengths().get(offset..)?;
    if !layout.starts_with(&[3, 3, 4]) || offset == 1 && run.digits.first() != Some(&b'1') {
        return None;
    }
    let (count, end) = run.ends().nth(offset + 2)?;
    let national = run.digits.get(offset..count)?;
    let printed = bracket || run.bracketed || run.hyphened(offset + 3);
    let shaped = matches!(national.first(), Some(b'2'..=b'9'))
        && matches!(national.get(3), Some(b'2'..=b'9'));
    (printed && shaped && closes(value, end)).then(|| {
        let valid = plan::is_valid(1, national);
        (end, if valid { BY_FORM } else { BY_FORM_ONLY })
    })
}

/// `0049 30 901820`: the prefix that dials out of most countries, and the code of another.
fn exit_code(value: &[u8], run: &Run) -> Option<(usize, u8)> {
    let grouped = matches!(run.lengths(), [first, _, ..] if *first >= 2);
    let found = run
        .digits
        .starts_with(b"00")
        .then(|| international(value, run, 2))??;
    (grouped && found.1 == BY_PLAN).then_some((found.0, BY_FORM))
}

/// Whether the first group is the seconds of a time, `09:12:00.951284403`, which dial out of no country.
fn ends_a_time(value: &[u8], start: usize, run: &Run) -> bool {
    run.lengths().first() == Some(&2)
        && before(value, start, 1) == b':'
        && before(value, start, 2).is_ascii_digit()
}

/// Forms that a country prints and hardly anything else has: lengths of groups, what stands before
/// the first, the code of the country.
static FORMS: &[(&[usize], bool, u16)] = &[
    // Recommendation of ARCEP: five pairs, the first 01 to 09.
    (&[2, 2, 2, 2, 2], false, 33),
    // Ofcom: 020 7946 0958, 0161 496 0123, 01632 960123, 07911 123456.
    (&[3, 4, 4], false, 44),
    (&[4, 3, 4], false, 44),
    (&[5, 6], false, 44),
    (&[5, 3, 3], false, 44),
    // ACMA: (02) 9876 5432, 0491 570 156.
    (&[2, 4, 4], true, 61),
    (&[4, 3, 3], false, 61),
    // Anatel: (11) 91234-5678, (12) 3456-7890.
    (&[2, 5, 4], true, 55),
    (&[2, 4, 4], true, 55),
    // MIC: 03-1234-5678, 090-1234-5678.
    (&[2, 4, 4], false, 81),
    (&[3, 4, 4], false, 81),
    (&[3, 3, 4], false, 81),
    // DIN 5008: (030) 901820, 030 901820, 0171 2345678.
    (&[3, 6], false, 49),
    (&[3, 7], false, 49),
    (&[3, 8], false, 49),
    (&[4, 7], false, 49),
    (&[4, 8], false, 49),
    // ACM: 010-1234567, 06-12345678, 020 123 4567.
    (&[2, 8], false, 31),
    (&[3, 3, 4], false, 31),
];

/// A number that is printed as its country does, with its trunk prefix or its area in brackets.
fn printed(value: &[u8], run: &Run, bracket: bool) -> Option<(usize, u8)> {
    let bracketed = bracket && run.bracketed;
    if !bracketed && run.digits.first() != Some(&b'0') {
        return None;
    }
    let formed = FORMS.iter().find_map(|(layout, needs_bracket, code)| {
        let whole = run.lengths() == *layout && run.one_separator();
        let (count, end) = run.ends().last()?;
        let digits = run.digits.get(..count)?;
        let trunk = digits.first() == Some(&b'0') && digits.get(1) != Some(&b'0');
        (whole
            && (bracketed || !needs_bracket && trunk)
            && closes(value, end)
            && is_number(*code, digits))
        .then_some((end, BY_FORM_ONLY))
    });
    formed.or_else(|| trunk_and_groups(value, run))
}

/// A trunk prefix and three groups or more between blanks: how most other countries print theirs.
fn trunk_and_groups(value: &[u8], run: &Run) -> Option<(usize, u8)> {
    let (count, end) = run.ends().last()?;
    let digits = run.digits.get(..count)?;
    let grouped = matches!(run.lengths(), [3..=5, _, _, ..]) && run.is_spaced();
    let trunk = digits.first() == Some(&b'0') && digits.get(1) != Some(&b'0');
    (grouped
        && trunk
        && (9..=11).contains(&count)
        && closes(value, end)
        && plan::is_national(digits))
    .then_some((end, BY_GROUPS))
}

/// A number behind a word that says so.
fn told(value: &[u8], start: usize, run: &Run) -> Option<(usize, u8)> {
    let (count, end) = run.ends().rev().find(|(count, end)| {
        (LOCAL_DIGITS_MIN..=DIGITS_MAX).contains(count) && closes(value, *end)
    })?;
    let digits = run.digits.get(..count)?;
    let grouped = run.lengths().len() > 1;
    if run.is_date() || run.is_decimal() || !words::say_phone(value, start, !grouped) {
        return None;
    }
    let known = plan::is_national(digits);
    (known || grouped && count >= 7).then_some((end, if known { BY_WORD } else { BY_FORM_ONLY }))
}

/// A text that is nothing but a number behind its trunk prefix, of which some country's plan has one.
pub(super) fn lone(text: &[u8]) -> Option<Finding> {
    let trunk = matches!(text, [b'0', b'1'..=b'9', ..]);
    let digits = text.iter().all(u8::is_ascii_digit);
    (trunk && digits && (10..=11).contains(&text.len()) && plan::is_national(text))
        .then(|| finding(DataClass::PHONE, 0, text.len(), BY_GROUPS, "phone"))
}

/// How long the extension is that follows: ` ext. 12`, `x1234`.
fn extension(value: &[u8], end: usize) -> usize {
    let rest = value.get(end..).unwrap_or_default();
    let blank = rest
        .iter()
        .take(2)
        .take_while(|byte| matches!(byte, b' ' | b','))
        .count();
    let text = rest.get(blank..).unwrap_or_default();
    if !matches!(text.first(), Some(b'e' | b'E' | b'x' | b'X')) {
        return 0;
    }
    let signs: [&[u8]; 6] = [b"extension ", b"ext. ", b"ext.", b"ext ", b"ext", b"x"];
    signs
        .into_iter()
        .filter(|sign| {
            text.get(..sign.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(sign))
        })
        .find_map(|sign| {
            let digits = text.get(sign.len()..)?.iter().take(8);
            let digits = digits.take_while(|byte| byte.is_ascii_digit()).count();
            let length = blank + sign.len() + digits;
            let whole = !byte(value, end + length).is_ascii_alphanumeric();
            (whole && (1..=7).contains(&digits)).then_some(length)
        })
        .unwrap_or(0)
}

/// Whether a number can start here: not inside a word, a longer number, a UUID or a path.
fn opens(value: &[u8], start: usize) -> bool {
    let (previous, second) = (before(value, start, 1), before(value, start, 2));
    match previous {
        b'-' | b'(' => !second.is_ascii_alphanumeric(),
        b'.' => !second.is_ascii_digit(),
        b'_' | b'/' | b'#' | b'$' | b'&' | b'%' => false,
        _ => !previous.is_ascii_alphanumeric(),
    }
}

/// Whether a number can end here.
fn closes(value: &[u8], end: usize) -> bool {
    let (next, second) = (byte(value, end), byte(value, end + 1));
    match next {
        b'-' | b'/' => !second.is_ascii_alphanumeric(),
        b'.' | b',' | b':' => !second.is_ascii_digit(),
        b'_' | b'@' | b'%' => false,
        b'x' | b'e' => extension(value, end) > 0,
        _ => !next.is_ascii_alphanumeric(),
    }
}

#[cfg(test)]
mod tests;
