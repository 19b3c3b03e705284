//! From an exchange to its spans: one server span and, if an upstream was called, one client span.
//!
//! They are made at the end and whole, straight as the wire has them: a span that is opened, filled
//! piece by piece and closed through the tracing layers costs several times as much.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use opentelemetry::trace::{SpanId, TraceFlags};

use crate::{
    Exchange, FindingAttrs, UpstreamCall, names,
    trace::{Parent, Trace},
    wire::{Event, KeyValue, Span, Status},
};

/// Findings that one span lists; the others are counted in one attribute.
const FINDING_EVENTS_MAX: usize = 32;
/// Attributes that a server span has at most, so that its vector grows once.
const SERVER_ATTRIBUTES: usize = 27;

/// `SPAN_KIND_SERVER` and `SPAN_KIND_CLIENT`.
const SERVER: i32 = 2;
pub(crate) const CLIENT: i32 = 3;
/// `STATUS_CODE_ERROR`; unset is 0.
const ERROR: i32 = 2;
/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK` and `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// The agent's request, as we served it.
pub(crate) fn server(trace: &Trace, exchange: &Exchange<'_>) -> Span {
    let parent = trace.parent.as_ref().map(|parent: &Parent| parent.span);
    Span {
        parent_span_id: parent.map_or(Bytes::new(), id),
        kind: SERVER,
        start_time_unix_nano: nanoseconds(exchange.start),
        end_time_unix_nano: nanoseconds(exchange.end),
        attributes: server_attributes(exchange),
        events: events(trace, exchange),
        status: Some(status(exchange.status, 500)),
        flags: flags(parent.is_some()),
        ..begun(trace, trace.server, exchange)
    }
}

/// Our request to the upstream.
pub(crate) fn client(trace: &Trace, exchange: &Exchange<'_>, upstream: &UpstreamCall<'_>) -> Span {
    Span {
        parent_span_id: id(trace.server),
        kind: CLIENT,
        start_time_unix_nano: nanoseconds(upstream.start),
        end_time_unix_nano: nanoseconds(upstream.end),
        attributes: vec![
            KeyValue::constant(names::HTTP_REQUEST_METHOD, exchange.known_method()),
            KeyValue::text(names::URL_TEMPLATE, exchange.route),
            KeyValue::text(names::SERVER_ADDRESS, upstream.host),
            KeyValue::number(names::SERVER_PORT, upstream.port),
            match upstream.status {
                Some(status) => KeyValue::number(names::HTTP_RESPONSE_STATUS_CODE, status),
                None => KeyValue::constant(names::ERROR_TYPE, names::UPSTREAM_FAILED),
            },
        ],
        status: Some(status(upstream.status, 400)),
        flags: flags(false),
        ..begun(trace, trace.client, exchange)
    }
}

/// What both spans have. The agent's `tracestate` goes to the upstream, not to the collector: it is
/// a header's value.
fn begun(trace: &Trace, span: SpanId, exchange: &Exchange<'_>) -> Span {
    let name = format!("{} {}", exchange.known_method(), exchange.route);
    Span {
        trace_id: Bytes::copy_from_slice(&trace.id.to_bytes()),
        span_id: id(span),
        name: name.into(),
        ..Span::default()
    }
}

fn server_attributes(exchange: &Exchange<'_>) -> Vec<KeyValue> {
    let mut all = Vec::with_capacity(SERVER_ATTRIBUTES);
    all.extend([
        KeyValue::constant(names::HTTP_REQUEST_METHOD, exchange.known_method()),
        KeyValue::text(names::HTTP_ROUTE, exchange.route),
        KeyValue::number(names::HTTP_REQUEST_BODY_SIZE, exchange.request_bytes),
        KeyValue::number(names::HTTP_RESPONSE_BODY_SIZE, exchange.response_bytes),
        KeyValue::text(names::SERVICE, exchange.service),
        KeyValue::text(names::OPERATION, exchange.operation),
        KeyValue::text(names::EFFECT, exchange.effect),
        KeyValue::text(names::DECISION, exchange.decision),
        KeyValue::text(names::EVIDENCE, exchange.evidence),
    ]);
    let status = exchange.status;
    all.extend(status.map(|status| KeyValue::number(names::HTTP_RESPONSE_STATUS_CODE, status)));
    let port = exchange.peer_port;
    all.extend(port.map(|port| KeyValue::number(names::NETWORK_PEER_PORT, port)));
    let record = exchange.record;
    all.extend(record.map(|record| KeyValue::number(names::AUDIT_RECORD_ID, record)));
    for (key, text) in [
        (names::AGENT_ID, exchange.agent),
        (names::SESSION_ID, exchange.session),
        (names::TASK_ID, exchange.task),
        (names::PURPOSE, exchange.purpose),
        (names::MCP_METHOD_NAME, exchange.rpc_method),
        (names::GEN_AI_TOOL_NAME, exchange.tool),
        (names::REASON, exchange.reason),
        (names::RULE, exchange.rule),
        (names::FLOW_ID, exchange.flow),
    ] {
        all.extend(text.map(|text| KeyValue::text(key, text)));
    }
    if let Some(process) = &exchange.process {
        all.push(KeyValue::number(names::PROCESS_PID, process.pid));
        all.push(KeyValue::number(names::PROCESS_REAL_USER_ID, process.uid));
        for (key, text) in [
            (names::PROCESS_EXECUTABLE_PATH, process.exe),
            (names::PROCESS_EXECUTABLE_SHA256, process.sha256),
        ] {
            all.extend(text.map(|text| KeyValue::text(key, text)));
        }
    }
    let unlisted = exchange.findings.len().saturating_sub(FINDING_EVENTS_MAX);
    if unlisted > 0 {
        all.push(KeyValue::number(names::FINDINGS_UNLISTED, unlisted));
    }
    all
}

/// The stages when they were reached, then the findings when all was done.
fn events(trace: &Trace, exchange: &Exchange<'_>) -> Vec<Event> {
    let event = |name: &'static str, at, attributes| Event {
        time_unix_nano: nanoseconds(at),
        name: Bytes::from_static(name.as_bytes()),
        attributes,
    };
    let stages = trace.stages.iter();
    let stages = stages.map(|(stage, at)| event(stage, *at, Vec::new()));
    let findings = exchange.findings.iter().take(FINDING_EVENTS_MAX);
    let findings = findings.map(|finding| {
        let attributes = finding_attributes(finding);
        event(names::EVENT_FINDING, exchange.end, attributes)
    });
    stages.chain(findings).collect()
}

fn finding_attributes(finding: &FindingAttrs<'_>) -> Vec<KeyValue> {
    vec![
        KeyValue::text(names::FINDING_CLASS, finding.class),
        KeyValue::text(names::FINDING_PATH, finding.path),
        KeyValue::number(names::FINDING_COUNT, finding.count),
        KeyValue::text(names::FINDING_ACTION, finding.action),
    ]
}

pub(crate) fn id(span: SpanId) -> Bytes {
    Bytes::copy_from_slice(&span.to_bytes())
}

fn flags(parent_is_remote: bool) -> u32 {
    let remote = if parent_is_remote { IS_REMOTE } else { 0 };
    u32::from(TraceFlags::SAMPLED.to_u8()) | HAS_IS_REMOTE | remote
}

/// The conventions for HTTP: a server span is in error from 500 on, a client span from 400 on.
fn status(status: Option<u16>, error_from: u16) -> Status {
    let failed = status.is_none_or(|status| status >= error_from);
    Status {
        code: if failed { ERROR } else { 0 },
    }
}

/// Zero before 1970; until 2554.
pub(crate) fn nanoseconds(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
