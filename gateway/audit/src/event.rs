//! The record: who, what, why, which data classes and what was done with them; never the data.

mod expiry;
mod successor;
mod turn;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    expiry::{Expired, Expiry, HOLD, Hold, HoldScope},
    successor::Successor,
    turn::{Credentials, Turn},
};
use crate::{
    Call, CallerRecord, CredentialRecord, DeclaredRecord, Kind, MediationRecord, ModelRecord,
    ProcessRecord, Written,
};

/// One entry of the log, before it is sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The log's gateway began to serve.
    Start(Lifecycle),
    /// It stopped in good order.
    Stop(Lifecycle),
    /// An exchange was admitted; written before its upstream is called.
    Open(Box<Opening>),
    /// An admitted exchange ended; written before its last byte is released.
    Close(Box<Outcome>),
    /// A request was refused before any upstream saw it.
    Refuse(Box<Refusal>),
    /// A person asked for the value of a token; written before it is told.
    Reveal(Box<Revelation>),
    /// An agent went past the gateway, or tried to.
    Bypass(Box<Bypass>),
    /// Something was not seen, or seen late.
    Gap(Gap),
    /// Somebody was revoked, or is no longer.
    Revoke(Revocation),
    /// A person read the log; written before it answers.
    Query(Box<Inquiry>),
    /// A session does what is not usual, or what nobody should.
    Anomaly(Anomaly),
    /// A process of an agent has taken a turn.
    Process(Box<Turn>),
    /// A data subject was erased, or may not be; written before it holds.
    Erase(Box<Erasure>),
    /// Other policies decide from here on; written before they do.
    Policies(Box<PolicyChange>),
    /// A data key and what it sealed is destroyed; written before it is.
    Expire(Box<Expiry>),
    /// Records must be kept, or need not be any more; written before it holds.
    Hold(Box<Hold>),
    /// Another key signs the log from here on; what proves it stands in clear.
    Succeed(Box<Successor>),
    /// A record that expired; never written.
    #[serde(skip_deserializing)]
    Expired(Expired),
}

