//! What the generator itself counts, in ways of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::traffic::{self, AGENTS, Act, BASIS, CLASSES, End, HOST, PURPOSES, SERVICES};

/// With their categories in the CCPA.
const CATEGORIES: [(&str, &[usize]); 2] = [
    ("identifiers (1798.140(v)(1)(A))", &[0, 1]),
    ("sensitive personal information (1798.140(ae))", &[2, 3]),
];

/// Counts by a name that is made of all that they are counted by.
#[derive(Default)]
pub(crate) struct Journal {
    counts: BTreeMap<String, u64>,
    sessions: BTreeSet<(u64, u64)>,
    /// By purpose and service, one bit a subject.
    subjects: BTreeMap<(usize, usize), Vec<u64>>,
    /// One of them, about whom a report is made.
    pub(crate) one: u64,
}

impl Journal {
    /// With somebody about whom a report is made.
    pub(crate) fn about(one: u64) -> Self {
        Self {
            one,
            ..Self::default()
        }
    }

    fn add(&mut self, name: impl Into<String>, count: u64) {
        *self.counts.entry(name.into()).or_default() += count;
    }

    fn of(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or_default()
    }

    pub(crate) fn take(&mut self, act: &Act) {
        let agent = act.agent;
        self.add(format!("requests {agent}"), 1);
        self.add(format!("{:?} {agent}", act.end), 1);
        self.add(format!("{:?}", act.end), 1);
        self.sessions.insert((agent, act.session));
        self.add("gap", u64::from(act.gap));
        self.add("rows", act.rows);
        let (service, country) = SERVICES[act.service];
        let purpose = PURPOSES[act.purpose];
        let is_one = act.subject == self.one;
        if act.end == End::Refused {
            self.add("refused abroad", u64::from(country != HOST));
            self.add("one refused", u64::from(is_one));
        } else {
            self.add(format!("exchanges {purpose} {service}"), 1);
            self.add("one", u64::from(is_one));
            let bits = self.subjects.entry((act.purpose, act.service)).or_default();
            let at = usize::try_from(act.subject / 64).unwrap();
            if bits.len() <= at {
                bits.resize(at + 1, 0);
            }
            bits[at] |= 1 << (act.subject % 64);
        }
        let (mut out, mut back) = (false, false);
        for value in &act.values {
            let (fate, class, count) = (act.fate(value), CLASSES[value.class], value.count);
            let way = if value.to_service { "to" } else { "from" };
            self.add(format!("{fate} {agent}"), count);
            self.add(format!("{way} {fate}"), count);
            self.add(format!("{way} {class} {agent} {fate}"), count);
            self.add(format!("{way} {service} {purpose} {fate}"), count);
            if act.basis && country != HOST {
                self.add(format!("{way} {service} {fate} basis"), count);
            }
            self.add(format!("{way} {service} {class} {fate}"), count);
            self.add(format!("{} {class}", value.action), count);
            if is_one {
                self.add(format!("one {class} {fate}"), count);
            }
            if class.starts_with("phi.") && fate != "withheld" {
                out |= value.to_service;
                back |= !value.to_service;
            }
        }
        self.add("disclosures", u64::from(out) + u64::from(back));
    }

    fn subjects(&self, of: impl Fn(usize, usize) -> bool) -> u64 {
        let mut all: Vec<u64> = Vec::new();
        for ((purpose, service), bits) in &self.subjects {
            if of(*purpose, *service) {
                all.resize(all.len().max(bits.len()), 0);
                all.iter_mut()
                    .zip(bits)
                    .for_each(|(all, bits)| *all |= bits);
            }
        }
        all.iter().map(|bits| u64::from(bits.count_ones())).sum()
    }

    /// Holds the report of this kind to it.
    pub(crate) fn judge(&self, kind: &str, report: &Json) {
        let is = |table: &str, key: &[&str], column: &str, count: u64| {
            let told = figure(report, table, key, column);
            assert_eq!(told, count, "{kind}: {table} {key:?} {column}");
        };
        let sum = |table: &str, column: &str, count: u64| {
            assert_eq!(
                total(report, table, column),
                count,
                "{kind}: {table} {column}"
            );
        };
        match kind {
            "agents" => self.judge_agents(&is),
            "processing" => self.judge_processing(&is),
            "breach" => self.judge_breach(&is),
            "transfers" => self.judge_transfers(&is, &sum),
            "disclosures" => {
                let lines = self.of("disclosures");
                sum("By recipient and purpose", "disclosures", lines);
            }
            "necessity" => {
                let table = "Received and spared";
                sum(table, "values handed over", self.of("from shown"));
                sum(table, "values reduced", self.of("from reduced"));
                sum("Left out whole", "how many", self.of("rows"));
            }
            "policy" => {
                let refused = self.of("Refused");
                is("Refusals by rule", &["scope"], "requests refused", refused);
                for class in CLASSES {
                    let masked = self.of(&format!("mask {class}"));
                    let key = ["mask-rule", "mask", class];
                    is("Values by rule and action", &key, "values", masked);
                }
            }
            "gaps" => {
                sum("Not inspected", "exchanges", self.of("gap"));
                let key = ["exchanges without an end on record"];
                is("In short", &key, "how many", self.of("Open"));
            }
            "integrity" => {
                let (refused, open) = (self.of("Refused"), self.of("Open"));
                let all = refused + open + self.of("Failed") + self.of("Released");
                is("Records by kind", &["refuse"], "records", refused);
                is("Records by kind", &["open"], "records", all - refused);
                is(
                    "Records by kind",
                    &["close"],
                    "records",
                    all - refused - open,
                );
            }
            "collected" => self.judge_collected(&is),
            "subject" => {
                let column = "how many or when";
                is("In short", &["exchanges"], column, self.of("one"));
                let key = ["refused before anything went"];
                is("In short", &key, column, self.of("one refused"));
                for class in CLASSES {
                    let shown = self.of(&format!("one {class} shown"));
                    is("Categories of data", &[class], "values handed over", shown);
                }
            }
            other => panic!("nothing is counted for `{other}`"),
        }
    }

