//! Requests of GraphQL.

use serde_json::{Value, json};

use crate::{
    document::{self, Asked, Field, Kind},
    envelope::{self, Envelope},
    messages::is_exact,
    strict,
};

/// The most fields, once fragments are put in.
const FIELDS_MAX: usize = 4_096;

/// Any bytes as a query alone, as a request in JSON, and as the query of a URL.
pub fn graphql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    check(&json!({ "query": text }));
    if let Ok(request) = strict::parse(data) {
        check(&request);
    }
    if let Ok(request) = envelope::from_query(text) {
        check(&request);
    }
}

fn check(request: &Value) {
    let asked = Envelope::read(request).and_then(|envelope| document::read(&envelope));
    let Ok(asked) = asked else {
        return;
    };
    assert!(count(&asked.fields) <= FIELDS_MAX);
    let again = json!({ "query": written(&asked) });
    let again = Envelope::read(&again).and_then(|envelope| document::read(&envelope));
    // What was put in from variables and fragments may be longer than a query may be.
    if let Ok(again) = again {
        assert_eq!(again.kind, asked.kind);
        assert!(
            alike(&again.fields, &asked.fields),
            "{again:?}, not {asked:?}"
        );
    }
}

fn count(fields: &[Field]) -> usize {
    fields.iter().map(|field| 1 + count(&field.fields)).sum()
}

fn alike(one: &[Field], other: &[Field]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            one.name == other.name
                && one.alias == other.alias
                && (one.arguments == other.arguments || !one.arguments.values().all(is_exact))
                && alike(&one.fields, &other.fields)
        })
}

/// The same as a query without variables and fragments.
fn written(asked: &Asked) -> String {
    let kind = match asked.kind {
        Kind::Query => "query",
        Kind::Mutation => "mutation",
        Kind::Subscription => "subscription",
    };
    format!("{kind} {}", set(&asked.fields))
}

fn set(fields: &[Field]) -> String {
    if fields.is_empty() {
        return String::new();
    }
    let each = fields.iter().map(|field| {
        let alias = field.alias.as_ref().map(|alias| format!("{alias}: "));
        let arguments = field.arguments.iter();
        let arguments: Vec<String> = arguments
            .map(|(name, given)| format!("{name}: {}", value(given)))
            .collect();
        let arguments = match arguments.is_empty() {
            true => String::new(),
            false => format!("({})", arguments.join(", ")),
        };
        let (alias, inner) = (alias.unwrap_or_default(), set(&field.fields));
        format!("{alias}{}{arguments} {inner}", field.name)
    });
    format!("{{ {} }}", each.collect::<Vec<_>>().join(" "))
}

fn value(given: &Value) -> String {
    match given {
        Value::Array(elements) => {
            let each: Vec<String> = elements.iter().map(value).collect();
            format!("[{}]", each.join(", "))
        }
        Value::Object(members) => {
            let each = members
                .iter()
                .map(|(name, given)| format!("{name}: {}", value(given)));
            format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}
