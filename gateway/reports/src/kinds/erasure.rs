//! What was done about those who asked to be erased, and what of them is left to be counted.

use std::collections::BTreeMap;

use audit::{ERASED, Erasure, Event, Matter};
use jiff::Timestamp;

use super::{Answer, Fold};
use crate::{
    Beside, Source,
    document::{Cell, Table},
    figure::{Groups, LINES_MAX, Lines, Tally},
    view::{UNSTATED, View},
};

#[derive(Default)]
pub(super) struct Erasures {
    short: Short,
    acts: Lines,
    /// By handle: which act destroyed the key, when, and by which parameter it was found.
    destroyed: BTreeMap<String, (Source, Timestamp, String)>,
    /// Keys that there was no room for.
    untold: u64,
    /// By handle: what the gone key sealed.
    left: Groups<String, Tally>,
}

/// How many of each act.
#[derive(Default)]
struct Short {
    erased: Tally,
    refused: Tally,
    held: Tally,
    lifted: Tally,
    keys: Tally,
}

impl Fold for Erasures {
    fn take(&mut self, matter: &Matter) {
        if let Event::Erase(erasure) = &matter.entry.event {
            let record = matter.entry.index;
            let trace = None;
            return self.act(erasure, &Source { record, trace });
        }
        let Some(view) = View::of(matter) else {
            return;
        };
        for (_, value) in view.subjects() {
            let Some(handle) = value.strip_prefix(ERASED) else {
                continue;
            };
            if let Some(tally) = self.left.at(handle.to_owned()) {
                tally.add(1, &view.source);
            }
        }
    }

    fn answer(mut self: Box<Self>, _: Beside<'_>) -> Answer {
        let Short {
            erased,
            refused,
            held,
            lifted,
            keys,
        } = self.short;
        let mut short = Table::new("In short", "", &["what", "how many"]);
        short.rows = [
            ("erasures done", erased),
            ("erasures refused", refused),
            ("holds put", held),
            ("holds lifted", lifted),
            ("keys destroyed", keys),
        ]
        .map(|(what, tally)| vec![what.into(), tally.into()])
        .into();
        let columns = [
            "record",
            "time",
            "act",
            "parameter",
            "user id",
            "reason",
            "keys",
            "refused",
        ];
        let note =
            "Each is on record before it is done. Somebody with many keys takes several records.";
        let acts = self.acts.fill(Table::new("Acts", note, &columns));
        let columns = ["key", "parameter", "destroyed by", "time", "exchanges"];
        let note = "Exchanges that are on record of whom the key was about: that they were, and nobody can open who it \
                    was. A key that no act in this report destroyed was destroyed outside its scope.";
        let mut keys = Table::new("Keys destroyed", note, &columns);
        for (handle, (by, at, name)) in self.destroyed {
            let exchanges = self.left.take(&handle).unwrap_or_default();
            let by = Cell::Record(by);
            keys.rows.push(vec![
                handle.into(),
                name.into(),
                by,
                Cell::Time(at),
                exchanges.into(),
            ]);
        }
        keys.omitted = self.untold;
        let others = self.left.fill(Table::new("", "", &[]), |handle, it| {
            let unstated = || Cell::from(UNSTATED);
            vec![handle.into(), unstated(), unstated(), unstated(), it.into()]
        });
        keys.rows.extend(others.rows);
        keys.omitted += others.omitted;
        Answer::of([short, acts, keys])
    }
}

impl Erasures {
    fn act(&mut self, erasure: &Erasure, source: &Source) {
        let keys = erasure.keys.len() as u64;
        let short = &mut self.short;
        let tally = match (&*erasure.act, &erasure.refused) {
            (_, Some(_)) => &mut short.refused,
            ("hold", None) => &mut short.held,
            ("lift", None) => &mut short.lifted,
            (_, None) => &mut short.erased,
        };
        tally.add(1, source);
        let mut destroyed = Tally::default();
        if erasure.refused.is_none() {
            destroyed.add(keys, source);
            self.short.keys.add(keys, source);
            for handle in &erasure.keys {
                self.destroy(handle, erasure, source);
            }
        }
        self.acts.add(
            source.record,
            vec![
                Cell::Record(source.clone()),
                Cell::Time(erasure.at),
                Cell::from(&*erasure.act),
                erasure.name.as_str().into(),
                erasure.uid.to_string().into(),
                erasure.reason.as_str().into(),
                destroyed.into(),
                erasure.refused.as_deref().unwrap_or_default().into(),
            ],
        );
    }

    fn destroy(&mut self, handle: &str, erasure: &Erasure, source: &Source) {
        if self.destroyed.len() >= LINES_MAX {
            self.untold += 1;
            return;
        }
        let told = (source.clone(), erasure.at, erasure.name.clone());
        self.destroyed.entry(handle.to_owned()).or_insert(told);
    }
}
