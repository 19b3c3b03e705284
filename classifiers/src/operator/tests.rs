use std::sync::Arc;

use super::*;
use crate::{Context, DataClass as D, KeyCache, Name, Spot, ValueKind, classify_value_with};

fn rule(name: &str, change: impl FnOnce(&mut Rule)) -> Rule {
    let mut rule = Rule {
        name: name.to_owned(),
        class: "pii.customer_id".to_owned(),
        pattern: Some(r"\bEMP-\d{6}\b".to_owned()),
        ..Rule::default()
    };
    change(&mut rule);
    rule
}

/// What is found under a field name.
fn found<'a>(rules: &[Rule], field: &str, value: &'a str) -> Vec<(D, &'static str, &'a str)> {
    let operator = Arc::new(compile(rules).unwrap());
    let mut cache = KeyCache::with_operator(Arc::clone(&operator));
    let context = Context::root().member(field.as_bytes(), &mut cache);
    let mut findings = Vec::new();
    classify_value_with(
        &operator,
        &context,
        ValueKind::Text,
        value.as_bytes(),
        &mut findings,
    );
    findings
        .iter()
        .map(|finding| {
            let range = finding.start.try_into().unwrap()..finding.end.try_into().unwrap();
            (finding.class, finding.detector, value.get(range).unwrap())
        })
        .collect()
}

#[test]
fn no_value_is_passed_over_where_an_operator_looks() {
    let operator = Arc::new(compile(&[rule("employee-number", |_| {})]).unwrap());
    for (mut cache, passes) in [
        (KeyCache::new(), true),
        (KeyCache::with_operator(operator), false),
    ] {
        let root = Spot::root();
        let mut member = root;
        root.move_to(&mut member, &Name::of(b"status"), &mut cache);
        let (mut element, mut outermost) = (root, root);
        member.move_to_element(&mut element, &mut cache);
        root.move_to_element(&mut outermost, &mut cache);
        for spot in [member, element, outermost] {
            assert_eq!((spot.is_quiet(), spot.is_untold()), (passes, passes));
        }
    }
}

#[test]
fn a_pattern_finds_under_its_own_name() {
    let rules = [rule("employee-number", |_| {})];
    assert_eq!(
        found(&rules, "note", "ask EMP-123456 or ann@example.com"),
        [
            (D::CUSTOMER_ID, "employee-number", "EMP-123456"),
            (D::EMAIL, "email", "ann@example.com"),
        ]
    );
    assert!(found(&rules, "note", "EMP-12").is_empty());
}

#[test]
fn a_group_called_value_is_what_is_found() {
    let rules = [rule("badge", |rule| {
        rule.pattern = Some(r"badge (?P<value>\d{5})".to_owned());
    })];
    assert_eq!(
        found(&rules, "note", "badge 48213"),
        [(D::CUSTOMER_ID, "badge", "48213")]
    );
}

#[test]
fn fields_scope_a_detector_in_any_spelling() {
    let rules = [
        rule("badge", |rule| {
            rule.pattern = Some(r"^\d{5}$".to_owned());
            rule.fields = vec!["badge_number".to_owned(), "badgeNo".to_owned()];
        }),
        rule("desk", |rule| {
            rule.pattern = None;
            rule.fields = vec!["badgeNumber".to_owned(), "desk".to_owned()];
            rule.validator = Some("luhn".to_owned());
        }),
    ];
    for field in ["badgeNumber", "BADGE-NO"] {
        assert_eq!(
            found(&rules, field, "48213"),
            [(D::CUSTOMER_ID, "badge", "48213")]
        );
    }
    assert_eq!(
        found(&rules, "desk", "79927398713"),
        [(D::CUSTOMER_ID, "desk", "79927398713")]
    );
    assert!(found(&rules, "desk", "79927398714").is_empty());
    assert!(found(&rules, "batch", "48213").is_empty());
}

#[test]
fn words_and_checks_are_required() {
    let rules = [rule("member", |rule| {
        rule.pattern = Some(r"\b[\d-]{11,16}\b".to_owned());
        rule.words = vec!["Member".to_owned()];
        rule.validator = Some("luhn".to_owned());
        rule.longest_value = Some(200);
    })];
    assert_eq!(
        found(&rules, "note", "the member 7992-7398-713"),
        [(D::CUSTOMER_ID, "member", "7992-7398-713")]
    );
    assert!(found(&rules, "note", "the member 7992-7398-714").is_empty());
    assert!(found(&rules, "note", "remembered 7992-7398-713").is_empty());
    let long = format!("member 7992-7398-713 {}", "x".repeat(200));
    assert!(found(&rules, "note", &long).is_empty());
}

