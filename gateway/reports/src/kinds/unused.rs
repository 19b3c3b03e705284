//! Grants that nobody used, so that they can be taken away.

use std::sync::Arc;

use audit::{Event, Matter};
use jiff::Timestamp;

use super::{Answer, Fold};
use crate::{
    Beside, Grant, Source,
    document::{Cell, Table},
    figure::{Groups, Tally},
    view::UNSTATED,
};

#[derive(Default)]
struct Used {
    calls: Tally,
    last: Option<Timestamp>,
}

#[derive(Default)]
pub(super) struct Unused {
    rules: Groups<String, Used>,
    operations: Groups<String, Used>,
    agents: Groups<String, Used>,
}

impl Fold for Unused {
    fn take(&mut self, matter: &Matter) {
        let Event::Open(opening) = &matter.entry.event else {
            return;
        };
        let source = Source {
            record: matter.entry.index,
            trace: Some(Arc::clone(&opening.trace)),
        };
        let note = |of: &mut Groups<String, Used>, name: String| {
            if let Some(used) = of.at(name) {
                used.calls.add(1, &source);
                used.last = used.last.max(Some(opening.at));
            }
        };
        for policy in &opening.policies {
            note(&mut self.rules, policy.id.to_string());
        }
        let operation = &opening.operation;
        let named = format!("{}/{}", operation.service, operation.operation);
        note(&mut self.operations, named);
        if let Some(agent) = &opening.caller.agent {
            note(&mut self.agents, agent.clone());
        }
    }

    fn answer(self: Box<Self>, beside: Beside<'_>) -> Answer {
        let Some(grants) = beside.grants else {
            return Answer::noting("The policies were not at hand for this report.");
        };
        let Self {
            mut rules,
            mut operations,
            mut agents,
        } = *self;
        let columns = ["rule", "sentence", "basis", "calls", "last"];
        let note = "Policies that permit calls, the unused ones first.";
        let granted = Table::new("Grants", note, &columns);
        let granted = least_first(granted, &mut rules, &grants.rules, |rule| &rule.id);
        let columns = ["operation", "calls", "last"];
        let called = Table::new("Operations", "Those of the configuration.", &columns);
        let called = least_first(called, &mut operations, &grants.operations, |it| it);
        let columns = ["agent", "calls", "last"];
        let calling = Table::new("Agents", "Those of the configuration.", &columns);
        let calling = least_first(calling, &mut agents, &grants.agents, |it| it);
        let mut answer = Answer::of([granted, called, calling]);
        let digest = &grants.policies;
        answer
            .notes
            .push(format!("The policies have the digest {digest} (SHA-256)."));
        answer
    }
}

/// Stands for what there was no room to count.
const UNCOUNTED: &str = "not counted";

/// What begins the row of something that is granted.
trait Named {
    fn cells(&self) -> Vec<Cell>;
}

impl Named for Grant {
    fn cells(&self) -> Vec<Cell> {
        let text = |text: &Option<String>| text.as_deref().unwrap_or(UNSTATED).into();
        vec![
            self.id.clone().into(),
            text(&self.reason),
            text(&self.basis),
        ]
    }
}

impl Named for String {
    fn cells(&self) -> Vec<Cell> {
        vec![self.clone().into()]
    }
}

/// Fills `table` with all that is granted and how it was used.
fn least_first<T: Named>(
    mut table: Table,
    used: &mut Groups<String, Used>,
    granted: &[T],
    name: impl Fn(&T) -> &String,
) -> Table {
    let mut rows: Vec<(u64, Vec<Cell>)> = granted
        .iter()
        .map(|it| {
            let mut row = it.cells();
            let noted = used.take(name(it));
            if noted.is_none() && used.is_cut() {
                // There was no room to count it, so nobody may say that it was never used.
                row.extend([UNCOUNTED, UNCOUNTED].map(Cell::from));
                return (u64::MAX, row);
            }
            let Used { calls, last } = noted.unwrap_or_default();
            let calls = calls.figure();
            let value = calls.value;
            row.push(calls.into());
            row.push(last.map_or_else(|| "never".into(), Cell::Time));
            (value, row)
        })
        .collect();
    rows.sort_by_key(|(calls, _)| *calls);
    table.rows = rows.into_iter().map(|(_, row)| row).collect();
    table
}
