//! Reports against what a generator wrote down of its own doings, and what they look like.

mod journal;

use audit::{Anchor, Entry, Event, Expired, Finding, Matter};
use proptest::prelude::*;
use serde_json::{Value, json};

use self::journal::{Act, End, Journal};
use crate::{
    Beside, Cell, Document, Form, Grant, Grants, Kind, Outcome, Proof, Proofs, Report, Scope, Table,
};

fn anchor() -> Anchor {
    Anchor {
        log: "tidegate/0011223344556677".into(),
        size: 4096,
        root: "ab".repeat(32),
        checkpoint: "tidegate/0011223344556677\n4096\nq6ur\n\n— a signature\n".into(),
    }
}

fn report(kind: Kind, scope: Scope, matters: &[Matter]) -> Document {
    let mut report = Report::new(kind, scope).unwrap();
    report.take(&journal::start());
    for matter in matters {
        report.take(matter);
    }
    report.finish(anchor(), Beside::default())
}

fn of(kind: Kind, journal: &Journal) -> Document {
    report(kind, Scope::default(), &journal.matters())
}

/// Something on record that is no exchange.
fn other(index: u64, mut act: Value) -> Matter {
    act["at"] = journal::time(index).into();
    Matter {
        entry: journal::entry(index, act, json!({})),
        closing: None,
    }
}

fn table<'a>(document: &'a Document, title: &str) -> &'a Table {
    let mut tables = document.tables.iter();
    tables.find(|it| it.title == title).unwrap()
}

/// The figure in column `column` of the row that begins with `key`; 0 if there is no such row.
fn figure(table: &Table, key: &[&str], column: &str) -> u64 {
    let at = table.columns.iter().position(|it| *it == column).unwrap();
    let mut rows = table.rows.iter().filter(|row| {
        key.iter()
            .zip(row.iter())
            .all(|(wanted, cell)| cell.text() == *wanted)
    });
    let found = rows.next().map_or(0, |row| match &row[at] {
        Cell::Figure(figure) => {
            assert!(figure.evidence.records <= figure.value);
            assert_eq!(figure.value == 0, figure.evidence.records == 0);
            figure.value
        }
        other => panic!("{other:?} is no figure"),
    });
    assert!(rows.next().is_none(), "two rows of {key:?}");
    found
}

/// The sum of a column.
fn sum(table: &Table, column: &str) -> u64 {
    let at = table.columns.iter().position(|it| *it == column).unwrap();
    let value = |row: &Vec<Cell>| match &row[at] {
        Cell::Figure(figure) => figure.value,
        other => panic!("{other:?} is no figure"),
    };
    table.rows.iter().map(value).sum()
}

fn count(journal: &Journal, is: impl Fn(&Act) -> bool) -> u64 {
    journal.acts.iter().filter(|it| is(it)).count() as u64
}

