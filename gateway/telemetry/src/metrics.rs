//! Counts for Prometheus, resolved once for every configured operation.
//!
//! The labels are configured names and code constants, each with a limit, so that no agent can
//! grow the registry. An exchange without refusal or finding takes no lock: two look-ups by name,
//! then atomics.

mod upstreams;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use prometheus::{
    Encoder as _, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    Opts, Registry, TextEncoder,
};

use crate::{Exchange, TelemetryError, names};

/// Distinct reasons, classes or sources that get a label of their own; further ones are `other`.
const LABEL_VALUES_MAX: usize = 128;
/// Seconds; the gateway's own part lies at the lower end, slow upstreams at the upper.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
const STATUS_CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// Everything the gateway counts.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: IntCounterVec,
    findings: IntCounterVec,
    attributions: IntCounterVec,
    connections: IntGauge,
    upstreams: upstreams::Upstreams,
    /// By service, then operation: both as configured, and `unmatched`.
    operations: HashMap<String, HashMap<String, OperationCounters>>,
    unmatched: OperationCounters,
    label_values: RwLock<HashSet<String>>,
    /// The counters of [`Inner::findings`] that were asked for, by class, then action.
    found: RwLock<HashMap<String, HashMap<String, IntCounter>>>,
    watched: Mutex<Vec<Watch>>,
}

/// What one operation's exchanges touch.
struct OperationCounters {
    service: String,
    operation: String,
    /// Requests without a reason, by status class.
    released: Vec<IntCounter>,
    seconds: Histogram,
    upstream_seconds: Histogram,
    received: IntCounter,
    sent: IntCounter,
}

/// A figure that another part keeps, read when Prometheus asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Records that are durable.
    RecordsCommitted,
    /// Records that are in the log's copy as well.
    RecordsCopied,
    /// Records that wait to be written.
    TrailQueue,
    /// Credentials asked for to be presented.
    CredentialReads,
    /// Versions of credentials that are in memory.
    CredentialVersions,
    /// Credentials that cannot be presented.
    CredentialsMissing,
    /// Kernel events that could not be handed over.
    EventsLost,
    /// Flow events that found the kernel's ring full.
    FlowEventsLost,
    /// Flows that found the kernel's table full.
    FlowsUntracked,
    /// Flows that began.
    FlowsOpened,
    /// Flows that ended.
    FlowsClosed,
    /// Attempts of agents to go out that the kernel refused.
    FlowsDenied,
    /// Connections of agents that the kernel led to the gateway.
    FlowsRedirected,
    /// Flows of agents that went past the gateway, or tried to.
    Bypasses,
    /// Messages of DNS of agents that could not be read.
    NamesUnread,
    /// Spans that the collector did not get.
    SpansDropped,
    /// Records that the destination which is furthest behind has not taken.
    ShippingLagRecords,
    /// For how long the destination that was away longest has taken nothing, in seconds.
    ShippingLagSeconds,
    /// Leases of budgets taken.
    LeasesTaken,
    /// Leases of budgets given back.
    LeasesReturned,
    /// Refusals for want of a lease.
    LeasesRefused,
    /// Times that the ledger of budgets may have lost something.
    LedgersLost,
    /// 1 while no lease is to be had.
    LeasesClosed,
    /// The revision of the bundle in force; 0 if none is.
    BundleRevision,
    /// 1 while no bundle is to be had from where they come, or none that may be taken.
    BundleWithheld,
}

struct Watch {
    target: Target,
    read: Box<dyn Fn() -> u64 + Send + Sync>,
}

enum Target {
    Counter(IntCounter),
    Gauge(IntGauge),
}

