//! What may be shown once: names that are remembered for as long as they could be shown again.

use std::{
    collections::HashSet,
    mem,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::Thumbprint;

/// Names that were shown, in memory that has a limit.
#[derive(Debug)]
pub struct Once {
    /// How long a name must be remembered.
    window: SignedDuration,
    /// How many are, in one window.
    most: usize,
    shown: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashSet<Thumbprint>,
    old: HashSet<Thumbprint>,
    /// When the young ones began to be kept.
    since: Timestamp,
}

/// Why a name does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Again {
    /// It was shown before.
    #[error("it was shown before")]
    Shown,
    /// Too many were shown to know whether this one was.
    #[error("too many were shown to know whether this one was")]
    TooMany,
}

impl Once {
    /// Remembers a name for `window`, and at most `most` of them.
    pub fn new(window: SignedDuration, most: usize) -> Self {
        Self {
            window,
            most,
            shown: Mutex::default(),
        }
    }

    /// Notes a name, unless it is known.
    ///
    /// # Errors
    /// If it was shown before, or nobody can tell.
    pub fn note(&self, name: Thumbprint, now: Timestamp) -> Result<(), Again> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(shown.since) > self.window {
            // Who was young is older than the window when it is dropped.
            shown.old = mem::take(&mut shown.young);
            shown.since = now;
        }
        if shown.old.contains(&name) || shown.young.contains(&name) {
            return Err(Again::Shown);
        }
        if shown.young.len() >= self.most {
            return Err(Again::TooMany);
        }
        shown.young.insert(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_again_once_the_window_is_over_and_no_sooner() {
        let once = Once::new(SignedDuration::from_secs(10), 2);
        let at = |second: i64| Timestamp::from_second(1_000 + second).unwrap();
        assert_eq!(once.note([1; 32], at(0)), Ok(()));
        assert_eq!(once.note([2; 32], at(9)), Ok(()));
        assert_eq!(once.note([3; 32], at(9)), Err(Again::TooMany));
        assert_eq!(once.note([2; 32], at(9)), Err(Again::Shown));
        // It is of the old ones now, for at least as long as it must be.
        assert_eq!(once.note([3; 32], at(11)), Ok(()));
        assert_eq!(once.note([2; 32], at(19)), Err(Again::Shown));
        assert_eq!(once.note([2; 32], at(22)), Ok(()));
    }
}
