//! Envoy serves, and asks by `ext_authz`: the gateway decides by the kernel's word and the token, and Envoy
//! holds to it.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Answer, Ask},
    envoy::Envoy,
    gateway::Gateway,
    peers::{Peer, witness::Witness},
    records::{self, Record},
    setup::{Service, Setup},
    tokens::{Issuer, claims},
};

use crate::world::{SUPPORT, path_selector, verified};

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("session-sees-only-its-customer")
@category("scope")
@reason("The task names one customer.")
forbid (principal, action == Action::"call", resource)
when { principal.hasTag("customer") && resource.hasTag("customer") }
unless { principal.getTag("customer") == resource.getTag("customer") };

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);

@id("contact-is-masked")
@obligation("mask")
forbid (principal, action == Action::"disclose", resource in DataClass::"pii.email");
"#;

/// The host that the service is called by.
const HOST: &str = "crm.example";
/// The listeners of Envoy: those that ask over gRPC and over HTTP, and one that shows no bodies.
const LISTENERS: [&str; 3] = ["grpc", "http", "bodiless"];
const GRPC: usize = 0;
const HTTP: usize = 1;
const BODILESS: usize = 2;
/// How often the agent may read a customer.
const READS: usize = 4;

struct Served {
    gateway: Gateway,
    envoy: Envoy,
    issuer: Issuer,
    witness: Witness,
    _peer: Peer,
}

impl Served {
    fn new() -> Result<Self> {
        let witness = Witness::default();
        let peer = Peer::serve(witness.router(), "127.0.0.1:0", None)?;
        let issuer = Issuer::new()?;
        let asks = |protocol: &str, bodies: &str| {
            json!({ "address": "127.0.0.1:0", "ext_authz": {
                "protocol": protocol,
                "selectors": [
                    path_selector(&Envoy::program().unwrap_or_default()),
                    format!("unix:uid:{}", rustix::process::getuid().as_raw()),
                ],
                "services": ["crm"],
                "answers": "unseen",
                "bodies": bodies,
            } })
        };
        let listen = json!([
            { "address": "127.0.0.1:0" },
            asks("grpc", "shown"), asks("http", "shown"), asks("grpc", "unseen"),
        ]);
        let capped = json!({ "records_max": 3 });
        let service = Service::hosted("crm", HOST, &peer.url(), "DE")
            .operation("customer.read", "GET", "/customers/{customer}")
            .operation("note.write", "POST", "/customers/{customer}/notes")
            .governed("customer.list", "GET", "/customers", capped);
        let other = Service::hosted("billing", "billing.example", &peer.url(), "DE").operation(
            "bill.read",
            "GET",
            "/bills/{bill}",
        );
        let budget = json!([{ "id": "reads", "per": "agent", "operations": ["customer.read"],
            "calls": READS }]);
        let setup = Setup::new()
            .set("listen", listen)
            .issuer(&issuer)
            .agent(
                SUPPORT,
                &[path_selector(Agent::curl()?.program())],
                "required",
            )
            .service(service)
            .service(other)
            .set("budgets", budget)
            .policy(POLICY);
        let gateway = Gateway::start(&setup)?;
        let bootstrap = bootstrap(&gateway, peer.address())?;
        Ok(Self {
            envoy: Envoy::start(bootstrap, &LISTENERS)?,
            gateway,
            issuer,
            witness,
            _peer: peer,
        })
    }

    fn token(&self) -> Result<String> {
        self.issuer
            .mint(&claims(SUPPORT).scope("customer", "C-771"))
    }

    fn ask(&self, listener: usize, path: &str) -> Result<Ask> {
        self.ask_of(HOST, listener, path)
    }

    fn ask_of(&self, host: &str, listener: usize, path: &str) -> Result<Ask> {
        let url = format!("http://{}{path}", self.envoy.listens(listener)?);
        Ok(Ask::get(url).header("host", host))
    }

    /// With the token as most agents bring it.
    fn told(&self, listener: usize, path: &str) -> Result<Answer> {
        let bearer = format!("Bearer {}", self.token()?);
        let ask = self.ask(listener, path)?.header("authorization", &bearer);
        Agent::curl()?.ask(&ask)
    }

    fn note(&self, listener: usize, note: &str) -> Result<Answer> {
        let url = format!(
            "http://{}/customers/C-771/notes",
            self.envoy.listens(listener)?
        );
        let ask = Ask::post(url, json!({ "note": note }).to_string());
        Agent::curl()?.ask(&ask.header("host", HOST).token(&self.token()?))
    }

    /// Where the record says why this answer is none.
    fn record(&self, answer: &Answer) -> Result<Record> {
        let index = answer.record().context("an answer names its record")?;
        let record = records::show(&self.gateway, index)?;
        if record.kind() == "open" {
            records::closing(&self.gateway, index)
        } else {
            Ok(record)
        }
    }

