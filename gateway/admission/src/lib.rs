//! May this exchange proceed? The only maker of a [`Permit`].
//!
//! A permit is a value: whoever wants to open a record, screen a body or call an upstream must hold
//! one, so the order of work is checked by the compiler. Policy decides first; what it allows is debited
//! to the [`budget`]s of whoever calls, and what its answer shows is, before it is released.

pub mod budget;
mod permit;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use identity::Caller;
use policy::{Country, Decision, Declared, Delegation, Engine, Evidence, Operation, Principal};

pub use permit::Permit;

/// Decides by the policies in force. Clones share them.
#[derive(Clone)]
pub struct Admission {
    engine: Arc<ArcSwap<Engine>>,
    country: Country,
    no_scope: Arc<BTreeMap<String, String>>,
    no_purpose: Arc<str>,
    any_session: Arc<str>,
    counts: Arc<Counts>,
}

/// How policies have answered since the gateway began.
#[derive(Debug, Default)]
struct Counts {
    asked: AtomicU64,
    refused: AtomicU64,
}

/// A refused call: who asked, for what, and which policies said no.
#[derive(Debug)]
pub struct Refused {
    /// Who asked.
    pub caller: Caller,
    /// For what.
    pub operation: Operation,
    /// The denial.
    pub decision: Arc<Decision>,
}

fn delegation(delegation: &identity::Delegation) -> Arc<Delegation> {
    Arc::new(Delegation {
        subject: Arc::clone(&delegation.subject),
        actors: Arc::clone(&delegation.actors),
    })
}

fn declared(declared: &identity::Declared) -> Arc<Declared> {
    Arc::new(Declared {
        names: Arc::clone(&declared.names),
        conflict: declared.conflict,
    })
}

impl Admission {
    /// Admission by `engine`'s policies, for agents that run in `country`.
    pub fn new(engine: Arc<Engine>, country: Country) -> Self {
        Self {
            engine: Arc::new(ArcSwap::new(engine)),
            country,
            no_scope: Arc::default(),
            no_purpose: Arc::from(""),
            any_session: Arc::from("any"),
            counts: Arc::default(),
        }
    }

    /// Puts other policies in force: the next call is decided by them, what is admitted already goes on
    /// under those that admitted it.
    pub fn replace(&self, engine: Arc<Engine>) {
        self.engine.store(engine);
    }

    /// The digest of the policies in force.
    pub fn policy_digest(&self) -> Arc<str> {
        Arc::clone(self.engine.load().digest())
    }

    /// How many calls policies were asked about, and how many of those they refused, since the gateway began.
    pub fn answers(&self) -> (u64, u64) {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        // In this order: what is refused was asked before.
        let refused = count(&self.counts.refused);
        (count(&self.counts.asked), refused)
    }

    /// Admits `caller` to `operation`, or says which policies refuse.
    pub fn admit(&self, caller: Caller, operation: Operation) -> Result<Permit, Box<Refused>> {
        let engine = self.engine.load_full();
        let principal = self.principal(&caller, &engine);
        let decision = engine.call(&principal, &operation);
        self.counts.asked.fetch_add(1, Ordering::Relaxed);
        if !decision.allowed {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Box::new(Refused {
                caller,
                operation,
                decision,
            }));
        }
        Ok(Permit::new(engine, caller, principal, operation, decision))
    }

    /// Whether policy would let `caller` make such a call, which nobody made; what its arguments would be
    /// held to is not asked.
    pub fn would_admit(&self, caller: &Caller, operation: &Operation) -> bool {
        let engine = self.engine.load();
        let principal = self.principal(caller, &engine);
        engine.call(&principal, operation).allowed || engine.offers(&principal, operation)
    }

    /// Where what `caller` is told goes; nowhere that is known, if it says so of itself in letters that are none.
    fn country_of(&self, caller: &Caller) -> Country {
        match &caller.agent.abroad {
            Some(code) => Country::parse(code).unwrap_or(Country::UNKNOWN),
            None => self.country,
        }
    }

    fn principal(&self, caller: &Caller, engine: &Engine) -> Principal {
        let task = caller.token.as_ref().and_then(|token| token.task.as_ref());
        Principal {
            // Short-lived processes have a session each; the engine need not think anew for each.
            session: Arc::clone(if engine.names_sessions() {
                &caller.session
            } else {
                &self.any_session
            }),
            agent: Arc::clone(caller.agent.id.shared()),
            evidence: Evidence::named(caller.evidence),
            purpose: task.map_or_else(|| Arc::clone(&self.no_purpose), |t| Arc::clone(&t.purpose)),
            scope: task.map_or_else(|| Arc::clone(&self.no_scope), |t| Arc::clone(&t.scope)),
            country: self.country_of(caller),
            delegation: caller
                .token
                .as_ref()
                .and_then(|token| token.delegation.as_deref())
                .map(delegation),
            declared: caller.declared.as_deref().map(declared),
        }
    }
}

#[cfg(test)]
mod tests;
