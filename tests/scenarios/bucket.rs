//! A log in a bucket is judged there, and whatever somebody with the bucket's keys does to it is told.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    auditor::{self, Judgement},
    client::Client,
    gateway,
    sdks::Language,
};

use crate::{
    objects::{Store, call, ready, until},
    world::World,
};

/// For how many days what is kept is locked.
const RETAIN_DAYS: &str = "3650";
/// Records of another history: more than a tile of them.
const FORGED: usize = 260;
/// Calls of each of some callers, which make more records than one piece of a verification has, 8,192.
const CALLERS: u64 = 4;
const CALLS: u64 = 1060;

impl Store {
    /// What is found there, with these arguments more.
    fn judged(&self, world: &World, more: &[&str]) -> Result<Judgement> {
        let output = self.verification(world, more)?.output()?;
        Ok(Judgement::of(&output))
    }

    /// What looks at it.
    fn verification(&self, world: &World, more: &[&str]) -> Result<Command> {
        self.verification_by(&world.gateway.public_key()?, world, more)
    }

    /// The same by this key of the log.
    fn verification_by(&self, key: &str, world: &World, more: &[&str]) -> Result<Command> {
        let (keys, url) = (self.keys_of("auditor"), self.server.url());
        let keys = keys.display().to_string();
        let arguments = [
            "audit",
            "verify",
            "-o",
            "json",
            "--bucket",
            "evidence",
            "--prefix",
            "log",
            "--region",
            "eu-central-1",
            "--endpoint",
            &url,
            "--keys",
            &keys,
            "--key",
            key,
        ];
        let mut command = Command::new(gateway::binary()?);
        command.args([&arguments, more].concat());
        command.current_dir(world.gateway.folder());
        Ok(command)
    }

    /// What somebody does to it.
    pub(crate) fn attacked(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Language::Python.command("objects_attack")?;
        let output = command
            .args(arguments)
            .env("AWS_KEYS", self.keys_of("somebody"))
            .env("OBJECTS_URL", self.server.url())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments:?}: {said}");
        Ok(())
    }
}

/// A gateway that puts its log into the bucket as fast as it grows.
fn shelved(store: &Store, retain_days: Option<u32>) -> Result<World> {
    let mut kept = json!({ "bucket": "evidence", "prefix": "log", "every": "100ms" });
    if let (Some(days), Some(kept)) = (retain_days, kept.as_object_mut()) {
        kept.insert("retain_days".to_owned(), days.into());
    }
    World::with(|setup| {
        setup.set("buckets", store.bucket()).set(
            "audit",
            json!({ "directory": "data", "tiles": "tiles", "s3": kept }),
        )
    })
}

/// Calls, and waits until the bucket has it; stops the gateway.
fn filled(store: &Store, world: &mut World) -> Result<()> {
    call(world, "1", 300)?;
    stored(store, world, 600)
}

/// Waits until the bucket has so many records; stops the gateway.
fn stored(store: &Store, world: &mut World, records: u64) -> Result<()> {
    until("the log is in the bucket", world, || {
        let judged = store.judged(world, &[])?;
        Ok(judged.said.get("size").and_then(Value::as_u64) >= Some(records))
    })?;
    ensure!(
        world.gateway.stop()?.success(),
        "{}",
        world.gateway.stderr()
    );
    Ok(())
}

/// The names that findings of this kind name.
fn names<'j>(judged: &'j Judgement, finding: &str) -> Vec<&'j str> {
    let findings = judged.said.get("findings").and_then(Value::as_array);
    let these = findings.into_iter().flatten();
    let these = these.filter(|it| it["finding"] == finding);
    these.filter_map(|it| it["name"].as_str()).collect()
}

