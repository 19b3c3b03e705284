//! Every operation of every provider's profile is reached by its method and path, does what it says, and is in the
//! groups that policies name.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use axum::{Router, routing::any};
use serde_json::{Value, json};
use tests::{
    client::Client,
    gateway::Gateway,
    peers::Peer,
    records,
    setup::{Service, Setup},
};

use crate::world::{HERE, path_selector, verified};

/// Where the profiles are.
const PROFILES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../gateway/daemon/src/config/profiles"
);

const POLICY: &str = r#"
@id("agents-may-call")
permit (principal, action == Action::"call", resource);

@id("no-money-moves")
forbid (principal, action == Action::"call", resource in Group::"money");

@id("nobody-is-written-to")
forbid (principal, action == Action::"call", resource in Group::"messages");

@id("no-model-that-is-trained-on-it")
forbid (principal, action == Action::"call", resource in Group::"models")
unless { ["never", "opt_in"].contains(context.training) };

@id("all-is-shown")
permit (principal, action == Action::"disclose", resource);
"#;

/// Calls as the providers' references have them, and what becomes of them under the rules above: the rule that refuses,
/// or `read`, `write`, `delete`, `operation_unknown`. Written by hand, from no profile.
const KNOWN: [(&str, &str, &str, &str); 34] = [
    ("stripe", "GET", "/v1/charges/ch_1", "read"),
    ("stripe", "GET", "/v1/charges/search", "operation_unknown"),
    ("stripe", "GET", "/v1/invoices/Search", "operation_unknown"),
    (
        "stripe",
        "GET",
        "/v1/payment_intents/search",
        "operation_unknown",
    ),
    ("stripe", "GET", "/v1/customers/search", "read"),
    (
        "stripe",
        "POST",
        "/v1/invoices/create_preview",
        "operation_unknown",
    ),
    ("stripe", "POST", "/v1/refunds", "no-money-moves"),
    ("stripe", "POST", "/v1/payouts", "no-money-moves"),
    ("stripe", "POST", "/v1/transfers", "no-money-moves"),
    ("stripe", "POST", "/v1/credit_notes", "no-money-moves"),
    ("stripe", "POST", "/v1/invoices/in_1/pay", "no-money-moves"),
    (
        "stripe",
        "POST",
        "/v1/invoices/in_1/send",
        "nobody-is-written-to",
    ),
    ("stripe", "POST", "/v1/accounts", "operation_unknown"),
    ("github", "GET", "/gists/aa5a", "read"),
    ("github", "GET", "/gists/public", "operation_unknown"),
    ("github", "GET", "/gists/starred", "operation_unknown"),
    (
        "github",
        "GET",
        "/repos/o/r/issues/comments",
        "operation_unknown",
    ),
    (
        "github",
        "GET",
        "/repos/o/r/issues/events",
        "operation_unknown",
    ),
    (
        "github",
        "GET",
        "/repos/o/r/pulls/comments",
        "operation_unknown",
    ),
    (
        "github",
        "POST",
        "/repos/o/r/issues/7/comments",
        "nobody-is-written-to",
    ),
    ("github", "DELETE", "/repos/o/r", "delete"),
    ("gemini", "GET", "/v1beta/files/f7", "read"),
    (
        "gemini",
        "GET",
        "/v1beta/files/f7:download",
        "operation_unknown",
    ),
    (
        "gemini",
        "POST",
        "/v1beta/models/m:generateContent",
        "no-model-that-is-trained-on-it",
    ),
    (
        "gemini",
        "POST",
        "/v1beta/models/m:tune",
        "operation_unknown",
    ),
    ("openai", "POST", "/v1/chat/completions", "write"),
    (
        "openai",
        "POST",
        "/v1/organization/projects",
        "operation_unknown",
    ),
    ("anthropic", "POST", "/v1/messages", "write"),
    (
        "slack",
        "POST",
        "/api/chat.postMessage",
        "nobody-is-written-to",
    ),
    (
        "slack",
        "POST",
        "/api/admin.users.remove",
        "operation_unknown",
    ),
    (
        "twilio",
        "POST",
        "/2010-04-01/Accounts/AC1/Messages.json",
        "nobody-is-written-to",
    ),
    (
        "twilio",
        "POST",
        "/2010-04-01/Accounts/AC1/Calls.json",
        "nobody-is-written-to",
    ),
    (
        "twilio",
        "GET",
        "/2010-04-01/Accounts/AC1/IncomingPhoneNumbers/Local.json",
        "operation_unknown",
    ),
    (
        "twilio",
        "POST",
        "/2010-04-01/Accounts/AC1/IncomingPhoneNumbers/TollFree.json",
        "operation_unknown",
    ),
];

/// What parameters read, of arguments that have a type.
fn value(parameter: &str) -> Value {
    match parameter {
        "amount" | "refund_amount" => json!(500),
        "currency" => json!("eur"),
        _ => json!("x7"),
    }
}

/// A member of an operation as its profile has it.
fn text<'o>(operation: &'o Value, name: &str) -> &'o str {
    operation
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A request's path, and its body.
fn request(operation: &Value) -> (String, String) {
    let segments = text(operation, "path").split('/').map(|segment| {
        match (segment.find('{'), segment.find('}')) {
            (Some(from), Some(to)) => [segment.get(..from), Some("x7"), segment.get(to + 1..)]
                .into_iter()
                .flatten()
                .collect(),
            _ => segment.to_owned(),
        }
    });
    let path = segments.collect::<Vec<String>>().join("/");
    let body = operation.get("body").and_then(Value::as_object);
    let members = body.into_iter().flatten().map(|(parameter, at)| {
        let at = at.as_str().unwrap_or_default().to_owned();
        (at, value(parameter))
    });
    (path, Value::Object(members.collect()).to_string())
}

