//! What is usual for an agent: a few numbers that a person can read.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use serde::{Deserialize, Serialize};

/// Operations and classes that are known of an agent; further ones are taken for known.
pub const NAMES_MAX: usize = 1_024;

/// The baselines of all agents.
pub type Baselines = BTreeMap<String, Baseline>;

/// What an agent did while it was new: each is the most of something, or a set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Baseline {
    /// Calls that it learnt from.
    pub calls: u64,
    /// Days with calls that it learnt from.
    pub days: u64,
    /// The latest of them, in days since 1970.
    pub last_day: i64,
    /// The most calls of a minute, what failed and was made again not counted.
    pub busiest_minute: u64,
    /// The most resources that a session had to do with.
    pub widest_session: u64,
    /// The most that the sessions of a day had to do with, each for itself.
    pub widest_day: u64,
    /// The most reads of a session that named no resource.
    pub most_lists: u64,
    /// The most writes of a session.
    pub most_writes: u64,
    /// The most questions of a session that were refused.
    pub most_refused: u64,
    /// The most refusals of a session within five minutes.
    pub most_denied: u64,
    /// The most ids of a session at one distance after each other.
    pub longest_run: u64,
    /// The most ids of a session that filled most of a range.
    pub fullest_range: u64,
    /// Operations that were called.
    pub operations: BTreeSet<String>,
    /// Classes that answers held.
    pub classes: BTreeSet<String>,
    /// Of each class the most answers of a session that held it.
    pub class_answers: BTreeMap<String, u64>,
    /// Hours with calls from Monday to Friday, in UTC.
    pub weekday_hours: BTreeSet<u8>,
    /// Hours with calls on Saturday and Sunday, in UTC.
    pub weekend_hours: BTreeSet<u8>,
}

impl Baseline {
    /// Whether `name` is new; it is known from now on. Once there are too many, nothing is new.
    pub(crate) fn is_new(names: &mut BTreeSet<String>, name: &str) -> bool {
        if names.len() >= NAMES_MAX || names.contains(name) {
            return false;
        }
        names.insert(name.to_owned())
    }

    /// Whether an operation of this service was called; `service` ends with its slash.
    pub(crate) fn knows_service(&self, service: &str) -> bool {
        let from = (Bound::Included(service), Bound::Unbounded);
        let mut names = self.operations.range::<str, _>(from);
        self.operations.len() >= NAMES_MAX || names.next().is_some_and(|it| it.starts_with(service))
    }

    /// How many services were called.
    pub(crate) fn services(&self) -> u64 {
        let names = self.operations.iter();
        let services = names.filter_map(|it| it.split('/').next());
        services.collect::<BTreeSet<_>>().len() as u64
    }
}