impl Metrics {
    /// Counters for the configured `(service, operation)` pairs; all else counts as `unmatched`.
    pub fn new<'a>(
        operations: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, TelemetryError> {
        let vectors = Vectors::new()?;
        let registry = vectors.register()?;
        let connections =
            IntGauge::new(names::CONNECTIONS_ACTIVE, "Open connections from agents.")?;
        registry.register(Box::new(connections.clone()))?;
        let upstreams = upstreams::Upstreams::register(&registry)?;

        let mut resolved: HashMap<String, HashMap<String, OperationCounters>> = HashMap::new();
        for (service, operation) in operations {
            let counters = vectors.resolve(service, operation)?;
            resolved
                .entry(service.to_owned())
                .or_default()
                .insert(operation.to_owned(), counters);
        }
        // A service is known although none of its operations matched.
        for (service, known) in &mut resolved {
            known.insert(
                names::UNMATCHED.to_owned(),
                vectors.resolve(service, names::UNMATCHED)?,
            );
        }
        let unmatched = vectors.resolve(names::UNMATCHED, names::UNMATCHED)?;
        let Vectors {
            requests,
            findings,
            attributions,
            ..
        } = vectors;
        Ok(Self(Arc::new(Inner {
            registry,
            requests,
            findings,
            attributions,
            connections,
            upstreams,
            operations: resolved,
            unmatched,
            label_values: RwLock::default(),
            found: RwLock::default(),
            watched: Mutex::default(),
        })))
    }

    /// Counts one exchange.
    pub fn exchange(&self, exchange: &Exchange<'_>) {
        let counters = self.0.counters(exchange.service, exchange.operation);
        match exchange.reason {
            None => counters.released(exchange.status),
            Some(reason) => self.refused(counters, exchange.status, reason),
        }
        counters
            .seconds
            .observe(seconds(exchange.start, exchange.end));
        if let Some(upstream) = &exchange.upstream {
            counters
                .upstream_seconds
                .observe(seconds(upstream.start, upstream.end));
        }
        counters.received.inc_by(exchange.request_bytes);
        counters.sent.inc_by(exchange.response_bytes);
        for finding in exchange.findings {
            self.0.found(finding.class, finding.action, finding.count);
        }
    }

    /// Counts a connection by the source that attributed it, or none.
    pub fn attributed(&self, source: Option<&'static str>) {
        let source = source.unwrap_or(names::NONE);
        self.0.attributions.with_label_values(&[source]).inc();
    }

    /// Counts a connection as open for as long as the guard lives.
    pub fn connection(&self) -> ConnectionGuard {
        self.0.connections.inc();
        ConnectionGuard(self.0.connections.clone())
    }

