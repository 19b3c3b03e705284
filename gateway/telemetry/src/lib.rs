//! Every name that leaves the gateway as telemetry, and the exporters.
//!
//! One [`Exchange`] tells what happened; [`Traces`] makes spans of it and [`Metrics`] counts it.
//! Telemetry is the one part that fails open: what cannot be exported is dropped and counted,
//! because the record, not the trace, is the proof.

mod exchange;
mod export;
mod flow;
mod metrics;
pub mod names;
mod sensitive;
mod spans;
mod trace;
mod wire;

pub use exchange::{Exchange, FindingAttrs, ProcessAttrs, UpstreamCall};
pub use export::{QUEUE_SPANS_MAX, SHUTDOWN_WAIT_MAX};
pub use flow::FlowSpan;
pub use metrics::{ConnectionGuard, Metrics, Watched};
pub use sensitive::Sensitive;
pub use trace::{Instance, Trace, Traces};

/// Telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The share of traces to keep is no share.
    #[error("the sampling share `{0}` is not between 0 and 1")]
    Share(f64),
    /// The exporter could not be built, most often for its endpoint.
    #[error("no exporter for the collector at `{endpoint}`")]
    Exporter {
        /// Where the collector should be.
        endpoint: String,
        /// Why.
        #[source]
        source: tonic::transport::Error,
    },
    /// The export thread did not start.
    #[error("the export thread did not start")]
    Thread(#[source] std::io::Error),
    /// A metric was refused by the registry.
    #[error("a metric could not be registered")]
    Metric(#[from] prometheus::Error),
}
