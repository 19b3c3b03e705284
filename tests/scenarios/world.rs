//! The world that scenarios start from: peers, agents, a gateway between them.

use std::{env, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    agent::Agent,
    certificate::Certificate,
    client::Client,
    gateway::Gateway,
    peers::{self, Peer},
    people::Home,
    setup::{Service, Setup},
    tokens::{Claims, Issuer, claims},
};

/// An agent that must bring a token: curl.
pub(crate) const SUPPORT: &str = "spiffe://tests.example/agent/support";
/// An agent that must bring a token: Python.
pub(crate) const REPORTING: &str = "spiffe://tests.example/agent/reporting";
/// This test program itself, which needs no token.
pub(crate) const HERE: &str = "spiffe://tests.example/agent/here";

/// An agent that needs no token: curl.
pub(crate) const CURL: &str = "spiffe://tests.example/agent/curl";

/// Every call is permitted, and everything is shown.
pub(crate) const ANYTHING: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

const POLICY: &str = include_str!("policy.cedar");

/// Peers, issuer, gateway, and a client in this process.
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) issuer: Issuer,
    pub(crate) client: Client,
    pub(crate) certificate: Certificate,
    pub(crate) peers: Peers,
}

/// The services behind the gateway.
pub(crate) struct Peers {
    pub(crate) crm: Peer,
    pub(crate) clinic: Peer,
    pub(crate) analytics: Peer,
    pub(crate) insights: Peer,
    pub(crate) mail: Peer,
    pub(crate) trouble: Peer,
}

impl World {
    /// The usual one.
    pub(crate) fn new() -> Result<Self> {
        Self::with(|setup| setup)
    }

    /// The usual one with a configuration changed by `shape`.
    pub(crate) fn with(shape: impl FnOnce(Setup) -> Setup) -> Result<Self> {
        Self::with_peers(|setup, _| shape(setup))
    }

    /// The usual one with a configuration changed by `shape`, which may name the peers.
    pub(crate) fn with_peers(shape: impl FnOnce(Setup, &Peers) -> Setup) -> Result<Self> {
        Self::made(&[], shape)
    }

    /// The usual one with a configuration changed by `shape`, its gateway started under another command.
    pub(crate) fn under(prefix: &[String], shape: impl FnOnce(Setup) -> Setup) -> Result<Self> {
        Self::made(prefix, |setup, _| shape(setup))
    }

    fn made(prefix: &[String], shape: impl FnOnce(Setup, &Peers) -> Setup) -> Result<Self> {
        let peers = Peers::start()?;
        let issuer = Issuer::new()?;
        let certificate = Certificate::for_loopback()?;
        let setup = peers
            .services(Setup::new())
            .issuer(&issuer)
            .policy(POLICY)
            .tls(&certificate);
        let setup = setup
            .agent(
                SUPPORT,
                &[path_selector(Agent::curl()?.program())],
                "required",
            )
            .agent(
                REPORTING,
                &[path_selector(Agent::python()?.program())],
                "required",
            )
            .agent(
                HERE,
                &[path_selector(&env::current_exe()?.canonicalize()?)],
                "optional",
            );
        let gateway = Gateway::start_as(prefix, tempfile::tempdir()?, &shape(setup, &peers))?;
        Ok(Self {
            gateway,
            issuer,
            client: Client::plain()?,
            certificate,
            peers,
        })
    }

    /// A token for the agent `subject`.
    pub(crate) fn token(
        &self,
        subject: &str,
        shape: impl FnOnce(Claims) -> Claims,
    ) -> Result<String> {
        self.issuer.mint(&shape(claims(subject)))
    }

    /// Stops the gateway and checks its log with nothing but an export and the public key.
    pub(crate) fn finish(mut self) -> Result<()> {
        if self.gateway.alive() {
            let status = self.gateway.stop()?;
            ensure!(
                status.success(),
                "the gateway ended with {status}\n{}",
                self.gateway.stderr()
            );
        }
        let report = verified(&self.gateway)?;
        let open = report
            .get("open")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        ensure!(
            open == 0,
            "a stop in good order left {open} records open: {report}"
        );
        Ok(())
    }
}

/// Exports the log, verifies the export, and gives the report of an intact one.
pub(crate) fn verified(gateway: &Gateway) -> Result<Value> {
    let export = gateway.folder().join("verified.jsonl");
    let exported = gateway.export(&export)?;
    ensure!(
        exported.status.success(),
        "{}",
        String::from_utf8_lossy(&exported.stderr)
    );
    let output = gateway.verify(&export, &gateway.public_key()?)?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "verify: {} {text}", output.status);
    serde_json::from_str(&text).with_context(|| format!("verify printed {text}"))
}

pub(crate) fn path_selector(program: &Path) -> String {
    format!("unix:path:{}", program.display())
}

impl Peers {
    fn start() -> Result<Self> {
        let start = |name| peers::start(name, "127.0.0.1:0", Home::De, None);
        Ok(Self {
            crm: start("crm")?,
            clinic: start("clinic")?,
            analytics: start("analytics")?,
            insights: start("analytics")?,
            mail: start("eu")?,
            trouble: start("trouble")?,
        })
    }

    fn services(&self, setup: Setup) -> Setup {
        setup
            .service(
                Service::new("crm", &self.crm.url(), "DE")
                    .operation("customer.read", "GET", "/customers/{customer}")
                    .operation("customer.list", "GET", "/customers")
                    .operation("ticket.read", "GET", "/tickets/{ticket}")
                    .operation("ticket.write", "POST", "/tickets/{ticket}")
                    .operation("item.read", "GET", "/items/{item}"),
            )
            .service(Service::new("clinic", &self.clinic.url(), "DE").operation(
                "patient.read",
                "GET",
                "/fhir/Patient/{patient}",
            ))
            .service(
                Service::new("analytics", &self.analytics.url(), "US")
                    .operation("export", "POST", "/export"),
            )
            .service(
                Service::new("insights", &self.insights.url(), "US")
                    .operation("events", "POST", "/events"),
            )
            .service(
                Service::new("mail", &self.mail.url(), "IE")
                    .operation("send", "POST", "/messages")
                    .operation("read", "GET", "/messages/{message}"),
            )
            .service(
                Service::new("trouble", &self.trouble.url(), "DE")
                    .operation("one", "GET", "/{verb}")
                    .operation("one.with", "GET", "/{verb}/{word}")
                    .operation("post", "POST", "/{verb}"),
            )
    }
}
