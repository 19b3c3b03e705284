//! What is processed, what for, and who receives it.

use std::collections::BTreeSet;

use audit::Matter;

use super::{Answer, Fates, Fold, NAMED};
use crate::{
    Beside,
    document::{Cell, Table},
    figure::{Distinct, Groups, Room, Tally},
    view::{View, Way},
};

/// Purpose, service, operation.
type Activity = (String, String, String);

#[derive(Default)]
struct Carried {
    exchanges: Tally,
    subjects: Distinct,
    classes: BTreeSet<String>,
    agents: BTreeSet<String>,
    bases: BTreeSet<String>,
    country: String,
    effect: String,
}

#[derive(Default)]
pub(super) struct Processing {
    room: Room,
    activities: Groups<Activity, Carried>,
    /// By class, recipient, and whether that is a service.
    recipients: Groups<(String, String, &'static str), Fates>,
}

/// Names of one kind in a row; the rest is in the log.
const NAMES_MAX: usize = 64;

impl Fold for Processing {
    fn take(&mut self, matter: &Matter) {
        let Some(view) = View::of(matter).filter(|it| !it.is_stopped()) else {
            return;
        };
        let [purpose, service, operation] =
            [view.purpose, view.service(), view.operated()].map(str::to_owned);
        if let Some(carried) = self.activities.at((purpose, service, operation)) {
            carried.take(&view, &mut self.room);
        }
        for values in &view.values {
            let role = match values.way {
                Way::ToAgent => "agent",
                Way::ToService => "service",
            };
            let recipient = view.recipient(values.way).to_owned();
            let key = (values.class.to_owned(), recipient, role);
            if let Some(fates) = self.recipients.at(key) {
                fates.add(values, &view.source);
            }
        }
    }

    fn answer(self: Box<Self>, _: Beside<'_>) -> Answer {
        let activities = Table::new(
            "Processing activities",
            "By purpose and operation. Bases are those of the rules that let the calls pass.",
            &[
                "purpose",
                "service",
                "operation",
                "effect",
                "country",
                "exchanges",
                NAMED,
                "categories of data",
                "recipients",
                "bases",
            ],
        );
        let activities = self
            .activities
            .fill(activities, |(purpose, service, operation), it| {
                vec![
                    purpose.into(),
                    service.into(),
                    operation.into(),
                    it.effect.into(),
                    it.country.into(),
                    it.exchanges.into(),
                    it.subjects.into(),
                    it.classes.into_iter().collect(),
                    it.agents.into_iter().collect(),
                    it.bases.into_iter().collect(),
                ]
            });
        let mut columns = vec!["category of data", "recipient", "which is"];
        columns.extend(Fates::COLUMNS);
        let recipients = Table::new(
            "Categories of data by recipient",
            "Reduced: masked, replaced, pseudonymised or the like. Withheld: nothing was handed over.",
            &columns,
        );
        let recipients = self
            .recipients
            .fill(recipients, |(class, recipient, role), it| {
                let mut row: Vec<Cell> = vec![class.into(), recipient.into(), role.into()];
                row.extend(it.cells());
                row
            });
        Answer::of([
            activities.drawn("Exchanges by operation", 2, 5),
            recipients.drawn("Values handed over by category", 0, 3),
        ])
    }
}

impl Carried {
    fn take(&mut self, view: &View<'_>, room: &mut Room) {
        self.exchanges.add(1, &view.source);
        for (name, value) in view.subjects() {
            self.subjects.add(&[name, value], &view.source, room);
        }
        let note = |names: &mut BTreeSet<String>, name: &str| {
            if names.len() < NAMES_MAX && !names.contains(name) {
                names.insert(name.to_owned());
            }
        };
        for values in &view.values {
            note(&mut self.classes, values.class);
        }
        note(&mut self.agents, view.agent);
        for basis in view.bases() {
            note(&mut self.bases, basis);
        }
        if self.effect.is_empty() {
            view.country().clone_into(&mut self.country);
            let effect = view.operation.map_or("", |it| &it.effect);
            effect.clone_into(&mut self.effect);
        }
    }
}
