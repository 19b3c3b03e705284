//! Services that third parties call, as the configuration says it.

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::Credential;

/// Who calls, and how that is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inbound {
    /// The name that policies and records have for whoever signs: a SPIFFE id that no agent has.
    pub(crate) sender: Spanned<String>,
    /// Where it is, so that residency holds for what it is told.
    pub(crate) country: Spanned<String>,
    /// How it signs.
    pub(crate) signature: Signature,
    /// The secret of its signatures.
    pub(crate) secret: Spanned<Credential>,
    /// How old a message may be: five minutes if absent.
    pub(crate) tolerance: Option<Spanned<String>>,
}

/// A way of signing messages with a shared secret.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Signature {
    Stripe,
    GitHub,
    Slack,
    Standard,
}
