//! What a caller asks of the mediator, and what of its request goes on.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use mediator::{Ask, Choice, Narrowed};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use policy::{Argument, Operation};

use super::Mediated;
use crate::{
    headers::{self, KEY_FIELDS},
    refusal::Interruption,
    route::{Unroutable, query_pairs},
};

/// The template that a caller asks for.
const TEMPLATE: HeaderName = HeaderName::from_static("tidegate-template");
/// The fields that it asks for, with space between them.
const FIELDS: HeaderName = HeaderName::from_static("tidegate-fields");
/// The most fields that are looked at.
const FIELDS_MAX: usize = 256;

/// What a name or value of a query need not have encoded (RFC 3986 section 2.3).
const PLAIN: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Fields of a caller that go on: its own credential for the service, and what later steps read and take
/// out. A field that tells the service to send more, by whatever name, does not.
static KEPT: [HeaderName; 11] = [
    header::COOKIE,
    header::USER_AGENT,
    header::HOST,
    header::CONNECTION,
    header::ACCEPT_ENCODING,
    header::PROXY_AUTHORIZATION,
    headers::TRACEPARENT,
    headers::TRACESTATE,
    headers::TOKEN,
    headers::PROOF,
    headers::DPOP,
];

/// What the caller asks for beside its request.
pub(super) fn ask(fields: &HeaderMap) -> Ask {
    let text = |name: &HeaderName| fields.get(name).and_then(|value| value.to_str().ok());
    let listed = text(&FIELDS)
        .into_iter()
        .flat_map(str::split_ascii_whitespace);
    Ask {
        template: text(&TEMPLATE).map(str::to_owned),
        fields: listed.take(FIELDS_MAX).map(str::to_owned).collect(),
    }
}

/// The names of a target's query parameters.
pub(super) fn names(target: &str) -> Vec<String> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let pairs = query_pairs(query).unwrap_or_default();
    pairs.into_iter().map(|(name, _)| name).collect()
}

/// Narrows the query of `target`.
pub(super) fn narrow(
    choice: &Choice,
    declared: &Mediated,
    operation: &Operation,
    target: &mut String,
) -> Result<Narrowed, Interruption> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query_pairs(query).map_err(Interruption::unroutable)?;
    let is_bound = |name: &str| declared.query.iter().any(|bound| bound == name);
    let page = choice.template.page.as_ref();
    let argument = page.and_then(|page| declared.arguments.get(&page.parameter));
    let decided = match argument.and_then(|name| operation.arguments.get(name)) {
        Some(Argument::Integer(rows)) => Some(*rows),
        _ => None,
    };
    let narrowed = choice.narrow(pairs, is_bound, decided);
    let narrowed = narrowed.map_err(|why| Interruption::unmediated(why, ""))?;
    let coded = |text: &str| utf8_percent_encode(text, &PLAIN).to_string();
    let pairs = narrowed.pairs.iter();
    let pairs = pairs.map(|(name, value)| format!("{}={}", coded(name), coded(value)));
    let query = pairs.collect::<Vec<_>>().join("&");
    let narrow = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    // It is written here, and read by whoever presents the request.
    if narrow.parse::<http::uri::PathAndQuery>().is_err() {
        return Err(Interruption::unroutable(Unroutable::Ambiguous));
    }
    *target = narrow;
    Ok(narrowed.narrowed)
}

/// Takes out the fields that do not go on; gives how many.
pub(super) fn headers(fields: &mut HeaderMap, bound: &[HeaderName]) -> u64 {
    let is_kept = |name: &HeaderName| {
        KEPT.contains(name) || KEY_FIELDS.contains(name) || bound.contains(name)
    };
    let gone: Vec<HeaderName> = fields
        .keys()
        .filter(|name| !is_kept(name))
        .cloned()
        .collect();
    let asks = |name: &HeaderName| *name == TEMPLATE || *name == FIELDS || *name == header::ACCEPT;
    let dropped = gone.iter().filter(|name| !asks(name)).count();
    for name in &gone {
        fields.remove(name);
    }
    let json = HeaderValue::from_static("application/json");
    fields.insert(header::ACCEPT, json);
    dropped as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_the_argument_that_policy_decided_on() {
        use std::{collections::BTreeMap, sync::Arc};

        let template = mediator::Template {
            name: "rows".into(),
            purposes: vec!["support".to_owned()],
            rows: mediator::Field::parse("/rows").ok(),
            fields: mediator::Field::parse("/id").into_iter().collect(),
            filters: Vec::new(),
            passes: Vec::new(),
            page: Some(mediator::Page {
                parameter: "limit".to_owned(),
                rows_max: 20,
            }),
            form: mediator::Form::Rows,
        };
        let choice = Choice::of(&[Arc::new(template)], &Ask::default()).expect("a choice");
        let declared = Mediated {
            query: vec!["limit".to_owned()],
            arguments: BTreeMap::from([("limit".to_owned(), "size".to_owned())]),
            ..Mediated::default()
        };
        let asked = |query: &str, decided| {
            let operation = Operation {
                service: "crm".into(),
                id: "list".into(),
                effect: policy::Effect::Read,
                bound: Arc::default(),
                arguments: Arc::new(BTreeMap::from([(
                    "size".to_owned(),
                    Argument::Integer(decided),
                )])),
                groups: Arc::default(),
                country: policy::Country::UNKNOWN,
                training: policy::Training::Unknown,
            };
            let mut target = format!("/rows{query}");
            narrow(&choice, &declared, &operation, &mut target).map(|_| target)
        };
        // Its default is what policy decided on where the caller says nothing.
        assert_eq!(asked("", 10).ok().as_deref(), Some("/rows?limit=10"));
        assert_eq!(
            asked("?limit=10", 10).ok().as_deref(),
            Some("/rows?limit=10")
        );
        assert_eq!(
            asked("?limit=99", 99).ok().as_deref(),
            Some("/rows?limit=20")
        );
        for none in [0, -1] {
            let refused = asked(&format!("?limit={none}"), none).expect_err("no page");
            assert_eq!(refused.reason, "mediation_refused");
        }
    }

    #[test]
    fn fields_that_may_ask_for_more_do_not_go_on() {
        let mut fields = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer key"),
            ("tidegate-fields", "/id"),
            ("x-fields", "all"),
            ("prefer", "return=representation"),
            ("x-tenant", "t-1"),
            ("accept", "text/csv"),
        ] {
            let name = HeaderName::from_static(name);
            fields.insert(name, HeaderValue::from_static(value));
        }
        let bound = [HeaderName::from_static("x-tenant")];
        assert_eq!(ask(&fields).fields, ["/id"]);
        assert_eq!(headers(&mut fields, &bound), 2);
        let mut left: Vec<&str> = fields.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "authorization", "x-tenant"]);
        assert_eq!(
            fields.get("accept").map(HeaderValue::as_bytes),
            Some(&b"application/json"[..])
        );
    }
}
