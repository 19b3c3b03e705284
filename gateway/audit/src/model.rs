//! What a model used, as records have it.

use serde::{Deserialize, Serialize};

/// What a model used in one exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Which, as the service names it, or else the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Tokens that it read, and not from a cache.
    pub input: u64,
    /// Tokens that it wrote.
    pub output: u64,
    /// Tokens that came from a cache.
    #[serde(default)]
    pub cache_read: u64,
    /// Tokens that went to a cache.
    #[serde(default)]
    pub cache_write: u64,
    /// What that cost, in millionths of the currency of the configured prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<u64>,
    /// Whether nobody said how much it was, so that it is taken for as much as it may be.
    #[serde(default)]
    pub estimated: bool,
}
