//! A case against an invariant, as a person reads it and as the engine is asked it.

use std::{collections::BTreeMap, sync::Arc};

use cedar_policy::{Context, Entities, Entity, EntityUid, EvalResult, Request};
use classifiers::DataClass;
use policy::{
    Argument, ArgumentKind, Country, Declared, Delegation, DisclosureContext, Effect, Engine,
    Evidence, Operation, Principal, Towards, Training, Verb,
};
use redaction::Action;

use crate::world::DEPTH_MAX;

/// A question that is answered against an invariant.
#[derive(Clone, Debug)]
pub struct Case {
    /// Who asks.
    pub principal: Principal,
    /// The operation; its country is where the service keeps its data.
    pub operation: Operation,
    /// The class of the value or token, if it is about one.
    pub class: Option<DataClass>,
    /// Where the value is from and where it goes, if it is about one.
    pub way: Option<(Country, Country)>,
    /// Which way a message with a token goes.
    pub towards: Option<Towards>,
    /// What the engine says.
    pub answer: Answer,
}

/// What the engine says to a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What happens to the value; of a call or token `Show` if it is allowed, else `Block`.
    pub action: Action,
    /// The policies that decide, by their ids.
    pub policies: Vec<Arc<str>>,
}

impl Case {
    /// Reads what the solver found, and asks the engine. None if it is no question of the gateway's.
    pub(crate) fn read(
        verb: Verb,
        request: &Request,
        entities: &Entities,
        engine: &Arc<Engine>,
    ) -> Option<Self> {
        let session = request.principal()?;
        let resource = request.resource()?;
        let context = request.context()?;
        let said = |name: &str| text(context.get(name));
        let (service, id) = (said("service")?, said("operation")?);
        let effect = said("effect")?;
        let training = said("training")?;
        let tags = match verb {
            Verb::Call => tags(entities, resource),
            Verb::Disclose | Verb::Restore => BTreeMap::new(),
        };
        let place = match verb {
            Verb::Call => country(context, "country")?,
            Verb::Disclose | Verb::Restore => Country::UNKNOWN,
        };
        let mut case = Self {
            principal: principal(session, context, entities)?,
            operation: Operation {
                service: service.into(),
                id: id.into(),
                effect: Effect::ALL.into_iter().find(|it| it.name() == effect)?,
                bound: Arc::new(tags),
                arguments: Arc::new(arguments(context)),
                groups: groups(entities, resource),
                country: place,
                training: Training::ALL.into_iter().find(|it| it.name() == training)?,
            },
            class: None,
            way: None,
            towards: None,
            answer: Answer {
                action: Action::Block,
                policies: Vec::new(),
            },
        };
        if verb != Verb::Call {
            case.class = Some(DataClass::named(resource.id().unescaped())?);
            case.way = Some((country(context, "origin")?, country(context, "recipient")?));
        }
        if verb == Verb::Restore {
            let said = said("towards")?;
            let mut ways = [Towards::Agent, Towards::Service].into_iter();
            case.towards = Some(ways.find(|way| way.name() == said)?);
        }
        case.answer = case.ask(engine);
        Some(case)
    }

    /// Puts the case to the engine.
    fn ask(&self, engine: &Arc<Engine>) -> Answer {
        let allowed = |allowed: bool| if allowed { Action::Show } else { Action::Block };
        let (Some(class), Some((origin, recipient))) = (self.class, self.way) else {
            let decision = engine.call(&self.principal, &self.operation);
            let ids = decision.policies.iter().map(|it| Arc::clone(&it.id));
            return Answer {
                action: allowed(decision.allowed),
                policies: ids.collect(),
            };
        };
        let context = DisclosureContext {
            principal: Arc::new(self.principal.clone()),
            service: Arc::clone(&self.operation.service),
            operation: Arc::clone(&self.operation.id),
            effect: self.operation.effect,
            origin,
            recipient,
            training: self.operation.training,
        };
        if let Some(towards) = self.towards {
            return Answer {
                action: allowed(engine.restorations(context, towards).may(class)),
                policies: Vec::new(),
            };
        }
        let mut disclosures = engine.disclosures(context);
        let disclosure = disclosures.of(class);
        let rule = disclosure.policy.iter().map(|it| Arc::clone(&it.id));
        Answer {
            action: disclosure.action,
            policies: rule.collect(),
        }
    }
}

