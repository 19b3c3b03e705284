//! What went to another country, and on what basis.

use std::collections::BTreeSet;

use audit::{Event, Matter};
use jiff::Timestamp;

use super::{Answer, Fates, Fold};
use crate::{
    Beside,
    document::{Cell, Table},
    figure::{Distinct, Groups, Tally},
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
    from: Option<Timestamp>,
    routes: Groups<Route, Sent>,
    refused: Groups<(String, String, String), Tally>,
}

impl Transfers {
    pub(super) fn new(from: Option<Timestamp>) -> Self {
        Self {
            host: UNSTATED.to_owned(),
            from,
            routes: Groups::default(),
            refused: Groups::default(),
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
        if self.from.is_some_and(|from| view.at < from) || view.country() == self.host {
            return;
        }
        if view.result == "refused" {
            for policy in view.policies {
                let basis = policy.basis.as_deref().unwrap_or(UNSTATED);
                let key = [view.service(), &*policy.id, basis].map(str::to_owned);
                if let Some(tally) = self.refused.at(key.into()) {
                    tally.add(1, &view.source);
                }
            }
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
            for values in values {
                sent.fates.add(values, &view.source);
                if values.fate != Fate::Withheld {
                    sent.exchanges.add(1, &view.source);
                    sent.classes.insert(values.class.to_owned());
                }
            }
            for (name, value) in view.subjects() {
                sent.subjects.add(&[name, value], &view.source);
            }
        }
    }

    fn answer(self: Box<Self>, _: Beside<'_>) -> Answer {
        let mut columns = vec![
            "from",
            "to",
            "service",
            "mechanism",
            "exchanges",
            "data subjects named",
        ];
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
