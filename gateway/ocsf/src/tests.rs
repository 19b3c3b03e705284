//! Every kind of event against the official schema: `schema-1.8.0.json` is what the framework publishes,
//! as JSON Schema (Apache-2.0, by `PyPI`'s package `ocsf-json-schema` 1.2.0), without titles and
//! descriptions, of the classes used here with the profiles `security_control` and `trace`. Properties
//! that it does not know are errors in it.

use audit::{Anchor, Entry, Matter};
use serde_json::{Value, json};

pub(crate) fn validator(class: u64) -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(include_str!("tests/schema-1.8.0.json")).unwrap();
    let mut one = schema["classes"][class.to_string()].clone();
    one["$defs"] = schema["$defs"].clone();
    jsonschema::draft202012::new(&one).unwrap()
}

fn anchor() -> Anchor {
    Anchor {
        log: "tidegate/0011223344556677".into(),
        size: 9,
        root: "00".repeat(32),
        checkpoint: String::new(),
    }
}

fn entry(index: u64, event: Value) -> Entry {
    Entry {
        index,
        event: serde_json::from_value(event).unwrap(),
    }
}

fn process() -> Value {
    json!({ "pid": 7, "start_ns": 1, "uid": 1000, "gid": 1000, "cgroup_id": 3, "comm": "agent",
        "exe": "/usr/bin/agent", "exe_sha256": "a".repeat(64), "ancestors": ["1 systemd"] })
}

fn caller() -> Value {
    json!({ "agent": "spiffe://a.example/x", "session": "s-1", "evidence": "kernel+token",
        "flow": "4711", "process": process(),
        "token": { "issuer": "https://i.example", "subject": "spiffe://a.example/x", "task": "T-1",
            "purpose": "support", "scope": { "customer": "C-771" },
            "delegation": { "subject": "alice@a.example",
                "actors": ["spiffe://a.example/x", "bob@a.example", "spiffe://a.example/y"] } } })
}

fn operation(effect: &str) -> Value {
    json!({ "service": "crm", "operation": "customer.read", "effect": effect, "method": "GET",
        "route": "/customers/{customer}", "bound": { "customer": "C-771" }, "country": "DE" })
}

fn erased(act: &str, refused: Option<&str>) -> Value {
    let mut event = json!({ "kind": "erase", "at": "2026-11-26T09:00:00Z", "act": act, "uid": 0,
        "name": "customer", "reason": "asked to", "keys": ["00"] });
    if let Some(refused) = refused {
        event["refused"] = refused.into();
    }
    event
}

/// A turn in the life of an agent's process.
fn expired(uid: Option<u32>) -> Value {
    json!({ "kind": "expire", "at": "2026-11-26T09:00:00Z", "uid": uid, "key": 7, "day": "2020-11-01T00:00:00Z",
        "class": "default", "days": 2192, "basis": "45 CFR 164.316(b)(2)(i)", "records": 12, "first": 3, "last": 15 })
}

fn held() -> Value {
    json!({ "kind": "hold", "at": "2026-11-26T09:00:00Z", "act": "add", "uid": 1001, "name": "claim",
        "reason": "7 Cs 12/26", "service": "crm", "from": "2026-03-01T00:00:00Z" })
}

fn succeeded() -> Value {
    json!({ "kind": "succeed", "at": "2026-11-26T09:00:00Z", "uid": 1001,
        "before": "tidegate/x+00000001+AQ==", "after": "tidegate/x+00000002+AQ==" })
}

fn turn(turn: &str, exit: Option<u32>) -> Matter {
    let event = json!({ "kind": "process", "at": AT, "agent": "spiffe://a.example/x", "turn": turn,
        "process": process(), "parent": 6, "euid": 0, "egid": 0, "capabilities": "1ff",
        "namespaces": { "net": 4_026_531_840_u64 }, "unit": "x.service", "exit": exit });
    Matter {
        entry: entry(0, event),
        closing: None,
    }
}

/// A token that somebody had shown what it stands for, or did not.
fn reveal(uid: Option<u32>, reason: Option<&str>) -> Value {
    json!({ "kind": "reveal", "at": AT, "operator": "ann", "uid": uid, "purpose": "dispute",
        "class": "pii.email", "token": "ab", "reason": reason })
}

/// The same with what was noticed of it.
fn noticed(mut event: Value) -> Value {
    event["declared"] = json!([{ "by": "user-agent", "name": "curl", "version": "8.5.0" }]);
    event["notices"] = json!(["declared_conflict"]);
    event
}

/// Other policies in force.
fn change(reason: Option<&str>) -> Value {
    json!({ "kind": "policies", "at": AT, "uid": 0, "before": "p", "after": "q", "policies": 3,
        "reason": reason })
}

/// A start or a stop.
fn life(kind: &str) -> Value {
    json!({ "kind": kind, "at": AT, "version": "1", "config": "c", "policy": "p",
        "notes": ["telemetry: off"], "country": "DE" })
}

/// When all of it was.
const AT: &str = "2026-01-02T03:04:05.006Z";

