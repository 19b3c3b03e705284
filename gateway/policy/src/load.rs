//! Policy files in, a checked policy set out, or everything that is wrong with them.
//!
//! A policy that can never apply is as wrong as one that does not parse: a misspelt data class
//! in a `forbid` would let the data through without a word. So names are checked, not only types.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    str::FromStr as _,
    sync::Arc,
};

use cedar_policy::{
    Effect, EntityUid, Policy, PolicyId, PolicySet, ResourceConstraint, Schema, ValidationMode,
    ValidationWarning, Validator,
};
use classifiers::DataClass;
use miette::{Diagnostic, NamedSource, SourceSpan};
use redaction::{Action, NoAction, OBLIGATIONS, shape::Fields};

use crate::{
    Arguments, Category, GROUPS, PolicyRef,
    error::{PolicyError, PolicyErrors},
    explain, regions,
    request::{Verb, verbs_of},
};

/// The longest policy file, in bytes.
pub const POLICY_FILE_BYTES_MAX: usize = 1024 * 1024;

/// The most policies an engine holds; a decision costs about 1 µs for each.
pub const POLICIES_MAX: usize = 4096;

/// The longest `@id`, in bytes: it stands in every record.
const ID_BYTES_MAX: usize = 128;

/// How alike two names must be (Jaro-Winkler, 0 to 1) for one to be proposed for the other.
const ALIKE_MIN: f64 = 0.8;

/// Cedar says of such a policy one thing or two; this is what both mean.
const NEVER_APPLIES: &str = "the policy can never apply: no request satisfies it";
const RESOURCES: &str = "a `call` has a `Call` for its resource (in an `Operation`, in an `Api`), \
                         a `disclose` and a `restore` a `DataClass`";

const ANNOTATIONS: &[&str] = &["id", "reason", "basis", "category", "obligation", "fields"];
/// The obligation of a permit under which no answer goes to the caller but the mediator's.
const MEDIATE: &str = "mediate";

const CATEGORIES: &[Category] = &[Category::Access, Category::Scope, Category::Residency];

/// The text of one policy file, and the name to call it by in errors.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// Its path as the operator knows it.
    pub name: String,
    /// Its Cedar text.
    pub text: String,
}

/// The names of this configuration that policies may speak of: a rule about another would never
/// apply, without a word.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// SPIFFE ids of agents.
    pub agents: Vec<String>,
    /// Services, which policies call `Api`.
    pub services: Vec<String>,
    /// Operations: `crm/customer.read`.
    pub operations: Vec<String>,
    /// Groups of operations, beside [`GROUPS`].
    pub groups: Vec<String>,
    /// What is declared of their arguments.
    pub arguments: Arguments,
    /// The operations that the mediator has templates for.
    pub mediated: Vec<String>,
}

/// What the authors say of their policies, by policy id.
pub(crate) type Notes = HashMap<PolicyId, Note>;

/// What the author says of a policy, read once.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) policy: Arc<PolicyRef>,
    /// What a satisfied `forbid` of a disclosure demands.
    pub(crate) obligation: Action,
    /// What a satisfied `permit` of a call lets the answer have, if it says so.
    pub(crate) fields: Option<Arc<Fields>>,
    /// Whether a call that it permits is mediated.
    pub(crate) mediates: bool,
}

/// Policies that passed every check.
pub(crate) struct Loaded {
    pub(crate) policies: PolicySet,
    pub(crate) notes: Notes,
}

/// Parses and checks `files` against `schema` and, where they are given, the configuration's names.
pub(crate) fn load(
    files: &[PolicyFile],
    schema: &Schema,
    configured: Option<&Names>,
) -> Result<Loaded, PolicyErrors> {
    let mut reader = Reader {
        configured,
        ..Reader::default()
    };
    for file in files {
        reader.file(file);
    }
    reader.validate(schema);
    let Reader {
        policies,
        notes,
        errors,
        ..
    } = reader;
    match PolicyErrors::of(errors) {
        Some(errors) => Err(errors),
        None => Ok(Loaded { policies, notes }),
    }
}

type Source = Arc<NamedSource<Arc<str>>>;

#[derive(Default)]
struct Reader<'a> {
    configured: Option<&'a Names>,
    policies: PolicySet,
    notes: Notes,
    homes: BTreeMap<String, (Source, SourceSpan)>,
    errors: Vec<PolicyError>,
}

