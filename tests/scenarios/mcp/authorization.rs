//! A server of MCP as a protected resource: its clients find out who issues tokens for it, those are for it
//! alone, and none of them reaches the server behind.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Result, ensure};
use axum::{
    Json, Router,
    extract::State,
    response::IntoResponse,
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use tests::{
    agent::Agent,
    client::{Client, Reply},
    gateway::Gateway,
    mcp::{self, Calls},
    peers::Peer,
    sdks::Language,
    setup::{Service, Setup},
    tokens::{Claims, Issuer, claims},
};

use super::TOOLS;
use crate::{
    credentials::{key, set},
    world::{HERE, REPORTING, path_selector, verified},
};

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

/// An authorization server: its client gets tokens for the resource that it names.
#[derive(Clone)]
struct Authority {
    issuer: Arc<Issuer>,
    url: Arc<Mutex<String>>,
    secret: String,
    subject: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Authority {
    fn new(subject: &str) -> Result<(Self, Peer)> {
        let authority = Self {
            issuer: Arc::new(Issuer::new()?),
            url: Arc::default(),
            secret: key(51),
            subject: subject.to_owned(),
            asked: Arc::default(),
        };
        let router = Router::new()
            .route("/.well-known/oauth-authorization-server", get(described))
            .route("/token", post(issued))
            .with_state(authority.clone());
        let peer = Peer::serve(router, "127.0.0.1:0", None)?;
        *lock(&authority.url) = peer.url();
        Ok((authority, peer))
    }

    fn url(&self) -> String {
        lock(&self.url).clone()
    }

    /// A token for the agent, as `shape` says.
    fn token(&self, shape: impl FnOnce(Claims) -> Claims) -> Result<String> {
        let shaped = shape(claims(&self.subject).issued_by(&self.url()));
        self.issuer.mint(&shaped)
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn described(State(authority): State<Authority>) -> Json<Value> {
    let url = authority.url();
    Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }))
}

async fn issued(State(authority): State<Authority>, form: String) -> impl IntoResponse {
    let url = http::Uri::try_from(format!("http://form/?{form}"));
    let url = url.map_err(|_| StatusCode::BAD_REQUEST)?;
    let form = axum::extract::Query::<BTreeMap<String, String>>::try_from_uri(&url);
    let form = form.map_err(|_| StatusCode::BAD_REQUEST)?.0;
    let said = |name: &str| form.get(name).cloned().unwrap_or_default();
    let is_known = said("client_id") == "tools-app" && said("client_secret") == authority.secret;
    if !is_known || said("grant_type") != "client_credentials" {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let resource = said("resource");
    lock(&authority.asked).push(resource.clone());
    let token = authority.token(|claims| claims.audience(&resource));
    let token = token.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let told = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 300 });
    Ok(Json(told))
}

/// A port that nobody has at the moment: resources are named by it before the gateway has it.
fn port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn setup(authority: &Authority, port: u16) -> Setup {
    let issuer = json!({
        "issuer": authority.url(), "audience": "tidegate", "jwks": { "file": "jwks.json" },
        "lifetime_max": "15m",
    });
    Setup::new()
        .file("jwks.json", authority.issuer.jwks())
        .set("tokens", json!([issuer]))
        .set(
            "listen",
            json!([{ "address": format!("127.0.0.1:{port}") }]),
        )
        .policy(POLICY)
}

