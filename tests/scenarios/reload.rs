//! Other policies while the gateway serves: for the next call, on record, and never half.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{
    records::{self, Record},
    tokens::Claims,
};

use crate::world::{HERE, World};

/// An agent that the gateway does not know.
const LATER: &str = "spiffe://tests.example/agent/later";

fn own(claims: Claims) -> Claims {
    claims.scope("customer", "C-771")
}

/// What `policy reload` says; `code` is how it must end.
fn reload(world: &World, code: i32) -> Result<String> {
    let arguments = ["policy", "reload", "--config", "tidegate.yaml"];
    let why = ["--reason", "the case of C-332"];
    let output = world.gateway.cli(&[&arguments[..], &why[..]].concat())?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    ensure!(output.status.code() == Some(code), "{said}");
    Ok(said)
}

/// The one file of policies.
fn file(world: &World) -> Result<PathBuf> {
    let folder = fs::read_dir(world.gateway.folder())?;
    let paths = folder.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .into_iter()
        .find(|path| path.extension().is_some_and(|it| it == "cedar"))
        .context("no policies")
}

/// The policies without the rule that a session sees its customer alone.
fn looser(policies: &str) -> Result<String> {
    let (before, rest) = policies
        .split_once("@id(\"session-sees")
        .context("no rule")?;
    let (_, after) = rest.split_once(";\n").context("no end")?;
    Ok(format!("{before}{after}"))
}

fn changes(world: &World) -> Result<Vec<Record>> {
    let mut records = records::list(&world.gateway)?;
    records.retain(|record| record.kind() == "policies");
    Ok(records)
}

#[test]
fn the_next_call_is_decided_by_the_policies_that_were_brought() -> Result<()> {
    let mut world = World::new()?;
    let token = world.token(HERE, own)?;
    let token = [("tidegate-token", token.as_str())];
    let url = world.gateway.url("/crm/customers/C-332")?;
    let policies = fs::read_to_string(file(&world)?)?;

    fs::write(file(&world)?, looser(&policies)?)?;
    assert_eq!(world.client.get(&url, &token)?.status, 403, "not asked for");
    ensure!(reload(&world, 0)?.contains("in force"));
    let allowed = world.client.get(&url, &token)?;
    assert_eq!(allowed.status, 200, "{}", allowed.text());
    ensure!(reload(&world, 0)?.contains("in force already"));
    let [change] = &changes(&world)?[..] else {
        anyhow::bail!("not one change is on record");
    };
    ensure!(
        change.text("before") != change.text("after"),
        "{}",
        change.text("after")
    );
    assert_eq!(change.text("reason"), "the case of C-332");
    let record = records::show(&world.gateway, allowed.record().context("no record")?)?;
    assert_eq!(record.text("policy"), change.text("after"));

    // What does not hold changes nothing, nor does a signal that others read their files by.
    fs::write(file(&world)?, "permit(principal, action")?;
    reload(&world, 2)?;
    world.gateway.signal(Signal::HUP)?;
    assert_eq!(world.client.get(&url, &token)?.status, 200);

    // The start after that is by the files, as any is.
    fs::write(file(&world)?, &policies)?;
    world.gateway.stop()?;
    world.gateway.restart()?;
    let url = world.gateway.url("/crm/customers/C-332")?;
    assert_eq!(world.client.get(&url, &token)?.status, 403);
    assert_eq!(changes(&world)?.len(), 1);
    world.finish()
}

#[test]
fn a_rule_about_what_this_gateway_does_not_serve_is_refused() -> Result<()> {
    let world = World::new()?;
    let config = world.gateway.folder().join("tidegate.yaml");
    let before = fs::read_to_string(&config)?;
    let file = file(&world)?;
    let policies = fs::read_to_string(&file)?;
    // Agents that the file names since, and the gateway does not know.
    let mut later: Value = serde_json::from_str(&before)?;
    let agents = later.get_mut("agents").and_then(Value::as_array_mut);
    agents.context("no agents")?.push(json!({
        "id": LATER, "selectors": ["unix:uid:4711"], "token": "optional",
    }));
    fs::write(&config, later.to_string())?;
    let rule = format!(
        "@id(\"later\")\npermit(principal in Agent::\"{LATER}\", action == Action::\"call\", resource);"
    );
    fs::write(&file, format!("{policies}\n{rule}"))?;
    let said = reload(&world, 1)?;
    ensure!(
        said.contains("nothing changed") && said.contains("agent/later"),
        "{said}"
    );
    fs::write(&file, policies.replace("\"mask\"", "\"drop\""))?;
    let said = reload(&world, 0)?;
    ensure!(
        said.contains("in force") && said.contains("takes a restart"),
        "{said}"
    );
    fs::write(&config, before)?;
    world.finish()
}

/// Does `work` while an agent calls, of whose calls none may fail; gives how many there were.
pub(crate) fn while_called(world: &World, work: impl FnOnce() -> Result<()>) -> Result<u64> {
    let token = world.token(HERE, own)?;
    let token = [("tidegate-token", token.as_str())];
    let url = world.gateway.url("/crm/customers/C-771")?;
    let done = AtomicBool::new(false);
    let calls = thread::scope(|scope| -> Result<u64> {
        let calling = scope.spawn(|| -> Result<u64> {
            let mut calls = 0;
            while !done.load(Ordering::Relaxed) {
                let reply = world.client.get(&url, &token)?;
                assert_eq!(reply.status, 200, "{}", reply.text());
                calls += 1;
            }
            Ok(calls)
        });
        let worked = work();
        done.store(true, Ordering::Relaxed);
        let calls = calling.join().map_err(|_| anyhow!("a call failed"))?;
        worked.and(calls)
    })?;
    ensure!(calls > 0, "nobody called");
    Ok(calls)
}

#[test]
fn no_call_fails_while_policies_are_brought() -> Result<()> {
    let world = World::new()?;
    let file = file(&world)?;
    let strict = fs::read_to_string(&file)?;
    let loose = looser(&strict)?;
    while_called(&world, || {
        let brought = [&loose, &strict].into_iter().cycle().take(10);
        brought.into_iter().try_for_each(|policies| {
            fs::write(&file, policies)?;
            reload(&world, 0).map(drop)
        })
    })?;
    assert_eq!(changes(&world)?.len(), 10);
    world.finish()
}
