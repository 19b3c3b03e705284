//! Puts invariants to the solver.

use std::{
    ffi::OsString,
    process::Command,
    str::FromStr as _,
    sync::Arc,
    time::{Duration, Instant},
};

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::{
    CedarSymCompiler, CompiledPolicySet,
    err::Error as SymbolicError,
    solver::{LocalSolver, SolverError},
};
use policy::{Engine, Names, PolicyErrors, PolicyFile, PolicyRef, Rule, Verb};
use redaction::Action;

use crate::{
    case::Case,
    world::{KnownOperation, World},
};

/// How long the solver may think about one invariant.
pub const SOLVER_WAIT: Duration = Duration::from_mins(1);

/// The stack of the thread that proves: the symbolic compiler goes as deep as conditions are nested.
const STACK_BYTES: usize = 256 * 1024 * 1024;

/// Allows everything: what is left of it is what the invariant forbids.
const ANYTHING: &str = "@id(\"anything\") permit (principal, action, resource);";

/// Invariants that can be proven.
pub struct Invariants {
    rules: Engine,
}

impl Invariants {
    /// Reads and checks them as policies are. `configured` are the names that they may speak of.
    ///
    /// # Errors
    /// All that is wrong with them as policies.
    pub fn load(files: &[PolicyFile], configured: &Names) -> Result<Self, PolicyErrors> {
        let rules = Engine::load_for(files, configured)?;
        Ok(Self { rules })
    }

    /// SHA-256, hexadecimal, of their texts and of what they are about.
    pub fn digest(&self) -> &Arc<str> {
        self.rules.digest()
    }

    /// The ids of those that are no `forbid`: they say what may be, not what must not.
    pub fn permits(&self) -> Vec<Arc<str>> {
        let all = Verb::ALL
            .into_iter()
            .flat_map(|verb| self.rules.rules(verb));
        let mut ids: Vec<Arc<str>> = all
            .filter(|rule| rule.policy.effect() == Effect::Permit)
            .map(|rule| Arc::clone(&rule.about.id))
            .collect();
        ids.sort();
        ids.dedup();
        ids
    }
}

/// What became of one invariant for one kind of question.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The invariant.
    pub invariant: Arc<PolicyRef>,
    /// The question it was asked about.
    pub verb: Verb,
    /// Of a disclosure: the least that must be done with the value.
    pub least: Action,
    /// What the solver says.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// What the solver says of an invariant.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// No question is answered against it.
    Holds,
    /// This one is; the engine says so too.
    Refuted(Box<Case>),
    /// Neither was shown.
    Undecided(String),
}

