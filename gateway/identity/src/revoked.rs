//! Who may not call any more, though all proves that they are who they are.

use std::{collections::BTreeMap, sync::Arc};

use crate::Caller;

/// What can be revoked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revocable {
    /// Every agent.
    Everything,
    /// An agent, by its SPIFFE id.
    Agent(Arc<str>),
    /// One session, by the id that records have.
    Session(Arc<str>),
    /// A token, by its `jti`; a static key, by its name.
    Token(Arc<str>),
}

impl Revocable {
    /// What it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Agent(_) => "agent",
            Self::Session(_) => "session",
            Self::Token(_) => "token",
        }
    }

    /// Which one; nothing if it is everything.
    pub fn id(&self) -> &str {
        match self {
            Self::Everything => "",
            Self::Agent(id) | Self::Session(id) | Self::Token(id) => id,
        }
    }
}

/// All that is revoked, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revoked(pub BTreeMap<Revocable, Arc<str>>);

impl Revoked {
    /// What of a caller is revoked; the widest first.
    pub fn of(&self, caller: &Caller) -> Option<&Revocable> {
        if self.0.is_empty() {
            return None;
        }
        let agent = Revocable::Agent(Arc::clone(caller.agent.id.shared()));
        let session = Revocable::Session(Arc::clone(&caller.session));
        let token = caller
            .token
            .as_ref()
            .and_then(|token| token.token_id.clone());
        let bounds = caller.token.iter().flat_map(|token| &token.bounds);
        let from = bounds.flat_map(|bounds| bounds.from.iter().cloned());
        let key = caller.key.as_ref().map(|key| Arc::clone(&key.name));
        let from = from.chain(key);
        [
            Some(Revocable::Everything),
            Some(agent),
            Some(session),
            token.map(Revocable::Token),
        ]
        .into_iter()
        .flatten()
        .chain(from.map(Revocable::Token))
        .find_map(|revoked| self.0.get_key_value(&revoked))
        .map(|(revoked, _)| revoked)
    }
}
