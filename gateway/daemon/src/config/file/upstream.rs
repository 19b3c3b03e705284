//! Where requests for a service go, as the configuration says it.

use serde::Deserialize;
use serde_saphyr::Spanned;

/// One upstream of several.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Upstream {
    pub(crate) url: Spanned<String>,
    pub(crate) country: Spanned<String>,
    /// Its share of the calls: 1 if absent; with 0 it stands by.
    pub(crate) weight: Option<Spanned<u32>>,
    /// Addresses that are not public, and that its name may stand for.
    #[serde(default)]
    pub(crate) networks: Vec<Spanned<String>>,
}

/// How upstreams are asked whether they work.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Health {
    pub(crate) path: Spanned<String>,
    /// 5 seconds if absent.
    pub(crate) every: Option<Spanned<String>>,
    /// 2 seconds if absent.
    pub(crate) timeout: Option<Spanned<String>>,
    /// Checks in a row that must fail: 2 if absent.
    pub(crate) fails: Option<Spanned<u32>>,
    /// Checks in a row that must not: 1 if absent.
    pub(crate) passes: Option<Spanned<u32>>,
}

/// When an upstream is given no calls for a while.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ejection {
    /// Calls in a row that must fail: 3 if absent.
    pub(crate) failures: Option<Spanned<u32>>,
    /// 30 seconds if absent.
    pub(crate) pause: Option<Spanned<String>>,
}
