//! What is typed of one argument.

use serde::Deserialize;
use serde_saphyr::Spanned;

/// An argument that rules may hold within bounds; where it stands, the bindings say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Argument {
    #[serde(rename = "type")]
    pub(crate) kind: Spanned<ArgumentType>,
    /// The only values that it may have.
    #[serde(default)]
    pub(crate) one_of: Vec<String>,
    /// A regular expression that all of it must match.
    pub(crate) pattern: Option<Spanned<String>>,
    /// The currency of an amount: `EUR`.
    pub(crate) currency: Option<Spanned<String>>,
    /// The parameter that names the currency of an amount.
    pub(crate) currency_in: Option<Spanned<String>>,
    /// What the service takes where the argument is not there; if absent, it must be.
    pub(crate) default: Option<Spanned<String>>,
}

/// What it is.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ArgumentType {
    Integer,
    Decimal,
    String,
    Boolean,
    Money,
}
