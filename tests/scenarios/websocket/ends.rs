//! What ends a WebSocket from outside: a revocation, a token that expires, a gateway that stops, a client that hangs up.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::tokens::{Issuer, claims};

use super::{AGENT, Talk, at, raw::Raw};
use crate::upstreams::wait;

/// One that is open, in which something was said.
fn open(talk: &Talk) -> Result<Raw> {
    let mut raw = Raw::open(talk.gateway.listen(0)?, "/talk/talk", "")?;
    raw.text(r#"{"do": "email", "id": "O-1"}"#)?;
    let told = raw.next_text()?;
    ensure!(told.contains("O-1") && !told.contains("tamsel"), "{told}");
    Ok(raw)
}

/// The service was closed as by a client that goes away.
fn is_away(talk: &Talk) -> Result<()> {
    wait("the service is told", || {
        let closed = talk.heard("closed")?;
        Ok(closed.last().is_some_and(|it| *at(it, "/0") == 1001))
    })
}

#[test]
fn who_is_revoked_is_closed() -> Result<()> {
    let talk = Talk::start(None, |setup, _| setup)?;
    let mut raw = open(&talk)?;
    let revoke = [
        "revoke", "agent", AGENT, "--reason", "a test", "--data", "data",
    ];
    ensure!(talk.gateway.cli(&revoke)?.status.success());
    let (code, reason) = raw.closed()?;
    ensure!(
        code == 1008 && reason.starts_with("revoked, record "),
        "{code} {reason}"
    );
    is_away(&talk)?;
    let last = talk.last()?;
    assert_eq!(
        (last.text("result"), last.text("reason")),
        ("aborted".into(), "revoked".into())
    );
    talk.finish()
}

#[test]
fn what_was_shown_expires() -> Result<()> {
    let issuer = Issuer::new()?;
    let talk = Talk::start(None, |setup, _| setup.issuer(&issuer))?;
    let token = issuer.mint(&claims(AGENT).lifetime(4))?;
    let more = format!("authorization: Bearer {token}\r\n");
    let mut raw = Raw::open(talk.gateway.listen(0)?, "/talk/talk", &more)?;
    let (code, reason) = raw.closed()?;
    ensure!(
        code == 1008 && reason.starts_with("token_expired, record "),
        "{code} {reason}"
    );
    let fields = talk.heard("fields")?;
    ensure!(
        !json!(fields).to_string().contains(&token),
        "the token went on"
    );
    is_away(&talk)?;
    talk.finish()
}

#[test]
fn a_gateway_that_stops_says_so() -> Result<()> {
    let mut talk = Talk::start(None, |setup, _| setup)?;
    let mut raws = [open(&talk)?, open(&talk)?, open(&talk)?];
    talk.gateway.signal(rustix::process::Signal::TERM)?;
    for raw in &mut raws {
        let (code, reason) = raw.closed()?;
        ensure!(
            code == 1001 && reason.starts_with("stopping, record "),
            "{code} {reason}"
        );
    }
    wait("it ends", || Ok(!talk.gateway.alive()))?;
    is_away(&talk)?;
    let last = talk.last()?;
    assert_eq!(
        (last.text("result"), last.text("reason")),
        ("aborted".into(), "stopping".into())
    );
    talk.finish()
}

#[test]
fn who_hangs_up_is_on_record_with_what_was_said() -> Result<()> {
    let talk = Talk::start(None, |setup, _| setup)?;
    drop(open(&talk)?);
    is_away(&talk)?;
    let last = talk.last()?;
    assert_eq!(last.text("result"), "client_gone");
    assert_eq!(last.number("messages"), Some(1));
    let text = last.0.to_string();
    ensure!(
        text.contains("pii.email") && text.contains("/email"),
        "{text}"
    );
    talk.finish()
}

#[test]
fn a_budget_counts_handshakes_and_what_messages_show() -> Result<()> {
    let budgets = json!([
        { "id": "twice", "services": ["talk"], "per": "agent", "calls": 2 },
        { "id": "shown", "services": ["talk"], "per": "agent", "bytes": 2000 },
    ]);
    let talk = Talk::start(None, |setup, _| setup.set("budgets", budgets))?;
    let mut raw = open(&talk)?;
    let text = format!("[\"{}\"]", "x".repeat(900));
    raw.text(&text)?;
    assert_eq!(raw.next_text()?, text);
    // What would go beyond what is left is not released.
    raw.text(&text)?;
    raw.text(&text)?;
    let (code, reason) = raw.closed()?;
    ensure!(
        code == 1008 && reason.starts_with("budget_exhausted (shown)"),
        "{code} {reason}"
    );
    Raw::open(talk.gateway.listen(0)?, "/talk/talk", "")?;
    let third = Raw::open(talk.gateway.listen(0)?, "/talk/talk", "");
    let third = third.err().context("a third was opened")?.to_string();
    ensure!(third.contains(" 429 "), "{third}");
    talk.finish()
}
