//! The log is copied to a PostgreSQL while it grows, whoever of the two goes away meanwhile.

use std::{fs, process::Command, thread, time::Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::gateway::{POLL, START_MAX, binary};

use crate::{cluster::Cluster, world::World};

/// A world whose log is copied to `cluster`.
fn world(cluster: &Cluster) -> Result<World> {
    let postgres = json!({ "url": cluster.url() });
    World::with(|setup| {
        setup.set(
            "audit",
            json!({ "directory": "data", "postgres": postgres }),
        )
    })
}

fn call(world: &World, count: u64) -> Result<()> {
    for item in 0..count {
        let url = world.gateway.url(&format!("/crm/items/{item}"))?;
        let reply = world.client.get(&url, &[])?;
        ensure!(reply.status == 200, "{}", reply.text());
    }
    Ok(())
}

/// Waits until what `/metrics` and `/readyz` say is as it should be.
pub(crate) fn wait_until(world: &World, what: &str, is: impl Fn(&str, &str) -> bool) -> Result<()> {
    let began = Instant::now();
    loop {
        let get = |path| {
            anyhow::Ok(
                world
                    .client
                    .get(&world.gateway.admin_url(path)?, &[])?
                    .text(),
            )
        };
        let (metrics, ready) = (get("/metrics")?, get("/readyz")?);
        if is(&metrics, &ready) {
            return Ok(());
        }
        ensure!(
            began.elapsed() < START_MAX,
            "not {what}: {ready}\n{metrics}"
        );
        thread::sleep(POLL);
    }
}

fn figure(metrics: &str, name: &str) -> Option<u64> {
    let line = metrics.lines().find(|line| line.starts_with(name))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

/// Whether all that is on record is in the copy.
pub(crate) fn is_copied(metrics: &str, ready: &str) -> bool {
    let records = figure(metrics, "tidegate_audit_records_total ");
    records.is_some_and(|it| it > 0)
        && records == figure(metrics, "tidegate_audit_records_copied ")
        && !ready.contains("records behind")
}

/// What `audit verify` says of the copy, by nothing but the log's public key.
fn judged(world: &World, cluster: &Cluster) -> Result<(bool, Value)> {
    let key = world.gateway.public_key()?;
    let verified = Command::new(binary()?)
        .args(["audit", "verify", "--output", "json", "--postgres"])
        .args([&cluster.url(), "--key", key.trim()])
        .output()?;
    let report = serde_json::from_slice(&verified.stdout);
    let report = report.with_context(|| format!("{verified:?}"))?;
    Ok((verified.status.success(), report))
}

#[test]
fn a_log_is_copied_while_it_grows_and_after_each_was_away() -> Result<()> {
    let cluster = Cluster::start();
    let mut world = world(&cluster)?;
    call(&world, 20)?;
    wait_until(&world, "copied", is_copied)?;

    // The server goes, and nobody's call is the slower.
    cluster.kill();
    call(&world, 20)?;
    wait_until(&world, "known to be behind", |_, ready| {
        ready.contains("records behind")
    })?;
    cluster.restart();
    wait_until(&world, "copied after the server was away", is_copied)?;

    // The gateway goes, without a word.
    call(&world, 20)?;
    world.gateway.kill()?;
    world.gateway.restart()?;
    wait_until(&world, "copied after the gateway was away", is_copied)?;
    call(&world, 1)?;
    world.gateway.stop()?;
    let (intact, report) = judged(&world, &cluster)?;
    ensure!(intact && report["size"].as_u64() > Some(60), "{report}");
    // The last record is the one that says that it stopped.
    let local = world.gateway.audit(&["verify", "--output", "json"])?;
    let local: Value = serde_json::from_slice(&local.stdout)?;
    ensure!(local["size"] == report["size"], "{local} {report}");

    // What somebody does to the copy is told like what is done to the log.
    let sql = |statement: &str| -> Result<()> {
        let mut psql = Command::new("psql");
        psql.args([
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
            &cluster.url(),
        ]);
        ensure!(psql.status()?.success(), "{statement}");
        Ok(())
    };
    sql("CREATE TABLE aside AS SELECT * FROM record WHERE idx = 7")?;
    sql("DELETE FROM record WHERE idx = 7")?;
    let (intact, report) = judged(&world, &cluster)?;
    ensure!(!intact && report["verdict"] == "removed", "{report}");
    sql("INSERT INTO record SELECT * FROM aside")?;
    ensure!(judged(&world, &cluster)?.0, "it is whole again");

    // Into another folder, for whoever has the keys.
    let another = tempfile::tempdir()?;
    fs::copy(
        world.gateway.data().join("keyring.json"),
        another.path().join("keyring.json"),
    )?;
    for arguments in [
        &["audit", "copy", "--from", &cluster.url()][..],
        &["audit", "verify"],
        &["audit", "list", "--limit", "3"],
    ] {
        let done = Command::new(binary()?)
            .args(arguments)
            .arg("--data")
            .arg(another.path())
            .output()?;
        ensure!(done.status.success(), "{arguments:?}: {done:?}");
    }
    world.finish()
}

#[test]
fn a_password_is_neither_in_the_configuration_nor_among_arguments() -> Result<()> {
    let world = World::new()?;
    let secret = ["postgres://tidegate:", "hunter", "2@localhost/audit"].concat();
    let copied = world.gateway.audit(&["copy", "--to", &secret])?;
    let said = String::from_utf8_lossy(&copied.stderr).into_owned();
    ensure!(
        !copied.status.success() && said.contains("PGPASSWORD"),
        "{said}"
    );
    world
        .gateway
        .reconfigure(|config| config["audit"]["postgres"] = json!({ "url": secret }))?;
    let config = world.gateway.folder().join("tidegate.yaml");
    let checked = Command::new(binary()?)
        .args(["check", "--config"])
        .arg(config)
        .output()?;
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    ensure!(
        !checked.status.success() && said.contains("says a password") && !said.contains("hunter"),
        "{said}"
    );
    world.finish()
}
