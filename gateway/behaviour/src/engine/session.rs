//! What is remembered of a session: resources, the ids among them, denials.

use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    sync::Arc,
};

use hashlink::LruCache;
use jiff::Timestamp;

use super::{Found, digest};
use crate::{Detector, Ending, Seen};

/// Resources that are told apart; further ones are not counted.
const RESOURCES_MAX: usize = 4_096;
/// Operations whose ids are followed.
const OPERATIONS_MAX: usize = 16;
/// Ids of one operation that are followed; the smallest go first.
const IDS_MAX: usize = 512;
/// So many ids at one distance after each other are an enumeration.
const STEADY_MIN: u64 = 10;
/// So many ids, of which most of a range, are one in whatever order they come.
const DENSE_MIN: u64 = 16;
/// The part of the range, in percent.
const DENSE_PERCENT: u64 = 60;
/// Denials within [`DENIALS_WITHIN`] seconds.
const DENIALS_MIN: usize = 5;
const DENIALS_WITHIN: i64 = 300;

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) holder: u64,
    /// Entries of the scope of the task that it showed last.
    pub(super) scope: usize,
    pub(super) quarantined: Option<Detector>,
    calls: u64,
    resources: HashSet<u64>,
    ids: LruCache<Arc<str>, Ids>,
    denied: VecDeque<i64>,
    /// When what was told last.
    told: Vec<(Detector, u64, i64)>,
}

/// The numbers in the ids that one operation was asked for.
#[derive(Debug, Default)]
struct Ids {
    seen: BTreeSet<i64>,
    last: Option<i64>,
    step: i64,
    /// How often the step was the same.
    steady: u64,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            holder: 0,
            scope: 0,
            quarantined: None,
            calls: 0,
            resources: HashSet::new(),
            ids: LruCache::new(OPERATIONS_MAX),
            denied: VecDeque::new(),
            told: Vec::new(),
        }
    }
}

impl Session {
    /// Takes note of an exchange.
    pub(super) fn note(&mut self, seen: &Seen<'_>, now: Timestamp) {
        self.calls += 1;
        if seen.ending == Ending::Denied {
            self.denied.push_back(now.as_second());
            while self.denied.len() > DENIALS_MIN {
                self.denied.pop_front();
            }
        }
        if seen.bound.is_empty() {
            return;
        }
        if self.resources.len() < RESOURCES_MAX {
            self.resources.insert(digest(&(&seen.bound)));
        }
        let number = seen.bound.iter().rev().find_map(|id| number(id));
        if let (Some(operation), Some(number)) = (seen.operation, number) {
            let ids = self.ids.entry(operation.into());
            ids.or_insert_with(Ids::default).note(number);
        }
    }

    /// How many resources it had to do with.
    pub(super) fn resources(&self) -> u64 {
        self.resources.len() as u64
    }

    /// Whether the ids that an operation is asked for come one after the other, or fill a range.
    pub(super) fn enumerates(&mut self, operation: &str) -> Option<Found> {
        let ids = self.ids.peek(operation)?;
        let count = ids.seen.len() as u64;
        let (first, last) = (ids.seen.first()?, ids.seen.last()?);
        let span = last.saturating_sub(*first).unsigned_abs().saturating_add(1);
        let dense = count >= DENSE_MIN && count * 100 >= span.saturating_mul(DENSE_PERCENT);
        (dense || ids.steady >= STEADY_MIN).then(|| {
            let numbers = vec![
                ("ids", count),
                ("range", span),
                ("steady_steps", ids.steady),
                ("step", ids.step.unsigned_abs()),
            ];
            (Detector::Enumeration, operation.to_owned(), numbers)
        })
    }

    /// Whether it was denied again and again of late.
    pub(super) fn denied(&self, operation: &str, now: Timestamp) -> Option<Found> {
        let of_late = |at: &&i64| now.as_second() - **at <= DENIALS_WITHIN;
        let denied = self.denied.iter().filter(of_late).count();
        // It must be this call that tips it.
        let tips = self.denied.back() == Some(&now.as_second());
        (denied >= DENIALS_MIN && tips).then(|| {
            let numbers = vec![
                ("denied", denied as u64),
                ("within_seconds", DENIALS_WITHIN.unsigned_abs()),
                ("calls", self.calls),
            ];
            (Detector::Denials, operation.to_owned(), numbers)
        })
    }

    /// Whether a verdict was not told a moment ago.
    pub(super) fn may_tell(
        &mut self,
        detector: Detector,
        about: &str,
        now: Timestamp,
        again_after: i64,
    ) -> bool {
        let (about, now) = (digest(&about), now.as_second());
        self.told.retain(|(_, _, at)| now - at < again_after);
        let told = |(known, what, _): &(Detector, u64, i64)| *known == detector && *what == about;
        // What is told of too much at a time is told already.
        if self.told.iter().any(told) || self.told.len() >= OPERATIONS_MAX {
            return false;
        }
        self.told.push((detector, about, now));
        true
    }
}

impl Ids {
    fn note(&mut self, number: i64) {
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
}

/// The number at the end of an id: `C-771` is 771.
fn number(id: &str) -> Option<i64> {
    let digits = id.len() - id.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    id.get(id.len() - digits..)?.parse().ok()
}
