//! The vendors' own SDKs, unchanged, in the hands of agents that have no key: whatever way they go, the service gets
//! its key, and the agent has no byte of it.
//!
//! Each service repeats the key that it was shown in a field of its answer, so that what the agent received is worth
//! a look.

mod agent;
mod search;

use std::{
    fs,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};
use axum::{
    Router,
    extract::{Request, State},
    http::HeaderValue,
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Ask},
    gateway::Gateway,
    peers::{
        Peer,
        vendor::{CLEAN, KEY, anthropic, openai, stripe, twilio},
    },
    records,
    sdks::{Language, Server},
    setup::{Service, Setup},
};

use self::{agent::Looked, search::Search};
use crate::{bypass::can_attach, credentials::set, world::verified};

const AGENT: &str = "spiffe://tests.example/agent/keyless";

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("these-are-closed")
@reason("this is closed to agents")
forbid (principal, action == Action::"call", resource)
when {
  ["listModels", "models_list", "GetCharges", "ListCall", "tools/call/fail"].contains(context.operation)
};

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

/// How an agent comes to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By the address of the service that its library is told.
    BaseUrl,
    /// By a proxy.
    Proxy,
    /// By the kernel.
    Redirect,
}

/// The SDKs, by the names of their services.
const SDKS: [&str; 5] = ["openai", "anthropic", "stripe", "twilio", "mcp"];

/// The fields in which services are shown keys, and what was shown to one.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<String>>>);

impl Shown {
    fn note(&self, fields: &[HeaderValue]) {
        let texts = fields.iter().filter_map(|field| field.to_str().ok());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(texts.map(str::to_owned));
    }
}

/// Notes what is shown for a key, and repeats it.
async fn repeat(State(shown): State<Shown>, request: Request, next: Next) -> Response {
    let fields = ["authorization", "x-api-key"].map(|name| request.headers().get(name).cloned());
    let fields: Vec<HeaderValue> = fields.into_iter().flatten().collect();
    shown.note(&fields);
    let mut response = next.run(request).await;
    for field in fields {
        response.headers_mut().append("x-shown", field);
    }
    response
}

/// The five services behind one gateway.
struct Vendors {
    gateway: Gateway,
    way: Way,
    shown: Vec<(&'static str, Shown, String)>,
    _peers: Vec<Peer>,
    _mcp: Server,
}

impl Vendors {
    fn start(way: Way) -> Result<Self> {
        let basic = STANDARD.encode(format!("{}:{KEY}", twilio::account()));
        let vendors: [(&str, Router, String); 4] = [
            ("openai", openai::router(), format!("Bearer {KEY}")),
            ("anthropic", anthropic::router(), KEY.to_owned()),
            ("stripe", stripe::router(), format!("Bearer {KEY}")),
            ("twilio", twilio::router(), format!("Basic {basic}")),
        ];
        let mut command = Language::Python.command("mcp_server")?;
        command.env("SERVER_KEY", KEY);
        let mcp = Server::run(command)?;
        let (mut peers, mut shown) = (Vec::new(), Vec::new());
        let mut setup = setup(way).service(mcp_service(way, &mcp));
        for (name, router, key) in vendors {
            let seen = Shown::default();
            let router = router.layer(from_fn_with_state(seen.clone(), repeat));
            let peer = Peer::serve(router, "127.0.0.1:0", None)?;
            setup = setup.service(service(name, way, &peer.url()));
            peers.push(peer);
            shown.push((name, seen, key));
        }
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("run"))?;
        set(&folder.path().join("data"), "vendor", KEY)?;
        Ok(Self {
            gateway: Gateway::start_in(folder, &setup)?,
            way,
            shown,
            _peers: peers,
            _mcp: mcp,
        })
    }

    /// The address that a library is told, where it is told one and reads no variable for it.
    fn address(&self, sdk: &str) -> Result<Option<String>> {
        let at = self.gateway.listen(0)?;
        Ok(match (self.way, sdk) {
            (Way::BaseUrl, "stripe") => Some(format!("http://localhost:{}", at.port())),
            (Way::BaseUrl, "twilio") => Some(format!("http://{at}/twilio")),
            (Way::BaseUrl, "mcp") => Some(format!("http://{at}/mcp/mcp")),
            _ => None,
        })
    }

    /// Every service was shown its key and nothing else, and each was called.
    fn keys_arrived(&self) -> Result<()> {
        for (name, shown, key) in &self.shown {
            let shown = shown.0.lock().unwrap_or_else(PoisonError::into_inner);
            ensure!(!shown.is_empty(), "{name} was not called");
            let other = shown.iter().find(|shown| *shown != key);
            ensure!(other.is_none(), "{name} was shown {other:?}");
        }
        Ok(())
    }
}

