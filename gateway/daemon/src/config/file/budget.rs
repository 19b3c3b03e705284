//! What may be used up, as the configuration says it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::Effect;

/// What may be used up.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Budget {
    pub(crate) id: Spanned<String>,
    /// Whose it is.
    #[serde(default)]
    pub(crate) per: Per,
    /// The agents that have it; all if absent.
    #[serde(default)]
    pub(crate) agents: Vec<Spanned<String>>,
    /// The services that spend from it; all if absent.
    #[serde(default)]
    pub(crate) services: Vec<Spanned<String>>,
    /// The operations that do; all if absent.
    #[serde(default)]
    pub(crate) operations: Vec<Spanned<String>>,
    /// The effects that do; all if absent.
    #[serde(default)]
    pub(crate) effects: Vec<Effect>,
    /// After how long it begins anew; never if absent.
    pub(crate) every: Option<Spanned<String>>,
    pub(crate) calls: Option<u64>,
    /// Records shown, each once.
    pub(crate) records: Option<u64>,
    /// People whose records were shown, each once.
    pub(crate) subjects: Option<u64>,
    /// Bytes of answers.
    pub(crate) bytes: Option<u64>,
    /// Tokens that models used.
    pub(crate) tokens: Option<u64>,
    /// What these cost, in the currency of `prices`.
    pub(crate) cost: Option<Spanned<f64>>,
    /// Values shown as they are, by data class.
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, u64>,
    /// Whether the hosts of a fleet share it; all but those of sessions if absent.
    pub(crate) shared: Option<Spanned<bool>>,
    /// More writes than reads are meant.
    #[serde(default)]
    pub(crate) writes_exceed_reads: bool,
}

/// Whose a budget is.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Per {
    /// Each instance of an agent has its own.
    #[default]
    Session,
    /// All sessions of an agent on one task share it.
    Task,
    /// All sessions of an agent share it.
    Agent,
}
