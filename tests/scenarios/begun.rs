//! A log that is empty or older by mistake never takes the place of the real one.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::world::World;

/// A gateway that has stopped, and has something on record.
fn stopped() -> Result<World> {
    let mut world =
        World::with(|setup| setup.set("audit", json!({ "directory": "data", "tiles": "tiles" })))?;
    let reply = world.client.get(&world.gateway.url("/crm/items/1")?, &[])?;
    ensure!(reply.status == 200, "{}", reply.text());
    world.gateway.stop()?;
    Ok(world)
}

/// It must not start, and say why.
fn refuses(world: &mut World, why: &str) -> Result<()> {
    let before = world.gateway.stderr().len();
    ensure!(world.gateway.restart().is_err(), "it started: {why}");
    let said = world.gateway.stderr();
    // The report is broken into lines.
    let said = said.get(before..).unwrap_or_default();
    let said: Vec<&str> = said
        .split(['│', ' ', '\n'])
        .filter(|it| !it.is_empty())
        .collect();
    ensure!(said.join(" ").contains(why), "{said:?}");
    Ok(())
}

#[test]
fn a_database_that_is_gone_or_older_is_not_begun_anew() -> Result<()> {
    let mut world = stopped()?;
    let data = world.gateway.data();
    let (log, aside) = (
        data.join("log.sqlite"),
        world.gateway.folder().join("aside"),
    );
    fs::rename(&log, &aside)?;
    for name in ["log.sqlite-wal", "log.sqlite-shm"] {
        fs::remove_file(data.join(name)).ok();
    }
    refuses(&mut world, "it has 0")?;
    ensure!(!log.exists(), "nothing was begun");
    // An empty file in its place is no log either.
    fs::write(&log, "")?;
    refuses(&mut world, "it has 0")?;
    fs::rename(&aside, &log)?;
    // An older one: what is there is signed, but less than was shown.
    let (backup, older) = (fs::read(&log)?, world.gateway.folder().join("older"));
    world.gateway.restart()?;
    world.client.get(&world.gateway.url("/crm/items/2")?, &[])?;
    world.gateway.stop()?;
    fs::rename(&log, &older)?;
    fs::write(&log, backup)?;
    refuses(&mut world, "records; it has")?;
    // Whoever reads it is warned, and puts nothing on it: that would be another history.
    let listed = world.gateway.audit(&["list"])?;
    ensure!(listed.status.success(), "{listed:?}");
    ensure!(
        String::from_utf8_lossy(&listed.stderr).contains("not on record"),
        "{listed:?}"
    );
    fs::rename(&older, &log)?;
    world.gateway.restart()?;
    world.finish()
}

#[test]
fn a_folder_that_is_empty_by_mistake_is_no_new_log() -> Result<()> {
    let mut world = stopped()?;
    let (data, aside) = (world.gateway.data(), world.gateway.folder().join("aside"));
    let key = world.gateway.public_key()?;
    // As if it were not mounted. The tiles are elsewhere, and remember.
    fs::rename(&data, &aside)?;
    refuses(&mut world, "of which there is no keyring")?;
    ensure!(!data.join("keyring.json").exists(), "nothing was begun");
    // Without them the configuration does, if it was told.
    fs::remove_dir_all(world.gateway.folder().join("tiles"))?;
    world
        .gateway
        .reconfigure(|config| config["audit"]["log"] = json!(key))?;
    refuses(&mut world, "there is no log in")?;
    // Another log is not the one either.
    fs::remove_dir_all(&data).ok();
    let mut other = World::new()?;
    other.gateway.stop()?;
    fs::rename(other.gateway.data(), &data)?;
    refuses(&mut world, "which `audit.log` names")?;
    fs::remove_dir_all(&data)?;
    fs::rename(&aside, &data)?;
    world.gateway.restart()?;
    world.finish()
}
