//! What is asked and what is answered is never more than the template holds.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::{Unmediated, offered};

fn answer(choice: &Choice, document: &Value) -> Value {
    let answer = choice.answer(document.to_string().as_bytes());
    answer.expect("an answer").document
}

#[test]
fn a_purpose_gets_its_templates_in_order() {
    let billing = Template {
        purposes: vec!["billing".to_owned()],
        ..template("bills", Form::Rows)
    };
    let all = [
        template("rows", Form::Rows),
        template("some", Form::Rows),
        billing,
    ];
    let all = all.map(Arc::new);
    let names = |purpose| {
        let offered = offered(&all, purpose)?;
        Ok(offered
            .iter()
            .map(|it| it.name.to_string())
            .collect::<Vec<_>>())
    };
    assert_eq!(names("support"), Ok(vec!["rows".into(), "some".into()]));
    assert_eq!(names("billing"), Ok(vec!["bills".into()]));
    assert_eq!(names("marketing"), Err(Unmediated::NoTemplate));
    assert_eq!(names(""), Err(Unmediated::PurposeMissing));
}

#[test]
fn a_caller_may_ask_for_less_and_for_no_more() {
    let all = [template("rows", Form::Rows), template("some", Form::Rows)].map(Arc::new);
    let ask = |template: Option<&str>, fields: &[&str]| {
        let ask = Ask {
            template: template.map(str::to_owned),
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        };
        Choice::of(&all, &ask)
            .map(|it| (it.template.name.to_string(), it.fields, it.fields_dropped))
    };
    let rows = |fields: &str, dropped| Ok(("rows".to_owned(), super::fields(fields), dropped));
    assert_eq!(ask(None, &[]), rows("/id /name /orders/*/total", 0));
    assert_eq!(ask(None, &["/name", "/iban", "/ssn"]), rows("/name", 2));
    assert_eq!(ask(None, &["/iban"]), Err(Unmediated::NoFields));
    // What lies around a field is not the field.
    assert_eq!(ask(None, &["/orders"]), Err(Unmediated::NoFields));
    assert_eq!(ask(Some("some"), &[]).map(|it| it.0), Ok("some".to_owned()));
    assert_eq!(ask(Some("all"), &[]), Err(Unmediated::TemplateUnknown));
}

#[test]
fn the_query_keeps_what_the_template_knows() {
    let choice = whole(template("rows", Form::Rows));
    let narrow = |query: &[(&str, &str)]| {
        let query = query
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let query = choice.narrow(query.collect(), |name| name == "customer", None);
        let query = query.expect("a query");
        let pairs = query
            .pairs
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        (pairs.collect::<Vec<_>>().join("&"), query.narrowed)
    };
    let (query, narrowed) = narrow(&[("customer", "C-1"), ("sort", "name"), ("limit", "2")]);
    assert_eq!(query, "customer=C-1&sort=name&limit=2&status=open");
    assert!(!narrowed.page_capped && narrowed.parameters_dropped == 0);
    for (asked, dropped) in [
        (&[("limit", "1000")] as &[_], 0),
        (&[], 0),
        (&[("limit", "0")], 0),
        (&[("limit", "-1")], 0),
        (&[("limit", "1"), ("limit", "1000")], 0),
        (&[("Limit", "1000"), ("limit[]", "1000")], 2),
        (&[("status", "any"), ("fields", "*"), ("expand", "all")], 3),
    ] {
        let (query, narrowed) = narrow(asked);
        assert_eq!(query, "limit=3&status=open", "{asked:?}");
        assert!(narrowed.page_capped, "{asked:?}");
        assert_eq!(narrowed.parameters_dropped, dropped, "{asked:?}");
        assert_eq!(narrowed.filters, ["status"]);
    }
}

/// The service is asked for this many rows, or for none.
fn page(form: Form, asked: &[&str], decided: Option<i64>) -> Result<String, Unmediated> {
    let asked = asked
        .iter()
        .map(|size| ("limit".to_owned(), (*size).to_owned()));
    let choice = whole(template("rows", form));
    let query = choice.narrow(asked.collect(), |_| false, decided)?;
    let mut pairs = query.pairs.into_iter();
    let size = pairs.find(|(name, _)| name == "limit");
    Ok(size.map(|(_, size)| size).unwrap_or_default())
}

#[test]
fn no_caller_chooses_how_many_rows_are_counted() {
    for asked in [&[] as &[_], &["1"], &["2"], &["3"], &["4"], &["1", "2"]] {
        let counted = page(Form::Counts(counts(2, None)), asked, None);
        // One more than may come, to know whether these are all.
        assert_eq!(counted, Ok("4".to_owned()), "{asked:?}");
        let yes = page(Form::YesNo { at_least: 1 }, asked, None);
        assert_eq!(yes, Ok("3".to_owned()), "{asked:?}");
    }
}

#[test]
fn the_page_that_policy_decided_on_is_asked_for_or_less() {
    let decided = |rows| page(Form::Rows, &[], Some(rows));
    assert_eq!(decided(2), Ok("2".to_owned()));
    assert_eq!(decided(1000), Ok("3".to_owned()));
    for none in [0, -1, i64::MIN] {
        assert_eq!(decided(none), Err(Unmediated::NoRows), "{none}");
    }
}