/// An [`Event`] that its maker keeps; the same JSON.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventRef<'a> {
    /// As [`Event::Start`].
    Start(&'a Lifecycle),
    /// As [`Event::Stop`].
    Stop(&'a Lifecycle),
    /// As [`Event::Open`].
    Open(&'a Opening),
    /// As [`Event::Close`].
    Close(&'a Outcome),
    /// As [`Event::Refuse`].
    Refuse(&'a Refusal),
    /// As [`Event::Reveal`].
    Reveal(&'a Revelation),
    /// As [`Event::Bypass`].
    Bypass(&'a Bypass),
    /// As [`Event::Gap`].
    Gap(&'a Gap),
    /// As [`Event::Revoke`].
    Revoke(&'a Revocation),
    /// As [`Event::Query`].
    Query(&'a Inquiry),
    /// As [`Event::Anomaly`].
    Anomaly(&'a Anomaly),
    /// As [`Event::Process`].
    Process(&'a Turn),
    /// As [`Event::Erase`].
    Erase(&'a Erasure),
    /// As [`Event::Policies`].
    Policies(&'a PolicyChange),
    /// As [`Event::Expire`].
    Expire(&'a Expiry),
    /// As [`Event::Hold`].
    Hold(&'a Hold),
    /// As [`Event::Succeed`].
    Succeed(&'a Successor),
    /// As [`Event::Expired`].
    Expired(&'a Expired),
}

impl Event {
    /// What kind of record it makes.
    pub fn kind(&self) -> Kind {
        EventRef::from(self).head().0
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        EventRef::from(self).head().1
    }
}

impl EventRef<'_> {
    /// What stands before a record: its kind, when it happened, and which record it closes or which data key is
    /// destroyed.
    pub(crate) fn head(&self) -> (Kind, Timestamp, Option<u64>) {
        match self {
            Self::Start(it) => (Kind::Start, it.at, None),
            Self::Stop(it) => (Kind::Stop, it.at, None),
            Self::Open(it) => (Kind::Open, it.at, None),
            Self::Close(it) => (Kind::Close, it.at, Some(it.opening)),
            Self::Refuse(it) => (Kind::Refuse, it.at, None),
            Self::Reveal(it) => (Kind::Reveal, it.at, None),
            Self::Bypass(it) => (Kind::Bypass, it.at, None),
            Self::Gap(it) => (Kind::Gap, it.at, None),
            Self::Revoke(it) => (Kind::Revoke, it.at, None),
            Self::Query(it) => (Kind::Query, it.at, None),
            Self::Anomaly(it) => (Kind::Anomaly, it.at, None),
            Self::Process(it) => (Kind::Process, it.at, None),
            Self::Erase(it) => (Kind::Erase, it.at, None),
            Self::Policies(it) => (Kind::Policies, it.at, None),
            Self::Expire(it) => (Kind::Expire, it.at, Some(it.key.into())),
            Self::Hold(it) => (Kind::Hold, it.at, None),
            Self::Succeed(it) => (Kind::Succeed, it.at, None),
            Self::Expired(it) => (it.was, it.at, it.opening),
        }
    }
}

impl<'a> From<&'a Event> for EventRef<'a> {
    fn from(event: &'a Event) -> Self {
        match event {
            Event::Start(start) => Self::Start(start),
            Event::Stop(stop) => Self::Stop(stop),
            Event::Open(opening) => Self::Open(opening),
            Event::Close(outcome) => Self::Close(outcome),
            Event::Refuse(refusal) => Self::Refuse(refusal),
            Event::Reveal(revelation) => Self::Reveal(revelation),
            Event::Bypass(bypass) => Self::Bypass(bypass),
            Event::Gap(gap) => Self::Gap(gap),
            Event::Revoke(revocation) => Self::Revoke(revocation),
            Event::Query(inquiry) => Self::Query(inquiry),
            Event::Anomaly(anomaly) => Self::Anomaly(anomaly),
            Event::Process(turn) => Self::Process(turn),
            Event::Erase(erasure) => Self::Erase(erasure),
            Event::Policies(change) => Self::Policies(change),
            Event::Expire(expiry) => Self::Expire(expiry),
            Event::Hold(hold) => Self::Hold(hold),
            Event::Succeed(successor) => Self::Succeed(successor),
            Event::Expired(expired) => Self::Expired(expired),
        }
    }
}

/// A start or stop of the gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// When.
    pub at: Timestamp,
    /// The program's version.
    pub version: String,
    /// Digest of the configuration in force.
    pub config: String,
    /// Digest of the policies in force.
    pub policy: String,
    /// What is missing: `attestation: inferred`, `telemetry: off`.
    pub notes: Vec<String>,
    /// Where this host and its agents are, ISO 3166.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationRecord {
    /// The API.
    pub service: Arc<str>,
    /// The operation.
    pub operation: Arc<str>,
    /// read, write, delete.
    pub effect: Cow<'static, str>,
    /// The HTTP method.
    pub method: String,
    /// The path template; never the path itself.
    pub route: Arc<str>,
    /// What the request binds. Sealed with everything else.
    pub bound: Arc<BTreeMap<String, String>>,
    /// The arguments that rules hold within bounds: numbers as they are, texts sealed as what is bound.
    #[serde(default, skip_serializing_if = "none_of")]
    pub arguments: Arc<BTreeMap<String, String>>,
    /// Where the service keeps its data.
    pub country: String,
}

fn none_of(named: &BTreeMap<String, String>) -> bool {
    named.is_empty()
}

/// A rule that took part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// The rule's id.
    pub id: Arc<str>,
    /// Its sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    /// The law or contract behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<Arc<str>>,
}

/// An admitted exchange, before its upstream is called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// When the request was admitted.
    pub at: Timestamp,
    /// W3C trace id, hexadecimal.
    pub trace: Arc<str>,
    /// Who.
    pub caller: Written<CallerRecord>,
    /// What.
    pub operation: OperationRecord,
    /// Why it may.
    pub policies: Vec<PolicyRecord>,
    /// Digest of the policies in force.
    pub policy: Arc<str>,
    /// What the client says that it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declared: Vec<DeclaredRecord>,
    /// Findings that refuse nothing, by name: `declared_conflict`, `static_key`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// Host and port of the upstream that it is for; where the operation says that it keeps its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Arc<str>>,
    /// The opening of the attempt before, at another upstream, that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<u64>,
}

/// A request that went nowhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// When.
    pub at: Timestamp,
    /// W3C trace id, hexadecimal.
    pub trace: Arc<str>,
    /// Who, as far as it is known.
    pub caller: Written<CallerRecord>,
    /// What, where a route was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationRecord>,
    /// The stable reason code.
    pub reason: Cow<'static, str>,
    /// The HTTP status that went out.
    pub status: u16,
    /// The rules that refused.
    pub policies: Vec<PolicyRecord>,
    /// Digest of the policies in force.
    pub policy: Arc<str>,
    /// Whether it is a security finding, not only a refusal: a token used by a foreign workload.
    pub finding: bool,
    /// What was found in the request's body, if it came so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingRecord>,
    /// What the client says that it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declared: Vec<DeclaredRecord>,
    /// Findings beside the refusal, by name: `declared_conflict`, `static_key`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
}

/// A person who asked for the value of a token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revelation {
    /// When.
    pub at: Timestamp,
    /// Who asked, as far as the name is proven by the signature; see `reason`.
    pub operator: String,
    /// Who agreed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
    /// The user id of the asking process, where the kernel tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// What for.
    pub purpose: String,
    /// The class of the value, where the token holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Cow<'static, str>>,
    /// SHA-256 of the token, hexadecimal.
    pub token: String,
    /// Why it was refused; none: it was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'static, str>>,
}

/// A flow of an agent that no exchange belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bypass {
    /// When the flow began.
    pub at: Timestamp,
    /// The agent.
    pub agent: String,
    /// The process.
    pub process: ProcessRecord,
    /// The kernel's name of the flow.
    pub flow: String,
    /// By what it went: `direct`, `port`, `ipv6`, `loopback`, `udp`, `quic`, `socket`, `dns`; `dns_volume`: data in names.
    pub technique: Cow<'static, str>,
    /// `tcp` or `udp`.
    pub protocol: Cow<'static, str>,
    /// Where it wanted to go.
    pub remote: String,
    /// By which name, as the agent's own packets say; of `dns_volume` the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it asked for first, where that is looked at (`egress.glimpse`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// `passed`, `refused`, or `failed_open`: it passed because the gateway was gone.
    pub result: Cow<'static, str>,
}

/// What was not seen, or seen late.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// When it was noticed.
    pub at: Timestamp,
    /// `ring_full`: flows were told late. `table_full`: flows are known by number only. `findings_full`: bypasses are
    /// known by number only. `owner_unkept`: connections or processes are nobody's, because there was no room for their
    /// owners. `names_lost`: names of flows and data in names were not looked for. `calls_lost`: what requests past the
    /// gateway asked for is not known. `turns_lost`: turns in the lives of agents' processes are not known;
    /// `turns_full`: they are not on record. `keys_withheld`: who keeps the root of the keyring has not vouched for it for
    /// as long as it may; nothing is begun. `keys_returned`: it does again; `lost` exchanges were refused.
    /// `leases_withheld`: nothing of the budgets that a fleet shares can be leased; `leases_returned`: it can again,
    /// `lost` calls and answers were refused. `ledger_lost`: their ledger has lost what it had, or may have.
    /// `bundle_withheld`: where bundles of policies come from there is none that may be taken, or nobody answers; what is in
    /// force stays. `bundle_returned`: there is one again.
    pub reason: Cow<'static, str>,
    /// How many were lost.
    pub lost: u64,
    /// How many of these were found again elsewhere.
    pub recovered: u64,
}

/// Somebody may not call any more, or may again; written once it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Revocation {
    /// When the gateway heard of it.
    pub at: Timestamp,
    /// `everything`, `agent`, `session`, `token`; `tool`: what a server of MCP says of it was approved.
    pub what: Cow<'static, str>,
    /// Which one; empty for everything.
    pub id: String,
    /// Why, as the operator said.
    pub reason: String,
    /// Whether it was lifted.
    pub lifted: bool,
}

/// The policies in force were replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyChange {
    /// When.
    pub at: Timestamp,
    /// The user id of the asking process, by the kernel's word; the gateway's own, if a bundle came.
    pub uid: u32,
    /// Digest of the policies that decided so far, as records before this one name it.
    pub before: String,
    /// Digest of those that decide from here on.
    pub after: String,
    /// How many there are now.
    pub policies: u64,
    /// Why, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The signed bundle that those come from, by name and revision: `rules.example 42`; none if somebody brought files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
}

/// A person who read the log (45 CFR 164.312(b): activity in systems that hold health data, this
/// one included).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inquiry {
    /// When.
    pub at: Timestamp,
    /// `list`, `show`, `search`, `report`, `export`; of keys `keys seal`, `keys rotate`, `keys retire`; of people at the
    /// console `console login`, `console search`, ...
    pub command: Cow<'static, str>,
    /// The user id of the asking process: the kernel's word where a gateway was asked, else the
    /// process's own.
    pub uid: u32,
    /// What for, if that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// What was asked for. Of a data subject stands here by what it was named, never its value.
    pub criteria: BTreeMap<String, String>,
}

/// What a detector says of a session, with the numbers that made it say so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// When.
    pub at: Timestamp,
    /// `spike`, `enumeration`, `low_and_slow`, `first_seen`, `denials`, `token_shared`, `canary`,
    /// `refusal`, `lateral`, `probing`, `drift`, `writes`, `hours`; of what a server of MCP lists `tool_changed`,
    /// `tool_unapproved`, by whose list showed it.
    pub detector: Cow<'static, str>,
    /// What followed: `note`, `alert`, `throttle`, `step_up`, `quarantine`.
    pub response: Cow<'static, str>,
    /// The agent.
    pub agent: String,
    /// The session.
    pub session: String,
    /// An operation, a class, a reason.
    pub about: String,
    /// The numbers.
    pub numbers: Vec<CountRecord>,
    /// The record of the exchange that tipped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// It is a finding, always.
    pub finding: bool,
}

/// The act by which a subject's keys are destroyed.
pub const ERASE: &str = "erase";

/// What was decided of a data subject's erasure (GDPR Art. 17, 18; CCPA 1798.105). It does not say whose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Erasure {
    /// When.
    pub at: Timestamp,
    /// `erase`, `hold` (it must not be erased), `lift` (it may again).
    pub act: Cow<'static, str>,
    /// The user id of the asking process.
    pub uid: u32,
    /// By which parameter the subject was named.
    pub name: String,
    /// Why, as the operator said.
    pub reason: String,
    /// The handles of the keys that are destroyed, hexadecimal; who has many makes several records.
    pub keys: Vec<String>,
    /// Why it was refused: `legal_hold`; none: it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Cow<'static, str>>,
}

/// Values of one class at one place, and what was done with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindingRecord {
    /// The data class.
    pub class: Cow<'static, str>,
    /// Where: a JSON Pointer with `*` for array positions and unsafe names.
    pub path: String,
    /// How many.
    pub count: u64,
    /// show, mask, ...
    pub action: Cow<'static, str>,
    /// The rule that asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Arc<str>>,
}

/// One direction of an exchange's body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BodyRecord {
    /// Messages that came, where it is a stream of them: of a WebSocket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// Bytes as received, before any decoding.
    pub received: u64,
    /// Bytes as released.
    pub released: u64,
    /// What was found.
    pub findings: Vec<FindingRecord>,
    /// Further findings that the limit on places cut off: counted, not listed.
    pub findings_unlisted: u64,
    /// What was not inspected, by name: `media_unknown`, `coding_unknown`, `oversize`.
    pub gaps: Vec<String>,
    /// Tokens that were turned back into values, by class; `refused` were left as policy says,
    /// `unopened` only look like tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restored: Vec<CountRecord>,
    /// What was left out, by why: `rows`, `records`, `fields`; `unbound-passed` was let go on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<CountRecord>,
}

/// How many of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CountRecord {
    /// The kind.
    pub name: Cow<'static, str>,
    /// How many.
    pub count: u64,
}