    /// Has `read` asked for a figure at every rendering; a counter's figure never falls.
    pub fn watch(
        &self,
        what: Watched,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Result<(), TelemetryError> {
        let target = what.register(&self.0.registry)?;
        let mut watched = self
            .0
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        watched.push(Watch {
            target,
            read: Box::new(read),
        });
        Ok(())
    }

    /// The text that Prometheus scrapes.
    pub fn render(&self) -> String {
        let watched = self
            .0
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        watched.iter().for_each(Watch::refresh);
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.0.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics could not be rendered");
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    fn refused(&self, counters: &OperationCounters, status: Option<u16>, reason: &str) {
        let labels = [
            counters.service.as_str(),
            &counters.operation,
            status_class(status).1,
            self.0.bounded(reason),
        ];
        self.0.requests.with_label_values(&labels).inc();
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Inner {
    fn counters(&self, service: &str, operation: &str) -> &OperationCounters {
        let Some(known) = self.operations.get(service) else {
            return &self.unmatched;
        };
        known
            .get(operation)
            .or_else(|| known.get(names::UNMATCHED))
            .unwrap_or(&self.unmatched)
    }

    /// Counts findings; an exchange may have dozens, so their counters are kept at hand.
    fn found(&self, class: &str, action: &str, count: u64) {
        let known = self.found.read().unwrap_or_else(PoisonError::into_inner);
        let counter = known.get(class).and_then(|actions| actions.get(action));
        if let Some(counter) = counter {
            return counter.inc_by(count);
        }
        drop(known);
        let (class, action) = (self.bounded(class), self.bounded(action));
        let counter = self.findings.with_label_values(&[class, action]);
        counter.inc_by(count);
        let mut known = self.found.write().unwrap_or_else(PoisonError::into_inner);
        let actions = known.entry(class.to_owned()).or_default();
        actions.insert(action.to_owned(), counter);
    }

    /// The value itself while there is room for another label.
    fn bounded<'a>(&self, value: &'a str) -> &'a str {
        if self
            .label_values
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(value)
        {
            return value;
        }
        let mut known = self
            .label_values
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if known.len() >= LABEL_VALUES_MAX {
            return names::OTHER;
        }
        known.insert(value.to_owned());
        value
    }
}

impl OperationCounters {
    fn released(&self, status: Option<u16>) {
        if let Some(counter) = self.released.get(status_class(status).0) {
            counter.inc();
        }
    }
}

impl Watch {
    fn refresh(&self) {
        let now = (self.read)();
        match &self.target {
            Target::Counter(counter) => counter.inc_by(now.saturating_sub(counter.get())),
            Target::Gauge(gauge) => gauge.set(i64::try_from(now).unwrap_or(i64::MAX)),
        }
    }
}

impl Watched {
    /// Each.
    #[cfg(test)]
    const ALL: [Self; 22] = [
        Self::RecordsCommitted,
        Self::RecordsCopied,
        Self::TrailQueue,
        Self::EventsLost,
        Self::FlowEventsLost,
        Self::FlowsUntracked,
        Self::FlowsOpened,
        Self::FlowsClosed,
        Self::FlowsDenied,
        Self::FlowsRedirected,
        Self::Bypasses,
        Self::NamesUnread,
        Self::SpansDropped,
        Self::ShippingLagRecords,
        Self::ShippingLagSeconds,
        Self::LeasesTaken,
        Self::LeasesReturned,
        Self::LeasesRefused,
        Self::LedgersLost,
        Self::LeasesClosed,
        Self::BundleRevision,
        Self::BundleWithheld,
    ];

    /// Its name and what it is.
    #[expect(clippy::too_many_lines, reason = "each of them, with a sentence")]
    fn named(self) -> (&'static str, &'static str) {
        match self {
            Self::RecordsCommitted => (names::RECORDS_TOTAL, "Records that are durable."),
            Self::RecordsCopied => (names::RECORDS_COPIED, "Records in the log's copy."),
            Self::TrailQueue => (names::TRAIL_QUEUE, "Records that wait to be written."),
            Self::CredentialReads => (
                names::CREDENTIAL_READS_TOTAL,
                "Credentials asked for to be presented.",
            ),
            Self::CredentialVersions => (
                names::CREDENTIAL_VERSIONS,
                "Versions of credentials in memory.",
            ),
            Self::CredentialsMissing => (
                names::CREDENTIALS_MISSING,
                "Credentials that cannot be presented.",
            ),
            Self::EventsLost => (names::EVENTS_LOST_TOTAL, "Kernel events not handed over."),
            Self::FlowEventsLost => (
                names::FLOW_EVENTS_LOST_TOTAL,
                "Flow events that found the kernel's ring full.",
            ),
            Self::FlowsUntracked => (
                names::FLOWS_UNTRACKED_TOTAL,
                "Flows that found the kernel's table full.",
            ),
            Self::FlowsOpened => (names::FLOWS_OPENED_TOTAL, "Flows that began."),
            Self::FlowsClosed => (names::FLOWS_CLOSED_TOTAL, "Flows that ended."),
            Self::FlowsDenied => (names::FLOWS_DENIED_TOTAL, "Flows of agents refused."),
            Self::FlowsRedirected => (
                names::FLOWS_REDIRECTED_TOTAL,
                "Connections of agents led to the gateway.",
            ),
            Self::Bypasses => (
                names::BYPASSES_TOTAL,
                "Flows of agents that went past the gateway, or tried to.",
            ),
            Self::NamesUnread => (
                names::NAMES_UNREAD_TOTAL,
                "Messages of DNS of agents that could not be read.",
            ),
            Self::SpansDropped => (names::SPANS_DROPPED_TOTAL, "Spans not exported."),
            Self::ShippingLagRecords => (
                names::SHIPPING_LAG_RECORDS,
                "Records that the destination furthest behind has not taken.",
            ),
            Self::ShippingLagSeconds => (
                names::SHIPPING_LAG_SECONDS,
                "For how long the destination away longest has taken nothing.",
            ),
            Self::LeasesTaken => (names::LEASES_TAKEN_TOTAL, "Leases of shared budgets taken."),
            Self::LeasesReturned => (
                names::LEASES_RETURNED_TOTAL,
                "Leases of shared budgets given back.",
            ),
            Self::LeasesRefused => (
                names::LEASES_REFUSED_TOTAL,
                "Refusals for want of a lease of a shared budget.",
            ),
            Self::LedgersLost => (
                names::LEDGERS_LOST_TOTAL,
                "Times that the ledger of shared budgets may have lost something.",
            ),
            Self::LeasesClosed => (
                names::LEASES_CLOSED,
                "Whether no lease of a shared budget is to be had.",
            ),
            Self::BundleRevision => (
                names::BUNDLE_REVISION,
                "The revision of the bundle of policies in force; 0 if none is.",
            ),
            Self::BundleWithheld => (
                names::BUNDLE_WITHHELD,
                "Whether no bundle of policies is to be had, or none that may be taken.",
            ),
        }
    }

    fn register(self, registry: &Registry) -> Result<Target, prometheus::Error> {
        let (name, help) = self.named();
        if matches!(
            self,
            Self::TrailQueue
                | Self::CredentialVersions
                | Self::CredentialsMissing
                | Self::ShippingLagRecords
                | Self::ShippingLagSeconds
                | Self::LeasesClosed
                | Self::BundleRevision
                | Self::BundleWithheld
        ) {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            return Ok(Target::Gauge(gauge));
        }
        let counter = IntCounter::new(name, help)?;
        registry.register(Box::new(counter.clone()))?;
        Ok(Target::Counter(counter))
    }
}

/// Counts a connection as open until it is dropped.
#[derive(Debug)]
pub struct ConnectionGuard(IntGauge);

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The labelled families, from which an operation takes its own.
struct Vectors {
    requests: IntCounterVec,
    seconds: HistogramVec,
    upstream_seconds: HistogramVec,
    bytes: IntCounterVec,
    findings: IntCounterVec,
    attributions: IntCounterVec,
}

impl Vectors {
    fn new() -> Result<Self, prometheus::Error> {
        let counters =
            |name, help, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let histograms = |name, help, labels: &[&str]| {
            HistogramVec::new(
                HistogramOpts::new(name, help).buckets(BUCKETS.to_vec()),
                labels,
            )
        };
        Ok(Self {
            requests: counters(
                names::REQUESTS_TOTAL,
                "Exchanges.",
                &["service", "operation", "status", "reason"],
            )?,
            seconds: histograms(
                names::REQUEST_SECONDS,
                "How long exchanges took.",
                &["service", "operation"],
            )?,
            upstream_seconds: histograms(
                names::UPSTREAM_SECONDS,
                "How long upstreams took.",
                &["service"],
            )?,
            bytes: counters(
                names::BODY_BYTES_TOTAL,
                "Body bytes.",
                &["service", "direction"],
            )?,
            findings: counters(
                names::FINDINGS_TOTAL,
                "Classified values.",
                &["class", "action"],
            )?,
            attributions: counters(
                names::ATTRIBUTIONS_TOTAL,
                "Connections by the source that attributed them.",
                &["source"],
            )?,
        })
    }

    fn register(&self) -> Result<Registry, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(self.requests.clone()))?;
        registry.register(Box::new(self.seconds.clone()))?;
        registry.register(Box::new(self.upstream_seconds.clone()))?;
        registry.register(Box::new(self.bytes.clone()))?;
        registry.register(Box::new(self.findings.clone()))?;
        registry.register(Box::new(self.attributions.clone()))?;
        Ok(registry)
    }

