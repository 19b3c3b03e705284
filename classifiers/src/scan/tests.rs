use super::*;
use crate::DataClass as D;
use crate::KeyCache;

/// The context of the value at a path of names.
fn at(path: &str) -> Context {
    let mut cache = KeyCache::new();
    path.split('.')
        .filter(|name| !name.is_empty())
        .fold(Context::root(), |context, name| {
            context.member(name.as_bytes(), &mut cache)
        })
}

/// What is found: the class and the text.
fn found<'a>(path: &str, value: &'a str) -> Vec<(D, &'a str)> {
    let mut findings = Vec::new();
    classify_value(&at(path), ValueKind::Text, value.as_bytes(), &mut findings);
    findings
        .iter()
        .map(|finding| {
            let range =
                usize::try_from(finding.start).unwrap()..usize::try_from(finding.end).unwrap();
            (finding.class, &value[range])
        })
        .collect()
}

#[track_caller]
fn check(path: &str, value: &str, expected: &[(D, &str)]) {
    assert_eq!(found(path, value), expected, "{path}: {value}");
}

#[test]
fn strong_values_are_found_in_text() {
    check(
        "note",
        "write to ann@example.com.",
        &[(D::EMAIL, "ann@example.com")],
    );
    check(
        "note",
        "ssn 536-22-1234, card 4111 1111 1111 1111 2024",
        &[(D::US_SSN, "536-22-1234"), (D::PAN, "4111 1111 1111 1111")],
    );
}