/// How an admitted exchange ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// When.
    pub at: Timestamp,
    /// The index of the opening record.
    pub opening: u64,
    /// The status that the agent got; none if the connection went first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The status that the upstream gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_status: Option<u16>,
    /// Whether the request was given to a connection to the upstream, which then heard of it.
    #[serde(default)]
    pub sent: bool,
    /// `released`, `refused`, `aborted`, `upstream_failed`, `client_gone`.
    pub result: Cow<'static, str>,
    /// The stable reason code, where the result is not `released`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'static, str>>,
    /// The request's body.
    pub request: BodyRecord,
    /// The response's body.
    pub response: BodyRecord,
    /// The credential that the service was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialRecord>,
    /// What a model used, where the service says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRecord>,
    /// What the mediator did, where policy says `mediate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mediation: Option<Box<MediationRecord>>,
    /// From admission to now, in microseconds.
    pub duration_us: u64,
}

impl Outcome {
    /// The closing of an opening whose caller went away before its upstream was called.
    pub(crate) fn abandoned(opening: u64, at_us: i64) -> Option<Self> {
        Some(Self {
            at: Timestamp::from_microsecond(at_us).ok()?,
            opening,
            status: None,
            upstream_status: None,
            sent: false,
            result: "client_gone".into(),
            reason: Some("client_gone".into()),
            request: BodyRecord::default(),
            response: BodyRecord::default(),
            credential: None,
            model: None,
            mediation: None,
            duration_us: 0,
        })
    }
}
