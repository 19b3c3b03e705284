//! Telephone numbers with `+`, or as they are printed in North America.

use super::{before, byte, finding};
use crate::DataClass;
use crate::finding::Finding;
use crate::key::KeyClass;

/// Most digits that are read together.
const GROUP_DIGITS_MAX: usize = 19;
/// Most digits of a telephone number (ITU-T E.164).
const PHONE_DIGITS_MAX: usize = 15;
/// Fewest digits of a telephone number with its country code.
const PHONE_DIGITS_MIN: usize = 8;
/// Most groups of digits that are read together.
const GROUPS_MAX: usize = 7;

/// A match: class, where it starts and ends, how sure, which rule.
type Match = (DataClass, usize, usize, u8, &'static str);

pub(super) fn scan(key: KeyClass, value: &[u8], findings: &mut Vec<Finding>) {
    let mut from = 0;
    while let Some(skip) = value
        .get(from..)
        .and_then(|rest| rest.iter().position(u8::is_ascii_digit))
    {
        let start = from + skip;
        let groups = Groups::read(value, start);
        from = groups.first_end();
        if let Some((class, start, end, confidence, detector)) = at(key, value, start, &groups) {
            findings.push(finding(class, start, end, confidence, detector));
            from = end.max(from);
        }
    }
}

fn at(key: KeyClass, value: &[u8], start: usize, groups: &Groups) -> Option<Match> {
    if !opens(value, start) || matches!(key, KeyClass::Veto | KeyClass::Id) {
        return None;
    }
    phone(value, start, groups)
}

/// `+` and a country code, or a number of the North American plan as it is printed there.
fn phone(value: &[u8], start: usize, groups: &Groups) -> Option<Match> {
    let plus = before(value, start, 1) == b'+';
    let bracket = before(value, start, 1) == b'(';
    if plus {
        return international(value, start, groups);
    }
    let offset = usize::from(groups.lengths.first() == Some(&1));
    let layout = groups.lengths().get(offset..)?;
    if !layout.starts_with(&[3, 3, 4]) || (offset == 1 && groups.digits.first() != Some(&b'1')) {
        return None;
    }
    let (digits, end) = groups.take(offset + 3)?;
    let national = digits.get(offset..)?;
    let printed = bracket
        || groups.bracketed
        || matches!(groups.separator, b'-' | b'.') && groups.uniform_until(offset + 3);
    let valid = matches!(national.first(), Some(b'2'..=b'9'))
        && matches!(national.get(3), Some(b'2'..=b'9'));
    (printed && valid && closes(value, end)).then_some((
        DataClass::PHONE,
        start - usize::from(bracket),
        end,
        80,
        "phone",
    ))
}

fn international(value: &[u8], start: usize, groups: &Groups) -> Option<Match> {
    if groups.digits.first() == Some(&b'0') || before(value, start, 2).is_ascii_alphanumeric() {
        return None;
    }
    // +1 has eleven digits; another group behind them is no part of it.
    let most = if groups.digits.first() == Some(&b'1') {
        11
    } else {
        PHONE_DIGITS_MAX
    };
    let count = (1..=groups.count).rev().find(|count| {
        groups
            .take(*count)
            .is_some_and(|(digits, _)| digits.len() <= most)
    })?;
    let (digits, end) = groups.take(count)?;
    (digits.len() >= PHONE_DIGITS_MIN && closes(value, end)).then_some((
        DataClass::PHONE,
        start - 1,
        end,
        90,
        "phone",
    ))
}

/// Whether a number can start here: not inside a word, a longer number, a UUID or a path.
fn opens(value: &[u8], start: usize) -> bool {
    let (previous, second) = (before(value, start, 1), before(value, start, 2));
    match previous {
        b'-' => !second.is_ascii_alphanumeric(),
        b'.' => !second.is_ascii_digit(),
        b'_' | b'/' | b'#' | b'$' => false,
        _ => !previous.is_ascii_alphanumeric(),
    }
}

/// Whether a number can end here.
fn closes(value: &[u8], end: usize) -> bool {
    let (next, second) = (byte(value, end), byte(value, end + 1));
    match next {
        b'-' => !second.is_ascii_alphanumeric(),
        b'.' => !second.is_ascii_digit(),
        b'_' | b'@' | b'%' => false,
        _ => !next.is_ascii_alphanumeric(),
    }
}

/// Groups of digits with one separator between two of them.
struct Groups {
    digits: [u8; GROUP_DIGITS_MAX],
    lengths: [usize; GROUPS_MAX],
    ends: [usize; GROUPS_MAX],
    count: usize,
    /// Where the first run of digits ends, however long.
    first_end: usize,
    /// The first separator.
    separator: u8,
    /// How many groups follow one another with the first separator.
    same: usize,
    uniform: bool,
    /// Whether a bracket closes after a group: `1 (202) 555`.
    bracketed: bool,
}

impl Groups {
    fn read(value: &[u8], start: usize) -> Self {
        let mut groups = Self {
            digits: [0; GROUP_DIGITS_MAX],
            lengths: [0; GROUPS_MAX],
            ends: [0; GROUPS_MAX],
            count: 0,
            first_end: start,
            separator: 0,
            same: 1,
            uniform: true,
            bracketed: false,
        };
        groups.first_end = start + digits_at(value, start);
        let mut filled = 0;
        let mut at = start;
        while groups.count < GROUPS_MAX {
            // The first run is as long as it is; the others stop at what no number holds.
            let length = match groups.count {
                0 => groups.first_end - start,
                _ => value
                    .get(at..)
                    .unwrap_or_default()
                    .iter()
                    .take(GROUP_DIGITS_MAX + 1)
                    .take_while(|byte| byte.is_ascii_digit())
                    .count(),
            };
            let source = value.get(at..at + length).unwrap_or_default();
            let Some(target) = groups
                .digits
                .get_mut(filled..filled + length)
                .filter(|_| length > 0)
            else {
                break;
            };
            target.copy_from_slice(source);
            filled += length;
            at += length;
            groups.push(length, at);
            let Some(next) = groups.separated(value, at) else {
                break;
            };
            at = next;
        }
        groups
    }

    fn push(&mut self, length: usize, end: usize) {
        if let (Some(slot), Some(last)) = (
            self.lengths.get_mut(self.count),
            self.ends.get_mut(self.count),
        ) {
            *slot = length;
            *last = end;
            self.count += 1;
        }
    }

    /// Where the next group starts, behind one separator or a bracket with one.
    fn separated(&mut self, value: &[u8], at: usize) -> Option<usize> {
        let separator = byte(value, at);
        let bracket = matches!(separator, b')') || separator == b' ' && byte(value, at + 1) == b'(';
        let width = match (separator, byte(value, at + 1)) {
            (b')', b' ' | b'-') | (b' ', b'(') => 2,
            (b' ' | b'-' | b'.' | b')', _) => 1,
            _ => return None,
        };
        if !byte(value, at + width).is_ascii_digit() {
            return None;
        }
        self.bracketed |= bracket;
        if self.count == 1 {
            self.separator = separator;
        }
        let same = separator == self.separator && !bracket;
        self.uniform &= same;
        if self.uniform {
            self.same = self.count + 1;
        }
        Some(at + width)
    }

    fn first_end(&self) -> usize {
        self.first_end
    }

    fn lengths(&self) -> &[usize] {
        self.lengths.get(..self.count).unwrap_or_default()
    }

    fn uniform_until(&self, count: usize) -> bool {
        self.same >= count
    }

    /// The digits of the first `count` groups, and where the last one ends.
    fn take(&self, count: usize) -> Option<(&[u8], usize)> {
        let last = count.checked_sub(1)?;
        let total = self.lengths().get(..count)?.iter().sum::<usize>();
        Some((self.digits.get(..total)?, *self.ends.get(last)?))
    }
}

fn digits_at(value: &[u8], start: usize) -> usize {
    value
        .get(start..)
        .unwrap_or_default()
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}
