//! Agents and what the kernel does about them, as the configuration says it.

use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::Tls;

/// One agent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Agent {
    pub(crate) id: Spanned<String>,
    pub(crate) selectors: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) token: Token,
    /// Whether it must show an X.509-SVID.
    #[serde(default)]
    pub(crate) svid: bool,
    /// Its static keys.
    #[serde(default)]
    pub(crate) keys: Vec<StaticKey>,
    /// The names by which its clients call themselves; any if absent.
    #[serde(default)]
    pub(crate) known_as: Vec<Spanned<String>>,
    /// What is done about its own ways out.
    pub(crate) egress: Option<Spanned<EgressMode>>,
    /// Where it may go by itself: `10.0.0.0/8:5432`, `[fd00::]/8`.
    #[serde(default)]
    pub(crate) allow: Vec<Spanned<String>>,
}

/// A key that an agent shows for want of a token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StaticKey {
    pub(crate) name: Spanned<String>,
    /// Its digest, as `tidegate static-key` prints it.
    pub(crate) sha256: Spanned<String>,
    /// When it ends, RFC 3339 or a date.
    pub(crate) until: Spanned<String>,
}

/// What the kernel does about ways past the gateway.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Egress {
    /// A directory of the BPF file system, where programs and maps outlive the gateway.
    pub(crate) pins: Option<PathBuf>,
    /// What happens while the gateway is gone.
    pub(crate) when_gone: Option<Spanned<WhenGone>>,
    /// The kernel's ring of flow events, bytes: a power of two; 4 MiB if absent.
    pub(crate) ring_bytes: Option<Spanned<u32>>,
    /// How many flows the kernel's table has room for; 262,144 if absent.
    pub(crate) flows_max: Option<Spanned<u32>>,
    /// Whether turns in the lives of agents' processes are on record.
    #[serde(default)]
    pub(crate) processes: Turns,
    /// Whether findings say what agents asked for over OpenSSL.
    #[serde(default)]
    pub(crate) glimpse: bool,
    /// For redirected connections with TLS: a certificate for the services' hosts; the host's own
    /// authority makes them if absent.
    pub(crate) tls: Option<Tls>,
}

/// What becomes of turns in the lives of agents' processes.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Turns {
    /// They can be seen for a while.
    #[default]
    Watch,
    /// They are on record as well.
    Record,
}

/// What is done about an agent's own ways out.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EgressMode {
    /// They are recorded.
    #[default]
    Observe,
    /// They are refused.
    Deny,
    /// They are led to the gateway.
    Redirect,
}

/// What happens to agents' connections while the gateway is gone.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WhenGone {
    /// They go their way.
    Open,
    /// They are refused.
    Closed,
}

/// Whether an agent needs a token beside its kernel identity.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Token {
    /// It does, and a copy of the token must be worth nothing: it is bound to a key (RFC 9449, RFC
    /// 8705), or is a pass of the gateway's.
    Bound,
    /// It does.
    #[default]
    Required,
    /// It may have one.
    Optional,
}
