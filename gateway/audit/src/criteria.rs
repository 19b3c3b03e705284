//! Which matters somebody looks for. Pure: a matter in, yes or no out.

use std::{collections::BTreeMap, fmt, str::FromStr};

use crate::{
    CallerRecord, DELEGATING, Event, FindingRecord, Kind, Matter, OperationRecord, PolicyRecord,
};

/// A data subject as requests name it: by a bound parameter, or an entry of a task's scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The parameter: `customer`.
    pub name: String,
    /// Who: `C-771`.
    pub value: String,
}

/// A text that names no subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a subject is NAME=VALUE, as operations bind it: `customer=C-771`")]
pub struct NoSubject;

impl FromStr for Subject {
    type Err = NoSubject;

    fn from_str(text: &str) -> Result<Self, NoSubject> {
        let (name, value) = text.split_once('=').ok_or(NoSubject)?;
        let (name, value) = (name.to_owned(), value.to_owned());
        let whole = !name.is_empty() && !value.is_empty();
        whole.then_some(Self { name, value }).ok_or(NoSubject)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

/// What must hold of a matter; what is not given holds of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Criteria {
    /// The agent's SPIFFE id.
    pub agent: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// The task's id.
    pub task: Option<String>,
    /// The service.
    pub service: Option<String>,
    /// The operation's id.
    pub operation: Option<String>,
    /// A data class or a branch of the tree (`phi`), found in either direction.
    pub class: Option<String>,
    /// How it ended (`released`, `refused`, `aborted`, `upstream_failed`, `client_gone`, `open`), or
    /// the reason code.
    pub decision: Option<String>,
    /// Where the service keeps its data, ISO 3166.
    pub jurisdiction: Option<String>,
    /// Whom it was about.
    pub subject: Option<Subject>,
    /// The W3C trace id, hexadecimal.
    pub trace: Option<String>,
    /// A rule that took part.
    pub rule: Option<String>,
    /// What kind of record.
    pub kind: Option<Kind>,
}

impl Criteria {
    /// Whether `matter` is looked for.
    pub fn holds(&self, matter: &Matter) -> bool {
        let parts = Parts::of(matter);
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|it| found == Some(it))
        };
        let token = parts.caller.and_then(|it| it.token.as_ref());
        let operation = parts.operation;
        is(&self.agent, parts.agent)
            && is(
                &self.session,
                parts
                    .session
                    .or_else(|| parts.caller.and_then(|it| it.session.as_deref())),
            )
            && is(&self.task, token.and_then(|it| it.task.as_deref()))
            && is(&self.service, operation.map(|it| &*it.service))
            && is(&self.operation, operation.map(|it| &*it.operation))
            && is(&self.jurisdiction, operation.map(|it| &*it.country))
            && is(&self.trace, parts.trace)
            && self.kind.is_none_or(|it| kinds(matter).contains(&Some(it)))
            && self.decision.as_ref().is_none_or(|it| parts.decided(it))
            && self.class.as_ref().is_none_or(|it| parts.finds(it))
            && self.rule.as_ref().is_none_or(|it| parts.follows(it))
            && self.subject.as_ref().is_none_or(|it| parts.is_about(it))
    }

    /// The same as a record of the search has it: of a subject only by what it is named.
    pub fn stated(&self) -> BTreeMap<String, String> {
        let subject = self.subject.as_ref().map(|it| &it.name);
        let kind = self.kind.map(|it| it.name().to_owned());
        let named = [
            ("agent", self.agent.as_ref()),
            ("session", self.session.as_ref()),
            ("task", self.task.as_ref()),
            ("service", self.service.as_ref()),
            ("operation", self.operation.as_ref()),
            ("class", self.class.as_ref()),
            ("decision", self.decision.as_ref()),
            ("jurisdiction", self.jurisdiction.as_ref()),
            ("subject", subject),
            ("trace", self.trace.as_ref()),
            ("rule", self.rule.as_ref()),
            ("kind", kind.as_ref()),
        ];
        let given = named.into_iter();
        given
            .filter_map(|(name, value)| Some((name.to_owned(), value?.clone())))
            .collect()
    }
}

fn kinds(matter: &Matter) -> [Option<Kind>; 2] {
    let closing = matter.closing.as_ref();
    [
        Some(matter.entry.event.kind()),
        closing.map(|it| it.event.kind()),
    ]
}

