//! `policy prove`: what policies must never allow, shown for every question, not for cases.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use classifiers::DataClass;
use invariants::{Case, Invariants, KnownOperation, Outcome, Proof, ProveError, Prover, SHIPPED};
use miette::{Report, Result, miette};
use policy::{Country, PolicyFile, Towards, Verb, regions_of};
use reports::{Grant, Proofs};
use serde_json::{Value, json};

use super::{Asked, check, file_of_policies};

/// The solver, unless `CVC5` names another file.
const SOLVER: &str = "cvc5";

/// What was proven, of what.
pub(super) struct Proven {
    proofs: Vec<Proof>,
    policies: String,
    invariants: String,
}

/// Proves the invariants of `files`, or those that ship.
pub(super) fn prove(asked: &Asked, files: &[PathBuf]) -> Result<Proven> {
    let files = if files.is_empty() {
        SHIPPED
            .map(|(name, text)| PolicyFile {
                name: format!("shipped {name}"),
                text: text.to_owned(),
            })
            .to_vec()
    } else {
        files.iter().map(file_of_policies).collect::<Result<_>>()?
    };
    let invariants = Invariants::load(&files, &check::names(&asked.config))
        .map_err(|errors| check::faults(&errors))?;
    if let Some(permit) = invariants.permits().first() {
        return Err(miette!(
            help = "an invariant is a `forbid`: it says what must never be, whatever is permitted",
            "`{permit}` is a `permit`, and nothing can be proven of it"
        ));
    }
    let solver = std::env::var_os("CVC5").unwrap_or_else(|| OsString::from(SOLVER));
    let engine = std::sync::Arc::clone(&asked.engine);
    let prover = Prover::new(engine, operations(asked), solver).map_err(told)?;
    let proofs = prover.prove(&invariants).map_err(told)?;
    if proofs.is_empty() {
        return Err(miette!(
            help = "an invariant is written as a policy is: a `forbid`",
            "there is no invariant to prove"
        ));
    }
    Ok(Proven {
        proofs,
        policies: asked.engine.digest().to_string(),
        invariants: invariants.digest().to_string(),
    })
}

fn told(error: ProveError) -> Report {
    let help = match &error {
        ProveError::NoSolver(..) => {
            "install cvc5 (`apt-get install cvc5`), or say in the variable `CVC5` where it is"
        }
        ProveError::NoThread(_) => "the host has no memory or no process left for it",
        ProveError::Statement(_) => "this is a fault of Tidegate's: please report it",
    };
    let causes = std::iter::successors(std::error::Error::source(&error), |error| error.source());
    let causes: Vec<String> = causes.map(|cause| format!(": {cause}")).collect();
    miette!(help = help, "{error}{}", causes.concat())
}

fn operations(asked: &Asked) -> Vec<KnownOperation> {
    let services = asked.config.services.iter();
    let each = services.flat_map(|service| {
        let ids = service.operations().into_iter();
        ids.filter_map(|id| {
            let (_, effect) = service.effect(id)?;
            Some(KnownOperation {
                service: service.name.to_string(),
                id: id.to_string(),
                effect,
                countries: service.upstreams.countries(),
                arguments: declared(asked, &service.name, id),
                groups: service
                    .facts
                    .groups_of(id)
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                training: service.facts.training,
            })
        })
    });
    each.collect()
}

/// The arguments that every call of an operation has.
fn declared(asked: &Asked, service: &str, id: &str) -> Vec<String> {
    let of = asked.arguments.get(&format!("{service}/{id}"));
    of.into_iter().flat_map(BTreeMap::keys).cloned().collect()
}

impl Proven {
    /// Whether every invariant holds.
    pub(super) fn holds(&self) -> bool {
        let holds = |proof: &Proof| matches!(proof.outcome, Outcome::Holds);
        self.proofs.iter().all(holds)
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let mut text = String::new();
        let width = self.proofs.iter().map(|it| it.invariant.id.len()).max();
        let width = width.unwrap_or_default();
        for proof in &self.proofs {
            let (id, verb) = (&proof.invariant.id, proof.verb.name());
            let (sign, word) = match &proof.outcome {
                Outcome::Holds => ("✓", "holds"),
                Outcome::Refuted(_) => ("✗", "REFUTED"),
                Outcome::Undecided(_) => ("?", "UNDECIDED"),
            };
            line(&mut text, &format!("{sign} {id:width$}  {verb:8}  {word}"));
            if let Outcome::Undecided(why) = &proof.outcome {
                line(&mut text, &format!("    {why}"));
            }
            if let Outcome::Refuted(case) = &proof.outcome {
                if let Some(reason) = &proof.invariant.reason {
                    line(&mut text, &format!("    must hold    {reason}"));
                }
                story(&mut text, proof, case);
            }
        }
        let count =
            |is: fn(&Outcome) -> bool| self.proofs.iter().filter(|it| is(&it.outcome)).count();
        line(
            &mut text,
            &format!(
                "{} hold, {} refuted, {} undecided (policies {}, invariants {})",
                count(|it| matches!(it, Outcome::Holds)),
                count(|it| matches!(it, Outcome::Refuted(_))),
                count(|it| matches!(it, Outcome::Undecided(_))),
                short(&self.policies),
                short(&self.invariants),
            ),
        );
        text
    }

