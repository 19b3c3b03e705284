//! The parts of a running gateway, handed over by the daemon.

use std::sync::Arc;

use admission::{Admission, budget::Budgets};
use arc_swap::ArcSwapOption;
use audit::{Subjects, Trail};
use classifiers::operator::Operator;
use flows::FlowSource;
use identity::{Identity, Revoked};
use redaction::{Opaque, Pseudonyms};
use telemetry::{Metrics, Traces};
use tokio::sync::watch;

use crate::{
    credential::CredentialSource,
    declared::Declarations,
    forward::Forward,
    mcp::{Sessions, pins::Pins},
    mediation::Mediator,
    pass::Passes,
    route::Routes,
    watch::Watch,
};

/// What happens to a body that cannot be inspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Uninspected {
    /// It is refused.
    #[default]
    Refuse,
    /// It passes, and the record names the gap.
    Record,
}

impl Uninspected {
    /// What happens to a body of which a part cannot be inspected.
    pub(crate) fn of_parts(self) -> Opaque {
        match self {
            Self::Refuse => Opaque::Refuse,
            Self::Record => Opaque::Pass,
        }
    }
}

/// Whether new connections are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Doors {
    /// They are.
    #[default]
    Open,
    /// They wait in the kernel's queue: another process may soon take them.
    Shut,
    /// Another process takes them. What is open here goes on, and its clients are told to come anew.
    Left,
}

/// Everything an exchange needs; one generation of configuration.
pub struct Gateway {
    /// Tells who owns a connection.
    pub flows: Arc<dyn FlowSource>,
    /// Tells who calls, and how that is known.
    pub identity: Identity,
    /// Tells what a request asks for.
    pub routes: Routes,
    /// Tells whether its client says what it should of itself.
    pub declarations: Declarations,
    /// Tells whether it may.
    pub admission: Admission,
    /// What becomes of tunnels to others than services.
    pub forward: Forward,
    /// Makes tokens of the gateway's own.
    pub passes: Passes,
    /// What may be used up, if anything is counted.
    pub budgets: Option<Arc<Budgets>>,
    /// Who has the services' credentials.
    pub credentials: Arc<dyn CredentialSource>,
    /// What is held against what is usual, if anything is.
    pub watch: Option<Arc<Watch>>,
    /// Who may not call any more.
    pub revoked: watch::Receiver<Arc<Revoked>>,
    /// Whose the sessions of MCP are.
    pub sessions: Arc<Sessions>,
    /// What was approved of what servers of MCP list.
    pub pins: Arc<Pins>,
    /// The record.
    pub trail: Trail,
    /// Seals whom a record is about.
    pub subjects: Arc<Subjects>,
    /// Spans.
    pub traces: Traces,
    /// Counters.
    pub metrics: Metrics,
    /// Stable stand-ins for values.
    pub pseudonyms: Arc<dyn Pseudonyms>,
    /// What stands between where policy says `mediate`.
    pub mediator: Mediator,
    /// The operator's own classifiers.
    pub operator: ArcSwapOption<Operator>,
    /// What happens to bodies that cannot be inspected.
    pub uninspected: Uninspected,
    /// Whether new connections are taken.
    pub doors: watch::Receiver<Doors>,
}
