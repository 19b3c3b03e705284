//! What an agent does that is not usual, or that nobody should: on record, told, and held.

use std::{fs, thread, time::Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    certificate::Certificate,
    client::Reply,
    gateway::{POLL, START_MAX},
    peers::Peer,
    records::{self, Record},
    setup::{Service, Setup},
    siem::{Collector, Hook},
};

use crate::world::{HERE, World, verified};

/// A world whose agents are watched so, with the receiver of webhooks at `hook`.
fn world(behaviour: Value, shape: impl FnOnce(Setup) -> Setup) -> Result<World> {
    World::with_peers(|setup, peers| {
        let service = Service::new("one", &peers.crm.url(), "DE")
            .governed(
                "customer.read",
                "GET",
                "/customers/{customer}",
                json!({ "subject": "customer" }),
            )
            .operation("ticket.write", "POST", "/tickets/{ticket}")
            .operation("customer.dump", "GET", "/customers");
        let setup = setup.service(service).set("behaviour", behaviour);
        shape(setup)
    })
}

fn told_to(setup: Setup, hook: &Hook, url: &str) -> Setup {
    let alert = json!({ "name": "soc", "webhook": format!("{url}/hook"), "secret": "hook.key" });
    setup
        .secret("hook.key", hook.secret().to_owned())
        .set("alerts", json!([alert]))
}

fn read(world: &World, token: &str, path: &str) -> Result<Reply> {
    let url = world.gateway.url(&format!("/one{path}"))?;
    world.client.get(&url, &[("tidegate-token", token)])
}

pub(crate) fn reason(reply: &Reply) -> Result<String> {
    let problem = reply.json()?;
    let reason = problem.get("reason").and_then(Value::as_str);
    Ok(reason.unwrap_or_default().to_owned())
}

/// The sessions at risk, as operators are told.
fn at_risk(world: &World, more: &[&str]) -> Result<Vec<Value>> {
    let admin = world.gateway.admin_url("")?;
    let admin = admin.trim_start_matches("http://");
    let arguments = [&["risk", "--admin", admin, "-o", "json"], more].concat();
    let output = world.gateway.cli(&arguments)?;
    ensure!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout)?;
    let lines = lines.lines().map(serde_json::from_str);
    Ok(lines.collect::<serde_json::Result<_>>()?)
}

/// Waits for an anomaly of this detector to be on record.
pub(crate) fn anomaly(world: &World, detector: &str) -> Result<Record> {
    let deadline = Instant::now() + START_MAX;
    while Instant::now() < deadline {
        let records = records::list(&world.gateway)?.into_iter();
        let mut anomalies = records.filter(|it| it.kind() == "anomaly");
        if let Some(found) = anomalies.find(|it| it.text("detector") == detector) {
            return Ok(found);
        }
        thread::sleep(POLL);
    }
    anyhow::bail!("no anomaly `{detector}` is on record")
}

#[test]
fn one_record_after_the_other_is_told_to_whoever_should_know() -> Result<()> {
    // It is away at first, then refuses twice.
    let (hook, collector) = (Hook::new(2)?, Collector::default());
    let reserved = Peer::serve(hook.router(), "127.0.0.1:0", None)?;
    let (address, url) = (reserved.address(), reserved.url());
    drop(reserved);
    let certificate = Certificate::for_loopback()?;
    let siem = collector.serve(&certificate.server(&[])?)?;
    let mut world = world(
        json!({ "otherwise": "off", "detectors": { "refusal": "alert" } }),
        |setup| {
            let syslog = format!("localhost:{}", siem.address().port());
            let soc =
                json!({ "name": "soc", "webhook": format!("{url}/hook"), "secret": "hook.key" });
            setup
                .secret("hook.key", hook.secret().to_owned())
                .set("alerts", json!([soc, { "name": "siem", "syslog": syslog }]))
                .set("budgets", json!([{ "id": "people", "subjects": 3 }]))
                .trust(&certificate.authority)
        },
    )?;
    let token = world.token(HERE, |claims| claims)?;
    let mut last = None;
    for customer in 1..=5 {
        let reply = read(&world, &token, &format!("/customers/C-{customer:03}"))?;
        assert_eq!(reply.status, if customer <= 3 { 200 } else { 429 });
        last = (customer == 4).then(|| reply.record()).flatten().or(last);
    }
    let finding = anomaly(&world, "refusal")?;
    assert_eq!(finding.text("about"), "budget_exhausted");
    assert_eq!(finding.find("finding"), Some(&json!(true)));
    assert_eq!(finding.number("record"), last);

    // What waits outlives a crash, and goes once there is somebody to take it.
    world.gateway.kill()?;
    world.gateway.restart()?;
    let peer = Peer::serve(hook.router(), &address.to_string(), None)?;
    let alert = hook.until(|alert| alert["data"]["detector"] == "refusal")?;
    assert_eq!(alert["type"], "tidegate.anomaly");
    assert_eq!(alert["data"]["agent"], HERE);
    assert_eq!(alert["data"]["index"].as_u64(), finding.index());
    ensure!(!alert.to_string().contains("C-004"), "{alert}");

    let deadline = Instant::now() + START_MAX;
    while collector.taken()?.is_empty() && Instant::now() < deadline {
        thread::sleep(POLL);
    }
    let messages = collector.taken()?;
    let message = messages.first().context("no message of syslog came")?;
    let data = message.sd.find_tuple("tidegate@32473", "detector");
    assert_eq!(data.map(String::as_str), Some("refusal"));
    ensure!(message.msg.contains("budget_exhausted"), "{}", message.msg);

    // Told once, to both.
    world.gateway.stop()?;
    assert_eq!(hook.taken()?.len(), 1);
    // A crash between a delivery and its note repeats it, and makes no other.
    let messages = collector.taken()?;
    ensure!(
        messages.iter().all(|it| it.msg == message.msg),
        "{messages:?}"
    );
    drop((peer, siem));
    verified(&world.gateway).map(drop)
}

