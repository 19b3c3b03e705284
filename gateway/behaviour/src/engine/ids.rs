//! The numbers in the ids that one operation was asked for.

use std::collections::BTreeSet;

/// Ids of one operation that are followed; the smallest go first.
const IDS_MAX: usize = 512;
/// The part of a range, in percent, that is most of it.
const DENSE_PERCENT: u64 = 60;

/// The ids.
#[derive(Debug, Default)]
pub(super) struct Ids {
    seen: BTreeSet<i64>,
    last: Option<i64>,
    step: i64,
    /// How often the step was the same.
    steady: u64,
}

/// How they follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) ids: u64,
    /// From the smallest to the largest.
    pub(super) range: u64,
    /// How often the distance was the same.
    pub(super) steady: u64,
    /// The distance.
    pub(super) step: u64,
}

impl Row {
    /// As many ids as there are, if they fill most of their range.
    pub(super) fn filled(&self) -> u64 {
        let fills = self.ids * 100 >= self.range.saturating_mul(DENSE_PERCENT);
        if fills { self.ids } else { 0 }
    }
}

impl Ids {
    pub(super) fn note(&mut self, number: i64) {
        if let Some(last) = self.last.filter(|last| *last != number) {
            let step = number.saturating_sub(last);
            self.steady = if step == self.step {
                self.steady + 1
            } else {
                0
            };
            self.step = step;
        }
        self.last = Some(number);
        self.seen.insert(number);
        while self.seen.len() > IDS_MAX {
            self.seen.pop_first();
        }
    }

    pub(super) fn row(&self) -> Option<Row> {
        let (first, last) = (self.seen.first()?, self.seen.last()?);
        Some(Row {
            ids: self.seen.len() as u64,
            range: last.saturating_sub(*first).unsigned_abs().saturating_add(1),
            steady: self.steady,
            step: self.step.unsigned_abs(),
        })
    }
}

/// The number at the end of an id: `C-771` is 771.
pub(super) fn number(id: &str) -> Option<i64> {
    let digits = id.len() - id.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    id.get(id.len() - digits..)?.parse().ok()
}
