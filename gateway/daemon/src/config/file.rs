//! The configuration as it is typed: one YAML file, unknown keys are errors.

mod agent;
mod argument;
mod audit;
mod budget;
mod credential;
mod inbound;
mod issuer;
mod mediator;
mod operation;
mod upstream;
mod usage;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    behaviour::{Alert, Behaviour},
    buckets::TypedBucket,
    bundle::TypedBundle,
    console::TypedConsole,
    fleet::TypedFleet,
    profiles::Provider,
    reports::Scheduled,
    shipping::Shipped,
};
pub(crate) use agent::{Agent, Egress, EgressMode, StaticKey, Token, Turns, WhenGone};
pub(crate) use argument::{Argument, ArgumentType};
pub(crate) use audit::{Audit, Bucketed, Postgres, RetentionRule};
pub(crate) use budget::{Budget, Per};
pub(crate) use credential::{
    ClientAuth, Credential, CredentialForm, Kv, Login, OAuth, SecretsManager,
};
pub(crate) use inbound::{Inbound, Signature};
pub(crate) use issuer::Issuer;
pub(crate) use mediator::{
    AnswerForm, MediationCounts, MediationModel, MediationPage, MediationTemplate, Mediator,
    OnFailure,
};
pub(crate) use operation::{Operation, Records, WebSocket};
pub(crate) use upstream::{Ejection, Health, Upstream};
pub(crate) use usage::{Price, Profile, Usage};

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
    /// Where SVIDs and their bundles come from.
    pub(crate) spiffe: Option<Spiffe>,
    /// Who issues tokens.
    #[serde(default)]
    pub(crate) tokens: Vec<Issuer>,
    /// Who may call.
    pub(crate) agents: Vec<Agent>,
    /// Where clients say what they are.
    #[serde(default)]
    pub(crate) declared: Declared,
    /// Whether agents may have static keys.
    #[serde(default)]
    pub(crate) static_keys: bool,
    /// What the kernel does about ways past the gateway.
    #[serde(default)]
    pub(crate) egress: Egress,
    /// What the forward proxy does about hosts that no service has.
    #[serde(default)]
    pub(crate) forward: Forward,
    /// Where `tidegate exec` asks; nowhere if absent.
    pub(crate) exec: Option<Exec>,
    /// What may be called.
    pub(crate) services: Vec<Service>,
    /// Cedar policy files; `*` stands for any part of a file name.
    pub(crate) policies: Vec<Spanned<String>>,
    /// Files of own classifiers; `*` stands for any part of a file name.
    #[serde(default)]
    pub(crate) classifiers: Vec<Spanned<String>>,
    /// Where policies and classifiers come from in signed bundles, in place of these; nowhere if absent.
    pub(crate) bundle: Option<TypedBundle>,
    /// What stands between where policy says `mediate`.
    pub(crate) mediator: Option<Mediator>,
    /// What may be used up.
    #[serde(default)]
    pub(crate) budgets: Vec<Budget>,
    /// With whom; none if absent.
    pub(crate) fleet: Option<TypedFleet>,
    /// What models cost.
    #[serde(default)]
    pub(crate) prices: Vec<Price>,
    /// What is held against what is usual; nothing if absent.
    pub(crate) behaviour: Option<Behaviour>,
    /// Who is told of findings.
    #[serde(default)]
    pub(crate) alerts: Vec<Alert>,
    /// Bodies that cannot be inspected.
    #[serde(default)]
    pub(crate) uninspected: Uninspected,
    /// The record.
    pub(crate) audit: Audit,
    /// Buckets of object stores.
    #[serde(default)]
    pub(crate) buckets: Vec<TypedBucket>,
    /// Reports that are made by themselves.
    #[serde(default)]
    pub(crate) reports: Vec<Scheduled>,
    /// Where events go.
    #[serde(default)]
    pub(crate) shipping: Vec<Shipped>,
    /// Where people look at the log with a browser; nowhere if absent.
    pub(crate) console: Option<TypedConsole>,
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
    /// Whether agents show an X.509-SVID here, to the gateway's own.
    pub(crate) svid: Option<Spanned<bool>>,
    /// Whether requests come here as to a proxy.
    #[serde(default)]
    pub(crate) forward: bool,
    /// Whether another proxy asks here about requests that it serves.
    pub(crate) ext_authz: Option<ExtAuthz>,
}

/// Another proxy that asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtAuthz {
    pub(crate) protocol: AskedBy,
    /// What its process must look like.
    pub(crate) selectors: Vec<Spanned<String>>,
    /// The services whose requests it serves.
    pub(crate) services: Vec<Spanned<String>>,
    /// That their answers go another way, past every rule on what they show.
    #[serde(rename = "answers")]
    pub(crate) _answers: Answers,
    /// Whether it shows the bodies of requests.
    pub(crate) bodies: Bodies,
}

