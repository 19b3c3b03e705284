//! What was asked for past the gateway.

use serde::{Deserialize, Serialize};

/// A request past the gateway, as it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The host that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The path without its query.
    pub path: String,
}
