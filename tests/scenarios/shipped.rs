//! Everything on record arrives elsewhere, in its order, whoever dies meanwhile.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    certificate::Certificate,
    client::Client,
    gateway::{POLL, START_MAX},
    peers::Peer,
    people::Dice,
    records,
    setup::Setup,
    siem::Collector,
    splunk::Splunk,
};

use crate::{
    canary::{contains, forms},
    upstreams::metric,
    world::{World, verified},
};

/// Lives of the gateway that end by SIGKILL.
const KILLS: u64 = 4;
/// They end within this time, in milliseconds.
const KILL_AFTER_MS_MAX: u64 = 1200;
/// How far the one furthest behind is.
const LAG: &str = "tidegate_shipping_lag_records";
/// Calls that each life answers at the least.
const CALLS: u64 = 20;
/// Between two calls.
const PAUSE: Duration = Duration::from_millis(5);

/// Everything that events go to.
struct Destinations {
    splunk: Splunk,
    collector: Collector,
    token: String,
}

impl Destinations {
    fn new() -> Self {
        let digits = Dice::new(u64::from(std::process::id())).digits(32);
        Self {
            splunk: Splunk::new(&digits),
            collector: Collector::default(),
            token: digits,
        }
    }

    fn configured(&self, setup: Setup, splunk: &str, syslog: &Peer) -> Setup {
        let syslog = format!("localhost:{}", syslog.address().port());
        let hec = json!({ "url": splunk, "token": "hec.token", "acknowledge": true });
        setup.secret("hec.token", format!("{}\n", self.token)).set(
            "shipping",
            json!([
                { "name": "lake", "file": { "folder": "lake" } },
                { "name": "lives", "file": { "folder": "lake" }, "classes": [6002] },
                { "name": "siem", "syslog": syslog },
                { "name": "splunk", "hec": hec },
            ]),
        )
    }

    /// The events that each got, by its name.
    fn all(&self, world: &World) -> Result<[(&'static str, Vec<Value>); 3]> {
        let collected = self.collector.taken()?.into_iter();
        // A message in UTF-8 begins with its mark (RFC 5424 section 6.4).
        let collected =
            collected.map(|it| serde_json::from_str(it.msg.trim_start_matches('\u{feff}')));
        let indexed = self.splunk.taken()?.into_iter();
        Ok([
            ("lake", lines(&file(world, "lake"))?),
            ("siem", collected.collect::<Result<_, _>>()?),
            ("splunk", indexed.map(event_of).collect()),
        ])
    }
}

/// What was indexed, without what was said of it.
fn event_of(mut indexed: Value) -> Value {
    indexed.get_mut("event").map_or(Value::Null, Value::take)
}

fn file(world: &World, name: &str) -> PathBuf {
    let folder = world.gateway.folder().join("lake");
    folder.join(format!("{name}.jsonl"))
}

fn lines(path: &PathBuf) -> Result<Vec<Value>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().map_err(Into::into)
}

pub(crate) fn uid(event: &Value) -> Result<String> {
    let uid = event.pointer("/metadata/uid").and_then(Value::as_str);
    uid.map(str::to_owned).context("an event without uid")
}

pub(crate) fn sequence(event: &Value) -> u64 {
    let index = event.pointer("/metadata/sequence");
    index.and_then(Value::as_u64).unwrap_or(u64::MAX)
}

/// The same, without what came again.
pub(crate) fn once(events: &[Value]) -> Result<Vec<String>> {
    let mut known = HashSet::new();
    let uids = events.iter().map(uid).collect::<Result<Vec<_>>>()?;
    let first = uids.into_iter().filter(|uid| known.insert(uid.clone()));
    Ok(first.collect())
}

