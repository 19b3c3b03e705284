//! From an exchange to its spans: one server span and, if an upstream was called, one client span.
//!
//! They are made at the end and whole, straight as the exporter wants them: a span that is opened,
//! filled piece by piece and closed through the tracing layers costs several times as much.

use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::{
    Exchange, FindingAttrs, UpstreamCall, names,
    trace::{Parent, Trace},
};

/// Findings that one span lists; the others are counted in one attribute.
const FINDING_EVENTS_MAX: usize = 32;
/// Attributes that a server span has at most, so that its vector grows once.
const SERVER_ATTRIBUTES: usize = 27;

/// The agent's request, as we served it.
pub(crate) fn server(trace: Trace, exchange: &Exchange<'_>) -> SpanData {
    let parent = trace.parent.as_ref().map(|parent: &Parent| parent.span);
    SpanData {
        span_context: context(&trace, trace.server),
        parent_span_id: parent.unwrap_or(SpanId::INVALID),
        parent_span_is_remote: parent.is_some(),
        span_kind: SpanKind::Server,
        name: name(exchange).into(),
        start_time: exchange.start,
        end_time: exchange.end,
        attributes: server_attributes(exchange),
        dropped_attributes_count: 0,
        events: events(&trace, exchange),
        links: SpanLinks::default(),
        status: status(exchange.status, 500),
        instrumentation_scope: scope(),
    }
}

/// Our request to the upstream.
pub(crate) fn client(
    trace: &Trace,
    exchange: &Exchange<'_>,
    upstream: &UpstreamCall<'_>,
) -> SpanData {
    let mut attributes = vec![
        KeyValue::new(names::HTTP_REQUEST_METHOD, exchange.known_method()),
        KeyValue::new(names::URL_TEMPLATE, exchange.route.to_owned()),
        KeyValue::new(names::SERVER_ADDRESS, upstream.host.to_owned()),
        KeyValue::new(names::SERVER_PORT, i64::from(upstream.port)),
    ];
    match upstream.status {
        Some(status) => push(
            &mut attributes,
            names::HTTP_RESPONSE_STATUS_CODE,
            i64::from(status),
        ),
        None => push(&mut attributes, names::ERROR_TYPE, names::UPSTREAM_FAILED),
    }
    SpanData {
        span_context: context(trace, trace.client),
        parent_span_id: trace.server,
        parent_span_is_remote: false,
        span_kind: SpanKind::Client,
        name: name(exchange).into(),
        start_time: upstream.start,
        end_time: upstream.end,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: status(upstream.status, 400),
        instrumentation_scope: scope(),
    }
}

fn server_attributes(exchange: &Exchange<'_>) -> Vec<KeyValue> {
    let mut all = Vec::with_capacity(SERVER_ATTRIBUTES);
    push(
        &mut all,
        names::HTTP_REQUEST_METHOD,
        exchange.known_method(),
    );
    push(&mut all, names::HTTP_ROUTE, exchange.route.to_owned());
    push(
        &mut all,
        names::HTTP_REQUEST_BODY_SIZE,
        number(exchange.request_bytes),
    );
    push(
        &mut all,
        names::HTTP_RESPONSE_BODY_SIZE,
        number(exchange.response_bytes),
    );
    push(&mut all, names::SERVICE, exchange.service.to_owned());
    push(&mut all, names::OPERATION, exchange.operation.to_owned());
    push(&mut all, names::EFFECT, exchange.effect.to_owned());
    push(&mut all, names::DECISION, exchange.decision.to_owned());
    push(&mut all, names::EVIDENCE, exchange.evidence.to_owned());
    if let Some(status) = exchange.status {
        push(
            &mut all,
            names::HTTP_RESPONSE_STATUS_CODE,
            i64::from(status),
        );
    }
    if let Some(port) = exchange.peer_port {
        push(&mut all, names::NETWORK_PEER_PORT, i64::from(port));
    }
    if let Some(record) = exchange.record {
        push(&mut all, names::AUDIT_RECORD_ID, number(record));
    }
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
        push_text(&mut all, key, text);
    }
    if let Some(process) = &exchange.process {
        push(&mut all, names::PROCESS_PID, i64::from(process.pid));
        push(
            &mut all,
            names::PROCESS_REAL_USER_ID,
            i64::from(process.uid),
        );
        push_text(&mut all, names::PROCESS_EXECUTABLE_PATH, process.exe);
        push_text(&mut all, names::PROCESS_EXECUTABLE_SHA256, process.sha256);
    }
    let unlisted = exchange.findings.len().saturating_sub(FINDING_EVENTS_MAX);
    if unlisted > 0 {
        push(&mut all, names::FINDINGS_UNLISTED, number(unlisted as u64));
    }
    all
}

/// The stages when they were reached, then the findings when all was done.
fn events(trace: &Trace, exchange: &Exchange<'_>) -> SpanEvents {
    let stages = trace
        .stages
        .iter()
        .map(|(stage, at)| Event::new(*stage, *at, Vec::new(), 0));
    let findings = exchange
        .findings
        .iter()
        .take(FINDING_EVENTS_MAX)
        .map(|finding| {
            Event::new(
                names::EVENT_FINDING,
                exchange.end,
                finding_attributes(finding),
                0,
            )
        });
    let mut events = SpanEvents::default();
    events.events = stages.chain(findings).collect();
    events
}

fn finding_attributes(finding: &FindingAttrs<'_>) -> Vec<KeyValue> {
    vec![
        KeyValue::new(names::FINDING_CLASS, finding.class.to_owned()),
        KeyValue::new(names::FINDING_PATH, finding.path.to_owned()),
        KeyValue::new(names::FINDING_COUNT, number(finding.count)),
        KeyValue::new(names::FINDING_ACTION, finding.action.to_owned()),
    ]
}

/// The agent's `tracestate` goes to the upstream, not to the collector: it is a header's value.
fn context(trace: &Trace, span: SpanId) -> SpanContext {
    SpanContext::new(trace.id, span, TraceFlags::SAMPLED, false, TraceState::NONE)
}

fn name(exchange: &Exchange<'_>) -> String {
    format!("{} {}", exchange.known_method(), exchange.route)
}

/// The conventions for HTTP: a server span is in error from 500 on, a client span from 400 on.
fn status(status: Option<u16>, error_from: u16) -> Status {
    if status.is_none_or(|status| status >= error_from) {
        Status::error("")
    } else {
        Status::Unset
    }
}

pub(crate) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(names::TIDEGATE).build()
}

fn push(all: &mut Vec<KeyValue>, key: &'static str, value: impl Into<Value>) {
    all.push(KeyValue::new(key, value));
}

fn push_text(all: &mut Vec<KeyValue>, key: &'static str, text: Option<&str>) {
    if let Some(text) = text {
        push(all, key, text.to_owned());
    }
}

/// OTLP knows signed numbers only.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
