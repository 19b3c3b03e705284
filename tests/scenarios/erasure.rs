//! A data subject leaves the record, and everything else stays.

use std::{fs, path::Path, process::Output};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    agent::{Agent, Ask},
    people::Dice,
    records,
};

use crate::{
    canary::{contains, forms},
    evidence::search,
    world::{SUPPORT, World},
};

const KEYS: &str = "subjects.sqlite";

/// What `tidegate` said, if it did what it was told.
pub(crate) fn said(output: &Output) -> Result<String> {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8(text)?;
    ensure!(output.status.success(), "{text}");
    Ok(text)
}

/// One person whom records name, and one more.
pub(crate) struct Subject {
    id: String,
    pub(crate) records: Vec<u64>,
}

impl Subject {
    /// Calls about somebody nobody has heard of: allowed, and refused.
    pub(crate) fn met(world: &World) -> Result<Self> {
        let digits = Dice::new(u64::from(std::process::id())).digits(12);
        let mut subject = Self {
            id: format!("C-{digits}"),
            records: vec![],
        };
        for scope in [subject.id.as_str(), "C-771"] {
            let record = subject.asked(world, scope)?;
            subject.records.push(record);
        }
        Ok(subject)
    }

    /// A call about the subject by an agent whose task is about `scope`.
    fn asked(&self, world: &World, scope: &str) -> Result<u64> {
        let token = world.token(SUPPORT, |it| it.scope("customer", scope))?;
        let url = world.gateway.url(&format!("/crm/customers/{}", self.id))?;
        let answer = Agent::curl()?.ask(&Ask::get(url).token(&token))?;
        answer.record().context("no record")
    }

    fn named(&self) -> String {
        format!("customer={}", self.id)
    }

    /// `tidegate audit <act>` about it.
    pub(crate) fn decide(&self, world: &World, act: &[&str]) -> Result<Output> {
        let named = self.named();
        let all = [act, &["--subject", &named, "--reason", "ticket 12"]].concat();
        world.gateway.audit(&all)
    }

    /// Where a search finds it.
    fn found(&self, world: &World) -> Result<Vec<u64>> {
        let found = search(&world.gateway, &["--subject", &self.named()])?;
        let index = |it: &Value| it.pointer("/entry/index").and_then(Value::as_u64);
        Ok(found.iter().filter_map(index).collect())
    }

    /// Whether any of `bytes` names it, in whatever form.
    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        forms(&self.id).iter().any(|form| contains(bytes, form))
    }
}

/// Copies files of `from` whose names begin so.
fn copy(from: &Path, to: &Path, beginning: &str) -> Result<()> {
    for file in fs::read_dir(from)? {
        let file = file?;
        let name = file.file_name();
        let name = name.to_str().context("a name")?;
        if name.starts_with(beginning) && !name.ends_with("-shm") {
            fs::copy(file.path(), to.join(name))?;
        }
    }
    Ok(())
}

/// Everything that whoever has the log in `folder` and its keys can read there.
pub(crate) fn readable(world: &World, folder: &Path) -> Result<String> {
    let folder = folder.display().to_string();
    let all = ["audit", "list", "--limit", "1000", "-o", "json", "--data"];
    said(&world.gateway.cli(&[&all[..], &[&folder]].concat())?)
}