    fn judge_agents(&self, is: &impl Fn(&str, &[&str], &str, u64)) {
        for number in 0..AGENTS {
            let agent = traffic::agent(number);
            let of = |what: &str| self.of(&format!("{what} {number}"));
            let mine = self.sessions.range((number, 0)..(number + 1, 0)).count();
            for (column, count) in [
                ("requests", of("requests")),
                ("released", of("Released")),
                ("refused", of("Refused")),
                ("open", of("Open")),
                ("failed", of("Failed")),
                ("values handed over", of("shown")),
                ("values reduced", of("reduced")),
                ("values withheld", of("withheld")),
                ("sessions", mine as u64),
            ] {
                is("Agents", &[&agent], column, count);
            }
        }
    }

    fn judge_processing(&self, is: &impl Fn(&str, &[&str], &str, u64)) {
        for (at, purpose) in PURPOSES.into_iter().enumerate() {
            for (of, (service, _)) in SERVICES.into_iter().enumerate() {
                let key = [purpose, service, "read"];
                let table = "Processing activities";
                let exchanges = self.of(&format!("exchanges {purpose} {service}"));
                is(table, &key, "exchanges", exchanges);
                let named = self.subjects(|purpose, service| (purpose, service) == (at, of));
                is(table, &key, "parameters named", named);
            }
        }
        for class in CLASSES {
            for number in 0..AGENTS {
                let agent = traffic::agent(number);
                let shown = self.of(&format!("from {class} {number} shown"));
                let table = "Categories of data by recipient";
                is(table, &[class, &agent], "values handed over", shown);
            }
        }
    }

    fn judge_breach(&self, is: &impl Fn(&str, &[&str], &str, u64)) {
        let named = self.subjects(|_, _| true);
        let key = ["parameters named"];
        is("Scope in short", &key, "how many or when", named);
        for (service, country) in SERVICES {
            for purpose in PURPOSES {
                let key = [service, "service", country, purpose];
                let shown = self.of(&format!("to {service} {purpose} shown"));
                is("Recipients", &key, "values handed over", shown);
            }
        }
    }

    fn judge_transfers(
        &self,
        is: &impl Fn(&str, &[&str], &str, u64),
        sum: &impl Fn(&str, &str, u64),
    ) {
        for (service, country) in SERVICES {
            let ways = [("to", HOST, country), ("from", country, HOST)];
            for (way, from, to) in ways.into_iter().filter(|_| country != HOST) {
                let key = [from, to, service, BASIS];
                let of = |fate: &str| self.of(&format!("{way} {service} {fate} basis"));
                is("Transfers", &key, "values handed over", of("shown"));
                is("Transfers", &key, "values reduced", of("reduced"));
            }
        }
        let refused = self.of("refused abroad");
        sum("Transfers that were refused", "exchanges", refused);
    }

    fn judge_collected(&self, is: &impl Fn(&str, &[&str], &str, u64)) {
        for (table, way) in [
            ("Categories collected", "from"),
            ("Categories disclosed", "to"),
        ] {
            for (service, _) in SERVICES {
                for (category, classes) in CATEGORIES {
                    let of = |fate: &str| {
                        let one = |class: &usize| {
                            self.of(&format!("{way} {service} {} {fate}", CLASSES[*class]))
                        };
                        classes.iter().map(one).sum()
                    };
                    is(
                        table,
                        &[category, service],
                        "values as they are",
                        of("shown"),
                    );
                    is(table, &[category, service], "values reduced", of("reduced"));
                }
            }
        }
    }
}

fn table<'a>(report: &'a Json, title: &str) -> &'a Json {
    let tables = report["tables"].as_array().unwrap();
    let found = tables.iter().find(|it| it["title"] == title);
    found.unwrap_or_else(|| panic!("no table `{title}`"))
}

fn column(table: &Json, name: &str) -> usize {
    let columns = table["columns"].as_array().unwrap();
    let at = columns.iter().position(|it| it == name);
    at.unwrap_or_else(|| panic!("no column `{name}` in {columns:?}"))
}

/// The figure in a column of the row that begins with `key`; 0 if there is no such row.
fn figure(report: &Json, title: &str, key: &[&str], name: &str) -> u64 {
    let table = table(report, title);
    let at = column(table, name);
    let rows = table["rows"].as_array().unwrap();
    let mut rows = rows.iter().filter(|row| {
        let mut cells = key.iter().enumerate();
        cells.all(|(at, wanted)| row[at] == *wanted)
    });
    let found = rows
        .next()
        .map_or(0, |row| row[at]["value"].as_u64().unwrap());
    assert!(rows.next().is_none(), "two rows of {key:?}");
    found
}

/// The sum of a column.
fn total(report: &Json, title: &str, name: &str) -> u64 {
    let table = table(report, title);
    let at = column(table, name);
    let rows = table["rows"].as_array().unwrap();
    rows.iter()
        .map(|row| row[at]["value"].as_u64().unwrap())
        .sum()
}
