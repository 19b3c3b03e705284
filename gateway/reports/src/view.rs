//! A matter as reports look at it: who got what of whom, and what became of it on the way.

use std::{collections::BTreeSet, sync::Arc};

use audit::{
    BodyRecord, CallerRecord, Event, FindingRecord, Matter, OperationRecord, PolicyRecord,
};
use jiff::Timestamp;

use crate::figure::Source;

/// Stands where a record says nothing.
pub(crate) const UNSTATED: &str = "not stated";

/// Which way data went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// In the answer: the agent received it.
    ToAgent,
    /// In the request: the service received it.
    ToService,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// It was handed over as it is.
    Shown,
    /// Something was handed over in its place: masked, a token, a pseudonym.
    Reduced,
    /// Nothing of it was handed over.
    Withheld,
}

/// Values of one class and what became of them.
pub(crate) struct Values<'a> {
    pub(crate) way: Way,
    pub(crate) class: &'a str,
    pub(crate) count: u64,
    pub(crate) action: &'a str,
    pub(crate) fate: Fate,
    pub(crate) rule: Option<&'a str>,
}

/// An exchange or a refusal.
pub(crate) struct View<'a> {
    pub(crate) source: Source,
    pub(crate) at: Timestamp,
    pub(crate) agent: &'a str,
    pub(crate) session: Option<&'a str>,
    pub(crate) purpose: &'a str,
    pub(crate) operation: Option<&'a OperationRecord>,
    pub(crate) policies: &'a [PolicyRecord],
    pub(crate) result: &'a str,
    pub(crate) reason: Option<&'a str>,
    pub(crate) bodies: Option<(&'a BodyRecord, &'a BodyRecord)>,
    pub(crate) values: Vec<Values<'a>>,
    /// Whether the service was given the request.
    pub(crate) reached: bool,
    /// Whether it is another attempt of a call whose first one is on record, too.
    pub(crate) again: bool,
    caller: &'a CallerRecord,
}

impl<'a> View<'a> {
    /// An exchange or a refusal; nothing else is one.
    pub(crate) fn of(matter: &'a Matter) -> Option<Self> {
        match &matter.entry.event {
            Event::Open(opening) => {
                let outcome = matter.outcome();
                let bodies = outcome.map(|it| (&it.request, &it.response));
                let mut view = Self::by(matter, opening.at, &opening.trace, &opening.caller);
                view.operation = Some(&opening.operation);
                view.policies = &opening.policies;
                view.result = outcome.map_or("open", |it| &it.result);
                view.reason = outcome.and_then(|it| it.reason.as_deref());
                view.bodies = bodies;
                view.again = opening.retry_of.is_some();
                if let Some(outcome) = outcome {
                    view.reached = outcome.sent || outcome.upstream_status.is_some();
                    let answered = !matches!(&*outcome.result, "refused" | "upstream_failed");
                    view.values = values(Way::ToService, &outcome.request, view.reached);
                    let answer = values(Way::ToAgent, &outcome.response, answered);
                    view.values.extend(answer);
                }
                Some(view)
            }
            Event::Refuse(refusal) => {
                let mut view = Self::by(matter, refusal.at, &refusal.trace, &refusal.caller);
                view.operation = refusal.operation.as_ref();
                view.policies = &refusal.policies;
                view.result = "refused";
                view.reason = Some(&refusal.reason);
                let found = refusal.findings.iter();
                view.values = found
                    .map(|it| Values::of(Way::ToService, it, false))
                    .collect();
                Some(view)
            }
            _ => None,
        }
    }

    fn by(matter: &Matter, at: Timestamp, trace: &Arc<str>, caller: &'a CallerRecord) -> Self {
        let token = caller.token.as_ref();
        Self {
            source: Source {
                record: matter.entry.index,
                trace: Some(Arc::clone(trace)),
            },
            at,
            agent: caller.agent.as_deref().unwrap_or("unknown"),
            session: caller.session.as_deref(),
            purpose: token
                .and_then(|it| it.purpose.as_deref())
                .unwrap_or(UNSTATED),
            operation: None,
            policies: &[],
            result: "",
            reason: None,
            bodies: None,
            values: Vec::new(),
            reached: false,
            again: false,
            caller,
        }
    }

    /// Whether it was refused, and nobody was given anything.
    pub(crate) fn is_stopped(&self) -> bool {
        self.result == "refused" && !self.reached
    }

    /// The service, or why there is none.
    pub(crate) fn service(&self) -> &'a str {
        self.operation.map_or(UNSTATED, |it| &it.service)
    }

    /// The operation's id.
    pub(crate) fn operated(&self) -> &'a str {
        self.operation.map_or(UNSTATED, |it| &it.operation)
    }

    /// Where the service keeps its data.
    pub(crate) fn country(&self) -> &'a str {
        self.operation.map_or(UNSTATED, |it| &it.country)
    }

    /// Who received what went `way`.
    pub(crate) fn recipient(&self, way: Way) -> &'a str {
        match way {
            Way::ToAgent => self.agent,
            Way::ToService => self.service(),
        }
    }

    /// Whom and what it names: by what the request binds, else by the task's scope.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let bound = self.operation.map(|it| it.bound.as_ref());
        let scope = self.caller.token.as_ref().map(|it| &it.scope);
        let bound = bound.filter(|it| !it.is_empty()).or(scope);
        let pairs = bound.into_iter().flatten();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The laws and contracts behind the rules that took part.
    pub(crate) fn bases(&self) -> BTreeSet<&'a str> {
        let bases = self.policies.iter();
        bases.filter_map(|it| it.basis.as_deref()).collect()
    }

    /// The same in one text.
    pub(crate) fn basis(&self) -> String {
        let bases: Vec<_> = self.bases().into_iter().collect();
        if bases.is_empty() {
            UNSTATED.to_owned()
        } else {
            bases.join("; ")
        }
    }
}

impl<'a> Values<'a> {
    fn of(way: Way, finding: &'a FindingRecord, released: bool) -> Self {
        let fate = match &*finding.action {
            _ if !released => Fate::Withheld,
            "show" => Fate::Shown,
            "drop" | "block" => Fate::Withheld,
            _ => Fate::Reduced,
        };
        Self {
            way,
            class: &finding.class,
            count: finding.count,
            action: &finding.action,
            fate,
            rule: finding.policy.as_deref(),
        }
    }
}

/// What was found in a message that went `way`, and the tokens in it that were turned back; `went` says that its head
/// did. What is beside a body, in fields or a query, has its paths behind an `@`, and goes with the head.
fn values(way: Way, body: &BodyRecord, went: bool) -> Vec<Values<'_>> {
    let released = went && body.released > 0;
    let found = body.findings.iter();
    let found = found.map(|it| {
        let in_head = it.path.starts_with("/@");
        Values::of(way, it, if in_head { went } else { released })
    });
    let restored = body.restored.iter();
    let restored = restored.filter(|it| !matches!(&*it.name, "refused" | "unopened"));
    let restored = restored.map(|it| Values {
        way,
        class: &it.name,
        count: it.count,
        action: "restore",
        fate: if released {
            Fate::Shown
        } else {
            Fate::Withheld
        },
        rule: None,
    });
    found.chain(restored).collect()
}
