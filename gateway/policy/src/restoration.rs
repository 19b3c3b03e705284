//! Which tokens may be turned back in one message, decided once per data class.

use std::{collections::HashMap, sync::Arc};

use classifiers::DataClass;

use crate::{DisclosureContext, Engine, Towards};

/// Answers per class for one message. Most messages hold no token, so nothing is asked beforehand.
#[derive(Clone, Debug)]
pub struct Restorations {
    engine: Arc<Engine>,
    context: DisclosureContext,
    towards: Towards,
    answers: HashMap<DataClass, bool>,
}

impl Restorations {
    pub(crate) fn new(engine: Arc<Engine>, context: DisclosureContext, towards: Towards) -> Self {
        Self {
            engine,
            context,
            towards,
            answers: HashMap::new(),
        }
    }

    /// Whether a token of `class` may be turned back. Nothing is unless a policy permits it.
    pub fn may(&mut self, class: DataClass) -> bool {
        let (engine, context, towards) = (&self.engine, &self.context, self.towards);
        *self
            .answers
            .entry(class)
            .or_insert_with(|| engine.may_restore(context, towards, class))
    }
}
