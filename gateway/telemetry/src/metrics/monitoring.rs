//! The alerts and the dashboard that are packaged speak of what `/metrics` tells: every expression names only
//! metrics, labels and classes of status that there are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    tests::{exchange, metrics},
    *,
};
use crate::FindingAttrs;

const RULES: &str = include_str!("../../../../xtask/package/monitoring/rules.yaml");
const DASHBOARD: &str = include_str!("../../../../xtask/package/monitoring/grafana.json");

/// What Prometheus adds to what it scrapes, and `up`, which it makes.
const SCRAPED: [&str; 2] = ["instance", "job"];

/// Metrics with their labels.
type Known = BTreeMap<String, BTreeSet<String>>;

/// What is told once everything was counted.
fn known() -> Known {
    let metrics = metrics();
    let findings = [FindingAttrs {
        class: "pii.email",
        path: "/email",
        count: 1,
        action: "mask",
    }];
    metrics.exchange(&Exchange {
        findings: &findings,
        ..exchange()
    });
    metrics.attributed(None);
    for watched in Watched::ALL {
        metrics.watch(watched, || 1).unwrap();
    }
    let mut known = Known::from([("up".to_owned(), BTreeSet::new())]);
    let text = metrics.render();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once(['{', ' ']).unwrap();
        let labels = known.entry(name.to_owned()).or_default();
        let pairs = rest.split_once('}').map_or("", |(pairs, _)| pairs);
        let names = pairs.split(',').filter_map(|pair| pair.split_once('='));
        labels.extend(names.map(|(name, _)| name.to_owned()));
    }
    known
}

/// The names in a piece of an expression.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| !word.is_empty())
}

/// What stands between each of these and the next `end`.
fn within<'t>(text: &'t str, begin: &'t str, end: char) -> impl Iterator<Item = &'t str> {
    let pieces = text.split(begin).skip(1);
    pieces.filter_map(move |rest| Some(rest.split_once(end)?.0))
}

/// What is wrong with an expression.
fn faults(known: &Known, expression: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let told: BTreeSet<&str> = known.values().flatten().map(String::as_str).collect();
    let is_told = |label: &str| told.contains(label) || SCRAPED.contains(&label);
    for name in names(expression).filter(|name| name.starts_with("tidegate_")) {
        if !known.contains_key(name) {
            wrong.push(format!("there is no metric `{name}`"));
        }
    }
    for matchers in within(expression, "{", '}') {
        for matcher in matchers.split(',') {
            let (label, value) = matcher.split_once('=').unwrap_or((matcher, ""));
            let label = label.trim().trim_end_matches('!');
            if !is_told(label) {
                wrong.push(format!("nothing has `{label}`"));
            }
            let value = value.trim_matches('"');
            if label == "status" && !STATUS_CLASSES.contains(&value) {
                wrong.push(format!("no status is `{value}`"));
            }
        }
    }
    let grouped = within(expression, "by (", ')').flat_map(names);
    let untold = grouped.filter(|label| !is_told(label));
    wrong.extend(untold.map(|label| format!("nothing has `{label}`")));
    wrong
}

#[test]
fn alerts_and_dashboard_ask_for_what_is_told() {
    let known = known();
    let rules: Value = serde_saphyr::from_str(RULES).unwrap();
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap().iter();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let expressions: Vec<&str> = rules
        .chain(targets)
        .map(|it| it["expr"].as_str().unwrap())
        .collect();
    assert!(expressions.len() > 20, "{expressions:?}");
    for expression in expressions {
        assert_eq!(
            faults(&known, expression),
            [] as [String; 0],
            "{expression}"
        );
    }
    for wrong in [
        "tidegate_request_total",
        "tidegate_requests_total{code=\"4xx\"}",
        "tidegate_requests_total{status=\"404\"}",
        "sum by (agent) (tidegate_requests_total)",
    ] {
        assert!(!faults(&known, wrong).is_empty(), "{wrong}");
    }
}