impl Reader<'_> {
    fn file(&mut self, file: &PolicyFile) {
        let text: Arc<str> = file.text.as_str().into();
        let source = Arc::new(NamedSource::new(&file.name, text).with_language("Cedar"));
        if file.text.len() > POLICY_FILE_BYTES_MAX {
            let message = format!("the file has more than {POLICY_FILE_BYTES_MAX} bytes");
            self.errors
                .push(PolicyError::new(&source, span(0), message, None));
            return;
        }
        let parsed = match PolicySet::from_str(&file.text) {
            Ok(parsed) => parsed,
            Err(errors) => {
                let errors = errors.iter().map(|error| foreign(&source, span(0), error));
                self.errors.extend(errors);
                return;
            }
        };
        for template in parsed.templates() {
            let at = place(template.as_ref().loc());
            let message = "templates have nothing to fill their slots here";
            let hint = "write the entity where `?principal` or `?resource` stands".to_owned();
            self.errors
                .push(PolicyError::new(&source, at, message, Some(hint)));
        }
        let mut policies: Vec<&Policy> = parsed.policies().collect();
        policies.sort_by_key(|policy| place(policy.as_ref().loc()).offset());
        for policy in policies {
            self.policy(&source, policy);
        }
    }

    fn policy(&mut self, source: &Source, policy: &Policy) {
        let at = place(policy.as_ref().loc());
        let mut check = Check {
            source,
            policy,
            configured: self.configured,
            errors: &mut self.errors,
        };
        check.annotations();
        check.names();
        check.arguments();
        let mediates = check.mediates();
        let obligation = if mediates {
            Action::Block
        } else {
            check.obligation()
        };
        let fields = check.fields();
        let category = check.category();
        let Some(id) = check.id(at) else { return };
        if let Some((first, span)) = self.homes.get(&id) {
            let first = PolicyError::new(first, *span, "", None);
            let message = format!("two policies are called `{id}`");
            let hint = format!("the first is at {}:{}", first.file(), first.line());
            self.errors
                .push(PolicyError::new(source, at, message, Some(hint)));
            return;
        }
        if self.homes.len() == POLICIES_MAX {
            let message = format!("there are more than {POLICIES_MAX} policies");
            self.errors
                .push(PolicyError::new(source, at, message, None));
            return;
        }
        let said = |key| policy.annotation(key).map(Into::into);
        let note = Note {
            policy: Arc::new(PolicyRef {
                id: id.as_str().into(),
                reason: said("reason"),
                basis: said("basis"),
                category,
            }),
            obligation,
            fields,
            mediates,
        };
        let policy_id = PolicyId::new(&id);
        // Ids are unique and the policy is static, so adding cannot fail; if it does, say so.
        if let Err(error) = self.policies.add(policy.new_id(policy_id.clone())) {
            self.errors
                .push(PolicyError::new(source, at, error.to_string(), None));
        }
        self.homes.insert(id, (Arc::clone(source), at));
        self.notes.insert(policy_id, note);
    }

    fn validate(&mut self, schema: &Schema) {
        let validator = Validator::new(schema.clone());
        let result = validator.validate(&self.policies, ValidationMode::Strict);
        let mut wrong: HashSet<&str> = HashSet::new();
        for error in result.validation_errors() {
            let id: &str = error.policy_id().as_ref();
            wrong.insert(id);
            if let Some((source, at)) = self.homes.get(id) {
                self.errors.push(foreign(source, *at, error));
            }
        }
        // A warning is a policy that never applies, or text that does not read as it looks:
        // for us as wrong as an error, where it is not the consequence of one.
        for warning in result.validation_warnings() {
            let id: &str = warning.policy_id().as_ref();
            let Some((source, at)) = self.homes.get(id) else {
                continue;
            };
            let found = match warning {
                _ if wrong.contains(id) => continue,
                ValidationWarning::InvalidActionApplication(_) => continue,
                ValidationWarning::ImpossiblePolicy(_) => {
                    PolicyError::new(source, *at, NEVER_APPLIES, Some(RESOURCES.to_owned()))
                }
                other => foreign(source, *at, other),
            };
            self.errors.push(found);
        }
    }
}

/// The checks of one policy that the schema cannot make.
struct Check<'a> {
    source: &'a Source,
    policy: &'a Policy,
    configured: Option<&'a Names>,
    errors: &'a mut Vec<PolicyError>,
}

