//! Trace and span ids from first byte to last, and the spans at the end.

use std::{sync::Arc, time::SystemTime};

use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{SpanId, TraceContextExt as _, TraceId},
};
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{IdGenerator as _, RandomIdGenerator},
};

use crate::{
    Exchange, FlowSpan, TelemetryError, export::Exporter, flow, names, spans, wire::KeyValue,
};

/// Stages that one exchange may mark; further ones are left out.
pub(crate) const STAGES_MAX: usize = 16;
/// Stages that most exchanges mark.
const STAGES_USUAL: usize = 8;
/// W3C Trace Context §3.3.1.5 asks for at least this much of `tracestate` to be passed on.
const TRACESTATE_BYTES_MAX: usize = 512;

/// Makes traces and sends them to the collector.
#[derive(Clone, Debug)]
pub struct Traces(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ids: RandomIdGenerator,
    propagator: TraceContextPropagator,
    /// A trace is kept if our random span id is below it.
    keep_below: u128,
    exporter: Option<Exporter>,
}

/// Which gateway speaks.
#[derive(Clone, Copy, Debug)]
pub struct Instance<'a> {
    /// The program's version.
    pub version: &'a str,
    /// This process among all gateways.
    pub id: &'a str,
}

impl Traces {
    /// Starts the way to the collector at `endpoint` (`http://host:4317`, OTLP/gRPC) and keeps the
    /// share `sample` of uneventful exchanges; the notable ones are always kept. Without an
    /// endpoint, ids are made and passed on all the same.
    pub fn start(
        endpoint: Option<&str>,
        sample: f64,
        instance: Instance<'_>,
    ) -> Result<Self, TelemetryError> {
        if !(0.0..=1.0).contains(&sample) {
            return Err(TelemetryError::Share(sample));
        }
        let resource = vec![
            KeyValue::constant(names::SERVICE_NAME, names::TIDEGATE),
            KeyValue::text(names::SERVICE_VERSION, instance.version),
            KeyValue::text(names::SERVICE_INSTANCE_ID, instance.id),
        ];
        Ok(Self(Arc::new(Inner {
            ids: RandomIdGenerator::default(),
            propagator: TraceContextPropagator::new(),
            keep_below: keep_below(sample),
            exporter: endpoint
                .map(|at| Exporter::start(at, resource))
                .transpose()?,
        })))
    }

    /// Begins a trace or continues the agent's; cheap, without a lock.
    pub fn begin(&self, traceparent: Option<&str>, tracestate: Option<&str>) -> Trace {
        let server = self.0.ids.new_span_id();
        // Whether to keep a trace hangs on an id that the agent cannot choose: it can neither hide
        // its calls nor flood the collector. Its own wish is passed on to the upstream.
        let sampled = u128::from(u64::from_be_bytes(server.to_bytes())) < self.0.keep_below;
        let parent = traceparent.and_then(|parent| self.parent(parent, tracestate));
        let id = parent
            .as_ref()
            .map_or_else(|| self.0.ids.new_trace_id(), |parent| parent.trace);
        Trace {
            hex: hex::encode(id.to_bytes()),
            id,
            server,
            client: self.0.ids.new_span_id(),
            sampled,
            parent,
            stages: Vec::with_capacity(STAGES_USUAL),
        }
    }

    /// Ends a trace: makes its spans and queues them for export.
    pub fn finish(&self, trace: Trace, exchange: &Exchange<'_>) {
        let Some(exporter) = &self.0.exporter else {
            return;
        };
        if !trace.sampled && !exchange.is_notable() {
            return;
        }
        if let Some(upstream) = &exchange.upstream {
            exporter.push(&spans::client(&trace, exchange, upstream));
        }
        exporter.push(&spans::server(&trace, exchange));
    }

    /// Tells of a flow that has ended; of the share that is kept.
    pub fn flow(&self, flow: &FlowSpan<'_>) {
        let Some(exporter) = &self.0.exporter else {
            return;
        };
        let id = self.0.ids.new_span_id();
        if u128::from(u64::from_be_bytes(id.to_bytes())) < self.0.keep_below {
            exporter.push(&flow::span(flow, self.0.ids.new_trace_id(), id));
        }
    }

    /// Spans that the collector did not get.
    pub fn dropped(&self) -> u64 {
        self.0.exporter.as_ref().map_or(0, Exporter::dropped)
    }

    /// Sends what waits; blocks for at most [`SHUTDOWN_WAIT_MAX`](crate::SHUTDOWN_WAIT_MAX).
    pub fn shutdown(self) {
        if let Some(exporter) = &self.0.exporter {
            exporter.shutdown();
        }
    }

    fn parent(&self, traceparent: &str, tracestate: Option<&str>) -> Option<Parent> {
        let tracestate = tracestate.filter(|state| state.len() <= TRACESTATE_BYTES_MAX);
        let context = self.0.propagator.extract_with_context(
            &Context::new(),
            &Headers {
                traceparent,
                tracestate,
            },
        );
        let span = context.span();
        let context = span.span_context();
        context.is_valid().then(|| Parent {
            trace: context.trace_id(),
            span: context.span_id(),
            sampled: context.is_sampled(),
            state: Some(context.trace_state().header()).filter(|state| !state.is_empty()),
        })
    }
}

/// One exchange's place in its trace.
#[derive(Debug)]
pub struct Trace {
    hex: String,
    pub(crate) id: TraceId,
    pub(crate) server: SpanId,
    pub(crate) client: SpanId,
    pub(crate) parent: Option<Parent>,
    pub(crate) stages: Vec<(&'static str, SystemTime)>,
    sampled: bool,
}

/// Where the agent's own trace stood.
#[derive(Debug)]
pub(crate) struct Parent {
    trace: TraceId,
    pub(crate) span: SpanId,
    sampled: bool,
    state: Option<String>,
}

impl Trace {
    /// The trace id: 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.hex
    }

    /// The `traceparent` for the upstream: our client span is its parent.
    pub fn upstream_traceparent(&self) -> String {
        let sampled = self.sampled || self.parent.as_ref().is_some_and(|parent| parent.sampled);
        let client = hex::encode(self.client.to_bytes());
        let flags = if sampled { "01" } else { "00" };
        ["00", &self.hex, &client, flags].join("-")
    }

    /// The `tracestate` for the upstream: the agent's, if it was well formed.
    pub fn tracestate(&self) -> Option<&str> {
        self.parent.as_ref()?.state.as_deref()
    }

    /// Notes when a stage was reached; the names are in [`names`].
    pub fn mark(&mut self, stage: &'static str, at: SystemTime) {
        if self.stages.len() < STAGES_MAX {
            self.stages.push((stage, at));
        }
    }
}

/// The two headers, as the propagator wants to read them.
struct Headers<'a> {
    traceparent: &'a str,
    tracestate: Option<&'a str>,
}

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => Some(self.traceparent),
            "tracestate" => self.tracestate,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

/// The share `sample` of all 64-bit numbers lies below this.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share between 0 and 1 of 2^64 fits and is not negative"
)]
fn keep_below(sample: f64) -> u128 {
    (sample * 2f64.powi(64)) as u128
}

#[cfg(test)]
mod tests;
