use policy::Effect;
use serde_json::{Value, json};

use super::*;
use crate::call::Binding;

fn service() -> GraphQl {
    let mut service = GraphQl::new(vec!["/graphql".into()]);
    let bound = |id: &str, effect, path: &str| Call {
        bindings: Binding::parse("customer", path).into_iter().collect(),
        ..Call::new(id, effect)
    };
    service.query("customer", bound("query/customer", Effect::Read, "id"));
    service.query("tickets", Call::new("query/tickets", Effect::Read));
    let path = "input.customer.id";
    service.mutation("note", bound("mutation/note", Effect::Write, path));
    service
}

const NAMES: Names<'static> = Names {
    operator: None,
    declared: None,
};

fn read(method: &Method, request: &Value) -> Result<(String, String), Unclear> {
    let envelope = Envelope::read(request)?;
    let service = service();
    let named = service.understand(method, &envelope, &NAMES);
    let named = named.map_err(|refused| refused.why)?;
    let customer = named.bound.get("customer").cloned().unwrap_or_default();
    Ok((named.call.id.to_string(), customer))
}

fn check(request: &Value, expected: Result<(&str, &str), Unclear>) {
    let expected = expected.map(|(id, customer)| (id.to_owned(), customer.to_owned()));
    assert_eq!(read(&Method::POST, request), expected, "{request}");
}

fn check_query(query: &str, expected: Result<(&str, &str), Unclear>) {
    check(&json!({ "query": query }), expected);
}

const READ: Result<(&str, &str), Unclear> = Ok(("query/customer", "C-771"));

