//! What was done with somebody's data, and who received it: one person's, or everybody's whom a breach
//! reached.

use audit::Matter;
use jiff::Timestamp;

use super::{Answer, Fates, Fold, NAMED, found};
use crate::{
    Beside,
    document::{Cell, Table},
    figure::{Distinct, Groups, Lines, Room, Tally},
    view::{View, Way},
};

pub(super) struct Concerning {
    one: bool,
    exchanges: Tally,
    refused: Tally,
    subjects: Distinct,
    room: Room,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    classes: Groups<String, Fates>,
    recipients: Groups<(String, String, String, String), Received>,
    lines: Lines,
}

#[derive(Default)]
struct Received {
    exchanges: Tally,
    fates: Fates,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Concerning {
    /// Of one data subject: everything is listed.
    pub(super) fn one() -> Self {
        Self::new(true)
    }

    /// Of everybody.
    pub(super) fn many() -> Self {
        Self::new(false)
    }

    fn new(one: bool) -> Self {
        Self {
            one,
            exchanges: Tally::default(),
            refused: Tally::default(),
            subjects: Distinct::default(),
            room: Room::default(),
            first: None,
            last: None,
            classes: Groups::default(),
            recipients: Groups::default(),
            lines: Lines::default(),
        }
    }

    fn list(&mut self, view: &View<'_>) {
        self.lines.add(
            view.source.record,
            vec![
                Cell::Record(view.source.clone()),
                Cell::Time(view.at),
                view.agent.into(),
                view.purpose.into(),
                format!("{}/{}", view.service(), view.operated()).into(),
                view.country().into(),
                view.reason.unwrap_or(view.result).into(),
                found(view.values.iter()),
            ],
        );
    }

    /// Who received something, and what.
    fn receive(&mut self, view: &View<'_>) {
        for values in &view.values {
            if let Some(fates) = self.classes.at(values.class.to_owned()) {
                fates.add(values, &view.source);
            }
        }
        for (way, role) in [(Way::ToAgent, "agent"), (Way::ToService, "service")] {
            let mut values = view.values.iter().filter(|it| it.way == way).peekable();
            if values.peek().is_none() {
                continue;
            }
            let country = match way {
                Way::ToAgent => "this host",
                Way::ToService => view.country(),
            };
            let key = [view.recipient(way), role, country, view.purpose].map(str::to_owned);
            let Some(received) = self.recipients.at(key.into()) else {
                continue;
            };
            received.exchanges.add(1, &view.source);
            widen(&mut received.first, &mut received.last, view.at);
            for values in values {
                received.fates.add(values, &view.source);
            }
        }
    }

    fn overview(&self) -> Table {
        let title = if self.one {
            "In short"
        } else {
            "Scope in short"
        };
        let time = |time: Option<Timestamp>| time.map_or(Cell::from("never"), Cell::Time);
        let mut table = Table::new(title, "", &["what", "how many or when"]);
        table.rows = vec![
            vec!["exchanges".into(), self.exchanges.clone().into()],
            vec![
                "refused before anything went".into(),
                self.refused.clone().into(),
            ],
            vec![NAMED.into(), self.subjects.clone().into()],
            vec!["first".into(), time(self.first)],
            vec!["last".into(), time(self.last)],
        ];
        table
    }
}

fn widen(first: &mut Option<Timestamp>, last: &mut Option<Timestamp>, at: Timestamp) {
    *first = Some(first.map_or(at, |it| it.min(at)));
    *last = Some(last.map_or(at, |it| it.max(at)));
}

impl Fold for Concerning {
    fn take(&mut self, matter: &Matter) {
        let Some(view) = View::of(matter) else {
            return;
        };
        if view.is_stopped() {
            self.refused.add(1, &view.source);
        } else {
            self.exchanges.add(1, &view.source);
            for (name, value) in view.subjects() {
                self.subjects
                    .add(&[name, value], &view.source, &mut self.room);
            }
            widen(&mut self.first, &mut self.last, view.at);
            self.receive(&view);
        }
        if self.one {
            self.list(&view);
        }
    }

    fn answer(self: Box<Self>, _: Beside<'_>) -> Answer {
        let overview = self.overview();
        let mut columns = vec!["category of data"];
        columns.extend(Fates::COLUMNS);
        let classes = Table::new(
            "Categories of data",
            "What was found, and what became of it.",
            &columns,
        );
        let classes = self.classes.fill(classes, |class, it| {
            let mut row = vec![Cell::from(class)];
            row.extend(it.cells());
            row
        });
        let mut columns = vec!["recipient", "which is", "where", "purpose", "exchanges"];
        columns.extend(Fates::COLUMNS);
        columns.extend(["first", "last"]);
        let recipients = Table::new(
            "Recipients",
            "Who was handed something in which data was found.",
            &columns,
        );
        let recipients = self
            .recipients
            .fill(recipients, |(who, role, country, purpose), it| {
                let mut row = [who, role, country, purpose].map(Cell::from).to_vec();
                row.push(it.exchanges.into());
                row.extend(it.fates.cells());
                row.extend([it.first, it.last].into_iter().flatten().map(Cell::Time));
                row
            });
        let mut tables = vec![
            overview,
            classes.drawn("Values handed over by category", 0, 1),
            recipients,
        ];
        if self.one {
            let columns = [
                "record",
                "time",
                "agent",
                "purpose",
                "operation",
                "country",
                "result",
                "found",
            ];
            let note = "Every exchange that named the subject, refused ones too.";
            tables.push(self.lines.fill(Table::new("Exchanges", note, &columns)));
        }
        Answer::of(tables)
    }
}