/// How many values of those acts went that way and met that fate.
fn values(journal: &Journal, is: impl Fn(&Act, &journal::Value) -> bool) -> u64 {
    let acts = journal.acts.iter();
    let all = acts.flat_map(|act| act.values.iter().map(move |value| (act, value)));
    all.filter(|(act, value)| is(act, value))
        .map(|(_, value)| value.count)
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_agents_did_is_what_the_generator_did(seed: u64) {
        let journal = Journal::new(seed, 300);
        let document = of(Kind::Agents, &journal);
        let agents = table(&document, "Agents");
        for agent in journal::AGENTS {
            let mine = |end: Option<End>| count(&journal, |it| {
                it.agent == agent && end.is_none_or(|end| it.end == end)
            });
            let is = |column| figure(agents, &[agent], column);
            assert_eq!(is("requests"), mine(None));
            assert_eq!(is("released"), mine(Some(End::Released)));
            assert_eq!(is("refused"), mine(Some(End::Refused)));
            assert_eq!(is("open"), mine(Some(End::Open)));
            assert_eq!(is("failed"), mine(Some(End::Failed)));
            let fate = |fate| values(&journal, |act, it| act.agent == agent && act.fate(it) == fate);
            assert_eq!(is("values handed over"), fate("shown"));
            assert_eq!(is("values reduced"), fate("reduced"));
            assert_eq!(is("values withheld"), fate("withheld"));
            let sessions: std::collections::BTreeSet<_> = journal.acts.iter()
                .filter(|it| it.agent == agent).map(|it| &it.session).collect();
            assert_eq!(is("sessions"), sessions.len() as u64);
        }
        assert_eq!(sum(table(&document, "Days"), "requests"), 300);
    }

    #[test]
    fn processing_is_what_the_generator_did(seed: u64) {
        let journal = Journal::new(seed, 300);
        let document = of(Kind::Processing, &journal);
        let activities = table(&document, "Processing activities");
        for purpose in journal::PURPOSES {
            for (service, _) in journal::SERVICES {
                let mine = |it: &Act| {
                    it.end != End::Refused && it.purpose == purpose && it.service == service
                };
                let key = [purpose, service, "read"];
                assert_eq!(figure(activities, &key, "exchanges"), count(&journal, mine));
                let subjects: std::collections::BTreeSet<_> = journal.acts.iter()
                    .filter(|it| mine(it)).map(|it| &it.subject).collect();
                assert_eq!(figure(activities, &key, "parameters named"), subjects.len() as u64);
            }
        }
        let recipients = table(&document, "Categories of data by recipient");
        for class in journal::CLASSES {
            for agent in journal::AGENTS {
                let shown = values(&journal, |act, it| act.agent == agent && !it.to_service
                    && it.class == class && act.fate(it) == "shown" && act.end != End::Refused);
                assert_eq!(figure(recipients, &[class, agent], "values handed over"), shown);
            }
        }
    }

    #[test]
    fn one_subject_and_a_breach_are_what_the_generator_did(seed: u64) {
        let journal = Journal::new(seed, 300);
        let one = &journal.acts[0].subject;
        let mine: Vec<Matter> = journal.acts.iter().zip(journal.matters())
            .filter(|(act, _)| act.subject == *one).map(|(_, matter)| matter).collect();
        let scope = Scope { subject: format!("customer={one}").parse().ok(), ..Scope::default() };
        let document = report(Kind::Subject, scope, &mine);
        assert_eq!(table(&document, "Exchanges").rows.len(), mine.len());
        let about = |act: &Act| act.subject == *one;
        let short = table(&document, "In short");
        let is = |what| figure(short, &[what], "how many or when");
        assert_eq!(is("exchanges"), count(&journal, |it| about(it) && it.end != End::Refused));
        assert_eq!(is("refused before anything went"), count(&journal, |it| about(it) && it.end == End::Refused));
        for class in journal::CLASSES {
            let shown = values(&journal, |act, it| about(act) && act.end != End::Refused
                && it.class == class && act.fate(it) == "shown");
            assert_eq!(figure(table(&document, "Categories of data"), &[class], "values handed over"), shown);
        }
        let breach = of(Kind::Breach, &journal);
        let subjects: std::collections::BTreeSet<_> = journal.acts.iter()
            .filter(|it| it.end != End::Refused).map(|it| &it.subject).collect();
        let named = figure(table(&breach, "Scope in short"), &["parameters named"], "how many or when");
        assert_eq!(named, subjects.len() as u64);
        for (service, country) in journal::SERVICES {
            for purpose in journal::PURPOSES {
                let key = [service, "service", country, purpose];
                let shown = values(&journal, |act, it| act.end != End::Refused && act.service == service
                    && act.purpose == purpose && it.to_service && act.fate(it) == "shown");
                assert_eq!(figure(table(&breach, "Recipients"), &key, "values handed over"), shown);
            }
        }
    }

    #[test]
    fn transfers_are_what_the_generator_did(seed: u64) {
        let journal = Journal::new(seed, 300);
        let document = of(Kind::Transfers, &journal);
        let transfers = table(&document, "Transfers");
        for (service, country) in journal::SERVICES {
            for (from, to, to_service) in [(journal::HOST, country, true), (country, journal::HOST, false)] {
                let key = [from, to, service, journal::BASIS];
                let is = |fate: &str| values(&journal, |act, it| act.service == service
                    && act.end != End::Refused && act.basis && country != journal::HOST
                    && it.to_service == to_service && act.fate(it) == fate);
                assert_eq!(figure(transfers, &key, "values handed over"), is("shown"));
                assert_eq!(figure(transfers, &key, "values reduced"), is("reduced"));
            }
        }
        let refused = table(&document, "Transfers that were refused");
        let expected = count(&journal, |it| it.end == End::Refused && it.country != journal::HOST);
        assert_eq!(sum(refused, "exchanges"), expected);
    }

    #[test]
    fn health_and_necessity_are_what_the_generator_did(seed: u64) {
        let journal = Journal::new(seed, 300);
        let document = of(Kind::Disclosures, &journal);
        let gone = |act: &Act, to_service: bool| act.values.iter().any(|it| {
            it.to_service == to_service && it.class.starts_with("phi.") && act.fate(it) != "withheld"
        });
        let lines = count(&journal, |it| gone(it, true)) + count(&journal, |it| gone(it, false));
        assert_eq!(table(&document, "Disclosures").rows.len() as u64, lines);
        assert_eq!(sum(table(&document, "By recipient and purpose"), "disclosures"), lines);
        let document = of(Kind::Necessity, &journal);
        let received = table(&document, "Received and spared");
        let is = |fate: &str| values(&journal, |act, it| !it.to_service && act.fate(it) == fate);
        assert_eq!(sum(received, "values handed over"), is("shown"));
        assert_eq!(sum(received, "values reduced"), is("reduced"));
        let rows: u64 = journal.acts.iter().map(|it| it.rows).sum();
        assert_eq!(sum(table(&document, "Left out whole"), "how many"), rows);
    }

    #[test]
    fn rules_and_gaps_are_what_the_generator_did(seed: u64) {
        let journal = Journal::new(seed, 300);
        let document = of(Kind::Policy, &journal);
        let refusals = table(&document, "Refusals by rule");
        let expected = count(&journal, |it| it.end == End::Refused);
        assert_eq!(figure(refusals, &["scope"], "requests refused"), expected);
        let changed = table(&document, "Values by rule and action");
        for class in journal::CLASSES {
            let masked = values(&journal, |_, it| it.class == class && it.action == "mask");
            assert_eq!(figure(changed, &["mask-rule", "mask", class], "values"), masked);
        }
        let document = of(Kind::Gaps, &journal);
        let blind = count(&journal, |it| it.gap);
        assert_eq!(sum(table(&document, "Not inspected"), "exchanges"), blind);
        let open = count(&journal, |it| it.end == End::Open);
        let short = table(&document, "In short");
        assert_eq!(figure(short, &["exchanges without an end on record"], "how many"), open);
        let document = of(Kind::Integrity, &journal);
        let kinds = table(&document, "Records by kind");
        assert_eq!(figure(kinds, &["refuse"], "records"), expected);
        assert_eq!(figure(kinds, &["open"], "records"), 300 - expected);
        assert_eq!(figure(kinds, &["close"], "records"), 300 - expected - open);
    }

    #[test]
    fn what_was_collected_and_disclosed_is_what_the_generator_did(seed: u64) {
        let journal = Journal::new(seed, 300);
        let document = of(Kind::Collected, &journal);
        for (title, to_service) in [("Categories collected", false), ("Categories disclosed", true)] {
            let table = table(&document, title);
            for (service, _) in journal::SERVICES {
                for (category, classes) in journal::CATEGORIES {
                    let is = |fate: &str| values(&journal, |act, it| act.service == service
                        && act.end != End::Refused && it.to_service == to_service
                        && classes.contains(&it.class) && act.fate(it) == fate);
                    assert_eq!(figure(table, &[category, service], "values as they are"), is("shown"));
                    assert_eq!(figure(table, &[category, service], "values reduced"), is("reduced"));
                }
            }
        }
    }

    #[test]
    fn what_is_granted_is_used_as_the_generator_used_it(seed: u64) {
        let journal = Journal::new(seed, 60);
        let grants = Grants {
            agents: journal::AGENTS.iter().chain(&["spiffe://a.example/idle"])
                .map(|&it| it.to_owned()).collect(),
            ..Grants::default()
        };
        let mut report = Report::new(Kind::Unused, Scope::default()).unwrap();
        journal.matters().iter().for_each(|matter| report.take(matter));
        let beside = Beside { grants: Some(&grants), ..Beside::default() };
        let document = report.finish(anchor(), beside);
        let agents = table(&document, "Agents");
        assert_eq!(agents.rows[0][0].text(), "spiffe://a.example/idle");
        assert_eq!(agents.rows.len(), grants.agents.len());
        for agent in &grants.agents {
            let calls = count(&journal, |it| it.agent == agent && it.end != End::Refused);
            assert_eq!(figure(agents, &[agent], "calls"), calls);
        }
    }

    #[test]
    fn access_is_what_the_generator_used(seed: u64) {
        let journal = Journal::new(seed, 120);
        let mut matters = journal.matters();
        let acts = [
            json!({ "kind": "query", "command": "console show", "uid": 7,
                "criteria": { "user": "eva", "role": "auditor" } }),
            json!({ "kind": "query", "command": "search", "uid": 7, "criteria": {} }),
            json!({ "kind": "revoke", "what": "agent", "id": "a", "reason": "why", "lifted": false }),
            json!({ "kind": "policies", "uid": 7, "before": "b", "after": "c", "policies": 3 }),
            json!({ "kind": "reveal", "operator": "o", "purpose": "p", "token": "t" }),
        ];
        matters.extend(acts.into_iter().zip(1000..).map(|(act, at)| other(at, act)));
        let document = report(Kind::Access, Scope::default(), &matters);
        let (used, refused) = (table(&document, "Access used"), table(&document, "Access refused"));
        for agent in journal::AGENTS {
            for (service, _) in journal::SERVICES {
                for purpose in journal::PURPOSES {
                    let mine = |it: &Act| it.agent == agent && it.service == service
                        && it.purpose == purpose && it.end != End::Refused;
                    let key = [agent, &format!("{service}/read"), "read", purpose];
                    assert_eq!(figure(used, &key, "exchanges"), count(&journal, mine));
                    let shown = values(&journal, |act, it| mine(act) && act.fate(it) == "shown");
                    assert_eq!(figure(used, &key, "values handed over"), shown);
                }
                let mine = |it: &Act| {
                    it.agent == agent && it.service == service && it.end == End::Refused
                };
                let key = [agent, &format!("{service}/read"), "task_scope"];
                assert_eq!(figure(refused, &key, "attempts"), count(&journal, mine));
            }
            let opened = |it: &Act| it.agent == agent && it.end != End::Refused;
            let proven = table(&document, "Proof of callers");
            assert_eq!(figure(proven, &[agent, "kernel"], "exchanges"), count(&journal, opened));
        }
        let people = table(&document, "People at the log");
        assert_eq!(figure(people, &["eva (auditor)", "console show"], "times"), 1);
        assert_eq!(figure(people, &["uid 7", "search"], "times"), 1);
        let changed = &table(&document, "Access changed").rows;
        let changed: Vec<_> = changed.iter().map(|row| row[2].text()).collect();
        assert_eq!(changed, ["revoked", "policies replaced"]);
        let revealed = table(&document, "Tokens revealed");
        assert_eq!(figure(revealed, &["o", "not stated", "not stated", "told"], "times"), 1);
    }

    #[test]
    fn who_was_erased_is_counted_by_the_keys_that_are_gone(seed: u64) {
        let mut journal = Journal::new(seed, 200);
        let (first, second) = ("erased:0a".to_owned(), "erased:0b".to_owned());
        for act in &mut journal.acts {
            match &*act.subject {
                "C-1" | "C-2" => act.subject = first.clone(),
                "C-3" => act.subject = second.clone(),
                _ => {}
            }
        }
        let mut matters = journal.matters();
        let acts = [
            json!({ "act": "erase", "reason": "asked", "keys": ["0a", "0c"] }),
            json!({ "act": "hold", "reason": "claim", "keys": [] }),
            json!({ "act": "erase", "reason": "asked", "keys": ["0d"], "refused": "legal_hold" }),
            json!({ "act": "lift", "reason": "over", "keys": [] }),
        ];
        for (mut act, at) in acts.into_iter().zip(1000..) {
            let more = json!({ "kind": "erase", "uid": 7, "name": "customer" });
            act.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            matters.push(other(at, act));
        }
        let document = report(Kind::Erasure, Scope::default(), &matters);
        let short = table(&document, "In short");
        let is = |what| figure(short, &[what], "how many");
        assert_eq!([is("erasures done"), is("erasures refused")], [1, 1]);
        assert_eq!([is("holds put"), is("holds lifted"), is("keys destroyed")], [1, 1, 2]);
        assert_eq!(table(&document, "Acts").rows.len(), 4);
        let keys = table(&document, "Keys destroyed");
        let named = |subject: &str| count(&journal, |it| it.subject == subject);
        assert_eq!(figure(keys, &["0a", "customer", "1000"], "exchanges"), named(&first));
        assert_eq!(figure(keys, &["0c", "customer", "1000"], "exchanges"), 0);
        // Its act is not in this report.
        assert_eq!(figure(keys, &["0b", "not stated"], "exchanges"), named(&second));
        assert!(!keys.rows.iter().any(|row| row[0].text() == "0d"));
    }

    #[test]
    fn the_same_matters_make_the_same_bytes(seed: u64) {
        let journal = Journal::new(seed, 40);
        for kind in Kind::ALL.into_iter().filter(|it| *it != Kind::Subject) {
            for form in [Form::Html, Form::Csv, Form::Json, Form::Oscal] {
                let [one, other] = [(), ()].map(|()| of(kind, &journal).written(form).unwrap());
                assert_eq!(one, other, "{kind:?} {form:?}");
            }
        }
    }
}