impl Check<'_> {
    fn wrong(&mut self, at: SourceSpan, message: impl Into<String>, hint: Option<String>) {
        self.errors
            .push(PolicyError::new(self.source, at, message, hint));
    }

    /// Where an annotation stands, key and value.
    fn annotation_at(&self, key: &str) -> SourceSpan {
        let policy = self.policy.as_ref();
        policy
            .annotations()
            .find(|(name, _)| name.as_ref() == key)
            .map_or_else(
                || place(policy.loc()),
                |(_, found)| place(found.loc.as_ref()),
            )
    }

    fn annotations(&mut self) {
        for (name, _) in self.policy.annotations() {
            if !ANNOTATIONS.contains(&name) {
                let hint = proposal(name, ANNOTATIONS.iter().copied());
                self.wrong(
                    self.annotation_at(name),
                    format!("no annotation is called `@{name}`"),
                    Some(hint),
                );
            }
        }
    }

    fn id(&mut self, at: SourceSpan) -> Option<String> {
        let Some(id) = self.policy.annotation("id") else {
            let hint = "put `@id(\"...\")` before it: decisions and records name policies by it";
            self.wrong(at, "the policy has no `@id`", Some(hint.into()));
            return None;
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte);
        if id.is_empty() || id.len() > ID_BYTES_MAX || !id.bytes().all(fits) {
            let message = format!("`{}` cannot be an id", id.escape_debug());
            let hint = format!("use up to {ID_BYTES_MAX} letters, digits, `.`, `_`, `/` and `-`");
            self.wrong(self.annotation_at("id"), message, Some(hint));
            return None;
        }
        Some(id.to_owned())
    }

    fn category(&mut self) -> Category {
        let Some(name) = self.policy.annotation("category") else {
            return Category::Access;
        };
        let found = CATEGORIES.iter().find(|known| known.name() == name);
        found.copied().unwrap_or_else(|| {
            let hint = proposal(name, CATEGORIES.iter().map(|known| known.name()));
            let message = format!("no category is called `{}`", name.escape_debug());
            self.wrong(self.annotation_at("category"), message, Some(hint));
            Category::Access
        })
    }

    /// What its head says that the call is in: an operation or a service.
    fn about(&self) -> Option<EntityUid> {
        match self.policy.resource_constraint() {
            ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) => Some(uid),
            ResourceConstraint::Any | ResourceConstraint::Is(_) | ResourceConstraint::Eq(_) => None,
        }
    }

    /// Whether the call that it permits is mediated; then there must be templates for it.
    fn mediates(&mut self) -> bool {
        if self.policy.annotation("obligation") != Some(MEDIATE) {
            return false;
        }
        let at = self.annotation_at("obligation");
        let calls_only = verbs_of(self.policy) == [Verb::Call];
        if self.policy.effect() != Effect::Permit || !calls_only {
            let hint = "what is mediated is what a satisfied \
                        `permit (principal, action == Action::\"call\", ...)` permits";
            self.wrong(at, "the policy cannot mediate", Some(hint.into()));
        }
        let Some(configured) = self.configured else {
            return true;
        };
        let about = self.about();
        let has_templates = about.as_ref().is_none_or(|uid| {
            let name = uid.id().unescaped();
            let mut mediated = configured.mediated.iter();
            mediated.any(|it| it == name || it.split('/').next() == Some(name))
        });
        if configured.mediated.is_empty() || !has_templates {
            let hint =
                "declare templates for it under `mediator`: without one each call is refused";
            self.wrong(
                at,
                "nothing is declared to mediate what it permits",
                Some(hint.into()),
            );
        }
        true
    }

    fn obligation(&mut self) -> Action {
        let Some(name) = self.policy.annotation("obligation") else {
            return Action::Block;
        };
        let at = self.annotation_at("obligation");
        let disclosures_only = verbs_of(self.policy) == [Verb::Disclose];
        if self.policy.effect() != Effect::Forbid || !disclosures_only {
            let hint = "an obligation is what a satisfied \
                        `forbid (principal, action == Action::\"disclose\", ...)` demands";
            self.wrong(
                at,
                "the policy cannot have an obligation",
                Some(hint.into()),
            );
        }
        Action::parse(name).unwrap_or_else(|why| {
            let (message, hint) = match why {
                NoAction::Unknown => (
                    format!("no obligation is called `{}`", name.escape_debug()),
                    proposal(name, OBLIGATIONS.iter().copied()),
                ),
                NoAction::Number(hint) => {
                    (format!("`{}` is no obligation", name.escape_debug()), hint)
                }
            };
            self.wrong(at, message, Some(hint));
            Action::Block
        })
    }

    fn fields(&mut self) -> Option<Arc<Fields>> {
        let text = self.policy.annotation("fields")?;
        let at = self.annotation_at("fields");
        let calls_only = verbs_of(self.policy) == [Verb::Call];
        if self.policy.effect() != Effect::Permit || !calls_only {
            let hint = "fields are what a satisfied \
                        `permit (principal, action == Action::\"call\", ...)` lets the answer have";
            self.wrong(at, "the policy cannot have fields", Some(hint.into()));
        }
        match Fields::parse(text) {
            Ok(fields) => Some(Arc::new(fields)),
            Err(error) => {
                let hint = "list paths with space between them: `/id /orders/*/total`".to_owned();
                self.wrong(at, error.to_string(), Some(hint));
                None
            }
        }
    }

    /// Data classes, regions and countries are closed sets, as are the configuration's own names: a
    /// name outside them never matches.
    fn names(&mut self) {
        for uid in self.policy.entity_literals() {
            let id = uid.id().unescaped();
            let (kind, known): (&str, Vec<&str>) = match uid.type_name().basename() {
                "DataClass" => (
                    "data class",
                    DataClass::all().map(DataClass::name).collect(),
                ),
                "Region" => ("region", regions::REGIONS.to_vec()),
                "Country" => ("country", regions::country_codes().collect()),
                other => match (other, self.configured) {
                    ("Agent", Some(names)) => ("agent", texts(&names.agents)),
                    ("Api", Some(names)) => ("service", texts(&names.services)),
                    ("Operation", Some(names)) => ("operation", texts(&names.operations)),
                    ("Group", Some(names)) => ("group", known_groups(names)),
                    _ => continue,
                },
            };
            if !known.contains(&id) {
                let message = format!("no {kind} is called `{}`", id.escape_debug());
                let hint = match kind {
                    "country" => "use an ISO 3166-1 alpha-2 code, upper case; for the United \
                                  Kingdom it is `GB`"
                        .to_owned(),
                    _ => proposal(id, known.into_iter()),
                };
                self.wrong(self.literal_at(&uid), message, Some(hint));
            }
        }
    }

    /// A rule about an argument that nothing declares would forbid all or nothing, without a word: of the
    /// operation that its head names, or else of any.
    fn arguments(&mut self) {
        let (Some(configured), Ok(json)) = (self.configured, self.policy.to_json()) else {
            return;
        };
        let mut named = BTreeSet::new();
        explain::arguments(&json, &mut named);
        let about = self.about();
        let about = about.filter(|uid| uid.type_name().basename() == "Operation");
        let about = about.map(|uid| uid.id().unescaped().to_owned());
        let declared = configured.arguments.iter();
        let known: BTreeSet<&str> = declared
            .filter(|(operation, _)| about.as_ref().is_none_or(|about| about == *operation))
            .flat_map(|(_, arguments)| arguments.keys().map(String::as_str))
            .collect();
        let of = about.map_or_else(|| "any operation".to_owned(), |it| format!("`{it}`"));
        for name in named {
            if !known.contains(name.as_str()) {
                let message = format!("`{}` is no argument of {of}", name.escape_debug());
                let hint = if known.is_empty() {
                    "declare it under the operation's `arguments`".to_owned()
                } else {
                    proposal(&name, known.iter().copied())
                };
                self.wrong(place(self.policy.as_ref().loc()), message, Some(hint));
            }
        }
    }

    fn literal_at(&self, uid: &EntityUid) -> SourceSpan {
        let found = uid.as_ref().loc();
        place(found.or_else(|| self.policy.as_ref().loc()))
    }
}

fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn known_groups(names: &Names) -> Vec<&str> {
    GROUPS.into_iter().chain(texts(&names.groups)).collect()
}

/// Where Cedar says it is. Its locations are reached through its abstract syntax, which the
/// public types lend out; the public interface has spans in errors only.
fn place<L: Clone + Into<SourceSpan>>(loc: Option<&L>) -> SourceSpan {
    loc.map_or_else(|| span(0), |loc| loc.clone().into())
}

fn span(offset: usize) -> SourceSpan {
    SourceSpan::from(offset)
}

/// Cedar's own diagnostic, in our file and with its place and help.
fn foreign(source: &Source, fallback: SourceSpan, problem: &dyn Diagnostic) -> PolicyError {
    let label = problem.labels().and_then(|mut labels| labels.next());
    let at = label.as_ref().map_or(fallback, |label| *label.inner());
    let hint = problem
        .help()
        .map(|help| help.to_string())
        .or_else(|| label.and_then(|label| label.label().map(str::to_owned)));
    PolicyError::new(source, at, problem.to_string(), hint)
}

/// "did you mean ...?", or what there is to choose from.
fn proposal<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> String {
    const LISTED_MAX: usize = 40;
    let known: Vec<&str> = known.collect();
    let nearest = known
        .iter()
        .map(|name| {
            (
                strsim::jaro_winkler(&given.to_lowercase(), &name.to_lowercase()),
                name,
            )
        })
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .filter(|(likeness, _)| *likeness >= ALIKE_MIN);
    match nearest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None if known.len() > LISTED_MAX => format!("there are {} to choose from", known.len()),
        None => format!("choose from `{}`", known.join("`, `")),
    }
}
