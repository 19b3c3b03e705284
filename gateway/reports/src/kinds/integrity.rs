//! Whether the log holds.

use audit::{Kind, Matter};

use super::{Answer, Fold};
use crate::{
    Beside, Source,
    document::{Cell, Table},
    figure::{Groups, Lines, Tally},
};

#[derive(Default)]
pub(super) struct Integrity {
    kinds: Groups<Kind, Tally>,
    readings: Lines,
}

impl Fold for Integrity {
    fn take(&mut self, matter: &Matter) {
        for entry in [Some(&matter.entry), matter.closing.as_ref()]
            .into_iter()
            .flatten()
        {
            let source = Source {
                record: entry.index,
                trace: None,
            };
            if let Some(tally) = self.kinds.at(entry.event.kind()) {
                tally.add(1, &source);
            }
        }
        if let Some(inquiry) = matter.inquiry() {
            let source = Source {
                record: matter.entry.index,
                trace: None,
            };
            let criteria = inquiry.criteria.iter();
            let row = vec![
                Cell::Record(source),
                Cell::Time(inquiry.at),
                inquiry.uid.to_string().into(),
                inquiry.command.as_ref().into(),
                criteria
                    .map(|(name, value)| format!("{name} {value}"))
                    .collect(),
                inquiry.purpose.as_deref().unwrap_or_default().into(),
            ];
            self.readings.add(matter.entry.index, row);
        }
    }

    fn answer(self: Box<Self>, beside: Beside<'_>) -> Answer {
        let kinds = Table::new("Records by kind", "", &["kind", "records"]);
        let kinds = self
            .kinds
            .fill(kinds, |kind, it| vec![kind.name().into(), it.into()]);
        let columns = [
            "record",
            "time",
            "user id",
            "command",
            "asked for",
            "purpose",
        ];
        let note = "Who read the log by `tidegate`, and what for.";
        let readings = self.readings.fill(Table::new("Readings", note, &columns));
        let mut answer = Answer::of([kinds.drawn("Records by kind", 0, 1), readings]);
        match beside.verdict {
            None => answer
                .notes
                .push("The log was not verified for this report.".to_owned()),
            Some(verdict) => {
                answer.tables.insert(0, verified(verdict));
                answer.tables.insert(1, findings(verdict));
            }
        }
        answer
    }
}

fn verified(verdict: &audit::Report) -> Table {
    let note =
        "Every record was hashed again, and every checkpoint checked with the log's public key.";
    let mut table = Table::new("Verification", note, &["what", "result"]);
    let open = (verdict.open.len() as u64).saturating_add(verdict.open_unlisted);
    let found = (verdict.findings.len() as u64).saturating_add(verdict.findings_unlisted);
    let held = if verdict.is_intact() {
        "no record was changed, removed, moved or cut off"
    } else {
        "NOT INTACT"
    };
    let rows: [(&str, String); 7] = [
        ("verdict", held.to_owned()),
        ("records", verdict.size.to_string()),
        (
            "records under a valid checkpoint",
            verdict.signed.to_string(),
        ),
        ("checkpoints", verdict.checkpoints.to_string()),
        ("exchanges without an end", open.to_string()),
        (
            "records before which the clock went back",
            verdict.clock_back.len().to_string(),
        ),
        ("findings", found.to_string()),
    ];
    table.rows = rows
        .into_iter()
        .map(|(what, result)| vec![what.into(), result.into()])
        .collect();
    table
}

fn findings(verdict: &audit::Report) -> Table {
    let mut table = Table::new("Findings", "What is wrong with the log.", &["finding"]);
    let found = verdict.findings.iter();
    table.rows = found.map(|it| vec![it.to_string().into()]).collect();
    table.omitted = verdict.findings_unlisted;
    table
}