/// What is known to whoever has a proxy ask.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answers {
    Unseen,
}

/// Whether bodies of requests are shown.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Bodies {
    Shown,
    Unseen,
}

/// How it asks.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AskedBy {
    Grpc,
    Http,
}

/// Where clients say what they are, beside `user-agent` and `clientInfo` of MCP.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Declared {
    /// A header field.
    pub(crate) header: Option<Spanned<String>>,
}

/// What the forward proxy does about hosts that no service has.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forward {
    #[serde(default)]
    pub(crate) unlisted: Unlisted,
    /// The ports that tunnels may lead to; 443 if absent.
    pub(crate) ports: Option<Vec<u16>>,
    /// Addresses that are not public, and may be led to all the same: `10.0.0.0/8:443`.
    #[serde(default)]
    pub(crate) networks: Vec<Spanned<String>>,
}

/// Tunnels to hosts that no service has.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unlisted {
    /// Are refused.
    #[default]
    Refuse,
    /// Are led there unread, as far as policy permits.
    Tunnel,
}

/// A certificate chain and its key, PEM.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    pub(crate) certificate: Spanned<PathBuf>,
    pub(crate) key: PathBuf,
    /// Whether clients are asked for a certificate of theirs, for tokens that are bound to one.
    #[serde(default)]
    pub(crate) ask_certificate: bool,
}

/// The SPIFFE Workload API.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spiffe {
    pub(crate) socket: PathBuf,
}

/// The operators' address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admin {
    pub(crate) address: SocketAddr,
}

/// Where `tidegate exec` asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exec {
    pub(crate) socket: PathBuf,
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

/// One upstream API.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    pub(crate) name: Spanned<String>,
    /// Whose API it is: what is known of that stands for what is not said here.
    pub(crate) profile: Option<Spanned<Provider>>,
    pub(crate) prefix: Option<String>,
    pub(crate) host: Option<String>,
    /// Its one upstream, and where that keeps its data.
    pub(crate) upstream: Option<Spanned<String>>,
    pub(crate) country: Option<Spanned<String>>,
    /// Addresses that are not public, and that the upstream's name may stand for.
    #[serde(default)]
    pub(crate) networks: Vec<Spanned<String>>,
    /// Its upstreams, if it has several.
    #[serde(default)]
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) health: Option<Health>,
    pub(crate) ejection: Option<Ejection>,
    /// What it wants for a key: the gateway presents it, the agent never has it.
    pub(crate) credential: Option<Spanned<Credential>>,
    /// Who calls it, if third parties do.
    pub(crate) inbound: Option<Inbound>,
    /// How long its answer may take to begin: a minute if absent.
    pub(crate) timeout: Option<Spanned<String>>,
    /// How long a body may pause, either way: a minute if absent.
    pub(crate) idle_timeout: Option<Spanned<String>>,
    /// Whether its answers are encoded again where they came encoded: they are if absent.
    pub(crate) encode: Option<bool>,
    /// Where tokens are turned back, as far as policy permits `restore`.
    pub(crate) restore: Option<Restore>,
    /// An OpenAPI document whose `x-data-class` says what the fields of bodies are.
    pub(crate) openapi: Option<Spanned<PathBuf>>,
    /// How it says what a model used.
    pub(crate) usage: Option<Usage>,
    /// Whether it may train models on what it is given; nobody knows if absent.
    pub(crate) training: Option<Training>,
    /// A `FileDescriptorSet` that says what its messages of protobuf are.
    pub(crate) descriptors: Option<Spanned<PathBuf>>,
    /// What may be asked of it by method and path.
    #[serde(default)]
    pub(crate) operations: Vec<Operation>,
    /// What may be asked of it by the Model Context Protocol.
    pub(crate) mcp: Option<Mcp>,
    /// What may be asked of it by GraphQL.
    pub(crate) graphql: Option<GraphQl>,
}

/// Whether who is given data may train models on it.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Training {
    Never,
    OptIn,
    OptOut,
    Always,
    Unknown,
}

/// A server of the Model Context Protocol. What is not named here is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mcp {
    /// Paths of streamable HTTP: `/mcp`.
    #[serde(default)]
    pub(crate) endpoints: Vec<Spanned<String>>,
    /// The paths of HTTP+SSE, where the server still speaks that.
    pub(crate) sse: Option<McpSse>,
    /// Its own URI as agents reach it, where tokens must be for it: `https://gateway.example/crm/mcp`.
    pub(crate) resource: Option<Spanned<String>>,
    /// Whether what it lists is held to what was approved; to what was seen first if absent.
    pub(crate) pins: Option<Spanned<Pins>>,
    #[serde(default)]
    pub(crate) tools: Vec<Tool>,
    #[serde(default)]
    pub(crate) prompts: Vec<Prompt>,
    #[serde(default)]
    pub(crate) resources: Vec<Resource>,
    /// Methods beyond the protocol's own housekeeping.
    #[serde(default)]
    pub(crate) methods: Vec<RpcMethod>,
}

