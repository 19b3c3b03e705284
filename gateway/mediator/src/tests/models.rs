//! A model sees names, and chooses among what is offered or nothing.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::{self, NoChoice, REPLY_BYTES_MAX, Shown, Usage};

fn offered() -> Vec<Choice> {
    let counted = Form::Counts(counts(5, None));
    let counted = Template {
        fields: Vec::new(),
        ..template("counts", counted)
    };
    let any = template("any", Form::YesNo { at_least: 1 });
    [template("rows", Form::Rows), counted, any]
        .map(whole)
        .into()
}

/// A reply with this text.
fn says(content: &str) -> Value {
    json!({
        "id": "x", "object": "chat.completion",
        "choices": [{ "index": 0, "finish_reason": "stop",
            "message": { "role": "assistant", "content": content } }],
        "usage": { "prompt_tokens": 200, "completion_tokens": 12, "total_tokens": 212 },
    })
}

fn read(reply: &Value) -> Result<(String, Vec<String>), NoChoice> {
    let (chosen, _) = model::read(reply.to_string().as_bytes(), &offered());
    chosen.map(|choice| {
        let fields = choice.fields.iter().map(|field| field.text().to_owned());
        (choice.template.name.to_string(), fields.collect())
    })
}

#[test]
fn a_model_chooses_among_what_is_offered_or_less() {
    let chosen = read(&says(r#"{"template":"rows","fields":["/name"]}"#));
    assert_eq!(chosen, Ok(("rows".to_owned(), vec!["/name".to_owned()])));
    // What counts has no fields, and what says yes shows none.
    let chosen = read(&says(r#" { "fields" : [], "template":"counts" } "#));
    assert_eq!(chosen, Ok(("counts".to_owned(), Vec::new())));
    let chosen = read(&says(r#"{ "fields": [], "template": "any" }"#));
    assert_eq!(chosen.map(|it| it.0), Ok("any".to_owned()));
    let beside = read(&says(r#"{ "fields": ["/id"], "template": "counts" }"#));
    assert_eq!(beside, Err(NoChoice::FieldsUnknown));
    let (_, usage) = model::read(says("no").to_string().as_bytes(), &offered());
    assert_eq!(
        usage,
        Usage {
            tokens_in: 200,
            tokens_out: 12
        }
    );
}

/// What a model may say, and why it is no choice.
const TEXTS: [(&str, NoChoice); 21] = [
    ("", NoChoice::Unreadable),
    ("rows", NoChoice::Unreadable),
    (
        "```json\n{\"template\":\"rows\",\"fields\":[\"/id\"]}\n```",
        NoChoice::Unreadable,
    ),
    (
        "Sure! {\"template\":\"rows\",\"fields\":[\"/id\"]}",
        NoChoice::Unreadable,
    ),
    (
        r#"{"template":"rows","fields":["/id"]} and all the rest"#,
        NoChoice::Unreadable,
    ),
    (
        r#"{"template":"rows","fields":["/id"]}{"template":"rows","fields":["/id"]}"#,
        NoChoice::Unreadable,
    ),
    (
        r#"{"template":"rows","template":"all","fields":["/id"]}"#,
        NoChoice::Unreadable,
    ),
    (
        r#"{"template":"rows","fields":["/id"],"rows_max":1000000}"#,
        NoChoice::Unreadable,
    ),
    (
        r#"{"template":"rows","fields":["/id"],"filters":{}}"#,
        NoChoice::Unreadable,
    ),
    (r#"{"template":"rows"}"#, NoChoice::Unreadable),
    (
        r#"{"template":"rows","fields":"/id"}"#,
        NoChoice::Unreadable,
    ),
    (
        r#"{"template":["rows"],"fields":["/id"]}"#,
        NoChoice::Unreadable,
    ),
    (r#"["rows",["/id"]]"#, NoChoice::Unreadable),
    (
        r#"{"template":"all","fields":["/id"]}"#,
        NoChoice::TemplateUnknown,
    ),
    (
        r#"{"template":"Rows","fields":["/id"]}"#,
        NoChoice::TemplateUnknown,
    ),
    (
        r#"{"template":"","fields":["/id"]}"#,
        NoChoice::TemplateUnknown,
    ),
    (
        r#"{"template":"rows","fields":[]}"#,
        NoChoice::FieldsUnknown,
    ),
    (
        r#"{"template":"rows","fields":["/id","/iban"]}"#,
        NoChoice::FieldsUnknown,
    ),
    (
        r#"{"template":"rows","fields":["*"]}"#,
        NoChoice::FieldsUnknown,
    ),
    (
        r#"{"template":"rows","fields":[""]}"#,
        NoChoice::FieldsUnknown,
    ),
    (
        r#"{"template":"rows","fields":["/orders"]}"#,
        NoChoice::FieldsUnknown,
    ),
];

#[test]
fn whatever_else_it_says_is_no_choice() {
    for (text, why) in TEXTS {
        assert_eq!(read(&says(text)), Err(why), "{text}");
    }
}

#[test]
fn a_choice_in_another_wrapping_is_none() {
    let good = r#"{"template":"rows","fields":["/id"]}"#;
    let mut cut = says(good);
    cut["choices"][0]["finish_reason"] = "length".into();
    let mut tools = says(good);
    tools["choices"][0]["message"]["tool_calls"] = json!([{ "function": { "name": "dump" } }]);
    let mut twice = says(good);
    twice["choices"] = json!([twice["choices"][0], twice["choices"][0]]);
    let mut none = says(good);
    none["choices"] = json!([]);
    for reply in [
        cut,
        tools,
        twice,
        none,
        json!({}),
        json!([]),
        json!({ "error": {} }),
    ] {
        assert_eq!(read(&reply), Err(NoChoice::Unreadable), "{reply}");
    }
    let long = format!("{good}{}", " ".repeat(8 * 1024));
    assert_eq!(read(&says(&long)), Err(NoChoice::TooLong));
    let huge = vec![b' '; usize::try_from(REPLY_BYTES_MAX).unwrap_or(0) + 1];
    assert_eq!(model::read(&huge, &offered()).0, Err(NoChoice::TooLong));
}

#[test]
fn a_model_is_shown_names_of_the_operators_alone() {
    let shown = Shown {
        operation: "crm/customer.list",
        route: "GET /customers",
        purpose: "support",
        parameters: vec!["limit"],
        parameters_unknown: 2,
    };
    let request = model::request("small", &shown, &offered());
    insta::assert_snapshot!(format!("{request:#}"));
    // Not even what the service is asked with.
    assert!(!request.to_string().contains("open"));
}

proptest! {
    /// Whatever a model says, what is chosen is offered, and no wider.
    #[test]
    fn no_reply_widens_a_choice(
        template in "rows|counts|all|[a-z]{0,5}",
        fields in prop::collection::vec("/id|/name|/iban|/orders/\\*/total|[/a-z*]{0,6}", 0..5),
        around in "[ {}a-z`\"]{0,4}",
    ) {
        let content = json!({ "template": template, "fields": fields }).to_string();
        for content in [content.clone(), format!("{around}{content}"), format!("{content}{around}")] {
            let offered = offered();
            let (chosen, _) = model::read(says(&content).to_string().as_bytes(), &offered);
            if let Ok(chosen) = chosen {
                let known = offered.iter().find(|it| it.template == chosen.template);
                let known = known.expect("it is offered");
                prop_assert!(!chosen.fields.is_empty() || !chosen.shows_rows());
                prop_assert!(chosen.fields.iter().all(|field| known.fields.contains(field)));
            }
        }
    }
}
