//! What the console is about, told by whoever has it: the log, its gateway, the policies.

use std::collections::BTreeMap;

use async_trait::async_trait;
use audit::Archive;
use jiff::Timestamp;
use openidconnect::{HttpRequest, HttpResponse};

/// Where everything comes from that the console shows.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> Timestamp;

    /// The log, open for reading.
    async fn archive(&self) -> Result<Archive, Unavailable>;

    /// Puts an act on record; nothing is answered before that.
    async fn record(&self, act: Act) -> Result<(), Unavailable>;

    /// Asks the provider of logins: its answer, whatever that says, of a bounded length and in time. Nobody else is asked,
    /// whatever the provider says of where it is.
    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Unavailable>;

    /// What the gateway says of its parts; an error if none runs.
    async fn parts(&self) -> Result<Vec<Part>, Unavailable>;

    /// The flows of agents' processes, as the kernel has them now; an error if they are not known.
    async fn flows(&self) -> Result<Flows, Unavailable>;

    /// What is used of the gateway's budgets now; none if it has none, an error if it does not answer.
    async fn budgets(&self) -> Result<Option<Budgets>, Unavailable>;

    /// Which sessions are at risk now; none if the gateway looks at no behaviour, an error if it does not answer.
    async fn risks(&self) -> Result<Option<Risks>, Unavailable>;

    /// The policies as their files are now.
    async fn policies(&self) -> Result<Policies, Unavailable>;

    /// Why the call of this record was allowed or denied, for people.
    async fn explain(&self, record: u64) -> Result<String, Unavailable>;

    /// What other policies would have decided of the last calls, for people, beside what was decided; or what is wrong with
    /// these policies.
    async fn simulate(&self, other: Other) -> Result<Result<String, String>, Unavailable>;

    /// Who is revoked.
    async fn revoked(&self) -> Result<Vec<Revoked>, Unavailable>;

    /// Revokes, for this reason, or lifts that. Whether it changed anything.
    async fn revoke(&self, what: What, id: &str, reason: Option<&str>)
    -> Result<bool, Unavailable>;
}

/// Something cannot be had, and why, for the operator's log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// What somebody did, or tried, at the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// What: `console login`, `console search`, ...
    pub command: &'static str,
    /// What for, if that was said.
    pub purpose: Option<String>,
    /// By whom (`user`), from where (`address`), with what.
    pub criteria: BTreeMap<String, String>,
}

/// One part of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// How it stands.
    pub condition: Condition,
    /// Why it does not stand well.
    pub detail: Option<String>,
}

/// How a part stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It does its work.
    Ready,
    /// It works with less than it should.
    Degraded,
    /// It does not work.
    Down,
}

/// Flows of agents' processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flows {
    /// So many of them as there is room for.
    pub all: Vec<Flow>,
    /// Whether there are more.
    pub cut: bool,
}

/// A flow of an agent's process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The agent.
    pub agent: String,
    /// The process.
    pub pid: u32,
    /// Its command name.
    pub comm: String,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// `out` or `in`.
    pub direction: String,
    /// The other end.
    pub remote: String,
    /// By which name, as far as is known.
    pub name: Option<String>,
    /// `established`, `closed`, ...
    pub state: String,
    /// What was decided.
    pub verdict: String,
    /// By what it went past the gateway, and what came of that.
    pub bypass: Option<(String, String)>,
    /// Bytes of payload.
    pub sent: u64,
    /// Bytes of payload.
    pub received: u64,
}

/// What is used of budgets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    /// Of whoever spent last, first.
    pub used: Vec<Used>,
    /// Whether there is more.
    pub cut: bool,
}

/// What somebody used of one allowance of a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// The budget.
    pub budget: String,
    /// The agent that has it.
    pub agent: Option<String>,
    /// The task that has it.
    pub task: Option<String>,
    /// The session that has it.
    pub session: Option<String>,
    /// What of it.
    pub meter: String,
    /// How much.
    pub used: String,
    /// Of how much.
    pub allowed: String,
    /// In hundredths.
    pub percent: u8,
    /// Seconds until it begins anew.
    pub renews_in: Option<u32>,
}

/// Sessions at risk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Risks {
    /// The latest that called first.
    pub sessions: Vec<AtRisk>,
    /// Whether there are more.
    pub cut: bool,
}

/// A session at risk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AtRisk {
    /// Its id.
    pub session: String,
    /// The agent.
    pub agent: String,
    /// Of its workload, from 0 to 100.
    pub risk: u32,
    /// The detector behind the latest verdict that did more than tell.
    pub detector: String,
    /// What its calls meet, in words: they `are refused`.
    pub meets: String,
}

/// Policies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// Their digest, as records name it.
    pub digest: String,
    /// How many there are.
    pub count: usize,
    /// Names and texts of their files.
    pub files: Vec<(String, String)>,
}

/// Policies that are tried on what is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Cedar.
    pub text: String,
    /// Where they stand.
    pub place: Place,
    /// Records that they are tried on, the last ones.
    pub records: usize,
}

/// Where other policies stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In place of all.
    All,
    /// Beside all.
    Beside,
    /// In place of this file.
    File(String),
}

/// What may be revoked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// An agent.
    Agent,
    /// A session.
    Session,
}

/// Somebody who is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// What: `agent`, `session`, `token`, `everything`.
    pub what: String,
    /// Which.
    pub id: String,
    /// Why.
    pub reason: String,
}
