//! What others have written to attack servers with, let loose on the gateway.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tests::{
    certificate::Certificate,
    env,
    gateway::Gateway,
    peers::wiretap::Wiretap,
    sdks::Language,
    setup::{Service, Setup},
};

use super::front::Front;
use crate::world::{path_selector, verified};

/// h2rs 0.0.1: what a front of HTTP/2 hands on in HTTP/1.1 that it must not.
#[test]
fn h2rs_finds_no_way_to_smuggle() -> Result<()> {
    const AGENT: &str = "spiffe://tests.example/agent/h2rs";
    let tap = Wiretap::default();
    let peer = tap.serve()?;
    let certificate = Certificate::for_loopback()?;
    let service = Service::hosted("shop", "localhost", &peer.url(), "DE")
        .operation("read", "GET", "/")
        .operation("write", "POST", "/");
    let python = Language::Python.program()?;
    let setup = Setup::new()
        .agent(AGENT, &[path_selector(&python)], "optional")
        .service(service)
        .policy(super::front::POLICY)
        .tls(&certificate);
    let mut gateway = Gateway::start(&setup)?;
    let port = gateway.listen(1)?.port().to_string();
    let output = Language::Python
        .command("h2rs_probe")?
        .args(["--target", "localhost", "--port", &port, "--timeout", "3"])
        .output()?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{told}{errors}");
    // Its own words.
    ensure!(told.contains("Got response status code 200."), "{told}");
    let clean = told.matches("Not potencial vulnerable to").count();
    ensure!(clean == 5 && !told.contains("[!]"), "{told}");
    ensure!(tap.malformed().is_empty(), "{:?}", tap.malformed());
    ensure!(
        tap.taken()
            .iter()
            .all(|taken| taken.target == "/" && taken.body.is_empty()),
        "{:?}",
        tap.taken()
    );
    ensure!(gateway.stop()?.success(), "{}", gateway.stderr());
    verified(&gateway).map(drop)
}

/// slowhttptest: heads, bodies and readers that are slow, from hundreds of connections at once.
#[test]
fn slowhttptest_finds_the_gateway_at_work() -> Result<()> {
    let program = env::program("slowhttptest")
        .context("there is no slowhttptest: run `cargo xtask setup`")?;
    let front = Front::new()?;
    let url = front.gateway.url("/things/slow")?;
    for mode in ["-H", "-B", "-X"] {
        let output = Command::new(&program)
            .args([
                mode, "-c", "400", "-r", "200", "-i", "3", "-l", "12", "-p", "5",
            ])
            .args(["-u", &url])
            .output()?;
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(told.contains("service available:"), "{mode}: {told}");
        let down = told
            .lines()
            .find(|line| line.contains("service available:") && line.contains("NO"));
        ensure!(down.is_none(), "{mode}: {told}");
        front.serves(&format!("after{mode}"))?;
    }
    front.finish()
}
