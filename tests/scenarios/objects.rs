//! What goes to an object store is there, once, and locked, whoever dies meanwhile. `moto` stands in for Amazon S3; what is in
//! it is looked at by boto3 and pyarrow.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    auditor,
    client::Client,
    gateway::POLL,
    people::Dice,
    records,
    sdks::{Language, Server},
    setup::Setup,
};

use crate::{
    canary::{contains, forms},
    upstreams::metric,
    world::{World, verified},
};

/// Lives of the gateway that end by SIGKILL.
const KILLS: u64 = 4;
/// They end within this time, in milliseconds.
const KILL_AFTER_MS_MAX: u64 = 1500;
/// Calls that each life answers at the least.
const CALLS: u64 = 20;
/// Between two calls.
const PAUSE: Duration = Duration::from_millis(5);
/// Until something is so that takes its time.
const WAIT_MAX: Duration = Duration::from_mins(2);

/// The store, and who may write there.
pub(crate) struct Store {
    pub(crate) server: Server,
    folder: TempDir,
}

/// What others find in it.
#[derive(Debug, Deserialize)]
pub(crate) struct Found {
    pub(crate) objects: Vec<Object>,
    events: Vec<Filed>,
    odd: Vec<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Object {
    pub(crate) key: String,
    versions: usize,
    mode: Option<String>,
    days: Option<f64>,
    content: String,
    deleted: Option<String>,
}

/// An event, and the key of its file.
#[derive(Debug, Deserialize)]
struct Filed {
    key: String,
    event: Value,
}

impl Store {
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = Language::Python.command("objects_server")?;
        command
            .env("AWS_KEYS", folder.path().join("keys"))
            .stdin(Stdio::piped());
        let server = Server::run(command)?;
        Ok(Self { server, folder })
    }

    /// The keys of the `auditor`, who may look, or of `somebody`, who may do everything.
    pub(crate) fn keys_of(&self, whose: &str) -> PathBuf {
        self.keys().with_added_extension(whose)
    }

    /// The gateway's.
    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    /// The configuration of its bucket.
    pub(crate) fn bucket(&self) -> Value {
        json!([{ "name": "evidence", "region": "eu-central-1", "endpoint": self.server.url(), "keys": self.keys() }])
    }

