//! What a decision is about: who asks, for what, and what was decided.

use std::{collections::BTreeMap, fmt, sync::Arc};

use redaction::{Action, shape::Fields};

use crate::{Argument, Evidence};

/// A country, ISO 3166-1 alpha-2, upper case; `ZZ` (user-assigned by the standard) for unknown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country([u8; 2]);

impl Country {
    /// Nowhere that is known; in no region, so rules that ask for one do not hold.
    pub const UNKNOWN: Self = Self(*b"ZZ");

    /// Two upper-case letters, or none.
    pub fn parse(code: &str) -> Option<Self> {
        let code: [u8; 2] = code.as_bytes().try_into().ok()?;
        code.iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Self(code))
    }

    /// The two letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("ZZ")
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What an operation does to the world. Unknown counts as a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It changes nothing.
    Read,
    /// It creates or changes.
    Write,
    /// It destroys.
    Delete,
}

impl Effect {
    /// Every effect.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Delete];

    /// Its name in configuration, policies, records and telemetry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

/// Whether who is given data may train models on it, as they themselves say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Training {
    /// They say that they do not.
    Never,
    /// Only with customers' consent.
    OptIn,
    /// Unless a customer objects.
    OptOut,
    /// They do.
    Always,
    /// Nobody has said.
    #[default]
    Unknown,
}

impl Training {
    /// Every answer.
    pub const ALL: [Self; 5] = [
        Self::Never,
        Self::OptIn,
        Self::OptOut,
        Self::Always,
        Self::Unknown,
    ];

    /// Its name in configuration and policies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::OptIn => "opt_in",
            Self::OptOut => "opt_out",
            Self::Always => "always",
            Self::Unknown => "unknown",
        }
    }
}

/// The groups of operations that policies know without any configuration: what moves money, what
/// sends messages to people, and what runs a model.
pub const GROUPS: [&str; 3] = ["money", "messages", "models"];

/// Who asks, as policies see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The session: one instance of an agent.
    pub session: Arc<str>,
    /// The agent's SPIFFE id.
    pub agent: Arc<str>,
    /// How well the identity is proven.
    pub evidence: Evidence,
    /// What the task is for, from the token; empty if it has none.
    pub purpose: Arc<str>,
    /// The task's scope: `customer` → `C-771`.
    pub scope: Arc<BTreeMap<String, String>>,
    /// Where the agent runs: the recipient of responses and the origin of requests.
    pub country: Country,
    /// On whose behalf it acts; none if on its own.
    pub delegation: Option<Arc<Delegation>>,
    /// What its client says that it is; none where agents are not known by that.
    pub declared: Option<Arc<Declared>>,
}

/// What a client says that it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Declared {
    /// The names that some agent is known as.
    pub names: Arc<[Arc<str>]>,
    /// Whether it says something that is not its agent's.
    pub conflict: bool,
}

/// Who acts for whom (RFC 8693, 4.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delegation {
    /// On whose behalf all others act.
    pub subject: Arc<str>,
    /// Who acts: first who does now, then who did before.
    pub actors: Arc<[Arc<str>]>,
}

/// One operation of one API, with what this request binds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operation {
    /// The API's name in the configuration.
    pub service: Arc<str>,
    /// The operation's id, unique within the service: `customer.read`.
    pub id: Arc<str>,
    /// What it does.
    pub effect: Effect,
    /// The parameters that the request binds: `customer` → `C-332`.
    pub bound: Arc<BTreeMap<String, String>>,
    /// The arguments that rules may hold within bounds.
    pub arguments: Arc<BTreeMap<String, Argument>>,
    /// The groups that it is in: `money`.
    pub groups: Arc<[Arc<str>]>,
    /// Where the service keeps its data.
    pub country: Country,
    /// Whether the service may train models on what it is given.
    pub training: Training,
}

impl Operation {
    /// Whether who gets a message that goes `towards` the agent or the service may train models on it.
    pub fn training_of(&self, towards: Towards) -> Training {
        match towards {
            Towards::Agent => Training::Never,
            Towards::Service => self.training,
        }
    }
}

/// What kind of rule decided; it chooses the HTTP status of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Who may do what: 403.
    Access,
    /// The task's scope does not hold the resource: 403.
    Scope,
    /// Data may not go there: 451 (RFC 7725).
    Residency,
}

impl Category {
    /// Its name in `@category`, records and telemetry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Scope => "scope",
            Self::Residency => "residency",
        }
    }
}

/// A policy that took part in a decision, with what its author says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRef {
    /// `@id`.
    pub id: Arc<str>,
    /// `@reason`: a sentence for the one who is refused.
    pub reason: Option<Arc<str>>,
    /// `@basis`: the law or contract behind it.
    pub basis: Option<Arc<str>>,
    /// `@category`; access if the policy has none.
    pub category: Category,
}

/// The answer to "may this call be made?".
#[derive(Clone, Debug)]
pub struct Decision {
    /// Whether it may.
    pub allowed: bool,
    /// The policies that made it so, by category and id: the first of a denial chooses the
    /// status. Empty with a denial: nothing permits it (`not_permitted`).
    pub policies: Vec<Arc<PolicyRef>>,
    /// With a denial, where the call leaves the task's scope.
    pub mismatches: Vec<ScopeMismatch>,
    /// With a permission, the fields that its policies let the answer have: each list narrows the
    /// others.
    pub fields: Vec<Arc<Fields>>,
    /// With a permission, the policy that lets the caller have nothing but the mediator's answer.
    pub mediation: Option<Arc<PolicyRef>>,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Towards {
    /// An answer.
    Agent,
    /// A request.
    Service,
}

impl Towards {
    /// Its name in policies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Service => "service",
        }
    }
}

/// Everything but the data class that a disclosure depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DisclosureContext {
    /// Who asks.
    pub principal: Arc<Principal>,
    /// The API the data comes from or goes to.
    pub service: Arc<str>,
    /// The operation.
    pub operation: Arc<str>,
    /// What it does.
    pub effect: Effect,
    /// Where the data is from.
    pub origin: Country,
    /// Where it goes.
    pub recipient: Country,
    /// Whether who gets it may train models on it; an agent does not.
    pub training: Training,
}

/// What to do with one data class in one context, and which policy says so.
#[derive(Clone, Debug)]
pub struct Disclosure {
    /// What to do. `Drop` where nothing permits and no rule says otherwise.
    pub action: Action,
    /// The policy that decided; none where nothing permits.
    pub policy: Option<Arc<PolicyRef>>,
}

/// A tag that the session's scope and the call both have, with different values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeMismatch {
    /// The tag: `customer`.
    pub tag: String,
    /// What the task is about: `C-771`.
    pub session: String,
    /// What the call names: `C-332`.
    pub call: String,
}