#[test]
fn the_sdk_finds_out_who_issues_tokens_and_gets_one() -> Result<()> {
    let python = Language::Python.program()?;
    let agent = if python == Agent::python()?.program() {
        REPORTING
    } else {
        TOOLS
    };
    let (authority, _peer) = Authority::new(agent)?;
    let email = ["tamsel.wrenfold", "mailbox.example.org"].join("@");
    let server = mcp::server("http", &email, "4111")?;
    let port = port()?;
    let resource = format!("http://127.0.0.1:{port}/tools/mcp");
    let mcp = json!({
        "endpoints": ["/mcp"],
        "resource": resource,
        "tools": [{ "name": "customer_read", "effect": "read" }],
    });
    let setup = setup(&authority, port)
        .agent(agent, &[path_selector(&python)], "required")
        .service(Service::new("tools", &server.url(), "DE").set("mcp", mcp));
    let mut gateway = Gateway::start(&setup)?;
    for mode in ["auto", "legacy"] {
        let oauth = json!({
            "issuer": authority.url(), "client_id": "tools-app", "client_secret": authority.secret,
            "token_endpoint_auth_method": "client_secret_post",
        });
        let read = json!({ "customer_id": "C-771" });
        let calls = Calls {
            url: resource.clone(),
            transport: "http",
            mode,
            token: None,
            oauth: Some(oauth),
        };
        let made = calls.make(&[
            json!({ "kind": "tools" }),
            json!({ "kind": "tool", "name": "customer_read", "arguments": read }),
        ])?;
        let [tools, called] = made.as_slice() else {
            anyhow::bail!("{made:?}");
        };
        ensure!(tools.text().contains("customer_read"), "{}", tools.text());
        assert_eq!(
            called.value("/structuredContent/name"),
            "Tamsel Wrenfold",
            "{}",
            called.text()
        );
    }
    let asked = lock(&authority.asked).clone();
    ensure!(
        !asked.is_empty() && asked.iter().all(|it| *it == resource),
        "{asked:?}"
    );
    ensure!(gateway.stop()?.success(), "{}", gateway.stderr());
    verified(&gateway).map(drop)
}

/// What a server hears of its callers; it wants a token of its own.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Option<String>>>>);

async fn guarded(
    State(heard): State<Heard>,
    headers: HeaderMap,
    body: Json<Value>,
) -> impl IntoResponse {
    let shown = headers.get(header::AUTHORIZATION);
    let shown = shown.and_then(|shown| shown.to_str().ok());
    lock(&heard.0).push(shown.map(str::to_owned));
    let answer = json!({ "jsonrpc": "2.0", "id": body.get("id"), "result": {} });
    let wants = [(
        header::WWW_AUTHENTICATE,
        "Bearer resource_metadata=\"https://elsewhere.example/\"",
    )];
    match shown {
        Some(_) => (StatusCode::OK, Json(answer)).into_response(),
        None => (StatusCode::UNAUTHORIZED, wants, Json(json!({}))).into_response(),
    }
}

struct Guarded {
    gateway: Gateway,
    authority: Authority,
    heard: Heard,
    client: Client,
    port: u16,
    _peers: [Peer; 2],
}

