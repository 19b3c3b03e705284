//! Spans on their way to the collector: a bounded queue and one thread of its own.
//!
//! They are written for the wire by whoever ends an exchange, so that what waits here is one piece
//! of memory each. The SDK's batch processor and exporter do nearly this, but hide how many spans
//! were dropped, and copy each span twice, text by text, before they write it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc as blocking,
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::Message as _;
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep},
};
use tonic::{
    Code, Status,
    client::Grpc,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use crate::{
    TelemetryError, names,
    wire::{KeyValue, Request, Resource, ResourceSpans, Response, Scope, ScopeSpans, Span},
};

/// Spans that may wait for export, about 2 kB each; more are dropped and counted.
pub const QUEUE_SPANS_MAX: usize = 16_384;
/// Spans in one call to the collector.
const BATCH_SPANS_MAX: usize = 1_024;
/// Spans wait this long for company. The thread polls at this pace, so that the data plane never
/// pays a system call to wake it.
const LINGER: Duration = Duration::from_millis(25);
/// Bytes of one call, plus at most one span: collectors take 4 MiB as gRPC does by default.
const BATCH_BYTES_MAX: usize = 3 * 1024 * 1024;
/// A collector that is away is asked again after so long, then twice as long, and so on.
const RETRY_FIRST: Duration = Duration::from_millis(100);
/// How often it is asked again.
const RETRIES_MAX: u32 = 3;
/// A collector that takes longer, in all, loses the batch.
const EXPORT_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long [`Exporter::shutdown`] waits for the queue to drain.
pub const SHUTDOWN_WAIT_MAX: Duration = Duration::from_secs(5);

/// The way to the collector.
#[derive(Debug)]
pub(crate) struct Exporter {
    queue: mpsc::Sender<Bytes>,
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
    pub(crate) fn start(endpoint: &str, resource: Vec<KeyValue>) -> Result<Self, TelemetryError> {
        let (queue, spans) = mpsc::channel(QUEUE_SPANS_MAX);
        let (finished, done) = blocking::sync_channel(1);
        let (ready, readiness) = blocking::sync_channel(1);
        let signals = Arc::new(Signals::default());
        let theirs = Arc::clone(&signals);
        let target = endpoint.to_owned();

        thread::Builder::new()
            .name("spans".to_owned())
            .spawn(move || {
                run(&target, resource, spans, &theirs, &ready);
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
    pub(crate) fn push(&self, span: &Span) {
        if self.queue.try_send(span.encode_to_vec().into()).is_err() {
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
    resource: Vec<KeyValue>,
    mut spans: mpsc::Receiver<Bytes>,
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
        let mut collector = match Collector::at(endpoint, resource) {
            Ok(collector) => collector,
            Err(error) => return drop(ready.send(Err(error))),
        };
        ready.send(Ok(())).ok();

        loop {
            let stopping = tokio::select! {
                () = signals.stop.notified() => true,
                () = signals.hurry.notified() => false,
                () = sleep(LINGER) => spans.is_closed(),
            };
            if stopping {
                spans.close();
            }
            drain(&mut collector, &mut spans, signals).await;
            if stopping {
                break;
            }
        }
    });
}

/// Exports until the queue is empty.
async fn drain(collector: &mut Collector, spans: &mut mpsc::Receiver<Bytes>, signals: &Signals) {
    loop {
        let mut batch = Vec::with_capacity(spans.len().min(BATCH_SPANS_MAX));
        let mut bytes = 0;
        while batch.len() < BATCH_SPANS_MAX
            && bytes < BATCH_BYTES_MAX
            && let Ok(span) = spans.try_recv()
        {
            bytes += span.len();
            batch.push(span);
        }
        let count = batch.len() as u64;
        if count == 0 {
            return;
        }
        // We fail open here, and only here: the record does not depend on the collector.
        let lost = match collector.export(batch).await {
            Ok(rejected) => rejected.min(count),
            Err(status) => {
                tracing::warn!(count, code = ?status.code(), "spans could not be exported");
                count
            }
        };
        signals.dropped.fetch_add(lost, Ordering::Relaxed);
    }
}

/// Whom spans are told.
struct Collector {
    grpc: Grpc<Channel>,
    resource: Vec<KeyValue>,
}

impl Collector {
    fn at(endpoint: &str, resource: Vec<KeyValue>) -> Result<Self, TelemetryError> {
        let channel = Endpoint::from_shared(endpoint.to_owned()).map_err(|source| {
            TelemetryError::Exporter {
                endpoint: endpoint.to_owned(),
                source,
            }
        })?;
        Ok(Self {
            grpc: Grpc::new(channel.timeout(EXPORT_WAIT_MAX).connect_lazy()),
            resource,
        })
    }

    /// Tells `spans`, again where the collector may yet take them; gives how many it did not take.
    async fn export(&mut self, spans: Vec<Bytes>) -> Result<u64, Status> {
        let request = Request {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource {
                    attributes: self.resource.clone(),
                }),
                scope_spans: vec![ScopeSpans {
                    scope: Some(Scope {
                        name: Bytes::from_static(names::TIDEGATE.as_bytes()),
                    }),
                    spans,
                }],
            }],
        };
        let deadline = Instant::now() + EXPORT_WAIT_MAX;
        let mut pause = RETRY_FIRST;
        for _ in 0..RETRIES_MAX {
            match self.call(request.clone()).await {
                Err(status) if may_pass(&status) && Instant::now() + pause < deadline => {
                    sleep(pause).await;
                    pause *= 2;
                }
                exported => return exported,
            }
        }
        self.call(request).await
    }

    async fn call(&mut self, request: Request) -> Result<u64, Status> {
        const EXPORT: PathAndQuery = PathAndQuery::from_static(
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        );
        let ready = self.grpc.ready().await;
        ready.map_err(|error| Status::from_error(error.into()))?;
        let codec = ProstCodec::<Request, Response>::default();
        let request = tonic::Request::new(request);
        let response = self.grpc.unary(request, EXPORT, codec).await?.into_inner();
        let rejected = response.partial_success.map_or(0, |it| it.rejected_spans);
        if rejected > 0 {
            tracing::warn!(rejected, "the collector did not take all spans");
        }
        Ok(u64::try_from(rejected).unwrap_or(0))
    }
}

/// Whether the same call may succeed later (OTLP specification, "Failures").
fn may_pass(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
    )
}
