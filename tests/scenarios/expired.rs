//! Records whose time is over go, on record, and everything else stays: by the real gateway, whose clock was behind.

use std::{fs, path::PathBuf, process::Command, thread, time::Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    auditor::Judgement,
    gateway::{Gateway, POLL, START_MAX},
    records,
    shifted::Shifted,
};

use crate::{canary::contains, evidence::search, world::World};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// Days before today on which the gateway serves: on the first ones records are made that are due today.
const DAYS: [u64; 4] = [40, 39, 2, 1];

/// A second hand on the log.
const SQL: &str = "
import sqlite3, sys
log, statement = sys.argv[1:]
store = sqlite3.connect(log)
for row in store.execute(statement): print(*row)
store.commit()
";

/// A world whose gateway lived on days long ago.
struct Past {
    world: World,
    /// Its clock.
    clock: Shifted,
    /// The records of calls of each day, in their order.
    days: Vec<Vec<u64>>,
}

impl Past {
    fn new() -> Result<Self> {
        let clock = Shifted::behind(DAYS[0] * DAY)?;
        let world = World::under(&clock.prefix(), |setup| {
            let keep = json!({ "keep": "30d", "basis": "house rule" });
            setup.set("audit", json!({ "directory": "data", "retention": keep }))
        })?;
        let mut past = Self {
            world,
            clock,
            days: Vec::new(),
        };
        for (at, day) in DAYS.into_iter().enumerate() {
            if at > 0 {
                past.day(day)?;
            }
            let calls = (0..3).map(|item| past.call(item)).collect::<Result<_>>()?;
            past.days.push(calls);
        }
        past.world.gateway.stop()?;
        past.clock.set_behind(0)?;
        Ok(past)
    }

    /// The gateway serves as so many days ago.
    fn day(&mut self, days: u64) -> Result<()> {
        if self.world.gateway.alive() {
            self.world.gateway.stop()?;
        }
        self.clock.set_behind(days * DAY)?;
        self.world.gateway.restart()
    }

    fn call(&self, item: u64) -> Result<u64> {
        let url = self.world.gateway.url(&format!("/crm/items/{item}"))?;
        let reply = self.world.client.get(&url, &[])?;
        ensure!(reply.status == 200, "{}", reply.text());
        let record = reply.header("tidegate-record").context("no record")?;
        Ok(record.parse()?)
    }

    fn gateway(&self) -> &Gateway {
        &self.world.gateway
    }

    fn log(&self) -> PathBuf {
        self.gateway().data().join("log.sqlite")
    }