impl Guarded {
    fn new() -> Result<Self> {
        let (authority, issuing) = Authority::new(HERE)?;
        let heard = Heard::default();
        let router = Router::new()
            .route("/mcp", post(guarded))
            .with_state(heard.clone());
        let server = Peer::serve(router, "127.0.0.1:0", None)?;
        let port = port()?;
        let mcp = |name: &str| {
            let resource = format!("http://127.0.0.1:{port}/{name}/mcp");
            json!({ "endpoints": ["/mcp"], "resource": resource, "tools": [{ "name": "add" }] })
        };
        let service = |name: &str| Service::new(name, &server.url(), "DE");
        let credential = json!({ "name": "crm", "as": "bearer" });
        let here = path_selector(&std::env::current_exe()?.canonicalize()?);
        let setup = setup(&authority, port)
            .agent(HERE, &[here], "required")
            .service(
                service("crm")
                    .set("mcp", mcp("crm"))
                    .set("credential", credential),
            )
            .service(service("bare").set("mcp", mcp("bare")))
            .service(service("open").set("mcp", json!({ "endpoints": ["/mcp"] })));
        let folder = tempfile::tempdir()?;
        set(&folder.path().join("data"), "crm", &key(52))?;
        Ok(Self {
            gateway: Gateway::start_in(folder, &setup)?,
            authority,
            heard,
            client: Client::plain()?,
            port,
            _peers: [issuing, server],
        })
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn ping(&self, service: &str, fields: &[(&str, &str)]) -> Result<Reply> {
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        self.client
            .post(&self.url(&format!("/{service}/mcp")), fields, ping)
    }

    fn get(&self, path: &str) -> Result<Reply> {
        self.client.get(&self.url(path), &[])
    }
}

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What a client that knows nothing yet finds out.
fn found_out(guarded: &Guarded) -> Result<()> {
    let asked = guarded.ping("crm", &[])?;
    assert_eq!(asked.status, 401, "{}", asked.text());
    let metadata = guarded.url(&format!("{WELL_KNOWN}/crm/mcp"));
    let challenge = format!("Bearer realm=\"tidegate\", resource_metadata=\"{metadata}\"");
    assert_eq!(asked.header("www-authenticate"), Some(challenge.as_str()));
    let told = guarded.client.get(&metadata, &[])?;
    assert_eq!(told.header("content-type"), Some("application/json"));
    let told = told.json()?;
    assert_eq!(
        told,
        json!({
            "resource": guarded.url("/crm/mcp"),
            "resource_name": "crm",
            "authorization_servers": [guarded.authority.url()],
            "bearer_methods_supported": ["header"],
        })
    );
    let other = guarded.get(&format!("{WELL_KNOWN}/bare/mcp/"))?.json()?;
    assert_eq!(other.get("resource_name"), Some(&json!("bare")));
    // There are two, so that without a path nobody is meant; and one is none.
    for path in ["", "/open/mcp", "/crm", "-more/crm/mcp"] {
        let told = guarded.get(&format!("{WELL_KNOWN}{path}"))?;
        assert_ne!(told.status, 200, "{path}: {}", told.text());
    }
    Ok(())
}

#[test]
fn a_token_is_for_its_resource_alone_and_ends_here() -> Result<()> {
    let mut guarded = Guarded::new()?;
    found_out(&guarded)?;
    let resource = guarded.url("/crm/mcp");
    let mine = guarded.authority.token(|it| it.audience(&resource))?;
    let bearer = |token: &str| format!("Bearer {token}");
    let (mine, general) = (bearer(&mine), bearer(&guarded.authority.token(|it| it)?));
    let reply = guarded.ping("crm", &[("authorization", &mine)])?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    // Of no use elsewhere, and others are of none here.
    for (service, token) in [("bare", &mine), ("open", &mine), ("crm", &general)] {
        let refused = guarded.ping(service, &[("authorization", token)])?;
        let reason = refused.json()?;
        assert_eq!(
            (refused.status.as_u16(), reason.get("reason")),
            (401, Some(&json!("token_audience"))),
            "{service}"
        );
        let challenge = refused.header("www-authenticate").unwrap_or_default();
        let says = challenge.contains("error=\"invalid_token\", resource_metadata=");
        assert_eq!(says, service != "open", "{challenge}");
    }
    let pass = guarded.client.post(
        &guarded.url("/.well-known/tidegate/pass"),
        &[("authorization", &mine)],
        "{}",
    )?;
    ensure!(pass.text().contains("token_audience"), "{}", pass.text());
    assert_eq!(
        guarded.ping("open", &[("authorization", &general)])?.status,
        401
    );

    // The server gets what the gateway has for it, or nothing, whoever issued what the caller shows.
    let own = bearer(&key(52));
    let foreign = bearer(&key(53));
    let shown = mine.trim_start_matches("Bearer ");
    let both = [("tidegate-token", shown), ("authorization", &*foreign)];
    assert_eq!(guarded.ping("crm", &both)?.status, 200);
    let there = guarded.url("/bare/mcp");
    let theirs = guarded.authority.token(|it| it.audience(&there))?;
    let both = [("tidegate-token", &*theirs), ("authorization", &*foreign)];
    let unauthorized = guarded.ping("bare", &both)?;
    assert_eq!(unauthorized.status, 401, "{}", unauthorized.text());
    assert_eq!(unauthorized.header("www-authenticate"), None);
    let heard = lock(&guarded.heard.0).clone();
    let expected = [Some(own.clone()), None, Some(own), None];
    assert_eq!(heard, expected);
    ensure!(
        guarded.gateway.stop()?.success(),
        "{}",
        guarded.gateway.stderr()
    );
    verified(&guarded.gateway).map(drop)
}
