//! To whom health data was disclosed: 45 CFR 164.528(b)(2) asks for date, recipient, description and
//! purpose.

use audit::{Matter, is_class};

use super::{Answer, Fates, Fold, found};
use crate::{
    Beside,
    document::{Cell, Table},
    figure::{Groups, Lines, Tally},
    view::{Fate, View, Way},
};

/// The branch of the classes that is health data.
const HEALTH: &str = "phi";

#[derive(Default)]
struct Disclosed {
    disclosures: Tally,
    fates: Fates,
}

#[derive(Default)]
pub(super) struct Disclosures {
    lines: Lines,
    recipients: Groups<(String, String), Disclosed>,
}

impl Fold for Disclosures {
    fn take(&mut self, matter: &Matter) {
        let Some(view) = View::of(matter) else {
            return;
        };
        for way in [Way::ToAgent, Way::ToService] {
            let health = |fated: bool| {
                let values = view.values.iter().filter(move |it| it.way == way);
                values.filter(move |it| {
                    is_class(it.class, HEALTH) && (!fated || it.fate != Fate::Withheld)
                })
            };
            if health(true).next().is_none() {
                continue;
            }
            let recipient = view.recipient(way);
            let basis = view.basis();
            let subject = view
                .subjects()
                .map(|(name, value)| format!("{name}={value}"));
            let row = vec![
                Cell::Record(view.source.clone()),
                Cell::Time(view.at),
                recipient.into(),
                subject.collect(),
                found(health(true)),
                view.purpose.into(),
                basis.into(),
            ];
            self.lines.add(view.source.record, row);
            let key = (recipient.to_owned(), view.purpose.to_owned());
            if let Some(disclosed) = self.recipients.at(key) {
                disclosed.disclosures.add(1, &view.source);
                health(false).for_each(|it| disclosed.fates.add(it, &view.source));
            }
        }
    }

    fn answer(self: Box<Self>, _: Beside<'_>) -> Answer {
        let mut columns = vec!["recipient", "purpose", "disclosures"];
        columns.extend(Fates::COLUMNS);
        let note = "Multiple disclosures to one recipient for one purpose, as 45 CFR 164.528(b)(3) sums \
                    them up.";
        let recipients = Table::new("By recipient and purpose", note, &columns);
        let recipients = self
            .recipients
            .fill(recipients, |(recipient, purpose), it| {
                let mut row: Vec<Cell> =
                    vec![recipient.into(), purpose.into(), it.disclosures.into()];
                row.extend(it.fates.cells());
                row
            });
        let columns = [
            "record",
            "date",
            "recipient",
            "subject",
            "description",
            "purpose",
            "basis",
        ];
        let note = "Exchanges in which a value of health data went over, as it is or reduced.";
        let lines = self.lines.fill(Table::new("Disclosures", note, &columns));
        Answer::of([recipients.drawn("Disclosures by recipient", 0, 2), lines])
    }
}
