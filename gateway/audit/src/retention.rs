//! How long records are kept, and the data keys that make it so.
//!
//! A data key seals the records of one day (UTC) that are kept equally long. When their time is over, the key goes, and
//! with it what it sealed, in every copy of the log; leaves and proofs stay. How long a record is kept is fixed when it
//! is sealed, by what is known then: an exchange by its opening, and its end as long as that.

use std::{collections::BTreeSet, sync::Arc};

use crate::{EventRef, Kind};

/// Microseconds of a day.
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// Days that the log is ahead of its own clock at most: a clock that is wrong for a shorter time than this many days
/// with records neither makes anything expire early, nor keeps it for long.
pub const DAYS_TRUSTED: usize = 3;

/// A day (UTC), counted from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Day {
    /// The day of a time in microseconds since 1970.
    pub fn of_us(at_us: i64) -> Self {
        Self(at_us.div_euclid(DAY_US))
    }

    /// The time when it begins, in microseconds since 1970.
    pub fn begins_us(self) -> i64 {
        self.0.saturating_mul(DAY_US)
    }
}

/// How long records of one class are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The rule's name.
    pub class: Arc<str>,
    /// Days after the one on which they were made; none: for ever.
    pub days: Option<u32>,
    /// The law or contract behind it.
    pub basis: Option<Arc<str>>,
}

/// Which records are kept for a term of their own. What is not given holds of all; all that is given must hold.
#[derive(Clone, Debug)]
pub struct RetentionRule {
    /// How long.
    pub term: Arc<Term>,
    /// Of these services.
    pub services: BTreeSet<String>,
    /// Of these agents.
    pub agents: BTreeSet<String>,
    /// Of these kinds; an exchange is one of `open`.
    pub kinds: BTreeSet<Kind>,
}

impl RetentionRule {
    fn holds(&self, event: &EventRef<'_>) -> bool {
        let (service, agent) = parties(event);
        let among = |set: &BTreeSet<String>, one: Option<&str>| {
            set.is_empty() || one.is_some_and(|one| set.contains(one))
        };
        among(&self.services, service)
            && among(&self.agents, agent)
            && (self.kinds.is_empty() || self.kinds.contains(&event.head().0))
    }
}

/// The service and the agent of an event, as far as it has them.
fn parties<'a>(event: &EventRef<'a>) -> (Option<&'a str>, Option<&'a str>) {
    match *event {
        EventRef::Open(it) => (Some(&it.operation.service), it.caller.agent.as_deref()),
        EventRef::Refuse(it) => (
            it.operation.as_ref().map(|it| &*it.service),
            it.caller.agent.as_deref(),
        ),
        EventRef::Bypass(it) => (None, Some(&it.agent)),
        EventRef::Anomaly(it) => (None, Some(&it.agent)),
        EventRef::Process(it) => (None, Some(&it.agent)),
        _ => (None, None),
    }
}

/// How long records are kept.
#[derive(Clone, Debug)]
pub struct Retention {
    rules: Vec<RetentionRule>,
    usual: Arc<Term>,
    lasting: Arc<Term>,
}

/// The class of what no rule is about.
pub const USUAL: &str = "default";

/// The class of what is always kept: what says that something was destroyed, or must not be.
pub const LASTING: &str = "lasting";

/// Six years, however many of them are leap years.
pub const USUAL_DAYS: u32 = 6 * 365 + 2;

/// Why six years.
pub const USUAL_BASIS: &str = "45 CFR 164.316(b)(2)(i)";

impl Default for Retention {
    fn default() -> Self {
        let usual = Term {
            class: USUAL.into(),
            days: Some(USUAL_DAYS),
            basis: Some(USUAL_BASIS.into()),
        };
        Self::new(usual, Vec::new())
    }
}

impl Retention {
    /// By these rules, and `usual` for what none of them is about.
    pub fn new(usual: Term, rules: Vec<RetentionRule>) -> Self {
        let lasting = Term {
            class: LASTING.into(),
            days: None,
            basis: None,
        };
        Self {
            rules,
            usual: Arc::new(usual),
            lasting: Arc::new(lasting),
        }
    }

    /// How long what no rule is about is kept.
    pub fn usual(&self) -> &Term {
        &self.usual
    }

    /// The rules.
    pub fn rules(&self) -> &[RetentionRule] {
        &self.rules
    }

    /// For how long an event is kept: of the rules that hold, by the longest.
    pub(crate) fn term(&self, event: &EventRef<'_>) -> Arc<Term> {
        if matches!(
            event,
            EventRef::Erase(_) | EventRef::Expire(_) | EventRef::Hold(_) | EventRef::Succeed(_)
        ) {
            return Arc::clone(&self.lasting);
        }
        let held = self.rules.iter().filter(|rule| rule.holds(event));
        let longest = held.max_by_key(|rule| rule.term.days.unwrap_or(u32::MAX));
        Arc::clone(longest.map_or(&self.usual, |rule| &rule.term))
    }
}

/// What a data key is for. It is bound to it where it is wrapped: a key whose row says otherwise does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTerms {
    /// The day of what it seals.
    pub day: Day,
    /// Which class.
    pub class: String,
    /// Days that it is kept after that; none: for ever.
    pub days: Option<u32>,
    /// The law or contract behind it.
    pub basis: Option<String>,
    /// The first record that it may have sealed.
    pub first: u64,
}

impl KeyTerms {
    /// The day from which it may be destroyed; none: it never may.
    pub fn due(&self) -> Option<Day> {
        let days = i64::from(self.days?);
        Some(Day(self.day.0.saturating_add(days).saturating_add(1)))
    }

    /// What its wrapping is bound to, beside the log and its id.
    pub(crate) fn context(&self) -> String {
        let days = self
            .days
            .map_or_else(|| "-".to_owned(), |it| it.to_string());
        let (day, class, first) = (self.day.0, &self.class, self.first);
        let basis = self.basis.as_deref().unwrap_or_default();
        format!("{day}\n{days}\n{first}\n{class}\n{basis}")
    }
}

/// The newest days on which the log has records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Days(BTreeSet<Day>);

impl Days {
    pub(crate) fn saw(&mut self, day: Day) {
        self.0.insert(day);
        if self.0.len() > DAYS_TRUSTED {
            self.0.pop_first();
        }
    }

    /// The day that the log's clock has certainly come to: of its newest days the [`DAYS_TRUSTED`]th. None while it has
    /// fewer.
    pub(crate) fn trusted(&self) -> Option<Day> {
        let oldest = self.0.first().copied();
        oldest.filter(|_| self.0.len() == DAYS_TRUSTED)
    }
}

#[cfg(test)]
mod tests;
