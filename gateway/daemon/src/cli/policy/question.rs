//! From what is on record, or in a case, to what policies are asked.

use std::{collections::BTreeMap, sync::Arc};

use audit::{CallerRecord, OperationRecord};
use classifiers::DataClass;
use policy::{
    Argument, ArgumentKind, Arguments, Country, Decision, Disclosure, DisclosureContext, EVIDENCES,
    Effect, Engine, Operation, Principal, Towards,
};

/// A call that policies decide on.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) principal: Principal,
    pub(super) operation: Operation,
}

impl Question {
    /// What was asked when this was recorded; none if nobody knew who called. Agents are in `country`.
    pub(super) fn recorded(
        caller: &CallerRecord,
        operation: &OperationRecord,
        country: Country,
        kinds: &Arguments,
    ) -> Option<Self> {
        let name = format!("{}/{}", operation.service, operation.operation);
        let kinds = kinds.get(&name);
        let token = caller.token.as_ref();
        let known = |name: &&&str| ***name == caller.evidence;
        Some(Self {
            principal: Principal {
                session: caller.session.as_deref()?.into(),
                agent: caller.agent.as_deref()?.into(),
                evidence: EVIDENCES.iter().find(known).copied().unwrap_or("none"),
                purpose: token
                    .and_then(|it| it.purpose.as_deref())
                    .unwrap_or("")
                    .into(),
                scope: Arc::new(token.map(|it| it.scope.clone()).unwrap_or_default()),
                country,
            },
            operation: Operation {
                service: Arc::clone(&operation.service),
                id: Arc::clone(&operation.operation),
                effect: Effect::ALL
                    .into_iter()
                    .find(|effect| effect.name() == operation.effect)
                    .unwrap_or(Effect::Write),
                bound: Arc::clone(&operation.bound),
                arguments: Arc::new(arguments(&operation.arguments, kinds)),
                country: Country::parse(&operation.country).unwrap_or(Country::UNKNOWN),
            },
        })
    }

    /// The answer.
    pub(super) fn call(&self, engine: &Engine) -> Arc<Decision> {
        engine.call(&self.principal, &self.operation)
    }

    /// What would be done with a value of a class on its way.
    pub(super) fn disclose(
        &self,
        engine: &Arc<Engine>,
        towards: Towards,
        class: DataClass,
    ) -> Disclosure {
        let (agent, service) = (self.principal.country, self.operation.country);
        let (origin, recipient) = match towards {
            Towards::Agent => (service, agent),
            Towards::Service => (agent, service),
        };
        let context = DisclosureContext {
            principal: Arc::new(self.principal.clone()),
            service: Arc::clone(&self.operation.service),
            operation: Arc::clone(&self.operation.id),
            effect: self.operation.effect,
            origin,
            recipient,
        };
        engine.disclosures(context).of(class).clone()
    }

    /// `crm/customer.read`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.operation.service, self.operation.id)
    }
}

/// What is on record of arguments, as far as they are declared so today.
fn arguments(
    recorded: &BTreeMap<String, String>,
    kinds: Option<&BTreeMap<String, ArgumentKind>>,
) -> BTreeMap<String, Argument> {
    let each = recorded.iter().filter_map(|(name, text)| {
        let kind = kinds?.get(name)?;
        Some((name.clone(), Argument::parse(*kind, text)?))
    });
    each.collect()
}

/// The rules of a decision, by their ids.
pub(super) fn rules(decision: &Decision) -> String {
    let ids: Vec<&str> = decision.policies.iter().map(|it| &*it.id).collect();
    if ids.is_empty() {
        "no rule".to_owned()
    } else {
        ids.join(", ")
    }
}
