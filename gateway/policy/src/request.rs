//! What Cedar sees of a question: the entities and the context, and nothing else.
//!
//! Whatever is put here must also be in the keys of the engine's memory (`engine.rs`): they hold
//! the same structs whole.

use std::collections::{BTreeMap, HashMap, HashSet};

use cedar_policy::{
    ActionConstraint, Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy,
    Request, RestrictedExpression,
};
use classifiers::DataClass;

use crate::{
    Country, Declared, Delegation, DisclosureContext, Evidence, Operation, Principal, Towards,
    regions,
};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// May this call be made?
    Call,
    /// May a value of this class be shown?
    Disclose,
    /// May a token of this class be turned back?
    Restore,
}

impl Verb {
    /// Every question.
    pub const ALL: [Self; 3] = [Self::Call, Self::Disclose, Self::Restore];

    /// The name of the action in policies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Disclose => "disclose",
            Self::Restore => "restore",
        }
    }
}

/// The questions that a policy can take part in, by its scope. The schema has no groups of
/// actions, so names decide.
pub(crate) fn verbs_of(policy: &Policy) -> Vec<Verb> {
    let names = |uid: &EntityUid, verb: Verb| uid.id().unescaped() == verb.name();
    let constraint = policy.action_constraint();
    Verb::ALL
        .into_iter()
        .filter(|verb| match &constraint {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => names(uid, *verb),
            ActionConstraint::In(uids) => uids.iter().any(|uid| names(uid, *verb)),
        })
        .collect()
}

/// A question in Cedar's terms.
pub(crate) struct Question {
    pub(crate) request: Request,
    pub(crate) entities: Entities,
    /// The principal, the resource, and all that either is in.
    pub(crate) within: Vec<EntityUid>,
}

/// Cedar refused the question. It has the shape of the schema and no cycles, so this is a
/// fault of ours, and the answer to it is a refusal.
#[derive(Debug)]
pub(crate) struct Unaskable;

/// Makes questions; holds what all of them share.
pub(crate) struct Questions {
    types: Types,
    call: EntityUid,
    disclose: EntityUid,
    restore: EntityUid,
}

struct Types {
    agent: EntityTypeName,
    api: EntityTypeName,
    call: EntityTypeName,
    country: EntityTypeName,
    data_class: EntityTypeName,
    group: EntityTypeName,
    operation: EntityTypeName,
    region: EntityTypeName,
    session: EntityTypeName,
}

impl Questions {
    /// None if a type's name does not parse, which no release can have.
    pub(crate) fn new() -> Option<Self> {
        let action: EntityTypeName = "Action".parse().ok()?;
        Some(Self {
            types: Types {
                agent: "Agent".parse().ok()?,
                api: "Api".parse().ok()?,
                call: "Call".parse().ok()?,
                country: "Country".parse().ok()?,
                data_class: "DataClass".parse().ok()?,
                group: "Group".parse().ok()?,
                operation: "Operation".parse().ok()?,
                region: "Region".parse().ok()?,
                session: "Session".parse().ok()?,
            },
            call: uid(&action, "call"),
            disclose: uid(&action, "disclose"),
            restore: uid(&action, "restore"),
        })
    }

    /// May `principal` make this call?
    pub(crate) fn call(
        &self,
        principal: &Principal,
        operation: &Operation,
    ) -> Result<Question, Unaskable> {
        let name = format!("{}/{}", operation.service, operation.id);
        let call = uid(&self.types.call, &name);
        let context = [
            ("argument", arguments(operation)?),
            ("country", self.country(operation.country)),
            ("declared", declared(principal.declared.as_deref())?),
            ("delegation", delegation(principal.delegation.as_deref())?),
            ("effect", string(operation.effect.name())),
            ("evidence", string(principal.evidence.name())),
            ("operation", string(&operation.id)),
            ("proof", proof(principal.evidence)?),
            ("purpose", string(&principal.purpose)),
            ("service", string(&operation.service)),
            ("training", string(operation.training.name())),
        ];
        let groups = operation.groups.iter();
        let mut within: Vec<EntityUid> = groups.map(|it| uid(&self.types.group, it)).collect();
        within.push(uid(&self.types.operation, &name));
        within.push(uid(&self.types.api, &operation.service));
        let parents = within.clone();
        let resource = Entity::new_with_tags(call.clone(), [], parents, tags(&operation.bound))
            .map_err(|_| Unaskable)?;
        let mut entities = self.places([principal.country, operation.country]);
        entities.extend([self.session(principal)?, resource]);
        self.question(principal, &self.call, (call, within), context, entities)
    }

    /// May a value of `class` be shown?
    pub(crate) fn disclose(
        &self,
        asked: &DisclosureContext,
        class: DataClass,
    ) -> Result<Question, Unaskable> {
        self.about_class(asked, class, &self.disclose, None)
    }

    /// May a token of `class` be turned back on its way `towards` the agent or the service?
    pub(crate) fn restore(
        &self,
        asked: &DisclosureContext,
        towards: Towards,
        class: DataClass,
    ) -> Result<Question, Unaskable> {
        self.about_class(asked, class, &self.restore, Some(towards))
    }