#[test]
fn what_expired_is_told_and_in_no_figure() {
    let journal = Journal::new(7, 40);
    let whole = of(Kind::Agents, &journal);
    let mut matters = journal.matters();
    let gone = |at: u64| Matter {
        entry: Entry {
            index: at,
            event: Event::Expired(Expired {
                at: jiff::Timestamp::UNIX_EPOCH,
                was: audit::Kind::Open,
                opening: None,
                key: 1,
                expiry: 4711,
            }),
        },
        closing: None,
    };
    matters.splice(0..0, [gone(900), gone(901)]);
    let document = report(Kind::Agents, Scope::default(), &matters);
    let note = "2 records of this time have expired, and are in no figure: their keys were destroyed, as records 4711 say.";
    assert!(
        document.notes.iter().any(|it| it == note),
        "{:?}",
        document.notes
    );
    let told = |document: &Document| serde_json::to_value(&document.tables).unwrap();
    assert_eq!(told(&document), told(&whole));
    assert_eq!(document.covered, whole.covered);
}

#[test]
fn a_report_about_one_person_needs_one_and_one_about_nobody_takes_none() {
    assert!(Report::new(Kind::Subject, Scope::default()).is_err());
    let subject = "customer=C-1".parse().ok();
    let scope = Scope {
        subject,
        ..Scope::default()
    };
    assert!(Report::new(Kind::Erasure, scope).is_err());
}

