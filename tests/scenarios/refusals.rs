//! Whoever is refused costs the service and the vault nothing: every kind of refusal that the documentation
//! lists is brought about, with one's own bytes on the wire, and nothing comes of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Ask},
    client::Client,
    gateway::Gateway,
    peers::Peer,
    setup::{Service, Setup},
    tokens::{Issuer, claims},
};

use crate::{
    credentials::{key, set},
    upstreams::{metric, wait},
    world::{HERE, SUPPORT, path_selector, verified},
};

const DOCUMENTATION: &str = include_str!("../../docs/configuration.md");

const POLICY: &str = r#"
@id("agents-may-read")
permit (principal, action == Action::"call", resource)
when { context.operation != "nobody" };

@id("closed-is-closed")
forbid (principal, action == Action::"call", resource)
when { context.operation == "closed" };

@id("session-sees-only-its-customer")
@category("scope")
forbid (principal, action == Action::"call", resource)
when { principal.hasTag("customer") && resource.hasTag("customer") }
unless { principal.getTag("customer") == resource.getTag("customer") };

@id("calls-stay-in-the-union")
@category("residency")
forbid (principal, action == Action::"call", resource)
unless { context.country in Region::"EU" || context.service == "tunnel" };

@id("all-but-secrets-is-shown")
permit (principal, action == Action::"disclose", resource)
unless { resource in DataClass::"secret" };

@id("secrets-stay-here")
@obligation("block")
forbid (principal, action == Action::"disclose", resource in DataClass::"secret");
"#;

/// Refusals that this test does not bring about, and why.
const ELSEWHERE: [(&str, &str); 23] = [
    (
        "workload_unknown",
        "a caller that nobody can find: evidence.rs",
    ),
    (
        "agent_ambiguous",
        "needs agents that share a process: identity.rs",
    ),
    (
        "sni_mismatch",
        "within a tunnel that was granted: forward.rs",
    ),
    (
        "credential_unavailable",
        "the vault is asked, and has nothing: credentials.rs",
    ),
    (
        "tool_changed",
        "needs a server that lists otherwise than before: mcp/pins.rs",
    ),
    ("purpose_missing", "needs a mediator: mediator.rs"),
    ("mediation_unavailable", "needs a mediator: mediator.rs"),
    ("mediation_refused", "needs a mediator: mediator.rs"),
    ("mediation_failed", "the service was called"),
    ("mediation_timeout", "the service was called"),
    ("upstream_failed", "the service was called"),
    ("upstream_timeout", "the service was called"),
    ("response_unreadable", "the service was called"),
    ("response_uninspected", "the service was called"),
    ("outcome_unrecorded", "the service was called"),
    ("audit_unavailable", "a disk that takes nothing: kills.rs"),
    ("tunnels_full", "takes a thousand tunnels"),
    ("budgets_unavailable", "a disk that takes nothing"),
    ("budget_unleased", "takes a fleet: shared.rs"),
    (
        "signature_invalid",
        "the sender's secret is read to tell: inbound.rs",
    ),
    (
        "signature_replayed",
        "the sender's secret is read to tell: inbound.rs",
    ),
    (
        "signature_unverifiable",
        "the vault is asked, and has nothing: inbound.rs",
    ),
    (
        "signatures_too_many",
        "takes 65,536 messages: identity/once.rs",
    ),
];

/// A service that listens, and counts what it hears, byte by byte.
struct Ear {
    address: SocketAddr,
    heard: Arc<AtomicU64>,
}

impl Ear {
    fn new() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let heard = Arc::<AtomicU64>::default();
        let counts = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let counts = Arc::clone(&counts);
                // A connection alone is something, too.
                counts.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || listen(stream, &counts));
            }
        });
        Ok(Self { address, heard })
    }

    fn heard(&self) -> u64 {
        self.heard.load(Ordering::SeqCst)
    }
}

fn listen(mut stream: TcpStream, count: &AtomicU64) {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while let Ok(read @ 1..) = stream.read(&mut piece) {
        count.fetch_add(read as u64, Ordering::SeqCst);
        head.extend_from_slice(piece.get(..read).unwrap_or_default());
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            let answer =
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
            stream.write_all(answer.as_bytes()).ok();
        }
    }
}

/// A gateway whose every service is the ear, with a key for each.
struct Court {
    gateway: Gateway,
    ear: Ear,
    issuer: Issuer,
    client: Client,
    _other: Peer,
}