/// The effect that the record is to tell.
fn effect(operation: &Value) -> &str {
    match (text(operation, "effect"), text(operation, "method")) {
        ("", "GET") => "read",
        ("", "DELETE") => "delete",
        ("", _) => "write",
        (stated, _) => stated,
    }
}

/// Whether the rules above let it through.
fn may_pass(profile: &Value, operation: &Value) -> bool {
    let groups = operation.get("groups").and_then(Value::as_array);
    let is_in = |group: &str| groups.into_iter().flatten().any(|it| it == group);
    let training = profile.pointer("/training/may").and_then(Value::as_str);
    let untrained = training.is_some_and(|may| ["never", "opt_in"].contains(&may));
    !is_in("money") && !is_in("messages") && (untrained || !is_in("models"))
}

fn profiles() -> Result<BTreeMap<String, Value>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(PROFILES)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "yaml") {
            let name = path
                .file_stem()
                .and_then(|it| it.to_str())
                .context("a name")?;
            let text = fs::read_to_string(Path::new(&path))?;
            all.insert(name.to_owned(), serde_saphyr::from_str(&text)?);
        }
    }
    Ok(all)
}

/// A gateway with a service of every profile, and who stands for all providers.
fn gateway(profiles: &BTreeMap<String, Value>) -> Result<(Gateway, Peer)> {
    let answer = any(async || ([("content-type", "application/json")], "{}"));
    let peer = Peer::serve(Router::new().fallback_service(answer), "127.0.0.1:0", None)?;
    let this = std::env::current_exe()?.canonicalize()?;
    let mut setup = Setup::new()
        .agent(HERE, &[path_selector(&this)], "optional")
        .policy(POLICY);
    for (name, profile) in profiles {
        let service = Service::of(name, name, &peer.url(), "US");
        let may = profile.pointer("/training/may").cloned();
        // Here nobody speaks for the provider.
        let service = service.set("training", may.context("who trains")?);
        setup = setup.service(service.set("prefix", format!("/{name}").into()));
    }
    Ok((Gateway::start(&setup)?, peer))
}

#[test]
fn operations_of_profiles_are_what_they_say() -> Result<()> {
    let profiles = profiles()?;
    assert_eq!(profiles.len(), 9, "{:?}", profiles.keys());
    let (mut gateway, _peer) = gateway(&profiles)?;
    let client = Client::plain()?;
    let mut expected = BTreeMap::new();
    for (name, profile) in &profiles {
        let operations = profile.get("operations").and_then(Value::as_array);
        for operation in operations.context("no operations")? {
            let (path, body) = request(operation);
            let url = gateway.url(&format!("/{name}{path}"))?;
            let (method, id) = (text(operation, "method"), text(operation, "id"));
            let fields: &[_] = match method {
                "GET" | "DELETE" => &[],
                _ => &[("content-type", "application/json")],
            };
            let body = if fields.is_empty() {
                String::new()
            } else {
                body
            };
            let answer = client.send(method, &url, fields, body.into())?;
            let status = match may_pass(profile, operation) {
                // It is opened by a handshake alone: websocket/realtime.rs.
                _ if operation.get("websocket").is_some() => 426,
                true => 200,
                false => 403,
            };
            assert_eq!(answer.status, status, "{name}/{id}: {}", answer.text());
            let record = answer.record().context("no record")?;
            expected.insert(
                record,
                (format!("{name}/{id}"), effect(operation).to_owned()),
            );
        }
    }
    ensure!(gateway.stop()?.success(), "{}", gateway.stderr());
    ensure!(expected.len() >= 300, "{} operations", expected.len());
    for record in records::list(&gateway)? {
        let Some(expected) = record.index().and_then(|index| expected.remove(&index)) else {
            continue;
        };
        let told = record.find("operation").cloned().unwrap_or_default();
        let name = format!("{}/{}", text(&told, "service"), text(&told, "operation"));
        let effect = text(&told, "effect").to_owned();
        assert_eq!((name, effect), expected, "{record:?}");
    }
    ensure!(expected.is_empty(), "not on record: {expected:?}");
    verified(&gateway).map(drop)
}

#[test]
fn calls_are_what_their_references_say() -> Result<()> {
    let (mut gateway, _peer) = gateway(&profiles()?)?;
    let client = Client::plain()?;
    for (name, method, path, expected) in KNOWN {
        let body =
            json!({ "amount": 500, "currency": "eur", "To": "+4930123456", "channel": "C1" });
        let (fields, body): (&[_], _) = match method {
            "POST" => (&[("content-type", "application/json")], body.to_string()),
            _ => (&[], String::new()),
        };
        let url = gateway.url(&format!("/{name}{path}"))?;
        let answer = client.send(method, &url, fields, body.into())?;
        let told = answer.json()?;
        let told = match (answer.status.as_u16(), text(&told, "reason")) {
            (200, _) => match method {
                "GET" => "read",
                "DELETE" => "delete",
                _ => "write",
            },
            (_, "access_refused") => text(&told, "rule"),
            (_, reason) => reason,
        };
        assert_eq!(told, expected, "{name}: {method} {path}");
    }
    ensure!(gateway.stop()?.success(), "{}", gateway.stderr());
    verified(&gateway).map(drop)
}
