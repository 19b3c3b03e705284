//! Chance that is the same on every machine and for every version: `ChaCha8`, whose stream is part of its
//! crate's contract.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};

/// A source of chance.
#[derive(Clone, Debug)]
pub(super) struct Chance(ChaCha8Rng);

impl Chance {
    /// One for each seed and each use, so that what is added to one changes no other.
    pub(super) fn new(seed: u64, of: u64) -> Self {
        let mut stream = ChaCha8Rng::seed_from_u64(seed);
        stream.set_stream(of);
        Self(stream)
    }

    /// A number from `range`, both ends included.
    pub(super) fn within(&mut self, range: (i64, i64)) -> i64 {
        let span = range.1.abs_diff(range.0).saturating_add(1);
        let above = i64::try_from(self.0.next_u64() % span.max(1)).unwrap_or(0);
        range.0.min(range.1) + above
    }

    /// Whether it happens that does so in so many of a thousand cases.
    pub(super) fn permille(&mut self, cases: i64) -> bool {
        self.within((0, 999)) < cases
    }

    /// One of these.
    pub(super) fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let last = i64::try_from(all.len()).unwrap_or(0) - 1;
        all.get(usize::try_from(self.within((0, last.max(0)))).unwrap_or(0))
    }

    /// Puts these in another order.
    pub(super) fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            let other = self.within((0, i64::try_from(last).unwrap_or(0)));
            all.swap(last, usize::try_from(other).unwrap_or(0));
        }
    }
}
