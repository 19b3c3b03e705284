//! A verification that is interrupted, and goes on later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DataKeys, Order, Verifier, strangers::Strangers};
use crate::{
    Kind,
    checkpoint::Authority,
    tree::{self, Digest, Tree},
};

/// What was found of a log up to here, which is nothing wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    tree: tree::State,
    good: u64,
    signed: u64,
    checkpoints: u64,
    witnessed: Option<u64>,
    witnessed_at: Option<u64>,
    records: BTreeMap<Kind, u64>,
    open: Vec<u64>,
    open_unlisted: u64,
    clock_back: Vec<u64>,
    latest_us: i64,
    /// Of one that an earlier version left, what it counted is not known.
    #[serde(default)]
    keys: DataKeys,
    /// The keys of the log that are known by now, each with the record of its succession.
    #[serde(default)]
    lineage: Vec<(Option<u64>, String)>,
    #[serde(default)]
    since: Option<u64>,
    #[serde(default)]
    unjudged: u64,
}

impl State {
    /// How many records it covers.
    pub fn size(&self) -> u64 {
        self.tree.size
    }

    /// The root of the tree over them; none if the state is of no tree.
    pub fn root(&self) -> Option<Digest> {
        Some(Tree::resume(&self.tree)?.root())
    }
}

impl Verifier {
    /// What to go on from later; none where something is wrong already, or not yet decided.
    pub fn state(&self) -> Option<State> {
        let decided = self.held.is_none() && self.untrue.is_none() && self.actual.is_none();
        let decided = decided && self.accused.is_empty() && self.foreign.is_none();
        let decided = decided && self.strangers.is_decided();
        let tree = self.tree.as_ref().filter(|_| decided && !self.forged)?;
        let report = &self.report;
        if !report.is_intact() || !self.order.is_whole() {
            return None;
        }
        Some(State {
            tree: tree.state(),
            good: self.good,
            signed: report.signed.min(self.good),
            // Those that are not in their place are given again.
            checkpoints: report.checkpoints.saturating_sub(self.outside),
            witnessed: report.witnessed,
            witnessed_at: report.witnessed_at,
            records: report.records.clone(),
            open: self.open.iter().copied().collect(),
            open_unlisted: report.open_unlisted,
            clock_back: report.clock_back.clone(),
            latest_us: self.latest_us,
            keys: self.keys.clone(),
            lineage: self.lineage(),
            since: report.since,
            unjudged: report.unjudged,
        })
    }

    /// Goes on from what an earlier verification of this log, by these keys, left; none if there is no such state.
    pub fn resume(authority: Authority, state: State) -> Option<Self> {
        let mut verifier = Self::new(authority);
        if !state.lineage.is_empty() {
            verifier.authority.lineage_mut().resume(&state.lineage)?;
        }
        verifier.strangers = Strangers::after(state.since);
        verifier.tree = Some(Tree::resume(&state.tree)?);
        verifier.order = Order::after(state.tree.size);
        verifier.before = state.tree.size;
        verifier.good = state.good;
        verifier.open = state.open.into_iter().collect();
        verifier.latest_us = state.latest_us;
        verifier.keys = state.keys;
        let report = &mut verifier.report;
        report.resumed = Some(state.tree.size);
        report.signed = state.signed;
        report.checkpoints = state.checkpoints;
        report.witnessed = state.witnessed.filter(|_| report.witnessed.is_some());
        report.witnessed_at = state.witnessed_at;
        report.records = state.records;
        report.open_unlisted = state.open_unlisted;
        report.clock_back = state.clock_back;
        report.since = state.since;
        report.unjudged = state.unjudged;
        Some(verifier)
    }
}
