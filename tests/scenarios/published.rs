//! What the gateway publishes of its log is judged by others' hands.

use std::{ffi::OsStr, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::auditor::{self, Go, Judgement};

use crate::world::World;

/// Calls that make more than one full tile of records.
const CALLS: u64 = 150;

fn world() -> Result<World> {
    World::with(|setup| setup.set("audit", json!({ "directory": "data", "tiles": "tiles" })))
}

/// Calls so often; gives the last record.
fn call(world: &World, times: u64) -> Result<u64> {
    let mut last = None;
    for item in 0..times {
        let url = world.gateway.url(&format!("/crm/items/{item}"))?;
        let reply = world.client.get(&url, &[])?;
        ensure!(reply.status == 200, "{}", reply.text());
        last = reply.record();
    }
    last.context("no call was made")
}

fn judge(what: &str, tiles: &Path, more: &[&OsStr]) -> Result<Judgement> {
    let all = [&[what.as_ref(), tiles.as_os_str()], more].concat();
    auditor::verify(&all)
}

#[test]
fn go_and_the_auditors_program_find_the_tiles_true_and_every_change_of_them_false() -> Result<()> {
    let mut world = world()?;
    let (go, tiles) = (Go::build()?, world.gateway.folder().join("tiles"));
    let key = world.gateway.public_key()?;
    let by = |more: &[&'static str]| -> Vec<String> {
        let all = ["--key", &key].into_iter().chain(more.iter().copied());
        all.map(str::to_owned).collect()
    };
    let strs = |all: &[String]| -> Vec<std::ffi::OsString> { all.iter().map(Into::into).collect() };
    let judged = |what: &str, more: &[String]| {
        let more = strs(more);
        let more: Vec<&OsStr> = more.iter().map(AsRef::as_ref).collect();
        judge(what, &tiles, &more)
    };
    let record = call(&world, CALLS)?;
    world.gateway.stop()?;
    let first = judged("tiles", &by(&[]))?;
    assert_eq!(
        (first.code, &*first.verdict),
        (Some(0), "intact"),
        "{first:?}"
    );
    let size = first.said["size"].as_u64().context("no size")?;
    ensure!(size > 2 * CALLS, "{size} records");
    let gone = go.judge(&tiles, &[&key])?;
    let gone = gone.map_err(|why| anyhow::anyhow!("Go: {why}"))?;
    assert_eq!(gone["size"], size);
    assert_eq!(
        (&gone["records"], &gone["trees"]),
        (&json!(size), &json!(size))
    );

    // A record that an answer named is there, by a proof of a few hashes.
    let mut with = by(&[]);
    with.insert(0, record.to_string());
    let proven = judged("record", &with)?;
    assert_eq!(proven.code, Some(0), "{proven:?}");
    assert_eq!(proven.said["proofs"][0]["header"]["kind"], "open");

    // It goes on where it ended, and continues what an auditor kept.
    let kept = world.gateway.folder().join("kept");
    fs::copy(tiles.join("checkpoint"), &kept)?;
    let old = auditor::files(&tiles)?;
    world.gateway.restart()?;
    call(&world, CALLS)?;
    world.gateway.stop()?;
    let mut with = by(&["--checkpoint"]);
    with.push(kept.display().to_string());
    for what in ["tiles", "consistency"] {
        let judged = judged(what, &with)?;
        assert_eq!(judged.code, Some(0), "{what}: {judged:?}");
    }
    ensure!(go.judge(&tiles, &[&key])?.is_ok());
    // What was published is published: only parts of tiles that are full now may be gone.
    for (name, content) in old.iter().filter(|(name, _)| !name.ends_with("checkpoint")) {
        match fs::read(tiles.join(name)) {
            Ok(now) => ensure!(&now == content, "{} changed", name.display()),
            Err(_) => ensure!(name.display().to_string().contains(".p/")),
        }
    }

    // The same, written at once by the command line.
    let again = world.gateway.folder().join("again");
    let to = again.display().to_string();
    let exported = world
        .gateway
        .audit(&["export", "--format", "tiles", "--to", &to])?;
    ensure!(exported.status.success(), "{exported:?}");
    for (name, content) in auditor::files(&again)? {
        ensure!(
            fs::read(tiles.join(&name))? == content,
            "{} differs",
            name.display()
        );
    }

    // One byte of any file.
    for (name, content) in auditor::files(&tiles)? {
        let superseded = !again.join(&name).exists();
        if superseded {
            continue;
        }
        let path = tiles.join(&name);
        let mut changed = content.clone();
        let middle = content.len() / 2;
        *changed.get_mut(middle).context("an empty file")? ^= 1;
        fs::write(&path, changed)?;
        let ours = judged("tiles", &by(&[]))?;
        ensure!(ours.code >= Some(10), "{}: {ours:?}", name.display());
        let go = go.judge(&tiles, &[&key])?;
        ensure!(go.is_err(), "{}: Go saw nothing", name.display());
        fs::write(&path, content)?;
    }
    assert_eq!(judged("tiles", &by(&[]))?.code, Some(0));
    world.finish()
}

#[test]
fn a_kill_in_the_middle_leaves_tiles_that_verify_and_go_on() -> Result<()> {
    let mut world = world()?;
    let tiles = world.gateway.folder().join("tiles");
    let key = world.gateway.public_key()?;
    for _ in 0..3 {
        call(&world, 60)?;
        world.gateway.kill()?;
        if tiles.join("checkpoint").exists() {
            let judged = judge("tiles", &tiles, &["--key".as_ref(), key.as_ref()])?;
            assert_eq!(judged.code, Some(0), "{judged:?}");
        }
        world.gateway.restart()?;
    }
    world.gateway.stop()?;
    let judged = judge("tiles", &tiles, &["--key".as_ref(), key.as_ref()])?;
    assert_eq!(judged.code, Some(0), "{judged:?}");
    // All of it, at the end: the last record is that of the stop.
    let size = judged.said["size"].as_u64().context("no size")?;
    assert_eq!(judged.said["records"]["stop"], 1);
    ensure!(size > 360, "{size}");
    world.finish()
}
