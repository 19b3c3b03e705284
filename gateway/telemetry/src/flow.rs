//! A flow of an agent as a span of its own: when it began and ended, between whom, and how much.
//!
//! No name: what an agent asks for by DNS, or says in TLS, may hold anything.

use std::{net::SocketAddr, time::SystemTime};

use bytes::Bytes;
use opentelemetry::trace::{SpanId, TraceFlags, TraceId};

use crate::{
    names, spans,
    wire::{KeyValue, Span},
};

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
pub(crate) fn span(flow: &FlowSpan<'_>, trace: TraceId, span: SpanId) -> Span {
    let kind = if flow.remote.is_ipv4() {
        "ipv4"
    } else {
        "ipv6"
    };
    Span {
        trace_id: Bytes::copy_from_slice(&trace.to_bytes()),
        span_id: spans::id(span),
        name: Bytes::from_static(names::FLOW.as_bytes()),
        kind: spans::CLIENT,
        start_time_unix_nano: spans::nanoseconds(flow.start),
        end_time_unix_nano: spans::nanoseconds(flow.end),
        attributes: vec![
            KeyValue::text(names::FLOW_ID, flow.id),
            KeyValue::text(names::AGENT_ID, flow.agent),
            KeyValue::constant(names::FLOW_VERDICT, flow.verdict),
            KeyValue::constant(names::NETWORK_TRANSPORT, flow.protocol),
            KeyValue::constant(names::NETWORK_TYPE, kind),
            KeyValue::text(names::NETWORK_LOCAL_ADDRESS, &flow.local.ip().to_string()),
            KeyValue::number(names::NETWORK_LOCAL_PORT, flow.local.port()),
            KeyValue::text(names::NETWORK_PEER_ADDRESS, &flow.remote.ip().to_string()),
            KeyValue::number(names::NETWORK_PEER_PORT, flow.remote.port()),
            KeyValue::number(names::PROCESS_PID, flow.pid),
            KeyValue::number(names::FLOW_SENT, flow.sent),
            KeyValue::number(names::FLOW_RECEIVED, flow.received),
            KeyValue::number(names::FLOW_RETRANSMITS, flow.retransmits),
        ],
        flags: TraceFlags::SAMPLED.to_u8().into(),
        ..Span::default()
    }
}
