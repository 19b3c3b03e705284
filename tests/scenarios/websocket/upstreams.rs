//! Where the handshake goes: within TLS, and elsewhere if one upstream cannot be had.

use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::{
    certificate::Certificate,
    gateway::Gateway,
    peers::trouble,
    records,
    setup::{Service, Setup},
};

use super::{AGENT, POLICY, Talk, operations, raw::Raw, serve, serve_with};
use crate::world::path_selector;

fn setup() -> Result<Setup> {
    let this = env::current_exe()?.canonicalize()?;
    Ok(Setup::new()
        .agent(AGENT, &[path_selector(&this)], "optional")
        .policy(POLICY))
}

fn says_something(talk: &Talk) -> Result<()> {
    let mut raw = Raw::open(talk.gateway.listen(0)?, "/talk/talk", "")?;
    raw.text("[1]")?;
    assert_eq!(raw.next_text()?, "[1]");
    Ok(())
}

/// A service that would rather speak HTTP/2, where it can.
#[test]
fn within_tls_a_websocket_is_of_http1() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let certificate = Certificate::for_loopback()?;
    let [chain, key] = ["service.pem", "service.key"].map(|name| folder.path().join(name));
    fs::write(&chain, &certificate.certificate)?;
    fs::write(&key, &certificate.key)?;
    let heard = folder.path().join("heard");
    let server = serve_with(
        &heard,
        &[("CERTIFICATE", &chain), ("CERTIFICATE_KEY", &key)],
    )?;
    let service = operations(Service::new("talk", &server.tls_url(), "US"));
    let setup = setup()?.trust(&certificate.authority).service(service);
    let talk = Talk {
        gateway: Gateway::start_in(folder, &setup)?,
        _server: server,
        heard,
    };
    says_something(&talk)?;
    talk.finish()
}

#[test]
fn a_handshake_that_fails_is_made_elsewhere() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let heard = folder.path().join("heard");
    let server = serve(&heard)?;
    let nobody = format!("http://{}", trouble::nobody()?);
    let upstreams = json!([
        { "url": nobody, "country": "US", "weight": 1000 },
        { "url": server.url(), "country": "US", "weight": 1 },
    ]);
    let talks = json!({ "websocket": {}, "effect": "read" });
    let service = Service::at("talk", upstreams).governed("talk", "GET", "/talk", talks);
    let talk = Talk {
        gateway: Gateway::start_in(folder, &setup()?.service(service))?,
        _server: server,
        heard,
    };
    for _ in 0..3 {
        says_something(&talk)?;
    }
    talk.last()?;
    let log = records::list(&talk.gateway)?;
    let again = log.iter().find(|it| it.find("retry_of").is_some());
    let again = again.with_context(|| format!("none was made again: {log:?}"))?;
    let first = again.number("retry_of").context("no number")?;
    let first = records::closing(&talk.gateway, first)?;
    ensure!(first.text("result") == "upstream_failed", "{first:?}");
    talk.finish()
}
