//! What a service answers, and what a model says of it, where an answer is mediated.

use std::sync::Arc;

use mediator::{Ask, Choice, Counts, Field, Form, Page, Template, model};
use serde_json::Value;

/// The most rows.
const ROWS_MAX: u64 = 3;
/// The fewest of a group.
const K: u64 = 2;

fn field(text: &str) -> Field {
    Field::parse(text).expect("a field")
}

fn template(name: &str, form: Form) -> Arc<Template> {
    Arc::new(Template {
        name: name.into(),
        purposes: vec!["support".to_owned()],
        rows: Some(field("/customers")),
        fields: ["/id", "/name", "/orders/*/total"].map(field).into(),
        filters: Vec::new(),
        passes: Vec::new(),
        page: Some(Page {
            parameter: "limit".to_owned(),
            rows_max: ROWS_MAX,
        }),
        form,
    })
}

fn offered() -> Vec<Choice> {
    let counts = Counts {
        by: vec![field("/plan")],
        individual: None,
        k: K,
    };
    let forms = [
        Form::Rows,
        Form::Masked(vec![field("/name")]),
        Form::Counts(counts),
        Form::YesNo { at_least: 2 },
    ];
    let templates = forms.map(|form| template(form.name(), form));
    let choice = |it| Choice::of(&[it], &Ask::default()).expect("a choice");
    templates.map(choice).into()
}

/// Any bytes as a model's reply, and as the answer that each template is filled from.
pub fn mediation(data: &[u8]) {
    let offered = offered();
    if let (Ok(chosen), _) = model::read(data, &offered) {
        let known = offered.iter().find(|it| it.template == chosen.template);
        let known = known.expect("only what is offered is chosen");
        assert!(
            chosen
                .fields
                .iter()
                .all(|field| known.fields.contains(field))
        );
    }
    for choice in &offered {
        let Ok(answer) = choice.answer(data) else {
            continue;
        };
        match &choice.template.form {
            Form::Rows => rows(&answer.document, false),
            Form::Masked(_) => rows(&answer.document, true),
            Form::Counts(_) => counts(&answer.document),
            Form::YesNo { .. } => {
                let word = answer.document["answer"].as_str();
                assert!(matches!(word, Some("yes" | "no")));
                assert_eq!(names(&answer.document), ["answer"]);
            }
        }
    }
}

fn names(object: &Value) -> Vec<&str> {
    let object = object.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

/// Nothing but what the template lists, and the name covered where it is.
fn rows(document: &Value, masked: bool) {
    assert_eq!(names(document), ["customers"]);
    let rows = document["customers"].as_array().expect("rows");
    assert!(rows.len() as u64 <= ROWS_MAX);
    for row in rows.iter().filter_map(Value::as_object) {
        for (name, value) in row {
            match (name.as_str(), value) {
                ("name", Value::String(text)) if masked => {
                    let plain = |c: char| c.is_ascii_punctuation() || c == ' ';
                    assert!(text.chars().all(plain), "{text}");
                }
                ("name", value) if masked => assert!(value.is_null()),
                ("id" | "name", _) => {}
                ("orders", Value::Array(orders)) => {
                    for order in orders {
                        assert!(names(order).iter().all(|name| *name == "total"));
                    }
                }
                ("orders", Value::Object(none)) => assert!(none.is_empty()),
                _ => panic!("{name} is not listed"),
            }
        }
    }
}

/// No group of few.
fn counts(document: &Value) {
    assert_eq!(names(document), ["counts", "suppressed"]);
    for group in document["counts"].as_array().expect("groups") {
        assert!(
            names(group)
                .iter()
                .all(|name| ["count", "plan"].contains(name))
        );
        assert!(group["count"].as_u64().is_some_and(|count| count >= K));
    }
}
