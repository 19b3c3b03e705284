//! Rows that somebody must see whole before they go on, as they came: what stays behind of a row for other
//! reasons is seen with it.

use super::{Walk, rows::Row};
use crate::shape::{Bound, HELD_BYTES_MAX};

/// An open row, as it is written.
#[derive(Debug)]
pub(super) struct Whole {
    /// How many containers are open within it, itself counted.
    pub(super) depth: usize,
    /// Its bytes so far; none once they were more than is held.
    bytes: Option<Vec<u8>>,
}

impl Whole {
    /// A row of JSON that begins with its bracket; of a document of another kind nothing is seen.
    pub(super) fn begin(depth: usize, is_array: bool, is_json: bool) -> Self {
        let bracket = if is_array { b'[' } else { b'{' };
        Self {
            depth,
            bytes: is_json.then(|| vec![bracket]),
        }
    }

    /// Takes a token with all that stands before it.
    pub(super) fn push(&mut self, raw: &[u8]) {
        self.bytes
            .take_if(|bytes| bytes.len() + raw.len() > HELD_BYTES_MAX);
        if let Some(bytes) = &mut self.bytes {
            bytes.extend_from_slice(raw);
        }
    }
}

/// Whether rows of this binding must be seen whole.
pub(super) fn is_judged(bound: &Bound) -> bool {
    matches!(bound, Bound::Admitted(who) if who.judges_whole())
}

impl Walk {
    /// Whether a row of this rule must be seen whole.
    pub(super) fn judges_whole(&self, rule: usize) -> bool {
        let rule = self.plan.rows.get(rule);
        rule.is_some_and(|rule| is_judged(&rule.bound))
    }

    /// Whether a row may go on only once it was seen whole.
    pub(super) fn waits(&self, row: &Row) -> bool {
        row.rules().any(|rule| self.judges_whole(rule))
    }

    /// What all who must see the row that ends say of it; none if nobody must, or not everybody knows it for
    /// a row that may go on.
    pub(super) fn judged_whole(&mut self, at: usize) -> Option<bool> {
        let row = self.rows.get(at)?;
        let depth = row.depth;
        let seen = self.whole.take_if(|whole| whole.depth == depth)?.bytes;
        let row = self.rows.get(at).filter(|row| row.is_found())?;
        let seen = seen?;
        let judges = row.rules().filter_map(|rule| self.plan.rows.get(rule));
        Some(judges.into_iter().all(|rule| match &rule.bound {
            Bound::Admitted(who) => who.admits_whole(&seen),
            Bound::One(_) | Bound::Nobody => true,
        }))
    }
}
