//! Who calls is what kernel and token agree on.

use std::{fs, os::unix::fs::PermissionsExt as _};

use anyhow::{Result, ensure};
use serde_json::json;
use tests::{
    agent::{Agent, Answer, Ask},
    records::{self, Record},
};

use crate::world::{REPORTING, SUPPORT, World};

const PATH: &str = "/crm/customers/C-771";

fn record(world: &World, answer: &Answer) -> Result<Record> {
    ensure!(
        answer.record().is_some(),
        "no record is named: {}",
        answer.text()
    );
    records::show(&world.gateway, answer.record().unwrap_or_default())
}

#[test]
fn a_missing_token_is_asked_for() -> Result<()> {
    let world = World::new()?;
    let answer = Agent::curl()?.ask(&Ask::get(world.gateway.url(PATH)?))?;
    assert_eq!(answer.status, 401, "{}", answer.text());
    ensure!(
        answer.header("www-authenticate").is_some(),
        "RFC 9110 section 15.5.2 wants it"
    );
    assert_eq!(
        record(&world, &answer)?.number("pid"),
        Some(answer.pid.into())
    );
    world.finish()
}

#[test]
fn a_token_used_by_another_workload_is_a_finding() -> Result<()> {
    let world = World::new()?;
    let token = world.token(SUPPORT, |claims| claims)?;
    let answer = Agent::python()?.ask(&Ask::get(world.gateway.url(PATH)?).token(&token))?;
    assert_eq!(answer.status, 403, "{}", answer.text());
    let record = record(&world, &answer)?;
    assert_eq!(record.find("finding"), Some(&json!(true)));
    assert_eq!(record.text("subject"), SUPPORT);
    assert_eq!(record.number("pid"), Some(answer.pid.into()));
    world.finish()
}

#[test]
fn an_unregistered_program_is_refused() -> Result<()> {
    let world = World::new()?;
    let program = world.gateway.folder().join("free-tool");
    fs::copy(Agent::curl()?.program(), &program)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let stranger = Agent::curl_at(&program);
    let token = world.token(SUPPORT, |claims| claims)?;
    for ask in [
        Ask::get(world.gateway.url(PATH)?),
        Ask::get(world.gateway.url(PATH)?).token(&token),
    ] {
        let answer = stranger.ask(&ask)?;
        ensure!(
            matches!(answer.status, 401 | 403),
            "{} {}",
            answer.status,
            answer.text()
        );
        let record = record(&world, &answer)?;
        assert_eq!(
            record.text("exe"),
            program.canonicalize()?.display().to_string()
        );
    }
    world.finish()
}

#[test]
fn bad_tokens_are_refused() -> Result<()> {
    let world = World::new()?;
    let other = tests::tokens::Issuer::new()?;
    let good = world.token(SUPPORT, |claims| claims)?;
    let cut: String = good.chars().take(good.len() - 9).collect();
    for (what, token) in [
        (
            "expired",
            world.token(SUPPORT, |claims| claims.lifetime(-600))?,
        ),
        (
            "too long",
            world.token(SUPPORT, |claims| claims.lifetime(86_400))?,
        ),
        (
            "for others",
            world.token(SUPPORT, |claims| claims.audience("billing"))?,
        ),
        (
            "of a foreign key",
            other.mint(&tests::tokens::claims(SUPPORT))?,
        ),
        ("cut", cut),
        ("no token", "x.y.z".to_owned()),
    ] {
        let ask = Ask::get(world.gateway.url(PATH)?).token(&token);
        let answer = Agent::curl()?.ask(&ask)?;
        assert_eq!(
            answer.status,
            401,
            "a token that is {what}: {}",
            answer.text()
        );
        ensure!(
            !answer.text().contains(&token),
            "the refusal repeats the token"
        );
    }
    world.finish()
}

#[test]
fn the_upstream_never_sees_the_agents_token() -> Result<()> {
    let world = World::new()?;
    let token = world.token(REPORTING, |claims| claims)?;
    let url = world.gateway.url("/trouble/heard")?;
    for ask in [
        Ask::get(url.as_str()).token(&token),
        Ask::get(url.as_str()).header("authorization", &format!("Bearer {token}")),
    ] {
        let answer = Agent::python()?.ask(&ask)?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let heard = answer.json()?["heard"].to_string();
        ensure!(heard.contains("\"traceparent\""), "{heard}");
        ensure!(
            !heard.contains("token") && !heard.contains("authorization"),
            "{heard}"
        );
    }
    world.finish()
}

#[test]
fn two_agents_have_two_sessions() -> Result<()> {
    let world = World::new()?;
    let url = world.gateway.url("/crm/customers/C-771")?;
    let mut sessions = Vec::new();
    for (agent, id) in [(Agent::curl()?, SUPPORT), (Agent::python()?, REPORTING)] {
        let token = world.token(id, |claims| claims)?;
        let answer = agent.ask(&Ask::get(url.as_str()).token(&token))?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let record = record(&world, &answer)?;
        assert_eq!(record.text("agent"), id);
        sessions.push(record.text("session"));
    }
    assert_ne!(sessions.first(), sessions.last());
    world.finish()
}
