use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{Context, DataClass as D, KeyCache, ValueKind, classify_value};

fn document(schemas: &Value, schema: &Value) -> Value {
    json!({
        "openapi": "3.1.0",
        "paths": {"/patients/{id}": {"get": {"responses": {
            "200": {"content": {"application/json": {"schema": schema}}},
            "default": {"$ref": "#/components/responses/Problem"}
        }}}},
        "components": {
            "schemas": schemas,
            "responses": {"Problem": {"content": {"application/json": {"schema": {"type": "object"}}}}}
        }
    })
}

fn load(schemas: &Value, schema: &Value) -> Result<Vec<(String, Says)>, Undeclarable> {
    let declared = Declared::load(&document(schemas, schema))?;
    let place = response(&declared, "GET", "/patients/17", 200).unwrap();
    let mut patterns = declared.patterns(place);
    patterns.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(patterns)
}

fn response(declared: &Declared, method: &str, path: &str, status: u16) -> Option<Place> {
    let operation = declared.position(method, path)?;
    declared.operations()[operation].response(status)
}

#[track_caller]
fn check(schemas: &Value, schema: &Value, expected: &[(&str, Says)]) {
    let patterns = load(schemas, schema).unwrap();
    let found: Vec<(&str, Says)> = patterns
        .iter()
        .map(|(at, says)| (at.as_str(), *says))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn properties_items_and_composition_lead_to_places() {
    check(
        &json!({"Contact": {"properties": {"reach": {"x-data-class": "pii.email"}}}}),
        &json!({"allOf": [{"$ref": "#/components/schemas/Contact"}, {"properties": {
            "email": {"type": "string", "x-data-class": "none"},
            "a/b": {"items": {"oneOf": [{"type": "null"}, {"properties": {"code": {"x-data-class": "phi.condition"}}}]}},
            "labels": {"additionalProperties": {"x-data-class": "pii.person"}}
        }}]}),
        &[
            ("/a~1b/code", Says::Class(D::CONDITION)),
            ("/email", Says::Harmless),
            ("/labels/*", Says::Class(D::PERSON)),
            ("/reach", Says::Class(D::EMAIL)),
        ],
    );
}

#[test]
fn a_schema_may_hold_itself() {
    let schemas = json!({"Node": {"properties": {
        "who": {"x-data-class": "pii.person"},
        "children": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}}
    }}});
    let schema = json!({"$ref": "#/components/schemas/Node"});
    let declared = Declared::load(&document(&schemas, &schema)).unwrap();
    let mut place = response(&declared, "get", "/patients/1", 200).unwrap();
    for _ in 0..100 {
        place = declared.member(place, b"children").unwrap();
    }
    let who = declared.member(place, b"who").unwrap();
    assert_eq!(declared.says(who), Says::Class(D::PERSON));
    assert_eq!(declared.member(place, b"other"), None);
}

#[test]
fn beside_a_reference_the_nearer_word_counts() {
    check(
        &json!({"Text": {"type": "string", "x-data-class": "pii.person"}}),
        &json!({"properties": {
            "name": {"$ref": "#/components/schemas/Text"},
            "title": {"$ref": "#/components/schemas/Text", "x-data-class": "none"}
        }}),
        &[
            ("/name", Says::Class(D::PERSON)),
            ("/title", Says::Harmless),
        ],
    );
}

#[test]
fn an_unknown_class_is_named_with_its_place() {
    let unknown = load(
        &json!({}),
        &json!({"properties": {"x": {"x-data-class": "pii.shoe"}}}),
    );
    assert_eq!(
        unknown,
        Err(Undeclarable::Class {
            pointer: "/paths/~1patients~1{id}/get/responses/200/content/application~1json/schema/properties/x/x-data-class".into(),
            class: "pii.shoe".into(),
        })
    );
}

#[test]
fn references_must_lead_somewhere_and_circles_end() {
    let outside = load(
        &json!({}),
        &json!({"$ref": "https://example.com/schema.json"}),
    );
    assert!(matches!(outside, Err(Undeclarable::Reference { .. })));
    let circle = load(
        &json!({"A": {"allOf": [{"$ref": "#/components/schemas/A"}]}}),
        &json!({"$ref": "#/components/schemas/A"}),
    );
    assert!(matches!(circle, Err(Undeclarable::Depth { .. })));
}

#[test]
fn schemas_that_double_at_each_step_are_refused() {
    let mut schemas = serde_json::Map::new();
    for step in 0..25 {
        let next = json!({"$ref": format!("#/components/schemas/S{}", step + 1)});
        schemas.insert(format!("S{step}"), json!({"allOf": [next, next]}));
    }
    schemas.insert("S25".into(), json!({}));
    let doubled = load(&schemas.into(), &json!({"$ref": "#/components/schemas/S0"}));
    assert_eq!(doubled, Err(Undeclarable::Schemas));
}

