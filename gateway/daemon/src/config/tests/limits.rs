//! Arguments and templates of the mediator: what fits is taken, what does not is told with its place.

use super::{GOOD, loaded};

const LIST: &str =
    "rows: [{ array: /customers, member: /id, scope: customer, reads: \"Customer/{}\" }] }";

/// The fault of a configuration whose list of customers also says this, if it is not taken.
fn listing(more: &str) -> Option<String> {
    assert!(GOOD.contains(LIST));
    let text = GOOD.replacen(LIST, &format!("{more} }}"), 1);
    loaded(&text).err().map(|fault| format!("{fault:?}"))
}

#[test]
fn arguments_have_a_place_a_type_and_one_name() {
    let limit = "query: { limit: limit, cur: currency, to: to }, arguments: ";
    let good = [
        "{ limit: { type: integer, default: 20 } }",
        "{ limit: { type: money, currency: EUR } }",
        "{ limit: { type: money, currency_in: cur } }",
        r"{ to: { type: string, pattern: '\+49[0-9]+', default: '+4930' } }",
        "{ to: { type: string, one_of: [a, b] }, limit: { type: decimal } }",
    ];
    for arguments in good {
        assert_eq!(listing(&format!("{limit}{arguments}")), None, "{arguments}");
    }
    let mistakes = [
        (
            "{ amount: { type: integer } }",
            "stands nowhere in the request",
        ),
        ("{ limit: { type: number } }", "number"),
        (
            "{ limit: { type: integer, default: many } }",
            "is no value of `limit`",
        ),
        (
            "{ limit: { type: integer, one_of: [a] } }",
            "are for strings",
        ),
        ("{ limit: { type: money } }", "not said in one place"),
        (
            "{ limit: { type: integer, currency: EUR } }",
            "not said in one place",
        ),
        (
            "{ limit: { type: money, currency: eur } }",
            "`eur` is no currency",
        ),
        (
            "{ limit: { type: money, currency_in: x } }",
            "parameter `x` stands nowhere",
        ),
        ("{ to: { type: string, pattern: '[' } }", "is no pattern"),
        (
            "{ to: { type: string, pattern: '[0-9]+', default: x } }",
            "is no value of `to`",
        ),
    ];
    for (arguments, expected) in mistakes {
        let fault = listing(&format!("{limit}{arguments}")).unwrap_or_default();
        assert!(fault.contains(expected), "{expected}: {fault}");
    }
    let odd = listing("query: { has: limit }, arguments: { has: { type: integer } }");
    assert!(
        odd.unwrap_or_default()
            .contains("rules cannot name an argument `has`")
    );
    let two = GOOD.replacen(
        "- { id: customer.export, method: GET, path: /customers/export }",
        "- { id: customer.export, method: GET, path: /customers/export, query: { n: n }, arguments: { n: { type: integer } } }\n      \
         - { id: customer.count, method: GET, path: /customers/count, query: { n: n }, arguments: { n: { type: string } } }",
        1,
    );
    let fault = loaded(&two).err().map(|fault| format!("{fault:?}"));
    assert!(
        fault
            .unwrap_or_default()
            .contains("of another type elsewhere")
    );
}

/// The fault of a configuration with this template, if it is not taken.
fn mediated(template: &str, more: &str) -> Option<String> {
    let text = GOOD.replacen(LIST, "query: { customer: id } }", 1);
    let text = format!("{text}mediator:\n  templates:\n    - {{ {template} }}\n{more}");
    loaded(&text).err().map(|fault| format!("{fault:?}"))
}

const HEAD: &str = "name: a, operation: crm/customer.list, purposes: [support], rows: /customers";