fn matters() -> Vec<Matter> {
    let at = AT;
    let rule = json!([{ "id": "may-read", "reason": "why", "basis": "GDPR Art. 6(1)(b)" }]);
    let open = |effect: &str| {
        json!({ "kind": "open", "at": at, "trace": "0af7651916cd43dd8448eb211c80319c",
            "caller": caller(), "operation": operation(effect), "policies": rule, "policy": "sha256:p" })
    };
    let body = |findings: Value| {
        json!({ "received": 9, "released": 8, "findings": findings, "findings_unlisted": 0,
            "gaps": ["media_unknown"] })
    };
    let found = |class: &str, action: &str| json!([{ "class": class, "path": "/x", "count": 2, "action": action, "policy": "mask-it" }]);
    let close = |response: Value| {
        json!({ "kind": "close", "at": at, "opening": 0, "status": 200, "upstream_status": 200,
            "result": "released", "request": body(json!([])), "response": body(response),
            "credential": { "name": "crm", "version": 1, "returned": 0 }, "duration_us": 5400 })
    };
    let alone = |event: Value| Matter {
        entry: entry(0, event),
        closing: None,
    };
    let closed = |effect: &str, response: Value| Matter {
        entry: entry(0, open(effect)),
        closing: Some(entry(1, close(response))),
    };
    let refusal = |caller: Value, operation: Option<Value>, finding: bool| {
        json!({ "kind": "refuse", "at": at, "trace": "0af7", "caller": caller, "operation": operation,
            "reason": "token_foreign", "status": 403, "policies": rule, "policy": "sha256:p",
            "finding": finding })
    };
    let bypass = |remote: &str, result: &str| {
        json!({ "kind": "bypass", "at": at, "agent": "spiffe://a.example/x", "process": process(),
            "flow": "9", "technique": "direct", "protocol": "tcp", "remote": remote, "result": result,
            "name": "api.tests.example" })
    };
    let revoke = |id: &str, lifted: bool| json!({ "kind": "revoke", "at": at, "what": "agent", "id": id, "reason": "lost", "lifted": lifted });
    let turns = ["exec", "fork", "credentials", "namespaces"].map(|it| turn(it, None));
    let mut matters = vec![
        closed("read", found("pii.email", "mask")),
        closed("write", found("pci.pan", "show")),
        closed("delete", found("secret.jwt", "drop")),
        closed("read", json!([])),
        alone(open("read")),
        alone(noticed(open("read"))),
        alone(noticed(refusal(caller(), Some(operation("write")), false))),
        alone(refusal(caller(), Some(operation("write")), true)),
        alone(refusal(json!({ "evidence": "none" }), None, false)),
        alone(reveal(Some(0), None)),
        alone(reveal(None, Some("approval_required"))),
        alone(
            json!({ "kind": "query", "at": at, "command": "search", "uid": 0,
            "criteria": { "class": "phi" } }),
        ),
        alone(erased("erase", None)),
        alone(erased("erase", Some("legal_hold"))),
        alone(expired(None)),
        alone(held()),
        alone(succeeded()),
        alone(bypass("203.0.113.7:443", "passed")),
        alone(bypass("[2001:db8::1]:53", "refused")),
        alone(json!({ "kind": "gap", "at": at, "reason": "ring_full", "lost": 9, "recovered": 9 })),
        turn("exit", Some(256)),
        alone(revoke("spiffe://a.example/x", false)),
        alone(revoke("", true)),
        alone(change(None)),
        alone(change(Some("a narrower grant"))),
        alone(life("start")),
        alone(life("stop")),
    ];
    matters.extend(turns);
    matters
}

#[test]
fn every_event_is_valid_by_the_official_schema() {
    let mut classes = std::collections::BTreeMap::new();
    for matter in matters() {
        let events = crate::events(&matter, &anchor());
        assert!(!events.is_empty(), "{matter:?}");
        for event in events {
            let class = event["class_uid"].as_u64().unwrap();
            *classes.entry(class).or_insert(0) += 1;
            let errors: Vec<String> = validator(class)
                .iter_errors(&event)
                .map(|error| format!("{} at {}", error, error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{class}: {errors:#?}\n{event:#}");
        }
    }
    let all: Vec<u64> = classes.into_keys().collect();
    assert_eq!(all, [1007, 2004, 2006, 3004, 4001, 6002, 6003]);
}

#[test]
fn every_attribute_has_a_column_in_a_lake() {
    for matter in matters() {
        for event in crate::events(&matter, &anchor()) {
            let class = u32::try_from(event["class_uid"].as_u64().unwrap()).unwrap();
            assert_eq!(
                lake::uncovered(class, &event).unwrap(),
                [""; 0],
                "{event:#}"
            );
            let row = lake::Row {
                at_ms: event["time"].as_i64().unwrap(),
                json: event.to_string(),
            };
            lake::file(class, vec![row]).unwrap();
        }
    }
}

#[test]
fn the_schema_refuses_what_is_not_of_it() {
    let matter = &matters()[0];
    let event = crate::events(matter, &anchor()).pop().unwrap();
    for (name, value) in [
        ("class_uid", json!(6004)),
        ("made_up", json!(1)),
        ("time", json!("now")),
    ] {
        let mut bad = event.clone();
        bad[name] = value;
        assert!(!validator(6003).is_valid(&bad), "{name}");
    }
}

#[test]
fn no_event_names_whom_a_call_was_about() {
    for matter in matters() {
        for event in crate::events(&matter, &anchor()) {
            for named in ["C-771", "alice", "bob"] {
                assert!(!event.to_string().contains(named), "{event}");
            }
        }
    }
}

#[test]
fn an_exchange_looks_like_this() {
    let events = crate::events(&matters()[0], &anchor());
    insta::assert_json_snapshot!(events);
}
