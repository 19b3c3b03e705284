//! What the gateway publishes of its log is judged by others' hands.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::{Value, json};
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

/// Two auditors who have the tiles of a log, and its key.
struct Auditors {
    go: Go,
    tiles: PathBuf,
    key: String,
}

impl Auditors {
    fn of(world: &World) -> Result<Self> {
        Ok(Self {
            go: Go::build()?,
            tiles: world.gateway.folder().join("tiles"),
            key: world.gateway.public_key()?,
        })
    }

    /// What `tidegate-verify` says.
    fn judge(&self, what: &str, more: &[&str]) -> Result<Judgement> {
        let mut all: Vec<&OsStr> = vec![what.as_ref(), self.tiles.as_ref()];
        all.extend(more.iter().map(AsRef::<OsStr>::as_ref));
        all.extend(["--key", &self.key].map(AsRef::<OsStr>::as_ref));
        auditor::verify(&all)
    }

    /// Both find it true; gives how many records it has.
    fn both_find_it_true(&self) -> Result<u64> {
        let judged = self.judge("tiles", &[])?;
        ensure!(
            judged.code == Some(0) && judged.verdict == "intact",
            "{judged:?}"
        );
        let size = judged.said.get("size").and_then(Value::as_u64);
        let size = size.context("no size")?;
        let go = self.go.judge(&self.tiles, &[&self.key])?;
        let go = go.map_err(|why| anyhow!("Go: {why}"))?;
        for what in ["size", "records", "trees"] {
            ensure!(go.get(what) == Some(&json!(size)), "{what} of {size}: {go}");
        }
        Ok(size)
    }

    /// Both find it false, whatever is changed of the files that `current` has too.
    fn both_find_every_change(&self, current: &Path) -> Result<()> {
        for (name, content) in auditor::files(&self.tiles)? {
            if !current.join(&name).exists() {
                continue;
            }
            let path = self.tiles.join(&name);
            let (mut changed, middle) = (content.clone(), content.len() / 2);
            *changed.get_mut(middle).context("an empty file")? ^= 1;
            fs::write(&path, changed)?;
            let ours = self.judge("tiles", &[])?;
            ensure!(ours.code >= Some(10), "{}: {ours:?}", name.display());
            let go = self.go.judge(&self.tiles, &[&self.key])?;
            ensure!(go.is_err(), "{}: Go saw nothing", name.display());
            fs::write(&path, content)?;
        }
        Ok(())
    }
}

#[test]
fn go_and_the_auditors_program_find_the_tiles_true_and_every_change_of_them_false() -> Result<()> {
    let mut world = world()?;
    let auditors = Auditors::of(&world)?;
    let record = call(&world, CALLS)?;
    world.gateway.stop()?;
    let size = auditors.both_find_it_true()?;
    ensure!(size > 2 * CALLS, "{size} records");

    // A record that an answer named is there, by a proof of a few hashes.
    let proven = auditors.judge("record", &[&record.to_string()])?;
    assert_eq!(proven.code, Some(0), "{proven:?}");
    assert_eq!(proven.said["proofs"][0]["header"]["kind"], "open");

    // It goes on where it ended, and continues what an auditor kept.
    let (tiles, kept) = (&auditors.tiles, world.gateway.folder().join("kept"));
    fs::copy(tiles.join("checkpoint"), &kept)?;
    let old = auditor::files(tiles)?;
    world.gateway.restart()?;
    call(&world, CALLS)?;
    world.gateway.stop()?;
    for what in ["tiles", "consistency"] {
        let judged = auditors.judge(what, &["--checkpoint", &kept.display().to_string()])?;
        assert_eq!(judged.code, Some(0), "{what}: {judged:?}");
    }
    auditors.both_find_it_true()?;
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
    let exported = ["export", "--format", "tiles", "--to", &to];
    let exported = world.gateway.audit(&exported)?;
    ensure!(exported.status.success(), "{exported:?}");
    for (name, content) in auditor::files(&again)? {
        ensure!(
            fs::read(tiles.join(&name))? == content,
            "{} differs",
            name.display()
        );
    }
    auditors.both_find_every_change(&again)?;
    auditors.both_find_it_true()?;
    world.finish()
}

#[test]
fn a_kill_in_the_middle_leaves_tiles_that_verify_and_go_on() -> Result<()> {
    let mut world = world()?;
    let auditors = Auditors::of(&world)?;
    for _ in 0..3 {
        call(&world, 60)?;
        world.gateway.kill()?;
        if auditors.tiles.join("checkpoint").exists() {
            let judged = auditors.judge("tiles", &[])?;
            assert_eq!(judged.code, Some(0), "{judged:?}");
        }
        world.gateway.restart()?;
    }
    world.gateway.stop()?;
    // All of it, at the end: the last record is that of the stop.
    let size = auditors.both_find_it_true()?;
    assert_eq!(auditors.judge("tiles", &[])?.said["records"]["stop"], 1);
    ensure!(size > 360, "{size}");
    world.finish()
}