#[test]
fn a_log_in_a_bucket_is_judged_by_what_was_put_first() -> Result<()> {
    let store = Store::new()?;
    let mut world = shelved(&store, Some(3650))?;
    // A copy of the log as it is early on: what somebody with all keys of the host has.
    call(&world, "0", 10)?;
    world.gateway.stop()?;
    let early = tempfile::tempdir()?;
    auditor::copy(&world.gateway.data(), early.path())?;
    world.gateway.restart()?;
    filled(&store, &mut world)?;

    let judged = store.judged(&world, &["--retain-days", RETAIN_DAYS])?;
    assert_eq!(judged.code, Some(0), "{judged:?}");
    let (size, bucket) = (judged.said["size"].clone(), &judged.said["bucket"]);
    let kept = bucket["kept"].as_u64().context("none kept")?;
    // The full tiles of entries, as many of hashes, and each checkpoint.
    let full = size.as_u64().context("no size")? / 256;
    assert_eq!(bucket["locks"]["locked"], 2 * full + kept, "{bucket}");
    assert_eq!(bucket["locks"]["unlocked"], 0, "{bucket}");
    ensure!(kept > 2, "{kept} checkpoints");
    let longer = store.judged(&world, &["--retain-days", "3660"])?;
    assert_eq!((longer.code, &*longer.verdict), (Some(9), "unlocked"));

    // An older `checkpoint` in the place of the newest, which no lock can hold: all that is kept is judged all the same.
    store.attacked(&["back"])?;
    let judged = store.judged(&world, &[])?;
    assert_eq!((judged.code, &*judged.verdict), (Some(21), "rolled_back"));
    assert_eq!(judged.said["size"], size, "{judged:?}");
    assert_eq!(judged.said["signed"], size, "{judged:?}");

    // Another history, by the log's own key, over what is locked.
    let forged = forged(&world, early.path())?;
    let forged_by = forged.path().display().to_string();
    store.attacked(&["over", &forged_by])?;
    let judged = store.judged(&world, &["--retain-days", RETAIN_DAYS])?;
    assert_eq!((judged.code, &*judged.verdict), (Some(28), "overwritten"));
    let overwritten = names(&judged, "overwritten");
    ensure!(
        overwritten.starts_with(&["tile/entries/000", "tile/0/000"]),
        "{judged:?}"
    );
    assert_eq!(judged.said["size"], size, "{judged:?}");
    world.finish()
}

/// Another history of the same log, from the copy of it in `early` on, as tiles in a folder.
fn forged(world: &World, early: &Path) -> Result<TempDir> {
    let to = tempfile::tempdir()?;
    let (data, tiles) = (early.display().to_string(), to.path().display().to_string());
    // Each reading is a record.
    for _ in 0..FORGED {
        let arguments = ["audit", "list", "--limit", "1", "--data", &data];
        let listed = world.gateway.cli(&arguments)?;
        ensure!(listed.status.success(), "{listed:?}");
    }
    let exported = ["export", "--format", "tiles", "--to", &tiles];
    let arguments = [&["audit"], &exported[..], &["--data", &data]].concat();
    let exported = world.gateway.cli(&arguments)?;
    ensure!(exported.status.success(), "{exported:?}");
    Ok(to)
}

