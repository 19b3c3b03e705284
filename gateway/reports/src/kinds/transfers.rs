//! What went to another country, and on what basis.

use std::collections::BTreeSet;

use audit::{Event, Matter};

use super::{Answer, Fates, Fold, NAMED};
use crate::{
    Beside,
    document::{Cell, Table},
    figure::{Distinct, Groups, Room, Tally},
    view::{Fate, UNSTATED, View, Way},
};

/// From where, to where, by which service, on which basis.
type Route = (String, String, String, String);

#[derive(Default)]
struct Sent {
    exchanges: Tally,
    subjects: Distinct,
    fates: Fates,
    classes: BTreeSet<String>,
}

pub(super) struct Transfers {
    /// Where this host is, as the newest start said.
    host: String,
    room: Room,
    routes: Groups<Route, Sent>,
    refused: Groups<(String, String, String), Tally>,
}

impl Default for Transfers {
    fn default() -> Self {
        Self {
            host: UNSTATED.to_owned(),
            room: Room::default(),
            routes: Groups::default(),
            refused: Groups::default(),
        }
    }
}

impl Transfers {
    /// Before anything went the rules that took part refused; later those whose values blocked it, for the others had
    /// let it pass.
    fn refuse(&mut self, view: &View<'_>) {
        let before = view.bodies.is_none();
        let rules = view.policies.iter().filter(|_| before);
        let rules = rules.map(|it| (&*it.id, it.basis.as_deref().unwrap_or(UNSTATED)));
        let blocking = view.values.iter().filter(|it| it.action == "block");
        let blocking = blocking.map(|it| (it.rule.unwrap_or(UNSTATED), UNSTATED));
        let rules: BTreeSet<_> = rules.chain(blocking).collect();
        for (rule, basis) in rules {
            let key = [view.service(), rule, basis].map(str::to_owned);
            if let Some(tally) = self.refused.at(key.into()) {
                tally.add(1, &view.source);
            }
        }
    }
}

impl Fold for Transfers {
    fn take(&mut self, matter: &Matter) {
        if let Event::Start(start) = &matter.entry.event {
            start
                .country
                .as_deref()
                .unwrap_or(UNSTATED)
                .clone_into(&mut self.host);
        }
        let Some(view) = View::of(matter) else {
            return;
        };
        if view.country() == self.host {
            return;
        }
        if view.result == "refused" {
            self.refuse(&view);
        }
        for way in [Way::ToAgent, Way::ToService] {
            let mut values = view.values.iter().filter(|it| it.way == way).peekable();
            if values.peek().is_none() {
                continue;
            }
            let ends = match way {
                Way::ToAgent => [view.country(), &self.host],
                Way::ToService => [&self.host, view.country()],
            };
            let mechanism = view.basis();
            let key = [ends[0], ends[1], view.service(), &mechanism].map(str::to_owned);
            let Some(sent) = self.routes.at(key.into()) else {
                continue;
            };
            let mut went = false;
            for values in values {
                sent.fates.add(values, &view.source);
                if values.fate != Fate::Withheld {
                    went = true;
                    sent.classes.insert(values.class.to_owned());
                }
            }
            sent.exchanges.add(went.into(), &view.source);
            for (name, value) in view.subjects() {
                sent.subjects
                    .add(&[name, value], &view.source, &mut self.room);
            }
        }
    }

    fn answer(self: Box<Self>, _: Beside<'_>) -> Answer {
        let mut columns = vec!["from", "to", "service", "mechanism", "exchanges", NAMED];
        columns.extend(Fates::COLUMNS);
        columns.push("categories of data");
        let note = "Exchanges in which data was found and something went over. Countries as ISO 3166; \
                    both as the configuration states them.";
        let routes = self.routes.fill(
            Table::new("Transfers", note, &columns),
            |(from, to, service, basis), it| {
                let mut row = [from, to, service, basis].map(Cell::from).to_vec();
                row.extend([it.exchanges.into(), it.subjects.into()]);
                row.extend(it.fates.cells());
                row.push(it.classes.into_iter().collect());
                row
            },
        );
        let note = "Exchanges with services elsewhere that a rule refused.";
        let columns = ["service", "rule", "basis", "exchanges"];
        let refused = Table::new("Transfers that were refused", note, &columns);
        let refused = self.refused.fill(refused, |(service, rule, basis), it| {
            let mut row = [service, rule, basis].map(Cell::from).to_vec();
            row.push(it.into());
            row
        });
        let routes = routes.drawn("Values handed over by country", 1, 6);
        Answer::of([routes, refused])
    }
}