#[test]
fn an_operation_is_its_kind_and_root_field_and_binds_arguments() {
    check_query(r#"{ customer(id: "C-771") { name } }"#, READ);
    check_query(
        r#"query Q { customer(id: """C-771""") { name } __typename }"#,
        READ,
    );
    check_query(r#"{ customer(id: "C\u002d771") { name } }"#, READ);
    check_query(
        "{ customer(id: 771) { name } }",
        Ok(("query/customer", "771")),
    );
    check_query(
        r#"{ ... on Query { ...f } } fragment f on Query { customer(id: "C-771") { name } }"#,
        READ,
    );
    check_query("{ tickets { id } }", Ok(("query/tickets", "")));
    let note = r#"mutation { note(input: { customer: { id: "C-771" }, text: "x" }) { id } }"#;
    check_query(note, Ok(("mutation/note", "C-771")));
    let query = "query Q($i: ID!) { customer(id: $i) { name } }";
    check(
        &json!({ "query": query, "variables": { "i": "C-771" } }),
        READ,
    );
    check(
        &json!({ "query": query, "variables": {} }),
        Err(Unclear::ParameterMissing),
    );
    check(
        &json!({ "query": query, "variables": { "i": null } }),
        Err(Unclear::ParameterMissing),
    );
    check(
        &json!({ "query": query, "variables": { "i": ["C-771"] } }),
        Err(Unclear::Ambiguous),
    );
    let query = r#"query Q($i: ID! = "C-771") { customer(id: $i) { name } }"#;
    check(&json!({ "query": query }), READ);
    check(
        &json!({ "query": query, "variables": { "i": "C-332" } }),
        Ok(("query/customer", "C-332")),
    );
    let query = "mutation M($c: In!) { note(input: { customer: $c }) { id } }";
    let variables = json!({ "c": { "id": "C-332" } });
    check(
        &json!({ "query": query, "variables": variables }),
        Ok(("mutation/note", "C-332")),
    );
}

#[test]
fn of_several_operations_the_named_one_counts() {
    let query =
        r#"query A { customer(id: "C-771") { name } } query B { customer(id: "C-332") { name } }"#;
    check(&json!({ "query": query, "operationName": "A" }), READ);
    check(
        &json!({ "query": query, "operationName": "B" }),
        Ok(("query/customer", "C-332")),
    );
    for name in [json!(null), json!("C"), json!("a")] {
        check(
            &json!({ "query": query, "operationName": name }),
            Err(Unclear::Ambiguous),
        );
    }
    let twice = r#"query A { customer(id: "C-771") { name } } query A { tickets { id } }"#;
    check(
        &json!({ "query": twice, "operationName": "A" }),
        Err(Unclear::Ambiguous),
    );
}

#[test]
fn what_may_be_read_in_two_ways_is_refused() {
    for two in [
        r#"{ customer(id: "C-771") { name } other: customer(id: "C-332") { name } }"#,
        r#"{ customer(id: "C-771", id: "C-332") { name } }"#,
        r#"{ customer(id: "C-771", ID: "C-332") { name } }"#,
        r#"{ customer(id: "C-771") { friend { customer(id: "C-332") { name } } } }"#,
        "{ customer(id: 771.0) { name } }",
        r#"{ customer(id: { eq: "C-771" }) { name } }"#,
        r#"mutation { note(input: { customer: { id: "C-771", id: "C-332" } }) { id } }"#,
    ] {
        check_query(two, Err(Unclear::Ambiguous));
    }
    check_query(
        r#"{ customer(id: "C-771") { name } tickets { id } }"#,
        Err(Unclear::Several),
    );
    check_query("{ customer { name } }", Err(Unclear::ParameterMissing));
    let read = r#"{ customer(id: "C-771") { name } }"#;
    for odd in [
        json!({ "query": read, "Query": "{ tickets { id } }" }),
        json!({ "query": read, "other": 1 }),
    ] {
        check(&odd, Err(Unclear::Ambiguous));
    }
    check(&json!([{ "query": read }]), Err(Unclear::Batch));
}

#[test]
fn what_is_not_configured_or_not_there_is_refused() {
    for unknown in [
        "{ customers { name } }",
        "{ __schema { types { name } } }",
        "{ __typename }",
        r#"mutation { customer(id: "C-771") { name } }"#,
        r#"subscription { customer(id: "C-771") { name } }"#,
        r#"{ node(id: "Q3VzdG9tZXI6QzMzMg==") { id } }"#,
    ] {
        check_query(unknown, Err(Unclear::OperationUnknown));
    }
    for kept in [
        json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": "a" } } }),
        json!({ "query": "{ tickets { id } }", "extensions": { "persistedQuery": {} } }),
        json!({ "documentId": "a" }),
        json!({ "id": "a", "query": "{ tickets { id } }" }),
        json!({ "query": null }),
    ] {
        check(&kept, Err(Unclear::Persisted));
    }
}

#[test]
fn what_never_ends_or_is_no_query_is_refused() {
    let nested = format!("{}{}", "{ a ".repeat(5_000), "}".repeat(5_000));
    let lists = format!("{{ customer(id: {}) {{ name }} }}", "[".repeat(5_000));
    let twice = |i: usize| format!(" fragment f{i} on Query {{ ...f{0} ...f{0} }}", i + 1);
    let doubling: String = (0..20).map(twice).collect();
    let doubled = format!("{{ ...f0 }}{doubling} fragment f20 on Query {{ tickets {{ id }} }}");
    let surrogate = r#"{ customer(id: "\uD800") { name } }"#;
    for odd in [
        nested.as_str(),
        lists.as_str(),
        doubled.as_str(),
        "{ ...f } fragment f on Query { ...f }",
        "{ ...gone }",
        "",
        "{",
        "type A { a: Int }",
        surrogate,
        r#"{ customer(id: "\u{110000}") { name } }"#,
    ] {
        let read = read(&Method::POST, &json!({ "query": odd }));
        assert!(read.is_err(), "{}: {read:?}", odd.get(..60).unwrap_or(odd));
    }
}

#[test]
fn a_mutation_does_not_come_by_get() {
    let request = |query: &str| from_query(query).and_then(|request| read(&Method::GET, &request));
    let read = "query=%7Bcustomer(id%3A%22C-771%22)%7Bname%7D%7D";
    assert_eq!(
        request(read),
        Ok(("query/customer".to_owned(), "C-771".to_owned()))
    );
    let with =
        "query=query($i:ID!)%7Bcustomer(id:$i)%7Bname%7D%7D&variables=%7B%22i%22%3A%22C-332%22%7D";
    assert_eq!(
        request(with),
        Ok(("query/customer".to_owned(), "C-332".to_owned()))
    );
    assert_eq!(request(&format!("{read}&query=x")), Err(Unclear::Ambiguous));
    assert_eq!(request(&format!("{read}&x=1")), Err(Unclear::Ambiguous));
    let write = "query=mutation%7Bnote(input:%7Bcustomer:%7Bid:%22C-771%22%7D%7D)%7Bid%7D%7D";
    assert_eq!(request(write), Err(Unclear::Ambiguous));
    assert!(is_clear("op=Read") && is_clear(""));
    for unclear in ["query=x", "Query=x", "variables[i]=x", "id=x", "a;query=x"] {
        assert!(!is_clear(unclear), "{unclear}");
    }
}

#[test]
fn an_alias_may_not_hide_what_a_name_says() {
    let customer = |fields: &str| format!(r#"{{ customer(id: "C-771") {{ {fields} }} }}"#);
    for same in [
        "name",
        "name: name",
        "mail: email",
        "tint: shade",
        "home: home",
    ] {
        check_query(&customer(same), READ);
    }
    for hides in [
        "x: email",
        "x: dateOfBirth",
        "contact { x: phone }",
        "x: address { street }",
        "... on Customer { x: email }",
    ] {
        check_query(&customer(hides), Err(Unclear::AliasHides));
    }
    let spread = customer("...f") + " fragment f on Customer { x: email }";
    check_query(&spread, Err(Unclear::AliasHides));
    let fhir = customer("resourceType note: remark");
    check_query(&fhir, Err(Unclear::AliasHides));
}

#[test]
fn what_fragments_nest_is_bounded() {
    let fields = |open: &str| format!("{}{open}{}", "a { ".repeat(50), " }".repeat(50));
    let nested = |fragments: usize| {
        let each = (0..fragments).map(|i| {
            let inner = fields(&format!("...f{}", i + 1));
            format!(" fragment f{i} on T {{ {inner} }}")
        });
        let each: String = each.collect();
        let query = "{ tickets { ...f0 } }";
        format!("{query}{each} fragment f{fragments} on T {{ id }}")
    };
    check_query(&nested(1), Ok(("query/tickets", "")));
    // No stack would hold what sixty of them are.
    check_query(&nested(60), Err(Unclear::NotAMessage));
}

#[test]
fn what_variables_and_fragments_are_put_in_for_is_bounded() {
    let long = "x".repeat(100_000);
    let listed = |count: usize| {
        let query = format!("query ($v: S) {{ tickets(a: [{}]) }}", "$v".repeat(count));
        json!({ "query": query, "variables": { "v": long } })
    };
    check(&listed(3), Ok(("query/tickets", "")));
    check(&listed(9_000), Err(Unclear::NotAMessage));
    let doubling = (0..9).map(|i| format!(" fragment f{i} on T {{ ...f{0} ...f{0} }}", i + 1));
    let doubling = doubling.collect::<Vec<_>>().concat();
    for field in [
        format!("t(a: \"{long}\")"),
        long.clone(),
        format!("{long}: t"),
    ] {
        let query = format!("{{ tickets {{ ...f0 }} }}{doubling} fragment f9 on T {{ {field} }}");
        check_query(&query, Err(Unclear::NotAMessage));
    }
}
