//! Who issues tokens, as the configuration says it.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;
use serde_saphyr::Spanned;

/// One token issuer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Issuer {
    #[serde(rename = "issuer")]
    pub(crate) name: String,
    pub(crate) audience: String,
    pub(crate) jwks: Spanned<Jwks>,
    /// The longest life of a token: `15m` if absent.
    pub(crate) lifetime_max: Option<Spanned<String>>,
    /// Where its tokens name agent and task, if not as ours do.
    #[serde(default)]
    pub(crate) claims: ClaimPlaces,
    /// The agents by what its tokens call them; if there are any, nobody else is one.
    #[serde(default)]
    pub(crate) subjects: BTreeMap<String, Spanned<String>>,
}

/// JSON Pointers into the claims of a token.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimPlaces {
    /// `/sub` if absent.
    pub(crate) subject: Option<Spanned<String>>,
    /// The task's id.
    pub(crate) task: Option<Spanned<String>>,
    pub(crate) purpose: Option<Spanned<String>>,
    /// An object.
    pub(crate) scope: Option<Spanned<String>>,
}

/// Where an issuer's keys are: exactly one of these.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Jwks {
    pub(crate) file: Option<Spanned<PathBuf>>,
    pub(crate) url: Option<Spanned<String>>,
    /// Where the issuer itself says: in what it publishes by `OpenID` Connect Discovery 1.0 or RFC 8414.
    pub(crate) discover: Option<Spanned<bool>>,
    /// The bundle of the trust domain that the issuer is, by the Workload API.
    pub(crate) workload_api: Option<Spanned<bool>>,
}
