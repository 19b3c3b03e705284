//! What holds of every question that the gateway asks.
//!
//! To the solver a country is a name, and may lie in any region. What the gateway knows of countries,
//! classes, agents and operations is therefore written down as policies that forbid everything else;
//! an allowed question is then one of this world.
//!
//! Countries that no policy names and that lie in the same of the regions that policies name can be told
//! apart only as being the same or not, so as many of them as a question has countries stand for all. Of
//! data classes a question has one, so one of each kind does.

use std::collections::BTreeMap;

use cedar_policy::{EntityUid, Policy};
use classifiers::DataClass;
use policy::{Country, Effect, Evidence, Training, Verb, country_codes, regions_of};

/// Facts in one policy: more would be nested deeper than needed.
const FACTS_MAX: usize = 16;
/// Countries of one question: the caller's, the data's, the recipient's.
const COUNTRIES_ASKED: usize = 3;
/// The most actors of one delegation, as `identity` reads it.
pub(crate) const DEPTH_MAX: usize = 8;
/// Which of the countries that are alike stand for them, where they are among them.
const FAMILIAR: [&str; 8] = ["DE", "FR", "NO", "CH", "US", "IN", "BR", "ZZ"];

/// An operation of the configuration.
#[derive(Clone, Debug)]
pub struct KnownOperation {
    /// Its service.
    pub service: String,
    /// Its id within the service.
    pub id: String,
    /// What it does.
    pub effect: Effect,
    /// Where the service may keep its data: a country for each of its upstreams.
    pub countries: Vec<Country>,
    /// The arguments that a call of it always has.
    pub arguments: Vec<String>,
    /// The groups that it is in.
    pub groups: Vec<String>,
    /// Whether its service may train models on what it is given.
    pub training: Training,
}

/// What policies and invariant name, and what the solver need know of the rest.
pub(crate) struct World {
    named: Vec<EntityUid>,
    countries: Vec<Country>,
    classes: Vec<DataClass>,
    operations: Vec<KnownOperation>,
    /// Whether anything is said of who acts for whom.
    delegates: bool,
}

