mod console;
mod fleet;
mod inbound;
mod limits;
mod retention;
mod shipping;
mod upstreams;
mod websocket;

use std::fs;

use miette::{GraphicalReportHandler, GraphicalTheme};

use super::load;

const GOOD: &str = r#"listen: [{ address: 127.0.0.1:0 }]
country: DE
tokens:
  - { issuer: https://issuer.example, audience: tidegate, jwks: { url: https://issuer.example/keys }, lifetime_max: 10m }
agents:
  - { id: spiffe://acme.example/agent/support, selectors: ["unix:path:/usr/bin/curl", "unix:uid:1001"] }
services:
  - name: crm
    prefix: /crm
    upstream: http://127.0.0.1:9001
    country: DE
    operations:
      - { id: customer.read, method: GET, path: "/customers/{customer}" }
      - { id: customer.export, method: GET, path: /customers/export }
      - { id: customer.list, method: GET, path: /customers, rows: [{ array: /customers, member: /id, scope: customer, reads: "Customer/{}" }] }
policies: ["*.cedar"]
audit: { directory: data }
budgets: [{ id: reads, calls: 50, effects: [read] }, { id: writes, calls: 5, effects: [write, delete], services: [] }]
tokenization: { reveal: { operators: [{ name: ann, key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= }], two_persons: false } }
"#;

fn loaded(text: &str) -> miette::Result<super::Config> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.cedar"), "").unwrap();
    let path = folder.path().join("tidegate.yaml");
    fs::write(&path, text).unwrap();
    load(&path)
}

/// The report of a configuration in which `from` is mistyped as `to`, without the folder's name.
fn mistyped(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let Err(report) = loaded(&GOOD.replacen(from, to, 1)) else {
        panic!("{to} was taken")
    };
    let mut text = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_links(false)
        .render_report(&mut text, report.as_ref())
        .unwrap();
    let place = text
        .lines()
        .find(|line| line.contains("tidegate.yaml"))
        .unwrap_or_default()
        .to_owned();
    let line = place
        .rsplit("tidegate.yaml")
        .next()
        .unwrap_or_default()
        .to_owned();
    text.replace(&place, &format!("   ╭─[tidegate.yaml{line}"))
}

#[test]
fn a_good_configuration_is_taken() {
    let config = loaded(GOOD).unwrap();
    assert_eq!(
        (
            config.agents.len(),
            config.services.len(),
            config.policies.len()
        ),
        (1, 1, 1)
    );
    // What is plain is tried before what takes anything.
    let ids: Vec<_> = config.services[0]
        .operations()
        .into_iter()
        .map(AsRef::as_ref)
        .collect();
    assert_eq!(ids, ["customer.list", "customer.export", "customer.read"]);
}

#[test]
fn a_service_has_its_own_timeouts() {
    let with = |lines: &str| {
        let from = "upstream: http://127.0.0.1:9001\n";
        loaded(&GOOD.replacen(from, &format!("{from}{lines}"), 1))
    };
    let config = with("    timeout: 10m\n    idle_timeout: 90s\n    encode: false\n").unwrap();
    let service = &config.services[0];
    let seconds = (
        service.timeouts.head.as_secs(),
        service.timeouts.idle.as_secs(),
    );
    assert_eq!((seconds, service.encodes), ((600, 90), false));
    let usual = &with("").unwrap().services[0];
    assert_eq!(
        (usual.timeouts, usual.encodes),
        (proxy::limits::Timeouts::default(), true)
    );
    for wrong in [
        "timeout: 0s",
        "timeout: 2h",
        "idle_timeout: soon",
        "timeout: -1m",
    ] {
        let fault = with(&format!("    {wrong}\n")).err().unwrap().to_string();
        assert!(fault.contains("is no time to wait"), "{fault}");
    }
}

/// The configuration with an OpenAPI document in `name`: the fault, if it is not taken.
fn described(name: &str, document: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.cedar"), "").unwrap();
    fs::write(folder.path().join(name), document).unwrap();
    let path = folder.path().join("tidegate.yaml");
    let text = GOOD.replacen(
        "prefix: /crm",
        &format!("prefix: /crm\n    openapi: {name}"),
        1,
    );
    fs::write(&path, text).unwrap();
    load(&path).err().map(|report| report.to_string())
}

#[test]
fn descriptors_must_be_a_set_of_them() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.cedar"), "").unwrap();
    fs::write(folder.path().join("bad.binpb"), "no set").unwrap();
    // A set of one file without messages: field 1, in it field 1 with its name.
    fs::write(folder.path().join("set.binpb"), b"\x0A\x07\x0A\x05a.pro").unwrap();
    let path = folder.path().join("tidegate.yaml");
    for (name, expected) in [
        ("set.binpb", None),
        ("bad.binpb", Some("`bad.binpb` is no set of descriptors")),
        ("none.binpb", Some("there is no file")),
    ] {
        let typed = format!("prefix: /crm\n    descriptors: {name}");
        fs::write(&path, GOOD.replacen("prefix: /crm", &typed, 1)).unwrap();
        let fault = load(&path).err().map(|report| report.to_string());
        match expected {
            None => assert_eq!(fault, None),
            Some(expected) => assert!(fault.unwrap_or_default().contains(expected)),
        }
    }
}

