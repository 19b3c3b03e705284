//! A witness signs that the log only grows, and says so when it did not.

use std::{ffi::OsStr, fs, path::Path, thread, time::Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::{
    auditor::{self, Go, Judgement},
    cosigner::Witness,
    gateway::{POLL, START_MAX},
};

use crate::world::World;

/// A gateway whose log a witness knows, after its first start.
fn witnessed() -> Result<(World, Witness)> {
    let mut world = World::new()?;
    let witness = Witness::new(&world.gateway.public_key()?)?;
    world.gateway.stop()?;
    let configured = witness.configured()?;
    world.gateway.reconfigure(|config| {
        if let Some(audit) = config.get_mut("audit").and_then(Value::as_object_mut) {
            audit.insert("witnesses".to_owned(), json!([configured]));
            audit.insert("tiles".to_owned(), json!("tiles"));
        }
    })?;
    Ok((world, witness))
}

fn call(world: &World) -> Result<()> {
    let reply = world.client.get(&world.gateway.url("/crm/items/1")?, &[])?;
    ensure!(reply.status == 200, "{}", reply.text());
    Ok(())
}

/// Waits until the gateway has said this.
fn heard(world: &World, what: &str) -> Result<()> {
    let deadline = Instant::now() + START_MAX;
    while !world.gateway.stderr().contains(what) {
        ensure!(
            Instant::now() < deadline,
            "never said: {what}\n{}",
            world.gateway.stderr()
        );
        thread::sleep(POLL);
    }
    Ok(())
}

/// Waits until `/readyz` says this, and is ready all the same.
fn ready_says(world: &World, what: &str) -> Result<()> {
    let deadline = Instant::now() + START_MAX;
    loop {
        let ready = world
            .client
            .get(&world.gateway.admin_url("/readyz")?, &[])?;
        ensure!(ready.status == 200, "{}", ready.text());
        if ready.text().contains(what) {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "never said: {what}\n{}",
            ready.text()
        );
        thread::sleep(POLL);
    }
}

/// What `tidegate audit verify` says of the log in place.
fn verify(world: &World, more: &[&str]) -> Result<Judgement> {
    let output = world
        .gateway
        .audit(&[&["verify", "-o", "json"], more].concat())?;
    Ok(Judgement::of(&output))
}

#[test]
fn cosignatures_reach_the_log_its_exports_and_its_tiles() -> Result<()> {
    let (mut world, mut witness) = witnessed()?;
    witness.start()?;
    world.gateway.restart()?;
    (0..3).try_for_each(|_| call(&world))?;
    // It waits for the last records to be signed.
    world.gateway.stop()?;
    witness.kill()?;
    let (key, of) = (witness.key()?, world.gateway.public_key()?);
    let trusted = ["--witness", &key];
    let judged = verify(&world, &trusted)?;
    assert_eq!(judged.code, Some(0), "{judged:?}");
    assert_eq!(judged.said["witnessed"], judged.said["size"]);
    let export = world.gateway.folder().join("export.jsonl");
    ensure!(world.gateway.export(&export)?.status.success());
    let tiles = world.gateway.folder().join("tiles");
    let by = |what: &str, place: &Path, keys: &[&str]| {
        let mut all: Vec<&OsStr> =
            vec![what.as_ref(), place.as_ref(), "--key".as_ref(), of.as_ref()];
        all.extend(keys.iter().map(AsRef::<OsStr>::as_ref));
        auditor::verify(&all)
    };
    for (what, place) in [("export", &export), ("tiles", &tiles)] {
        assert_eq!(by(what, place, &trusted)?.code, Some(0), "{what}");
    }
    let head = tiles.join("checkpoint");
    assert_eq!(
        by("checkpoint", &head, &trusted)?.said["cosigned"]["witnesses"],
        1
    );
    // Go verifies both signatures, and the log.
    let go = Go::build()?.judge(&tiles, &[&of, &key])?;
    ensure!(go.is_ok(), "{go:?}");
    // What the witness shows is a checkpoint that the log must continue.
    let seen = world.gateway.folder().join("seen");
    fs::write(&seen, witness.seen()?)?;
    let kept = seen.display().to_string();
    assert_eq!(verify(&world, &["--checkpoint", &kept])?.code, Some(0));
    // Another witness signed nothing; two of one cannot be had.
    let other = Witness::new(&of)?.key()?;
    let judged = verify(&world, &["--witness", &other])?;
    assert_eq!((judged.code, &*judged.verdict), (Some(10), "unwitnessed"));
    let both = ["--witness", &key, "--witness", &other];
    assert_eq!(verify(&world, &both)?.verdict, "unwitnessed");
    assert_eq!(
        verify(&world, &[&both[..], &["--quorum", "1"]].concat())?.code,
        Some(0)
    );
    assert_eq!(
        verify(&world, &[&trusted[..], &["--quorum", "2"]].concat())?.code,
        Some(2)
    );
    world.finish()
}

#[test]
fn a_witness_that_is_away_stops_nobody_and_is_asked_again() -> Result<()> {
    let (mut world, mut witness) = witnessed()?;
    let key = witness.key()?;
    world.gateway.restart()?;
    call(&world)?;
    heard(&world, "the witness did not sign")?;
    ready_says(&world, "could not be reached")?;
    call(&world)?;
    witness.start()?;
    heard(&world, "the witness signs again")?;
    // Killed in the middle of its work it has forgotten nothing when it comes back.
    witness.kill()?;
    call(&world)?;
    witness.start()?;
    world.gateway.stop()?;
    let judged = verify(&world, &["--witness", &key])?;
    assert_eq!(
        judged.code,
        Some(0),
        "{judged:?}\n{}",
        world.gateway.stderr()
    );
    world.finish()
}

#[test]
fn a_log_that_is_put_back_is_found_out_by_the_gateway_and_by_the_auditor() -> Result<()> {
    let (mut world, mut witness) = witnessed()?;
    witness.start()?;
    world.gateway.restart()?;
    call(&world)?;
    world.gateway.stop()?;
    // A backup of everything that is the gateway's, tiles and all.
    let (backup, data) = (tempfile::tempdir()?, world.gateway.data());
    let tiles = world.gateway.folder().join("tiles");
    auditor::copy(&data, &backup.path().join("data"))?;
    copy_tree(&tiles, &backup.path().join("tiles"))?;
    world.gateway.restart()?;
    (0..3).try_for_each(|_| call(&world))?;
    world.gateway.stop()?;
    auditor::copy(&backup.path().join("data"), &data)?;
    fs::remove_dir_all(&tiles)?;
    copy_tree(&backup.path().join("tiles"), &tiles)?;
    // Nothing inside tells; what the witness saw does.
    assert_eq!(
        verify(&world, &["--witness", &witness.key()?])?.code,
        Some(0)
    );
    world.gateway.restart()?;
    heard(&world, "the log was rolled back or replaced")?;
    world.gateway.kill()?;
    witness.kill()?;
    let seen = world.gateway.folder().join("seen");
    fs::write(&seen, witness.seen()?)?;
    let kept = seen.display().to_string();
    let judged = verify(&world, &["--checkpoint", &kept])?;
    assert_eq!((judged.code, &*judged.verdict), (Some(21), "rolled_back"));
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    for (name, content) in auditor::files(from)? {
        let path = to.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, content)?;
    }
    Ok(())
}
