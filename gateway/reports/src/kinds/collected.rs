//! Which categories of personal information were collected and disclosed, as the CCPA lists them.

use std::collections::{BTreeMap, BTreeSet};

use audit::Matter;
use classifiers::{Ccpa, DataClass};

use super::{Answer, Fates, Fold, NAMED};
use crate::{
    Beside,
    document::{Cell, Table},
    figure::{Distinct, Groups, Room},
    view::{Fate, View, Way},
};

/// Category, and from or to whom.
type Route = (String, String);

#[derive(Default)]
struct Carried {
    fates: Fates,
    subjects: Distinct,
    classes: BTreeSet<String>,
    purposes: BTreeSet<String>,
    places: BTreeSet<String>,
}

pub(super) struct Collected {
    /// What is nobody's information has no category.
    categories: BTreeMap<&'static str, Ccpa>,
    room: Room,
    received: Groups<Route, Carried>,
    disclosed: Groups<Route, Carried>,
}

impl Default for Collected {
    fn default() -> Self {
        let classes = DataClass::all().map(|class| (class.name(), class.ccpa()));
        Self {
            categories: classes.filter(|(_, it)| *it != Ccpa::None).collect(),
            room: Room::default(),
            received: Groups::default(),
            disclosed: Groups::default(),
        }
    }
}

impl Fold for Collected {
    fn take(&mut self, matter: &Matter) {
        let Some(view) = View::of(matter).filter(|it| !it.is_stopped()) else {
            return;
        };
        for values in &view.values {
            let category = self.categories.get(values.class);
            let Some(category) = category.filter(|_| values.fate != Fate::Withheld) else {
                continue;
            };
            let label = format!("{} ({})", category.title(), category.citation());
            let groups = match values.way {
                Way::ToAgent => &mut self.received,
                Way::ToService => &mut self.disclosed,
            };
            let Some(carried) = groups.at((label, view.service().to_owned())) else {
                continue;
            };
            carried.fates.add(values, &view.source);
            for (name, value) in view.subjects() {
                carried
                    .subjects
                    .add(&[name, value], &view.source, &mut self.room);
            }
            carried.classes.insert(values.class.to_owned());
            if carried.purposes.len() < PURPOSES_MAX {
                carried.purposes.insert(view.purpose.to_owned());
            }
            carried.places.insert(view.country().to_owned());
        }
    }

    fn answer(self: Box<Self>, _: Beside<'_>) -> Answer {
        let note = "What the business's agents received, by the service that it came from. Cal. Civ. Code \
                    1798.110(c)(1) to (3).";
        let collected = table("Categories collected", note, "source");
        let collected = fill(collected, self.received);
        let note = "What went to a service, by the service. Cal. Civ. Code 1798.110(c)(4), 1798.115(c)(2).";
        let disclosed = table("Categories disclosed", note, "recipient");
        let disclosed = fill(disclosed, self.disclosed);
        Answer::of([
            collected.drawn("Values collected by category", 0, FIRST_FATE),
            disclosed.drawn("Values disclosed by category", 0, FIRST_FATE),
        ])
    }
}

/// Purposes in a row; the rest is in the log.
const PURPOSES_MAX: usize = 64;

/// The column of values that were handed over as they are.
const FIRST_FATE: usize = 6;

fn table(title: &'static str, note: &'static str, other: &'static str) -> Table {
    let columns = [
        "category",
        other,
        "country",
        "kinds of data",
        "purposes",
        NAMED,
        "values as they are",
        "values reduced",
    ];
    Table::new(title, note, &columns)
}

fn fill(table: Table, groups: Groups<Route, Carried>) -> Table {
    groups.fill(table, |(category, other), it| {
        let [shown, reduced, _] = it.fates.cells();
        let names = |names: BTreeSet<String>| names.into_iter().collect::<Cell>();
        vec![
            category.into(),
            other.into(),
            names(it.places),
            names(it.classes),
            names(it.purposes),
            it.subjects.into(),
            shown,
            reduced,
        ]
    })
}