#[test]
fn an_openapi_document_must_be_one_and_describe_every_operation() {
    let good = r#"
openapi: 3.0.3
paths:
  /customers/{id}:
    get:
      responses:
        "200": { content: { application/json: { schema: { properties: { code: { x-data-class: phi.condition } } } } } }
  /customers/export: { get: {} }
  /customers: { get: {} }
"#;
    assert_eq!(described("crm.yaml", good), None);
    let faults = [
        (
            good.replace("/customers/{id}", "/clients/{id}"),
            "does not describe `GET /customers/{customer}`",
        ),
        (
            good.replace("phi.condition", "phi.conditon"),
            "unknown data class `phi.conditon`",
        ),
        (
            good.replace("openapi: 3.0.3", "swagger: '2.0'"),
            "not a document of OpenAPI 3",
        ),
        ("a: [".to_owned(), "is not YAML"),
    ];
    for (document, expected) in faults {
        let fault = described("crm.yaml", &document).unwrap_or_default();
        assert!(fault.contains(expected), "{fault}");
    }
    assert!(
        described("crm.json", good)
            .unwrap_or_default()
            .contains("is not JSON")
    );
}

/// Two services with a secret of one name, which the second asks for so.
fn two_with_one_secret(second: &str) -> Result<(), String> {
    let service = |name: &str, more: &str| {
        format!(
            "  - name: {name}\n    prefix: /{name}\n    upstream: http://127.0.0.1:9001\n    country: DE\n    \
             credential: {{ vault: {{ address: \"http://127.0.0.1:8200\", mount: secret, path: a, field: k, \
             login: {{ token: t }}{more} }}, as: bearer }}\n"
        )
    };
    let services = format!(
        "services:\n{}{}",
        service("one", ""),
        service("two", second)
    );
    let text = format!(
        "listen: [{{ address: 127.0.0.1:0 }}]\ncountry: DE\nagents: []\n{services}policies: []\n\
         audit: {{ directory: data }}\n"
    );
    loaded(&text)
        .map(drop)
        .map_err(|fault| format!("{fault:?}"))
}

#[test]
fn a_key_of_one_store_is_not_taken_for_that_of_another() {
    assert_eq!(two_with_one_secret(""), Ok(()));
    // Another namespace is another secret.
    assert_eq!(two_with_one_secret(", namespace: b"), Ok(()));
    let fault = two_with_one_secret(", refresh: 1m").unwrap_err();
    assert!(fault.contains("of another service is kept"), "{fault}");
}

