//! A session sees what its task is for.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::{
    agent::{Agent, Ask},
    peers::{SEED, crm},
    records,
};

use crate::world::{SUPPORT, World};

#[test]
fn a_session_reads_its_own_customer_with_fields_redacted() -> Result<()> {
    let world = World::new()?;
    let token = world.token(SUPPORT, |claims| claims.scope("customer", "C-771"))?;
    let ask = Ask::get(world.gateway.url("/crm/customers/C-771")?).token(&token);
    let answer = Agent::curl()?.ask(&ask)?;

    assert_eq!(answer.status, 200, "{}", answer.text());
    let person = crm::person(SEED, 771);
    for secret in person.secrets() {
        ensure!(!answer.text().contains(&secret), "{secret} came through");
    }
    let body = answer.json()?;
    assert_eq!(body["id"], "C-771");
    assert_eq!(body["name"], format!("{} {}", person.given, person.family));
    ensure!(body["balance_cents"].is_u64(), "a number stays a number");
    let record = records::show(&world.gateway, answer.record().unwrap_or_default())?;
    assert_eq!(record.number("pid"), Some(answer.pid.into()));
    world.finish()
}

#[test]
fn a_scope_mismatch_is_refused_and_recorded() -> Result<()> {
    let world = World::new()?;
    let token = world.token(SUPPORT, |claims| claims.scope("customer", "C-771"))?;
    let ask = Ask::get(world.gateway.url("/crm/customers/C-332")?).token(&token);
    let answer = Agent::curl()?.ask(&ask)?;

    assert_eq!(answer.status, 403, "{}", answer.text());
    let problem = answer.json()?;
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(problem["rule"], "session-sees-only-its-customer");
    assert_eq!(problem["record"].as_u64(), answer.record());
    ensure!(
        problem["trace_id"]
            .as_str()
            .is_some_and(|id| id.len() == 32),
        "{problem}"
    );
    let record = records::show(&world.gateway, answer.record().unwrap_or_default())?;
    assert_eq!(record.kind(), "refuse");
    assert_eq!(record.find("scope"), Some(&json!({ "customer": "C-771" })));
    assert_eq!(record.find("bound"), Some(&json!({ "customer": "C-332" })));
    world.finish()
}

#[test]
fn what_no_rule_permits_is_refused() -> Result<()> {
    let world = World::with(|setup| setup.set("policies", json!([])))?;
    let reply = world.client.get(&world.gateway.url("/crm/items/1")?, &[])?;
    assert_eq!(reply.status, 403, "{}", reply.text());
    ensure!(reply.record().is_some(), "a refusal has a record");
    world.finish()
}

#[test]
fn an_operation_that_nobody_declared_is_refused() -> Result<()> {
    let world = World::new()?;
    for (path, status) in [
        ("/crm/admin", 403),
        ("/crm/customers/C-001/notes", 403),
        ("/nowhere", 404),
        ("/", 404),
    ] {
        let reply = world.client.get(&world.gateway.url(path)?, &[])?;
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
        ensure!(reply.record().is_some(), "{path} left no record");
    }
    world.finish()
}
