//! The configuration as it is typed: one YAML file, unknown keys are errors.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde::Deserialize;
use serde_saphyr::Spanned;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// Where agents connect.
    pub(crate) listen: Vec<Listen>,
    /// Health and metrics; off if absent.
    pub(crate) admin: Option<Admin>,
    /// How callers are attributed.
    #[serde(default)]
    pub(crate) attestation: Attestation,
    /// ISO 3166 country of this host and its agents.
    pub(crate) country: Spanned<String>,
    /// Who issues tokens.
    #[serde(default)]
    pub(crate) tokens: Vec<Issuer>,
    /// Who may call.
    pub(crate) agents: Vec<Agent>,
    /// What the kernel does about ways past the gateway.
    #[serde(default)]
    pub(crate) egress: Egress,
    /// What may be called.
    pub(crate) services: Vec<Service>,
    /// Cedar policy files; `*` stands for any part of a file name.
    pub(crate) policies: Vec<Spanned<String>>,
    /// Files of own classifiers; `*` stands for any part of a file name.
    #[serde(default)]
    pub(crate) classifiers: Vec<Spanned<String>>,
    /// Bodies that cannot be inspected.
    #[serde(default)]
    pub(crate) uninspected: Uninspected,
    /// The record.
    pub(crate) audit: Audit,
    /// Stand-ins that can be turned back.
    #[serde(default)]
    pub(crate) tokenization: Tokenization,
    /// Traces.
    #[serde(default)]
    pub(crate) telemetry: Telemetry,
    /// Certificates to trust beside the system's, for upstreams and issuers (PEM).
    pub(crate) upstream_ca: Option<Spanned<PathBuf>>,
    /// Worker threads; one for each core if absent.
    pub(crate) workers: Option<usize>,
}

/// One address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listen {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Tls>,
}

/// A certificate chain and its key, PEM.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    pub(crate) certificate: Spanned<PathBuf>,
    pub(crate) key: PathBuf,
}

/// The operators' address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admin {
    pub(crate) address: SocketAddr,
}

/// How callers are attributed.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Attestation {
    /// By the kernel where it can, by `/proc` where it cannot.
    #[default]
    Auto,
    /// By the kernel, or the gateway does not start.
    Kernel,
    /// By `/proc`.
    Proc,
}

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
}

/// Where an issuer's keys are: exactly one of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Jwks {
    pub(crate) file: Option<Spanned<PathBuf>>,
    pub(crate) url: Option<Spanned<String>>,
}

/// One agent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Agent {
    pub(crate) id: Spanned<String>,
    pub(crate) selectors: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) token: Token,
    /// What is done about its own ways out.
    pub(crate) egress: Option<Spanned<EgressMode>>,
    /// Where it may go by itself: `10.0.0.0/8:5432`, `[fd00::]/8`.
    #[serde(default)]
    pub(crate) allow: Vec<Spanned<String>>,
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
    /// For redirected connections with TLS: a certificate for the services' hosts.
    pub(crate) tls: Option<Tls>,
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
    /// It does.
    #[default]
    Required,
    /// It may have one.
    Optional,
}

/// One upstream API.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    pub(crate) name: Spanned<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) upstream: Spanned<String>,
    pub(crate) country: Spanned<String>,
    /// Where tokens are turned back, as far as policy permits `restore`.
    pub(crate) restore: Option<Restore>,
    /// An OpenAPI document whose `x-data-class` says what the fields of bodies are.
    pub(crate) openapi: Option<Spanned<PathBuf>>,
    /// A `FileDescriptorSet` that says what its messages of protobuf are.
    pub(crate) descriptors: Option<Spanned<PathBuf>>,
    pub(crate) operations: Vec<Operation>,
}

/// One operation of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operation {
    pub(crate) id: Spanned<String>,
    pub(crate) method: Spanned<String>,
    pub(crate) path: Spanned<String>,
    pub(crate) effect: Option<Effect>,
    /// Parameters bound by the query: `customer: id` binds `?id=`.
    #[serde(default)]
    pub(crate) query: BTreeMap<String, String>,
    /// Whose rows its answers may hold.
    #[serde(default)]
    pub(crate) rows: Vec<Rows>,
    /// The most records of an answer: objects in arrays, outermost ones.
    pub(crate) records_max: Option<u64>,
    /// The most fields of an answer: scalars, wherever they stand.
    pub(crate) fields_max: Option<u64>,
    /// The parameter, or else the tag of the task's scope, that names the data subject: its dates
    /// move together.
    pub(crate) subject: Option<String>,
}

/// Elements of an array belong to whom their binding names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rows {
    /// The array: `/customers`, `*` for any position.
    pub(crate) array: Spanned<String>,
    /// Where in an element its binding stands: `/customer_id`.
    pub(crate) member: Spanned<String>,
    /// The tag of the task's scope that the binding must equal.
    pub(crate) scope: String,
    /// What the binding reads, with `{}` for the tag's value: `Patient/{}`.
    pub(crate) reads: Option<Spanned<String>>,
    /// Elements without a binding.
    #[serde(default)]
    pub(crate) unbound: Unbound,
}

/// Elements without a binding.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unbound {
    /// Stay behind.
    #[default]
    Drop,
    /// Go on, and the record counts them.
    Pass,
}

/// Where tokens are turned back.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Restore {
    /// In answers of the service.
    Responses,
    /// In requests to it.
    Requests,
    /// In both.
    Both,
}

/// Stand-ins that can be turned back.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tokenization {
    /// Whose tokens: one tenant's are nothing to another's gateway. `default` if absent.
    pub(crate) tenant: Option<String>,
    /// The file of keys that hosts share (`tidegate tokens keys`); the log's own keyring if absent.
    pub(crate) keys: Option<Spanned<PathBuf>>,
    /// Who may ask what a token stands for; nobody if absent.
    pub(crate) reveal: Option<Reveal>,
}

/// Who may ask what a token stands for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reveal {
    pub(crate) operators: Spanned<Vec<Operator>>,
    /// Whether a second one must agree.
    #[serde(default)]
    pub(crate) two_persons: bool,
}

/// A person.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operator {
    pub(crate) name: Spanned<String>,
    /// The public key that `tidegate tokens operator` prints.
    pub(crate) key: Spanned<String>,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Effect {
    Read,
    Write,
    Delete,
}

/// Bodies that cannot be inspected.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Uninspected {
    /// Are refused.
    #[default]
    Refuse,
    /// Pass, and the record names the gap.
    Record,
}

/// The record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Audit {
    pub(crate) directory: PathBuf,
}

/// Traces.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Telemetry {
    /// An OTLP/gRPC endpoint; nothing is exported if absent.
    pub(crate) otlp: Option<Spanned<String>>,
    /// The part of traces that is kept, 0 to 1; refusals and redactions are always kept.
    pub(crate) sample: Option<Spanned<f64>>,
}