#[test]
fn what_is_done_to_a_log_in_a_bucket_is_told() -> Result<()> {
    let store = Store::new()?;
    let mut world = shelved(&store, None)?;
    filled(&store, &mut world)?;
    let judged = store.judged(&world, &[])?;
    assert_eq!(judged.code, Some(0), "{judged:?}");
    let locks = |judged: &Judgement| judged.said["bucket"]["locks"].clone();
    assert_eq!(locks(&judged)["locked"], 0, "{judged:?}");
    let asked = ["--retain-days", RETAIN_DAYS];
    let judged = store.judged(&world, &asked)?;
    assert_eq!((judged.code, &*judged.verdict), (Some(9), "unlocked"));

    // What was put before a lock was asked for is locked when it is; checkpoints that were kept until then stay as they are.
    world
        .gateway
        .reconfigure(|config| config["audit"]["s3"]["retain_days"] = Value::from(3650))?;
    world.gateway.restart()?;
    let is_locked = || {
        let judged = store.judged(&world, &asked)?;
        let names = names(&judged, "unlocked");
        Ok(!names.iter().any(|it| it.starts_with("tile/")))
    };
    until("tiles are locked", &world, is_locked)?;
    ensure!(!ready(&world)?.contains("bucket `evidence`"));
    world.gateway.stop()?;

    store.attacked(&["unlock", "tile/0/001"])?;
    let judged = store.judged(&world, &asked)?;
    let unlocked = names(&judged, "unlocked");
    ensure!(unlocked.contains(&"tile/0/001"), "{judged:?}");
    ensure!(!unlocked.contains(&"tile/0/000"), "{judged:?}");

    store.attacked(&["hide", "tile/entries/000"])?;
    let judged = store.judged(&world, &[])?;
    assert_eq!((judged.code, &*judged.verdict), (Some(28), "overwritten"));
    assert_eq!(names(&judged, "overwritten"), ["tile/entries/000"]);

    store.attacked(&["cut", "tile/0/001"])?;
    let judged = store.judged(&world, &[])?;
    assert_eq!(names(&judged, "altered"), ["tile/0/001"]);
    world.finish()
}

#[test]
fn what_is_not_what_was_signed_is_not_put() -> Result<()> {
    let mut store = Store::new()?;
    let mut world = shelved(&store, Some(3650))?;
    call(&world, "0", 10)?;
    world.gateway.stop()?;
    let early = tempfile::tempdir()?;
    auditor::copy(&world.gateway.data(), early.path())?;

    // A file of the folder that somebody changed while the store was away is named, and not locked for years.
    store.server.tell("stop")?;
    world.gateway.restart()?;
    let tile = world.gateway.folder().join("tiles/tile/entries/000");
    call(&world, "1", 300)?;
    until("a tile is full", &world, || Ok(tile.exists()))?;
    world.gateway.stop()?;
    let content = fs::read(&tile)?;
    let mut changed = content.clone();
    let middle = content.len() / 2;
    *changed.get_mut(middle).context("an empty tile")? ^= 1;
    fs::write(&tile, changed)?;
    store.server.tell("start")?;
    world.gateway.restart()?;
    until("the tile is told", &world, || {
        Ok(ready(&world)?.contains("tile/entries/000"))
    })?;
    let put = |name: &str| -> Result<bool> {
        let found = store.look(false)?;
        Ok(found.objects.iter().any(|it| it.key == name))
    };
    ensure!(!put("log/tile/entries/000")?);
    fs::write(&tile, content)?;
    filled(&store, &mut world)?;
    ensure!(put("log/tile/entries/000")?);
    let judged = store.judged(&world, &["--retain-days", RETAIN_DAYS])?;
    assert_eq!(judged.code, Some(0), "{judged:?}");

    // The whole host is put back to what it was: the bucket knows better, and nothing is put beside that.
    fs::remove_dir_all(world.gateway.data())?;
    fs::remove_dir_all(world.gateway.folder().join("tiles"))?;
    private_folder(&world.gateway.data())?;
    auditor::copy(early.path(), &world.gateway.data())?;
    world.gateway.restart()?;
    until("it is told that the log was rolled back", &world, || {
        Ok(ready(&world)?.contains("rolled back"))
    })?;
    let again = store.judged(&world, &[])?;
    assert_eq!(again.said["size"], judged.said["size"], "{again:?}");
    world.finish()
}

/// The folder of a log, which is its user's alone.
fn private_folder(path: &Path) -> Result<()> {
    fs::create_dir(path)?;
    Ok(fs::set_permissions(path, Permissions::from_mode(0o700))?)
}