#[test]
fn every_mistake_is_told_with_its_place_and_mend() {
    let mistakes = [
        ("upstream: http://127.0.0.1:9001", ""),
        ("listen: [{ address: 127.0.0.1:0 }]", "listen: 127.0.0.1:0"),
        ("country: DE\ntokens", "country: DE\n\ttokens"),
        ("country: DE\ntokens", "country: DE\n  tokens"),
        ("country: DE\ntokens", "country: DE\ncountry: DE\ntokens"),
        ("country: DE\ntokens", "country: [DE]\ntokens"),
        ("audit: {", "egress: yes\naudit: {"),
        ("country: DE\ntokens", "country: de\ntokens"),
        ("country: DE\ntokens", "country: D1\ntokens"),
        ("lifetime_max: 10m", "lifetime_max: 10x"),
        ("lifetime_max: 10m", "lifetime_max: 48h"),
        (
            "url: https://issuer.example/keys",
            "url: http://issuer.example/keys",
        ),
        ("spiffe://acme.example/agent/support", "acme/support"),
        ("unix:uid:1001", "unix:user:1001"),
        ("[\"unix:path:/usr/bin/curl\", \"unix:uid:1001\"]", "[]"),
        ("prefix: /crm", "prefix: /crm/"),
        ("http://127.0.0.1:9001", "127.0.0.1:9001"),
        ("method: GET", "method: get"),
        ("/customers/{customer}", "/customers/{customer"),
        ("id: customer.export", "id: customer.read"),
        ("\"*.cedar\"", "\"rules/*.cedar\""),
        ("audit: {", "audits: {"),
        ("array: /customers", "array: customers"),
        (
            "audit: {",
            "reports: [{ report: subject, every: day, to: reports }]\naudit: {",
        ),
        (
            "audit: {",
            "reports: [{ report: agent, every: day, to: reports }]\naudit: {",
        ),
        (
            "audit: {",
            "reports: [{ report: agents, every: day, timezone: Mars, to: reports }]\naudit: {",
        ),
        (
            "audit: {",
            "reports: [{ report: agents, every: day, output: [pdf], to: reports }]\naudit: {",
        ),
        (
            "audit: {",
            "shipping: [{ name: bus, nats: { servers: [\"nats://nats.example\"], stream: A, subject: a } }]\naudit: {",
        ),
        (
            "audit: {",
            "shipping: [{ name: bus, nats: { servers: [\"tls://nats.example\"], stream: A, subject: a.* } }]\naudit: {",
        ),
        (
            "audit: {",
            "fleet: { host: a, hosts: [b], redis: { url: \"rediss://redis.example\" } }\naudit: {",
        ),
        (
            "audit: {",
            "fleet: { host: a, hosts: [a], redis: { url: \"redis://redis.example\" } }\naudit: {",
        ),
        (
            "audit: {",
            "fleet: { host: a, hosts: [a], redis: { url: \"redis://localhost\" }, budgets: { lease: 5 } }\naudit: {",
        ),
        ("Customer/{}", "Customer"),
        ("two_persons: false", "two_persons: true"),
        ("key: AAAA", "key: AA"),
        ("\"unix:uid:1001\"]", "\"unix:uid:1001\"], egress: block"),
        (
            "\"unix:uid:1001\"]",
            "\"unix:uid:1001\"], allow: [\"10.0.0.1/8\"]",
        ),
        (
            "[\"unix:path:/usr/bin/curl\", \"unix:uid:1001\"]",
            "[\"unix:ancestor-path:/usr/bin/bash\"], egress: deny",
        ),
        (
            "country: DE\ntokens",
            "country: DE\negress: { when_gone: closed }\ntokens",
        ),
        (
            "country: DE\ntokens",
            "country: DE\negress: { ring_bytes: 5000 }\ntokens",
        ),
        (
            "country: DE\ntokens",
            "country: DE\negress: { flows_max: 100 }\ntokens",
        ),
        (
            "upstream: http://127.0.0.1:9001",
            "upstream: http://crm.example\n    credential: { name: crm, as: bearer }",
        ),
        (
            "upstream: http://127.0.0.1:9001",
            "upstream: http://127.0.0.1:9001\n    credential: { as: bearer }",
        ),
        (
            "upstream: http://127.0.0.1:9001",
            "upstream: http://127.0.0.1:9001\n    credential: { name: a b, as: bearer }",
        ),
        (
            "upstream: http://127.0.0.1:9001",
            "upstream: http://127.0.0.1:9001\n    credential: { name: crm, as: { header: \"x key\" } }",
        ),
        (
            "upstream: http://127.0.0.1:9001",
            "upstream: http://127.0.0.1:9001\n    credential: { name: crm, as: { query: a=b } }",
        ),
        (
            "upstream: http://127.0.0.1:9001",
            "upstream: http://127.0.0.1:9001\n    credential: { name: crm, as: { sigv4: { region: \"\", service: s3 } } }",
        ),
        (
            "upstream: http://127.0.0.1:9001",
            "upstream: http://127.0.0.1:9001\n    credential: { name: crm, as: { oauth: { token_endpoint: \"http://idp.example/token\", client_id: gateway } } }",
        ),
        (
            "upstream: http://127.0.0.1:9001",
            "upstream: http://127.0.0.1:9001\n    credential: { name: crm, as: { oauth: { token_endpoint: \"https://idp.example/token\", client_id: gateway, scopes: [a b] } } }",
        ),
        (
            "upstream: http://127.0.0.1:9001",
            "upstream: http://127.0.0.1:9001\n    credential: { name: crm, as: { oauth: { token_endpoint: \"https://idp.example/token\", client_id: gateway, parameters: { scope: a } } } }",
        ),
        (
            "upstream: http://127.0.0.1:9001",
            "upstream: http://127.0.0.1:9001\n    credential: { name: crm, as: certificate }",
        ),
        (
            "upstream: http://127.0.0.1:9001",
            "upstream: https://127.0.0.1:9001\n    health: { path: /up }\n    credential: { name: crm, as: certificate }",
        ),
        (
            "upstream: http://127.0.0.1:9001",
            "upstream: http://127.0.0.1:9001\n    credential: { vault: { address: \"http://vault.example\", mount: secret, path: a, field: key, login: { token: t } }, as: bearer }",
        ),
        (
            "upstream: http://127.0.0.1:9001",
            "upstream: http://127.0.0.1:9001\n    credential: { vault: { address: \"https://vault.example\", mount: secret, path: a/../b, field: key, login: { token: t } }, as: bearer }",
        ),
        (
            "upstream: http://127.0.0.1:9001",
            "upstream: http://127.0.0.1:9001\n    credential: { aws_secret: { region: \"eu.example/\", id: a, keys: k }, as: bearer }",
        ),
        (
            "upstream: http://127.0.0.1:9001",
            "upstream: http://127.0.0.1:9001\n    credential: { name: crm, aws_secret: { region: eu-central-1, id: a, keys: k }, as: bearer }",
        ),
        ("calls: 5,", "calls: 51,"),
        ("id: writes", "id: reads"),
        ("id: writes", "id: \"a b\""),
        ("calls: 5,", "every: 1s,"),
        ("calls: 5,", "every: 1ms, calls: 5,"),
        ("calls: 5,", "subjects: 100001,"),
        ("calls: 5,", "fields: { pii.mail: 3 },"),
        ("services: []", "services: [erp]"),
        (
            "services: []",
            "services: [crm], operations: [customer.red]",
        ),
        (
            "[{ address: 127.0.0.1:0 }]",
            "[{ address: 127.0.0.1:0, ext_authz: { protocol: grpc, selectors: [\"unix:uid:0\"], services: [erp], answers: unseen, bodies: shown } }]",
        ),
        (
            "[{ address: 127.0.0.1:0 }]",
            "[{ address: 127.0.0.1:0, ext_authz: { protocol: grpc, selectors: [], services: [crm], answers: unseen, bodies: shown } }]",
        ),
        (
            "[{ address: 127.0.0.1:0 }]",
            "[{ address: 127.0.0.1:0, ext_authz: { protocol: grpc, selectors: [\"unix:path:/usr/bin/envoy\"], services: [crm], answers: unseen, bodies: shown } }]",
        ),
        (
            "[{ address: 127.0.0.1:0 }]",
            "[{ address: 127.0.0.1:0, svid: true }]",
        ),
        (
            "[{ address: 127.0.0.1:0 }]",
            "[{ address: 127.0.0.1:0, forward: true, ext_authz: { protocol: http, selectors: [\"unix:uid:0\"], services: [crm], answers: unseen, bodies: shown } }]",
        ),
    ];
    let reports: Vec<String> = mistakes
        .iter()
        .map(|(from, to)| format!("# {to}\n{}", mistyped(from, to)))
        .collect();
    insta::assert_snapshot!(reports.join("\n"));
}