/// Who is refused, and how the request is made.
type Case = (&'static str, Box<dyn Fn(&Court) -> Result<String>>);

/// A service that third parties call.
fn inbound(url: &str) -> Service {
    let sender = json!({
        "sender": "spiffe://acme.example/sender/stripe",
        "country": "US",
        "signature": "stripe",
        "secret": { "name": "shop" },
    });
    Service::new("hook", url, "DE")
        .operation("thing.make", "POST", "/things")
        .set("inbound", sender)
}

/// A server of MCP, of whose tools nobody approved any.
fn tools(url: &str) -> Service {
    let mcp = json!({
        "endpoints": ["/mcp"], "pins": "configured", "tools": [{ "name": "add" }],
        "resource": "https://gateway.example/mcp/mcp",
    });
    Service::new("mcp", url, "DE").set("mcp", mcp)
}

/// What may be asked of a service.
fn operations(service: Service) -> Service {
    service
        .operation("thing.read", "GET", "/things/{thing}")
        .operation("customer.read", "GET", "/customers/{customer}")
        .operation("thing.make", "POST", "/things")
        .operation("nobody", "GET", "/nobody")
        .operation("closed", "GET", "/closed")
        .operation("rare", "GET", "/rare")
        .governed("talk", "GET", "/talk", json!({ "websocket": {} }))
        .governed(
            "found",
            "GET",
            "/found",
            json!({ "query": { "customer": "id" } }),
        )
        .governed(
            "paged",
            "GET",
            "/paged",
            json!({
                "query": { "limit": "limit" },
                "arguments": { "limit": { "type": "integer" } },
            }),
        )
}

impl Court {
    fn new() -> Result<Self> {
        let ear = Ear::new()?;
        let url = format!("http://{}", ear.address);
        let keyed = |service: Service| {
            service
                .set("credential", json!({ "name": "shop", "as": "bearer" }))
                .set("idle_timeout", json!("1s"))
        };
        let signed = json!({ "sigv4": { "region": "eu-central-1", "service": "s3" } });
        let signed = json!({ "name": "shop", "as": signed });
        let graphql = json!({ "endpoints": ["/graphql"], "queries": [{ "field": "customer" }] });
        let issuer = Issuer::new()?;
        let other = tests::peers::place::Place::new("other").serve("127.0.0.1:0")?;
        let here = path_selector(&env::current_exe()?.canonicalize()?);
        let listen =
            json!([{ "address": "127.0.0.1:0" }, { "address": "127.0.0.1:0", "forward": true }]);
        let setup = Setup::new()
            .set("listen", listen)
            .set("forward", json!({ "unlisted": "tunnel" }))
            .set(
                "budgets",
                json!([
                    { "id": "once", "operations": ["rare"], "per": "agent", "calls": 1 },
                    { "id": "costs", "services": ["model"], "cost": 9 },
                ]),
            )
            .set(
                "prices",
                json!([{ "model": "gpt-4o*", "input": 2.5, "output": 10 }]),
            )
            .issuer(&issuer)
            .agent(HERE, &[here], "optional")
            .agent(
                SUPPORT,
                &[path_selector(Agent::curl()?.program())],
                "required",
            )
            .service(keyed(operations(Service::new("shop", &url, "DE"))))
            .service(keyed(operations(Service::hosted(
                "hosted",
                "shop.example",
                &url,
                "DE",
            ))))
            .service(keyed(operations(Service::new("far", &url, "US"))))
            .service(Service::new("plain", &url, "DE").operation("read", "GET", "/read"))
            .service(keyed(
                Service::new("model", &url, "DE")
                    .operation("chat", "POST", "/chat")
                    .set("usage", json!({ "profile": "openai" })),
            ))
            .service(operations(Service::new("signed", &url, "DE")).set("credential", signed))
            .service(inbound(&url))
            .service(keyed(
                Service::new("graph", &url, "DE").set("graphql", graphql),
            ))
            .service(keyed(tools(&url)))
            .policy(POLICY);
        let folder = tempfile::tempdir()?;
        set(&folder.path().join("data"), "shop", &key(21))?;
        Ok(Self {
            gateway: Gateway::start_in(folder, &setup)?,
            ear,
            issuer,
            client: Client::plain()?,
            _other: other,
        })
    }

    /// How often the vault was asked, and how much the service heard.
    fn cost(&self) -> Result<(u64, u64)> {
        let reads = metric(&self.gateway, "tidegate_credential_reads_total")?;
        let reads = reads.context("no count of reads")?;
        ensure!(reads >= 0.0, "{reads}");
        Ok((format!("{reads:.0}").parse()?, self.ear.heard()))
    }

    fn get(&self, path: &str, fields: &[(&str, &str)]) -> Result<String> {
        let reply = self.client.get(&self.gateway.url(path)?, fields)?;
        reason(&reply.text())
    }

    fn post(&self, path: &str, kind: &str, body: &str) -> Result<String> {
        let fields = [("content-type", kind)];
        let body = body.as_bytes().to_vec().into();
        let reply = self
            .client
            .send("POST", &self.gateway.url(path)?, &fields, body)?;
        reason(&reply.text())
    }

    /// What comes back for these bytes at a listener, once it has closed or there is a reason.
    fn raw(&self, listener: usize, bytes: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.gateway.listen(listener)?)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        stream.write_all(bytes.as_bytes())?;
        let mut told = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let text = String::from_utf8_lossy(&told).into_owned();
            if let Some((_, body)) = text.split_once("\r\n\r\n")
                && let Ok(reason) = reason(body)
            {
                return Ok(reason);
            }
            match stream.read(&mut piece) {
                Ok(0) => return Err(anyhow::anyhow!("no reason in {text}")),
                Ok(read) => told.extend_from_slice(piece.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn curl(&self, path: &str, token: Option<&str>) -> Result<String> {
        let ask = Ask::get(self.gateway.url(path)?);
        let ask = match token {
            Some(token) => ask.token(token),
            None => ask,
        };
        reason(&Agent::curl()?.ask(&ask)?.text())
    }
}

/// The reason in a problem document, or in an answer of GraphQL or MCP.
fn reason(body: &str) -> Result<String> {
    let body: Value = serde_json::from_str(body).with_context(|| format!("not JSON: {body}"))?;
    let places = [
        "/reason",
        "/errors/0/extensions/reason",
        "/error/data/reason",
    ];
    let reason = places.iter().find_map(|it| body.pointer(it)?.as_str());
    Ok(reason
        .with_context(|| format!("no reason in {body}"))?
        .to_owned())
}

fn case(reason: &'static str, ask: impl Fn(&Court) -> Result<String> + 'static) -> Case {
    (reason, Box::new(ask))
}

/// Who calls is not known, or not enough.
fn callers() -> Vec<Case> {
    vec![
        case("token_required", |court| court.curl("/shop/things/7", None)),
        case("token_invalid", |court| {
            court.curl("/shop/things/7", Some("tidegate.is.not"))
        }),
        case("token_expired", |court| {
            let token = court.issuer.mint(&claims(SUPPORT).lifetime(-60))?;
            court.curl("/shop/things/7", Some(&token))
        }),
        case("token_audience", |court| {
            let token = court.issuer.mint(&claims(HERE))?;
            let url = court.gateway.url("/mcp/mcp")?;
            let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
            let reply = court
                .client
                .post(&url, &[("tidegate-token", &token)], ping)?;
            reason(&reply.text())
        }),
        case("token_workload_mismatch", |court| {
            let token = court.issuer.mint(&claims(SUPPORT))?;
            court.get("/shop/things/7", &[("tidegate-token", &token)])
        }),
        case("workload_unregistered", |court| {
            let ask = Ask::get(court.gateway.url("/shop/things/7")?);
            reason(&Agent::python()?.ask(&ask)?.text())
        }),
        case("token_scope", |court| {
            let asked = court.client.post(
                &court.gateway.url("/.well-known/tidegate/pass")?,
                &[],
                r#"{"only": ["shop/thing.make"]}"#,
            )?;
            let pass = asked.json()?;
            let pass = pass.get("token").and_then(Value::as_str);
            let pass = pass.context("no pass")?;
            court.get("/shop/things/7", &[("tidegate-token", pass)])
        }),
        case("pass_refused", |court| {
            court.post(
                "/.well-known/tidegate/pass",
                "application/json",
                r#"{"lifetime_seconds": 0}"#,
            )
        }),
        case("signature_missing", |court| {
            court.post("/hook/things", "application/json", "{}")
        }),
        case("signature_stale", |court| {
            let field = format!("t=1,v1={}", "00".repeat(32));
            let fields = [("stripe-signature", &*field)];
            let url = court.gateway.url("/hook/things")?;
            reason(&court.client.post(&url, &fields, "{}")?.text())
        }),
        case("revoked", |court| {
            let revoke = [
                "revoke", "agent", SUPPORT, "--reason", "a test", "--data", "data",
            ];
            ensure!(court.gateway.cli(&revoke)?.status.success());
            let token = court.issuer.mint(&claims(SUPPORT))?;
            let mut told = String::new();
            wait("the revocation is heard", || {
                told = court.curl("/shop/closed", Some(&token))?;
                Ok(told == "revoked")
            })?;
            Ok(told)
        }),
    ]
}

/// What is asked for is not there, not clear, or not to be had.
fn calls() -> Vec<Case> {
    let long = format!("/shop/things/{}", "x".repeat(300));
    vec![
        case("service_unknown", |court| court.get("/nowhere", &[])),
        case("operation_unknown", |court| {
            court.get("/shop/nothing/there", &[])
        }),
        case("path_ambiguous", |court| court.get("/shop/things//7", &[])),
        case("parameter_missing", |court| court.get("/shop/found", &[])),
        case("parameter_too_long", move |court| court.get(&long, &[])),
        case("argument_ill_typed", |court| {
            court.get("/shop/paged?limit=ten", &[])
        }),
        case("key_misplaced", |court| {
            let key = ["tidegate-key-", &"7".repeat(43)].concat();
            court.get("/plain/read", &[("x-api-key", &key)])
        }),
        case("usage_unmetered", |court| {
            let request = json!({ "model": "gpt-4o", "messages": [] });
            court.post("/model/chat", "application/json", &request.to_string())
        }),
        case("price_unknown", |court| {
            let request = json!({ "model": "other", "max_tokens": 9, "messages": [] });
            court.post("/model/chat", "application/json", &request.to_string())
        }),
        case("not_permitted", |court| court.get("/shop/nobody", &[])),
        case("access_refused", |court| court.get("/shop/closed", &[])),
        case("scope_mismatch", |court| {
            let token = court
                .issuer
                .mint(&claims(HERE).scope("customer", "C-771"))?;
            court.get("/shop/customers/C-332", &[("tidegate-token", &token)])
        }),
        case("residency_refused", |court| court.get("/far/things/7", &[])),
        case("budget_exhausted", |court| {
            // What is left of the budget is spent by a call that is refused once it was admitted.
            let body = "GET /shop/rare HTTP/1.1\r\nhost: gateway\r\ncontent-type: image/png\r\ncontent-length: 1\r\n\r\nx";
            ensure!(court.raw(0, body)? == "request_uninspected");
            court.get("/shop/rare", &[])
        }),
        case("operation_unknown", |court| {
            court.post(
                "/graph/graphql",
                "application/json",
                r#"{"query": "{ others { id } }"}"#,
            )
        }),
        case("tool_unapproved", |court| {
            let params = json!({ "name": "add", "arguments": {} });
            let call =
                json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
            court.post("/mcp/mcp", "application/json", &call.to_string())
        }),
    ]
}

/// The body may not go, or does not come.
fn bodies() -> Vec<Case> {
    let post =
        |fields: &str| format!("POST /shop/things HTTP/1.1\r\nhost: gateway\r\n{fields}\r\n\r\n");
    let slow = post("content-type: application/json\r\ncontent-length: 100") + "{";
    let chunk =
        post("content-type: application/json\r\ntransfer-encoding: chunked") + "nothing\r\n";
    vec![
        case("disclosure_refused", |court| {
            let key = format!("AKIA{}", "Q3EGRIPLWZ5N7TXB");
            court.post(
                "/shop/things",
                "application/json",
                &json!({ "key": key }).to_string(),
            )
        }),
        case("request_unreadable", |court| {
            court.post("/shop/things", "application/json", "{\"a\" 1}")
        }),
        case("request_uninspected", |court| {
            court.post("/shop/things", "image/png", "picture")
        }),
        case("message_too_long", |court| {
            // No signature covers what is not there as a whole.
            let long = json!({ "texts": vec!["green"; 200_000] });
            court.post("/signed/things", "application/json", &long.to_string())
        }),
        case("request_timeout", move |court| court.raw(0, &slow)),
        case("request_incomplete", move |court| court.raw(0, &chunk)),
    ]
}

/// A WebSocket is asked for where there is none, or in a way that is none.
fn handshakes() -> Vec<Case> {
    let handshake = |path: &str, version: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nhost: gateway\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: {version}\r\n\r\n"
        )
    };
    let refused =
        |reason, bytes: String| -> Case { case(reason, move |court: &Court| court.raw(0, &bytes)) };
    vec![
        refused("websocket_undeclared", handshake("/shop/things/7", "13")),
        refused("handshake_invalid", handshake("/shop/talk", "8")),
        case("websocket_required", |court| court.get("/shop/talk", &[])),
    ]
}

/// What is asked of a proxy.
fn tunnels() -> Vec<Case> {
    let connect = |target: &str, more: &str| {
        format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n{more}\r\n")
    };
    let refused = |reason, listener, bytes: String| -> Case {
        case(reason, move |court: &Court| court.raw(listener, &bytes))
    };
    vec![
        refused("tunnel_refused", 0, connect("shop.example:443", "")),
        refused(
            "transfer_coding_refused",
            0,
            "POST /shop/things HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\
             transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
        ),
        refused(
            "target_ambiguous",
            1,
            connect("shop.example:443", "host: other.example:443\r\n"),
        ),
        refused("port_refused", 1, connect("other.example:22", "")),
        case("host_unlisted", |court| {
            let own = court.ear.address;
            court.raw(1, &format!("CONNECT {own} HTTP/1.1\r\nhost: {own}\r\n\r\n"))
        }),
        refused("address_refused", 1, connect("localhost:443", "")),
        case("host_mismatch", |court| {
            let mut stream = TcpStream::connect(court.gateway.listen(1)?)?;
            let connect = "CONNECT shop.example:80 HTTP/1.1\r\nhost: shop.example:80\r\n\r\n";
            stream.write_all(connect.as_bytes())?;
            let mut answer = [0; 12];
            stream.read_exact(&mut answer)?;
            ensure!(answer.ends_with(b" 200"), "{answer:?}");
            while !answer.ends_with(b"\r\n\r\n") {
                answer.rotate_left(1);
                stream.read_exact(&mut answer[11..])?;
            }
            stream.write_all(
                b"GET /things/7 HTTP/1.1\r\nhost: other.example\r\nconnection: close\r\n\r\n",
            )?;
            let mut told = String::new();
            stream.read_to_string(&mut told)?;
            reason(told.split_once("\r\n\r\n").map_or("", |(_, body)| body))
        }),
    ]
}

/// Every reason that the documentation lists by status.
fn documented() -> BTreeSet<&'static str> {
    let table = DOCUMENTATION.split("| status | reason |").nth(1);
    let rows = table.unwrap_or_default().lines().skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let quoted = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    let is_reason = |text: &&str| {
        text.contains('_')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            || *text == "revoked"
    };
    quoted.filter(is_reason).collect()
}