    fn sql(&self, statement: &str) -> Result<String> {
        let output = Command::new("python3")
            .args(["-c", SQL])
            .arg(self.log())
            .arg(statement)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The wrapped keys of what is due today.
    fn due(&self) -> Result<Vec<Vec<u8>>> {
        let keys = "SELECT hex(wrapped) FROM data_key WHERE class = 'default' \
                    AND day < (SELECT max(day) FROM data_key) - 30";
        let keys = self.sql(keys)?;
        keys.lines().map(|key| Ok(hex::decode(key)?)).collect()
    }

    /// What a verification in place finds.
    fn judged(&self) -> Result<(String, Value)> {
        let output = self.gateway().audit(&["verify", "-o", "json"])?;
        let report = serde_json::from_slice(&output.stdout)?;
        Ok((Judgement::of(&output).verdict, report))
    }

    /// Waits until it is so.
    fn wait_until(&self, what: &str, is: impl Fn(&Self) -> Result<bool>) -> Result<()> {
        let began = Instant::now();
        while !is(self)? {
            let late = began.elapsed() > START_MAX;
            ensure!(!late, "not {what}: {}", self.gateway().stderr());
            thread::sleep(POLL * 20);
        }
        Ok(())
    }

    /// Whether a record has expired.
    fn is_gone(&self, record: u64) -> Result<bool> {
        let shown = records::shown(self.gateway(), record)?;
        let kind = shown.pointer("/entry/event/kind").and_then(Value::as_str);
        Ok(kind == Some("expired"))
    }

    fn files_have(&self, key: &[u8]) -> Result<bool> {
        let files = self.gateway().files()?;
        Ok(files.iter().any(|(_, bytes)| contains(bytes, key)))
    }
}

fn said(gateway: &Gateway, arguments: &[&str]) -> Result<String> {
    let output = gateway.audit(arguments)?;
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8(text)?;
    ensure!(output.status.success(), "{text}");
    Ok(text)
}

#[test]
fn what_is_due_goes_over_a_crash_and_the_rest_stays() -> Result<()> {
    let mut past = Past::new()?;
    let due = past.due()?;
    // One for each day, and more if a day began meanwhile.
    ensure!(due.len() >= 2, "{}", due.len());
    for key in &due {
        ensure!(past.files_have(key)?, "it is looked for in another form");
    }
    // This is on record, so that the log has a day of today.
    ensure!(!past.is_gone(past.days[0][0])?);
    let plan = said(past.gateway(), &["expire", "--dry-run", "-o", "json"])?;
    let plan: Value = serde_json::from_str(&plan)?;
    assert_eq!(
        plan["due"].as_array().map(Vec::len),
        Some(due.len()),
        "{plan}"
    );

    // The store refuses to destroy, so that it is on record, and not done, when it is killed.
    past.sql(
        "CREATE TRIGGER kept BEFORE UPDATE ON data_key BEGIN SELECT raise(ABORT, 'kept'); END",
    )?;
    past.world.gateway.restart()?;
    past.wait_until("on record", |past| {
        Ok(search(past.gateway(), &["--kind", "expire"])?.len() == due.len())
    })?;
    past.world.gateway.kill()?;
    let (verdict, report) = past.judged()?;
    assert_eq!(verdict, "intact", "{report}");
    assert_eq!(
        report["keys_due"].as_array().map(Vec::len),
        Some(due.len()),
        "{report}"
    );
    past.sql("DROP TRIGGER kept")?;
    past.world.gateway.restart()?;
    past.wait_until("done", |past| {
        let (_, report) = past.judged()?;
        Ok(report["keys_due"].is_null())
    })?;

    let (verdict, report) = past.judged()?;
    assert_eq!(verdict, "intact", "{report}");
    assert_eq!(report["keys_expired"], due.len(), "{report}");
    // Said once, though it was done twice.
    assert_eq!(
        search(past.gateway(), &["--kind", "expire"])?.len(),
        due.len()
    );
    for key in &due {
        ensure!(!past.files_have(key)?, "a file has a key that is destroyed");
    }
    for (at, day) in past.days.iter().enumerate() {
        for record in day {
            assert_eq!(
                past.is_gone(*record)?,
                at < 2,
                "record {record} of day {at}"
            );
        }
    }
    readers_go_on(&past, due.len())?;
    past.world.finish()
}

/// Whoever reads goes on, and is told.
fn readers_go_on(past: &Past, due: usize) -> Result<()> {
    let listed = said(past.gateway(), &["list", "--limit", "1000"])?;
    ensure!(listed.contains("expired, as record"), "{listed}");
    let data = past.gateway().data();
    let data = data.to_str().context("a path")?;
    let report = past
        .gateway()
        .cli(&["report", "agents", "-o", "json", "--data", data])?;
    let report = String::from_utf8(report.stdout)?;
    ensure!(report.contains("have expired"), "{report}");
    let folder = tempfile::tempdir()?;
    let events = folder.path().join("events.jsonl");
    let to = events.to_str().context("a path")?;
    said(past.gateway(), &["export", "--format", "ocsf", "--to", to])?;
    let events = fs::read_to_string(&events)?;
    assert_eq!(events.matches("\"audit.expire\"").count(), due);
    Ok(())
}

#[test]
fn what_is_held_stays_and_what_is_only_gone_is_told() -> Result<()> {
    let mut past = Past::new()?;
    let due = past.due()?.len();
    let first = past.days[0][0];
    let agent = records::shown(past.gateway(), first)?;
    let agent = agent.pointer("/entry/event/caller/agent");
    let agent = agent
        .and_then(Value::as_str)
        .context("no agent")?
        .to_owned();
    let claim = [
        "hold",
        "add",
        "--agent",
        &agent,
        "--name",
        "claim",
        "--reason",
        "7 Cs 12/26",
    ];
    said(past.gateway(), &claim)?;
    let again = past.gateway().audit(&claim)?;
    assert_eq!(again.stderr, b"refused: hold_exists\n");
    // By the command line, where no gateway runs.
    let held = said(past.gateway(), &["expire"])?;
    ensure!(held.contains(&format!("{due} keys are held")), "{held}");
    past.world.gateway.restart()?;
    let held = said(past.gateway(), &["expire", "-o", "json"])?;
    let held: Value = serde_json::from_str(&held)?;
    assert_eq!(
        (&held["keys"], &held["held"]),
        (&json!(0), &json!(due)),
        "{held}"
    );
    let listed = said(past.gateway(), &["hold", "list"])?;
    ensure!(
        listed.contains("claim") && listed.contains("7 Cs 12/26"),
        "{listed}"
    );
    ensure!(!past.is_gone(first)?);

    said(
        past.gateway(),
        &["hold", "remove", "claim", "--reason", "settled"],
    )?;
    let gone = said(past.gateway(), &["expire", "-o", "json"])?;
    let gone: Value = serde_json::from_str(&gone)?;
    assert_eq!(
        (&gone["keys"], &gone["held"]),
        (&json!(due), &json!(0)),
        "{gone}"
    );
    ensure!(past.is_gone(first)?);
    assert_eq!(search(past.gateway(), &["--kind", "hold"])?.len(), 2);
    past.world.gateway.stop()?;
    let (verdict, report) = past.judged()?;
    assert_eq!(verdict, "intact", "{report}");

    // Whoever destroys a key without a record is told of.
    past.sql("UPDATE data_key SET wrapped = zeroblob(65) WHERE id = (SELECT max(id) FROM data_key WHERE class = 'default')")?;
    let (verdict, report) = past.judged()?;
    assert_eq!(verdict, "keys_lost", "{report}");
    Ok(())
}
