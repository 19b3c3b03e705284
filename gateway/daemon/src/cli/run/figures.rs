//! The figures of a running gateway.

use std::sync::Arc;

use miette::{IntoDiagnostic as _, Result};
use proxy::Gateway;
use telemetry::{Metrics, Watched};

use crate::{config::Config, credentials::Held};

/// Those of the operations that there are.
pub(super) fn metrics(config: &Config) -> Result<Metrics> {
    let operations = config.services.iter().flat_map(|service| {
        let ids = service.operations().into_iter();
        ids.map(|id| (service.name.as_ref(), id.as_ref()))
    });
    Metrics::new(operations.chain(config.forward.operation())).into_diagnostic()
}

/// Those that are read where they are.
pub(super) fn watch(gateway: &Arc<Gateway>, held: &Arc<Held>) -> Result<()> {
    let metrics = &gateway.metrics;
    let (read, kept, missing) = (Arc::clone(held), Arc::clone(held), Arc::clone(held));
    metrics
        .watch(Watched::CredentialsMissing, move || {
            missing.missing().len() as u64
        })
        .into_diagnostic()?;
    metrics
        .watch(Watched::CredentialReads, move || read.reads())
        .into_diagnostic()?;
    metrics
        .watch(Watched::CredentialVersions, move || kept.in_memory())
        .into_diagnostic()?;
    let trail = gateway.trail.clone();
    metrics
        .watch(Watched::RecordsCommitted, move || trail.status().size)
        .into_diagnostic()?;
    let flows = Arc::clone(&gateway.flows);
    metrics
        .watch(Watched::EventsLost, move || flows.lost())
        .into_diagnostic()?;
    let traces = gateway.traces.clone();
    metrics
        .watch(Watched::SpansDropped, move || traces.dropped())
        .into_diagnostic()
}
