//! Tokens of a real provider of `OpenID`, whose claims are mapped, whose keys are discovered and change; bound
//! to a key (RFC 9449) or a certificate (RFC 8705), so that a copy of one is worth nothing.

use anyhow::{Context as _, Result, ensure};
use axum::{Router, routing::get};
use serde_json::json;
use tests::{
    certificate::Certificate,
    gateway::Gateway,
    peers::Peer,
    records,
    sdks::{Calls, Language, Server},
    setup::{Service, Setup},
};

use super::AGENT;
use crate::world::{path_selector, verified};

const POLICY: &str = r#"
@id("who-holds-its-key-may-call")
permit (principal, action == Action::"call", resource)
when { context.proof.kernel && context.proof.bound };

@id("session-sees-only-its-customer")
forbid (principal, action == Action::"call", resource)
unless {
  principal.hasTag("customer") && resource.hasTag("customer")
  && principal.getTag("customer") == resource.getTag("customer")
};

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

const SECRET: &str = "a-secret-of-the-tests";

fn setup(provider: &Server, peer: &Peer, certificate: &Certificate) -> Result<Setup> {
    let selector = path_selector(&Language::Node.program()?);
    let listen = json!([
        { "address": "127.0.0.1:0" },
        { "address": "127.0.0.1:0", "tls": {
            "certificate": "server.pem", "key": "server.key", "ask_certificate": true } },
    ]);
    let tokens = json!([{
        "issuer": provider.url(),
        "audience": "tidegate",
        "jwks": { "discover": true },
        "claims": { "subject": "/client_id", "task": "/task_id", "purpose": "/purp", "scope": "/tctx" },
        "subjects": { "support-app": AGENT, "mtls-app": AGENT },
    }]);
    Ok(Setup::new()
        .set("listen", listen)
        .set("tokens", tokens)
        .file("server.pem", certificate.certificate.clone())
        .file("server.key", certificate.key.clone())
        .agent(AGENT, &[selector], "bound")
        .service(Service::new("crm", &peer.url(), "DE").operation(
            "customer.read",
            "GET",
            "/customers/{customer}",
        ))
        .policy(POLICY))
}

fn calls(gateway: &Gateway, provider: &Server, certificate: &Certificate) -> Result<Calls> {
    let own = Certificate::for_loopback()?;
    let folder = gateway.folder();
    let place = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text)?;
        anyhow::Ok(path.display().to_string())
    };
    let variables = [
        ("SDK_URL", gateway.url("/crm/customers/C-771")?),
        ("SDK_KEY", SECRET.to_owned()),
        ("OIDC_ISSUER", provider.url()),
        ("MTLS_URL", gateway.tls_url("/crm/customers/C-771")?),
        ("MTLS_CERTIFICATE", place("client.pem", &own.certificate)?),
        ("MTLS_KEY", place("client.key", &own.key)?),
        ("MTLS_CA", place("authority.pem", &certificate.authority)?),
    ];
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    Language::Node.calls("oidc", &variables)
}

/// Each call that must fail: with which status and why.
const REFUSED: [(&str, u64, &str); 9] = [
    ("bearer", 401, "proof_required"),
    ("bare", 401, "proof_required"),
    ("other", 401, "proof_invalid"),
    ("replayed", 401, "used before"),
    ("elsewhere", 401, "another request"),
    ("free", 401, "token_unbound"),
    ("stranger", 401, "token_invalid"),
    ("no_certificate", 401, "certificate_mismatch"),
    ("in_the_clear", 401, "certificate_mismatch"),
];

#[test]
fn a_stolen_token_is_refused() -> Result<()> {
    let provider = Server::node("oidc_server", &[("OIDC_SECRET", SECRET)])?;
    let routes = Router::new().route("/customers/{customer}", get(async || "{\"plan\":\"gold\"}"));
    let peer = Peer::serve(routes, "127.0.0.1:0", None)?;
    let certificate = Certificate::for_loopback()?;
    let mut gateway = Gateway::start(&setup(&provider, &peer, &certificate)?)?;
    let calls = calls(&gateway, &provider, &certificate)?;
    for name in ["bound", "again", "first", "certificate", "rotated"] {
        let made = calls.of(name)?;
        ensure!(made.value().context(name)?.contains("gold"), "{name}");
    }
    for (name, status, why) in REFUSED {
        let made = calls.of(name)?;
        let (_, told) = made.error().context(name)?;
        ensure!(told == Some(status), "{name}: {told:?} {}", made.message());
        ensure!(made.message().contains(why), "{name}: {}", made.message());
    }
    // What the old key signed is nothing any more, now that its issuer has taken it back.
    ensure!(
        calls.of("old")?.message().contains("token_invalid"),
        "the old key"
    );
    gateway.stop()?;
    let log = records::list(&gateway)?;
    let served = log.iter().filter(|record| {
        record.kind() == "open" && record.text("evidence") == "kernel+bound-token"
    });
    ensure!(served.count() >= 5, "the evidence is on record");
    let findings = log
        .iter()
        .filter(|record| record.find("finding") == Some(&json!(true)));
    ensure!(findings.count() >= 6, "a copy in use is a finding");
    verified(&gateway)?;
    Ok(())
}
