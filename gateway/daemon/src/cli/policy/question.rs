//! From what is on record, or in a case, to what policies are asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use audit::{CallerRecord, DECLARED_CONFLICT, DeclaredRecord, OperationRecord};
use classifiers::DataClass;
use policy::{
    Argument, ArgumentKind, Country, Decision, Declared, Delegation, Disclosure, DisclosureContext,
    Effect, Engine, Evidence, Operation, Principal, Towards,
};

use super::Asked;
use crate::config::Config;

/// A call that policies decide on.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) principal: Principal,
    pub(super) operation: Operation,
}

impl Question {
    /// What was asked when this was recorded; none if nobody knew who called.
    pub(super) fn recorded(
        caller: &CallerRecord,
        operation: &OperationRecord,
        (said, notices): (&[DeclaredRecord], &[String]),
        asked: &Asked,
    ) -> Option<Self> {
        let name = format!("{}/{}", operation.service, operation.operation);
        let kinds = asked.arguments.get(&name);
        let config = &asked.config;
        let token = caller.token.as_ref();
        // As they are now, like the arguments' types: the record has neither.
        let mut services = config.services.iter();
        let facts = services.find(|it| it.name == operation.service);
        let facts = facts.map(|it| &it.facts);
        Some(Self {
            principal: Principal {
                session: caller.session.as_deref()?.into(),
                agent: caller.agent.as_deref()?.into(),
                evidence: Evidence::named(&caller.evidence),
                purpose: token
                    .and_then(|it| it.purpose.as_deref())
                    .unwrap_or("")
                    .into(),
                scope: Arc::new(token.map(|it| it.scope.clone()).unwrap_or_default()),
                country: config.country,
                declared: declared(said, notices, config),
                delegation: token
                    .and_then(|it| it.delegation.as_ref())
                    .map(|it| delegation(&it.subject, &it.actors)),
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
                groups: facts
                    .map(|it| it.groups_of(&operation.operation))
                    .unwrap_or_default(),
                training: facts.map(|it| it.training).unwrap_or_default(),
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
            training: self.operation.training_of(towards),
        };
        engine.disclosures(context).of(class).clone()
    }

    /// `crm/customer.read`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.operation.service, self.operation.id)
    }
}

/// What the client said, as far as agents are known by it.
fn declared(said: &[DeclaredRecord], notices: &[String], config: &Config) -> Option<Arc<Declared>> {
    let known = config.agents.iter().flat_map(|agent| &agent.known_as);
    let known: BTreeSet<&str> = known.map(|name| &**name).collect();
    if known.is_empty() {
        return None;
    }
    let is_said = |known: &&str| said.iter().any(|it| it.name.eq_ignore_ascii_case(known));
    let names = known.into_iter().filter(is_said);
    Some(Arc::new(Declared {
        names: names.map(Arc::from).collect(),
        conflict: notices.iter().any(|it| it == DECLARED_CONFLICT),
    }))
}

/// Who acts for whom.
pub(super) fn delegation(subject: &str, actors: &[String]) -> Arc<Delegation> {
    Arc::new(Delegation {
        subject: subject.into(),
        actors: actors.iter().map(|actor| actor.as_str().into()).collect(),
    })
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
