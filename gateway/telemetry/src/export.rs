//! Spans on their way to the collector: a bounded queue and one thread of its own.
//!
//! The SDK's batch processor does nearly this, but hides how many spans it dropped and exports
//! outside any runtime, where tonic cannot connect.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc as blocking,
    },
    thread,
    time::Duration,
};

use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanExporter as _},
};
use tokio::sync::{Notify, mpsc};

use crate::TelemetryError;

/// Spans that may wait for export, about 2 kB each; more are dropped and counted.
pub const QUEUE_SPANS_MAX: usize = 16_384;
/// Spans in one call to the collector.
const BATCH_SPANS_MAX: usize = 1_024;
/// Spans wait this long for company. The thread polls at this pace, so that the data plane never
/// pays a system call to wake it.
const LINGER: Duration = Duration::from_millis(25);
/// A collector that takes longer loses the batch.
const EXPORT_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long [`Exporter::shutdown`] waits for the queue to drain.
pub const SHUTDOWN_WAIT_MAX: Duration = Duration::from_secs(5);

/// The way to the collector.
#[derive(Debug)]
pub(crate) struct Exporter {
    queue: mpsc::Sender<SpanData>,
    signals: Arc<Signals>,
    done: std::sync::Mutex<blocking::Receiver<()>>,
}

#[derive(Debug, Default)]
struct Signals {
    /// The queue is half full: do not linger.
    hurry: Notify,
    /// Drain and end.
    stop: Notify,
    dropped: AtomicU64,
}

impl Exporter {
    /// Starts the export thread; the collector need not be there yet.
    pub(crate) fn start(endpoint: &str, resource: Resource) -> Result<Self, TelemetryError> {
        let (queue, spans) = mpsc::channel(QUEUE_SPANS_MAX);
        let (finished, done) = blocking::sync_channel(1);
        let (ready, readiness) = blocking::sync_channel(1);
        let signals = Arc::new(Signals::default());
        let theirs = Arc::clone(&signals);
        let target = endpoint.to_owned();

        thread::Builder::new()
            .name("spans".to_owned())
            .spawn(move || {
                run(&target, &resource, spans, &theirs, &ready);
                finished.send(()).ok();
            })
            .map_err(TelemetryError::Thread)?;

        let dead = || TelemetryError::Thread(std::io::ErrorKind::BrokenPipe.into());
        readiness.recv().map_err(|_| dead())??;
        Ok(Self {
            queue,
            signals,
            done: std::sync::Mutex::new(done),
        })
    }

    /// Queues a span; never waits.
    pub(crate) fn push(&self, span: SpanData) {
        if self.queue.try_send(span).is_err() {
            self.signals.dropped.fetch_add(1, Ordering::Relaxed);
        }
        if self.queue.capacity() == QUEUE_SPANS_MAX / 2 {
            self.signals.hurry.notify_one();
        }
    }

    /// Spans that the collector did not get.
    pub(crate) fn dropped(&self) -> u64 {
        self.signals.dropped.load(Ordering::Relaxed)
    }

    /// Sends what waits, for at most [`SHUTDOWN_WAIT_MAX`].
    pub(crate) fn shutdown(&self) {
        self.signals.stop.notify_one();
        let done = self
            .done
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if done.recv_timeout(SHUTDOWN_WAIT_MAX).is_err() {
            tracing::warn!("spans were still waiting at shutdown");
        }
    }
}

fn run(
    endpoint: &str,
    resource: &Resource,
    mut spans: mpsc::Receiver<SpanData>,
    signals: &Signals,
    ready: &blocking::SyncSender<Result<(), TelemetryError>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(TelemetryError::Thread(error)))),
    };
    runtime.block_on(async {
        // The channel to the collector belongs to the runtime that it is built in.
        let mut exporter = match exporter(endpoint) {
            Ok(exporter) => exporter,
            Err(error) => return drop(ready.send(Err(error))),
        };
        exporter.set_resource(resource);
        ready.send(Ok(())).ok();

        loop {
            let stopping = tokio::select! {
                () = signals.stop.notified() => true,
                () = signals.hurry.notified() => false,
                () = tokio::time::sleep(LINGER) => spans.is_closed(),
            };
            if stopping {
                spans.close();
            }
            drain(&exporter, &mut spans, signals).await;
            if stopping {
                break;
            }
        }
    });
}

fn exporter(endpoint: &str) -> Result<SpanExporter, TelemetryError> {
    SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_WAIT_MAX)
        .build()
        .map_err(|source| TelemetryError::Exporter {
            endpoint: endpoint.to_owned(),
            source,
        })
}

/// Exports until the queue is empty.
async fn drain(exporter: &SpanExporter, spans: &mut mpsc::Receiver<SpanData>, signals: &Signals) {
    loop {
        let mut batch = Vec::with_capacity(spans.len().min(BATCH_SPANS_MAX));
        while batch.len() < BATCH_SPANS_MAX
            && let Ok(span) = spans.try_recv()
        {
            batch.push(span);
        }
        let count = batch.len() as u64;
        if count == 0 {
            return;
        }
        if let Err(error) = exporter.export(batch).await {
            // We fail open here, and only here: the record does not depend on the collector.
            signals.dropped.fetch_add(count, Ordering::Relaxed);
            tracing::warn!(count, %error, "spans could not be exported");
        }
    }
}