    /// For a report.
    pub(super) fn evidence(&self) -> Proofs {
        let proofs = self.proofs.iter().map(|it| reports::Proof {
            invariant: Grant {
                id: it.invariant.id.to_string(),
                reason: it.invariant.reason.as_deref().map(str::to_owned),
                basis: it.invariant.basis.as_deref().map(str::to_owned),
            },
            action: it.verb.name(),
            outcome: match &it.outcome {
                Outcome::Holds => reports::Outcome::Holds,
                Outcome::Refuted(case) => {
                    let mut text = String::new();
                    story(&mut text, it, case);
                    reports::Outcome::Refuted(text)
                }
                Outcome::Undecided(why) => reports::Outcome::Undecided(why.clone()),
            },
        });
        Proofs {
            policies: self.policies.clone(),
            invariants: self.invariants.clone(),
            proofs: proofs.collect(),
        }
    }

    /// For programs, and as evidence.
    pub(super) fn json(&self) -> Value {
        let proofs: Vec<Value> = self.proofs.iter().map(proof).collect();
        json!({
            "tidegate": env!("CARGO_PKG_VERSION"),
            "policies_sha256": self.policies,
            "invariants_sha256": self.invariants,
            "holds": self.holds(),
            "proofs": proofs,
        })
    }
}

fn proof(proof: &Proof) -> Value {
    let (outcome, why, case) = match &proof.outcome {
        Outcome::Holds => ("holds", None, None),
        Outcome::Refuted(case) => ("refuted", None, Some(facts(case))),
        Outcome::Undecided(why) => ("undecided", Some(why), None),
    };
    json!({
        "id": proof.invariant.id,
        "reason": proof.invariant.reason,
        "basis": proof.invariant.basis,
        "action": proof.verb.name(),
        "least": (proof.verb == Verb::Disclose).then(|| proof.least.name()),
        "outcome": outcome,
        "why": why,
        "case": case,
        "took_ms": u64::try_from(proof.took.as_millis()).unwrap_or(u64::MAX),
    })
}

/// A case, for a person.
fn story(text: &mut String, proof: &Proof, case: &Case) {
    let Case {
        principal,
        operation,
        ..
    } = case;
    let (agent, country) = (named(&principal.agent), place(principal.country));
    let (evidence, purpose) = (principal.evidence, &principal.purpose);
    let who = format!("{agent} in {country}, evidence `{evidence}`, purpose `{purpose}`");
    row(text, "a session of", &who);
    if let Some(delegation) = &principal.delegation {
        let actors = delegation.actors.join("`, for `");
        let who = format!("`{actors}`, for `{}`", delegation.subject);
        row(text, "acting", &who);
    }
    if !principal.scope.is_empty() {
        row(text, "with a task", &tags(&principal.scope));
    }
    let what = format!(
        "{} ({})",
        named(&format!("{}/{}", operation.service, operation.id)),
        operation.effect.name()
    );
    row(text, "calls", &what);
    if !operation.bound.is_empty() {
        row(text, "about", &tags(&operation.bound));
    }
    if !operation.arguments.is_empty() {
        row(text, "arguments", &tags(&operation.arguments));
    }
    if let (Some(class), Some((from, to))) = (case.class, case.way) {
        let thing = if proof.verb == Verb::Restore {
            "a token"
        } else {
            "a value"
        };
        let way = format!("{thing} of {class} from {} to {}", place(from), place(to));
        row(text, "with", &way);
    }
    let ids = case.answer.policies.join(", ");
    let by = if ids.is_empty() {
        String::new()
    } else {
        format!(" by {ids}")
    };
    let answer = match (proof.verb, case.answer.action.name()) {
        (Verb::Call, _) => format!("allowed{by}"),
        (Verb::Restore, _) => "turned back into its value".to_owned(),
        (Verb::Disclose, action) => {
            format!(
                "{action}{by}, where at least `{}` is asked",
                proof.least.name()
            )
        }
    };
    row(text, "and is", &answer);
}

fn facts(case: &Case) -> Value {
    let country = |country: Country| country.code().to_owned();
    json!({
        "agent": case.principal.agent,
        "country": country(case.principal.country),
        "evidence": case.principal.evidence.name(),
        "purpose": case.principal.purpose,
        "delegation": case.principal.delegation.as_ref().map(|it| {
            json!({ "subject": it.subject, "actors": *it.actors })
        }),
        "scope": *case.principal.scope,
        "service": case.operation.service,
        "operation": case.operation.id,
        "effect": case.operation.effect.name(),
        "bound": *case.operation.bound,
        "arguments": arguments(case),
        "class": case.class.map(DataClass::name),
        "origin": case.way.map(|(from, _)| country(from)),
        "recipient": case.way.map(|(_, to)| country(to)),
        "towards": case.towards.map(Towards::name),
        "answer": case.answer.action.name(),
        "policies": case.answer.policies,
    })
}

fn arguments(case: &Case) -> BTreeMap<&String, String> {
    let each = case.operation.arguments.iter();
    each.map(|(name, it)| (name, it.to_string())).collect()
}

fn tags(tags: &BTreeMap<String, impl std::fmt::Display>) -> String {
    let each = tags.iter().map(|(name, value)| format!("{name} `{value}`"));
    each.collect::<Vec<_>>().join(", ")
}

/// A name, which the solver may leave open.
fn named(name: &str) -> String {
    match name {
        "" | "/" => "(any)".to_owned(),
        name => name.to_owned(),
    }
}

/// `US (EU-US-DPF)`.
fn place(country: Country) -> String {
    let regions: Vec<&str> = regions_of(country).collect();
    if regions.is_empty() {
        format!("{country} (in no region)")
    } else {
        format!("{country} ({})", regions.join(", "))
    }
}

fn row(text: &mut String, label: &str, value: &str) {
    line(text, &format!("    {label:13}{value}"));
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