    fn about_class(
        &self,
        asked: &DisclosureContext,
        class: DataClass,
        action: &EntityUid,
        towards: Option<Towards>,
    ) -> Result<Question, Unaskable> {
        let principal = &*asked.principal;
        let resource = uid(&self.types.data_class, class.name());
        let context = [
            ("declared", declared(principal.declared.as_deref())?),
            ("delegation", delegation(principal.delegation.as_deref())?),
            ("effect", string(asked.effect.name())),
            ("evidence", string(principal.evidence.name())),
            ("operation", string(&asked.operation)),
            ("origin", self.country(asked.origin)),
            ("proof", proof(principal.evidence)?),
            ("purpose", string(&principal.purpose)),
            ("recipient", self.country(asked.recipient)),
            ("service", string(&asked.service)),
            ("training", string(asked.training.name())),
        ];
        let towards = towards.map(|towards| ("towards", string(towards.name())));
        let mut entities = self.places([principal.country, asked.origin, asked.recipient]);
        let above = self.above(class);
        let class = Entity::new_no_attrs(resource.clone(), above.iter().cloned().collect());
        entities.extend([self.session(principal)?, class]);
        let context = context.into_iter().chain(towards);
        self.question(principal, action, (resource, above), context, entities)
    }

    fn question<'a>(
        &self,
        principal: &Principal,
        action: &EntityUid,
        (resource, above): (EntityUid, Vec<EntityUid>),
        context: impl IntoIterator<Item = (&'a str, RestrictedExpression)>,
        entities: Vec<Entity>,
    ) -> Result<Question, Unaskable> {
        let context = context
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let context = Context::from_pairs(context).map_err(|_| Unaskable)?;
        let session = uid(&self.types.session, &principal.session);
        let agent = uid(&self.types.agent, &principal.agent);
        let mut within = above;
        within.extend([session.clone(), agent, resource.clone()]);
        let request = Request::new(session, action.clone(), resource, context, None);
        Ok(Question {
            request: request.map_err(|_| Unaskable)?,
            entities: Entities::from_entities(entities, None).map_err(|_| Unaskable)?,
            within,
        })
    }

    fn session(&self, principal: &Principal) -> Result<Entity, Unaskable> {
        let agent = uid(&self.types.agent, &principal.agent);
        let attributes = [
            ("agent", RestrictedExpression::new_entity_uid(agent.clone())),
            ("country", self.country(principal.country)),
            ("evidence", string(principal.evidence.name())),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let session = uid(&self.types.session, &principal.session);
        Entity::new_with_tags(session, attributes, [agent], tags(&principal.scope))
            .map_err(|_| Unaskable)
    }

    /// All that is above a class: the tree itself need not be there.
    fn above(&self, class: DataClass) -> Vec<EntityUid> {
        std::iter::successors(class.parent(), |class| class.parent())
            .map(|class| uid(&self.types.data_class, class.name()))
            .collect()
    }

    /// The countries, each once, with the regions that hold them.
    fn places<const N: usize>(&self, countries: [Country; N]) -> Vec<Entity> {
        let countries: HashSet<Country> = countries.into_iter().collect();
        countries
            .into_iter()
            .map(|country| {
                let regions = regions::regions_of(country)
                    .map(|region| uid(&self.types.region, region))
                    .collect();
                Entity::new_no_attrs(uid(&self.types.country, country.code()), regions)
            })
            .collect()
    }

    fn country(&self, country: Country) -> RestrictedExpression {
        RestrictedExpression::new_entity_uid(uid(&self.types.country, country.code()))
    }
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn string(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

/// What proves the caller, as facts and as a rank.
fn proof(evidence: Evidence) -> Result<RestrictedExpression, Unaskable> {
    let facts = evidence.facts().map(|(name, holds)| {
        let holds = RestrictedExpression::new_bool(holds);
        (name.to_owned(), holds)
    });
    let rank = RestrictedExpression::new_long(evidence.rank().into());
    let members = facts.into_iter().chain([("rank".to_owned(), rank)]);
    RestrictedExpression::new_record(members).map_err(|_| Unaskable)
}

/// What the client says that it is; nothing where nobody is known by that.
fn declared(declared: Option<&Declared>) -> Result<RestrictedExpression, Unaskable> {
    let names = declared.map_or(&[][..], |it| &it.names);
    let names = names.iter().map(|name| string(name));
    let conflict = declared.is_some_and(|it| it.conflict);
    let members = [
        ("conflict", RestrictedExpression::new_bool(conflict)),
        ("names", RestrictedExpression::new_set(names)),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), value));
    RestrictedExpression::new_record(members).map_err(|_| Unaskable)
}

/// On whose behalf the caller acts; empty if on its own.
fn delegation(delegation: Option<&Delegation>) -> Result<RestrictedExpression, Unaskable> {
    let actors = delegation.map_or(&[][..], |it| &it.actors);
    let actor = actors.first().map_or("", |actor| actor);
    let subject = delegation.map_or("", |it| &it.subject);
    let depth = i64::try_from(actors.len()).map_err(|_| Unaskable)?;
    let all = actors.iter().map(|actor| string(actor));
    let members = [
        ("actor", string(actor)),
        ("actors", RestrictedExpression::new_set(all)),
        ("depth", RestrictedExpression::new_long(depth)),
        ("subject", string(subject)),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), value));
    RestrictedExpression::new_record(members).map_err(|_| Unaskable)
}

/// The arguments, as one record.
fn arguments(operation: &Operation) -> Result<RestrictedExpression, Unaskable> {
    let each = operation.arguments.iter().map(|(name, argument)| {
        let value = argument.expression().ok_or(Unaskable)?;
        Ok((name.clone(), value))
    });
    let each = each.collect::<Result<Vec<_>, Unaskable>>()?;
    RestrictedExpression::new_record(each).map_err(|_| Unaskable)
}

fn tags(pairs: &BTreeMap<String, String>) -> HashMap<String, RestrictedExpression> {
    pairs
        .iter()
        .map(|(name, value)| (name.clone(), string(value)))
        .collect()
}