fn principal(session: &EntityUid, context: &Context, entities: &Entities) -> Option<Principal> {
    let purpose = text(context.get("purpose"))?;
    let entity = entities.get(session)?;
    let attribute = |name: &str| entity.attr(name)?.ok();
    let evidence = text(attribute("evidence"))?;
    let agent = uid(attribute("agent"))?;
    Some(Principal {
        session: session.id().unescaped().into(),
        agent: agent.id().unescaped().into(),
        evidence: Evidence::of(&evidence)?,
        purpose: purpose.into(),
        scope: Arc::new(tags(entities, session)),
        country: Country::parse(uid(attribute("country"))?.id().unescaped())?,
        delegation: delegation(context.get("delegation")).map(Arc::new),
        declared: declared(context.get("declared")).map(Arc::new),
    })
}

/// What the client says that it is.
fn declared(said: Option<EvalResult>) -> Option<Declared> {
    let EvalResult::Record(said) = said? else {
        return None;
    };
    let (Some(EvalResult::Bool(conflict)), Some(EvalResult::Set(names))) =
        (said.get("conflict"), said.get("names"))
    else {
        return None;
    };
    let names = names.iter().filter_map(|name| text(Some(name.clone())));
    Some(Declared {
        names: names.map(Arc::from).collect(),
        conflict: *conflict,
    })
}

/// Who acts for whom; nobody for anybody if it is not as the gateway would say it, which no policy that
/// speaks of it is asked.
fn delegation(said: Option<EvalResult>) -> Option<Delegation> {
    let EvalResult::Record(said) = said? else {
        return None;
    };
    let member = |name: &str| said.get(name).cloned();
    let (Some(EvalResult::Long(depth)), Some(EvalResult::Set(all))) =
        (member("depth"), member("actors"))
    else {
        return None;
    };
    let first = text(member("actor"))?;
    let others = all.iter().filter_map(|it| text(Some(it.clone())));
    let others = others.filter(|other| *other != first);
    let mut actors: Vec<Arc<str>> = std::iter::once(first.clone())
        .chain(others)
        .map(Arc::from)
        .collect();
    let depth = usize::try_from(depth).ok();
    let depth = depth.filter(|depth| (1..=DEPTH_MAX).contains(depth))?;
    // A set has each once; who acts may do so at several places. What is too much for the depth is left
    // out, since the engine is asked in the end.
    actors.resize(depth, first.into());
    Some(Delegation {
        subject: text(member("subject"))?.into(),
        actors: actors.into(),
    })
}

/// The groups that a call is in.
fn groups(entities: &Entities, call: &EntityUid) -> Arc<[Arc<str>]> {
    let above = entities.ancestors(call).into_iter().flatten();
    let groups = above.filter(|uid| uid.type_name().basename() == "Group");
    groups.map(|uid| uid.id().unescaped().into()).collect()
}

fn tags(entities: &Entities, of: &EntityUid) -> BTreeMap<String, String> {
    let tags = entities.get(of).into_iter().flat_map(Entity::tags);
    tags.filter_map(|(name, value)| Some((name.to_owned(), text(value.ok())?)))
        .collect()
}

/// What a call gives of the configuration's arguments.
fn arguments(context: &Context) -> BTreeMap<String, Argument> {
    let Some(EvalResult::Record(all)) = context.get("argument") else {
        return BTreeMap::new();
    };
    let each = all.iter();
    each.filter_map(|(name, value)| Some((name.clone(), argument(value)?)))
        .collect()
}

fn argument(value: &EvalResult) -> Option<Argument> {
    Some(match value {
        EvalResult::Long(number) => Argument::Integer(*number),
        EvalResult::Bool(truth) => Argument::Boolean(*truth),
        EvalResult::String(text) => Argument::Text(text.clone()),
        EvalResult::Record(money) => match (money.get("minor")?, money.get("currency")?) {
            (EvalResult::Long(minor), EvalResult::String(currency)) => Argument::Money {
                minor: *minor,
                currency: currency.clone(),
            },
            _ => return None,
        },
        EvalResult::ExtensionValue(text) => {
            let text = text.strip_prefix("decimal(\"")?.strip_suffix("\")")?;
            Argument::parse(ArgumentKind::Decimal, text)?
        }
        EvalResult::EntityUid(_) | EvalResult::Set(_) => return None,
    })
}

fn country(context: &Context, name: &str) -> Option<Country> {
    Country::parse(uid(context.get(name))?.id().unescaped())
}

fn text(value: Option<EvalResult>) -> Option<String> {
    match value? {
        EvalResult::String(text) => Some(text),
        _ => None,
    }
}

fn uid(value: Option<EvalResult>) -> Option<EntityUid> {
    match value? {
        EvalResult::EntityUid(uid) => Some(uid),
        _ => None,
    }
}
