//! Does an agent still behave? Events in, verdicts out; no clock, no I/O, no request.
//!
//! What is usual for an agent is a few numbers that it taught while it was new ([`Baseline`]). Named
//! detectors hold what its sessions do against them, and against a few that hold for everybody; each
//! verdict says which numbers made it. What follows from a verdict is the operator's choice, detector by
//! detector ([`Response`]). Everything that is remembered has a limit.

mod baseline;
mod engine;
mod price;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use baseline::{Baseline, Baselines, NAMES_MAX};
pub use engine::{Asked, Engine, HOLDERS_MAX, Holding, SESSIONS_MAX, Standing, TOKENS_MAX};

/// What looks out for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// Far more calls in a minute than the agent ever made.
    Spike,
    /// One id after the other, or most of a range.
    Enumeration,
    /// More resources than any session took, at a pace that is nothing special.
    LowAndSlow,
    /// An operation or a data class that the agent never had to do with.
    FirstSeen,
    /// Denied again and again.
    Denials,
    /// One token from two workloads.
    TokenShared,
    /// What nobody has a reason to ask for.
    Canary,
    /// A budget is used up, or a refusal that is a finding in itself.
    Refusal,
    /// From one service to the next that the agent never called.
    Lateral,
    /// More different questions refused than in any session, at whatever pace.
    Probing,
    /// A known class in many more answers of a session than ever.
    Drift,
    /// More writes than in any session.
    Writes,
    /// At an hour at which the agent never worked.
    Hours,
    /// A client that says it is something else than its agent is known as.
    Declared,
    /// A static key in use.
    StaticKey,
}

impl Detector {
    /// Each.
    pub const ALL: [Self; 15] = [
        Self::Spike,
        Self::Enumeration,
        Self::LowAndSlow,
        Self::FirstSeen,
        Self::Denials,
        Self::TokenShared,
        Self::Canary,
        Self::Refusal,
        Self::Lateral,
        Self::Probing,
        Self::Drift,
        Self::Writes,
        Self::Hours,
        Self::Declared,
        Self::StaticKey,
    ];

    /// Its name in the configuration, in records and alerts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spike => "spike",
            Self::Enumeration => "enumeration",
            Self::LowAndSlow => "low_and_slow",
            Self::FirstSeen => "first_seen",
            Self::Denials => "denials",
            Self::TokenShared => "token_shared",
            Self::Canary => "canary",
            Self::Refusal => "refusal",
            Self::Lateral => "lateral",
            Self::Probing => "probing",
            Self::Drift => "drift",
            Self::Writes => "writes",
            Self::Hours => "hours",
            Self::Declared => "declared",
            Self::StaticKey => "static_key",
        }
    }

    /// How much risk a verdict adds, of [`RISK_MAX`].
    pub(crate) fn weight(self) -> u32 {
        match self {
            Self::FirstSeen | Self::Hours | Self::Declared | Self::StaticKey => 25,
            Self::Spike | Self::Denials | Self::Refusal | Self::Probing => 40,
            Self::LowAndSlow | Self::Lateral | Self::Drift | Self::Writes => 50,
            Self::Enumeration => 60,
            Self::TokenShared | Self::Canary => RISK_MAX,
        }
    }

    /// Seconds between two verdicts about the same of one session. An hour that is strange stays so, and so
    /// does what a client is or shows.
    pub(crate) fn again_after(self) -> i64 {
        match self {
            Self::Hours | Self::Declared | Self::StaticKey => 3_600,
            _ => 60,
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// The most risk that a holder can have.
pub const RISK_MAX: u32 = 100;

/// What follows from a verdict; each does what those before it do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// The detector is off: nothing is looked at.
    Off,
    /// It looks and learns, and says nothing.
    Learn,
    /// The verdict is a finding on record.
    Note,
    /// Somebody is told.
    Alert,
    /// Calls cost more the greater the risk; who cannot pay waits.
    Throttle,
    /// Calls need a token that was issued after the verdict, for no wider a task.
    StepUp,
    /// The session is revoked.
    Quarantine,
}

impl Response {
    /// Its name in the configuration, in records and alerts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Learn => "learn",
            Self::Note => "note",
            Self::Alert => "alert",
            Self::Throttle => "throttle",
            Self::StepUp => "step_up",
            Self::Quarantine => "quarantine",
        }
    }
}