#[test]
fn an_answer_is_built_of_what_is_listed() {
    let customers = json!({ "total": 99, "customers": [
        { "id": 1, "name": "Ada", "iban": "DE..", "orders": [{ "total": 3, "card": "4111" }, 7] },
        { "id": 2, "orders": "none" },
        { "id": 3, "name": { "first": "Cy" } },
        { "id": 4, "name": "Dee" },
    ] });
    let rows = whole(template("rows", Form::Rows));
    let expected = json!({ "customers": [
        { "id": 1, "name": "Ada", "orders": [{ "total": 3 }] },
        { "id": 2 },
        { "id": 3, "name": { "first": "Cy" } },
    ] });
    assert_eq!(answer(&rows, &customers), expected);
    let answered = rows
        .answer(customers.to_string().as_bytes())
        .expect("an answer");
    assert_eq!((answered.rows, answered.rows_dropped), (4, 1));
    assert_eq!(
        rows.places(),
        [
            "/customers/*/id",
            "/customers/*/name",
            "/customers/*/orders/*/total"
        ]
    );

    let masked = whole(template(
        "masked",
        Form::Masked(fields("/name /orders/*/total")),
    ));
    let expected = json!({ "customers": [
        { "id": 1, "name": "***", "orders": [{ "total": null }] },
        { "id": 2 },
        { "id": 3, "name": null },
    ] });
    assert_eq!(answer(&masked, &customers), expected);
    // The names of members may say as much as texts do.
    let told = json!({ "customers": [{ "id": 1, "name": { "ada@mail.example": 1 } }] });
    assert_eq!(
        answer(&masked, &told),
        json!({ "customers": [{ "id": 1, "name": null }] })
    );
    assert!(masked.shows("/customers/*/id") && masked.shows("/customers/*/names"));
    assert!(!masked.shows("/customers/*/name") && !masked.shows("/customers/*/name/first"));
    let yes = |at_least| {
        answer(
            &whole(template("any", Form::YesNo { at_least })),
            &customers,
        )
    };
    assert_eq!(yes(4), json!({ "answer": "yes" }));
    assert_eq!(yes(5), json!({ "answer": "no" }));
}

#[test]
fn a_single_document_is_one_row() {
    let one = Template {
        rows: None,
        ..template("one", Form::Rows)
    };
    let one = whole(one);
    assert_eq!(
        answer(&one, &json!({ "id": 7, "iban": "DE" })),
        json!({ "id": 7 })
    );
    for odd in ["[]", "7", "null", "\"x\""] {
        assert_eq!(
            one.answer(odd.as_bytes()),
            Err(Unmediated::Unparsable),
            "{odd}"
        );
    }
}

#[test]
fn what_has_another_shape_is_no_answer() {
    let choice = whole(template("rows", Form::Rows));
    for odd in [
        "",
        "{",
        "{}{}",
        "[]",
        "{\"customers\":{}}",
        "{\"customers\":null}",
        "{\"Customers\":[]}",
        "<customers/>",
    ] {
        assert_eq!(
            choice.answer(odd.as_bytes()),
            Err(Unmediated::Unparsable),
            "{odd}"
        );
    }
    let deep = format!(
        "{{\"customers\":{}1{}}}",
        "[".repeat(4000),
        "]".repeat(4000)
    );
    assert_eq!(choice.answer(deep.as_bytes()), Err(Unmediated::Unparsable));
}

/// Any document, of few names, so that some are those of the template.
fn documents() -> impl Strategy<Value = Value> {
    let names = || {
        prop::sample::select(vec![
            "id",
            "name",
            "orders",
            "total",
            "iban",
            "customers",
            "*",
        ])
    };
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z@+.]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(names(), inner, 0..6).prop_map(|members| {
                let members = members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value));
                Value::Object(members.collect::<Map<_, _>>())
            }),
        ]
    })
}

/// The places of all leaves, with `*` for elements.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                leaves(member, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                leaves(element, &format!("{at}/[]"), found);
            }
        }
        _ => found.push(at.to_owned()),
    }
}

proptest! {
    #[test]
    fn no_answer_holds_what_is_not_listed(
        rows in prop::collection::vec(documents(), 0..6),
        more in documents(),
        masks: bool,
    ) {
        let form = if masks { Form::Masked(fields("/name")) } else { Form::Rows };
        let choice = whole(template("rows", form));
        let document = json!({ "customers": rows, "more": more });
        let answer = answer(&choice, &document);
        let shown = answer["customers"].as_array().expect("rows");
        prop_assert!(shown.len() <= 3);
        prop_assert_eq!(answer.as_object().map(Map::len), Some(1));
        let mut found = Vec::new();
        for row in shown {
            leaves(row, "", &mut found);
        }
        for place in found {
            let listed = ["/id", "/name", "/orders/[]/total"];
            let is_listed = listed.iter().any(|at| {
                place == *at || place.starts_with(&format!("{at}/"))
            });
            prop_assert!(is_listed, "{} in {}", place, answer);
        }
    }

    #[test]
    fn any_query_is_asked_within_the_page_and_with_the_filters(
        query in prop::collection::vec(("[a-zL\\[\\]]{0,8}|limit|status|sort", "[0-9a-z]{0,4}"), 0..8),
    ) {
        let choice = whole(template("rows", Form::Rows));
        let asked = choice.narrow(query, |_| false, None).expect("a query").pairs;
        let of = |name: &str| {
            let values = asked.iter().filter(|(known, _)| known == name);
            values.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        let [limit] = <[String; 1]>::try_from(of("limit")).expect("one");
        prop_assert!((1..=3).contains(&limit.parse::<u64>().expect("a number")));
        prop_assert_eq!(of("status"), ["open"]);
        prop_assert!(asked.iter().all(|(name, _)| ["limit", "status", "sort"].contains(&name.as_str())));
    }
}