#[test]
fn what_a_crash_kept_from_being_told_is_told_at_the_next_start() -> Result<()> {
    let hook = Hook::new(0)?;
    let peer = Peer::serve(hook.router(), "127.0.0.1:0", None)?;
    let behaviour = json!({ "otherwise": "off", "detectors": { "refusal": "note" } });
    let mut world = world(behaviour, |setup| {
        told_to(setup, &hook, &peer.url())
            .set("budgets", json!([{ "id": "people", "subjects": 1 }]))
    })?;
    let token = world.token(HERE, |claims| claims)?;
    for customer in 1..=2 {
        read(&world, &token, &format!("/customers/C-{customer:03}"))?;
    }
    let noted = anomaly(&world, "refusal")?;
    world.gateway.kill()?;
    ensure!(hook.taken()?.is_empty(), "nobody was to be told of a note");

    // As a crash leaves it: one behind its record, one before.
    let mut before = noted
        .0
        .get("event")
        .cloned()
        .context(format!("{noted:?}"))?;
    let behind = json!({ "size": 0, "anomaly": before.clone(), "writes": false });
    *before.get_mut("about").context("about")? = json!("never_recorded");
    let before = json!({ "size": noted.index(), "anomaly": before, "writes": true });
    let folder = world.gateway.folder().join("data/alerts/.begun");
    for (name, plan) in [("a.json", &behind), ("b.json", &before)] {
        fs::write(folder.join(name), plan.to_string())?;
    }
    fs::write(folder.join("c.json"), "{\"size\":")?;
    world.gateway.restart()?;
    let told = hook.until(|alert| alert["data"]["about"] == "budget_exhausted")?;
    assert_eq!(told["data"]["index"].as_u64(), noted.index());
    let told = hook.until(|alert| alert["data"]["about"] == "never_recorded")?;
    let records = records::list(&world.gateway)?.into_iter();
    let anomalies: Vec<_> = records.filter(|it| it.kind() == "anomaly").collect();
    ensure!(anomalies.len() == 2, "{anomalies:?}");
    let last = anomalies.last().context("an anomaly")?;
    assert_eq!(last.index(), told["data"]["index"].as_u64());
    world.gateway.stop()?;
    assert_eq!(fs::read_dir(folder)?.count(), 0);
    drop(peer);
    verified(&world.gateway).map(drop)
}

#[test]
fn whoever_touches_a_canary_is_quarantined_and_told_at_once() -> Result<()> {
    let hook = Hook::new(0)?;
    let peer = Peer::serve(hook.router(), "127.0.0.1:0", None)?;
    let behaviour = json!({
        "detectors": { "canary": "quarantine" },
        "canaries": { "operations": ["one/customer.dump"] },
    });
    let mut world = world(behaviour, |setup| told_to(setup, &hook, &peer.url()))?;
    let token = world.token(HERE, |claims| claims)?;
    assert_eq!(read(&world, &token, "/customers/C-001")?.status, 200);
    assert_eq!(read(&world, &token, "/customers?limit=1")?.status, 200);
    let refused = read(&world, &token, "/customers/C-001")?;
    assert_eq!(
        (refused.status.as_u16(), reason(&refused)?.as_str()),
        (403, "revoked")
    );
    hook.until(|alert| alert["data"]["detector"] == "canary")?;
    // Another session of the agent goes on; this one does not, over a restart either.
    let other = world.token(HERE, |claims| claims)?;
    assert_eq!(read(&world, &other, "/customers/C-001")?.status, 200);
    world.gateway.stop()?;
    world.gateway.restart()?;
    assert_eq!(read(&world, &token, "/customers/C-001")?.status, 403);
    world.finish()
}

