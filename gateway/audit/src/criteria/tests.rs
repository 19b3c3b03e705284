use super::*;
use crate::{Entry, Inquiry};

fn matter() -> Matter {
    let opening = serde_json::json!({
        "kind": "open", "at": "2026-01-02T03:04:05Z", "trace": "0af7",
        "caller": { "agent": "spiffe://a.example/x", "session": "s-1", "evidence": "kernel",
            "token": { "issuer": "i", "subject": "x", "task": "T-1", "purpose": "support",
                "scope": { "patient": "P-9" },
                "delegation": { "subject": "alice", "actors": ["x", "bob"] } } },
        "operation": { "service": "crm", "operation": "read", "effect": "read", "method": "GET",
            "route": "/c/{customer}", "bound": { "customer": "C-1" }, "country": "DE" },
        "policies": [{ "id": "may-read" }], "policy": "sha256:p"
    });
    let body = |findings: serde_json::Value| {
        serde_json::json!({ "received": 1, "released": 1, "findings": findings,
            "findings_unlisted": 0, "gaps": [] })
    };
    let closing = serde_json::json!({
        "kind": "close", "at": "2026-01-02T03:04:06Z", "opening": 7, "status": 200,
        "result": "released", "duration_us": 9, "request": body(serde_json::json!([])),
        "response": body(serde_json::json!([{ "class": "phi.mrn", "path": "/mrn", "count": 1,
            "action": "mask", "policy": "mask-mrn" }]))
    });
    let entry = |index, event: serde_json::Value| Entry {
        index,
        event: serde_json::from_value(event).unwrap(),
    };
    Matter {
        entry: entry(7, opening),
        closing: Some(entry(8, closing)),
    }
}

type Put = fn(&mut Criteria, String);

#[test]
fn each_criterion_is_met_by_what_it_names_and_by_nothing_else() {
    let matter = matter();
    let set: [(&str, &str, Put); 14] = [
        ("sub=alice", "customer=alice", |it, value| {
            it.subject = value.parse().ok();
        }),
        ("sub=bob", "sub=carol", |it, value| {
            it.subject = value.parse().ok();
        }),
        ("spiffe://a.example/x", "x", |it, value| {
            it.agent = Some(value);
        }),
        ("s-1", "s-2", |it, value| it.session = Some(value)),
        ("T-1", "T-2", |it, value| it.task = Some(value)),
        ("crm", "cr", |it, value| it.service = Some(value)),
        ("read", "write", |it, value| it.operation = Some(value)),
        ("phi", "ph", |it, value| it.class = Some(value)),
        ("phi.mrn", "phi.mrn.x", |it, value| it.class = Some(value)),
        ("released", "open", |it, value| it.decision = Some(value)),
        ("DE", "FR", |it, value| it.jurisdiction = Some(value)),
        ("0af7", "0af8", |it, value| it.trace = Some(value)),
        ("mask-mrn", "mask", |it, value| it.rule = Some(value)),
        ("customer=C-1", "patient=C-1", |it, value| {
            it.subject = value.parse().ok();
        }),
    ];
    for (good, bad, put) in set {
        for (value, expected) in [(good, true), (bad, false)] {
            let mut criteria = Criteria::default();
            put(&mut criteria, value.to_owned());
            assert_eq!(criteria.holds(&matter), expected, "{value}");
        }
    }
    let scoped = Criteria {
        subject: "patient=P-9".parse().ok(),
        kind: Some(Kind::Close),
        ..Criteria::default()
    };
    assert!(scoped.holds(&matter));
    assert!(Criteria::default().holds(&matter));
}

#[test]
fn a_record_of_a_search_does_not_say_whose_records_were_sought() {
    let criteria = Criteria {
        subject: "customer=C-1".parse().ok(),
        class: Some("phi".into()),
        ..Criteria::default()
    };
    let inquiry = Inquiry {
        at: jiff::Timestamp::UNIX_EPOCH,
        command: "search".into(),
        uid: 0,
        purpose: None,
        criteria: criteria.stated(),
    };
    let text = serde_json::to_string(&inquiry).unwrap();
    assert!(
        text.contains(r#""subject":"customer""#) && !text.contains("C-1"),
        "{text}"
    );
    assert!("customer".parse::<Subject>().is_err());
}