impl World {
    /// The world as these policies can tell its parts apart.
    pub(crate) fn of<'a>(
        policies: impl Iterator<Item = &'a Policy> + Clone,
        operations: &[KnownOperation],
    ) -> Self {
        let mut named: Vec<EntityUid> =
            policies.clone().flat_map(Policy::entity_literals).collect();
        named.sort();
        named.dedup();
        let mut texts = policies.map(ToString::to_string).collect::<Vec<_>>();
        texts.sort_unstable();
        let spoken = |operation: &&KnownOperation| {
            let quoted = format!("\"{}\"", operation.id);
            let whole = format!("\"{}/{}\"", operation.service, operation.id);
            let speaks = |text: &String| text.contains(&quoted) || text.contains(&whole);
            let is_group = |uid: &EntityUid| {
                let is_kind = uid.type_name().basename() == "Group";
                is_kind && operation.groups.iter().any(|it| it == uid.id().unescaped())
            };
            texts.iter().any(speaks) || named.iter().any(is_group)
        };
        let operations: Vec<_> = operations.iter().filter(spoken).cloned().collect();
        let mut world = Self {
            named,
            countries: Vec::new(),
            classes: Vec::new(),
            operations,
            delegates: texts.iter().any(|text| text.contains("delegation")),
        };
        world.countries = world.distinct_countries();
        world.classes = world.distinct_classes();
        world
    }

    /// Policies that forbid, for this question, what is not of this world.
    pub(crate) fn policies(&self, verb: Verb) -> String {
        let facts = match verb {
            Verb::Call => [self.callers(), self.calls(), self.places(&["country"])].concat(),
            Verb::Disclose | Verb::Restore => [
                self.callers(),
                self.messages(verb),
                self.places(&["origin", "recipient"]),
                self.tree(),
            ]
            .concat(),
        };
        let name = verb.name();
        let all = facts.chunks(FACTS_MAX).map(|facts| facts.join(" && "));
        let policies = all.enumerate().map(|(index, all)| {
            format!(
                "@id(\"world/{index}\") forbid (principal, action == Action::\"{name}\", resource) \
                 unless {{ {all} }};\n"
            )
        });
        policies.collect()
    }

    fn ids(&self, kind: &str) -> impl Iterator<Item = &EntityUid> {
        let is_kind = move |uid: &&EntityUid| uid.type_name().basename() == kind;
        self.named.iter().filter(is_kind)
    }

    fn names(&self, kind: &str) -> Vec<&str> {
        self.ids(kind).map(|uid| uid.id().unescaped()).collect()
    }

    /// Those that are named, and of the others some of each kind that policies can tell.
    fn distinct_countries(&self) -> Vec<Country> {
        let named = self.names("Country");
        let regions = self.names("Region");
        let mut kept: Vec<Country> = named
            .iter()
            .filter_map(|code| Country::parse(code))
            .collect();
        kept.extend(self.operations.iter().flat_map(|it| &it.countries));
        let familiar = FAMILIAR.into_iter();
        let mut kinds: BTreeMap<Vec<&str>, Vec<Country>> = BTreeMap::new();
        for country in familiar.chain(country_codes()).filter_map(Country::parse) {
            let mut within: Vec<&str> = regions_of(country).collect();
            within.retain(|region| regions.contains(region));
            let alike = kinds.entry(within).or_default();
            if alike.len() < COUNTRIES_ASKED
                && !kept.contains(&country)
                && !alike.contains(&country)
            {
                alike.push(country);
            }
        }
        kept.extend(kinds.into_values().flatten());
        kept.sort_unstable();
        kept.dedup();
        kept
    }

    fn distinct_classes(&self) -> Vec<DataClass> {
        let named = self.names("DataClass");
        let mut kept: Vec<DataClass> = named.iter().copied().filter_map(DataClass::named).collect();
        let mut kinds: BTreeMap<Vec<&str>, DataClass> = BTreeMap::new();
        // A leaf stands for its kind rather than what is above it: values are found as leaves.
        let is_leaf = |class: &DataClass| !DataClass::all().any(|it| it.parent() == Some(*class));
        let leaves = DataClass::all().filter(is_leaf);
        for class in leaves.chain(DataClass::all()) {
            let above = std::iter::successors(Some(class), |class| class.parent());
            let mut within: Vec<&str> = above.map(DataClass::name).collect();
            within.retain(|above| named.contains(above));
            if !kept.contains(&class) {
                kinds.entry(within).or_insert(class);
            }
        }
        kept.extend(kinds.into_values());
        kept
    }

    /// Of sessions, agents and evidence.
    fn callers(&self) -> Vec<String> {
        let mut facts = vec![
            "principal in principal.agent".to_owned(),
            "principal.evidence == context.evidence".to_owned(),
            any(&Evidence::ALL.map(proven)),
            one_of("context.effect", Effect::ALL.map(|it| quoted(it.name()))),
            one_of(
                "context.training",
                Training::ALL.map(|it| quoted(it.name())),
            ),
        ];
        let own = |agent| format!("(principal in {agent}) == (principal.agent == {agent})");
        facts.extend(self.ids("Agent").map(own));
        if self.delegates {
            facts.extend(delegations());
        }
        facts
    }

    /// Of calls, operations and services.
    fn calls(&self) -> Vec<String> {
        let service = |uid: &EntityUid| {
            let name = quoted(uid.id().unescaped());
            format!("(resource in {uid}) == (context.service == {name})")
        };
        let mut facts: Vec<String> = self.ids("Api").map(service).collect();
        for uid in self.ids("Operation") {
            // A name with several slashes may be that of several.
            let name = uid.id().unescaped();
            let splits = name
                .match_indices('/')
                .filter_map(|(at, _)| name.split_at_checked(at));
            let each = splits
                .map(|(service, id)| format!("({})", spoken(service, id.get(1..).unwrap_or(""))));
            let is = any(&each.collect::<Vec<_>>());
            facts.push(format!("(resource in {uid}) == ({is})"));
        }
        facts.extend(self.ids("Group").map(|group| self.grouped(group)));
        for operation in &self.operations {
            let is = spoken(&operation.service, &operation.id);
            let effect = quoted(operation.effect.name());
            let there = one_of(
                "context.country",
                operation.countries.iter().map(|it| country(*it)),
            );
            let training = quoted(operation.training.name());
            facts.push(format!(
                "(!({is}) || (context.effect == {effect} && {there} && context.training == {training}))"
            ));
            for argument in &operation.arguments {
                facts.push(format!("(!({is}) || context.argument has {argument})"));
            }
        }
        facts
    }

    /// Of which calls a group is made.
    fn grouped(&self, group: &EntityUid) -> String {
        let within = self.operations.iter();
        let within = within.filter(|it| it.groups.iter().any(|it| it == group.id().unescaped()));
        let each = within.map(|it| format!("({})", spoken(&it.service, &it.id)));
        format!(
            "(resource in {group}) == ({})",
            any(&each.collect::<Vec<_>>())
        )
    }

    /// Of messages that hold values or tokens.
    fn messages(&self, verb: Verb) -> Vec<String> {
        let mut facts = Vec::new();
        for operation in &self.operations {
            let is = spoken(&operation.service, &operation.id);
            let effect = quoted(operation.effect.name());
            // What goes to the agent is nothing that anybody trains on.
            let training = [Training::Never, operation.training];
            let training = one_of("context.training", training.map(|it| quoted(it.name())));
            facts.push(format!(
                "(!({is}) || (context.effect == {effect} && {training}))"
            ));
        }
        if verb == Verb::Restore {
            facts.push(one_of("context.towards", ["agent", "service"].map(quoted)));
        }
        facts
    }

    /// Where countries lie, and that these are countries. Of the variables, since to the engine a country
    /// that no question is about lies nowhere.
    fn places(&self, variables: &[&str]) -> Vec<String> {
        let context = variables.iter().map(|name| format!("context.{name}"));
        let variables: Vec<String> = context.chain(["principal.country".to_owned()]).collect();
        let mut facts: Vec<String> = variables.iter().map(|it| self.one_country(it)).collect();
        for region in self.ids("Region") {
            let name = region.id().unescaped();
            let lies = |place: &&Country| regions_of(**place).any(|known| known == name);
            for variable in &variables {
                let there = self.countries.iter().filter(lies).map(|it| country(*it));
                let there = one_of(variable, there);
                facts.push(format!("({variable} in {region}) == ({there})"));
            }
        }
        facts
    }

    fn one_country(&self, variable: &str) -> String {
        one_of(variable, self.countries.iter().map(|it| country(*it)))
    }

    /// What is above each class, and that these are classes.
    fn tree(&self) -> Vec<String> {
        let entity = |class: DataClass| format!("DataClass::{}", quoted(class.name()));
        let classes = self.classes.iter().map(|class| entity(*class));
        let mut facts = vec![one_of("resource", classes)];
        for above in self
            .names("DataClass")
            .into_iter()
            .filter_map(DataClass::named)
        {
            let within = self.classes.iter().filter(|class| class.is_within(above));
            let within = one_of("resource", within.map(|class| entity(*class)));
            facts.push(format!("(resource in {}) == ({within})", entity(above)));
        }
        facts
    }
}