/// What an operator chose.
#[derive(Clone, Debug)]
pub struct Rules {
    responses: [Response; Detector::ALL.len()],
    /// Calls after which an agent's baseline is what it is.
    pub learn_calls: u64,
    /// Days with calls after which its hours and its widest day are what they are.
    pub learn_days: u64,
    /// Calls a minute that a holder at little risk may make while it is throttled.
    pub throttle: u32,
    /// Operations that nobody has a reason to call: `crm/customer.dump`.
    pub canary_operations: Vec<Arc<str>>,
    /// Fields that nobody has a reason to see, as records write their paths: `/customers/*/trap`.
    pub canary_fields: Vec<Arc<str>>,
}

impl Rules {
    /// The same response for every detector.
    pub fn all(response: Response) -> Self {
        Self {
            responses: [response; Detector::ALL.len()],
            learn_calls: 500,
            learn_days: 14,
            throttle: 60,
            canary_operations: Vec::new(),
            canary_fields: Vec::new(),
        }
    }

    /// With another response for one.
    pub fn set(&mut self, detector: Detector, response: Response) {
        if let Some(own) = self.responses.get_mut(detector.index()) {
            *own = response;
        }
    }

    /// What follows from a verdict of this detector.
    pub fn response(&self, detector: Detector) -> Response {
        let own = self.responses.get(detector.index());
        own.copied().unwrap_or(Response::Off)
    }
}

/// Who calls, before anything is decided.
#[derive(Clone, Copy, Debug)]
pub struct Calling<'a> {
    /// The agent.
    pub agent: &'a Arc<str>,
    /// The session.
    pub session: &'a Arc<str>,
    /// The process at the root of the session: pid and start.
    pub workload: (u32, u64),
    /// The token's id, where it has one.
    pub token: Option<&'a Arc<str>>,
    /// When the token was issued.
    pub issued_at: Option<Timestamp>,
    /// Entries of the scope of its task.
    pub scope: usize,
    /// Whether the call changes anything: it costs twice what a read does.
    pub writes: bool,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was let through, whatever the service said.
    Released,
    /// A rule refused it.
    Denied,
    /// It failed, or the caller went away.
    Failed,
}

/// An exchange that ended.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// The agent.
    pub agent: &'a Arc<str>,
    /// The session.
    pub session: &'a Arc<str>,
    /// The operation: `crm/customer.read`; none if it is not known.
    pub operation: Option<&'a str>,
    /// What the request binds: the resource.
    pub bound: Vec<&'a str>,
    /// Classes that were found in the answer, with the places.
    pub found: Vec<(&'a str, &'a str)>,
    /// How it ended.
    pub ending: Ending,
    /// What is a finding in itself, by the detector that tells it.
    pub noticed: Vec<(Detector, &'static str)>,
    /// The index of its record.
    pub record: Option<u64>,
    /// Whether it changes anything.
    pub writes: bool,
}

/// What a detector says, with the numbers that made it say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub detector: Detector,
    /// What follows.
    pub response: Response,
    /// The agent.
    pub agent: Arc<str>,
    /// The session.
    pub session: Arc<str>,
    /// What it is about: an operation, a class, a reason.
    pub about: String,
    /// The numbers, by name.
    pub numbers: Vec<(&'static str, u64)>,
    /// The record of the exchange that tipped it.
    pub record: Option<u64>,
    /// Whether that exchange changes anything: such verdicts leave first.
    pub writes: bool,
}

/// Why a call may not be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It costs more than the holder can pay; after so many seconds it can.
    Throttled {
        /// Seconds.
        retry_after: u32,
        /// The detector behind most of the risk.
        detector: Detector,
    },
    /// It needs a token that was issued after the verdict, for no wider a task.
    StepUp(Detector),
    /// The session is revoked.
    Quarantined(Detector),
}

#[cfg(test)]
mod tests;
