//! Libraries as they are: what they hand out is redacted, what they send is screened, and how it ends they are told.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::{
    peers::vendor::{EMAIL, KEY, card},
    records,
    sdks::{Calls, Language},
};

use super::{Talk, at};

/// What the agent sent of somebody.
const SENT: &str = "orla.quist@example.org";

fn talked(language: Language) -> Result<(Talk, Calls)> {
    let talk = Talk::start(Some(language), |setup, _| setup)?;
    let url = format!("ws://{}/talk", talk.gateway.listen(0)?);
    let calls = language.calls("websocket", &[("SDK_URL", &url), ("SDK_KEY", "tidegate")])?;
    Ok((talk, calls))
}

/// What was handed out has the clean part, and nothing of what is personal.
fn is_redacted(told: &str) -> Result<()> {
    ensure!(told.contains("\"O-1\"") && told.contains("soon"), "{told}");
    for planted in [EMAIL, KEY, "tamsel"] {
        ensure!(!told.contains(planted), "{planted} in {told}");
    }
    Ok(())
}

/// The service was shown its key, no extension, and of the subprotocols only what is declared.
fn arrived(talk: &Talk) -> Result<()> {
    let fields = talk.heard("fields")?;
    ensure!(!fields.is_empty(), "nobody came");
    for fields in &fields {
        assert_eq!(
            *at(fields, "/authorization"),
            json!([format!("Bearer {KEY}")])
        );
        assert_eq!(
            *at(fields, "/sec-websocket-extensions"),
            json!([]),
            "{fields}"
        );
        let offered = at(fields, "/sec-websocket-protocol");
        ensure!(
            *offered == json!([]) || *offered == json!(["chat.v2"]),
            "{offered}"
        );
    }
    let offered = |it: &&Value| *at(it, "/sec-websocket-protocol") == json!(["chat.v2"]);
    ensure!(fields.iter().any(|it| offered(&it)), "{fields:?}");
    let messages = talk.heard("message")?;
    let all = json!(messages).to_string();
    ensure!(!all.contains(SENT) && all.contains("call me"), "{all}");
    ensure!(!all.contains("AKIA"), "{all}");
    Ok(())
}

/// A call that was broken off by a rule: its code and its reason.
fn is_closed(calls: &Calls, name: &str, code: u16, reason: &str) -> Result<()> {
    let told = calls.of(name)?;
    let told = told.value().with_context(|| name.to_owned())?;
    let wanted = format!("{code} {reason}");
    ensure!(told.starts_with(&wanted), "{name}: {told}, not {wanted}");
    Ok(())
}

/// Both languages' libraries make the same of it.
fn shared(talk: &Talk, calls: &Calls) -> Result<()> {
    is_redacted(calls.of("redacted")?.value()?)?;
    let screened = calls.of("screened")?;
    let screened = screened.value()?;
    ensure!(
        screened.contains("call me") && !screened.contains(SENT),
        "{screened}"
    );
    is_closed(
        calls,
        "overshared",
        1008,
        "disclosure_refused (cards-stay), record ",
    )?;
    is_closed(calls, "bytes_sent", 1008, "request_uninspected, record ")?;
    is_closed(calls, "died", 1011, "upstream_failed, record ")?;
    let over = calls.of("over")?;
    let over = over.value()?;
    ensure!(
        over.starts_with("4001 ask ") && !over.contains("tamsel"),
        "{over}"
    );
    arrived(talk)
}