/// Why nothing could be proven.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The solver is not there.
    #[error("the solver `{}` cannot be started", .0.to_string_lossy())]
    NoSolver(OsString, #[source] SolverError),
    /// There is no thread for it.
    #[error("no thread can be started")]
    NoThread(#[source] std::io::Error),
    /// What this crate writes for the solver does not fit the schema.
    #[error("a statement for the solver is wrong: {0}")]
    Statement(String),
}

/// Proves, or refutes.
pub struct Prover {
    engine: Arc<Engine>,
    operations: Vec<KnownOperation>,
    solver: OsString,
    schema: Schema,
}

impl Prover {
    /// A prover for these policies and operations, with the program `solver`: cvc5.
    ///
    /// # Errors
    /// [`ProveError::Statement`] if the schema does not load, which no release can have.
    pub fn new(
        engine: Arc<Engine>,
        operations: Vec<KnownOperation>,
        solver: OsString,
    ) -> Result<Self, ProveError> {
        let (schema, _warnings) =
            Schema::from_cedarschema_str(engine.schema()).map_err(statement)?;
        Ok(Self {
            engine,
            operations,
            solver,
            schema,
        })
    }

    /// Proves or refutes each invariant, for each kind of question that it is about. Takes seconds.
    ///
    /// # Errors
    /// [`ProveError`]; what the solver cannot decide is an [`Outcome`].
    pub fn prove(&self, invariants: &Invariants) -> Result<Vec<Proof>, ProveError> {
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime
                .map_err(ProveError::NoThread)?
                .block_on(self.each(invariants))
        };
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
            let thread = thread
                .spawn_scoped(scope, work)
                .map_err(ProveError::NoThread)?;
            let broken = |_| Err(statement("the prover broke off"));
            thread.join().unwrap_or_else(broken)
        })
    }

    async fn each(&self, invariants: &Invariants) -> Result<Vec<Proof>, ProveError> {
        let mut proofs = Vec::new();
        for verb in Verb::ALL {
            let mut rules: Vec<Rule<'_>> = invariants.rules.rules(verb).collect();
            rules.retain(|rule| rule.policy.effect() == Effect::Forbid);
            rules.sort_by(|one, other| one.about.id.cmp(&other.about.id));
            for invariant in rules {
                let begin = Instant::now();
                let outcome = self.one(verb, invariant).await?;
                proofs.push(Proof {
                    invariant: Arc::clone(invariant.about),
                    verb,
                    least: weighs(verb, invariant),
                    outcome,
                    took: begin.elapsed(),
                });
            }
        }
        Ok(proofs)
    }

    async fn one(&self, verb: Verb, invariant: Rule<'_>) -> Result<Outcome, ProveError> {
        let least = weighs(verb, invariant);
        let rules: Vec<Rule<'_>> = self.engine.rules(verb).collect();
        let spoken = rules.iter().map(|rule| rule.policy);
        let spoken = spoken.chain([invariant.policy]);
        let world = World::of(spoken, &self.operations).policies(verb);
        // What forbids less than the invariant asks lets the value out in another form, and so permits it.
        let at_stake = rules.iter().map(|rule| {
            if rule.policy.effect() == Effect::Forbid && weighs(verb, *rule) < least {
                permitting(rule.policy)
            } else {
                Ok(rule.policy.clone())
            }
        });
        let allowed = set(at_stake.collect::<Result<Vec<_>, _>>()?, &world)?;
        let bound = set([invariant.policy.clone()], ANYTHING)?;
        let found = tokio::time::timeout(SOLVER_WAIT, self.solve(verb, &allowed, &bound)).await;
        let case = match found {
            Err(_) => return Ok(Outcome::Undecided(late())),
            Ok(Err(Failure::Undecided(why))) => return Ok(Outcome::Undecided(why)),
            Ok(Err(Failure::Fatal(error))) => return Err(error),
            Ok(Ok(None)) => return Ok(Outcome::Holds),
            Ok(Ok(Some(case))) => case,
        };
        Ok(match case {
            Some(case) if case.answer.action < least => Outcome::Refuted(Box::new(case)),
            // Cedar skips a rule that fails; the engine refuses then.
            Some(_) => Outcome::Undecided("the engine does not answer as the solver says".into()),
            None => {
                Outcome::Undecided("what the solver found is no question of the gateway's".into())
            }
        })
    }

    /// A question that `allowed` allows and `bound` does not; none if there is none.
    async fn solve(
        &self,
        verb: Verb,
        allowed: &PolicySet,
        bound: &PolicySet,
    ) -> Result<Option<Option<Case>>, Failure> {
        let about = |env: &RequestEnv| env.action().id().unescaped() == verb.name();
        let env = self.schema.request_envs().find(about);
        let env = env.ok_or_else(|| Failure::Fatal(statement(verb.name())))?;
        let compile = |set| {
            CompiledPolicySet::compile(set, &env, &self.schema)
                .map_err(|error| Failure::Fatal(statement(chain(&error))))
        };
        let (allowed, bound) = (compile(allowed)?, compile(bound)?);
        let mut compiler = CedarSymCompiler::new(self.start().map_err(Failure::Fatal)?)
            .map_err(|error| Failure::Undecided(chain(&error)))?;
        let found = compiler.check_implies_with_counterexample_opt(&allowed, &bound);
        let found = found.await.map_err(|error| match error {
            SymbolicError::SolverUnknown => Failure::Undecided(late()),
            error => Failure::Undecided(chain(&error)),
        })?;
        Ok(found.map(|found| Case::read(verb, &found.request, &found.entities, &self.engine)))
    }

    fn start(&self) -> Result<LocalSolver, ProveError> {
        let mut command = tokio::process::Command::from(Command::new(&self.solver));
        let limit = format!("--tlimit={}", SOLVER_WAIT.as_millis());
        command.args(["--lang", "smt", &limit]).kill_on_drop(true);
        LocalSolver::from_command(&mut command)
            .map_err(|error| ProveError::NoSolver(self.solver.clone(), error))
    }
}

/// Why one question has no answer.
enum Failure {
    /// It is this question's.
    Undecided(String),
    /// No question would have one.
    Fatal(ProveError),
}

/// What a satisfied `forbid` does, and so the least that an invariant asks for.
fn weighs(verb: Verb, rule: Rule<'_>) -> Action {
    match verb {
        Verb::Call | Verb::Restore => Action::Block,
        Verb::Disclose => rule.obligation,
    }
}

/// The policy as a `permit` of what it forbids.
fn permitting(policy: &Policy) -> Result<Policy, ProveError> {
    let mut json = policy.to_json().map_err(statement)?;
    if let Some(effect) = json.get_mut("effect") {
        *effect = "permit".into();
    }
    Policy::from_json(Some(policy.id().clone()), json).map_err(statement)
}

/// These policies and those of a text.
fn set(policies: impl IntoIterator<Item = Policy>, text: &str) -> Result<PolicySet, ProveError> {
    let mut set = PolicySet::from_policies(policies).map_err(statement)?;
    let also = PolicySet::from_str(text).map_err(statement)?;
    for (index, policy) in also.policies().enumerate() {
        // A slash and a colon together stand in no id of a policy.
        let id = PolicyId::new(format!("world:/{index}"));
        set.add(policy.new_id(id)).map_err(statement)?;
    }
    Ok(set)
}

fn late() -> String {
    format!("the solver found neither in {} s", SOLVER_WAIT.as_secs())
}

fn statement(why: impl ToString) -> ProveError {
    ProveError::Statement(why.to_string())
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}
