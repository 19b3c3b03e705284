//! `policy simulate`: what is on record, decided again by other policies.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use audit::{Entry, Event, FindingRecord, Kind, MEDIATED, Outcome};
use classifiers::DataClass;
use policy::Towards;
use redaction::Action;

use super::{
    Asked,
    explain::is_of_policy,
    question::{Question, rules},
};

/// Exchanges under way whose end is waited for; a log has no more at a time.
const OPEN_MAX: usize = 1_000_000;
/// Differences that are told apart.
const DIFFERENCES_MAX: usize = 10_000;

/// The records so far.
pub(super) struct Simulation<'a> {
    asked: &'a Asked,
    /// Allowed calls by their opening record, until they end.
    open: HashMap<u64, Question>,
    report: Report,
}

/// What would be otherwise.
#[derive(Default)]
pub(super) struct Report {
    calls: u64,
    values: u64,
    /// Records that policies did not decide.
    passed_over: u64,
    differences: BTreeMap<Difference, Occurrences>,
    untold: u64,
    /// The record before which it was left, as it took too long.
    left: Option<u64>,
}

/// Of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Difference {
    what: String,
    agent: String,
    operation: String,
    by: String,
}

struct Occurrences {
    count: u64,
    /// The first record.
    first: u64,
}

impl<'a> Simulation<'a> {
    pub(super) fn new(asked: &'a Asked) -> Self {
        Self {
            asked,
            open: HashMap::new(),
            report: Report::default(),
        }
    }

    /// Decides a record again.
    pub(super) fn take(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Open(opening) => {
                let (caller, operation) = (&opening.caller, &opening.operation);
                let said = (&*opening.declared, &*opening.notices);
                let question = Question::recorded(caller, operation, said, self.asked);
                let Some(question) = question else { return };
                self.call(entry.index, &question, true);
                if self.open.len() < OPEN_MAX {
                    self.open.insert(entry.index, question);
                }
            }
            Event::Refuse(refusal) => {
                let said = (&*refusal.declared, &*refusal.notices);
                let operation = refusal.operation.as_ref();
                let question = operation.and_then(|operation| {
                    Question::recorded(&refusal.caller, operation, said, self.asked)
                });
                match question.filter(|_| is_of_policy(&refusal.reason)) {
                    Some(question) => self.call(entry.index, &question, false),
                    None => self.report.passed_over += 1,
                }
            }
            Event::Close(outcome) => self.ending(outcome),
            Event::Expired(expired) if expired.was != Kind::Close => self.report.passed_over += 1,
            _ => {}
        }
    }

    pub(super) fn report(self) -> Report {
        self.report
    }

    /// It goes no further than to the record before this one.
    pub(super) fn leave(&mut self, index: u64) {
        self.report.left = Some(index);
    }

    fn call(&mut self, index: u64, question: &Question, allowed: bool) {
        self.report.calls += 1;
        let decision = question.call(&self.asked.engine);
        if decision.allowed != allowed {
            let what = if decision.allowed {
                "denied -> allowed"
            } else {
                "allowed -> denied"
            };
            let by = rules(&decision);
            self.report.differs(index, what.to_owned(), question, by);
        }
    }

    fn ending(&mut self, outcome: &Outcome) {
        let Some(question) = self.open.remove(&outcome.opening) else {
            return;
        };
        let ways = [
            (Towards::Service, &outcome.request),
            (Towards::Agent, &outcome.response),
        ];
        for (towards, body) in ways {
            for finding in &body.findings {
                self.value(outcome.opening, &question, towards, finding);
            }
        }
    }

    fn value(&mut self, index: u64, question: &Question, towards: Towards, found: &FindingRecord) {
        let Some(class) = DataClass::named(&found.class) else {
            return;
        };
        self.report.values += found.count;
        let disclosure = question.disclose(&self.asked.engine, towards, class);
        let action = disclosure.action.name();
        // What the mediator covers or counts, policy shows.
        let was = match &*found.action {
            MEDIATED => Action::Show.name(),
            other => other,
        };
        if action != was {
            let what = format!("{} to {}: {} -> {action}", found.class, towards.name(), was);
            let by = disclosure
                .policy
                .map_or_else(|| "no rule".to_owned(), |it| it.id.to_string());
            self.report.differs(index, what, question, by);
        }
    }
}

impl Report {
    /// Whether nothing would be otherwise.
    pub(super) fn is_same(&self) -> bool {
        self.differences.is_empty()
    }

    fn differs(&mut self, index: u64, what: String, question: &Question, by: String) {
        let difference = Difference {
            what,
            agent: question.principal.agent.to_string(),
            operation: question.name(),
            by,
        };
        if self.differences.len() >= DIFFERENCES_MAX && !self.differences.contains_key(&difference)
        {
            self.untold += 1;
            return;
        }
        let first = Occurrences {
            count: 0,
            first: index,
        };
        self.differences.entry(difference).or_insert(first).count += 1;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (calls, values, passed_over) = (self.calls, self.values, self.passed_over);
        writeln!(f, "{calls} calls and {values} values were decided again")?;
        if passed_over > 0 {
            writeln!(
                f,
                "{passed_over} refusals were not the policies' and are passed over"
            )?;
        }
        if self.is_same() {
            writeln!(f, "nothing would be otherwise")?;
        }
        for (difference, Occurrences { count, first }) in &self.differences {
            let Difference {
                what,
                agent,
                operation,
                by,
            } = difference;
            writeln!(f, "{what}  x{count}, first record {first}")?;
            writeln!(f, "    {operation} for {agent}, by {by}")?;
        }
        if self.untold > 0 {
            writeln!(f, "... and {} more", self.untold)?;
        }
        if let Some(index) = self.left {
            writeln!(f, "it took too long, and was left before record {index}")?;
        }
        Ok(())
    }
}
