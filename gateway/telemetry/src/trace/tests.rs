use std::time::{Duration, SystemTime};

use opentelemetry::{Value, trace::SpanKind};
use opentelemetry_sdk::trace::SpanData;

use super::*;
use crate::{FindingAttrs, ProcessAttrs, UpstreamCall};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn traces() -> Traces {
    Traces::start(
        None,
        1.0,
        Instance {
            version: "1",
            id: "a",
        },
    )
    .unwrap()
}

fn at(ms: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
}

fn exchange<'a>() -> Exchange<'a> {
    Exchange {
        start: at(10),
        end: at(50),
        upstream: Some(UpstreamCall {
            start: at(20),
            end: at(40),
            status: Some(200),
            host: "crm.internal",
            port: 9001,
        }),
        method: "GET",
        route: "/customers/{customer}",
        status: Some(200),
        service: "crm",
        operation: "customer.read",
        effect: "read",
        rpc_method: None,
        tool: None,
        decision: names::RELEASED,
        agent: Some("spiffe://clinic.example/agent/support"),
        session: Some("s-1"),
        task: Some("T-1"),
        purpose: Some("support"),
        evidence: "kernel+token",
        process: Some(ProcessAttrs {
            pid: 7,
            uid: 1001,
            exe: Some("/usr/bin/curl"),
            sha256: None,
        }),
        peer_port: Some(40_000),
        record: Some(12),
        reason: None,
        rule: None,
        flow: None,
        findings: &[],
        request_bytes: 0,
        response_bytes: 512,
    }
}

fn attribute<'a>(span: &'a SpanData, key: &str) -> Option<&'a Value> {
    span.attributes
        .iter()
        .find(|pair| pair.key.as_str() == key)
        .map(|pair| &pair.value)
}

