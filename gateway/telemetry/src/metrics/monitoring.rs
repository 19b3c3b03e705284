//! The alerts and the dashboard that are packaged speak of what `/metrics` tells: every expression parses, and
//! names only metrics, labels and constant values that there are.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::{
    label::MatchOp,
    parser::{self, Expr, VectorSelector},
    util::{ExprVisitor, walk_expr},
};
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

/// Collects what an expression asks for that is not told.
struct Asked<'k> {
    known: &'k Known,
    wrong: Vec<String>,
    labels: BTreeSet<String>,
}

impl ExprVisitor for Asked<'_> {
    type Error = ();

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, ()> {
        match expr {
            Expr::VectorSelector(selector) => self.select(selector),
            Expr::MatrixSelector(matrix) => self.select(&matrix.vs),
            Expr::Aggregate(aggregate) => {
                let by = aggregate.modifier.iter().flat_map(|it| &it.labels().labels);
                self.labels.extend(by.cloned());
            }
            _ => {}
        }
        Ok(true)
    }
}

impl Asked<'_> {
    fn select(&mut self, selector: &VectorSelector) {
        let name = selector.name.clone().unwrap_or_default();
        let Some(labels) = self.known.get(&name) else {
            return self.wrong.push(format!("there is no metric `{name}`"));
        };
        for matcher in &selector.matchers.matchers {
            let label = matcher.name.as_str();
            if !labels.contains(label) && !SCRAPED.contains(&label) {
                self.wrong.push(format!("`{name}` has no `{label}`"));
            }
            let is_status = label == "status" && matcher.op == MatchOp::Equal;
            if is_status && !STATUS_CLASSES.contains(&matcher.value.as_str()) {
                self.wrong.push(format!("no status is `{}`", matcher.value));
            }
        }
    }
}

/// What is wrong with an expression.
fn faults(known: &Known, expression: &str) -> Vec<String> {
    let expression = expression.replace("$__rate_interval", "5m");
    let parsed = parser::parse(&expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let mut asked = Asked {
        known,
        wrong: Vec::new(),
        labels: BTreeSet::new(),
    };
    walk_expr(&mut asked, &parsed).unwrap();
    let told: BTreeSet<&str> = known.values().flatten().map(String::as_str).collect();
    let untold = asked.labels.iter().map(String::as_str);
    let untold = untold.filter(|it| !told.contains(it) && !SCRAPED.contains(it));
    asked
        .wrong
        .extend(untold.map(|it| format!("nothing has `{it}`")));
    asked.wrong
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
