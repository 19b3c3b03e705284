use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value,
    trace::v1::{Span, SpanFlags, span::SpanKind, status::StatusCode},
};
use prost::Message as _;

use super::*;
use crate::{
    FindingAttrs, ProcessAttrs, UpstreamCall,
    wire::{Request, Resource, ResourceSpans, Scope, ScopeSpans},
};

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

/// What a collector reads of a span, by the official messages.
fn read(span: &crate::wire::Span) -> Span {
    Span::decode(&*span.encode_to_vec()).unwrap()
}

fn attribute<'a>(span: &'a Span, key: &str) -> Option<&'a Value> {
    let pair = span.attributes.iter().find(|pair| pair.key == key)?;
    pair.value.as_ref()?.value.as_ref()
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
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

    let upstream = exchange.upstream.as_ref().unwrap();
    let client = read(&spans::client(&trace, &exchange, upstream));
    let server = read(&spans::server(&trace, &exchange));

    assert_eq!(client.parent_span_id, server.span_id);
    assert_eq!(client.trace_id, server.trace_id);
    assert_eq!(hex::encode(&server.trace_id), trace.id());
    assert_eq!(hex::encode(&server.parent_span_id), "b7ad6b7169203331");
    let remote = |span: &Span| span.flags & SpanFlags::ContextIsRemoteMask as u32 != 0;
    assert!(remote(&server) && !remote(&client));
    assert_eq!(
        (server.kind(), client.kind()),
        (SpanKind::Server, SpanKind::Client)
    );
    assert_eq!(server.name, "GET /customers/{customer}");
    assert_eq!(
        (server.start_time_unix_nano, server.end_time_unix_nano),
        (10_000_000, 50_000_000)
    );
    let status = server.status.as_ref().unwrap();
    assert_eq!(status.code(), StatusCode::Unset);
    let number = |span, key| attribute(span, key).cloned();
    assert_eq!(
        number(&server, "audit.record.id"),
        Some(Value::IntValue(12))
    );
    assert_eq!(number(&server, "process.pid"), Some(Value::IntValue(7)));
    assert_eq!(number(&client, "server.port"), Some(Value::IntValue(9001)));
    assert_eq!(attribute(&server, names::TASK_ID), Some(&text("T-1")));
    let events: Vec<_> = server.events.iter().map(|event| &*event.name).collect();
    assert_eq!(events, ["attributed", "tidegate.finding"]);
    assert_eq!(server.events[1].attributes.len(), 4);
    assert!(server.attributes.len() <= 24);
}

#[test]
fn failures_are_errors_and_say_so() {
    let exchange = Exchange {
        status: Some(502),
        upstream: exchange().upstream.map(|call| UpstreamCall {
            status: None,
            ..call
        }),
        ..exchange()
    };
    let trace = traces().begin(None, None);
    let upstream = exchange.upstream.as_ref().unwrap();
    let client = read(&spans::client(&trace, &exchange, upstream));
    let server = read(&spans::server(&trace, &exchange));
    for span in [&client, &server] {
        assert_eq!(span.status.as_ref().unwrap().code(), StatusCode::Error);
    }
    assert!(attribute(&client, "error.type").is_some());
    assert!(server.parent_span_id.is_empty());
}

#[test]
fn a_collector_reads_what_is_sent() {
    let span = spans::server(&traces().begin(None, None), &exchange());
    let sent = Request {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![KeyValue::constant(names::SERVICE_NAME, names::TIDEGATE)],
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(Scope {
                    name: names::TIDEGATE.into(),
                }),
                spans: vec![span.encode_to_vec().into(); 2],
            }],
        }],
    };
    let read = ExportTraceServiceRequest::decode(&*sent.encode_to_vec()).unwrap();
    let of_us = &read.resource_spans[0];
    let resource = of_us.resource.as_ref().unwrap();
    assert_eq!(resource.attributes[0].key, names::SERVICE_NAME);
    let scope = &of_us.scope_spans[0];
    assert_eq!(scope.scope.as_ref().unwrap().name, names::TIDEGATE);
    let names: Vec<_> = scope.spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["GET /customers/{customer}"; 2]);
}

#[test]
fn a_method_that_no_standard_names_is_not_repeated() {
    let exchange = Exchange {
        method: "SSN-123-45-6789",
        ..exchange()
    };
    let server = read(&spans::server(&traces().begin(None, None), &exchange));

    assert_eq!(server.name, "_OTHER /customers/{customer}");
    assert_eq!(
        attribute(&server, "http.request.method"),
        Some(&text("_OTHER"))
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
    let exchange = Exchange {
        findings: &findings,
        ..exchange()
    };
    let server = read(&spans::server(&trace, &exchange));

    assert_eq!(server.events.len(), STAGES_MAX + 32);
    assert_eq!(
        attribute(&server, "tidegate.findings.unlisted"),
        Some(&Value::IntValue(8))
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
