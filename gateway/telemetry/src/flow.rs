//! A flow of an agent as a span of its own: when it began and ended, between whom, and how much.
//!
//! No name: what an agent asks for by DNS, or says in TLS, may hold anything.

use std::{net::SocketAddr, time::SystemTime};

use opentelemetry::{
    KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState},
};
use opentelemetry_sdk::trace::{IdGenerator, SpanData, SpanEvents, SpanLinks};

use crate::{names, spans};

/// A flow that has ended.
#[derive(Clone, Copy, Debug)]
pub struct FlowSpan<'a> {
    /// The kernel's name of it; records of exchanges have it as `flow`.
    pub id: &'a str,
    /// The agent's SPIFFE id.
    pub agent: &'a str,
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// This end.
    pub local: SocketAddr,
    /// Where it wanted to go.
    pub remote: SocketAddr,
    /// What the kernel decided.
    pub verdict: &'static str,
    /// The process.
    pub pid: u32,
    /// When it began.
    pub start: SystemTime,
    /// When it ended.
    pub end: SystemTime,
    /// Payload sent, bytes.
    pub sent: u64,
    /// Payload received, bytes.
    pub received: u64,
    /// TCP: segments sent again.
    pub retransmits: u32,
}

/// As a trace of its own: the kernel knows no trace of an agent's.
pub(crate) fn span(flow: &FlowSpan<'_>, ids: &impl IdGenerator) -> SpanData {
    let text = |key: &'static str, text: &str| KeyValue::new(key, text.to_owned());
    let number = |key: &'static str, value: u64| {
        KeyValue::new(key, i64::try_from(value).unwrap_or(i64::MAX))
    };
    let kind = if flow.remote.is_ipv4() {
        "ipv4"
    } else {
        "ipv6"
    };
    let attributes = vec![
        text(names::FLOW_ID, flow.id),
        text(names::AGENT_ID, flow.agent),
        text(names::FLOW_VERDICT, flow.verdict),
        text(names::NETWORK_TRANSPORT, flow.protocol),
        text(names::NETWORK_TYPE, kind),
        text(names::NETWORK_LOCAL_ADDRESS, &flow.local.ip().to_string()),
        number(names::NETWORK_LOCAL_PORT, flow.local.port().into()),
        text(names::NETWORK_PEER_ADDRESS, &flow.remote.ip().to_string()),
        number(names::NETWORK_PEER_PORT, flow.remote.port().into()),
        number(names::PROCESS_PID, flow.pid.into()),
        number(names::FLOW_SENT, flow.sent),
        number(names::FLOW_RECEIVED, flow.received),
        number(names::FLOW_RETRANSMITS, flow.retransmits.into()),
    ];
    SpanData {
        span_context: SpanContext::new(
            ids.new_trace_id(),
            ids.new_span_id(),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Client,
        name: names::FLOW.into(),
        start_time: flow.start,
        end_time: flow.end,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: spans::scope(),
    }
}
