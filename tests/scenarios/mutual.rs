//! Services that know their clients by a certificate get the gateway's, and a new one on new connections.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Answer, Ask},
    certificate::{Certificate, Clients},
    gateway::Gateway,
    records,
    sdks::{Language, Server},
    setup::{Service, Setup},
};

use crate::{
    canary::contains,
    credentials::{set, write},
    world::{ANYTHING, CURL, path_selector, verified},
};

/// A server that demands a certificate, and a gateway before it, by the certificate of its own and without.
struct Shop {
    _server: Server,
    gateway: Gateway,
    clients: Clients,
}

impl Shop {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let place = |name: &str, text: &str| -> Result<_> {
            let path = folder.path().join(name);
            std::fs::write(&path, text)?;
            Ok(path)
        };
        let clients = Clients::new()?;
        let certificate = Certificate::for_loopback()?;
        let mut command = Language::Node.command("mutual_server")?;
        command
            .env("MUTUAL_KEY", place("own.key", &certificate.key)?)
            .env(
                "MUTUAL_CERTIFICATE",
                place("own.pem", &certificate.certificate)?,
            )
            .env("MUTUAL_CLIENTS", place("clients.pem", clients.root())?);
        let server = Server::run(command)?;
        let service =
            |name| Service::new(name, &server.tls_url(), "DE").operation("who", "GET", "/who");
        let setup = Setup::new()
            // So that connections are not told apart by who made them.
            .set("workers", json!(1))
            .trust(&certificate.authority)
            .agent(CURL, &[path_selector(Agent::curl()?.program())], "optional")
            .service(
                service("known").set("credential", json!({ "name": "shop", "as": "certificate" })),
            )
            .service(service("unknown"))
            .policy(ANYTHING);
        Ok(Self {
            gateway: Gateway::start_in(folder, &setup)?,
            _server: server,
            clients,
        })
    }

    fn ask(&self, service: &str) -> Result<Answer> {
        let url = self.gateway.url(&format!("/{service}/who"))?;
        Agent::curl()?.ask(&Ask::get(url))
    }

    /// Whom the server sees, and on which of its connections.
    fn seen(&self) -> Result<(String, u64)> {
        let answer = self.ask("known")?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let subject = answer.member("subject")?;
        let connection = answer.json()?.get("connection").and_then(Value::as_u64);
        Ok((subject, connection.context("no number")?))
    }

    fn reason(&self, service: &str) -> Result<String> {
        self.ask(service)?.member("reason")
    }
}

#[test]
fn a_service_that_wants_a_certificate_gets_the_gateways() -> Result<()> {
    let mut shop = Shop::new()?;
    let data = shop.gateway.data();
    let data: &Path = &data;
    assert_eq!(shop.reason("known")?, "credential_unavailable");
    let (chain, key) = shop.clients.issue("first")?;
    set(data, "shop", &format!("{chain}{key}"))?;
    let (subject, connection) = shop.seen()?;
    assert_eq!(subject, "first");
    assert_eq!(shop.seen()?, (subject, connection));

    // Without one, and with that of somebody whom the server does not know, there is no answer.
    assert_eq!(shop.reason("unknown")?, "upstream_failed");
    let (chain, key) = Clients::new()?.issue("first")?;
    write(
        data,
        &["rotate", "shop", "--retire-after", "1h"],
        &format!("{chain}{key}"),
    )?;
    assert_eq!(shop.reason("known")?, "upstream_failed");

    // A key that is not the certificate's is not tried, nor is what is no certificate.
    let (chain, _) = shop.clients.issue("second")?;
    let (_, other) = shop.clients.issue("other")?;
    for unusable in [
        format!("{chain}{other}"),
        chain.clone(),
        "no-certificate".to_owned(),
    ] {
        write(data, &["rotate", "shop", "--retire-after", "1h"], &unusable)?;
        assert_eq!(shop.reason("known")?, "credential_unavailable");
    }
    let (chain, key) = shop.clients.issue("second")?;
    // In the other order, as some tools write it.
    write(
        data,
        &["rotate", "shop", "--retire-after", "1h"],
        &format!("{key}{chain}"),
    )?;
    let (subject, later) = shop.seen()?;
    assert_eq!(subject, "second");
    ensure!(later > connection, "{later} is the connection of before");

    ensure!(shop.gateway.stop()?.success(), "{}", shop.gateway.stderr());
    let log = records::list(&shop.gateway)?;
    let versions: Vec<_> = log
        .iter()
        .filter(|it| it.text("result") == "released")
        .filter_map(|it| it.find("credential")?["version"].as_u64())
        .collect();
    assert_eq!(versions, [1, 1, 6]);
    let secret = key.lines().nth(1).context("no key")?;
    for (path, bytes) in shop.gateway.files()? {
        ensure!(
            !contains(&bytes, secret),
            "{} holds the key",
            path.display()
        );
    }
    verified(&shop.gateway)?;
    Ok(())
}
