//! The registered agents, and which of them a process is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use flows::{AgentRule, Process};

use crate::{Selector, SpiffeId, StaticKey};

/// The most agents that may be registered; each is looked at once per connection.
pub const AGENTS_MAX: usize = 4096;

/// A registered agent: a name, and the processes that may bear it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its name.
    pub id: SpiffeId,
    /// What its process must look like: all of them must hold.
    pub selectors: BTreeSet<Selector>,
    /// Whether it must show a token.
    pub token: TokenRule,
    /// Whether it must show an X.509-SVID of its own. One that is shown must be its own in either case.
    pub svid: bool,
    /// Its static keys: whoever shows one need show no token, unless that must be bound.
    pub keys: Vec<StaticKey>,
    /// The names by which its clients may call themselves; if there are none, any that is nobody else's.
    pub known_as: Vec<Box<str>>,
    /// The country that it calls from, ISO 3166-1 alpha-2, if it is no process of this host.
    pub abroad: Option<Box<str>>,
}

impl Agent {
    /// One that no process is: it is known in another way.
    pub fn no_process(id: SpiffeId) -> Self {
        Self {
            id,
            selectors: BTreeSet::new(),
            token: TokenRule::Optional,
            svid: false,
            keys: Vec::new(),
            known_as: Vec::new(),
            abroad: None,
        }
    }

    /// What the kernel knows it by.
    pub fn number(&self) -> u32 {
        AgentRule::number_of(self.id.shared())
    }

    /// The users who may start its processes with `tidegate exec`.
    pub fn launchers(&self) -> impl Iterator<Item = u32> {
        self.selectors.iter().filter_map(Selector::launcher)
    }
}

/// Whether an agent must show a token. One that is shown is verified in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRule {
    /// Without a valid token that is bound to a key or to the process there is no caller.
    Bound,
    /// Without a valid token there is no caller.
    Required,
    /// The kernel's word is enough.
    Optional,
}

/// What is wrong with the list of agents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgentError {
    /// Nothing says which process is it.
    #[error("agent `{0}` has no selectors; any process would be it: name at least one")]
    NoSelectors(SpiffeId),
    /// One name, two entries.
    #[error("agent `{0}` is registered twice; join the entries or rename one")]
    Duplicate(SpiffeId),
    /// Every process that is one of them would be the other too.
    #[error("agents `{0}` and `{1}` have the same selectors; add one that tells them apart")]
    SameSelectors(SpiffeId, SpiffeId),
    /// There are too many.
    #[error("there are more than {AGENTS_MAX} agents")]
    TooMany,
}

/// Two agents fit a process equally well, so neither is it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ambiguous(pub Arc<Agent>, pub Arc<Agent>);

/// The registered agents, the most particular first.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    agents: Vec<Arc<Agent>>,
}

impl Registry {
    /// Checks `agents`; of what is wrong with them, everything.
    pub fn build(agents: Vec<Agent>) -> Result<Self, Vec<AgentError>> {
        let mut errors = Vec::new();
        if agents.len() > AGENTS_MAX {
            errors.push(AgentError::TooMany);
        }
        let mut ids = BTreeSet::new();
        let mut sets: BTreeMap<&BTreeSet<Selector>, &SpiffeId> = BTreeMap::new();
        for agent in &agents {
            if agent.selectors.is_empty() {
                errors.push(AgentError::NoSelectors(agent.id.clone()));
            } else if !ids.insert(&agent.id) {
                errors.push(AgentError::Duplicate(agent.id.clone()));
            } else if let Some(first) = sets.insert(&agent.selectors, &agent.id) {
                let error = AgentError::SameSelectors(first.clone(), agent.id.clone());
                errors.push(error);
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut agents: Vec<Arc<Agent>> = agents.into_iter().map(Arc::new).collect();
        agents.sort_by_key(|agent| std::cmp::Reverse(agent.selectors.len()));
        Ok(Self { agents })
    }

    /// The agent that `process` is. Of several whose selectors all hold, the one with most of
    /// them; of two with equally many, neither.
    pub fn find(&self, process: &Process) -> Result<Option<&Arc<Agent>>, Ambiguous> {
        let fits = |agent: &&Arc<Agent>| {
            let mut selectors = agent.selectors.iter();
            selectors.all(|selector| selector.matches(process, agent.id.shared()))
        };
        let mut fitting = self.agents.iter().filter(fits);
        let Some(first) = fitting.next() else {
            return Ok(None);
        };
        match fitting.next() {
            Some(second) if second.selectors.len() == first.selectors.len() => {
                Err(Ambiguous(Arc::clone(first), Arc::clone(second)))
            }
            _ => Ok(Some(first)),
        }
    }

    /// Every agent.
    pub fn agents(&self) -> impl Iterator<Item = &Arc<Agent>> {
        self.agents.iter()
    }
}
