//! Agents, what they ask, and rules about them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write as _,
    sync::Arc,
};

use cedar_policy::{
    Context, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression,
};
use identity::{Agent, Caller, Claims, Task};
use jiff::Timestamp;
use policy::{Country, Effect, Evidence, Operation, Principal, Training};

/// Agents that call, in turn.
pub(crate) const AGENTS: usize = 20;
/// Services, of eight operations each.
const SERVICES: usize = 10;
const OPERATIONS: usize = 8;

/// So many policies as operators write them: of ten, seven that permit an agent an operation, two that
/// forbid something of a service, and one about every call.
pub(crate) fn policies(count: usize) -> String {
    let mut text = String::new();
    for index in 0..count {
        let (id, turn) = (format!("@id(\"rule-{index}\")"), index / 10);
        match index % 10 {
            0 => writeln!(
                text,
                "{id} forbid (principal, action == Action::\"call\", resource) when {{ \
                 principal.hasTag(\"customer-{turn}\") && resource.hasTag(\"customer-{turn}\") }} unless {{ \
                 principal.getTag(\"customer-{turn}\") == resource.getTag(\"customer-{turn}\") }};"
            ),
            1 | 2 => writeln!(
                text,
                "{id} forbid (principal, action == Action::\"call\", resource in Api::\"service-{}\") \
                 when {{ context.effect == \"delete\" && context.purpose != \"erasure\" }};",
                index % SERVICES
            ),
            place => {
                // Each agent that calls has its operation among the first.
                let number = turn * 7 + place - 3;
                let (agent, service) = (number % 200, number % SERVICES);
                let operation = number / AGENTS % OPERATIONS;
                writeln!(
                    text,
                    "{id} permit (principal in Agent::\"{}\", action == Action::\"call\", \
                     resource in Operation::\"service-{service}/operation-{operation}\") \
                     when {{ context.purpose == \"support\" }};",
                    name(agent)
                )
            }
        }
        .unwrap();
    }
    text
}

fn name(agent: usize) -> String {
    format!("spiffe://bench.example/agent/{agent}")
}

/// An agent that a permit names, whatever the number of policies.
fn permitted(agent: usize) -> usize {
    agent % 7
}

pub(crate) fn principal(agent: usize) -> Principal {
    Principal {
        session: format!("session-{agent}").into(),
        agent: name(permitted(agent)).into(),
        evidence: Evidence::named("kernel+token"),
        purpose: "support".into(),
        scope: Arc::new(BTreeMap::from([("customer".into(), "C-771".into())])),
        country: Country::parse("DE").unwrap(),
        delegation: None,
        declared: None,
    }
}

/// The call that is permitted to this agent, about one of many tickets.
pub(crate) fn operation(agent: usize, ticket: usize) -> Operation {
    let tags = [
        ("customer", "C-771".to_owned()),
        ("ticket", format!("T-{ticket}")),
    ];
    Operation {
        service: format!("service-{}", permitted(agent) % SERVICES).into(),
        id: "operation-0".into(),
        effect: Effect::Read,
        bound: Arc::new(tags.map(|(name, value)| (name.to_owned(), value)).into()),
        arguments: Arc::default(),
        groups: Arc::default(),
        training: Training::Unknown,
        country: Country::parse("DE").unwrap(),
    }
}

pub(crate) fn caller(agent: usize) -> Caller {
    let id: identity::SpiffeId = name(permitted(agent)).parse().unwrap();
    let task = Task {
        id: "task".into(),
        purpose: "support".into(),
        scope: Arc::new(BTreeMap::from([("customer".into(), "C-771".into())])),
    };
    let claims = Claims {
        issuer: "https://issuer.example".into(),
        subject: id.clone(),
        token_id: None,
        session: None,
        issued_at: Timestamp::UNIX_EPOCH,
        not_before: None,
        expires_at: Timestamp::MAX,
        task: Some(task),
        bounds: None,
        audience: identity::Audience::default(),
        binding: None,
        delegation: None,
    };
    Caller {
        agent: Arc::new(Agent::no_process(id)),
        attribution: None,
        token: Some(Arc::new(claims)),
        svid: None,
        key: None,
        session: format!("session-{agent}").into(),
        workload: (1, 1),
        evidence: "kernel+token",
        declared: None,
    }
}

/// The same policies and questions in Cedar's own terms, made before anything is timed.
pub(crate) struct Plain {
    pub(crate) policies: PolicySet,
    pub(crate) questions: Vec<(Request, Entities)>,
}

impl Plain {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            policies: text.parse().unwrap(),
            questions: (0..AGENTS).map(question).collect(),
        }
    }
}

fn question(number: usize) -> (Request, Entities) {
    let (principal, operation) = (principal(number), operation(number, number));
    let call = format!("{}/{}", operation.service, operation.id);
    let string = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let tags = |of: &BTreeMap<String, String>| -> HashMap<_, _> {
        of.iter()
            .map(|(name, value)| (name.clone(), string(value)))
            .collect()
    };
    let country = uid("Country", "DE");
    let place = RestrictedExpression::new_entity_uid(country.clone());
    let (session, agent) = (
        uid("Session", &principal.session),
        uid("Agent", &principal.agent),
    );
    let attributes = HashMap::from([
        (
            "agent".to_owned(),
            RestrictedExpression::new_entity_uid(agent.clone()),
        ),
        ("country".to_owned(), place.clone()),
        ("evidence".to_owned(), string(principal.evidence.name())),
    ]);
    let resource = uid("Call", &call);
    let above = [uid("Operation", &call), uid("Api", &operation.service)];
    let entities = [
        Entity::new_with_tags(session.clone(), attributes, [agent], tags(&principal.scope))
            .unwrap(),
        Entity::new_with_tags(resource.clone(), [], above, tags(&operation.bound)).unwrap(),
        Entity::new_no_attrs(
            country,
            HashSet::from([uid("Region", "EEA"), uid("Region", "EU")]),
        ),
    ];
    let context = [
        ("country", place),
        ("effect", string("read")),
        ("evidence", string(principal.evidence.name())),
        ("operation", string(&operation.id)),
        ("proof", proof(principal.evidence)),
        ("purpose", string(&principal.purpose)),
        ("service", string(&operation.service)),
    ];
    let context = context.map(|(name, value)| (name.to_owned(), value));
    let context = Context::from_pairs(context).unwrap();
    let request = Request::new(session, uid("Action", "call"), resource, context, None);
    let entities = Entities::from_entities(entities, None);
    (request.unwrap(), entities.unwrap())
}

fn proof(evidence: Evidence) -> RestrictedExpression {
    let facts = evidence.facts().map(|(name, holds)| {
        let holds = RestrictedExpression::new_bool(holds);
        (name.to_owned(), holds)
    });
    let rank = RestrictedExpression::new_long(evidence.rank().into());
    RestrictedExpression::new_record(facts.into_iter().chain([("rank".to_owned(), rank)])).unwrap()
}

fn uid(kind: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.parse().unwrap(), id.parse().unwrap())
}
