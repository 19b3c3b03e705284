//! What a hostile upstream might try: names that pass for others, and numbers beside numbers.

use std::sync::Arc;

use classifiers::DataClass;
use redaction::{Action, Redactor, Workspace};

use super::{TestPseudonyms, redact_with};

fn leaves(document: &[u8], cuts: &[usize], workspace: Workspace) -> Result<String, String> {
    let redactor = Redactor::new(
        |_: DataClass| Action::Replace,
        Arc::new(TestPseudonyms),
        Box::new(workspace),
    );
    redact_with(document, cuts, redactor)
        .map(|(released, _)| String::from_utf8(released).unwrap())
        .map_err(|interrupted| interrupted.to_string())
}

/// What leaves with vectors, which is what leaves without.
fn leaves_alike(document: &str, cuts: &[usize]) -> Result<String, String> {
    let plain = leaves(document.as_bytes(), cuts, Workspace::plain());
    assert_eq!(
        leaves(document.as_bytes(), cuts, Workspace::new()),
        plain,
        "{document}"
    );
    plain
}

/// A list of objects with one member each, longer than a window.
fn list(members: &[&str]) -> String {
    let objects: Vec<_> = members.iter().map(|it| format!("{{{it}}}")).collect();
    format!(
        r#"{{"items":[{}],"more":[{}1]}}"#,
        objects.join(","),
        "1,".repeat(2000)
    )
}

#[test]
fn a_name_with_an_escape_is_not_the_name_that_looks_like_it() {
    let meant = r#""\\u0073urname":"filler""#;
    let name = r#""\u0073urname":"smith""#;
    let document = list(&[meant, meant, meant, meant, name]);
    let released = leaves_alike(&document, &[]).unwrap();
    assert!(released.contains("[pii."), "{released}");
}

#[test]
fn an_escape_that_is_none_is_refused_behind_a_name_that_looks_like_it() {
    let meant = r#""a\\q":"filler""#;
    let document = list(&[meant, meant, meant, meant, r#""a\q":"filler""#]);
    leaves_alike(&document, &[]).unwrap_err();
}

#[test]
fn an_empty_name_has_a_place_of_its_own() {
    let telephone = "+4930123456789";
    let told = |first: &str| leaves_alike(&format!(r#"{{{first}"":"{telephone}"}}"#), &[]).unwrap();
    assert!(!told("").contains(telephone), "{}", told(""));
    assert!(!told(r#""created_at":1,"#).contains(telephone));
}

#[test]
fn the_type_of_an_identifier_is_not_that_of_the_next() {
    let coded = r#""type":{"coding":[{"code":"NPI"}]}"#;
    let patient = |first: &str| {
        let document = format!(
            r#"{{"resourceType":"Patient","identifier":[{first}{{"system":"urn:x","value":"A-77"}}]}}"#
        );
        leaves_alike(&document, &[]).unwrap()
    };
    let alone = patient("");
    let number = alone.rsplit("value").next().unwrap();
    for first in [
        format!("{{{coded}}},"),
        format!(r#"{{"system":"urn:x",{coded}}},"#),
    ] {
        let released = patient(&first);
        assert!(released.ends_with(number), "{released} but {alone}");
    }
}

#[test]
fn what_hides_in_a_name_is_seen_through_as_in_a_value() {
    for name in [
        "ann%40example.com",
        "ann&#64;example.com",
        "ann\u{ff20}example.com",
    ] {
        let released = leaves_alike(&format!(r#"{{"{name}":1}}"#), &[]).unwrap();
        assert!(!released.contains("example"), "{released}");
    }
}

#[test]
fn a_number_that_holds_does_not_uncover_the_one_beside_it() {
    let system = "http://hl7.org/fhir/sid/us-ssn";
    let value = "SSN 512-45-6789, before that 000-12-345678";
    let document = format!(
        r#"{{"resourceType":"Patient","identifier":[{{"system":"{system}","value":"{value}"}}]}}"#
    );
    let released = leaves_alike(&document, &[]).unwrap();
    assert!(!released.contains("345678"), "{released}");
}
