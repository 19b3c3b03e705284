//! What is used of the budgets, as `/budgets` of the admin address tells it.

use std::sync::Arc;

use admission::budget::{Asked, Budgets, Meter, Used};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Number;

/// The accounts that are told of at most.
const ACCOUNTS_MAX: usize = 500;

/// The longest answer, in bytes: every meter of so many accounts, whose names hold what tokens say.
pub(crate) const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Spent {
    /// Of whoever spent last, first.
    pub(crate) used: Vec<Line>,
    /// Whether there is more.
    pub(crate) cut: bool,
}

/// One allowance of one who has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) budget: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) task: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<String>,
    /// `calls`, `records`, ..., or a data class.
    pub(crate) meter: String,
    /// How much, costs in the currency of `prices`.
    pub(crate) used: Number,
    pub(crate) allowed: Number,
    pub(crate) percent: u8,
    /// Seconds until it begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) renews_in: Option<u32>,
    /// Whether the hosts of a fleet share it; `used` is this host's part then.
    pub(crate) shared: bool,
}

impl Spent {
    /// What is used of these budgets.
    pub(crate) fn of(budgets: &Budgets, asked: &Asked, now: Timestamp) -> Self {
        let (used, cut) = budgets.used(asked, now, ACCOUNTS_MAX);
        Self {
            used: used.into_iter().map(Line::of).collect(),
            cut,
        }
    }
}

impl Line {
    fn of(used: Used) -> Self {
        let own = |text: Arc<str>| text.to_string();
        Self {
            budget: own(Arc::clone(&used.budget)),
            meter: used.meter.name().to_owned(),
            used: amount(used.meter, used.used),
            allowed: amount(used.meter, used.allowed),
            percent: used.percent(),
            renews_in: used.renews_in,
            shared: used.shared,
            agent: used.holder.agent.map(own),
            task: used.holder.task.map(own),
            session: used.holder.session.map(own),
        }
    }
}

/// A number as people write it: cost in the currency, not in its millionths.
fn amount(meter: Meter, amount: u64) -> Number {
    let written = serde_json::from_str(&meter.written(amount));
    written.unwrap_or_else(|_| amount.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_told_in_the_currency_and_all_else_by_the_piece() {
        assert_eq!(amount(Meter::Cost, 2_500_000).to_string(), "2.5");
        assert_eq!(amount(Meter::Cost, 3_000_000).to_string(), "3");
        assert_eq!(
            amount(Meter::Bytes, u64::MAX).to_string(),
            u64::MAX.to_string()
        );
    }
}