#[test]
fn what_looks_like_markup_or_a_formula_is_neither() {
    let mut journal = Journal::new(7, 1);
    let act = &mut journal.acts[0];
    act.purpose = "<script>alert(1)</script>";
    act.subject = "=1+1".into();
    act.end = End::Released;
    let document = of(Kind::Processing, &journal);
    let html = String::from_utf8(document.written(Form::Html).unwrap()).unwrap();
    assert!(
        !html.contains("<script") && html.contains("&lt;script&gt;"),
        "{html}"
    );
    let subject = Scope {
        subject: "customer=C-1".parse().ok(),
        ..Scope::default()
    };
    journal.acts[0].purpose = "=cmd|'/c calc'!A1";
    let document = report(Kind::Subject, subject, &journal.matters());
    let text = String::from_utf8(document.written(Form::Csv).unwrap()).unwrap();
    assert!(text.contains("'=cmd") && !text.contains(",=cmd"), "{text}");
}

#[test]
fn a_log_that_does_not_hold_is_said_not_to() {
    let mut verdict = audit::Report {
        size: 10,
        signed: 10,
        ..audit::Report::default()
    };
    let make = |verdict: &audit::Report| {
        let report = Report::new(Kind::Integrity, Scope::default()).unwrap();
        let document = report.finish(
            anchor(),
            Beside {
                verdict: Some(verdict),
                ..Beside::default()
            },
        );
        String::from_utf8(document.written(Form::Csv).unwrap()).unwrap()
    };
    assert!(make(&verdict).contains("no record was changed"));
    let (size, signed) = (9, 10);
    verdict.findings.push(Finding::Truncated { size, signed });
    let text = make(&verdict);
    assert!(
        text.contains("NOT INTACT") && !text.contains("no record was changed"),
        "{text}"
    );
}

