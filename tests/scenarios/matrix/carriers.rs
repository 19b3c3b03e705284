//! The ways that a parameter travels, each with every request that some disguise makes of it.

use serde_json::json;

use super::{
    OTHER, OWN,
    disguises::{self, Order, Text},
};

/// A request, as it is written.
#[derive(Clone, Debug)]
pub(super) struct Shot {
    pub(super) line: String,
    pub(super) fields: String,
    pub(super) body: String,
}

/// A way.
pub(super) struct Carrier {
    pub(super) name: &'static str,
    /// The request that names this customer and has nothing odd.
    pub(super) plain: fn(&str) -> Shot,
    /// The requests that may name the other.
    pub(super) shots: fn() -> Vec<Shot>,
}

pub(super) const CARRIERS: [Carrier; 9] = [
    Carrier {
        name: "path",
        plain: |customer| get(&format!("/w/path/{customer}")),
        shots: path,
    },
    Carrier {
        name: "query",
        plain: |customer| get(&format!("/w/query?customer={customer}")),
        shots: query,
    },
    Carrier {
        name: "header",
        plain: |customer| header(&format!("x-customer: {customer}\r\n"), ""),
        shots: headers,
    },
    Carrier {
        name: "json",
        plain: |customer| post("/w/body", JSON, json!({ "customer": customer }).to_string()),
        shots: json_body,
    },
    Carrier {
        name: "nested json",
        plain: |customer| {
            post(
                "/w/nested",
                JSON,
                nested(&format!("\"customer\":\"{customer}\"")),
            )
        },
        shots: nested_json,
    },
    Carrier {
        name: "form",
        plain: |customer| post("/w/body", FORM, format!("customer={customer}")),
        shots: form,
    },
    Carrier {
        name: "graphql argument",
        plain: |customer| argument(&format!("customer: \"{customer}\"")),
        shots: graphql_argument,
    },
    Carrier {
        name: "graphql variable",
        plain: |customer| variable(&format!("\"c\":\"{customer}\""), ""),
        shots: graphql_variable,
    },
    Carrier {
        name: "mcp argument",
        plain: |customer| tool(&format!("\"customer\":\"{customer}\"")),
        shots: mcp_argument,
    },
];

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn get(target: &str) -> Shot {
    Shot {
        line: format!("GET {target}"),
        fields: String::new(),
        body: String::new(),
    }
}

fn header(fields: &str, query: &str) -> Shot {
    Shot {
        fields: fields.to_owned(),
        ..get(&format!("/w/header{query}"))
    }
}

fn post(target: &str, kind: &str, body: String) -> Shot {
    Shot {
        line: format!("POST {target}"),
        fields: format!("content-type: {kind}\r\n"),
        body,
    }
}

fn path() -> Vec<Shot> {
    let segments = disguises::values(Text::Encoded).into_iter().chain(
        // Two customers in one path, for who takes segments apart or puts them together otherwise.
        [
            "/",
            "%2F",
            "%252F",
            "%5C",
            "/../",
            "/%2e%2e/",
            "/..%2f",
            "/%252e%252e/",
            "//",
            "/./",
            ";",
            "%3B",
            ",",
            "%2C",
            "%00",
            "%0a",
            "%20",
            "?",
            "%3F",
            "%23",
            "&",
            "=",
        ]
        .iter()
        .flat_map(|between| [(OWN, OTHER), (OTHER, OWN)].map(|(a, b)| format!("{a}{between}{b}"))),
    );
    let mut shots: Vec<Shot> = segments
        .map(|segment| get(&format!("/w/path/{segment}")))
        // A query that says nothing to the gateway's reader is the query's affair, below.
        .filter(|shot| !shot.line.contains('?'))
        .collect();
    shots.extend(contrary().map(|pair| get(&format!("/w/path/{OWN}?{pair}"))));
    shots
}