#[test]
fn a_trace_continues_the_agents_and_hands_its_client_span_on() {
    let trace = traces().begin(Some(PARENT), Some("vendor=1,other=2"));

    assert_eq!(trace.id(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(trace.tracestate(), Some("vendor=1,other=2"));
    assert_eq!(
        trace.upstream_traceparent(),
        format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", trace.client)
    );
    assert_ne!(trace.client, trace.server);
}

#[test]
fn a_broken_or_oversized_context_begins_a_trace_of_its_own() {
    let long = format!("vendor={}", "x".repeat(TRACESTATE_BYTES_MAX));
    for (parent, state, continued) in [
        (None, None, false),
        (None, Some("vendor=1"), false),
        (Some(""), None, false),
        (
            Some("00-00000000000000000000000000000000-b7ad6b7169203331-01"),
            None,
            false,
        ),
        (
            Some("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"),
            None,
            false,
        ),
        (
            Some("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            None,
            false,
        ),
        (
            Some("00-zzf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            None,
            false,
        ),
        (Some(PARENT), Some(long.as_str()), true),
        (Some(PARENT), Some("no pair at all"), true),
    ] {
        let trace = traces().begin(parent, state);
        assert_eq!(trace.parent.is_some(), continued, "{parent:?}");
        assert_eq!(trace.id().len(), 32);
        assert_ne!(trace.id(), "00000000000000000000000000000000");
        assert_eq!(trace.tracestate(), None);
    }
}

#[test]
fn the_agents_wish_reaches_the_upstream_but_does_not_decide_ours() {
    let quiet = Traces::start(
        None,
        0.0,
        Instance {
            version: "1",
            id: "a",
        },
    )
    .unwrap();

    let trace = quiet.begin(Some(PARENT), None);
    assert!(!trace.sampled && trace.upstream_traceparent().ends_with("-01"));
    let trace = quiet.begin(None, None);
    assert!(trace.upstream_traceparent().ends_with("-00"));
    let unsampled = PARENT.replace("-01", "-00");
    assert!(traces().begin(Some(&unsampled), None).sampled);
}

#[test]
fn a_share_outside_its_range_is_refused() {
    for share in [-0.1, 1.1, f64::NAN] {
        let started = Traces::start(
            None,
            share,
            Instance {
                version: "1",
                id: "a",
            },
        );
        assert!(matches!(started, Err(TelemetryError::Share(_))), "{share}");
    }
}

#[test]
fn both_spans_belong_together_and_carry_who_asked_for_what() {
    let mut trace = traces().begin(Some(PARENT), None);
    trace.mark(names::ATTRIBUTED, at(11));
    let findings = [FindingAttrs {
        class: "pii.email",
        path: "/email",
        count: 2,
        action: "mask",
    }];
    let exchange = Exchange {
        findings: &findings,
        ..exchange()
    };

    let client = spans::client(&trace, &exchange, exchange.upstream.as_ref().unwrap());
    let server = spans::server(trace, &exchange);

    assert_eq!(client.parent_span_id, server.span_context.span_id());
    assert_eq!(
        client.span_context.trace_id(),
        server.span_context.trace_id()
    );
    assert_eq!(server.parent_span_id.to_string(), "b7ad6b7169203331");
    assert!(server.parent_span_is_remote);
    assert_eq!(
        (&server.span_kind, &client.span_kind),
        (&SpanKind::Server, &SpanKind::Client)
    );
    assert_eq!(server.name, "GET /customers/{customer}");
    assert_eq!((server.start_time, server.end_time), (at(10), at(50)));
    assert_eq!(attribute(&server, "audit.record.id"), Some(&Value::I64(12)));
    assert_eq!(attribute(&server, "process.pid"), Some(&Value::I64(7)));
    assert_eq!(attribute(&client, "server.port"), Some(&Value::I64(9001)));
    let events: Vec<_> = server
        .events
        .iter()
        .map(|event| event.name.as_ref())
        .collect();
    assert_eq!(events, ["attributed", "tidegate.finding"]);
    assert!(server.attributes.len() <= 24);
}

#[test]
fn a_method_that_no_standard_names_is_not_repeated() {
    let exchange = Exchange {
        method: "SSN-123-45-6789",
        ..exchange()
    };
    let server = spans::server(traces().begin(None, None), &exchange);

    assert_eq!(server.name, "_OTHER /customers/{customer}");
    assert_eq!(
        attribute(&server, "http.request.method"),
        Some(&Value::from("_OTHER"))
    );
}

#[test]
fn refusals_failures_and_redactions_are_notable() {
    let masked = [FindingAttrs {
        class: "pii.email",
        path: "/e",
        count: 1,
        action: "mask",
    }];
    let shown = [FindingAttrs {
        class: "pii.email",
        path: "/e",
        count: 1,
        action: "show",
    }];
    for (exchange, notable) in [
        (exchange(), false),
        (
            Exchange {
                findings: &shown,
                ..exchange()
            },
            false,
        ),
        (
            Exchange {
                findings: &masked,
                ..exchange()
            },
            true,
        ),
        (
            Exchange {
                reason: Some("scope"),
                ..exchange()
            },
            true,
        ),
        (
            Exchange {
                decision: "client_gone",
                ..exchange()
            },
            true,
        ),
        (
            Exchange {
                status: Some(502),
                ..exchange()
            },
            true,
        ),
        (
            Exchange {
                status: None,
                ..exchange()
            },
            true,
        ),
    ] {
        assert_eq!(exchange.is_notable(), notable, "{exchange:?}");
    }
}

#[test]
fn stages_and_findings_have_a_limit() {
    let mut trace = traces().begin(None, None);
    (0..100).for_each(|ms| trace.mark(names::ADMITTED, at(ms)));
    let findings = [FindingAttrs {
        class: "a",
        path: "/b",
        count: 1,
        action: "mask",
    }; 40];
    let server = spans::server(
        trace,
        &Exchange {
            findings: &findings,
            ..exchange()
        },
    );

    assert_eq!(server.events.len(), STAGES_MAX + 32);
    assert_eq!(
        attribute(&server, "tidegate.findings.unlisted"),
        Some(&Value::I64(8))
    );
}

#[test]
fn spans_for_a_collector_that_is_not_there_are_dropped_and_counted() {
    // Bound and never accepted from is not enough: a port that was bound and closed refuses.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let traces = Traces::start(
        Some(&endpoint),
        1.0,
        Instance {
            version: "1",
            id: "a",
        },
    )
    .unwrap();
    let watcher = traces.clone();

    traces.finish(traces.begin(None, None), &exchange());
    traces.shutdown();

    assert_eq!(watcher.dropped(), 2);
}

#[test]
fn an_endpoint_that_is_no_address_is_refused() {
    let started = Traces::start(
        Some("http://[nowhere"),
        1.0,
        Instance {
            version: "1",
            id: "a",
        },
    );

    assert!(matches!(started, Err(TelemetryError::Exporter { .. })));
}