/// Whether `class` is `wanted` or below it.
pub fn is_class(class: &str, wanted: &str) -> bool {
    let rest = class.strip_prefix(wanted);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What a matter says, wherever it says it.
#[derive(Default)]
struct Parts<'a> {
    agent: Option<&'a str>,
    caller: Option<&'a CallerRecord>,
    /// Where there is no caller.
    session: Option<&'a str>,
    operation: Option<&'a OperationRecord>,
    trace: Option<&'a str>,
    result: Option<&'a str>,
    reason: Option<&'a str>,
    rules: &'a [PolicyRecord],
    found: [&'a [FindingRecord]; 2],
    /// The class of a revealed token.
    class: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(matter: &'a Matter) -> Self {
        match &matter.entry.event {
            Event::Open(opening) => {
                let outcome = matter.outcome();
                Self {
                    agent: opening.caller.agent.as_deref(),
                    caller: Some(&opening.caller),
                    session: None,
                    operation: Some(&opening.operation),
                    trace: Some(&opening.trace),
                    result: Some(outcome.map_or("open", |it| &it.result)),
                    reason: outcome.and_then(|it| it.reason.as_deref()),
                    rules: &opening.policies,
                    found: outcome.map_or([&[], &[]], |it| {
                        [&it.request.findings, &it.response.findings]
                    }),
                    class: None,
                }
            }
            Event::Refuse(refusal) => Self {
                agent: refusal.caller.agent.as_deref(),
                caller: Some(&refusal.caller),
                session: None,
                operation: refusal.operation.as_ref(),
                trace: Some(&refusal.trace),
                result: Some("refused"),
                reason: Some(&refusal.reason),
                rules: &refusal.policies,
                found: [&refusal.findings, &[]],
                class: None,
            },
            other => Self::beside(other),
        }
    }

    /// Of what is no call.
    fn beside(event: &'a Event) -> Self {
        match event {
            Event::Reveal(revelation) => Self {
                result: Some(revelation.reason.as_ref().map_or("released", |_| "refused")),
                reason: revelation.reason.as_deref(),
                class: revelation.class.as_deref(),
                ..Self::default()
            },
            Event::Bypass(bypass) => Self {
                agent: Some(&bypass.agent),
                result: Some(&bypass.result),
                reason: Some(&bypass.technique),
                ..Self::default()
            },
            Event::Gap(gap) => Self {
                reason: Some(&gap.reason),
                ..Self::default()
            },
            Event::Revoke(revocation) => Self {
                agent: (revocation.what == "agent").then_some(revocation.id.as_str()),
                reason: Some(&revocation.reason),
                ..Self::default()
            },
            Event::Anomaly(anomaly) => Self {
                agent: Some(&anomaly.agent),
                session: Some(&anomaly.session),
                result: Some(&anomaly.response),
                reason: Some(&anomaly.detector),
                ..Self::default()
            },
            Event::Process(turn) => Self {
                agent: Some(&turn.agent),
                reason: Some(&turn.turn),
                ..Self::default()
            },
            Event::Open(_)
            | Event::Refuse(_)
            | Event::Start(_)
            | Event::Stop(_)
            | Event::Close(_)
            | Event::Query(_)
            | Event::Erase(_)
            | Event::Policies(_)
            | Event::Expire(_)
            | Event::Hold(_)
            | Event::Succeed(_)
            | Event::Expired(_) => Self::default(),
        }
    }

    fn decided(&self, wanted: &str) -> bool {
        self.result == Some(wanted) || self.reason == Some(wanted)
    }

    fn finds(&self, wanted: &str) -> bool {
        let mut found = self.found.iter().flat_map(|found| found.iter());
        found.any(|finding| is_class(&finding.class, wanted))
            || self.class.is_some_and(|class| is_class(class, wanted))
    }

    fn follows(&self, rule: &str) -> bool {
        let mut found = self.found.iter().flat_map(|found| found.iter());
        self.rules.iter().any(|it| &*it.id == rule)
            || found.any(|finding| finding.policy.as_deref() == Some(rule))
    }

    fn is_about(&self, subject: &Subject) -> bool {
        let is = |value: Option<&String>| value.is_some_and(|value| *value == subject.value);
        let token = self.caller.and_then(|caller| caller.token.as_ref());
        is(self.operation.and_then(|it| it.bound.get(&subject.name)))
            || is(token.and_then(|it| it.scope.get(&subject.name)))
            || subject.name == DELEGATING
                && token
                    .and_then(|it| it.delegation.as_ref())
                    .is_some_and(|it| it.parties().any(|name| is(Some(name))))
    }
}

#[cfg(test)]
mod tests;