    fn resolve(
        &self,
        service: &str,
        operation: &str,
    ) -> Result<OperationCounters, prometheus::Error> {
        let bytes = |way| self.bytes.get_metric_with_label_values(&[service, way]);
        let released = STATUS_CLASSES.iter().map(|class| {
            self.requests
                .get_metric_with_label_values(&[service, operation, class, names::NONE])
        });
        Ok(OperationCounters {
            service: service.to_owned(),
            operation: operation.to_owned(),
            released: released.collect::<Result<_, _>>()?,
            seconds: self
                .seconds
                .get_metric_with_label_values(&[service, operation])?,
            upstream_seconds: self
                .upstream_seconds
                .get_metric_with_label_values(&[service])?,
            received: bytes("request")?,
            sent: bytes("response")?,
        })
    }
}

/// The position and name of a status's class.
fn status_class(status: Option<u16>) -> (usize, &'static str) {
    let position = status.map_or(0, |status| usize::from(status / 100));
    STATUS_CLASSES
        .get(position)
        .map_or((0, names::NONE), |name| (position, name))
}

/// Zero if the clock went back between.
fn seconds(start: SystemTime, end: SystemTime) -> f64 {
    end.duration_since(start)
        .unwrap_or(Duration::ZERO)
        .as_secs_f64()
}

#[cfg(test)]
mod monitoring;
#[cfg(test)]
mod tests;
