//! What agents received beside what they were spared, by what it was for.

use audit::Matter;

use super::{Answer, Fates, Fold};
use crate::{
    Beside,
    document::{Cell, Table},
    figure::{Groups, Tally},
    view::{View, Way},
};

#[derive(Default)]
pub(super) struct Necessity {
    /// By agent, purpose, operation and class.
    received: Groups<(String, String, String, String), Fates>,
    /// By agent and what was left out: rows, records, fields.
    spared: Groups<(String, String), Tally>,
}

impl Fold for Necessity {
    fn take(&mut self, matter: &Matter) {
        let Some(view) = View::of(matter) else {
            return;
        };
        let operation = format!("{}/{}", view.service(), view.operated());
        for values in view.values.iter().filter(|it| it.way == Way::ToAgent) {
            let key = [view.agent, view.purpose, &operation, values.class].map(str::to_owned);
            if let Some(fates) = self.received.at(key.into()) {
                fates.add(values, &view.source);
            }
        }
        let withheld = view
            .bodies
            .iter()
            .flat_map(|(_, response)| &response.withheld);
        for left in withheld {
            let key = (view.agent.to_owned(), left.name.to_string());
            if let Some(tally) = self.spared.at(key) {
                tally.add(left.count, &view.source);
            }
        }
    }

    fn answer(self: Box<Self>, _: Beside<'_>) -> Answer {
        let mut columns = vec!["agent", "purpose", "operation", "category of data"];
        columns.extend(Fates::COLUMNS);
        let note = "Of what services answered: what the agent got, what it got in another form, and what \
                    it did not get.";
        let received = Table::new("Received and spared", note, &columns);
        let received = self
            .received
            .fill(received, |(agent, purpose, operation, class), it| {
                let mut row = [agent, purpose, operation, class].map(Cell::from).to_vec();
                row.extend(it.cells());
                row
            });
        let note = "Rows, records and fields that rules took out of answers before anything else.";
        let spared = Table::new("Left out whole", note, &["agent", "what", "how many"]);
        let spared = self.spared.fill(spared, |(agent, what), it| {
            vec![agent.into(), what.into(), it.into()]
        });
        Answer::of([
            received.drawn("Values handed over by category", 3, 4),
            spared,
        ])
    }
}