/// A gateway for agents that come this way, without services.
fn setup(way: Way) -> Setup {
    let mut listen = vec![json!({ "address": "127.0.0.1:0" })];
    if way == Way::Proxy {
        listen.push(json!({ "address": "127.0.0.1:0", "forward": true }));
    }
    let setup = Setup::new()
        .set("listen", listen.into())
        .set("exec", json!({ "socket": "run/exec.sock" }))
        .agent(AGENT, &["tidegate:exec:0".to_owned()], "optional")
        .policy(POLICY);
    match way {
        Way::Redirect => setup.egress("redirect", &[]),
        Way::BaseUrl | Way::Proxy => setup,
    }
}

/// A service that its profile says all of but where it is today, and whose key it is.
fn service(name: &str, way: Way, upstream: &str) -> Service {
    let credential = match name {
        "twilio" => json!({ "name": "vendor", "as": { "basic": twilio::account() } }),
        _ => json!({ "name": "vendor" }),
    };
    let service = Service::of(name, name, upstream, "US").set("credential", credential);
    match (way, name) {
        // Its library takes no path before its own.
        (Way::BaseUrl, "stripe") => service.set("host", "localhost".into()),
        (Way::BaseUrl, _) => service.set("prefix", format!("/{name}").into()),
        (Way::Proxy | Way::Redirect, _) => service,
    }
}

fn mcp_service(way: Way, server: &Server) -> Service {
    let service = match way {
        Way::BaseUrl => Service::new("mcp", &server.url(), "US"),
        Way::Proxy | Way::Redirect => Service::hosted("mcp", "mcp.example", &server.url(), "US"),
    };
    let tools = json!([{ "name": "lookup", "effect": "read" }, { "name": "fail" }]);
    service
        .set("mcp", json!({ "endpoints": ["/mcp"], "tools": tools }))
        .set("credential", json!({ "name": "vendor", "as": "bearer" }))
}

/// One SDK in one language goes one way; while its process lives, everything that it has is searched.
fn has_no_key(vendors: &Vendors, sdk: &str, language: Language) -> Result<()> {
    let looked = Looked::start(vendors, sdk, language)?;
    let told: Value = serde_json::from_str(&looked.line)?;
    let said = |name: &str| told.get(name).cloned().unwrap_or_default();
    let called = said("called");
    ensure!(
        called.as_str().is_some_and(|it| it.contains(CLEAN)),
        "{told}"
    );
    assert_eq!(said("refused"), 403, "{told}");
    let fields = said("fields");
    ensure!(
        fields.as_array().is_some_and(|it| !it.is_empty()),
        "no fields: {told}"
    );
    // What the service repeated came without the key.
    ensure!(fields.to_string().contains("x-shown"), "{fields}");
    // What it has for a key is a pass of its own, which is found wherever the key would be.
    let pass = said("key").as_str().context("a key")?.to_owned();
    looked.is_searched(&Search::of(&pass)?)?;
    let found = looked.has(&Search::of(KEY)?)?;
    ensure!(found.is_none(), "the key is in {found:?}");
    // Nobody else can use the pass.
    let ask = Ask::get(vendors.gateway.url("/openai/v1/models")?);
    let ask = ask.header("host", "api.openai.com");
    let stolen = Agent::curl()?.ask(&ask.header("authorization", &format!("Bearer {pass}")))?;
    assert_eq!(stolen.status, 403, "{}", stolen.text());
    let reason = stolen.json()?.get("reason").cloned();
    assert_eq!(reason, Some(json!("token_workload_mismatch")));
    looked.end()
}

fn agents_have_no_key(way: Way) -> Result<()> {
    if !can_attach()? {
        return Ok(());
    }
    let mut vendors = Vendors::start(way)?;
    for sdk in SDKS {
        for language in [Language::Python, Language::Node] {
            let looked = has_no_key(&vendors, sdk, language);
            looked.with_context(|| format!("{sdk} in {language:?}, {way:?}"))?;
        }
    }
    vendors.keys_arrived()?;
    ensure!(vendors.gateway.stop()?.success());
    ensure!(
        !vendors.gateway.stderr().contains(KEY),
        "the gateway tells the key"
    );
    // One call of each was refused, and is on record by its profile's name.
    let records = records::list(&vendors.gateway)?;
    let refused = |id: &str| {
        records
            .iter()
            .filter(|it| it.text("operation").contains(id))
            .count()
    };
    for id in ["listModels", "models_list", "GetCharges", "ListCall"] {
        ensure!(refused(id) >= 2, "{id} is not on record");
    }
    verified(&vendors.gateway).map(drop)
}

#[test]
fn sdks_that_are_told_an_address_have_no_key() -> Result<()> {
    agents_have_no_key(Way::BaseUrl)
}

#[test]
fn sdks_that_are_told_a_proxy_have_no_key() -> Result<()> {
    agents_have_no_key(Way::Proxy)
}

#[test]
fn sdks_that_are_told_nothing_have_no_key() -> Result<()> {
    agents_have_no_key(Way::Redirect)
}
