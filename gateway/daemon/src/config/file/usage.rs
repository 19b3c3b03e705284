//! How services say what models used, and what that costs, as the configuration says it.

use serde::Deserialize;
use serde_saphyr::Spanned;

/// How a service says what a model used.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Usage {
    /// As these services do.
    pub(crate) profile: Option<Profile>,
    /// Tokens that are held for an answer to a call that sets no limit.
    pub(crate) output_ceiling: Option<u64>,
    /// Where a request says what it asks for; in place of the profile's.
    #[serde(default)]
    pub(crate) request: Asked,
    /// Where an answer says what was used; in place of the profile's.
    #[serde(default)]
    pub(crate) answer: Told,
}

/// Services that say it alike.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Profile {
    Openai,
    Anthropic,
}

/// JSON Pointers into a request, and a parameter of its operation.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    pub(crate) model: Option<Vec<Spanned<String>>>,
    /// The parameter of the operation that names the model, where that stands in the path.
    pub(crate) parameter: Option<String>,
    /// The most tokens of an answer.
    pub(crate) output_max: Option<Vec<Spanned<String>>>,
    /// How many answers there are to be.
    pub(crate) choices: Option<Vec<Spanned<String>>>,
}

/// JSON Pointers into an answer.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    pub(crate) model: Option<Vec<Spanned<String>>>,
    pub(crate) input: Option<Vec<Spanned<String>>>,
    /// How many of `input` came from a cache.
    pub(crate) cached: Option<Vec<Spanned<String>>>,
    /// From a cache, beside `input`.
    pub(crate) cache_read: Option<Vec<Spanned<String>>>,
    /// To a cache, beside `input`.
    pub(crate) cache_write: Option<Vec<Spanned<String>>>,
    pub(crate) output: Option<Vec<Spanned<String>>>,
}

/// What a million tokens of a model cost.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Price {
    /// `gpt-4o`, or with a star at its end all that begin so.
    pub(crate) model: Spanned<String>,
    pub(crate) input: Spanned<f64>,
    pub(crate) output: Spanned<f64>,
    /// As `input` if absent.
    pub(crate) cache_read: Option<Spanned<f64>>,
    /// As `input` if absent.
    pub(crate) cache_write: Option<Spanned<f64>>,
}