#[test]
fn templates_fit_their_operations() {
    let good = [
        "fields: [/id, '/orders/*/total'], filters: { status: open }, pass: [sort], page: { parameter: limit, max: 5 }",
        "fields: [/id, /name], answer: masked, mask: [/name]",
        "answer: counts, counts: { by: [/plan, /country], individual: /id, k: 5 }",
        "fields: [/id], answer: yes_no, at_least: 3",
    ];
    for template in good {
        assert_eq!(
            mediated(&format!("{HEAD}, {template}"), ""),
            None,
            "{template}"
        );
    }
    let mistakes = [
        ("", "lists what it needs"),
        ("fields: [id]", "is no field"),
        (
            "fields: [/id], answer: masked, mask: [/name]",
            "none of the template's fields",
        ),
        ("fields: [/id], mask: [/id]", "do not fit its `answer`"),
        ("fields: [/id], at_least: 2", "do not fit its `answer`"),
        (
            "fields: [/id], answer: yes_no, at_least: 0",
            "none is always there",
        ),
        ("answer: counts", "do not fit its `answer`"),
        (
            "answer: counts, counts: { by: [/plan], k: 1 }",
            "a group of 1 hides nobody",
        ),
        (
            "answer: counts, counts: { by: [], k: 5 }",
            "cannot be counted by this",
        ),
        (
            "answer: counts, counts: { by: [/a, /b/a], k: 5 }",
            "cannot be counted by this",
        ),
        (
            "answer: counts, counts: { by: ['/a/*'], k: 5 }",
            "cannot be counted by this",
        ),
        (
            "answer: counts, counts: { by: [/count], k: 5 }",
            "cannot be counted by this",
        ),
        (
            "answer: counts, counts: { by: [/a], individual: '/b/*', k: 5 }",
            "leads to several places",
        ),
        ("fields: [/id], filters: { id: C-1 }", "has two parts here"),
        ("fields: [/id], filters: { Id: C-1 }", "has two parts here"),
        (
            "fields: [/id], pass: [limit], page: { parameter: limit, max: 5 }",
            "has two parts here",
        ),
        (
            "fields: [/id], page: { parameter: limit, max: 0 }",
            "a page has a row at least",
        ),
        (
            "answer: counts, counts: { by: [/plan], k: 5 }, pass: [offset]",
            "may not choose what is counted",
        ),
        (
            "fields: [/id], answer: yes_no, pass: [q]",
            "may not choose what is counted",
        ),
        (
            "fields: [/id], answer: yes_no, at_least: 6, page: { parameter: limit, max: 5 }",
            "6 rows never come",
        ),
    ];
    for (template, expected) in mistakes {
        let fault = mediated(&format!("{HEAD}, {template}"), "").unwrap_or_default();
        assert!(fault.contains(expected), "{template}: {expected}: {fault}");
    }
    for (from, to, expected) in [
        (
            "customer.list",
            "customer.lists",
            "no service has the operation",
        ),
        ("name: a", "name: 'a b'", "cannot be a template's name"),
        ("[support]", "[]", "for some purpose"),
        (
            "rows: /customers",
            "rows: '/customers/*'",
            "leads to several places",
        ),
        (", rows: /customers", ", answer: yes_no", "is about rows"),
    ] {
        let template = format!("{}, fields: [/id]", HEAD.replace(from, to));
        let fault = mediated(&template, "").unwrap_or_default();
        assert!(fault.contains(expected), "{expected}: {fault}");
    }
}

#[test]
fn no_purpose_counts_the_same_rows_twice() {
    let counts = "answer: counts, counts: { by: [/plan], k: 5 }";
    let country = "answer: counts, counts: { by: [/country], k: 5 }";
    let yes = "fields: [/id], answer: yes_no, at_least: 3";
    let two = |first: &str, second: &str, purposes: &str| {
        let other = HEAD.replace("name: a", "name: b");
        let other = other.replace("[support]", purposes);
        mediated(
            &format!("{HEAD}, {first} }}\n    - {{ {other}, {second}"),
            "",
        )
    };
    for (first, second) in [(counts, country), (counts, yes), (yes, counts), (yes, yes)] {
        let fault = two(first, second, "[audit, support]").unwrap_or_default();
        let expected = "`crm/customer.list` is counted twice for `support`";
        assert!(fault.contains(expected), "{first}, {second}: {fault}");
        assert_eq!(two(first, second, "[audit]"), None);
    }
    assert_eq!(two(counts, "fields: [/id]", "[support]"), None);
}

#[test]
fn a_page_is_an_argument_only_as_a_number_and_of_rows() {
    let paged = |kind: &str, template: &str| {
        let argument = format!(
            "query: {{ customer: id, size: limit }}, arguments: {{ size: {{ {kind} }} }} }}"
        );
        let text = GOOD.replacen(LIST, &argument, 1);
        let page = "page: { parameter: limit, max: 5 }";
        let text =
            format!("{text}mediator:\n  templates:\n    - {{ {HEAD}, {page}, {template} }}\n");
        loaded(&text).err().map(|fault| format!("{fault:?}"))
    };
    assert_eq!(paged("type: integer, default: 5", "fields: [/id]"), None);
    let counts = "answer: counts, counts: { by: [/plan], k: 5 }";
    for (kind, template) in [
        ("type: string", "fields: [/id]"),
        ("type: decimal", "fields: [/id]"),
        ("type: integer", counts),
        ("type: integer", "fields: [/id], answer: yes_no"),
    ] {
        let fault = paged(kind, template).unwrap_or_default();
        assert!(fault.contains("has two parts here"), "{kind}: {fault}");
    }
}

#[test]
fn a_model_is_a_service_of_the_configuration() {
    let template = format!("{HEAD}, fields: [/id]");
    let agent = "spiffe://acme.example/agent/mediator";
    let model = |service: &str, path: &str, agent: &str, more: &str| {
        let model = format!(
            "{{ service: {service}, path: {path}, name: small, agent: \"{agent}\"{more} }}"
        );
        mediated(&template, &format!("  model: {model}\n")).unwrap_or_default()
    };
    // Its operations are all read.
    let fault = model("crm", "/customers", agent, "");
    assert!(
        fault.contains("has no operation `POST /customers`"),
        "{fault}"
    );
    let fault = model("llm", "/v1/chat/completions", agent, "");
    assert!(fault.contains("there is no service `llm`"), "{fault}");
    let bound = mediated(&template, "  answer_bytes_max: 99999999999\n").unwrap_or_default();
    assert!(bound.contains("cannot have so many bytes"), "{bound}");
    assert_eq!(mediated(&template, "  deadline: 60s\n"), None);
    let long = mediated(&template, "  deadline: 61s\n").unwrap_or_default();
    assert!(long.contains("too long for an answer"), "{long}");
    let late = mediated(&template, "  deadline: never\n").unwrap_or_default();
    assert!(late.contains("is no time to wait"), "{late}");
}
