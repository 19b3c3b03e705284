//! `policy explain`: why a record's call was allowed or denied, and what would have changed that.

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc};

use audit::{Event, Outcome, PolicyRecord, Shown};
use policy::{Argument, Evidence};

use super::{
    Asked,
    question::{Question, rules},
};

/// Changes that are told of, at most.
const CHANGES_MAX: usize = 12;

/// The explanation, for people.
pub(super) fn explain(shown: &Shown, asked: &Asked) -> String {
    let index = shown.entry.index;
    match &shown.entry.event {
        Event::Open(opening) => {
            let (caller, operation) = (&opening.caller, &opening.operation);
            let said = (&*opening.declared, &*opening.notices);
            let question = Question::recorded(caller, operation, said, asked);
            let mut text = format!("record {index}: the call was allowed\n");
            head(&mut text, question.as_ref(), &opening.policies);
            if let Some(Event::Close(outcome)) = shown.closing.as_ref().map(|it| &it.event) {
                ending(&mut text, outcome);
            }
            today(&mut text, question.as_ref(), &opening.policy, asked);
            text
        }
        Event::Refuse(refusal) => {
            let operation = refusal.operation.as_ref();
            let question = operation.and_then(|operation| {
                let said = (&*refusal.declared, &*refusal.notices);
                Question::recorded(&refusal.caller, operation, said, asked)
            });
            let (reason, status) = (&refusal.reason, refusal.status);
            let mut text = format!("record {index}: the call was denied ({status} {reason})\n");
            head(&mut text, question.as_ref(), &refusal.policies);
            match &question {
                Some(question) if is_of_policy(reason) => {
                    compared(&mut text, question);
                    today(&mut text, Some(question), &refusal.policy, asked);
                    changes(&mut text, question, asked);
                }
                Some(_) => text.push_str("policies were not what denied it\n"),
                None => {
                    text.push_str("nobody was proven to call, or nothing known was asked for\n");
                }
            }
            text
        }
        Event::Close(outcome) => format!(
            "record {index} ends an exchange; explain its opening: `tidegate policy explain {}`\n",
            outcome.opening
        ),
        Event::Expired(expired) => format!(
            "record {index} has expired, as record {} says: what it said is destroyed\n",
            expired.expiry
        ),
        _ => format!("record {index} is about no call\n"),
    }
}

/// Whether a refusal is a decision of policies on the call.
pub(super) fn is_of_policy(reason: &str) -> bool {
    [
        "not_permitted",
        "access_refused",
        "scope_mismatch",
        "residency_refused",
    ]
    .contains(&reason)
}

// To write into a text cannot fail.
macro_rules! say {
    ($text:expr, $($what:tt)*) => { let _infallible = writeln!($text, $($what)*); };
}

fn head(text: &mut String, question: Option<&Question>, policies: &[PolicyRecord]) {
    if let Some(Question {
        principal,
        operation,
    }) = question
    {
        say!(
            text,
            "  agent      {} ({}, rank {})",
            principal.agent,
            principal.evidence,
            principal.evidence.rank()
        );
        if let Some(delegation) = &principal.delegation {
            let by = delegation.actors.join("`, for `");
            say!(text, "  acting     `{by}`, for `{}`", delegation.subject);
        }
        if let Some(declared) = principal.declared.as_ref().filter(|it| it.conflict) {
            let names = declared.names.join("`, `");
            say!(
                text,
                "  declared   what its agent is not known as (`{names}`)"
            );
        }
        say!(text, "  purpose    {}", or_none(&principal.purpose));
        say!(
            text,
            "  operation  {}/{} ({})",
            operation.service,
            operation.id,
            operation.effect.name()
        );
        for (name, argument) in operation.arguments.iter() {
            say!(text, "  argument   {name}: {argument}");
        }
    }
    if policies.is_empty() {
        say!(text, "  rules      none");
    }
    for policy in policies {
        say!(text, "  rule       {}", policy.id);
        for (name, said) in [("reason", &policy.reason), ("basis", &policy.basis)] {
            if let Some(said) = said {
                say!(text, "    {name:<8} {said}");
            }
        }
    }
}

fn or_none(value: &str) -> &str {
    if value.is_empty() { "none" } else { value }
}

/// What the task holds beside what the call names.
fn compared(
    text: &mut String,
    Question {
        principal,
        operation,
    }: &Question,
) {
    let names: BTreeSet<&String> = principal
        .scope
        .keys()
        .chain(operation.bound.keys())
        .collect();
    for name in names {
        let (task, call) = (principal.scope.get(name), operation.bound.get(name));
        let said = match (task, call) {
            (Some(task), Some(call)) if task == call => "the same",
            (Some(_), Some(_)) => "ANOTHER",
            (None, _) => "the task does not say",
            (_, None) => "the call does not say",
        };
        let shown = |value: Option<&String>| value.map_or("-", |it| it.as_str()).to_owned();
        say!(
            text,
            "  compared   {name}: task {}, call {}: {said}",
            shown(task),
            shown(call)
        );
    }
}

