//! On whose behalf an agent acts: decided on, on record, and told to nobody whom it does not concern.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{collector::Collector, people::Dice, records};

use crate::{
    behaviour::reason,
    canary::{contains, forms},
    evidence::search,
    world::{HERE, World},
};

const PLANNER: &str = "spiffe://tests.example/agent/planner";
const TRACE: &str = "5bf92f3577b34da6a3ce929d0e0e4737";

/// Reads only on behalf of somebody, handed on by the planner, and no further.
const POLICY: &str = r#"
@id("reads-are-on-behalf-of-somebody")
@reason("a customer is read for whoever asked the planner")
forbid (principal, action == Action::"call", resource in Operation::"crm/customer.read")
unless {
  context.delegation.depth == 2 &&
  context.delegation.actor == "spiffe://tests.example/agent/here" &&
  context.delegation.actors.contains("spiffe://tests.example/agent/planner") &&
  context.delegation.subject like "person-*"
};
"#;

/// Somebody whom nobody has heard of.
fn person() -> String {
    format!(
        "person-{}",
        Dice::new(u64::from(std::process::id())).digits(12)
    )
}

/// The status of a read under a token that says so, and its record.
fn read(world: &World, about: &str, before: &[&str]) -> Result<(u16, String, u64)> {
    let token = world.token(HERE, |it| it.acting_for(about, before))?;
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let fields = [("tidegate-token", &*token), ("traceparent", &traceparent)];
    let url = world.gateway.url("/crm/customers/C-771")?;
    let reply = world.client.get(&url, &fields)?;
    let reason = match reply.status.as_u16() {
        200 => String::new(),
        _ => reason(&reply)?,
    };
    let record = reply.record().context("no record")?;
    Ok((reply.status.as_u16(), reason, record))
}

#[test]
fn who_acts_for_whom_is_decided_on_and_a_person_is_sealed() -> Result<()> {
    let collector = Collector::start()?;
    let world = World::with(|setup| setup.policy(POLICY).telemetry(&collector.endpoint(), 1.0))?;
    let person = person();
    let (status, _, record) = read(&world, &person, &[PLANNER])?;
    assert_eq!(status, 200);
    for (about, before) in [
        (&*person, &[][..]),
        (&*person, &[PLANNER, PLANNER][..]),
        (&*person, &["spiffe://tests.example/agent/other"][..]),
        ("somebody", &[PLANNER][..]),
    ] {
        let (status, reason, _) = read(&world, about, before)?;
        assert_eq!((status, &*reason), (403, "access_refused"), "{before:?}");
    }
    // One more than there may be, and one without a name.
    let (status, reason, _) = read(&world, &person, &[PLANNER; 8])?;
    assert_eq!((status, &*reason), (401, "token_invalid"));
    let (status, reason, _) = read(&world, &person, &[""])?;
    assert_eq!((status, &*reason), (401, "token_invalid"));

    // The record has all of it, and is found by the person.
    let shown = records::show(&world.gateway, record)?;
    let delegation = shown.find("delegation").context("no delegation")?;
    let expected = json!({ "subject": person, "actors": [HERE, PLANNER] });
    assert_eq!(*delegation, expected);
    assert_eq!(shown.text("agent"), HERE);
    let named = format!("sub={person}");
    let index = |it: &Value| it.pointer("/entry/index").and_then(Value::as_u64);
    let found = search(&world.gateway, &["--subject", &named])?;
    ensure!(found.iter().filter_map(index).any(|it| it == record));
    let explained = world.gateway.cli(&[
        "policy",
        "explain",
        &record.to_string(),
        "--config",
        "tidegate.yaml",
    ])?;
    let explained = String::from_utf8(explained.stdout)?;
    let acting = format!("acting     `{HERE}`, for `{PLANNER}`, for `{person}`");
    ensure!(explained.contains(&acting), "{explained}");

    // Nobody else hears who it was.
    collector.trace(TRACE, 2)?;
    let spans = collector.output()?;
    let events = records::ocsf(&world.gateway)?;
    let actors = format!(r#""actors":["{HERE}","{PLANNER}"]"#);
    ensure!(events.contains(&actors), "{events}");
    for form in forms(&person) {
        ensure!(!contains(spans.as_bytes(), &form));
        ensure!(!contains(events.as_bytes(), &form));
        ensure!(!contains(world.gateway.stderr().as_bytes(), &form));
    }

    // Erased, it is told to nobody at all.
    let erased = world
        .gateway
        .audit(&["erase", "--subject", &named, "--reason", "asked to"])?;
    ensure!(erased.status.success(), "{erased:?}");
    let shown = records::show(&world.gateway, record)?;
    let delegation = shown.find("delegation").context("no delegation")?;
    let subject = delegation["subject"].as_str().unwrap_or_default();
    ensure!(subject.starts_with("erased:"), "{delegation}");
    assert_eq!(delegation["actors"], json!([HERE, PLANNER]));
    world.finish()
}
