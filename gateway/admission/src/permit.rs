//! The value that says "admitted".

use std::sync::Arc;

use identity::Caller;
use policy::{
    Decision, DisclosureContext, Disclosures, Engine, Fields, Operation, PolicyRef, Principal,
    Restorations, Towards,
};

/// An admitted call. It carries the policies that admitted it, so that what is disclosed later is
/// decided by the same generation.
#[must_use = "a permit that is not used admits nothing"]
pub struct Permit {
    engine: Arc<Engine>,
    caller: Caller,
    principal: Arc<Principal>,
    operation: Operation,
    decision: Arc<Decision>,
}

impl Permit {
    // INVARIANT: only `Admission::admit` calls this, after an allowing decision.
    pub(crate) fn new(
        engine: Arc<Engine>,
        caller: Caller,
        principal: Principal,
        operation: Operation,
        decision: Arc<Decision>,
    ) -> Self {
        Self {
            engine,
            caller,
            principal: Arc::new(principal),
            operation,
            decision,
        }
    }

    /// Who was admitted.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// To what.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// The policies that allow it.
    pub fn policies(&self) -> &[Arc<PolicyRef>] {
        &self.decision.policies
    }

    /// The digest of the policies that decided.
    pub fn policy_digest(&self) -> &Arc<str> {
        self.engine.digest()
    }

    /// What the agent or the service may be told: from the other's country to theirs.
    pub fn disclosures(&self, towards: Towards) -> Disclosures {
        self.engine.disclosures(self.context(towards))
    }

    /// Which tokens may be turned back on the way `towards` the agent or the service.
    pub fn restorations(&self, towards: Towards) -> Restorations {
        self.engine.restorations(self.context(towards), towards)
    }

    /// The fields that the answer may have, where policy lists them: each list narrows the others.
    pub fn fields(&self) -> &[Arc<Fields>] {
        &self.decision.fields
    }

    /// The policy that lets the caller have nothing but the mediator's answer, if one does.
    pub fn mediation(&self) -> Option<&Arc<PolicyRef>> {
        self.decision.mediation.as_ref()
    }

    /// What the task is for; empty if that is not stated.
    pub fn purpose(&self) -> &Arc<str> {
        &self.principal.purpose
    }

    /// What the task's scope says of `tag`.
    pub fn scope(&self, tag: &str) -> Option<&str> {
        self.principal.scope.get(tag).map(String::as_str)
    }

    fn context(&self, towards: Towards) -> DisclosureContext {
        let (agent, service) = (self.principal.country, self.operation.country);
        let (origin, recipient) = match towards {
            Towards::Agent => (service, agent),
            Towards::Service => (agent, service),
        };
        DisclosureContext {
            principal: Arc::clone(&self.principal),
            service: Arc::clone(&self.operation.service),
            operation: Arc::clone(&self.operation.id),
            effect: self.operation.effect,
            origin,
            recipient,
            training: self.operation.training_of(towards),
        }
    }
}