#[test]
fn who_is_erased_is_found_nowhere_and_every_proof_holds() -> Result<()> {
    let world = World::new()?;
    let data = world.gateway.data();
    let (subject, token) = (Subject::met(&world)?, |id: &str| {
        world.token(SUPPORT, |it| it.scope("customer", id))
    });
    let other = Ask::get(world.gateway.url("/crm/customers/C-771")?).token(&token("C-771")?);
    let other = Agent::curl()?.ask(&other)?.record().context("no record")?;
    assert_eq!(subject.found(&world)?, subject.records);

    // A copy of the log from before, and the keys as they were.
    let backup = tempfile::tempdir()?;
    copy(&data, backup.path(), "log.sqlite")?;
    copy(&data, backup.path(), "keyring.json")?;
    copy(&data, backup.path(), KEYS)?;
    ensure!(subject.is_in(readable(&world, backup.path())?.as_bytes()));
    let export = backup.path().join("before.tlog");
    said(&world.gateway.export(&export)?)?;

    let reply = said(&subject.decide(&world, &["erase"])?)?;
    ensure!(reply.starts_with("erased: 1 keys destroyed"), "{reply}");
    assert_eq!(subject.found(&world)?, [] as [u64; 0]);
    for &record in &subject.records {
        let shown = records::shown(&world.gateway, record)?;
        ensure!(shown.to_string().contains("\"erased:"), "{shown}");
    }
    let bound = records::shown(&world.gateway, other)?;
    let bound = bound.pointer("/entry/event/operation/bound").cloned();
    assert_eq!(bound, Some(json!({ "customer": "C-771" })));

    // With all keys that are left, the copy tells no more than the log does.
    fs::remove_file(backup.path().join(KEYS))?;
    copy(&data, backup.path(), KEYS)?;
    ensure!(!subject.is_in(readable(&world, backup.path())?.as_bytes()));
    ensure!(!subject.is_in(readable(&world, &data)?.as_bytes()));
    for file in fs::read_dir(backup.path())? {
        let path = file?.path();
        ensure!(!subject.is_in(&fs::read(&path)?), "{}", path.display());
    }
    for (path, bytes) in world.gateway.files()? {
        ensure!(!subject.is_in(&bytes), "{}", path.display());
    }
    // Nothing has changed of what was signed before.
    let key = world.gateway.public_key()?;
    said(&world.gateway.verify(&export, &key)?)?;

    // Who comes back is somebody new.
    let again = subject.asked(&world, &subject.id)?;
    assert_eq!(subject.found(&world)?, [again]);
    world.finish()
}

#[test]
fn who_is_held_is_not_erased() -> Result<()> {
    let world = World::new()?;
    let subject = Subject::met(&world)?;
    said(&subject.decide(&world, &["hold", "add"])?)?;
    let refused = subject.decide(&world, &["erase"])?;
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(refused.stderr, b"refused: legal_hold\n");
    assert_eq!(subject.found(&world)?, subject.records);
    said(&subject.decide(&world, &["hold", "remove"])?)?;
    said(&subject.decide(&world, &["erase"])?)?;
    assert_eq!(subject.found(&world)?, [] as [u64; 0]);
    let acts = search(&world.gateway, &["--kind", "erase"])?;
    let act = |it: &Value| {
        let event = it.pointer("/entry/event").cloned().unwrap_or_default();
        (event["act"].clone(), event["refused"].clone())
    };
    let expected = [
        (json!("hold"), Value::Null),
        (json!("erase"), json!("legal_hold")),
        (json!("lift"), Value::Null),
        (json!("erase"), Value::Null),
    ];
    assert_eq!(acts.iter().map(act).collect::<Vec<_>>(), expected);
    ensure!(!subject.is_in(serde_json::to_string(&acts)?.as_bytes()));
    world.finish()
}

#[test]
fn an_old_copy_of_the_keys_brings_nobody_back() -> Result<()> {
    let mut world = World::new()?;
    let (subject, data) = (Subject::met(&world)?, world.gateway.data());
    let copied = tempfile::tempdir()?;
    copy(&data, copied.path(), KEYS)?;
    said(&subject.decide(&world, &["erase"])?)?;
    world.gateway.stop()?;

    for file in [KEYS, "subjects.sqlite-wal", "subjects.sqlite-shm"] {
        let _absent = fs::remove_file(data.join(file));
    }
    copy(copied.path(), &data, KEYS)?;
    assert_eq!(subject.found(&world)?, subject.records, "it is no copy");
    world.gateway.restart()?;
    assert_eq!(subject.found(&world)?, [] as [u64; 0]);

    // Also where no gateway runs.
    let again = subject.asked(&world, &subject.id)?;
    world.gateway.stop()?;
    assert_eq!(subject.found(&world)?, [again]);
    said(&subject.decide(&world, &["erase"])?)?;
    assert_eq!(subject.found(&world)?, [] as [u64; 0]);
    world.finish()
}