/// The fault of a configuration whose service speaks so, if it is not taken.
fn speaking(speech: &str) -> Option<String> {
    loaded(&spoken(speech))
        .err()
        .map(|report| report.to_string())
}

/// The configuration with a service that speaks so.
fn spoken(speech: &str) -> String {
    let (before, rest) = GOOD.split_once("    operations:").unwrap();
    let (_, after) = rest.split_once("policies:").unwrap();
    format!("{before}{speech}policies:{after}")
}

#[test]
fn services_of_messages_are_taken_or_told_what_is_wrong() {
    let mcp = r#"    mcp:
      endpoints: [/mcp]
      sse: { stream: /sse, messages: /messages/ }
      tools:
        - { name: read, effect: read, bind: { customer: arguments.customer_id }, output: { properties: { code: { x-data-class: phi.condition } } } }
        - { name: write }
      prompts: [{ name: brief }]
      resources: [{ uri: "crm://customers/{customer}" }]
      methods: [{ name: tasks/get, effect: read }]
"#;
    let graphql = "    graphql:
      endpoints: [/graphql]
      queries: [{ field: customer, bind: { customer: id } }]
      mutations: [{ field: wipe, effect: delete }]
";
    assert_eq!((speaking(mcp), speaking(graphql)), (None, None));
    let both = format!("{mcp}{graphql}");
    let mistakes = [
        (both, "a service speaks in one way"),
        (
            mcp.replace("endpoints: [/mcp]", "endpoints: [mcp]"),
            "not the path of an endpoint",
        ),
        (
            mcp.replace("name: write", "name: read"),
            "tool `read` is defined twice",
        ),
        (
            mcp.replace("phi.condition", "phi.conditon"),
            "unknown data class `phi.conditon`",
        ),
        (
            mcp.replace("arguments.customer_id", "arguments."),
            "leads to no argument",
        ),
        (
            mcp.replace("crm://customers", "customers"),
            "a path begins with `/`",
        ),
        (
            mcp.replace("tasks/get", "tools/call"),
            "known by what it names",
        ),
        (
            graphql.replace("field: customer,", "field: customer, effect: write,"),
            "cannot have this effect",
        ),
        (
            graphql.replace("effect: delete", "effect: read"),
            "cannot have this effect",
        ),
    ];
    for (speech, expected) in mistakes {
        let fault = speaking(&speech).unwrap_or_default();
        assert!(fault.contains(expected), "{expected}: {fault}");
    }
}