#[test]
fn denials_make_calls_dear() -> Result<()> {
    let world = world(
        json!({
            "detectors": { "denials": "throttle", "enumeration": "step_up" },
            "throttle": 6,
        }),
        |setup| setup,
    )?;
    let token = world.token(HERE, |claims| claims.scope("customer", "C-001"))?;
    assert_eq!(at_risk(&world, &[])?, Vec::<Value>::new());
    for _ in 0..5 {
        assert_eq!(read(&world, &token, "/customers/C-002")?.status, 403);
    }
    let told = at_risk(&world, &[])?;
    let [one] = &told[..] else {
        anyhow::bail!("one session is at risk, and not {told:?}");
    };
    assert_eq!(
        (&one["agent"], &one["held"]),
        (&json!(HERE), &json!("throttled"))
    );
    assert_eq!(
        (&one["detector"], &one["price"]),
        (&json!("denials"), &json!(2))
    );
    ensure!(
        one["risk"]
            .as_u64()
            .is_some_and(|risk| (30..=40).contains(&risk)),
        "{one}"
    );
    let session = one["session"].as_str().context("no session")?;
    assert_eq!(at_risk(&world, &["--session", session])?.len(), 1);
    ensure!(at_risk(&world, &["--agent", "spiffe://tests.example/agent/other"])?.is_empty());
    // Whatever it asks for costs more now than it can pay for long.
    let mut throttled = None;
    for _ in 0..10 {
        let reply = read(&world, &token, "/customers/C-001")?;
        if reply.status == 429 {
            throttled = Some(reply);
            break;
        }
        assert_eq!(reply.status, 200);
    }
    let throttled = throttled.context("nothing was throttled")?;
    assert_eq!(reason(&throttled)?, "throttled");
    assert_eq!(throttled.json()?["rule"], "behaviour/denials");
    let wait: u64 = throttled
        .header("retry-after")
        .unwrap_or_default()
        .parse()?;
    ensure!((1..=120).contains(&wait), "{wait}");
    let finding = anomaly(&world, "denials")?;
    let numbers = finding.find("numbers").context("no numbers")?.to_string();
    ensure!(numbers.contains("\"denied\""), "{numbers}");
    world.finish()
}

#[test]
fn an_enumeration_needs_a_token_that_is_newer() -> Result<()> {
    let world = world(
        json!({ "otherwise": "off", "detectors": { "enumeration": "step_up" } }),
        |setup| setup,
    )?;
    let token = world.token(HERE, |claims| claims)?;
    let mut asked = 0;
    let refused = loop {
        asked += 1;
        let reply = read(&world, &token, &format!("/customers/C-{asked:03}"))?;
        if reply.status != 200 {
            break reply;
        }
        ensure!(asked < 40, "nobody minded");
    };
    assert_eq!(
        (refused.status.as_u16(), reason(&refused)?.as_str()),
        (401, "step_up_required")
    );
    let challenge = refused
        .header("www-authenticate")
        .unwrap_or_default()
        .to_owned();
    ensure!(
        challenge.contains("insufficient_user_authentication"),
        "{challenge}"
    );
    let told = at_risk(&world, &["--agent", HERE])?;
    ensure!(told.iter().any(|it| it["held"] == "step_up"), "{told:?}");
    // A token without a task, and one for a task.
    let verdict = anomaly(&world, "enumeration")?;
    ensure!(verdict.number("record").is_some());
    let deadline = Instant::now() + START_MAX;
    loop {
        // Tokens tell whole seconds; the verdict must be older than that.
        let fresh = world.token(HERE, |claims| claims.scope("customer", "C-001"))?;
        let reply = read(&world, &fresh, "/customers/C-001")?;
        if reply.status == 200 {
            break;
        }
        assert_eq!(reason(&reply)?, "step_up_required");
        ensure!(Instant::now() < deadline, "a fresh token was not taken");
        thread::sleep(POLL);
    }
    world.finish()
}