/// Waits until it is so.
pub(crate) fn until(what: &str, world: &World, is_so: impl Fn() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + START_MAX;
    while !is_so()? {
        let late = Instant::now() >= deadline;
        ensure!(
            !late,
            "it never came to that: {what}\n{}\n{:?}\n{}",
            ready(world)?,
            metric(&world.gateway, LAG)?,
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

/// Calls until the gateway is killed.
fn live_and_die(world: &mut World, item: &str, dice: &mut Dice) -> Result<()> {
    let base = world.gateway.url(&format!("/crm/items/{item}"))?;
    for _ in 0..CALLS {
        let reply = world.client.get(&base, &[])?;
        ensure!(reply.status == 200, "{}", reply.text());
    }
    let calling = thread::spawn(move || -> Result<()> {
        let client = Client::plain()?;
        while client.get(&base, &[]).is_ok_and(|it| it.status == 200) {
            // Enough to arrive in time, not as much as goes.
            thread::sleep(PAUSE);
        }
        Ok(())
    });
    // Not a wait for something: the random moment is the test.
    thread::sleep(Duration::from_millis(dice.between(0, KILL_AFTER_MS_MAX)));
    world.gateway.kill()?;
    calling
        .join()
        .map_err(|_| anyhow::anyhow!("a caller panicked"))??;
    world.gateway.restart()
}

#[test]
fn everything_on_record_arrives_everywhere_in_its_order() -> Result<()> {
    let to = Destinations::new();
    let mut dice = Dice::new(u64::from(std::process::id()));
    let item = format!("item{}", dice.digits(12));
    // Splunk is away at first.
    let away = Peer::serve(to.splunk.router(), "127.0.0.1:0", None)?;
    let (address, url) = (away.address(), away.url());
    drop(away);
    let certificate = Certificate::for_loopback()?;
    let syslog = to.collector.serve(&certificate.server(&[])?)?;
    let mut world = World::with(|setup| {
        to.configured(setup, &url, &syslog)
            .trust(&certificate.authority)
    })?;
    until("Splunk is away", &world, || {
        Ok(ready(&world)?.contains("`splunk` is "))
    })?;
    let behind = metric(&world.gateway, LAG)?;
    ensure!(behind.is_some_and(|it| it > 0.0), "{behind:?}");

    for _ in 0..KILLS {
        live_and_die(&mut world, &item, &mut dice)?;
    }
    // Asking how it does makes records as well, of flows past the gateway: that it is never behind is nothing to wait for.
    let behind = metric(&world.gateway, LAG)?.context("no lag")?;
    let waiting = once(&lines(&file(&world, "lake"))?)?.len();
    let splunk = Peer::serve(to.splunk.router(), &address.to_string(), None)?;
    until("Splunk is there", &world, || {
        let taken = to.splunk.taken()?.len() >= waiting;
        let away = ready(&world)?.contains("`splunk` is ");
        Ok(taken && !away && metric(&world.gateway, LAG)?.is_some_and(|lag| lag < behind))
    })?;
    ensure!(
        world.gateway.stop()?.success(),
        "{}",
        world.gateway.stderr()
    );

    let all = to.all(&world)?;
    let [(_, lake), ..] = &all;
    let last = lake.last().context("nothing came")?;
    assert_eq!(last["class_uid"], 6002, "the stop came last: {last}");
    let exported = records::ocsf(&world.gateway)?;
    let exported = exported.lines().map(serde_json::from_str::<Value>);
    let exported = exported.collect::<Result<Vec<_>, _>>()?;
    let before = exported.iter().filter(|it| sequence(it) <= sequence(last));
    let expected = before.map(uid).collect::<Result<HashSet<_>>>()?;
    let order = once(lake)?;
    let calls = usize::try_from(KILLS * CALLS)?;
    ensure!(order.len() > calls, "{} came of {calls}", order.len());
    for (name, events) in &all {
        let came = once(events)?;
        assert_eq!(came, order, "`{name}` got others, or in another order");
        let came: HashSet<String> = came.into_iter().collect();
        let missing: Vec<_> = expected.symmetric_difference(&came).collect();
        ensure!(missing.is_empty(), "`{name}`: {missing:?}");
        // What nobody may know of a call, and what opens Splunk, went nowhere.
        let text = serde_json::to_vec(events)?;
        for secret in [&item, &to.token] {
            let told = forms(secret).iter().any(|form| contains(&text, form));
            ensure!(!told, "`{name}` was told {secret}");
        }
    }
    only_its_classes(&world)?;
    nothing_waits_but_indices(&world, &to.token)?;
    drop((splunk, syslog));
    verified(&world.gateway).map(drop)
}

#[test]
fn a_collector_that_cuts_connections_has_taken_nothing_unless_that_is_how_it_ends_them()
-> Result<()> {
    let mut collector = Collector::default();
    collector.cuts = true;
    let certificate = Certificate::for_loopback()?;
    let siem = collector.serve(&certificate.server(&[])?)?;
    let world = World::with(|setup| {
        let syslog = format!("localhost:{}", siem.address().port());
        let to = json!([
            { "name": "strict", "syslog": syslog },
            { "name": "rude", "syslog": syslog, "close_notify": false },
        ]);
        setup.set("shipping", to).trust(&certificate.authority)
    })?;
    let next = |name: &str| -> Result<u64> {
        let mark = world.gateway.data().join(format!("shipping/{name}.json"));
        let Ok(mark) = fs::read(mark) else {
            return Ok(0);
        };
        let mark: Value = serde_json::from_slice(&mark)?;
        mark["cursor"]["next"].as_u64().context("no index")
    };
    until("one has taken nothing", &world, || {
        Ok(ready(&world)?.contains("`strict` is ") && next("rude")? > 0)
    })?;
    let why = ready(&world)?;
    ensure!(why.contains("close_notify: false"), "{why}");
    ensure!(!why.contains("`rude` is "), "{why}");
    assert_eq!(next("strict")?, 0);
    drop(siem);
    world.finish()
}

/// Whoever asked for lives got those of every gateway, and nothing else.
fn only_its_classes(world: &World) -> Result<()> {
    let lives = lines(&file(world, "lives"))?;
    ensure!(lives.iter().all(|it| it["class_uid"] == 6002), "{lives:?}");
    let starts = usize::try_from(KILLS)? + 1;
    assert_eq!(once(&lives)?.len(), starts + 1);
    let mode = fs::metadata(file(world, "lives"))?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    Ok(())
}

/// Beside the log is how far it went; the token is nowhere.
fn nothing_waits_but_indices(world: &World, token: &str) -> Result<()> {
    for name in ["lake", "lives", "siem", "splunk"] {
        let mark = world.gateway.data().join(format!("shipping/{name}.json"));
        let mark: Value = serde_json::from_slice(&fs::read(mark)?)?;
        let cursor = mark.get("cursor").and_then(Value::as_object);
        let cursor = cursor.context("no cursor")?;
        let open = cursor.get("open").and_then(Value::as_array);
        ensure!(open.is_some_and(Vec::is_empty), "{mark}");
        assert_eq!(cursor.len(), 2, "{mark}");
    }
    for entry in fs::read_dir(world.gateway.data().join("shipping"))? {
        let text = fs::read(entry?.path())?;
        ensure!(!contains(&text, token), "the token is kept");
    }
    ensure!(!world.gateway.stderr().contains(token), "the token is told");
    Ok(())
}
