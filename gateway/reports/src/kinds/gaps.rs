//! What was not seen.

use audit::{Event, Matter};

use super::{Answer, Fold};
use crate::{
    Beside, Source,
    document::{Cell, Table},
    figure::{Groups, Lines, Tally},
    view::View,
};

#[derive(Default)]
pub(super) struct Gaps {
    /// By what was not inspected, direction and operation.
    bodies: Groups<(String, &'static str, String), Tally>,
    lost: Groups<String, (Tally, Tally)>,
    bypasses: Groups<(String, String, String), Tally>,
    unlisted: Tally,
    open: Tally,
    weak: Groups<String, Tally>,
    starts: Lines,
}

impl Fold for Gaps {
    fn take(&mut self, matter: &Matter) {
        let source = Source {
            record: matter.entry.index,
            trace: None,
        };
        match &matter.entry.event {
            Event::Gap(gap) => {
                if let Some((lost, recovered)) = self.lost.at(gap.reason.to_string()) {
                    lost.add(gap.lost, &source);
                    recovered.add(gap.recovered, &source);
                }
            }
            Event::Bypass(bypass) => {
                let key = [&bypass.agent, &*bypass.technique, &*bypass.result].map(str::to_owned);
                if let Some(tally) = self.bypasses.at(key.into()) {
                    tally.add(1, &source);
                }
            }
            Event::Start(start) => {
                for note in &start.notes {
                    let row = vec![
                        Cell::Record(source.clone()),
                        Cell::Time(start.at),
                        note.as_str().into(),
                    ];
                    self.starts.add(source.record, row);
                }
            }
            Event::Open(opening) => {
                if let Some(tally) = self.weak.at(opening.caller.evidence.clone()) {
                    tally.add(1, &source);
                }
            }
            _ => {}
        }
        if let Some(view) = View::of(matter) {
            self.inspect(&view);
        }
    }

    fn answer(self: Box<Self>, _: Beside<'_>) -> Answer {
        let mut short = Table::new("In short", "", &["what", "how many"]);
        short.rows = vec![
            vec![
                "exchanges without an end on record".into(),
                self.open.into(),
            ],
            vec![
                "findings counted but not listed".into(),
                self.unlisted.into(),
            ],
        ];
        let columns = ["what", "direction", "operation", "exchanges"];
        let note = "Bodies, or parts of them, that passed or were refused without being read.";
        let bodies = Table::new("Not inspected", note, &columns);
        let bodies = self.bodies.fill(bodies, |(what, way, operation), it| {
            vec![what.into(), way.into(), operation.into(), it.into()]
        });
        let note = "Flows of agents that no exchange belongs to.";
        let columns = ["agent", "technique", "result", "flows"];
        let bypasses = Table::new("Past the gateway", note, &columns);
        let bypasses = self
            .bypasses
            .fill(bypasses, |(agent, technique, result), it| {
                let mut row = [agent, technique, result].map(Cell::from).to_vec();
                row.push(it.into());
                row
            });
        let note = "What the kernel's part told late or not at all.";
        let lost = Table::new("Lost events", note, &["reason", "lost", "found again"]);
        let lost = self.lost.fill(lost, |reason, (lost, recovered)| {
            vec![reason.into(), lost.into(), recovered.into()]
        });
        let note =
            "By what callers were proven; `proc` and `none` are weaker than the kernel's word.";
        let weak = Table::new("Evidence of callers", note, &["evidence", "exchanges"]);
        let weak = self
            .weak
            .fill(weak, |evidence, it| vec![evidence.into(), it.into()]);
        let note = "What the gateway said was missing when it began to serve.";
        let starts = Table::new("Starts with less", note, &["record", "time", "missing"]);
        let starts = self.starts.fill(starts);
        Answer::of([short, bodies, bypasses, lost, weak, starts])
    }
}

impl Gaps {
    fn inspect(&mut self, view: &View<'_>) {
        self.open
            .add(u64::from(view.result == "open"), &view.source);
        let Some((request, response)) = view.bodies else {
            return;
        };
        let operation = format!("{}/{}", view.service(), view.operated());
        for (body, way) in [(request, "to the service"), (response, "to the agent")] {
            self.unlisted.add(body.findings_unlisted, &view.source);
            for gap in &body.gaps {
                if let Some(tally) = self.bodies.at((gap.clone(), way, operation.clone())) {
                    tally.add(1, &view.source);
                }
            }
        }
    }
}