/// Of who acts for whom: as many actors as there is depth, of whom the first acts now.
fn delegations() -> impl Iterator<Item = String> {
    let depth = "context.delegation.depth";
    let none = format!("({depth} == 0)");
    [
        format!("({depth} >= 0 && {depth} <= {DEPTH_MAX})"),
        format!("{none} == (context.delegation.subject == \"\")"),
        format!("{none} == (context.delegation.actor == \"\")"),
        format!("{none} == context.delegation.actors.isEmpty()"),
        format!("({none} || context.delegation.actors.contains(context.delegation.actor))"),
        format!("({depth} != 1 || context.delegation.actors == [context.delegation.actor])"),
    ]
    .into_iter()
}

/// That it is this evidence, by name and by what policies compare.
fn proven(evidence: Evidence) -> String {
    let facts = evidence
        .facts()
        .map(|(name, holds)| format!("{name}: {holds}"));
    let (name, rank) = (quoted(evidence.name()), evidence.rank());
    let facts = facts.join(", ");
    format!("(context.evidence == {name} && context.proof == {{ {facts}, rank: {rank} }})")
}

fn one_of(variable: &str, values: impl IntoIterator<Item = String>) -> String {
    let each = values
        .into_iter()
        .map(|value| format!("{variable} == {value}"));
    any(&each.collect::<Vec<_>>())
}

/// One of these, in halves: a chain of a hundred would be nested a hundred deep.
fn any(facts: &[String]) -> String {
    match facts {
        [] => "false".to_owned(),
        [fact] => fact.clone(),
        _ => {
            let (one, other) = facts.split_at(facts.len() / 2);
            format!("({} || {})", any(one), any(other))
        }
    }
}

fn spoken(service: &str, id: &str) -> String {
    let (service, id) = (quoted(service), quoted(id));
    format!("context.service == {service} && context.operation == {id}")
}

fn country(country: Country) -> String {
    format!("Country::{}", quoted(country.code()))
}

/// A string of Cedar; its escapes are those of Rust.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}