#[test]
fn what_was_proven_is_told_with_the_case_against_it() {
    let proof = |id: &str, outcome| Proof {
        invariant: Grant {
            id: id.into(),
            reason: Some("no secret leaves".into()),
            basis: None,
        },
        action: "disclose",
        outcome,
    };
    let proofs = Proofs {
        policies: "ab".repeat(32),
        invariants: "cd".repeat(32),
        proofs: vec![
            proof("one", Outcome::Holds),
            proof(
                "two",
                Outcome::Refuted("    a session of  x\n    calls  y\n".into()),
            ),
            proof("three", Outcome::Undecided("no time".into())),
        ],
    };
    let report = Report::new(Kind::Proofs, Scope::default()).unwrap();
    let beside = Beside {
        proofs: Some(&proofs),
        ..Beside::default()
    };
    let document = report.finish(anchor(), beside);
    let text = String::from_utf8(document.written(Form::Csv).unwrap()).unwrap();
    insta::assert_snapshot!("proofs", text);
}

#[test]
fn forms_look_like_this() {
    let journal = Journal::new(11, 6);
    let document = of(Kind::Breach, &journal);
    for (form, name) in [
        (Form::Html, "html"),
        (Form::Csv, "csv"),
        (Form::Json, "json"),
        (Form::Oscal, "oscal"),
    ] {
        let text = String::from_utf8(document.written(form).unwrap()).unwrap();
        // A line for each element, so that a change of one is seen as that.
        let text = if form == Form::Html {
            text.replace("><", ">\n<")
        } else {
            text
        };
        insta::assert_snapshot!(name, text);
    }
}
