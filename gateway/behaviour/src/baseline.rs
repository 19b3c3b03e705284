//! What is usual for an agent: a few numbers that a person can read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Operations and classes that are known of an agent; further ones are taken for known.
pub const NAMES_MAX: usize = 1_024;

/// The baselines of all agents.
pub type Baselines = BTreeMap<String, Baseline>;

/// What an agent did while it was new.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Calls that it learnt from.
    pub calls: u64,
    /// The most calls of a minute.
    pub busiest_minute: u64,
    /// The most resources that a session had to do with.
    pub widest_session: u64,
    /// Operations that were called.
    pub operations: BTreeSet<String>,
    /// Classes that answers held.
    pub classes: BTreeSet<String>,
}

impl Baseline {
    /// Whether `name` is new; it is known from now on. Once there are too many, nothing is new.
    pub(crate) fn is_new(names: &mut BTreeSet<String>, name: &str) -> bool {
        if names.len() >= NAMES_MAX || names.contains(name) {
            return false;
        }
        names.insert(name.to_owned())
    }
}
