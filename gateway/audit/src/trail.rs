//! The way into the log: a call that returns has its record on disk.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::sync::{
    Semaphore,
    mpsc::{self, error::TrySendError},
    oneshot, watch,
};
use vault::{LogSigner, VaultError};

use crate::{
    EventRef, Keys, Kind, Ledger, LedgerError, Opening, Outcome, Retention, Successor, Term,
    courier::{self, Durable, Waiter},
    rewrap::Rewrapped,
    seal::Draft,
    seal::SealError,
    writer::{Ceded, Handed, Message, Pending},
};

/// Messages that may wait for the writer; who comes later waits to queue.
const QUEUE_MESSAGES_MAX: usize = 4096;

/// Bytes of records that may wait for the writer.
const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Why an event is not on record.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TrailError {
    /// The store did not take it.
    #[error("the record cannot be stored")]
    Unavailable(#[source] Arc<LedgerError>),
    /// The log that is there is not one to append to.
    #[error("the log does not verify: {0}")]
    Unverified(String),
    /// The event cannot be sealed.
    #[error("the record cannot be sealed")]
    Unsealed(#[source] Arc<SealError>),
    /// A key cannot be had.
    #[error("the record's key is not available")]
    Keys(#[source] Arc<VaultError>),
    /// Whoever keeps the keys does not vouch for them any more.
    #[error("the keys of the record are withheld")]
    Withheld,
    /// The trail has ended.
    #[error("the trail has ended")]
    Stopped,
}

impl From<LedgerError> for TrailError {
    fn from(error: LedgerError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

impl From<SealError> for TrailError {
    fn from(error: SealError) -> Self {
        Self::Unsealed(Arc::new(error))
    }
}

impl From<VaultError> for TrailError {
    fn from(error: VaultError) -> Self {
        Self::Keys(Arc::new(error))
    }
}

/// Proof that an opening is durable; [`Trail::open`] is its only maker.
#[derive(Debug)]
#[must_use = "an admitted exchange is closed by its receipt, or stays on record as open"]
pub struct Receipt {
    index: u64,
    /// As long as the opening is kept its end is, too.
    term: Arc<Term>,
}

impl Receipt {
    /// For an opening that is durable and that nobody waits for any more.
    pub(crate) fn of(index: u64, opened: Opened) -> Self {
        let term = opened.term;
        Self { index, term }
    }

    /// The opening record's index.
    pub fn index(&self) -> u64 {
        self.index
    }
}

/// What must be known of an opening to close it, should its caller go away.
#[derive(Clone)]
pub(crate) struct Opened {
    /// When it was, in microseconds since 1970.
    pub(crate) at_us: i64,
    /// How long it is kept.
    pub(crate) term: Arc<Term>,
}

/// How the trail does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrailStatus {
    /// How many records the log holds.
    pub size: u64,
    /// Whether the latest commit succeeded.
    pub healthy: bool,
    /// Openings of this run that are not closed.
    pub open: u64,
    /// Commits of this run.
    pub commits: u64,
    /// Closings of this run that could not be recorded; their openings stay open.
    pub closings_lost: u64,
    /// Data keys of the log that this run wrapped anew.
    pub rewrapped: u64,
    /// Data keys of the log that this run destroyed, because their time was over.
    pub destroyed: u64,
}

impl TrailStatus {
    /// How many changes of data keys this run made that copies of the log must take over.
    pub fn keys_changed(&self) -> u64 {
        self.rewrapped.saturating_add(self.destroyed)
    }
}

/// What writer and callers share.
#[derive(Default)]
pub(crate) struct Gauges {
    pub(crate) size: AtomicU64,
    pub(crate) healthy: AtomicBool,
    pub(crate) opened: AtomicU64,
    pub(crate) closed: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) closings_lost: AtomicU64,
    pub(crate) rewrapped: AtomicU64,
    pub(crate) destroyed: AtomicU64,
    withheld: watch::Sender<bool>,
    refused: AtomicU64,
}

/// The log, open for appending. Clones share one writer.
#[derive(Clone)]
pub struct Trail {
    queue: mpsc::Sender<Message>,
    room: Arc<Semaphore>,
    gauges: Arc<Gauges>,
    retention: Arc<Retention>,
}

impl Trail {
    /// As [`keeping`](Self::keeping), records as long as is usual.
    pub fn start(ledger: Box<dyn Ledger>, keys: Keys) -> Result<Self, TrailError> {
        Self::keeping(ledger, keys, Retention::default())
    }

    /// Opens the log in `ledger`, or begins one there; refuses a log whose end does not verify.
    /// Records are kept as `retention` says. Blocks while it reads.
    pub fn keeping(
        ledger: Box<dyn Ledger>,
        keys: Keys,
        retention: Retention,
    ) -> Result<Self, TrailError> {
        let (queue, messages) = mpsc::channel(QUEUE_MESSAGES_MAX);
        let gauges = Arc::new(Gauges::default());
        let shared = Arc::clone(&gauges);
        Ceded::begin(messages, keys, shared).resume(ledger)?;
        Ok(Self {
            queue,
            room: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)),
            gauges,
            retention: Arc::new(retention),
        })
    }

    /// Nothing is begun from here on: no exchange, no revelation. What was begun ends on record, what
    /// streams does so at once, and everything else is on record too.
    pub fn withhold(&self) {
        self.gauges.withheld.send_replace(true);
    }

    /// Waits until nothing may be begun any more ([`withhold`](Self::withhold)).
    pub async fn withheld(&self) {
        let mut withheld = self.gauges.withheld.subscribe();
        // The sender is ours.
        let _withheld = withheld.wait_for(|withheld| *withheld).await;
    }

    /// Exchanges may begin again; gives how many beginnings were refused since [`withhold`](Self::withhold).
    pub fn resume(&self) -> u64 {
        self.gauges.withheld.send_replace(false);
        self.gauges.refused.swap(0, Ordering::AcqRel)
    }

    /// Records that an exchange was admitted. Call its upstream only with the receipt in hand.
    pub async fn open(&self, opening: &Opening) -> Result<Receipt, TrailError> {
        let event = EventRef::Open(opening);
        let opened = Opened {
            at_us: opening.at.as_microsecond(),
            term: self.retention.term(&event),
        };
        let mut waiting = Waiting {
            durable: self.send(event, Arc::clone(&opened.term)).await?,
            trail: self,
            opened,
        };
        let index = (&mut waiting.durable).await;
        let index = index.map_err(|_| TrailError::Stopped)??;
        Ok(Receipt::of(index, waiting.opened.clone()))
    }

    /// Records how an exchange ended. Release its last byte only when this has returned.
    pub async fn close(&self, receipt: Receipt, outcome: &mut Outcome) -> Result<u64, TrailError> {
        outcome.opening = receipt.index;
        let event = EventRef::Close(outcome);
        // Whoever waits here may be gone the next moment, so the closing is queued before the first
        // await wherever there is room for it.
        let term = receipt.term;
        let closed = match self.queue_waiting(event, Arc::clone(&term)) {
            Ok(durable) => durable.await.map_err(|_| TrailError::Stopped).flatten(),
            Err(_full) => {
                let lost = Unrecorded(&self.gauges);
                let queued = self.send(event, term).await;
                std::mem::forget(lost);
                match queued {
                    Ok(durable) => durable.await.map_err(|_| TrailError::Stopped).flatten(),
                    Err(error) => Err(error),
                }
            }
        };
        if closed.is_err() {
            self.gauges.closings_lost.fetch_add(1, Ordering::Relaxed);
        }
        closed
    }

    /// As [`close`](Self::close), for a connection that has gone: queued, and nobody waits. If
    /// that fails it is counted and logged, and the opening stays on record as open.
    pub fn close_detached(&self, receipt: Receipt, outcome: &mut Outcome) {
        outcome.opening = receipt.index;
        if let Err(error) = self.try_queue(EventRef::Close(outcome), receipt.term, None) {
            self.gauges.closings_lost.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(record = receipt.index, %error, "closing not recorded");
        }
    }

    /// Records an event that needs no receipt: a start, a stop, a refusal. Gives its index.
    pub async fn note(&self, event: impl Into<EventRef<'_>>) -> Result<u64, TrailError> {
        let event = event.into();
        let durable = self.send(event, self.retention.term(&event)).await?;
        durable.await.map_err(|_| TrailError::Stopped)?
    }

    /// Has `next` sign the log from the record of it on, which this makes; what `said` says is sealed in it. Gives its
    /// index, also if it was made before. If this fails it may be there all the same: ask again.
    ///
    /// # Errors
    /// As [`note`](Self::note).
    pub async fn succeed(&self, said: &Successor, next: Arc<LogSigner>) -> Result<u64, TrailError> {
        let event = EventRef::Succeed(said);
        let draft = Draft::new(event, self.retention.term(&event))?;
        let (done, durable) = Waiter::new();
        let message = Message::Succeed { draft, next, done };
        let queued = self.queue.send(message).await;
        queued.map_err(|_| TrailError::Stopped)?;
        durable.await.map_err(|_| TrailError::Stopped)?
    }

    /// Queues an event, waiting for room; the receiver learns when it is durable.
    async fn send(&self, event: EventRef<'_>, term: Arc<Term>) -> Result<Durable, TrailError> {
        let begins = matches!(event, EventRef::Open(_) | EventRef::Reveal(_));
        if begins && *self.gauges.withheld.borrow() {
            self.gauges.refused.fetch_add(1, Ordering::AcqRel);
            return Err(TrailError::Withheld);
        }
        let draft = Draft::new(event, term)?;
        let bytes = u32::try_from(draft.bytes()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(bytes);
        let room = room.await.map_err(|_| TrailError::Stopped)?;
        let (done, durable) = Waiter::new();
        if let Some(alone) = courier::post(self, Pending::record(draft, Some(done), room)) {
            let queued = self.queue.send(Message::Records(vec![alone])).await;
            queued.map_err(|_| TrailError::Stopped)?;
        }
        Ok(durable)
    }

    /// Queues records that are on their way, waiting for room. Whoever waits for one learns if there is no writer any more.
    pub(crate) async fn forward(&self, records: Vec<Pending>) {
        if let Err(mpsc::error::SendError(Message::Records(records))) =
            self.queue.send(Message::Records(records)).await
        {
            self.lose(&records);
        }
    }

    /// The same where there is room; gives them back where there is none.
    pub(crate) fn try_forward(&self, records: Vec<Pending>) -> Result<(), Vec<Pending>> {
        if records.is_empty() {
            return Ok(());
        }
        match self.queue.try_send(Message::Records(records)) {
            Err(TrySendError::Full(Message::Records(records))) => Err(records),
            Err(TrySendError::Closed(Message::Records(records))) => {
                self.lose(&records);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Counts what of these nobody else does: closings that nobody waits for.
    pub(crate) fn lose(&self, records: &[Pending]) {
        let lost = records.iter().filter(|it| it.is_detached()).count() as u64;
        if lost > 0 {
            self.gauges.closings_lost.fetch_add(lost, Ordering::Relaxed);
            tracing::warn!(lost, "closings not recorded");
        }
    }

    /// Whether it is the same log as `other`.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.queue.same_channel(&other.queue)
    }

    /// Wraps the next of the log's data keys with ids above `after` as their provider wraps now. What is wrapped later
    /// is wrapped so by itself.
    pub async fn rewrap(&self, after: u32) -> Result<Rewrapped<u32>, TrailError> {
        let (done, told) = oneshot::channel();
        let queued = self.queue.send(Message::Rewrap { after, done }).await;
        queued.map_err(|_| TrailError::Stopped)?;
        told.await.map_err(|_| TrailError::Stopped)?
    }

    /// Destroys data keys. Whoever asks has it on record, for each of them, by an [`Expire`](EventRef::Expire). A key that
    /// still seals is left alone. Gives how many there were.
    pub async fn destroy(&self, ids: Vec<u32>) -> Result<u64, TrailError> {
        let (done, told) = oneshot::channel();
        let queued = self.queue.send(Message::Destroy { ids, done }).await;
        queued.map_err(|_| TrailError::Stopped)?;
        told.await.map_err(|_| TrailError::Stopped)?
    }

    /// Records `farewell` after everything that is queued, closes the store and ends the trail
    /// for all its clones.
    pub async fn stop(self, farewell: impl Into<EventRef<'_>>) -> Result<(), TrailError> {
        let farewell = farewell.into();
        let draft = Draft::new(farewell, self.retention.term(&farewell))?;
        let (done, stopped) = oneshot::channel();
        let queued = self.queue.send(Message::Stop { draft, done }).await;
        queued.map_err(|_| TrailError::Stopped)?;
        stopped.await.map_err(|_| TrailError::Stopped)?
    }

    /// Has the writer close its store, and gives what others go on with; what comes meanwhile waits.
    ///
    /// # Errors
    /// If the trail has ended.
    pub async fn cede(&self) -> Result<Ceded, TrailError> {
        let (to, ceded) = oneshot::channel();
        let queued = self.queue.send(Message::Cede(to)).await;
        queued.map_err(|_| TrailError::Stopped)?;
        ceded.await.map_err(|_| TrailError::Stopped)
    }

    /// Takes a record of the gateway that had the log before, behind those that it handed before; gives what becomes
    /// of it.
    ///
    /// # Errors
    /// If it is no record, nothing may begin any more, or the trail has ended.
    pub async fn adopt(
        &self,
        handed: &Handed,
    ) -> Result<impl Future<Output = Result<u64, TrailError>> + Send + 'static, TrailError> {
        let draft = handed.draft()?;
        if matches!(draft.kind(), Kind::Open | Kind::Reveal) && *self.gauges.withheld.borrow() {
            self.gauges.refused.fetch_add(1, Ordering::AcqRel);
            return Err(TrailError::Withheld);
        }
        let bytes = u32::try_from(draft.bytes()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(bytes);
        let room = room.await.map_err(|_| TrailError::Stopped)?;
        let (done, durable) = Waiter::new();
        let record = Pending::record(draft, Some(done), room);
        let queued = self.queue.send(Message::Records(vec![record])).await;
        queued.map_err(|_| TrailError::Stopped)?;
        Ok(async { durable.await.map_err(|_| TrailError::Stopped)? })
    }

    /// As many openings as this are not closed, of the gateway that had the log before.
    pub fn inherit(&self, open: u64) {
        self.gauges.opened.fetch_add(open, Ordering::Relaxed);
    }

    /// How it does.
    pub fn status(&self) -> TrailStatus {
        let gauges = &self.gauges;
        let closed = gauges.closed.load(Ordering::Acquire);
        TrailStatus {
            size: gauges.size.load(Ordering::Relaxed),
            healthy: gauges.healthy.load(Ordering::Relaxed),
            open: gauges.opened.load(Ordering::Relaxed).saturating_sub(closed),
            commits: gauges.commits.load(Ordering::Relaxed),
            closings_lost: gauges.closings_lost.load(Ordering::Relaxed),
            rewrapped: gauges.rewrapped.load(Ordering::Acquire),
            destroyed: gauges.destroyed.load(Ordering::Acquire),
        }
    }

    fn queue_waiting(&self, event: EventRef<'_>, term: Arc<Term>) -> Result<Durable, Unqueued> {
        let (done, durable) = Waiter::new();
        self.try_queue(event, term, Some(done)).map(|()| durable)
    }

    fn try_queue(
        &self,
        event: EventRef<'_>,
        term: Arc<Term>,
        done: Option<Waiter>,
    ) -> Result<(), Unqueued> {
        let draft = Draft::new(event, term).map_err(|_| Unqueued::Sealing)?;
        let bytes = u32::try_from(draft.bytes()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(bytes);
        let room = room.map_err(|_| Unqueued::Full)?;
        let record = Pending::record(draft, done, room);
        let Some(alone) = courier::post(self, record) else {
            return Ok(());
        };
        let queued = self.queue.try_send(Message::Records(vec![alone]));
        queued.map_err(|_| Unqueued::Full)
    }
}

/// An opening that is being written. If its caller goes away between the commit and waking up,
/// nobody else knows of the index: the record is closed here, as the writer closes those whose
/// callers went before.
struct Waiting<'a> {
    durable: Durable,
    trail: &'a Trail,
    opened: Opened,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.durable.close();
        if let Ok(Ok(index)) = self.durable.try_recv()
            && let Some(mut outcome) = Outcome::abandoned(index, self.opened.at_us)
        {
            let receipt = Receipt::of(index, self.opened.clone());
            self.trail.close_detached(receipt, &mut outcome);
        }
    }
}

/// Counts a closing as lost if whoever waited for room went away.
struct Unrecorded<'a>(&'a Gauges);

impl Drop for Unrecorded<'_> {
    fn drop(&mut self) {
        self.0.closings_lost.fetch_add(1, Ordering::Relaxed);
        tracing::warn!("closing not recorded");
    }
}

/// Why a detached closing did not reach the writer.
#[derive(Debug, thiserror::Error)]
enum Unqueued {
    #[error("the event cannot be serialized")]
    Sealing,
    #[error("the queue is full or closed")]
    Full,
}
