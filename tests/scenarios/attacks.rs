//! Every way in which whoever may write all of a log's files can lie, and what each is called.
//!
//! Each is judged where it stands, as an export and as tiles, by the public key that was handed out before; alone, and
//! beside a checkpoint that was kept. A row whose first verdict is `intact` is an attack that nothing inside of a
//! log can tell.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};
use tempfile::TempDir;
use tests::{
    auditor::{self, Judgement},
    gateway::Gateway,
};

use crate::world::World;

/// The record that is attacked: an opening in the middle.
const AT: &str = "7";

/// Runs SQL as an attacker would: by another hand's SQLite, with SHA-256 for what must be made to fit.
const SABOTAGE: &str = "
import hashlib, sqlite3, sys
log, other, *statements = sys.argv[1:]
store = sqlite3.connect(log)
sha = lambda data: hashlib.sha256(data).digest()
store.create_function('leaf_hash', 1, lambda leaf: sha(b'\\0' + leaf))
store.create_function('readdressed', 2, lambda leaf, index: leaf[:6] + index.to_bytes(8, 'big') + leaf[14:])
store.execute('ATTACH ? AS other', (other,))
for statement in statements:
    assert store.execute(statement).rowcount != 0, statement
store.commit()
store.execute('PRAGMA wal_checkpoint(TRUNCATE)')
";

/// What is done.
enum Act {
    /// Statements; `other` is another gateway's log.
    Sql(&'static [&'static str]),
    /// An old copy is put back.
    Rollback,
    /// An old copy is put back, and the gateway goes on from there.
    Fork,
    /// Another log stands in its place.
    Replaced,
    /// Another log and its keys.
    Impersonated,
    /// Another log's keys.
    Keys,
}

