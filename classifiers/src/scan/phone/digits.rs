//! Groups of digits with what stands between the groups of a telephone number.

use super::super::byte;

/// Most digits that are read: those of a number, and two that dial out.
const DIGITS_MAX: usize = 17;
/// Most groups that are read.
const GROUPS_MAX: usize = 8;

/// Digits in groups.
pub(super) struct Run {
    kept: [u8; DIGITS_MAX],
    lengths: [usize; GROUPS_MAX],
    ends: [usize; GROUPS_MAX],
    separators: [u8; GROUPS_MAX],
    count: usize,
    /// Where the first group ends, however long.
    pub(super) first_end: usize,
    /// Whether a bracket closes behind a group.
    pub(super) bracketed: bool,
    /// All digits.
    pub(super) digits: Digits,
}

/// The digits of a run.
#[derive(Clone, Copy, Default)]
pub(super) struct Digits {
    bytes: [u8; DIGITS_MAX],
    length: usize,
}

impl std::ops::Deref for Digits {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Run {
    /// The groups from the digit at `start` on.
    pub(super) fn read(value: &[u8], start: usize) -> Self {
        let mut run = Self {
            kept: [0; DIGITS_MAX],
            lengths: [0; GROUPS_MAX],
            ends: [0; GROUPS_MAX],
            separators: [0; GROUPS_MAX],
            count: 0,
            first_end: start,
            bracketed: false,
            digits: Digits::default(),
        };
        let rest = value.get(start..).unwrap_or_default();
        run.first_end += rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut at = start;
        while let Some(end) = run.group(value, at) {
            let Some(next) = run.separator(value, end) else {
                break;
            };
            at = next;
        }
        run.digits.bytes = run.kept;
        run
    }

    /// Reads the group at `at`, and tells where it ends.
    fn group(&mut self, value: &[u8], at: usize) -> Option<usize> {
        let rest = value.get(at..)?;
        let room = DIGITS_MAX - self.digits.length;
        let length = rest
            .iter()
            .take(room + 1)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let target = self
            .kept
            .get_mut(self.digits.length..self.digits.length + length)?;
        target.copy_from_slice(rest.get(..length)?);
        self.digits.length += length;
        *self.lengths.get_mut(self.count)? = length;
        *self.ends.get_mut(self.count)? = at + length;
        self.count += 1;
        Some(at + length)
    }

    /// Where the next group starts, behind at most one separator and its brackets.
    fn separator(&mut self, value: &[u8], at: usize) -> Option<usize> {
        let mut next = at;
        let mut separator = 0;
        if byte(value, next) == b')' {
            self.bracketed = true;
            separator = b')';
            next += 1;
        }
        if let found @ (b' ' | b'-' | b'.' | b'/') = byte(value, next) {
            separator = found;
            next += 1;
        }
        if byte(value, next) == b'(' {
            separator = b' ';
            next += 1;
        }
        if separator == 0 || !byte(value, next).is_ascii_digit() {
            return None;
        }
        *self.separators.get_mut(self.count)? = separator;
        Some(next)
    }

    /// How many digits each group has.
    pub(super) fn lengths(&self) -> &[usize] {
        self.lengths.get(..self.count).unwrap_or_default()
    }

    /// After each group, how many digits there are so far and where it ends.
    pub(super) fn ends(&self) -> impl DoubleEndedIterator<Item = (usize, usize)> {
        let lengths = self.lengths();
        let ends = self.ends.iter().take(self.count);
        ends.enumerate().map(|(group, end)| {
            let digits = lengths.iter().take(group + 1).sum();
            (digits, *end)
        })
    }

    /// Whether hyphens or dots, and one kind of them, stand between the first `groups` groups.
    pub(super) fn hyphened(&self, groups: usize) -> bool {
        let mut between = self.between(groups);
        match between.next() {
            Some(first @ (b'-' | b'.')) => between.all(|separator| separator == first),
            _ => false,
        }
    }

    /// Whether all groups have the same separator, but for the first, which may be an area.
    pub(super) fn one_separator(&self) -> bool {
        let mut between = self.between(self.count).skip(1);
        let first = between.next();
        between.all(|separator| Some(separator) == first)
    }

    /// Whether blanks stand between all groups.
    pub(super) fn is_spaced(&self) -> bool {
        self.between(self.count).all(|separator| separator == b' ')
    }

    fn between(&self, groups: usize) -> impl Iterator<Item = u8> {
        self.separators.iter().take(groups).skip(1).copied()
    }

    /// Whether one point stands between two groups: `9.10057663`.
    pub(super) fn is_decimal(&self) -> bool {
        self.count == 2 && self.between(2).eq([b'.'])
    }

    /// Whether the groups are a date: `2024-01-31`, `31.01.2024`.
    pub(super) fn is_date(&self) -> bool {
        let year = |place: usize| {
            let digits = self.digits.get(place..place + 2);
            digits.is_some_and(|digits| matches!(digits, b"19" | b"20"))
        };
        match self.lengths() {
            [4, 1..=2, 1..=2, ..] => year(0),
            [a @ 1..=2, b @ 1..=2, 4, ..] => year(a + b),
            _ => false,
        }
    }
}
