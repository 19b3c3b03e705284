//! `policy unused`: grants that nobody used, so that they can be taken away.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use audit::{Entry, Event};
use jiff::Timestamp;

use super::Asked;

/// What was used, and when last.
#[derive(Default)]
pub(super) struct Uses {
    since: Option<Timestamp>,
    rules: BTreeMap<String, (u64, Timestamp)>,
    operations: BTreeSet<String>,
    agents: BTreeSet<String>,
}

impl Uses {
    /// Takes note of a record.
    pub(super) fn take(&mut self, entry: &Entry) {
        let Event::Open(opening) = &entry.event else {
            return;
        };
        self.since.get_or_insert(opening.at);
        for policy in &opening.policies {
            let uses = self.rules.entry(policy.id.to_string());
            let (count, last) = uses.or_insert((0, opening.at));
            *count += 1;
            *last = (*last).max(opening.at);
        }
        let operation = &opening.operation;
        self.operations
            .insert(format!("{}/{}", operation.service, operation.operation));
        self.agents.extend(opening.caller.agent.clone());
    }

    /// The report, for people.
    pub(super) fn report(&self, asked: &Asked) -> String {
        let mut text = match self.since {
            Some(since) => format!("the record begins at {since}\n"),
            None => "no call is on record\n".to_owned(),
        };
        for grant in asked.engine.grants() {
            // To write into a text cannot fail.
            let _infallible = match self.rules.get(&*grant.id) {
                Some((count, last)) => {
                    writeln!(text, "used    {} x{count}, last at {last}", grant.id)
                }
                None => writeln!(text, "UNUSED  {}", grant.id),
            };
        }
        let operations = asked.config.services.iter().flat_map(|service| {
            let ids = service.operations().into_iter();
            ids.map(move |id| format!("{}/{id}", service.name))
        });
        for operation in operations.filter(|it| !self.operations.contains(it)) {
            let _infallible = writeln!(text, "UNUSED  operation {operation}");
        }
        let agents = asked.config.agents.iter().map(|agent| agent.id.as_str());
        for agent in agents.filter(|it| !self.agents.contains(*it)) {
            let _infallible = writeln!(text, "UNUSED  agent {agent}");
        }
        text
    }
}
