//! A real rsyslog gets everything on record, in its order, also when it was away.

use std::collections::HashSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{certificate::Certificate, records, rsyslog::Rsyslog};

use crate::{
    shipped::{once, ready, sequence, uid, until},
    world::World,
};

/// Calls before it goes away, while it is, and after.
const CALLS: usize = 12;
/// What OCSF calls a call: API Activity.
const CALL: u32 = 6003;

fn call(world: &World) -> Result<()> {
    let url = world.gateway.url("/crm/items/1")?;
    for _ in 0..CALLS {
        let reply = world.client.get(&url, &[])?;
        ensure!(reply.status == 200, "{}", reply.text());
    }
    Ok(())
}

/// The events within what it wrote.
fn events(rsyslog: &Rsyslog) -> Result<Vec<Value>> {
    let parsed = rsyslog.taken()?;
    let text = |it: &Value| -> Result<Value> {
        let text = it.get("text").and_then(Value::as_str);
        let text = text.context("a message without a text")?;
        Ok(serde_json::from_str(text.trim_start_matches('\u{feff}'))?)
    };
    parsed.iter().map(text).collect()
}

#[test]
fn rsyslog_gets_everything_also_what_was_recorded_while_it_was_away() -> Result<()> {
    let certificate = Certificate::for_loopback()?;
    let mut rsyslog = Rsyslog::start(&certificate)?;
    let to = json!([{ "name": "siem", "syslog": rsyslog.address(), "close_notify": false }]);
    let mut world = World::with(|setup| setup.set("shipping", to).trust(&certificate.authority))?;
    call(&world)?;
    until("something came", &world, || {
        Ok(!rsyslog.taken()?.is_empty())
    })?;

    rsyslog.stop()?;
    call(&world)?;
    until("rsyslog is away", &world, || {
        Ok(ready(&world)?.contains("`siem` is "))
    })?;
    rsyslog.restart()?;
    call(&world)?;
    until("rsyslog is there", &world, || {
        let came = events(&rsyslog)?;
        let calls = came.iter().filter(|it| it["class_uid"] == CALL).count();
        Ok(calls >= 3 * CALLS && !ready(&world)?.contains("`siem` is "))
    })?;
    let process = world.gateway.pid()?.to_string();
    ensure!(
        world.gateway.stop()?.success(),
        "{}",
        world.gateway.stderr()
    );
    // What it read it may still have to write.
    rsyslog.stop()?;

    let came = events(&rsyslog)?;
    let last = came.last().context("nothing came")?;
    assert_eq!(last["class_uid"], 6002, "the stop came last: {last}");
    let exported = records::ocsf(&world.gateway)?;
    let mut expected = HashSet::new();
    for line in exported.lines() {
        let event: Value = serde_json::from_str(line)?;
        if sequence(&event) <= sequence(last) {
            expected.insert(uid(&event)?);
        }
    }
    // What the collector did not say it has goes again, so that only where each came first tells the order.
    let got = once(&came)?;
    let of = |uid: &String| {
        came.iter()
            .find(|it| self::uid(it).is_ok_and(|it| it == *uid))
    };
    // A call comes when it ended, and what stands alone meanwhile (a connection that was noted) goes before it.
    for calls in [true, false] {
        let first = got.iter().filter_map(of);
        let same = first.filter(|it| (it["class_uid"] == CALL) == calls);
        let order: Vec<_> = same.map(sequence).collect();
        ensure!(order.is_sorted(), "not in the order of the log: {order:?}");
    }
    let got: HashSet<_> = got.into_iter().collect();
    assert_eq!(got, expected);
    for message in rsyslog.taken()? {
        assert_eq!(message["application"], "tidegate", "{message}");
        assert_eq!(message["process"], process, "{message}");
        assert_eq!(message["kind"], "ocsf", "{message}");
    }
    Ok(())
}
