//! How an upstream stands: what its checks say, and what became of the calls to it.
//!
//! A machine without a clock: whoever asks says what time it is.

use std::time::Duration;

use tokio::time::Instant;

/// The most that a pause grows to, in times the first one.
const PAUSES_MAX: u32 = 10;

/// When an upstream is given no calls for a while, because of those that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ejection {
    /// So many in a row.
    pub failures: u32,
    /// For so long, and for as much longer each time in a row, up to ten times that.
    pub pause: Duration,
}

impl Default for Ejection {
    fn default() -> Self {
        Self {
            failures: 3,
            pause: Duration::from_secs(30),
        }
    }
}

/// How many checks in a row it takes to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// That it does not work.
    pub fails: u32,
    /// That it works again.
    pub passes: u32,
}

impl Default for Agreement {
    fn default() -> Self {
        Self {
            fails: 2,
            passes: 1,
        }
    }
}

/// How one upstream stands.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// What checks say.
    unhealthy: bool,
    /// Checks in a row that say otherwise.
    otherwise: u32,
    /// Calls in a row that failed.
    failures: u32,
    /// Pauses in a row.
    pauses: u32,
    until: Option<Instant>,
}

impl Standing {
    /// Whether it is given calls.
    pub(crate) fn is_fit(&self, now: Instant) -> bool {
        !self.unhealthy && !self.is_paused(now)
    }

    /// Why it is given none, if it is not.
    pub(crate) fn trouble(&self, now: Instant) -> Option<&'static str> {
        match (self.unhealthy, self.is_paused(now)) {
            (true, _) => Some("its checks fail"),
            (false, true) => Some("calls to it failed"),
            (false, false) => None,
        }
    }

    /// A call to it was answered. What began before its pause does not end it.
    pub(crate) fn answered(&mut self, now: Instant) {
        if !self.is_paused(now) {
            self.failures = 0;
            self.pauses = 0;
        }
    }

    /// A call to it failed. Returns whether it pauses from now on.
    pub(crate) fn failed(&mut self, rule: Ejection, now: Instant) -> bool {
        if self.is_paused(now) {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures < rule.failures {
            return false;
        }
        self.pauses = self.pauses.saturating_add(1).min(PAUSES_MAX);
        self.until = Some(now + rule.pause * self.pauses);
        // The first call after a pause is a trial: failing, it begins the next one.
        self.failures = rule.failures.saturating_sub(1);
        true
    }

    /// A check was made. Returns whether it changed what is believed.
    pub(crate) fn checked(&mut self, works: bool, rule: Agreement) -> bool {
        if works != self.unhealthy {
            self.otherwise = 0;
            return false;
        }
        self.otherwise = self.otherwise.saturating_add(1);
        let enough = if works { rule.passes } else { rule.fails };
        if self.otherwise < enough {
            return false;
        }
        self.otherwise = 0;
        self.unhealthy = !works;
        true
    }

    fn is_paused(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_failures_in_a_row_begin_a_pause_and_the_next_one_is_longer() {
        let rule = Ejection::default();
        let mut standing = Standing::default();
        let mut now = Instant::now();
        assert!(!standing.failed(rule, now) && !standing.failed(rule, now));
        standing.answered(now);
        assert!(!standing.failed(rule, now) && !standing.failed(rule, now));
        assert!(standing.is_fit(now));
        assert!(standing.failed(rule, now));
        assert_eq!(standing.trouble(now), Some("calls to it failed"));
        // What began before does not end the pause, nor make it longer.
        standing.answered(now);
        assert!(!standing.failed(rule, now) && !standing.is_fit(now));
        for pauses in [2, 3] {
            now += rule.pause * (pauses - 1);
            assert!(standing.is_fit(now));
            assert!(standing.failed(rule, now), "a trial that fails");
            assert!(!standing.is_fit(now + rule.pause * pauses - Duration::from_millis(1)));
        }
        now += rule.pause * 3;
        standing.answered(now);
        assert!(!standing.failed(rule, now), "it begins anew");
    }

    #[test]
    fn a_pause_has_a_longest() {
        let rule = Ejection {
            failures: 1,
            pause: Duration::from_secs(1),
        };
        let mut standing = Standing::default();
        let mut now = Instant::now();
        for _ in 0..40 {
            assert!(standing.failed(rule, now));
            now += rule.pause * PAUSES_MAX;
            assert!(standing.is_fit(now));
        }
    }

    #[test]
    fn checks_are_believed_when_they_agree() {
        let rule = Agreement {
            fails: 2,
            passes: 2,
        };
        let mut standing = Standing::default();
        let now = Instant::now();
        let told = [
            (false, false, true),
            (true, false, true),
            (false, false, true),
            (false, true, false),
            (false, false, false),
            (true, false, false),
            (false, false, false),
            (true, false, false),
            (true, true, true),
        ];
        for (works, changes, fit) in told {
            assert_eq!(standing.checked(works, rule), changes);
            assert_eq!(standing.is_fit(now), fit);
        }
    }
}
