//! What an operator does first: answers `init`, starts what it wrote, makes a call; and how a service
//! manager learns that the gateway lives.

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tests::{
    agent::Agent,
    gateway::{self, Gateway},
    peers::{self, crm},
    people::Home,
    records,
    setup::Setup,
};

use crate::world::verified;

/// How long the gateway may be silent on a busy machine.
const SILENCE_MAX: Duration = Duration::from_mins(1);

fn init(folder: &Path, options: &[&str]) -> Result<Output> {
    let output = Command::new(gateway::binary()?)
        .args(["init", "--yes", "--listen", "127.0.0.1:0"])
        .args(["--admin", "127.0.0.1:0", "--to"])
        .arg(folder)
        .arg("--data")
        .arg(folder.join("data"))
        .args(options)
        .output()?;
    Ok(output)
}

fn start(folder: TempDir) -> Result<Gateway> {
    let config = folder.path().join("tidegate.yaml");
    Gateway::start_with(gateway::binary()?, folder, config)
}

#[test]
fn what_init_writes_governs_the_first_call() -> Result<()> {
    let crm = peers::start("crm", "127.0.0.1:0", Home::De, None)?;
    let folder = tempfile::tempdir()?;
    let program = Agent::curl()?.program().display().to_string();
    let written = init(
        folder.path(),
        &[
            "--country",
            "DE",
            "--service",
            "crm",
            "--upstream",
            &crm.url(),
            "--service-country",
            "DE",
            "--path",
            "/customers/{customer}",
            "--program",
            &program,
        ],
    )?;
    let said = String::from_utf8_lossy(&written.stdout).into_owned();
    ensure!(written.status.success(), "{written:?}");
    ensure!(said.contains("1 agent, 1 service"), "{said}");
    let gateway = start(folder)?;
    let ask = |path: &str| -> Result<(String, Value)> {
        let url = gateway.url(path)?;
        let format = "\n%{http_code}";
        let output = Command::new(&program)
            .args(["--silent", "--show-error", "--write-out", format, &url])
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        let (body, status) = text.rsplit_once('\n').context("no status")?;
        Ok((status.to_owned(), serde_json::from_str(body)?))
    };
    let (status, body) = ask("/crm/customers/C-771")?;
    ensure!(status == "200", "{status} {body}");
    let shown = body.to_string();
    ensure!(shown.contains("[pii.email]"), "{shown}");
    let person = crm::person(0, 771);
    ensure!(!shown.contains(&person.email), "{shown}");
    let (status, body) = ask("/crm/tickets/T-1")?;
    ensure!(status == "403", "{status} {body}");
    let kinds: Vec<String> = records::list(&gateway)?
        .iter()
        .map(records::Record::kind)
        .collect();
    ensure!(kinds.iter().any(|kind| kind == "close"), "{kinds:?}");
    verified(&gateway).map(drop)
}

#[test]
fn what_was_not_told_is_nowhere_and_nobody() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let written = init(folder.path(), &[])?;
    ensure!(written.status.success(), "{written:?}");
    let config = fs::read_to_string(folder.path().join("tidegate.yaml"))?;
    let again = init(folder.path(), &["--country", "DE"])?;
    ensure!(again.status.code() == Some(2), "{again:?}");
    let same = fs::read_to_string(folder.path().join("tidegate.yaml"))?;
    ensure!(same == config, "a second `init` wrote over the first");
    let gateway = start(folder)?;
    let starts = gateway.audit(&["list", "--kind", "start", "-o", "json"])?;
    let starts: Value = serde_json::from_slice(&starts.stdout)?;
    let notes = starts.pointer("/0/event/notes").map(Value::to_string);
    let unknown = config.contains("country: ZZ");
    let told = notes.is_some_and(|notes| notes.contains("country: not known"));
    ensure!(unknown == told, "{config}");
    verified(&gateway).map(drop)
}

#[test]
fn a_service_manager_hears_that_it_serves_lives_and_stops() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("notify.sock");
    let heard = UnixDatagram::bind(&socket)?;
    heard.set_read_timeout(Some(SILENCE_MAX))?;
    let manager = [
        "env".to_owned(),
        format!("NOTIFY_SOCKET={}", socket.display()),
        "WATCHDOG_USEC=200000".to_owned(),
    ];
    let gateway = tempfile::tempdir()?;
    let mut gateway = Gateway::start_as(&manager, gateway, &Setup::new())?;
    let next = || -> Result<String> {
        let mut message = [0; 256];
        let length = heard.recv(&mut message)?;
        Ok(String::from_utf8_lossy(message.get(..length).unwrap_or_default()).into_owned())
    };
    ensure!(next()?.contains("READY=1"));
    for _ in 0..3 {
        ensure!(next()?.contains("WATCHDOG=1"));
    }
    gateway.stop()?;
    loop {
        let said = next()?;
        if said.contains("STOPPING=1") {
            return Ok(());
        }
        ensure!(said.contains("WATCHDOG=1"), "{said}");
    }
}
