//! A log is backed up while calls go on, and restored where the disk was lost; what should not be restored is not.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{client::Client, gateway::POLL};

use crate::{
    cluster::Cluster,
    copied::{is_copied, wait_until},
    erasure::{Subject, readable, said},
    world::{World, verified},
};

/// Exit codes of `audit verify`, which a refused restoration has, too.
const ROLLED_BACK: i32 = 21;
const WRONG_KEY: i32 = 25;

/// Folders outside of the log's, for backups of one world.
struct Shelf {
    folder: TempDir,
    log: PathBuf,
    keys: PathBuf,
}

impl Shelf {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        Ok(Self {
            log: folder.path().join("log"),
            keys: folder.path().join("keys"),
            folder,
        })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `tidegate backup` with these arguments.
    fn backup(world: &World, to: Option<&Path>, keys: Option<&Path>) -> Result<Output> {
        let data = text(&world.gateway.data());
        let (to, keys) = (to.map(text), keys.map(text));
        let mut arguments = vec!["backup", "--data", &data];
        arguments.extend(to.as_deref());
        if let Some(keys) = &keys {
            arguments.extend(["--keys", keys]);
        }
        world.gateway.cli(&arguments)
    }

    /// Both parts.
    fn whole(world: &World) -> Result<Self> {
        let shelf = Self::new()?;
        said(&Self::backup(world, Some(&shelf.log), Some(&shelf.keys))?)?;
        Ok(shelf)
    }

    /// `tidegate restore` of these folders into `data`.
    fn restore(
        world: &World,
        log: &Path,
        keys: &Path,
        data: &Path,
        more: &[&str],
    ) -> Result<Output> {
        let [log, keys, data] = [log, keys, data].map(text);
        let mut arguments = vec!["restore", &log, "--keys", &keys, "--data", &data];
        arguments.extend(more);
        world.gateway.cli(&arguments)
    }