fn ending(text: &mut String, outcome: &Outcome) {
    let status = outcome
        .status
        .map_or_else(String::new, |it| format!(" {it}"));
    let reason = outcome
        .reason
        .as_deref()
        .map_or_else(String::new, |it| format!(", {it}"));
    say!(text, "  ended      {}{status}{reason}", outcome.result);
    if let Some(mediation) = &outcome.mediation {
        let template = mediation.template.as_deref().unwrap_or("none");
        let (rule, by) = (&mediation.rule, &mediation.chosen_by);
        say!(text, "  mediated   by {rule}: template {template}, {by}");
    }
    for (way, body) in [("request", &outcome.request), ("answer", &outcome.response)] {
        for finding in &body.findings {
            let rule = finding.policy.as_deref().unwrap_or("no rule");
            let (class, action, count) = (&finding.class, &finding.action, finding.count);
            say!(
                text,
                "  {way:<9}  {class} at {} x{count}: {action} by {rule}",
                finding.path
            );
        }
    }
}

/// What the policies of today say.
fn today(text: &mut String, question: Option<&Question>, digest: &str, asked: &Asked) {
    let Some(question) = question else { return };
    let decision = question.call(&asked.engine);
    let verdict = if decision.allowed { "allow" } else { "deny" };
    let same = if **asked.engine.digest() == *digest {
        "the same policies"
    } else {
        "OTHER POLICIES than then"
    };
    say!(
        text,
        "  today      {verdict} by {} ({same})",
        rules(&decision)
    );
}

/// The single changes that would have allowed it, each tried.
fn changes(text: &mut String, question: &Question, asked: &Asked) {
    if question.call(&asked.engine).allowed {
        return;
    }
    let mut allowed: Vec<String> = candidates(question, asked)
        .into_iter()
        .filter(|(_, changed)| changed.call(&asked.engine).allowed)
        .map(|(what, _)| what)
        .collect();
    allowed.extend(proofs(question, asked));
    if allowed.is_empty() {
        say!(
            text,
            "  no single change of scope, purpose, evidence or agent would allow it"
        );
    }
    for what in allowed.iter().take(CHANGES_MAX) {
        say!(text, "  allowed if {what}");
    }
    if let Some(more) = allowed
        .len()
        .checked_sub(CHANGES_MAX)
        .filter(|more| *more > 0)
    {
        say!(text, "  ... and by {more} other changes");
    }
}

/// The evidence with which it would be allowed: by rank where all of that rank or more are enough, else each.
fn proofs(question: &Question, asked: &Asked) -> Vec<String> {
    let had = question.principal.evidence;
    let others = || Evidence::ALL.into_iter().filter(|it| *it != had);
    let mut changed = question.clone();
    let enough: Vec<Evidence> = others()
        .filter(|evidence| {
            changed.principal.evidence = *evidence;
            changed.call(&asked.engine).allowed
        })
        .collect();
    let Some(weakest) = enough.iter().min_by_key(|it| it.rank()) else {
        return Vec::new();
    };
    let stronger = others().filter(|it| it.rank() >= weakest.rank());
    if enough.len() > 1 && stronger.count() == enough.len() {
        let rank = weakest.rank();
        return vec![format!("the evidence ranks {rank} or more ({weakest})")];
    }
    let each = |evidence: &Evidence| format!("the evidence is {evidence}");
    enough.iter().map(each).collect()
}

/// Changes that could matter, beside the evidence: what the call names, the purpose, the agent.
fn candidates(question: &Question, asked: &Asked) -> Vec<(String, Question)> {
    let mut all = Vec::new();
    let mut add = |what: String, change: &dyn Fn(&mut Question)| {
        let mut changed = question.clone();
        change(&mut changed);
        all.push((what, changed));
    };
    for (name, value) in question.principal.scope.iter() {
        let bound = question.operation.bound.get(name);
        if bound.is_some_and(|bound| bound != value) {
            add(format!("the call names {name} {value}"), &|it| {
                Arc::make_mut(&mut it.operation.bound).insert(name.clone(), value.clone());
            });
        }
    }
    for (name, value) in question.operation.bound.iter() {
        if question.principal.scope.get(name) != Some(value) {
            add(format!("the task's scope has {name} {value}"), &|it| {
                Arc::make_mut(&mut it.principal.scope).insert(name.clone(), value.clone());
            });
        }
    }
    for (name, argument) in question.operation.arguments.iter() {
        for literal in asked.engine.literals() {
            if let Some(other) = like(argument, &literal)
                && other != *argument
            {
                add(format!("argument {name} is {other}"), &|it| {
                    Arc::make_mut(&mut it.operation.arguments).insert(name.clone(), other.clone());
                });
            }
        }
    }
    for purpose in asked.engine.literals() {
        if *purpose != *question.principal.purpose {
            add(format!("the purpose is `{purpose}`"), &|it| {
                it.principal.purpose = purpose.as_str().into();
            });
        }
    }
    for agent in &asked.config.agents {
        if *agent.id.as_str() != *question.principal.agent {
            add(format!("the agent is {}", agent.id.as_str()), &|it| {
                it.principal.agent = Arc::clone(agent.id.shared());
            });
        }
    }
    all
}

/// An argument of the same kind as another, of what policies compare with.
fn like(argument: &Argument, literal: &str) -> Option<Argument> {
    match argument {
        Argument::Money { minor, currency } => Argument::money(literal, currency)
            .or_else(|| Argument::money(&minor.to_string(), literal)),
        other => Argument::parse(other.kind(), literal),
    }
}