#[track_caller]
fn check_fault(rule: Rule, key: &str, what: &str) {
    let faults = compile(&[rule]).unwrap_err();
    let fault = faults.first().unwrap();
    assert_eq!(fault.key, key, "{fault}");
    assert!(fault.what.contains(what), "{fault}");
    assert!(!fault.mend.is_empty());
}

#[test]
fn faults_name_the_key_and_the_mend() {
    let patterns = [
        ("empty text", r"(EMP-\d+)?"),
        ("unclosed group", "(EMP"),
        ("every value", r"[A-Z]{2}\d{6}"),
        ("size limit", r"EMP-(?:\w{1,900}){1,900}"),
        ("longer than", &"x".repeat(2000)),
        ("backreferences", r"(EMP)\1"),
        (
            "nested",
            &["(".repeat(40), "EMP".to_owned(), ")".repeat(40)].concat(),
        ),
    ];
    for (what, pattern) in patterns {
        let rule = rule("a", |rule| rule.pattern = Some(pattern.to_owned()));
        check_fault(rule, "pattern", what);
    }
    let text = |text: &str| Some(text.to_owned());
    check_fault(rule("Employee Number", |_| {}), "name", "no name");
    let plain = || rule("a", |_| {});
    #[rustfmt::skip]
    let cases = [
        ("pattern", "neither a pattern", Rule { pattern: None, ..plain() }),
        ("class", "no class `x`", Rule { class: "x".to_owned(), ..plain() }),
        ("literal", "shorter than", Rule { literal: text("E"), ..plain() }),
        ("validator", "no check `sum`", Rule { validator: text("sum"), ..plain() }),
        ("confidence", "percentage", Rule { confidence: Some(101), ..plain() }),
        ("fields", "neither letters", Rule { fields: vec!["--".to_owned()], ..plain() }),
    ];
    for (key, what, rule) in cases {
        check_fault(rule, key, what);
    }
    let unbounded = |rule: &mut Rule| {
        rule.pattern = text(r"[A-Z]{2}\d{6}");
        rule.longest_value = Some(1_000_000);
    };
    check_fault(rule("a", unbounded), "longest_value", "bound");
    let twice = [rule("a", |_| {}), rule("a", |_| {})];
    let faults = compile(&twice).unwrap_err();
    assert_eq!(
        faults.first().unwrap().to_string(),
        "classifier `a`, `name`: another classifier has this name"
    );
    assert_eq!(faults.first().unwrap().rule, 1);
}

#[test]
fn examples_are_tried() {
    let rules = [rule("employee-number", |rule| {
        rule.matches = vec!["EMP-123456".to_owned(), "EMP-1".to_owned()];
        rule.no_match = vec!["EMPLOYEE".to_owned(), "x EMP-654321".to_owned()];
    })];
    let failures = test(&rules).unwrap();
    let failed: Vec<(&str, bool)> = failures
        .iter()
        .map(|failure| (failure.example.as_str(), failure.expected))
        .collect();
    assert_eq!(failed, [("EMP-1", true), ("x EMP-654321", false)]);
}

#[test]
fn a_file_says_what_it_means() {
    let text = r#"{"classifiers":[{"name":"a","class":"pii.email","pattern":"EMP-\\d","match":["EMP-1"]}]}"#;
    let file: File = serde_json::from_str(text).unwrap();
    assert_eq!(test(&file.classifiers).unwrap(), []);
    assert!(serde_json::from_str::<File>(r#"{"classifiers":[{"name":"a","klass":"x"}]}"#).is_err());
}

#[test]
fn the_example_of_the_readme_holds() {
    let rules = [rule("employee-number", |rule| {
        rule.pattern = Some(r"\bEMP-(?P<value>\d{6})\b".to_owned());
        rule.words = vec!["employee".to_owned(), "staff".to_owned()];
        rule.validator = Some("luhn".to_owned());
        rule.matches = vec!["employee EMP-123455".to_owned()];
        rule.no_match = vec!["EMP-12".to_owned(), "EMP-123455".to_owned()];
    })];
    assert_eq!(test(&rules).unwrap(), []);
}
