//! Counts of the upstreams that a service has several of. The labels are configured names.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use super::{Metrics, PoisonError, Target, TelemetryError, Watch};
use crate::names;

/// The labelled families.
pub(super) struct Upstreams {
    calls: IntCounterVec,
    failovers: IntCounterVec,
    fit: IntGaugeVec,
}

impl Upstreams {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters =
            |name, help, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let upstreams = Self {
            calls: counters(
                names::UPSTREAM_CALLS_TOTAL,
                "Calls by the upstream that they were given to.",
                &["service", "upstream", "outcome"],
            )?,
            failovers: counters(
                names::FAILOVERS_TOTAL,
                "Calls that failed and were to go elsewhere.",
                &["service", "result"],
            )?,
            fit: IntGaugeVec::new(
                Opts::new(names::UPSTREAM_FIT, "Whether an upstream is given calls."),
                &["service", "upstream"],
            )?,
        };
        registry.register(Box::new(upstreams.calls.clone()))?;
        registry.register(Box::new(upstreams.failovers.clone()))?;
        registry.register(Box::new(upstreams.fit.clone()))?;
        Ok(upstreams)
    }
}

impl Metrics {
    /// Counts a call that an upstream was given: `answered`, `failed`, `unreachable`.
    pub fn upstream_called(&self, service: &str, upstream: &str, outcome: &'static str) {
        let calls = &self.0.upstreams.calls;
        calls.with_label_values(&[service, upstream, outcome]).inc();
    }

    /// Counts a call that failed and that another upstream was `given`, or that none of the others might have.
    pub fn failed_over(&self, service: &str, given: bool) {
        let result = if given { "taken" } else { "refused" };
        let failovers = &self.0.upstreams.failovers;
        failovers.with_label_values(&[service, result]).inc();
    }

    /// Has `is_fit` asked at every rendering whether an upstream is given calls.
    ///
    /// # Errors
    /// None that a configured name can make.
    pub fn watch_upstream(
        &self,
        service: &str,
        upstream: &str,
        is_fit: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Result<(), TelemetryError> {
        let labels = [service, upstream];
        let gauge = self.0.upstreams.fit.get_metric_with_label_values(&labels)?;
        let mut watched = self
            .0
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        watched.push(Watch {
            target: Target::Gauge(gauge),
            read: Box::new(move || u64::from(is_fit())),
        });
        Ok(())
    }
}