    /// What is in it; tries to delete all, if that is asked for.
    pub(crate) fn look(&self, deletes: bool) -> Result<Found> {
        let mut command = Language::Python.command("objects_judge")?;
        command
            .env("AWS_KEYS", self.keys_of("somebody"))
            .env("OBJECTS_URL", self.server.url())
            .env("TO", self.folder.path().join("log"))
            .env("PREFIX", "log/");
        if deletes {
            command.env("DELETE", "yes");
        }
        let output = command.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{said}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// Waits until it is so.
pub(crate) fn until(what: &str, world: &World, is_so: impl Fn() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + WAIT_MAX;
    while !is_so()? {
        let late = Instant::now() >= deadline;
        ensure!(
            !late,
            "it never came to that: {what}\n{}",
            world.gateway.stderr()
        );
        thread::sleep(POLL);
    }
    Ok(())
}

pub(crate) fn ready(world: &World) -> Result<String> {
    let url = world.gateway.admin_url("/readyz")?;
    Ok(world.client.get(&url, &[])?.text())
}

pub(crate) fn call(world: &World, item: &str, times: u64) -> Result<()> {
    let url = world.gateway.url(&format!("/crm/items/{item}"))?;
    for _ in 0..times {
        let reply = world.client.get(&url, &[])?;
        ensure!(reply.status == 200, "{}", reply.text());
    }
    Ok(())
}

/// Calls until the gateway is killed, and starts it again.
fn live_and_die(world: &mut World, item: &str, dice: &mut Dice) -> Result<()> {
    call(world, item, CALLS)?;
    let base = world.gateway.url(&format!("/crm/items/{item}"))?;
    let calling = thread::spawn(move || -> Result<()> {
        let client = Client::plain()?;
        while client.get(&base, &[]).is_ok_and(|it| it.status == 200) {
            thread::sleep(PAUSE);
        }
        Ok(())
    });
    // Not a wait for something: the random moment is the test.
    thread::sleep(Duration::from_millis(dice.between(0, KILL_AFTER_MS_MAX)));
    world.gateway.kill()?;
    let called = calling.join();
    called.map_err(|_| anyhow::anyhow!("a caller panicked"))??;
    world.gateway.restart()
}

/// How the destination stands, as the command line tells it.
fn status(world: &World) -> Result<Value> {
    let data = world.gateway.data().display().to_string();
    let told = world
        .gateway
        .cli(&["shipping", "status", "-o", "json", "--data", &data])?;
    Ok(serde_json::from_slice(&told.stdout)?)
}

fn lake(store: &Store, setup: Setup) -> Setup {
    setup.set("buckets", store.bucket()).set(
        "shipping",
        json!([{ "name": "lake", "s3": { "bucket": "evidence", "account": "123456789012", "every": "300ms",
            "retain_days": 1 } }]),
    )
}

#[test]
fn everything_on_record_is_in_the_lake_once_and_locked() -> Result<()> {
    let mut store = Store::new()?;
    let mut dice = Dice::new(u64::from(std::process::id()));
    let item = format!("item{}", dice.digits(12));
    // It is away at first.
    store.server.tell("stop")?;
    let mut world = World::with(|setup| lake(&store, setup))?;
    until("the store is away", &world, || {
        let told = status(&world)?;
        let fails = told["destinations"][0]["error"].is_string();
        Ok(fails && ready(&world)?.contains("`lake` is "))
    })?;
    let told = status(&world)?;
    assert_eq!(told["running"], true);
    assert_eq!(told["destinations"][0]["next"], 0, "{told}");
    ensure!(
        told["destinations"][0]["next_try_seconds"].is_u64(),
        "{told}"
    );
    let behind = metric(&world.gateway, "tidegate_shipping_lag_records")?;
    ensure!(behind.is_some_and(|it| it > 0.0), "{behind:?}");
    store.server.tell("start")?;

    for life in 0..KILLS {
        // What it took and did not say is taken.
        store.server.tell(&format!("lose {}", life + 1))?;
        live_and_die(&mut world, &item, &mut dice)?;
    }
    store.server.tell("lose 0")?;
    until("the store is there", &world, || {
        let told = status(&world)?;
        Ok(told["destinations"][0]["error"].is_null() && told["destinations"][0]["next"] != 0)
    })?;
    ensure!(
        world.gateway.stop()?.success(),
        "{}",
        world.gateway.stderr()
    );

    let told = status(&world)?;
    assert_eq!(told["running"], false);
    assert_eq!(told["destinations"][0]["lag_records"], 0, "{told}");
    let exported = records::ocsf(&world.gateway)?;
    let found = store.look(true)?;
    once_and_in_their_place(&found, &exported)?;
    for object in &found.objects {
        assert_eq!(object.versions, 1, "{object:?}");
        assert_eq!(object.mode.as_deref(), Some("COMPLIANCE"), "{object:?}");
        assert_eq!(
            object.deleted.as_deref(),
            Some("AccessDenied"),
            "{object:?}"
        );
        assert_eq!(object.days, Some(1.0), "{object:?}");
    }
    // What nobody may know of a call, and what opens the store, went nowhere.
    let keys = std::fs::read_to_string(store.keys())?;
    let secret = keys.trim().rsplit(':').next().unwrap_or_default();
    let events: Vec<&Value> = found.events.iter().map(|it| &it.event).collect();
    let text = serde_json::to_vec(&events)?;
    for secret in [&item, secret] {
        let told = forms(secret).iter().any(|form| contains(&text, form));
        ensure!(!told, "the lake was told {secret}");
        ensure!(!world.gateway.stderr().contains(secret), "{secret} is told");
    }
    verified(&world.gateway).map(drop)
}

/// Each event that the log has is there once, in a file of its class and day, whose name says of which records it is; and
/// its columns say what it says.
fn once_and_in_their_place(found: &Found, exported: &str) -> Result<()> {
    ensure!(found.odd.is_empty(), "{:?}", found.odd.first());
    let uid = |event: &Value| {
        let uid = event.pointer("/metadata/uid").and_then(Value::as_str);
        uid.map(str::to_owned)
    };
    let number = |event: &Value, at: &str| event.pointer(at).and_then(Value::as_u64);
    let sequence = |event: &Value| number(event, "/metadata/sequence");
    let exported = exported.lines().map(serde_json::from_str::<Value>);
    let exported = exported.collect::<Result<Vec<_>, _>>()?;
    let stop = exported.iter().rposition(|it| it["class_uid"] == 6002);
    let last = exported.get(stop.context("no stop")?).and_then(sequence);
    let before = exported.iter().filter(|it| sequence(it) <= last);
    let expected: BTreeSet<String> = before.filter_map(uid).collect();
    let mut came = BTreeMap::<String, usize>::new();
    for filed in &found.events {
        *came
            .entry(uid(&filed.event).context("no uid")?)
            .or_default() += 1;
        let class = number(&filed.event, "/class_uid").context("no class")?;
        let (place, file) = filed.key.rsplit_once('/').context("no folder")?;
        let head = format!(
            "ext/tidegate_{class}/1.0/region=eu-central-1/accountId=123456789012/eventDay="
        );
        let day = place
            .strip_prefix(&head)
            .with_context(|| filed.key.clone())?;
        ensure!(
            day.len() == 8 && day.bytes().all(|it| it.is_ascii_digit()),
            "{day}"
        );
        // `LOG-FIRST-LAST.parquet`: an exchange is in the file of the record that ends it.
        let name = file.strip_suffix(".parquet").unwrap_or_default();
        let mut ends = name.rsplit('-').map(str::parse::<u64>);
        let (to, from) = (
            ends.next().context("no end")??,
            ends.next().context("no start")??,
        );
        let own = |name: &str| number(&filed.event, &format!("/unmapped/tidegate/{name}"));
        let done = own("closing").or_else(|| own("record"));
        let is_open = filed.event.pointer("/unmapped/tidegate/result") == Some(&json!("open"));
        ensure!(
            is_open || done.is_some_and(|it| (from..=to).contains(&it)),
            "{filed:?}"
        );
    }
    let doubles: Vec<_> = came.iter().filter(|(_, times)| **times > 1).collect();
    ensure!(doubles.is_empty(), "{doubles:?}");
    let came: BTreeSet<String> = came.into_keys().collect();
    let missing: Vec<_> = expected.symmetric_difference(&came).collect();
    ensure!(missing.is_empty(), "{missing:?}");
    ensure!(
        came.len() > usize::try_from(KILLS * CALLS)?,
        "{} came",
        came.len()
    );
    Ok(())
}

#[test]
fn the_log_in_a_bucket_is_judged_by_whoever_fetches_it_and_stays() -> Result<()> {
    let mut store = Store::new()?;
    let mut dice = Dice::new(u64::from(std::process::id()));
    let kept =
        json!({ "bucket": "evidence", "prefix": "log", "every": "200ms", "retain_days": 3650 });
    let mut world = World::with(|setup| {
        setup.set("buckets", store.bucket()).set(
            "audit",
            json!({ "directory": "data", "tiles": "tiles", "s3": kept }),
        )
    })?;
    call(&world, "1", 150)?;
    for life in 0..KILLS {
        store.server.tell(&format!("lose {life}"))?;
        if life == 2 {
            store.server.tell("stop")?;
            until("the store is away", &world, || {
                Ok(ready(&world)?.contains("bucket `evidence`"))
            })?;
            store.server.tell("start")?;
        }
        live_and_die(&mut world, "2", &mut dice)?;
    }
    store.server.tell("lose 0")?;
    call(&world, "3", 100)?;
    until("it is put again", &world, || {
        Ok(!ready(&world)?.contains("bucket `evidence`"))
    })?;
    ensure!(
        world.gateway.stop()?.success(),
        "{}",
        world.gateway.stderr()
    );

    judged(&store, &world)?;
    verified(&world.gateway).map(drop)
}

/// What was put stays, and each checkpoint of it is continued by what is there.
fn judged(store: &Store, world: &World) -> Result<()> {
    let found = store.look(true)?;
    let fetched = store.folder.path().join("log");
    let key = world.gateway.public_key()?;
    let mut checkpoints = 0;
    for object in &found.objects {
        let name = object.key.strip_prefix("log/").context("elsewhere")?;
        if name == "checkpoint" {
            assert_eq!(
                object.mode, None,
                "the newest goes in the place of the one before"
            );
            continue;
        }
        assert_eq!(object.versions, 1, "{name} was put again");
        if name.contains(".p/") {
            assert_eq!(object.mode, None, "{name}");
            continue;
        }
        assert_eq!(object.mode.as_deref(), Some("COMPLIANCE"), "{name}");
        assert_eq!(object.days, Some(3650.0), "{name}");
        assert_eq!(object.deleted.as_deref(), Some("AccessDenied"), "{name}");
        checkpoints += usize::from(name.starts_with("checkpoints/"));
    }
    ensure!(checkpoints > 2, "{checkpoints} checkpoints");
    // What a folder of tiles has, the bucket has, and each checkpoint that it kept is continued.
    let fetched_by = fetched.display().to_string();
    let newest = found
        .objects
        .iter()
        .rfind(|it| it.key.starts_with("log/checkpoints/"));
    let newest = newest.context("no checkpoint")?;
    let shown = found.objects.iter().find(|it| it.key == "log/checkpoint");
    assert_eq!(shown.map(|it| &it.content), Some(&newest.content));
    for object in found
        .objects
        .iter()
        .filter(|it| it.key.starts_with("log/checkpoints/"))
    {
        let own = fetched.join(object.key.trim_start_matches("log/"));
        let own = own.display().to_string();
        let said = auditor::verify(
            &["tiles", &fetched_by, "--key", &key, "--checkpoint", &own].map(AsRef::as_ref),
        )?;
        assert_eq!(said.code, Some(0), "{}: {said:?}", object.key);
    }
    Ok(())
}