#[test]
fn python() -> Result<()> {
    let (talk, calls) = talked(Language::Python)?;
    shared(&talk, &calls)?;
    assert_eq!(calls.of("agreed")?.value()?, "chat.v2||True");
    assert_eq!(calls.of("echoed")?.value()?, r#"{"a": "one two"}"#);
    let denied = calls.of("refused")?;
    let denied = denied.value()?;
    ensure!(
        denied.starts_with("403 ") && denied.contains("\"code\": 7") && !denied.contains(EMAIL),
        "{denied}"
    );
    let undeclared = calls.of("undeclared")?;
    let undeclared = undeclared.value()?;
    ensure!(
        undeclared.starts_with("403 ") && undeclared.contains("websocket_undeclared"),
        "{undeclared}"
    );
    is_closed(
        &calls,
        "secret",
        1008,
        "disclosure_refused (secrets-stay), record ",
    )?;
    is_closed(
        &calls,
        "bytes_received",
        1008,
        "response_uninspected, record ",
    )?;
    is_closed(&calls, "unreadable", 1008, "request_unreadable, record ")?;
    is_closed(
        &calls,
        "long_received",
        1011,
        "response_unreadable, record ",
    )?;
    is_closed(&calls, "long_sent", 1009, "message_too_long, record ")?;
    is_closed(&calls, "compressed", 1011, "response_unreadable, record ")?;
    is_closed(&calls, "not_text", 1011, "response_unreadable, record ")?;
    assert_eq!(calls.of("left")?.value()?, "1000");
    let overshared = calls.of("overshared")?;
    let overshared = overshared.value()?;
    ensure!(
        overshared.contains("\"id\"") && !overshared.contains(&card()),
        "{overshared}"
    );
    records_say_so(&talk)?;
    talk.finish()
}

/// Each WebSocket is one exchange, with its messages counted both ways, and what was found in them.
fn records_say_so(talk: &Talk) -> Result<()> {
    talk.last()?;
    let log = records::list(&talk.gateway)?;
    let mut ends = Vec::new();
    for opening in log.iter().filter(|it| it.kind() == "open") {
        let index = opening.index().context("no index")?;
        let closing = records::closing(&talk.gateway, index)?;
        ends.push(closing.0);
    }
    let outcomes: Vec<&Value> = ends.iter().filter_map(outcome).collect();
    let with = |result: &str, reason: Option<&str>| {
        let mut outcomes = outcomes.iter();
        let found = outcomes.find(|it| {
            *at(it, "/result") == result && it.get("reason").and_then(Value::as_str) == reason
        });
        found.with_context(|| format!("no {result}, {reason:?}: {outcomes:?}"))
    };
    // `screened` and `redacted` were let end, with their findings.
    let is_found = |side: &str, path: &str| {
        outcomes.iter().any(|it| {
            let findings = at(it, &format!("/{side}/findings")).as_array();
            let mut findings = findings.into_iter().flatten();
            *at(it, "/result") == "released"
                && findings.any(|it| {
                    *at(it, "/class") == "pii.email"
                        && *at(it, "/path") == path
                        && *at(it, "/action") == "mask"
                })
        })
    };
    ensure!(is_found("request", "/note"), "{outcomes:?}");
    ensure!(is_found("response", "/email"), "{outcomes:?}");
    let redacted = outcomes.iter().find(|it| {
        *at(it, "/result") == "released"
            && *at(it, "/request/messages") == 2
            && *at(it, "/response/messages") == 2
    });
    let redacted = redacted.with_context(|| format!("no two messages: {outcomes:?}"))?;
    assert_eq!(*at(redacted, "/status"), 101);
    assert_eq!(*at(redacted, "/upstream_status"), 101);
    for side in ["request", "response"] {
        ensure!(
            at(redacted, &format!("/{side}/received")).as_u64() > Some(10),
            "{redacted}"
        );
        ensure!(
            at(redacted, &format!("/{side}/released")).as_u64() > Some(10),
            "{redacted}"
        );
    }
    for reason in [
        "disclosure_refused",
        "request_uninspected",
        "response_uninspected",
        "request_unreadable",
        "response_unreadable",
        "message_too_long",
        "upstream_failed",
    ] {
        with("aborted", Some(reason))?;
    }
    Ok(())
}

/// What an end says of itself, wherever the command line puts it.
fn outcome(record: &Value) -> Option<&Value> {
    match record {
        Value::Object(members) if members.contains_key("result") => Some(record),
        Value::Object(members) => members.values().find_map(outcome),
        _ => None,
    }
}

#[test]
fn node() -> Result<()> {
    let (talk, calls) = talked(Language::Node)?;
    shared(&talk, &calls)?;
    assert_eq!(calls.of("agreed")?.value()?, "chat.v2||1000");
    assert_eq!(calls.of("echoed")?.value()?, "the same");
    for (name, said) in [
        ("refused", "\"code\": 7"),
        ("undeclared", "websocket_undeclared"),
    ] {
        let made = calls.of(name)?;
        assert_eq!(made.error()?.1, Some(403), "{name}");
        ensure!(made.message().contains(said), "{name}: {}", made.message());
        ensure!(!made.message().contains(EMAIL), "{name}");
    }
    talk.finish()
}