#[test]
fn a_killed_verification_of_a_bucket_goes_on() -> Result<()> {
    let mut store = Store::new()?;
    let mut world = shelved(&store, Some(3650))?;
    let url = world.gateway.url("/crm/items/1")?;
    let callers = (0..CALLERS).map(|_| {
        let url = url.clone();
        thread::spawn(move || -> Result<()> {
            let client = Client::plain()?;
            for _ in 0..CALLS {
                ensure!(client.get(&url, &[])?.status == 200);
            }
            Ok(())
        })
    });
    // All at once.
    for caller in callers.collect::<Vec<_>>() {
        let called = caller.join();
        called.map_err(|_| anyhow::anyhow!("a caller panicked"))??;
    }
    stored(&store, &mut world, 2 * CALLERS * CALLS)?;
    let whole = store.judged(&world, &[])?;
    assert_eq!(whole.code, Some(0), "{whole:?}");

    store.server.tell("hold tile/entries/032")?;
    let bookmark = world.gateway.folder().join("bookmark");
    let kept = ["--bookmark", "bookmark"];
    let mut command = store.verification(&world, &kept)?;
    let mut interrupted = command.stdout(Stdio::null()).spawn()?;
    until(
        "it was kept how far it is",
        &world,
        || Ok(bookmark.exists()),
    )?;
    interrupted.kill()?;
    interrupted.wait()?;
    store.server.tell("free")?;
    let mode = fs::metadata(&bookmark)?.permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);

    let resumed = store.judged(&world, &kept)?;
    let mut said = resumed.said.clone();
    let members = said.as_object_mut().context("no report")?;
    assert_eq!(members.remove("resumed"), Some(json!(8192)), "{resumed:?}");
    assert_eq!(said, whole.said);
    ensure!(!bookmark.exists(), "what is done is begun anew");
    world.finish()
}

#[test]
fn a_log_in_a_bucket_is_followed_to_another_signing_key() -> Result<()> {
    let store = Store::new()?;
    let mut world = shelved(&store, Some(3650))?;
    let first = world.gateway.public_key()?;
    let by = |world: &World, key: &str| -> Result<Judgement> {
        let mut command = store.verification_by(key, world, &["--retain-days", RETAIN_DAYS])?;
        Ok(Judgement::of(&command.output()?))
    };
    call(&world, "0", 10)?;
    until("the first key's are in the bucket", &world, || {
        Ok(by(&world, &first)?.code == Some(0))
    })?;
    let data = world.gateway.data().display().to_string();
    let rotate = ["keys", "rotate", "--signing", "--data", &data];
    let rotated = world.gateway.cli(&rotate)?;
    ensure!(rotated.status.success(), "{rotated:?}");
    let second = world.gateway.public_key()?;
    assert_ne!(first, second);
    // The gateway that runs puts on what the second one signs, and so does the next one.
    filled(&store, &mut world)?;
    world.gateway.restart()?;
    call(&world, "2", 50)?;
    stored(&store, &mut world, 700)?;

    let (early, late) = (by(&world, &first)?, by(&world, &second)?);
    let at = early.said["successions"][0]["index"].clone();
    ensure!(at.is_u64(), "{early:?}");
    for (judged, since) in [(&early, &Value::Null), (&late, &at)] {
        assert_eq!(judged.code, Some(0), "{judged:?}");
        assert_eq!(&judged.said["since"], since, "{judged:?}");
        let told = ["successions", "size", "signed", "bucket"];
        for member in told {
            assert_eq!(judged.said[member], early.said[member], "{member}");
        }
    }
    world.finish()
}

#[test]
fn a_store_that_is_away_is_no_verdict() -> Result<()> {
    let mut store = Store::new()?;
    let world = shelved(&store, None)?;
    let judged = store.judged(&world, &["--bookmark", "bookmark", "--afresh"])?;
    // Nothing may be there yet: then there is no checkpoint.
    ensure!(
        judged.code == Some(0) || judged.complaint.contains("`checkpoint` cannot be read"),
        "{judged:?}"
    );
    store.server.tell("stop")?;
    let judged = store.judged(&world, &[])?;
    assert_eq!(judged.code, Some(2), "{judged:?}");
    ensure!(
        judged.complaint.contains("could not be reached"),
        "{}",
        judged.complaint
    );
    store.server.tell("start")?;
    world.finish()
}
