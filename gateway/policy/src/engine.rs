//! The one engine: policies that passed every check, asked through Cedar, answers remembered.
//!
//! Cedar evaluates every policy for every question, about 1 µs each, so the engine asks as
//! little as it can: only the policies whose scope fits (`slices.rs`), and no question twice. To remember is
//! sound because a question holds all that Cedar sees and no time; the memory lives and dies
//! with the engine, so a new bundle of policies begins with an empty one.

use std::{
    collections::BTreeSet,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use aws_lc_rs::digest;
use cedar_policy::{
    AuthorizationError, Authorizer, Decision as Verdict, Effect, Policy, PolicyId, PolicySet,
    Response, Schema,
};
use classifiers::DataClass;
use miette::NamedSource;
use moka::{Equivalent, sync::Cache};
use redaction::{Action, shape::Fields};

use crate::{
    Arguments, Decision, Disclosure, DisclosureContext, Disclosures, Operation, PolicyRef,
    Principal, Restorations, Towards, argument,
    disclosure::Table,
    error::{PolicyError, PolicyErrors},
    explain,
    load::{self, Loaded, Names, Notes, PolicyFile},
    regions,
    request::{Question, Questions, Unaskable, Verb, verbs_of},
    slices::Slices,
};

/// The most decisions about calls that are remembered.
pub const CALLS_REMEMBERED_MAX: u64 = 16 * 1024;

/// The most contexts of disclosure that are remembered; each is some 5 KiB.
pub const CONTEXTS_REMEMBERED_MAX: u64 = 2 * 1024;

/// What policies may speak of, in Cedar's language of schemas; of no configuration's arguments.
const SCHEMA: &str = include_str!("schema.cedarschema");

/// What stands there for the arguments of a configuration.
const NO_ARGUMENTS: &str = "type Arguments = {};";

/// Decides. Immutable: new policies are a new engine.
pub struct Engine {
    pub(crate) calls: Slices,
    /// Those about calls that forbid nothing by arguments.
    offers: Slices,
    pub(crate) disclosures: Slices,
    pub(crate) restorations: Slices,
    notes: Notes,
    pub(crate) questions: Questions,
    authorizer: Authorizer,
    names_sessions: bool,
    schema: String,
    digest: Arc<str>,
    calls_remembered: Cache<CallKey, Arc<Decision>>,
    contexts_remembered: Cache<DisclosureContext, Arc<Table>>,
}

impl Engine {
    /// Reads and checks `files`; of what is wrong with them, everything.
    pub fn load(files: &[PolicyFile]) -> Result<Self, PolicyErrors> {
        Self::build(files, None)
    }

    /// As [`load`](Self::load), and every agent, service and operation that a policy names must be
    /// one of `configured`.
    pub fn load_for(files: &[PolicyFile], configured: &Names) -> Result<Self, PolicyErrors> {
        Self::build(files, Some(configured))
    }

    fn build(files: &[PolicyFile], configured: Option<&Names>) -> Result<Self, PolicyErrors> {
        let typed = configured.map_or_else(|| SCHEMA.to_owned(), |it| schema_of(&it.arguments));
        let (schema, _warnings) = Schema::from_cedarschema_str(&typed).map_err(ours)?;
        let questions = Questions::new().ok_or_else(|| ours("a type's name does not parse"))?;
        let Loaded { policies, notes } = load::load(files, &schema, configured)?;
        Ok(Self {
            calls: slice(&policies, Verb::Call, |_| true)?,
            offers: slice(&policies, Verb::Call, |policy| {
                policy.effect() == Effect::Permit || !explain::speaks_of_arguments(policy)
            })?,
            disclosures: slice(&policies, Verb::Disclose, |_| true)?,
            restorations: slice(&policies, Verb::Restore, |_| true)?,
            notes,
            questions,
            authorizer: Authorizer::new(),
            names_sessions: policies
                .policies()
                .flat_map(Policy::entity_literals)
                .any(|uid| uid.type_name().basename() == "Session"),
            digest: digest_of(files, &typed).into(),
            schema: typed,
            calls_remembered: Cache::new(CALLS_REMEMBERED_MAX),
            contexts_remembered: Cache::new(CONTEXTS_REMEMBERED_MAX),
        })
    }

    /// May `principal` make this call? A `forbid` wins over any `permit`; where nothing
    /// permits, the denial names no policy.
    pub fn call(&self, principal: &Principal, operation: &Operation) -> Arc<Decision> {
        let asked = CallRef {
            principal,
            operation,
        };
        if let Some(decision) = self.calls_remembered.get(&asked) {
            return decision;
        }
        let decision = Arc::new(self.decide(principal, operation));
        self.calls_remembered
            .insert(asked.to_owned(), Arc::clone(&decision));
        decision
    }

    /// Whether some call of this operation may be made, whatever its arguments: what they are held to is
    /// not asked, since nobody has made it yet.
    pub fn offers(&self, principal: &Principal, operation: &Operation) -> bool {
        let question = self.questions.call(principal, operation);
        self.ask(&self.offers, question).verdict == Verdict::Allow
    }

    /// The answers about disclosure in `context`.
    pub fn disclosures(self: &Arc<Self>, context: DisclosureContext) -> Disclosures {
        let remembered = self.contexts_remembered.get(&context);
        let table = remembered.unwrap_or_else(|| {
            let table = || Arc::new(Table::empty());
            self.contexts_remembered.get_with_by_ref(&context, table)
        });
        Disclosures::new(Arc::clone(self), context, table)
    }

    /// The answers about tokens in a message that goes `towards` the agent or the service.
    pub fn restorations(
        self: &Arc<Self>,
        context: DisclosureContext,
        towards: Towards,
    ) -> Restorations {
        Restorations::new(Arc::clone(self), context, towards)
    }

    pub(crate) fn may_restore(
        &self,
        context: &DisclosureContext,
        towards: Towards,
        class: DataClass,
    ) -> bool {
        let question = self.questions.restore(context, towards, class);
        self.ask(&self.restorations, question).verdict == Verdict::Allow
    }

    /// What policies may speak of, in Cedar's language of schemas.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// SHA-256, hexadecimal, of all that decides: policies, schema and regions.
    pub fn digest(&self) -> &Arc<str> {
        &self.digest
    }

    /// Whether a policy names a session by its id. Where none does, two sessions that are alike in
    /// everything else get equal answers, so whoever asks may leave the id out and hit the memory.
    pub fn names_sessions(&self) -> bool {
        self.names_sessions
    }

    /// Every policy, by id.
    pub fn policies(&self) -> Vec<Arc<PolicyRef>> {
        self.refs(self.notes.keys())
    }

    /// The policies that can take part in an answer to `verb`, as they are written.
    pub fn rules(&self, verb: Verb) -> impl Iterator<Item = Rule<'_>> {
        let policies = match verb {
            Verb::Call => &self.calls,
            Verb::Disclose => &self.disclosures,
            Verb::Restore => &self.restorations,
        };
        policies.all().policies().filter_map(|policy| {
            let note = self.notes.get(policy.id())?;
            Some(Rule {
                policy,
                about: &note.policy,
                obligation: note.obligation,
            })
        })
    }

    /// The policies that may permit a call, by id.
    pub fn grants(&self) -> Vec<Arc<PolicyRef>> {
        let permits = self.calls.all().policies();
        let permits = permits.filter(|policy| policy.effect() == Effect::Permit);
        let ids: Vec<PolicyId> = permits.map(|policy| policy.id().clone()).collect();
        self.refs(ids.iter())
    }

    /// The texts that policies about calls compare with: purposes for one, each once.
    pub fn literals(&self) -> BTreeSet<String> {
        let policies = self.calls.all().policies();
        let written = policies.filter_map(|policy| policy.to_json().ok());
        let mut literals = BTreeSet::new();
        written.for_each(|json| explain::literals(&json, &mut literals));
        literals
    }

    fn decide(&self, principal: &Principal, operation: &Operation) -> Decision {
        let question = self.questions.call(principal, operation);
        let answer = self.ask(&self.calls, question);
        let allowed = answer.verdict == Verdict::Allow;
        Decision {
            allowed,
            fields: if allowed {
                self.fields(&answer.policies)
            } else {
                Vec::new()
            },
            mediation: self.mediation(&answer.policies).filter(|_| allowed),
            policies: self.refs(answer.policies.iter()),
            mismatches: if allowed {
                Vec::new()
            } else {
                explain::mismatches(principal, operation)
            },
        }
    }

    /// Asks, and remembers nothing: [`Disclosures`] does.
    pub(crate) fn disclosure(&self, context: &DisclosureContext, class: DataClass) -> Disclosure {
        let question = self.questions.disclose(context, class);
        let answer = self.ask(&self.disclosures, question);
        let policies = self.refs(answer.policies.iter());
        if answer.verdict == Verdict::Allow {
            return Disclosure {
                action: Action::Show,
                policy: policies.into_iter().next(),
            };
        }
        // Cedar names every satisfied `forbid`: the strongest obligation among them holds, and
        // of equal ones the first by category and id.
        let strongest = policies
            .into_iter()
            .map(|policy| (self.obligation(&policy), policy))
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        let (action, policy) = match strongest {
            Some((action, policy)) => (action, Some(policy)),
            None if answer.failed => (Action::Block, None),
            None => (Action::Drop, None),
        };
        Disclosure { action, policy }
    }

    fn obligation(&self, policy: &PolicyRef) -> Action {
        let note = self.notes.get(&PolicyId::new(&policy.id));
        note.map_or(Action::Block, |note| note.obligation)
    }

    /// The fields that satisfied permits let an answer have.
    fn fields(&self, ids: &[PolicyId]) -> Vec<Arc<Fields>> {
        ids.iter()
            .filter_map(|id| self.notes.get(id)?.fields.clone())
            .collect()
    }

    /// The first of satisfied permits that mediates: one is enough.
    fn mediation(&self, ids: &[PolicyId]) -> Option<Arc<PolicyRef>> {
        let mediates = |id: &&PolicyId| self.notes.get(id).is_some_and(|note| note.mediates);
        let mediating = ids.iter().filter(mediates);
        self.refs(mediating).into_iter().next()
    }

    fn ask(&self, policies: &Slices, question: Result<Question, Unaskable>) -> Answer {
        match question {
            Ok(Question {
                request,
                entities,
                within,
            }) => {
                let policies = policies.of(&within);
                Answer::of(
                    &self
                        .authorizer
                        .is_authorized(&request, &policies, &entities),
                )
            }
            Err(Unaskable) => Answer::FAILED,
        }
    }

    fn refs<'a>(&self, ids: impl Iterator<Item = &'a PolicyId>) -> Vec<Arc<PolicyRef>> {
        let mut refs: Vec<Arc<PolicyRef>> = ids
            .filter_map(|id| self.notes.get(id))
            .map(|note| Arc::clone(&note.policy))
            .collect();
        refs.sort_by(|a, b| (a.category, &a.id).cmp(&(b.category, &b.id)));
        refs
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("policies", &self.notes.len())
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// A policy as it is written, with what its author says of it.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'engine> {
    /// In Cedar's terms.
    pub policy: &'engine Policy,
    /// Its id, reason and basis.
    pub about: &'engine Arc<PolicyRef>,
    /// What it demands where it forbids a disclosure.
    pub obligation: Action,
}