#[test]
fn what_is_approved_of_a_server_of_mcp_and_its_uri_are_told_plainly() {
    let mcp = r#"    mcp:
      endpoints: [/mcp]
      pins: configured
      resource: https://gateway.example/crm/mcp
      tools: [{ name: add, digest: "sha256:b15dbf3267c9f5eee97cd036e2f9e081f684c358dd16c61daf3176530bbd966a" }]
"#;
    assert_eq!(speaking(mcp), None);
    for (from, to, expected) in [
        ("sha256:b1", "sha256:", "64 hexadecimal digits"),
        ("pins: configured", "pins: off", "so that nobody compares"),
        (
            "tools: [{ name: add,",
            "resources: [{ uri: \"crm://about\",",
            "nothing to be approved",
        ),
        ("crm/mcp\n", "crm/mcp?x=1\n", "not the URI of a resource"),
        ("crm/mcp\n", "crm/mcp#x\n", "not the URI of a resource"),
        ("https://", "http://", "not reached in the clear"),
    ] {
        let fault = speaking(&mcp.replacen(from, to, 1)).unwrap_or_default();
        assert!(fault.contains(expected), "{expected}: {fault}");
    }
    let other = "  - name: other\n    prefix: /other\n    upstream: http://127.0.0.1:9002\n    country: DE\n";
    let twice = speaking(&format!("{mcp}{other}{mcp}")).unwrap_or_default();
    assert!(twice.contains("is defined twice"), "{twice}");
}

#[test]
fn operations_of_messages_have_the_names_that_policies_use() {
    let speech = "    mcp: { endpoints: [/mcp], tools: [{ name: read }] }\n";
    let config = loaded(&spoken(speech)).unwrap();
    let ids = config.services[0].operations();
    for known in ["tools/call/read", "initialize", "stream", "answer"] {
        assert!(ids.iter().any(|id| id.as_ref() == known), "{known}");
    }
}

#[test]
fn budgets_of_models_count_all_that_their_services_say() {
    let fault = |usage: &str, prices: &str, budget: &str| {
        let text = GOOD
            .replacen("    country: DE\n", &format!("    country: DE\n{usage}"), 1)
            .replacen("services: []", budget, 1);
        let loaded = loaded(&format!("{text}{prices}"));
        loaded.err().map(|report| report.to_string())
    };
    let prices = "prices: [{ model: \"*\", input: 1, output: 2 }]\n";
    let openai = "    usage: { profile: openai, output_ceiling: 500 }\n";
    let own = "    usage: { answer: { input: [/in], output: [/out] } }\n";
    for (usage, prices, budget, expected) in [
        (openai, prices, "cost: 5, services: [crm]", None),
        (own, prices, "tokens: 5", None),
        ("", prices, "tokens: 5", Some("does not say")),
        (
            "",
            prices,
            "tokens: 5, services: [crm]",
            Some("does not say"),
        ),
        (openai, "", "cost: 5", Some("nothing has a price")),
        (own, prices, "cost: 5", Some("which model a request")),
    ] {
        let told = fault(usage, prices, budget);
        let is_as_expected = match (&told, expected) {
            (Some(told), Some(expected)) => told.contains(expected),
            (told, expected) => told.is_none() && expected.is_none(),
        };
        assert!(is_as_expected, "{usage} {budget}: {told:?}");
    }
    // A budget that names a service counts it, whatever another says.
    let other = "services:\n  - { name: model, prefix: /model, upstream: \"http://127.0.0.1:9002\", country: DE, \
                 usage: { profile: openai }, operations: [{ id: chat, method: POST, path: /chat }] }\n";
    let both = GOOD.replacen("services:\n", other, 1);
    let naming = |budget| loaded(&both.replacen("services: []", budget, 1));
    assert!(naming("tokens: 5").is_ok() && naming("tokens: 5, services: [model]").is_ok());
    assert!(naming("tokens: 5, services: [model, crm]").is_err());
}
