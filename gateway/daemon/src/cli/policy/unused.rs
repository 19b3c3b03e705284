//! `policy unused`: grants that nobody used, so that they can be taken away.

use std::fmt::Write as _;

use audit::{Criteria, Span};
use miette::{IntoDiagnostic as _, Result};
use reports::{Beside, Cell, Document, Grant, Grants, Kind, Report, Scope};

use super::Asked;
use crate::cli::{pace::Pace, report};

/// What is granted, as reports have it.
pub(super) fn grants(asked: &Asked) -> Grants {
    let rules = asked.engine.grants();
    let rules = rules.iter().map(|rule| Grant {
        id: rule.id.to_string(),
        reason: rule.reason.as_deref().map(str::to_owned),
        basis: rule.basis.as_deref().map(str::to_owned),
    });
    let operations = asked.config.services.iter().flat_map(|service| {
        let ids = service.operations().into_iter();
        ids.map(move |id| format!("{}/{id}", service.name))
    });
    let agents = asked.config.agents.iter();
    Grants {
        policies: asked.engine.digest().to_string(),
        rules: rules.collect(),
        operations: operations.collect(),
        agents: agents.map(|agent| agent.id.as_str().to_owned()).collect(),
    }
}

/// The report, as far as the record goes.
pub(super) async fn unused(asked: &Asked) -> Result<Document> {
    let report = Report::new(Kind::Unused, Scope::default()).into_diagnostic()?;
    let grants = grants(asked);
    let beside = Beside {
        grants: Some(&grants),
        ..Beside::default()
    };
    let (data, all) = (&asked.config.data, Criteria::default());
    report::fold(data, report, Span::default(), &all, beside, &Pace::alone()).await
}

/// The same in lines.
pub(super) fn lines(document: &Document) -> String {
    let mut text = match document.covered {
        Some(covered) => format!("the record begins at {}\n", covered.from),
        None => "nothing is on record\n".to_owned(),
    };
    for (table, what) in document.tables.iter().zip(["", "operation ", "agent "]) {
        for row in &table.rows {
            let [name, .., Cell::Figure(calls), last] = row.as_slice() else {
                continue;
            };
            let name = name.text();
            // To write into a text cannot fail.
            let _infallible = match calls.value {
                0 => writeln!(text, "UNUSED  {what}{name}"),
                many if what.is_empty() => {
                    writeln!(text, "used    {name} x{many}, last at {}", last.text())
                }
                _ => Ok(()),
            };
        }
    }
    text
}