/// Pairs of a query that say another customer than the right place does.
fn contrary() -> impl Iterator<Item = String> {
    disguises::pairs()
        .into_iter()
        .filter(|pairs| pairs.order == Order::Alone)
        .map(|pairs| pairs.text)
}

fn query() -> Vec<Shot> {
    let pairs = disguises::pairs().into_iter();
    pairs
        .map(|pairs| get(&format!("/w/query?{}", pairs.text)))
        .collect()
}

fn form() -> Vec<Shot> {
    let pairs = disguises::pairs().into_iter();
    let mut shots: Vec<Shot> = pairs
        .map(|pairs| post("/w/body", FORM, pairs.text))
        .collect();
    shots.extend(
        contrary().map(|pair| post(&format!("/w/body?{pair}"), FORM, format!("customer={OWN}"))),
    );
    shots
}

fn headers() -> Vec<Shot> {
    let names = [
        "x-customer",
        "X-Customer",
        "x_customer",
        "X_CUSTOMER",
        "x-customer ",
    ];
    let mut shots = Vec::new();
    for name in names {
        for value in disguises::values(Text::Raw) {
            let odd = format!("{name}: {value}\r\n");
            let own = format!("x-customer: {OWN}\r\n");
            shots.push(header(&odd, ""));
            shots.push(header(&format!("{odd}{own}"), ""));
            shots.push(header(&format!("{own}{odd}"), ""));
        }
    }
    shots.push(header(&format!("x-customer: {OWN}\r\n {OTHER}\r\n"), ""));
    shots.extend(
        contrary().map(|pair| header(&format!("x-customer: {OWN}\r\n"), &format!("?{pair}"))),
    );
    shots
}

fn json_body() -> Vec<Shot> {
    let members = disguises::members().into_iter();
    let mut shots: Vec<Shot> = members
        .map(|members| post("/w/body", JSON, format!("{{{members}}}")))
        .collect();
    // A mark of byte order, two documents, a list of one, another form than is declared.
    let plain = json!({ "customer": OTHER }).to_string();
    shots.extend(
        [
            format!("\u{feff}{plain}"),
            format!("{{\"customer\":\"{OWN}\"}}{plain}"),
            format!("[{plain}]"),
            format!("customer={OTHER}"),
        ]
        .map(|body| post("/w/body", JSON, body)),
    );
    shots.push(post("/w/body", "text/plain", plain.clone()));
    shots.push(post("/w/body", FORM, plain.clone()));
    shots.push(post("/w/body", "application/json; charset=utf-7", plain));
    shots.extend(contrary().map(|pair| {
        post(
            &format!("/w/body?{pair}"),
            JSON,
            json!({ "customer": OWN }).to_string(),
        )
    }));
    shots
}

fn nested(members: &str) -> String {
    format!("{{\"order\":{{{members}}}}}")
}

fn nested_json() -> Vec<Shot> {
    let members = disguises::members().into_iter();
    let mut shots: Vec<Shot> = members
        .map(|members| post("/w/nested", JSON, nested(&members)))
        .collect();
    // The object around it twice, and under names that some fold.
    for name in ["order", "Order", "ORDER", "order ", "\\u006frder"] {
        let own = format!("\"order\":{{\"customer\":\"{OWN}\"}}");
        let odd = format!("\"{name}\":{{\"customer\":\"{OTHER}\"}}");
        for members in [format!("{own},{odd}"), format!("{odd},{own}")] {
            shots.push(post("/w/nested", JSON, format!("{{{members}}}")));
        }
    }
    shots
}

fn graphql(query: &str, variables: &str) -> Shot {
    let query = json!(query);
    post(
        "/g/graphql",
        JSON,
        format!("{{\"query\":{query},\"variables\":{{{variables}}}}}"),
    )
}

fn argument(arguments: &str) -> Shot {
    graphql(&format!("{{ customer({arguments}) {{ id }} }}"), "")
}