    /// What it says when both its folders are restored as `data`, which goes well.
    fn restored(&self, world: &World, data: &Path, more: &[&str]) -> Result<String> {
        said(&Self::restore(world, &self.log, &self.keys, data, more)?)
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Why something was refused, if it was, by this exit code.
fn refused(output: &Output, code: i32) -> Result<String> {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.code() == Some(code),
        "{output:?}\nis not refused with {code}"
    );
    // Of a message that was broken into lines.
    let words = told.replace('│', " ");
    Ok(words.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The newest checkpoint of the log, as somebody else keeps it, with an export that ends with it.
fn kept(world: &World, to: &Path) -> Result<(PathBuf, PathBuf)> {
    let export = to.with_extension("jsonl");
    said(&world.gateway.export(&export)?)?;
    let mut newest = None;
    for line in fs::read_to_string(&export)?.lines() {
        let line: Value = serde_json::from_str(line)?;
        let note = line.get("checkpoint").and_then(Value::as_str);
        newest = note.map(ToOwned::to_owned).or(newest);
    }
    fs::write(to, newest.context("no checkpoint in the export")?)?;
    Ok((to.to_owned(), export))
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().display().to_string());
    }
    names.sort();
    Ok(names)
}

/// Sees that the log in `data` has on record that this was asked for.
fn asked(world: &World, data: &Path, command: &str) -> Result<()> {
    let data = text(data);
    let arguments = [
        "audit", "list", "--kind", "query", "-o", "json", "--data", &data,
    ];
    let list = said(&world.gateway.cli(&arguments)?)?;
    ensure!(
        list.contains(&format!("\"command\": \"{command}\"")),
        "{list}"
    );
    Ok(())
}

/// What `audit verify` says of the log in `data`, held against a checkpoint.
fn judged(world: &World, data: &Path, checkpoint: &Path) -> Result<Value> {
    let (data, checkpoint) = (text(data), text(checkpoint));
    let arguments = ["audit", "verify", "-o", "json", "--data", &data];
    let more = ["--checkpoint", &checkpoint];
    let verified = world.gateway.cli(&[&arguments[..], &more].concat())?;
    ensure!(verified.status.success(), "{verified:?}");
    Ok(serde_json::from_slice(&verified.stdout)?)
}

/// Backs up while calls go on, before and after.
fn under_load(world: &World, shelf: &Shelf) -> Result<Output> {
    let (done, end) = (AtomicU64::new(0), AtomicBool::new(false));
    let url = world.gateway.url("/crm/items/7")?;
    thread::scope(|scope| {
        let load = || -> Result<()> {
            let client = Client::plain()?;
            while !end.load(Ordering::Relaxed) {
                let reply = client.get(&url, &[])?;
                ensure!(reply.status == 200, "{}", reply.text());
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        let callers = [(); 3].map(|()| scope.spawn(load));
        let reach = |calls: u64| {
            while done.load(Ordering::Relaxed) < calls
                && !callers.iter().any(thread::ScopedJoinHandle::is_finished)
            {
                thread::sleep(POLL);
            }
        };
        reach(200);
        let backed_up = Shelf::backup(world, Some(&shelf.log), Some(&shelf.keys));
        reach(done.load(Ordering::Relaxed) + 50);
        end.store(true, Ordering::Relaxed);
        for caller in callers {
            caller.join().ok().context("a caller panicked")??;
        }
        backed_up
    })
}

#[test]
fn a_log_backed_up_under_load_goes_on_where_the_disk_was_lost() -> Result<()> {
    let mut world = World::new()?;
    let shelf = Shelf::new()?;
    let (checkpoint, before) = kept(&world, &shelf.at("kept"))?;
    let told = said(&under_load(&world, &shelf)?)?;
    ensure!(told.trim_end().ends_with("intact"), "{told}");
    // Each part is at rest, and has its manifest.
    ensure!(names(&shelf.keys)?.contains(&"backup.note".to_owned()));
    let in_log = names(&shelf.log)?;
    ensure!(
        !in_log
            .iter()
            .any(|it| it.contains("journal") || it.ends_with("-wal") || it.ends_with("lock")),
        "{in_log:?}"
    );
    // It is on record, and in itself.
    asked(&world, &world.gateway.data(), "backup")?;

    let (key, data) = (world.gateway.public_key()?, world.gateway.data());
    world.gateway.kill()?;
    fs::remove_dir_all(&data)?;
    let shown = text(&checkpoint);
    let more = ["--not-older-than", &shown, "--key", &key];
    let told = shelf.restored(&world, &data, &more)?;
    ensure!(
        told.contains("\nintact\n") && !told.contains("CAUTION"),
        "{told}"
    );
    let size = judged(&world, &data, &checkpoint)?["size"].as_u64();
    ensure!(size > Some(400), "{size:?}");

    // A gateway goes on from it.
    world.gateway.restart()?;
    ensure!(
        world.gateway.public_key()? == key,
        "it signs by another key"
    );
    let reply = world.client.get(&world.gateway.url("/crm/items/8")?, &[])?;
    ensure!(reply.record() > size, "{:?} {size:?}", reply.record());
    world.gateway.stop()?;
    let report = verified(&world.gateway)?;
    ensure!(report["size"].as_u64() > size, "{report}");
    // What was exported before is of the same log.
    said(&world.gateway.verify(&before, &key)?)?;
    judged(&world, &data, &checkpoint)?;
    // Both acts are on record in it.
    asked(&world, &data, "backup")?;
    asked(&world, &data, "restore")
}

/// Folders that nothing is put into.
fn misplaced(world: &World, shelf: &Shelf) -> Result<()> {
    let Shelf { folder, log, keys } = shelf;
    let taken = Shelf::restore(world, log, keys, &world.gateway.data(), &[])?;
    let why = refused(&taken, 2)?;
    ensure!(why.contains("is not empty"), "{why}");
    let inside = world.gateway.data().join("backup");
    let why = refused(&Shelf::backup(world, Some(&inside), None)?, 2)?;
    ensure!(
        why.contains("would be lost with it") && !inside.exists(),
        "{why}"
    );
    let together = folder.path().join("both");
    let why = refused(
        &Shelf::backup(world, Some(&together), Some(&together.join("keys")))?,
        2,
    )?;
    ensure!(why.contains("kept apart"), "{why}");
    let again = refused(&Shelf::backup(world, Some(log), None)?, 2)?;
    ensure!(again.contains("is not empty"), "{again}");
    Ok(())
}

#[test]
fn what_was_changed_or_is_not_whole_is_not_restored() -> Result<()> {
    let (world, other) = (World::new()?, World::new()?);
    let shelf = &Shelf::whole(&world)?;
    let Shelf { folder, log, keys } = shelf;
    let foreign = Shelf::whole(&other)?;
    let data = folder.path().join("data");
    let restore = |log: &Path, keys: &Path, more: &[&str]| -> Result<String> {
        let why = refused(&Shelf::restore(&world, log, keys, &data, more)?, 2)?;
        // Nothing is left that a gateway would go on with.
        assert_eq!(names(&data)?, [] as [String; 0], "{why}");
        Ok(why)
    };
    let with = |path: PathBuf, bytes: Option<Vec<u8>>, says: &str| -> Result<()> {
        let before = fs::read(&path)?;
        match bytes {
            Some(bytes) => fs::write(&path, bytes)?,
            None => fs::remove_file(&path)?,
        }
        let why = restore(log, keys, &[])?;
        ensure!(why.contains(says), "{}: {why}", path.display());
        Ok(fs::write(&path, before)?)
    };
    let flipped = |path: &Path| -> Result<Option<Vec<u8>>> {
        let mut bytes = fs::read(path)?;
        let middle = bytes.len() / 2;
        *bytes.get_mut(middle).context("an empty file")? ^= 1;
        Ok(Some(bytes))
    };
    for path in [
        log.join("log.sqlite"),
        keys.join("keyring.json"),
        keys.join("subjects.sqlite"),
    ] {
        with(
            path.clone(),
            flipped(&path)?,
            "is not the file that was backed up",
        )?;
        with(path, None, "cannot be copied")?;
    }
    for path in [log.join("backup.note"), keys.join("backup.note")] {
        let note = fs::read_to_string(&path)?;
        let made = note.replacen("\"program\": \"", "\"program\": \"9", 1);
        with(path.clone(), Some(made.into()), "is not vouched for by")?;
        with(path, None, "or one that was not finished")?;
    }
    let swapped = restore(keys, log, &[])?;
    ensure!(
        swapped.contains("part `log`") || swapped.contains("part `keys`"),
        "{swapped}"
    );
    let why = restore(log, &foreign.keys, &[])?;
    ensure!(why.contains("is not vouched for by"), "{why}");
    let key = other.gateway.public_key()?;
    let why = restore(log, keys, &["--key", &key])?;
    ensure!(why.contains("this is a backup of"), "{why}");

    misplaced(&world, shelf)?;

    // As it was, it is restored.
    said(&Shelf::restore(&world, log, keys, &data, &[])?)?;
    other.finish()?;
    world.finish()
}

#[test]
fn a_log_older_than_a_checkpoint_that_is_shown_is_not_restored() -> Result<()> {
    let mut world = World::new()?;
    let shelf = Shelf::whole(&world)?;
    let reply = world.client.get(&world.gateway.url("/crm/items/7")?, &[])?;
    assert_eq!(reply.status, 200);
    let (checkpoint, _) = kept(&world, &shelf.at("kept"))?;
    let data = shelf.at("data");
    let shown = text(&checkpoint);
    let more = ["--not-older-than", &shown];
    let restored = Shelf::restore(&world, &shelf.log, &shelf.keys, &data, &more)?;
    let why = refused(&restored, ROLLED_BACK)?;
    ensure!(
        why.contains("older than a checkpoint that was shown"),
        "{why}"
    );
    assert_eq!(names(&data)?, [] as [String; 0]);

    // Keys of after a rotation do not open the log of before.
    world.gateway.stop()?;
    let log = text(&world.gateway.data());
    said(&world.gateway.cli(&["keys", "rotate", "--data", &log])?)?;
    let later = shelf.at("later");
    said(&Shelf::backup(&world, None, Some(&later))?)?;
    let restored = Shelf::restore(&world, &shelf.log, &later, &data, &[])?;
    let why = refused(&restored, WRONG_KEY)?;
    ensure!(why.contains("keys rotate"), "{why}");
    world.finish()
}

#[test]
fn who_was_erased_after_the_backup_stays_erased_where_the_manual_is_followed() -> Result<()> {
    let world = World::new()?;
    let subject = Subject::met(&world)?;
    let shelf = Shelf::whole(&world)?;
    said(&subject.decide(&world, &["erase"])?)?;
    let (newer_log, newer_keys) = (shelf.at("newer-log"), shelf.at("newer-keys"));
    said(&Shelf::backup(&world, None, Some(&newer_keys))?)?;
    said(&Shelf::backup(&world, Some(&newer_log), None)?)?;
    let (checkpoint, _) = kept(&world, &shelf.at("kept"))?;
    let (log, keys, shown) = (&shelf.log, &shelf.keys, text(&checkpoint));

    let read = |name: &str, log: &Path, keys: &Path, more: &[&str]| -> Result<(String, bool)> {
        let data = shelf.at(name);
        let told = said(&Shelf::restore(&world, log, keys, &data, more)?)?;
        let list = readable(&world, &data)?;
        ensure!(list.contains("\"customer\""), "{list}");
        Ok((told, subject.is_in(list.as_bytes())))
    };
    // The keys were backed up again after the erasure, and those of before thrown away.
    let (told, is_read) = read("a", log, &newer_keys, &[])?;
    ensure!(!is_read, "{told}");
    // Or the keys are of before, and the log says who was erased.
    let (told, is_read) = read("b", &newer_log, keys, &["--not-older-than", &shown])?;
    ensure!(
        !is_read && told.contains("1 keys, which the log says are destroyed"),
        "{told}"
    );
    // Or nobody can tell, and nobody is to be read.
    let (told, is_read) = read("c", log, keys, &["--without-subjects"])?;
    ensure!(!is_read, "{told}");
    // Whoever shows how far the log had come is not given one that does not know of it.
    let more = ["--not-older-than", &shown];
    refused(
        &Shelf::restore(&world, log, keys, &shelf.at("d"), &more)?,
        ROLLED_BACK,
    )?;
    // Whoever does nothing of that is told what comes of it, and it does.
    let (told, is_read) = read("e", log, keys, &[])?;
    ensure!(is_read && told.contains("CAUTION"), "{told}");
    world.finish()
}

#[test]
fn what_a_copy_in_postgres_has_beyond_the_backup_is_restored_with_it() -> Result<()> {
    let cluster = Cluster::start();
    let postgres = json!({ "url": cluster.url() });
    let audit = json!({ "directory": "data", "postgres": postgres });
    let mut world = World::with(|setup| setup.set("audit", audit))?;
    let subject = Subject::met(&world)?;
    let shelf = Shelf::whole(&world)?;
    said(&subject.decide(&world, &["erase"])?)?;
    let later = Subject::met(&world)?;
    let (checkpoint, _) = kept(&world, &shelf.at("kept"))?;
    wait_until(&world, "copied", is_copied)?;

    let data = world.gateway.data();
    world.gateway.kill()?;
    fs::remove_dir_all(&data)?;
    let (shown, url) = (text(&checkpoint), cluster.url());
    let more = ["--not-older-than", &shown, "--postgres", &url];
    let told = shelf.restored(&world, &data, &more)?;
    ensure!(
        told.contains("1 keys, which the log says are destroyed"),
        "{told}"
    );
    let list = readable(&world, &data)?;
    ensure!(!subject.is_in(list.as_bytes()), "who was erased is back");
    for record in &later.records {
        ensure!(
            list.contains(&format!("\"index\": {record},")),
            "record {record} is missing"
        );
    }
    world.gateway.restart()?;
    wait_until(&world, "copied on", is_copied)?;
    world.gateway.stop()?;
    verified(&world.gateway)?;
    Ok(())
}