/// What of a server's lists is approved.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pins {
    FirstUse,
    Configured,
    Off,
}

/// The paths of HTTP+SSE (2024-11-05).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct McpSse {
    /// Where the stream is asked for: `/sse`.
    pub(crate) stream: Spanned<String>,
    /// Where messages are posted: `/messages`.
    pub(crate) messages: Spanned<String>,
}

/// One tool.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tool {
    pub(crate) name: Spanned<String>,
    /// Of what its server says of it, as `tidegate mcp tools` tells it.
    pub(crate) digest: Option<Spanned<String>>,
    /// A write if absent.
    pub(crate) effect: Option<Effect>,
    /// The groups that it is in: `money`, `messages`, `models`, or others that policies name.
    #[serde(default)]
    pub(crate) groups: Vec<Spanned<String>>,
    /// Parameters bound by arguments: `customer: arguments.customer_id`.
    #[serde(default)]
    pub(crate) bind: BTreeMap<String, Spanned<String>>,
    /// Arguments that rules may hold within bounds.
    #[serde(default)]
    pub(crate) arguments: BTreeMap<String, Argument>,
    /// A JSON Schema of its `structuredContent`, whose `x-data-class` says what the fields are.
    pub(crate) output: Option<Spanned<serde_json::Value>>,
    /// Whose rows its answers may hold; paths begin at the answer: `/result/structuredContent/rows`.
    #[serde(default)]
    pub(crate) rows: Vec<Rows>,
    /// The most records of an answer.
    pub(crate) records_max: Option<u64>,
    /// The most fields of an answer.
    pub(crate) fields_max: Option<u64>,
    /// The parameter, or else the tag of the task's scope, that names the data subject.
    pub(crate) subject: Option<String>,
}

/// One prompt.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prompt {
    pub(crate) name: Spanned<String>,
    pub(crate) digest: Option<Spanned<String>>,
    /// Parameters bound by arguments.
    #[serde(default)]
    pub(crate) bind: BTreeMap<String, Spanned<String>>,
}

/// Resources whose URIs are of one form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resource {
    /// `crm://customers/{customer}` binds `customer`.
    pub(crate) uri: Spanned<String>,
    /// Of the template.
    pub(crate) digest: Option<Spanned<String>>,
}

/// A method of JSON-RPC.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RpcMethod {
    pub(crate) name: Spanned<String>,
    /// A write if absent.
    pub(crate) effect: Option<Effect>,
    /// Parameters bound by its parameters.
    #[serde(default)]
    pub(crate) bind: BTreeMap<String, Spanned<String>>,
}

/// A service of GraphQL. What is not named here is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GraphQl {
    /// Its paths: `/graphql`.
    pub(crate) endpoints: Vec<Spanned<String>>,
    /// Root fields of queries.
    #[serde(default)]
    pub(crate) queries: Vec<RootField>,
    /// Root fields of mutations.
    #[serde(default)]
    pub(crate) mutations: Vec<RootField>,
    /// Root fields of subscriptions, which are answered by events.
    #[serde(default)]
    pub(crate) subscriptions: Vec<RootField>,
}

/// One root field.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RootField {
    pub(crate) field: Spanned<String>,
    /// A query reads; a mutation writes if absent, or deletes.
    pub(crate) effect: Option<Spanned<Effect>>,
    /// The groups that it is in: `money`, `messages`, `models`, or others that policies name.
    #[serde(default)]
    pub(crate) groups: Vec<Spanned<String>>,
    /// Parameters bound by arguments: `customer: id`, `customer: input.customer.id`.
    #[serde(default)]
    pub(crate) bind: BTreeMap<String, Spanned<String>>,
    /// Arguments that rules may hold within bounds.
    #[serde(default)]
    pub(crate) arguments: BTreeMap<String, Argument>,
    /// A JSON Schema of the field in the answer, whose `x-data-class` says what its fields are.
    pub(crate) output: Option<Spanned<serde_json::Value>>,
    /// Whose rows its answers may hold; paths begin at the answer: `/data/customers`.
    #[serde(default)]
    pub(crate) rows: Vec<Rows>,
    /// The most records of an answer.
    pub(crate) records_max: Option<u64>,
    /// The most fields of an answer.
    pub(crate) fields_max: Option<u64>,
    /// The parameter, or else the tag of the task's scope, that names the data subject.
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

/// Traces.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Telemetry {
    /// An OTLP/gRPC endpoint; nothing is exported if absent.
    pub(crate) otlp: Option<Spanned<String>>,
    /// The part of traces that is kept, 0 to 1; refusals and redactions are always kept.
    pub(crate) sample: Option<Spanned<f64>>,
}