/// What Cedar said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    verdict: Verdict,
    policies: Vec<PolicyId>,
    failed: bool,
}

impl Answer {
    const FAILED: Self = Self {
        verdict: Verdict::Deny,
        policies: Vec::new(),
        failed: true,
    };

    /// Cedar skips a policy that fails to evaluate (an overflow: the validator sees types, not
    /// values). A skipped `forbid` would let through what it forbids, so a failure denies and is
    /// named.
    fn of(response: &Response) -> Self {
        let diagnostics = response.diagnostics();
        let failed: Vec<PolicyId> = diagnostics
            .errors()
            .map(|AuthorizationError::PolicyEvaluationError(error)| error.policy_id().clone())
            .collect();
        if failed.is_empty() {
            return Self {
                verdict: response.decision(),
                policies: diagnostics.reason().cloned().collect(),
                failed: false,
            };
        }
        let denied = response.decision() == Verdict::Deny;
        let also = diagnostics.reason().filter(|_| denied).cloned();
        Self {
            verdict: Verdict::Deny,
            policies: failed.into_iter().chain(also).collect(),
            failed: true,
        }
    }
}

/// All that Cedar sees of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CallKey {
    principal: Principal,
    operation: Operation,
}

/// The same, borrowed, so that to look up copies nothing.
#[derive(Clone, Copy)]
struct CallRef<'a> {
    principal: &'a Principal,
    operation: &'a Operation,
}