#[test]
fn a_path_without_variables_and_an_exact_status_go_first() {
    let schema =
        |class: &str| json!({"content": {"application/json": {"schema": {"x-data-class": class}}}});
    let declared = Declared::load(&json!({"paths": {
        "/users/{id}": {"get": {"responses": {"2XX": schema("pii.person"), "default": schema("pii.phone")}}},
        "/users/me": {"get": {"responses": {"200": schema("pii.email")}}}
    }}))
    .unwrap();
    let says = |method, path, status| {
        response(&declared, method, path, status).map(|place| declared.says(place))
    };
    assert_eq!(says("GET", "/users/me", 200), Some(Says::Class(D::EMAIL)));
    assert_eq!(says("GET", "/users/17", 201), Some(Says::Class(D::PERSON)));
    assert_eq!(says("GET", "/users/17", 404), Some(Says::Class(D::PHONE)));
    assert_eq!(says("POST", "/users/17", 200), None);
    assert_eq!(says("GET", "/users/17/x", 200), None);
    assert_eq!(says("GET", "/users/me", 404), None);
}

#[test]
fn requests_are_described_too() {
    let declared = Declared::load(&json!({
        "paths": {"/users": {"post": {"requestBody": {"$ref": "#/components/requestBodies/User"}}}},
        "components": {"requestBodies": {"User": {"content": {
            "application/json": {"schema": {"properties": {"a": {"x-data-class": "pii.person"}}}},
            "application/merge-patch+json": {"schema": {"properties": {"b": {"x-data-class": "none"}}}}
        }}}}
    }))
    .unwrap();
    let operation = &declared.operations()[declared.position("POST", "/users").unwrap()];
    let mut patterns = declared.patterns(operation.request.unwrap());
    patterns.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("/a".to_owned(), Says::Class(D::PERSON)),
        ("/b".to_owned(), Says::Harmless),
    ];
    assert_eq!(patterns, expected);
    assert!(operation.responses.is_empty());
}

#[test]
fn a_declaration_goes_before_names_and_looks() {
    let declared = Arc::new(
        Declared::load(&document(
            &json!({}),
            &json!({"items": {"properties": {
                "email": {"x-data-class": "none"},
                "blob": {"items": {"x-data-class": "phi.condition"}}
            }}}),
        ))
        .unwrap(),
    );
    let place = response(&declared, "get", "/patients/1", 200).unwrap();
    let root = Context::declared(place, &declared);
    let mut cache = KeyCache::with(declared);
    let mut classes = |name: &[u8], value: &[u8]| {
        let mut findings = Vec::new();
        let member = root.element().member(name, &mut cache).element();
        classify_value(&member, ValueKind::Text, value, &mut findings);
        findings
            .iter()
            .map(|finding| finding.class)
            .collect::<Vec<_>>()
    };
    assert_eq!(classes(b"email", b"a@b.example"), []);
    assert_eq!(classes(b"blob", b"x"), [D::CONDITION]);
    assert_eq!(classes(b"phone", b"+49 228 123456"), [D::PHONE]);
}

#[test]
fn a_declaration_of_nothing_silences_no_key_and_one_of_a_class_no_flag() {
    let schema = json!({"properties": {
        "note": {"x-data-class": "none"},
        "smoker": {"x-data-class": "phi.condition"}
    }});
    let declared = Arc::new(Declared::load(&document(&json!({}), &schema)).unwrap());
    let place = response(&declared, "get", "/patients/1", 200).unwrap();
    let root = Context::declared(place, &declared);
    let mut cache = KeyCache::with(declared);
    let mut found = |name: &[u8], kind, value: &str| {
        let mut findings = Vec::new();
        let member = root.member(name, &mut cache);
        classify_value(&member, kind, value.as_bytes(), &mut findings);
        let text = |finding: &crate::Finding| {
            value
                .get(finding.start as usize..finding.end as usize)
                .unwrap()
                .to_owned()
        };
        findings
            .iter()
            .map(|finding| (finding.class, text(finding)))
            .collect::<Vec<_>>()
    };
    // Put together here, so that no scanner of this repository finds it.
    let key = format!("{}{}", "AKIA", "J2Q7MZ5XW3TN4RBC");
    let note = format!("ask ann@mail.example with {key}, Bearer c29tZSBvcGFxdWU0NzEx");
    assert_eq!(
        found(b"note", ValueKind::Text, &note),
        [(D::AWS_ACCESS_KEY, key)]
    );
    assert_eq!(
        found(b"smoker", ValueKind::Bool, "true"),
        [(D::CONDITION, "true".to_owned())]
    );
    assert_eq!(found(b"other", ValueKind::Bool, "true"), []);
}
