//! What a session, a task or an agent may use up, however slowly it goes about it.
//!
//! A rate keeps an agent from taking everything at once; it does not keep it from taking everything.
//! A budget is spent and does not come back: one record a second for ten minutes is six hundred
//! records. What was spent is durable before what it was spent for is released, so that neither a
//! restart nor a crash gives anything back.

mod accounts;
mod borrower;
mod hold;
mod keeper;
mod lease;
mod meter;
mod succession;
mod told;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use policy::Effect;
use serde::{Deserialize, Serialize};

use crate::Permit;

pub use accounts::{ACCOUNTS_MAX, Budgets};
pub use hold::{Hold, Remaining, Room, Usage};
pub use keeper::{AccountSums, BudgetStore, Debit, KeptAccount, StoreError};
pub use lease::{
    Act, FleetStanding, Joined, LeaseCounts, Lender, LenderError, Lending, Lent, SHARED_MAX, Want,
    Wanted,
};
pub use meter::Meter;
pub use succession::{Heir, ITEMS_MAX, Spent};
pub use told::{Asked, Holder, Used};

/// The largest allowance of what is counted by telling one from the other: each that was seen is kept.
pub const DISTINCT_MAX: u64 = 100_000;

/// What costs are counted in: so many make one of the currency.
pub const COST_UNIT: u64 = 1_000_000;

/// Whose the budget is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Each instance of an agent has its own. A process that shows no token is an instance by itself, and
    /// so can begin anew by starting another.
    Session,
    /// All sessions of an agent that work on the same task share one; a session without a task has its
    /// own.
    Task,
    /// All sessions of an agent share one.
    Agent,
}

/// What stands in the names of accounts that are of one host, as their session is.
const OF_ONE_HOST: &str = "session";

/// Whether the hosts of a fleet may share this account (see [`Budget::account`]).
fn is_shareable(account: &str) -> bool {
    account.split('\n').nth(2) != Some(OF_ONE_HOST)
}

impl Per {
    fn whose(self) -> &'static str {
        match self {
            Self::Session => "for each session",
            Self::Task => "for each task",
            Self::Agent => "for each agent",
        }
    }
}

/// What a model used, or will have used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelUse {
    /// Tokens.
    pub tokens: u64,
    /// Millionths of the currency.
    pub cost: u64,
}

impl ModelUse {
    fn of(self, meter: Meter) -> u64 {
        match meter {
            Meter::Tokens => self.tokens,
            Meter::Cost => self.cost,
            _ => 0,
        }
    }
}

/// One budget of the configuration.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Its name.
    pub id: Arc<str>,
    /// The agents that have it, by SPIFFE id; all if empty.
    pub agents: Vec<Arc<str>>,
    /// The services that spend from it; all if empty.
    pub services: Vec<Arc<str>>,
    /// The operations that do; all if empty.
    pub operations: Vec<Arc<str>>,
    /// The effects that do; all if empty.
    pub effects: Vec<Effect>,
    /// Whose it is.
    pub per: Per,
    /// After how long it begins anew, counted from the epoch; never if absent.
    pub every: Option<SignedDuration>,
    /// How much of what.
    pub allowed: Vec<(Meter, u64)>,
    /// Whether the hosts of a fleet share it.
    pub shared: bool,
}

/// A budget does not have what a call asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("budget `{budget}` is used up: {allowed} {} {}", meter.name(), per.whose())]
pub struct Exhausted {
    /// The budget.
    pub budget: Arc<str>,
    /// What of it.
    pub meter: Meter,
    /// How much it had, as people write it.
    pub allowed: String,
    /// Of whom.
    pub per: Per,
    /// Seconds until it begins anew, if it does.
    pub renews_in: Option<u32>,
}

/// A call cannot be held to its budgets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum OverBudget {
    /// They do not have it.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The hosts of a fleet share one, and this host can lease none of it.
    #[error("nothing of budget `{budget}` can be leased: {why}")]
    Unleased {
        /// The budget.
        budget: Arc<str>,
        /// Why.
        why: Arc<str>,
    },
    /// It cannot be debited at once: what this host leased is not enough, or another process has the accounts.
    #[error("what is there to be spent at once is not enough")]
    Short,
    /// What was spent cannot be read or kept.
    #[error("what was spent cannot be kept")]
    Unavailable,
}

impl Budget {
    /// Whether a call under this permit spends from it.
    fn covers(&self, permit: &Permit) -> bool {
        let operation = permit.operation();
        let named = |names: &[Arc<str>], name: &str| {
            names.is_empty() || names.iter().any(|known| **known == *name)
        };
        named(&self.agents, permit.caller().agent.id.as_str())
            && named(&self.services, &operation.service)
            && named(&self.operations, &operation.id)
            && (self.effects.is_empty() || self.effects.contains(&operation.effect))
    }

    /// The account of who calls, at this time, and whether a fleet shares it. Budgets that begin anew have one for
    /// each turn.
    fn account(&self, permit: &Permit, now: Timestamp) -> (Arc<str>, bool) {
        let caller = permit.caller();
        let agent = caller.agent.id.as_str();
        let token = caller.token.as_ref();
        let task = token.and_then(|token| token.task.as_ref());
        let turn = self.turn(now);
        let kind = self.kind();
        // A session is of one host, as its process is, unless a token says which one it is.
        let joint = token.and_then(|token| token.session.as_ref().or(token.token_id.as_ref()));
        let (name, is_shared) = match (self.per, task, joint) {
            (Per::Agent, ..) => (format!("{}\n{turn}\n{kind}\n{agent}", self.id), true),
            (Per::Task, Some(task), _) => {
                let id = &task.id;
                (format!("{}\n{turn}\n{kind}\n{agent}\n{id}", self.id), true)
            }
            (Per::Session, _, Some(joint)) if self.shared => (
                format!("{}\n{turn}\n{kind}\n{agent}\n{joint}", self.id),
                true,
            ),
            (Per::Session | Per::Task, ..) => (
                format!("{}\n{turn}\n{OF_ONE_HOST}\n{}", self.id, caller.session),
                false,
            ),
        };
        (name.into(), is_shared && self.shared)
    }

    /// What stands in the names of accounts that may be shared.
    fn kind(&self) -> &'static str {
        match self.per {
            Per::Agent => "agent",
            Per::Task => "task",
            Per::Session => "token",
        }
    }

    fn turn(&self, now: Timestamp) -> i64 {
        self.every
            .map_or(0, |every| now.as_second() / every.as_secs().max(1))
    }

    fn renews_in(&self, now: Timestamp) -> Option<u32> {
        let every = self.every?.as_secs().max(1);
        u32::try_from(every - now.as_second().rem_euclid(every)).ok()
    }

    /// When the turn of an account of it begins and ends, in seconds of the epoch; none if it never does.
    fn window(&self, account: &str) -> Option<(i64, i64)> {
        let every = self.every?.as_secs().max(1);
        let turn: i64 = account.split('\n').nth(1)?.parse().ok()?;
        let begins = turn.checked_mul(every)?;
        Some((begins, begins.checked_add(every)?))
    }

    fn exhausted(&self, meter: Meter, allowed: u64, now: Timestamp) -> Exhausted {
        Exhausted {
            budget: Arc::clone(&self.id),
            meter,
            allowed: meter.written(allowed),
            per: self.per,
            renews_in: self.renews_in(now),
        }
    }
}

#[cfg(test)]
mod tests;