#[test]
fn every_kind_of_refusal_costs_service_and_vault_nothing() -> Result<()> {
    let mut court = Court::new()?;
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for (expected, ask) in [callers(), calls(), bodies(), handshakes(), tunnels()]
        .into_iter()
        .flatten()
    {
        let before = court.cost()?;
        let told = ask(&court).with_context(|| format!("to bring about {expected}"))?;
        assert_eq!(told, expected);
        assert_eq!(court.cost()?, before, "{expected} cost something");
        *seen.entry(expected).or_default() += 1;
    }
    // The counts do count.
    let (reads, heard) = court.cost()?;
    assert_eq!((reads, heard), (0, 0));
    let permitted = court
        .client
        .get(&court.gateway.url("/shop/things/7")?, &[])?;
    assert_eq!(permitted.status, 200, "{}", permitted.text());
    let (reads, heard) = court.cost()?;
    ensure!(reads == 1 && heard > 0, "{reads} reads, {heard} bytes");

    let elsewhere: BTreeMap<&str, &str> = ELSEWHERE.into();
    let missed = documented();
    let missed: Vec<_> = missed
        .iter()
        .filter(|reason| !seen.contains_key(*reason) && !elsewhere.contains_key(*reason))
        .collect();
    ensure!(missed.is_empty(), "nobody brings about {missed:?}");
    ensure!(seen.len() >= 25, "the table was not read: {seen:?}");
    ensure!(
        court.gateway.stop()?.success(),
        "{}",
        court.gateway.stderr()
    );
    verified(&court.gateway)?;
    Ok(())
}
