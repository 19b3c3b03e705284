//! What is known of a service beside how it is reached: of which groups its operations are, and whether it may
//! train models on what it is given.

use std::{collections::BTreeMap, sync::Arc};

use policy::{Effect, Operation, Training};

use super::Service;

/// The groups of an operation, as policies name them.
pub type Groups = Arc<[Arc<str>]>;

/// What policies may ask of a service, beside its country.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The groups of its operations, by their ids; who is in none need not be there.
    pub groups: BTreeMap<Arc<str>, Groups>,
    /// Whether it may train models on what it is given.
    pub training: Training,
}

impl Facts {
    /// The groups of the operation with this id.
    pub fn groups_of(&self, id: &str) -> Groups {
        self.groups.get(id).cloned().unwrap_or_default()
    }
}

impl Service {
    /// An operation of this service, at the first of its upstreams.
    pub(crate) fn operation(
        &self,
        id: &Arc<str>,
        effect: Effect,
        bound: BTreeMap<String, String>,
    ) -> Operation {
        Operation {
            service: Arc::clone(&self.name),
            id: Arc::clone(id),
            effect,
            bound: Arc::new(bound),
            arguments: Arc::default(),
            groups: self.facts.groups_of(id),
            country: self.upstreams.first().country,
            training: self.facts.training,
        }
    }
}
