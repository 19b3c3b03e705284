//! Events as real exchanges make them; the bench uses them, too.

use std::sync::Arc;

use audit::{
    BodyRecord, CallerRecord, DelegationRecord, Event, FindingRecord, Lifecycle, Opening,
    OperationRecord, Outcome, PolicyRecord, ProcessRecord, TokenRecord,
};
use jiff::Timestamp;

/// An event's time; nothing here depends on which it is.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + seconds).unwrap()
}

pub(crate) fn stop() -> Event {
    Event::Stop(Lifecycle {
        at: at(0),
        version: "1".into(),
        config: "c".into(),
        policy: "p".into(),
        notes: vec![],
        country: None,
    })
}

/// An opening as a real exchange has it, with `value` in every place that may be personal.
pub(crate) fn opening(value: &str) -> Opening {
    let own = || value.to_owned();
    Opening {
        at: at(0),
        trace: "0af7651916cd43dd8448eb211c80319c".into(),
        caller: CallerRecord {
            agent: Some("spiffe://clinic.example/agent/support".into()),
            session: Some(own()),
            evidence: "kernel+token".into(),
            flow: None,
            process: Some(ProcessRecord {
                pid: 4711,
                start_ns: 1,
                uid: 1001,
                gid: 1001,
                cgroup_id: 77,
                cgroup: Some("/system.slice/agent.service".into()),
                comm: own(),
                exe: Some("/usr/bin/python3.11".into()),
                exe_sha256: Some("a".repeat(64)),
                ancestors: vec!["1 systemd".into()],
            }),
            token: Some(TokenRecord {
                issuer: "https://issuer.example".into(),
                subject: own(),
                id: Some("jti".into()),
                task: Some("T-4891".into()),
                purpose: Some("support".into()),
                scope: [("customer".to_owned(), own())].into(),
                delegation: Some(DelegationRecord {
                    subject: own(),
                    actors: vec!["spiffe://clinic.example/agent/support".into()],
                }),
            }),
            key: None,
        }
        .into(),
        operation: OperationRecord {
            arguments: Arc::default(),
            service: "crm".into(),
            operation: "customer.read".into(),
            effect: "read".into(),
            method: "GET".into(),
            route: "/customers/{customer}".into(),
            bound: Arc::new([("customer".to_owned(), own())].into()),
            country: "DE".into(),
        },
        policies: vec![PolicyRecord {
            id: "session-reads-its-customer".into(),
            reason: None,
            basis: Some("GDPR Art. 6(1)(b)".into()),
        }],
        policy: "sha256:policy".into(),
        declared: vec![],
        notices: vec![],
        upstream: Some("crm.example:443".into()),
        retry_of: None,
    }
}

pub(crate) fn outcome() -> Outcome {
    let finding = |class: &'static str, path: &str| FindingRecord {
        class: class.into(),
        path: path.into(),
        count: 1,
        action: "mask".into(),
        policy: Some("mask-contact".into()),
    };
    Outcome {
        at: at(1),
        opening: 0,
        status: Some(200),
        upstream_status: Some(200),
        sent: true,
        result: "released".into(),
        reason: None,
        request: BodyRecord::default(),
        response: BodyRecord {
            received: 16_384,
            released: 16_100,
            findings: vec![
                finding("pii.email", "/email"),
                finding("pii.phone", "/phone"),
            ],
            findings_unlisted: 0,
            ..BodyRecord::default()
        },
        credential: None,
        model: None,
        mediation: None,
        duration_us: 1234,
    }
}
