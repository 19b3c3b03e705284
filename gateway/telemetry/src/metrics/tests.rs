use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::{FindingAttrs, UpstreamCall};

pub(super) fn metrics() -> Metrics {
    Metrics::new([("crm", "customer.read"), ("crm", "customer.list")]).unwrap()
}

pub(super) fn exchange<'a>() -> Exchange<'a> {
    let start = SystemTime::UNIX_EPOCH;
    let end = start + Duration::from_millis(3);
    Exchange {
        start,
        end,
        upstream: Some(UpstreamCall {
            start,
            end,
            status: Some(200),
            host: "crm",
            port: 80,
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
        agent: None,
        session: None,
        task: None,
        purpose: None,
        evidence: "kernel",
        process: None,
        peer_port: None,
        record: Some(1),
        reason: None,
        rule: None,
        flow: None,
        findings: &[],
        request_bytes: 10,
        response_bytes: 20,
    }
}

#[track_caller]
fn check(text: &str, line: &str) {
    assert!(
        text.lines().any(|one| one == line),
        "no `{line}` in:\n{text}"
    );
}

#[test]
fn an_exchange_is_counted_by_its_configured_names() {
    let metrics = metrics();
    let findings = [FindingAttrs {
        class: "pii.email",
        path: "/email",
        count: 3,
        action: "mask",
    }];

    metrics.exchange(&Exchange {
        findings: &findings,
        ..exchange()
    });
    metrics.exchange(&Exchange {
        status: Some(403),
        reason: Some("scope"),
        ..exchange()
    });
    metrics.attributed(Some("kernel"));
    metrics.attributed(None);
    let text = metrics.render();

    for line in [
        r#"tidegate_requests_total{operation="customer.read",reason="none",service="crm",status="2xx"} 1"#,
        r#"tidegate_requests_total{operation="customer.read",reason="scope",service="crm",status="4xx"} 1"#,
        r#"tidegate_request_duration_seconds_count{operation="customer.read",service="crm"} 2"#,
        r#"tidegate_request_duration_seconds_bucket{operation="customer.read",service="crm",le="0.005"} 2"#,
        r#"tidegate_request_duration_seconds_bucket{operation="customer.read",service="crm",le="0.0025"} 0"#,
        r#"tidegate_upstream_duration_seconds_count{service="crm"} 2"#,
        r#"tidegate_body_bytes_total{direction="request",service="crm"} 20"#,
        r#"tidegate_body_bytes_total{direction="response",service="crm"} 40"#,
        r#"tidegate_findings_total{action="mask",class="pii.email"} 3"#,
        r#"tidegate_attributions_total{source="kernel"} 1"#,
        r#"tidegate_attributions_total{source="none"} 1"#,
    ] {
        check(&text, line);
    }
}

#[test]
fn names_that_no_configuration_has_make_no_labels() {
    let metrics = metrics();

    metrics.exchange(&Exchange {
        service: "canary",
        operation: "canary",
        ..exchange()
    });
    metrics.exchange(&Exchange {
        operation: "canary",
        ..exchange()
    });
    let text = metrics.render();

    assert!(!text.contains("canary"));
    for service in ["unmatched", "crm"] {
        check(
            &text,
            &format!(
                r#"tidegate_requests_total{{operation="unmatched",reason="none",service="{service}",status="2xx"}} 1"#
            ),
        );
    }
}

#[test]
fn reasons_beyond_the_limit_share_one_label() {
    let metrics = metrics();
    let reasons: Vec<_> = (0..LABEL_VALUES_MAX + 5)
        .map(|n| format!("reason_{n}"))
        .collect();

    for reason in &reasons {
        metrics.exchange(&Exchange {
            reason: Some(reason),
            status: Some(403),
            ..exchange()
        });
    }

    check(
        &metrics.render(),
        r#"tidegate_requests_total{operation="customer.read",reason="other",service="crm",status="4xx"} 5"#,
    );
}

#[test]
fn watched_figures_are_read_at_every_rendering() {
    let metrics = metrics();
    let committed = Arc::new(AtomicU64::new(5));
    let theirs = Arc::clone(&committed);
    metrics
        .watch(Watched::RecordsCommitted, move || {
            theirs.load(Ordering::Relaxed)
        })
        .unwrap();
    metrics.watch(Watched::TrailQueue, || 3).unwrap();

    let text = metrics.render();
    check(&text, "tidegate_audit_records_total 5");
    check(&text, "tidegate_audit_queue_depth 3");
    committed.store(9, Ordering::Relaxed);
    check(&metrics.render(), "tidegate_audit_records_total 9");

    let again = metrics.watch(Watched::TrailQueue, || 0);
    assert!(matches!(again, Err(TelemetryError::Metric(_))));
}

#[test]
fn connections_are_open_for_as_long_as_their_guard_lives() {
    let metrics = metrics();

    let (first, second) = (metrics.connection(), metrics.connection());
    check(&metrics.render(), "tidegate_connections_active 2");
    drop((first, second));
    check(&metrics.render(), "tidegate_connections_active 0");
}

#[test]
fn upstreams_are_counted_and_asked_whether_they_are_fit() {
    let metrics = metrics();
    metrics.upstream_called("crm", "eu.example:443", "answered");
    metrics.upstream_called("crm", "eu.example:443", "failed");
    metrics.failed_over("crm", true);
    metrics.failed_over("crm", false);
    let fit = Arc::new(AtomicU64::new(1));
    let read = Arc::clone(&fit);
    let watched = metrics.watch_upstream("crm", "eu.example:443", move || {
        read.load(Ordering::Relaxed) == 1
    });
    watched.unwrap();
    let of = |now| {
        fit.store(now, Ordering::Relaxed);
        metrics.render()
    };
    let text = of(0);
    for outcome in ["answered", "failed"] {
        check(
            &text,
            &format!(
                "tidegate_upstream_calls_total{{outcome=\"{outcome}\",service=\"crm\",upstream=\"eu.example:443\"}} 1"
            ),
        );
    }
    for result in ["taken", "refused"] {
        check(
            &text,
            &format!("tidegate_failovers_total{{result=\"{result}\",service=\"crm\"}} 1"),
        );
    }
    let gauge = "tidegate_upstream_fit{service=\"crm\",upstream=\"eu.example:443\"}";
    check(&text, &format!("{gauge} 0"));
    check(&of(1), &format!("{gauge} 1"));
}