/// What it is called: alone, and beside a kept checkpoint.
struct Attack(&'static str, Act, &'static str, &'static str);

#[expect(clippy::too_many_lines, reason = "one table, to be read as one")]
fn matrix() -> Vec<Attack> {
    use Act::{Fork, Impersonated, Replaced, Rollback, Sql};
    vec![
        Attack("nothing", Sql(&[]), "intact", "intact"),
        Attack(
            "edit",
            Sql(&[
                "UPDATE record SET leaf = CAST(substr(leaf, 1, 60) || x'0000' || substr(leaf, 63) AS BLOB) WHERE idx = {at}",
            ]),
            "edited",
            "edited",
        ),
        Attack(
            "edit, and make the hash fit",
            Sql(&[
                "UPDATE record SET leaf = CAST(substr(leaf, 1, 60) || x'0000' || substr(leaf, 63) AS BLOB) WHERE idx = {at}",
                "UPDATE record SET nodes = CAST(leaf_hash(leaf) || substr(nodes, 33) AS BLOB) WHERE idx = {at}",
            ]),
            "rewritten",
            "rewritten",
        ),
        Attack(
            "delete",
            Sql(&["DELETE FROM record WHERE idx = {at}"]),
            "removed",
            "removed",
        ),
        Attack(
            "delete, and number what follows anew",
            Sql(&[
                "DELETE FROM record WHERE idx = {at}",
                "UPDATE record SET idx = idx - 1 WHERE idx > {at}",
            ]),
            "removed",
            "removed",
        ),
        Attack(
            "insert a copy",
            Sql(&[
                "INSERT INTO record SELECT (SELECT max(idx) + 1 FROM record), leaf, nodes FROM record WHERE idx = {at}",
            ]),
            "inserted",
            "inserted",
        ),
        Attack(
            "insert in the middle, and number what follows anew",
            Sql(&[
                "UPDATE record SET idx = idx + 1000001 WHERE idx >= {at}",
                "UPDATE record SET idx = idx - 1000000 WHERE idx > 1000000",
                "INSERT INTO record SELECT idx, leaf, nodes FROM other.record WHERE idx = {at}",
            ]),
            "inserted",
            "inserted",
        ),
        Attack(
            "append what nobody signed",
            Sql(&[
                "INSERT INTO record SELECT 1 + max(idx), readdressed(leaf, 1 + max(idx)), nodes FROM record WHERE idx <> {at}",
                "UPDATE record SET nodes = leaf_hash(leaf) WHERE idx = (SELECT max(idx) FROM record)",
            ]),
            "unsigned",
            "unsigned",
        ),
        Attack(
            "append what is another log's",
            Sql(&[
                "INSERT INTO record SELECT 1 + last, readdressed(leaf, 1 + last), nodes FROM other.record, (SELECT max(idx) AS last FROM main.record) WHERE idx = {at}",
                "UPDATE record SET nodes = leaf_hash(leaf) WHERE idx = (SELECT max(idx) FROM record)",
            ]),
            "replayed",
            "replayed",
        ),
        Attack(
            "reorder",
            Sql(&[
                "UPDATE record SET idx = 999 WHERE idx = {at}",
                "UPDATE record SET idx = {at} WHERE idx = {at} + 3",
                "UPDATE record SET idx = {at} + 3 WHERE idx = 999",
            ]),
            "reordered",
            "reordered",
        ),
        Attack(
            "truncate",
            Sql(&["DELETE FROM record WHERE idx > {at}"]),
            "truncated",
            "truncated",
        ),
        Attack(
            "truncate, with the checkpoints",
            Sql(&[
                "DELETE FROM record WHERE idx > {at}",
                "DELETE FROM checkpoint WHERE size > {at} + 1",
            ]),
            "intact",
            "rolled_back",
        ),
        Attack(
            "roll back to an old backup",
            Rollback,
            "intact",
            "rolled_back",
        ),
        Attack("fork", Fork, "intact", "forked"),
        Attack(
            "replay a record of another log in its place",
            Sql(&[
                "UPDATE record SET (leaf, nodes) = (SELECT leaf, nodes FROM other.record WHERE idx = {at}) WHERE idx = {at}",
            ]),
            "replayed",
            "replayed",
        ),
        Attack(
            "replay it, and keep the hash of the one that it replaces",
            Sql(&[
                "UPDATE record SET leaf = (SELECT leaf FROM other.record WHERE idx = {at}) WHERE idx = {at}",
            ]),
            "edited",
            "edited",
        ),
        Attack(
            "replay a checkpoint of another log",
            Sql(&[
                "UPDATE checkpoint SET note = (SELECT note FROM other.checkpoint WHERE size = {at} + 1) WHERE size = {at} + 1",
            ]),
            "wrong_key",
            "wrong_key",
        ),
        Attack(
            "move a checkpoint",
            Sql(&[
                "UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE size = {at}) WHERE size = {at} + 1",
            ]),
            "inconsistent",
            "inconsistent",
        ),
        Attack(
            "forge a checkpoint",
            Sql(&[
                "UPDATE checkpoint SET note = replace(note, char(10) || size || char(10), char(10) || (size + 1) || char(10)) WHERE size = {at} + 1",
            ]),
            "forged",
            "forged",
        ),
        Attack("replace by another log", Replaced, "wrong_key", "wrong_key"),
        Attack(
            "replace by another log, keys and all",
            Impersonated,
            "wrong_key",
            "wrong_key",
        ),
    ]
}

/// A log, and what there was of it before: a copy of its folder, and the checkpoint that was kept of all of it.
struct Log {
    world: World,
    whole: TempDir,
    old: TempDir,
    key: String,
    kept: PathBuf,
}

impl Log {
    fn new(calls: u64) -> Result<Self> {
        let mut world = World::new()?;
        let (whole, old) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let key = world.gateway.public_key()?;
        call(&world.gateway, &world, 2)?;
        world.gateway.stop()?;
        auditor::copy(&world.gateway.data(), old.path())?;
        world.gateway.restart()?;
        call(&world.gateway, &world, calls)?;
        world.gateway.stop()?;
        auditor::copy(&world.gateway.data(), whole.path())?;
        let kept = world.gateway.folder().join("kept");
        fs::copy(whole.path().join("checkpoint"), &kept)?;
        Ok(Self {
            world,
            whole,
            old,
            key,
            kept,
        })
    }

    /// Puts the files back as they were at the end.
    fn restore(&self) -> Result<()> {
        self.put(self.whole.path())
    }

    /// Puts other files in their place.
    fn put(&self, from: &Path) -> Result<()> {
        let data = self.world.gateway.data();
        fs::remove_dir_all(&data)?;
        auditor::copy(from, &data)
    }

    fn carry_out(&mut self, act: &Act, other: &Self) -> Result<()> {
        let data = self.world.gateway.data();
        // Whoever may write all files takes away what remembers, too.
        let forget = || fs::remove_file(data.join("checkpoint"));
        match act {
            Act::Sql(statements) => {
                let statements = statements.iter().map(|it| it.replace("{at}", AT));
                sabotage(&data, other.whole.path(), &statements.collect::<Vec<_>>())?;
                forget()?;
            }
            Act::Rollback => self.put(self.old.path())?,
            Act::Fork => {
                self.put(self.old.path())?;
                self.world.gateway.restart()?;
                call(&self.world.gateway, &self.world, 9)?;
                self.world.gateway.stop()?;
            }
            Act::Replaced => {
                fs::copy(
                    other.whole.path().join("log.sqlite"),
                    data.join("log.sqlite"),
                )?;
                forget()?;
            }
            Act::Impersonated => self.put(other.whole.path())?,
            Act::Keys => {
                fs::copy(
                    other.whole.path().join("keyring.json"),
                    data.join("keyring.json"),
                )?;
            }
        }
        Ok(())
    }

    /// The verdicts on it where it stands, exported and as tiles.
    fn judge(&self, kept: bool) -> Result<[Judgement; 2]> {
        let gateway = &self.world.gateway;
        let (key, checkpoint) = (self.key.as_str(), self.kept.display().to_string());
        let mut by = vec!["--key", key];
        if kept {
            by.extend(["--checkpoint", &checkpoint]);
        }
        let place = gateway.audit(&[&["verify", "-o", "json"], &by[..]].concat())?;
        let export = gateway.folder().join("export.jsonl");
        let exported = gateway.export(&export)?;
        ensure!(exported.status.success(), "{exported:?}");
        let mut all: Vec<&OsStr> = vec!["export".as_ref(), export.as_ref()];
        all.extend(by.iter().map(AsRef::<OsStr>::as_ref));
        Ok([Judgement::of(&place), auditor::verify(&all)?])
    }
}

fn call(gateway: &Gateway, world: &World, times: u64) -> Result<()> {
    for item in 0..times {
        let reply = world
            .client
            .get(&gateway.url(&format!("/crm/items/{item}"))?, &[])?;
        ensure!(reply.status == 200, "{}", reply.text());
    }
    Ok(())
}

fn sabotage(data: &Path, other: &Path, statements: &[String]) -> Result<()> {
    let output = Command::new("python3")
        .args(["-c", SABOTAGE])
        .arg(data.join("log.sqlite"))
        .arg(other.join("log.sqlite"))
        .args(statements)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    Ok(())
}

#[test]
fn each_attack_is_told_apart_in_place_and_exported() -> Result<()> {
    let (mut log, other) = (Log::new(6)?, Log::new(8)?);
    for Attack(name, act, alone, kept) in matrix() {
        log.restore()?;
        log.carry_out(&act, &other)?;
        for (with, expected) in [(false, alone), (true, kept)] {
            for judged in log.judge(with)? {
                let Judgement {
                    code,
                    verdict,
                    said,
                    ..
                } = &judged;
                assert_eq!(verdict, expected, "{name}, kept: {with}: {said}");
                assert_eq!(*code == Some(0), expected == "intact", "{name}: {code:?}");
            }
        }
    }
    log.restore()?;
    log.world.finish()?;
    other.world.finish()
}

/// Exchanged keys change nothing of what was signed, so who has the right public key finds the log intact; the gateway
/// and whoever reads with the keys find out.
#[test]
fn exchanged_keys_are_found_by_who_uses_them() -> Result<()> {
    let (mut log, other) = (Log::new(6)?, Log::new(6)?);
    let by_keyring = |log: &Log| -> Result<String> {
        let output = log.world.gateway.audit(&["verify", "-o", "json"])?;
        Ok(Judgement::of(&output).verdict)
    };
    assert_eq!(by_keyring(&log)?, "intact");
    log.carry_out(&Act::Keys, &other)?;
    assert_eq!(by_keyring(&log)?, "wrong_key");
    ensure!(
        log.world.gateway.restart().is_err(),
        "it went on with another's keys"
    );
    for statement in [
        "UPDATE data_key SET wrapped = (SELECT wrapped FROM other.data_key WHERE id = 1) WHERE id = 1",
        "UPDATE data_key SET wrapped = (SELECT wrapped FROM data_key WHERE id = 2) WHERE id = 1",
    ] {
        log.restore()?;
        sabotage(
            &log.world.gateway.data(),
            other.whole.path(),
            &[statement.to_owned()],
        )?;
        assert_eq!(by_keyring(&log)?, "wrong_key", "{statement}");
    }
    log.restore()?;
    log.world.finish()?;
    other.world.finish()
}