    fn refused(&self, answer: &Answer, status: u16, reason: &str) -> Result<()> {
        let told = answer.json()?;
        ensure!(answer.status == status, "{}: {told}", answer.status);
        ensure!(told.get("reason").is_some_and(|it| it == reason), "{told}");
        let record = self.record(answer)?;
        ensure!(record.text("reason") == reason, "{record:?}");
        ensure!(self.witness.heard().is_empty(), "the service was asked");
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        ensure!(self.gateway.stop()?.success(), "{}", self.gateway.stderr());
        // Who cannot ask lets nothing pass.
        for listener in [GRPC, HTTP] {
            let answer = self.told(listener, "/customers/C-771")?;
            ensure!(answer.status == 403, "{}", answer.status);
        }
        ensure!(self.witness.heard().is_empty());
        verified(&self.gateway).map(drop)
    }
}

#[test]
fn envoy_serves_what_the_gateway_admits() -> Result<()> {
    let served = Served::new()?;
    for listener in [GRPC, HTTP] {
        let answer = served.told(listener, "/customers/C-771")?;
        ensure!(
            answer.status == 200,
            "{}: {}",
            answer.status,
            served.envoy.log()
        );
        let heard = served.witness.heard();
        ensure!(
            heard.len() == 1,
            "the service was asked {} times",
            heard.len()
        );
        let heard = heard.first().context("it was asked")?;
        // The token was for the gateway, and ends there.
        ensure!(!heard.text.contains("authorization"), "{}", heard.text);
        ensure!(!heard.text.contains("tidegate-source"), "{}", heard.text);
        let opening = answer.record().context("the answer names its record")?;
        let opened = records::show(&served.gateway, opening)?;
        ensure!(opened.text("agent") == SUPPORT, "{opened:?}");
        let evidence = opened.text("evidence");
        if tests::env::ebpf_required() {
            ensure!(evidence == "kernel+token", "{evidence}");
        }
        let pid = opened.find("process").and_then(|it| it.get("pid"));
        ensure!(pid == Some(&json!(answer.pid)), "{opened:?}");
        let ended = records::closing(&served.gateway, opening)?;
        ensure!(ended.text("result") == "delegated", "{ended:?}");
        let gaps = ended.find("response").and_then(|it| it.get("gaps"));
        ensure!(gaps == Some(&json!(["answer_unseen"])), "{ended:?}");
    }
    served.finish()
}

#[test]
fn envoy_refuses_what_the_gateway_refuses_in_its_words() -> Result<()> {
    let served = Served::new()?;
    for listener in [GRPC, HTTP] {
        let answer = served.told(listener, "/customers/C-332")?;
        served.refused(&answer, 403, "scope_mismatch")?;
        let told = answer.json()?;
        let rule = told.get("rule").and_then(Value::as_str);
        ensure!(rule == Some("session-sees-only-its-customer"), "{told}");
        let bare = Agent::curl()?.ask(&served.ask(listener, "/customers/C-771")?)?;
        served.refused(&bare, 401, "token_required")?;
        let ask = served.ask(listener, "/customers/C-771")?;
        let stranger = Agent::python()?.ask(&ask.token(&served.token()?))?;
        served.refused(&stranger, 403, "token_workload_mismatch")?;
        let ask = served
            .ask(listener, "/bills/B-1")?
            .header("host", "billing.example");
        let other = Agent::curl()?.ask(
            &Ask {
                headers: ask.headers.into_iter().skip(1).collect(),
                ..ask
            }
            .token(&served.token()?),
        )?;
        served.refused(&other, 403, "service_not_asked")?;
        let twice = served.told(listener, "/customers/C-771/../C-332")?;
        ensure!(twice.status != 200, "{}", twice.status);
    }
    served.finish()
}

#[test]
fn what_envoy_could_not_hold_to_is_refused() -> Result<()> {
    let served = Served::new()?;
    for listener in [GRPC, HTTP] {
        // Envoy can take nothing out of an answer, and edit no body.
        let capped = served.told(listener, "/customers")?;
        served.refused(&capped, 403, "obligation_unmet")?;
        let edited = served.note(listener, "write to ann.lee@example.com")?;
        served.refused(&edited, 403, "obligation_unmet")?;
        let passed = served.note(listener, "call back on Monday")?;
        ensure!(passed.status == 200, "{}", passed.status);
        ensure!(served.witness.heard().len() == 1);
    }
    // What would override the method stays behind, and what is personal in a field is seen.
    for listener in [GRPC, HTTP] {
        let ask = served
            .ask(listener, "/customers/C-771")?
            .token(&served.token()?);
        let ask = ask.header("x-http-method-override", "DELETE");
        let noted = ask.clone().header("x-note", "write to ann.lee@example.com");
        ensure!(Agent::curl()?.ask(&ask)?.status == 200);
        let heard = served.witness.heard();
        ensure!(heard.len() == 1 && !heard.iter().any(|it| it.text.contains("override")));
        let noted = Agent::curl()?.ask(&noted)?;
        served.refused(&noted, 403, "obligation_unmet")?;
        let ask = served
            .ask(listener, "/customers/C-771")?
            .token(&served.token()?);
        let ask = ask
            .header("connection", "upgrade")
            .header("upgrade", "websocket");
        let upgraded = Agent::curl()?.ask(&ask)?;
        ensure!(upgraded.status == 403, "{}", upgraded.status);
        ensure!(served.witness.heard().is_empty());
    }
    let unseen = served.note(BODILESS, "call back on Monday")?;
    served.refused(&unseen, 415, "request_uninspected")?;
    served.finish()
}