fn graphql_argument() -> Vec<Shot> {
    let mut arguments = Vec::new();
    for name in ["customer", "Customer", "CUSTOMER", "cu\u{17f}tomer"] {
        for value in disguises::literals() {
            let odd = format!("{name}: {value}");
            let own = format!("customer: \"{OWN}\"");
            arguments.extend([
                odd.clone(),
                format!("{odd}, {own}"),
                format!("{own}, {odd}"),
            ]);
        }
    }
    let mut shots: Vec<Shot> = arguments.iter().map(|it| argument(it)).collect();
    let field = |customer: &str| format!("customer(customer: \"{customer}\") {{ id }}");
    let (own, other) = (field(OWN), field(OTHER));
    let documents = [
        format!("{{ a: {own} b: {other} }}"),
        format!("{{ {own} {other} }}"),
        format!("{{ {own} ... on Query {{ b: {other} }} }}"),
        format!("query Q {{ {own} ...F }} fragment F on Query {{ b: {other} }}"),
        format!("query A {{ {own} }} query B {{ {other} }}"),
        format!("{{ customer(customer: \"{OWN}\") {{ id friend: {other} }} }}"),
        format!("{{ a: {own} b: {other} @skip(if: true) }}"),
        format!("# \r{{ {own} }}\n{{ {other} }}"),
        format!("subscription {{ {other} }}"),
        format!("mutation {{ {other} }}"),
    ];
    shots.extend(documents.iter().map(|document| graphql(document, "")));
    shots
}

fn variable(variables: &str, default: &str) -> Shot {
    let query = format!("query($c: ID{default}) {{ customer(customer: $c) {{ id }} }}");
    graphql(&query, variables)
}

fn graphql_variable() -> Vec<Shot> {
    let members = disguises::members_named("c").into_iter();
    let mut shots: Vec<Shot> = members.map(|members| variable(&members, "")).collect();
    shots.push(variable("", &format!(" = \"{OTHER}\"")));
    shots.push(variable("\"c\":null", &format!(" = \"{OTHER}\"")));
    // Beside the body, and twice in it.
    let plain = variable(&format!("\"c\":\"{OWN}\""), "");
    let beside = format!("/g/graphql?variables=%7B%22c%22%3A%22{OTHER}%22%7D");
    shots.push(Shot {
        line: format!("POST {beside}"),
        ..plain.clone()
    });
    for name in ["variables", "Variables", "variable\u{17f}"] {
        let twice = format!(",\"{name}\":{{\"c\":\"{OTHER}\"}}}}");
        let body = plain.body.strip_suffix('}').unwrap_or_default().to_owned() + &twice;
        shots.push(Shot {
            body,
            ..plain.clone()
        });
    }
    shots
}

fn rpc(params: &str) -> Shot {
    let body =
        format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{params}}}");
    let mut shot = post("/m/mcp", JSON, body);
    shot.fields
        .push_str("accept: application/json, text/event-stream\r\n");
    shot
}

fn tool(arguments: &str) -> Shot {
    rpc(&format!(
        "{{\"name\":\"read\",\"arguments\":{{{arguments}}}}}"
    ))
}

fn mcp_argument() -> Vec<Shot> {
    let members = disguises::members().into_iter();
    let mut shots: Vec<Shot> = members.map(|members| tool(&members)).collect();
    let own = format!("{{\"customer\":\"{OWN}\"}}");
    let other = format!("{{\"customer\":\"{OTHER}\"}}");
    for name in ["arguments", "Arguments", "argument\u{17f}", "arguments "] {
        for (a, b) in [(&own, &other), (&other, &own)] {
            let params = format!("{{\"name\":\"read\",\"arguments\":{a},\"{name}\":{b}}}");
            shots.push(rpc(&params));
        }
    }
    let call = tool(&format!("\"customer\":\"{OTHER}\"")).body;
    let batch = Shot {
        body: format!("[{call}]"),
        ..tool("")
    };
    shots.push(batch);
    shots
}
