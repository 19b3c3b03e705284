//! What may be shown in one context, decided once per data class.

use std::sync::{Arc, OnceLock};

use classifiers::{CLASSES_MAX, DataClass};
use redaction::Action;

use crate::{Disclosure, DisclosureContext, Engine};

/// Answers per class for one context. Exchanges in equal contexts share one table, which fills
/// as classes appear: to ask again costs an array access.
#[derive(Clone, Debug)]
pub struct Disclosures {
    engine: Arc<Engine>,
    context: DisclosureContext,
    table: Arc<Table>,
    /// The answer where a class has no row: refuse.
    outside: Disclosure,
}

/// One cell for each class the taxonomy may hold.
#[derive(Debug)]
pub(crate) struct Table(Box<[OnceLock<Disclosure>]>);

impl Table {
    pub(crate) fn empty() -> Self {
        Self((0..CLASSES_MAX).map(|_| OnceLock::new()).collect())
    }
}

impl Disclosures {
    pub(crate) fn new(engine: Arc<Engine>, context: DisclosureContext, table: Arc<Table>) -> Self {
        Self {
            engine,
            context,
            table,
            outside: Disclosure {
                action: Action::Block,
                policy: None,
            },
        }
    }

    /// What to do with a value of `class`, and which policy says so.
    pub fn of(&mut self, class: DataClass) -> &Disclosure {
        let Some(cell) = self.table.0.get(class.index()) else {
            return &self.outside;
        };
        cell.get_or_init(|| self.engine.disclosure(&self.context, class))
    }

    /// The context that the answers are for.
    pub fn context(&self) -> &DisclosureContext {
        &self.context
    }
}