#[test]
fn budgets_hold_behind_envoy_and_nobody_else_may_ask() -> Result<()> {
    let served = Served::new()?;
    let mut statuses = Vec::new();
    for number in 0..READS + 2 {
        statuses.push(served.told(number % 2, "/customers/C-771")?.status);
    }
    let expected = [vec![200; READS], vec![429; 2]].concat();
    ensure!(statuses == expected, "{statuses:?}");
    ensure!(served.witness.heard().len() == READS);
    let asked = served.gateway.listen(2)?;
    let ask = Ask::get(format!("http://{asked}/customers/C-771")).header("host", HOST);
    let answer = Agent::curl()?.ask(&ask.token(&served.token()?))?;
    served.refused(&answer, 403, "asker_unknown")?;
    ensure!(served.record(&answer)?.find("finding") == Some(&json!(true)));
    served.finish()
}

/// Two listeners before one service: the first asks over gRPC, the second over HTTP, with bodies; the third
/// over gRPC without.
fn bootstrap(gateway: &Gateway, upstream: SocketAddr) -> Result<Value> {
    let (grpc, http, bodiless) = (gateway.listen(1)?, gateway.listen(2)?, gateway.listen(3)?);
    let body = json!({ "max_request_bytes": 1_048_576, "pack_as_bytes": true });
    let by_grpc = json!({
        "grpc_service": { "envoy_grpc": { "cluster_name": "asked_grpc" }, "timeout": "20s" },
        "transport_api_version": "V3",
        "with_request_body": body,
        "include_peer_certificate": true,
    });
    let exact = |names: &[&str]| {
        let patterns: Vec<Value> = names.iter().map(|name| json!({ "exact": name })).collect();
        json!({ "patterns": patterns })
    };
    let by_http = json!({
        "transport_api_version": "V3",
        "with_request_body": body,
        "allowed_headers": { "patterns": [{ "safe_regex": { "regex": ".*" } }] },
        "http_service": {
            "server_uri": { "uri": format!("http://{http}"), "cluster": "asked_http", "timeout": "20s" },
            "authorization_request": { "headers_to_add": [
                { "key": "tidegate-source", "value": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%" },
                { "key": "tidegate-destination", "value": "%DOWNSTREAM_LOCAL_ADDRESS%" },
            ] },
            "authorization_response": {
                "allowed_upstream_headers": exact(&["traceparent"]),
                "allowed_client_headers_on_success": exact(&["tidegate-record", "tidegate-trace"]),
            },
        },
    });
    let mut unshown = by_grpc.clone();
    if let Some(asks) = unshown.as_object_mut() {
        asks.remove("with_request_body");
        let service =
            json!({ "envoy_grpc": { "cluster_name": "asked_bodiless" }, "timeout": "20s" });
        asks.insert("grpc_service".to_owned(), service);
    }
    let asks = [by_grpc, by_http, unshown];
    let listeners: Vec<Value> = LISTENERS
        .iter()
        .zip(asks)
        .map(|(name, asks)| listener(name, asks))
        .collect();
    Ok(json!({ "static_resources": {
        "listeners": listeners,
        "clusters": [
            cluster("service", upstream, false),
            cluster("asked_grpc", grpc, true),
            cluster("asked_http", http, false),
            cluster("asked_bodiless", bodiless, true),
        ],
    } }))
}

fn listener(name: &str, asks: Value) -> Value {
    const EXTENSIONS: &str = "type.googleapis.com/envoy.extensions.filters";
    let typed = |kind: &str, mut it: Value| {
        if let Some(members) = it.as_object_mut() {
            members.insert("@type".to_owned(), format!("{EXTENSIONS}.{kind}").into());
        }
        it
    };
    let filters = json!([
        { "name": "envoy.filters.http.ext_authz",
          "typed_config": typed("http.ext_authz.v3.ExtAuthz", asks) },
        { "name": "envoy.filters.http.router",
          "typed_config": typed("http.router.v3.Router", json!({})) },
    ]);
    let manager = json!({
        "stat_prefix": name,
        "route_config": { "virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "service" } }],
        }] },
        "http_filters": filters,
    });
    json!({
        "name": name,
        "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": typed(
                "network.http_connection_manager.v3.HttpConnectionManager", manager),
        }] }],
    })
}

fn cluster(name: &str, at: SocketAddr, http2: bool) -> Value {
    let mut cluster = json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [{
            "endpoint": { "address": { "socket_address": {
                "address": at.ip().to_string(), "port_value": at.port(),
            } } },
        }] }] },
    });
    if let (true, Some(members)) = (http2, cluster.as_object_mut()) {
        let options = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http2_protocol_options": {} },
        } });
        members.insert("typed_extension_protocol_options".to_owned(), options);
    }
    cluster
}