impl CallRef<'_> {
    fn to_owned(self) -> CallKey {
        CallKey {
            principal: self.principal.clone(),
            operation: self.operation.clone(),
        }
    }
}

impl Hash for CallRef<'_> {
    // INVARIANT: field by field as `CallKey` derives it.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.principal.hash(state);
        self.operation.hash(state);
    }
}

impl Equivalent<CallKey> for CallRef<'_> {
    fn equivalent(&self, key: &CallKey) -> bool {
        *self.principal == key.principal && *self.operation == key.operation
    }
}

/// The policies that can take part in an answer to `verb`, of those that `fit`.
fn slice(
    policies: &PolicySet,
    verb: Verb,
    fit: impl Fn(&Policy) -> bool,
) -> Result<Slices, PolicyErrors> {
    let fitting = policies
        .policies()
        .filter(|policy| verbs_of(policy).contains(&verb) && fit(policy))
        .cloned();
    Slices::new(fitting).map_err(ours)
}

/// A fault in what this crate embeds, told like the others: tests load it, so none is released.
fn ours(fault: impl fmt::Display) -> PolicyErrors {
    let source = Arc::new(NamedSource::new("schema.cedarschema", Arc::from(SCHEMA)));
    let error = PolicyError::new(&source, 0.into(), fault.to_string(), None);
    PolicyErrors::one(error)
}

/// The schema with these arguments.
fn schema_of(arguments: &Arguments) -> String {
    SCHEMA.replace(NO_ARGUMENTS, &argument::schema_type(arguments))
}

fn digest_of(files: &[PolicyFile], schema: &str) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut add = |text: &str| {
        // The length first, so that text moved from one file to the next changes the digest.
        hash.update(&text.len().to_le_bytes());
        hash.update(text.as_bytes());
    };
    add("tidegate policy 1");
    add(schema);
    add(regions::TABLE_VERSION);
    let mut texts: Vec<&str> = files.iter().map(|file| file.text.as_str()).collect();
    texts.sort_unstable();
    texts.into_iter().for_each(&mut add);
    hex::encode(hash.finish())
}
