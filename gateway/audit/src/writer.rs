//! The one thread that appends.
//!
//! It takes whatever waits, seals it, grows the tree, signs the head and commits all at once;
//! meanwhile the next group is sealed. So an idle log commits at once and a busy one in groups. After
//! a group that shows load the next waits a moment for company, because a commit costs the same for
//! one record as for fifty. Nobody is told of a record before it is on disk.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, atomic::Ordering, mpsc::SyncSender},
    thread,
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use vault::DataKey;

use self::{
    group::{Epoch, Gathered, Sealer},
    recovery::recover,
};
use crate::{
    Ledger, TrailError,
    courier::Waiter,
    rewrap::{self, Rewrapped},
    seal::{self, Draft},
    trail::{Gauges, Keys},
};

mod group;
mod recovery;

pub(crate) use self::recovery::node;

/// No group holds more records.
const GROUP_RECORDS_MAX: usize = 512;

/// So many callers at once are load.
const LOAD_RECORDS_MIN: usize = 8;

/// Under load, a group that holds fewer records waits for others,
const COMPANY_RECORDS: usize = 128;

/// for so long at a time,
const COMPANY_WAIT: Duration = Duration::from_micros(40);

/// as long as others come, and so often at most.
const COMPANY_WAITS_MAX: usize = 16;

/// Of so many callers a group needs a quarter.
const TURNS_CALLERS_MIN: usize = 48;

/// So many are sealed before the writer looks whether its commit is done.
const SEALED_AT_ONCE: usize = 16;

/// A data key seals no more records, plus at most one group: far below the 2^32 that NIST SP
/// 800-38D §8.3 allows with random nonces. Every start of the writer takes a new one as well.
const KEY_RECORDS_MAX: u64 = 1 << 24;

/// What a data key's wrapping is bound to, before the log's name and the key's id.
const KEY_CONTEXT: &str = "tidegate audit data key";

/// What callers send.
pub(crate) enum Message {
    /// An event to append.
    Record {
        draft: Draft,
        done: Option<Waiter>,
        /// Its share of the queue's bytes, given back when it is dropped.
        room: OwnedSemaphorePermit,
    },
    /// To wrap the data keys behind this one as the provider does now.
    Rewrap {
        after: u32,
        done: oneshot::Sender<Result<Rewrapped<u32>, TrailError>>,
    },
    /// The last event.
    Stop {
        draft: Draft,
        done: oneshot::Sender<Result<(), TrailError>>,
    },
}

/// What the wrapped data key `id` of `log` is bound to.
pub(crate) fn key_context(log: &str, id: u32) -> Vec<u8> {
    format!("{KEY_CONTEXT}\n{log}\n{id}").into_bytes()
}

/// The thread's body.
pub(crate) fn run(
    ledger: Box<dyn Ledger>,
    keys: Keys,
    gauges: Arc<Gauges>,
    messages: mpsc::Receiver<Message>,
    ready: &SyncSender<Result<(), TrailError>>,
) {
    // Whoever waits on `ready` learns of a failure by its being dropped, too.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return;
    };
    let _ending = Ending(Arc::clone(&gauges));
    runtime.block_on(async {
        let log = signed_note::Signer::name(&keys.signer).to_owned();
        let mut writer = Writer {
            ledger,
            keys,
            log,
            gauges,
            sealer: None,
            messages,
            rewraps: VecDeque::new(),
            ended: false,
            farewell: None,
        };
        let started = writer.prepare().await;
        let sound = started.is_ok();
        if ready.send(started).is_ok() && sound {
            writer.serve().await;
        }
    });
}

/// From which data key on keys are to be wrapped anew, and who waits.
type Rewrap = (u32, oneshot::Sender<Result<Rewrapped<u32>, TrailError>>);

/// The last record, and who waits.
type Farewell = (Draft, oneshot::Sender<Result<(), TrailError>>);

struct Writer {
    ledger: Box<dyn Ledger>,
    keys: Keys,
    log: String,
    gauges: Arc<Gauges>,
    /// None when a commit failed and nobody has looked since what is on disk.
    sealer: Option<Sealer>,
    messages: mpsc::Receiver<Message>,
    /// Asked for while a commit was under way.
    rewraps: VecDeque<Rewrap>,
    /// Nothing comes any more.
    ended: bool,
    farewell: Option<Farewell>,
}

impl Writer {
    /// Makes sure that what is on disk is known and that there is a key to seal with.
    async fn prepare(&mut self) -> Result<(), TrailError> {
        let tree = match self.sealer.take() {
            Some(sealer) if sealer.is_fresh() => {
                self.sealer = Some(sealer);
                return Ok(());
            }
            Some(sealer) => sealer.tree,
            None => {
                let tree = recover(self.ledger.as_mut(), &self.keys).await?;
                // A tree that goes on may hold what is not on disk yet, and is counted once it is.
                self.gauges.size.store(tree.size(), Ordering::Relaxed);
                tree
            }
        };
        let (log, epoch) = (seal::tag(&self.log), self.epoch().await?);
        self.sealer = Some(Sealer { log, tree, epoch });
        self.gauges.healthy.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn epoch(&mut self) -> Result<Epoch, TrailError> {
        let id = self.ledger.head().await?.key.saturating_add(1);
        let context = key_context(&self.log, id);
        let (key, wrapped) = DataKey::generate(self.keys.provider.as_ref(), &context)?;
        // Durable before it seals anything: a record without its key would be lost.
        self.ledger.put_key(id, wrapped).await?;
        Ok(Epoch { id, key, sealed: 0 })
    }

    async fn serve(mut self) {
        let mut next = Gathered::default();
        // Closings that are due, which nobody waits for.
        let mut due: Vec<Draft> = Vec::new();
        let mut last = 0;
        loop {
            self.rewrap().await;
            if next.is_empty() && due.is_empty() && !self.await_first(&mut next).await {
                break;
            }
            if let Err(error) = self.prepare().await {
                // What is sealed stands on a tree that nobody knows any more.
                let next = mem::take(&mut next);
                self.failed(&error, next.len() + due.len());
                next.deny(&error, &self.gauges);
                let closings = due.drain(..).count() as u64;
                let gauge = &self.gauges.closings_lost;
                gauge.fetch_add(closings, Ordering::Relaxed);
                continue;
            }
            let closings = due.len().min(next.left());
            self.take(&mut next, due.drain(..closings));
            let callers = last + next.len();
            if callers >= LOAD_RECORDS_MIN {
                self.gather(&mut next, company(callers));
            }
            last = next.len();
            if next.is_empty() {
                continue;
            }
            let group = mem::take(&mut next);
            let abandoned = self.commit(group, &mut next).await;
            due.extend(abandoned);
        }
        self.end().await;
    }

    /// Wraps data keys anew, a batch for whoever asked. New keys are made by this thread too, so that none comes between
    /// that an older key-encryption key wraps.
    async fn rewrap(&mut self) {
        while let Some((after, done)) = self.rewraps.pop_front() {
            let rewrapped = self.rewrapped(after).await;
            if let Ok(told) = &rewrapped {
                let gauge = &self.gauges.rewrapped;
                gauge.fetch_add(told.changed, Ordering::Release);
            }
            // Who went away meanwhile asks again.
            drop(done.send(rewrapped));
        }
    }

    async fn rewrapped(&mut self, after: u32) -> Result<Rewrapped<u32>, TrailError> {
        let batch = self.ledger.keys(after, rewrap::BATCH_MAX).await?;
        let (provider, log) = (self.keys.provider.as_ref(), &self.log);
        let (anew, told) = rewrap::rewrap(&batch, provider, |id| key_context(log, id))?;
        if !anew.is_empty() {
            self.ledger.replace_keys(anew).await?;
        }
        Ok(told)
    }

    /// Waits for records to begin a group with; false at the end. Those that come while there is no store are refused.
    async fn await_first(&mut self, next: &mut Gathered) -> bool {
        let mut batch = Vec::new();
        let received = self.messages.recv_many(&mut batch, GROUP_RECORDS_MAX).await;
        if received == 0 {
            return false;
        }
        match self.prepare().await {
            Ok(()) => self.receive(next, batch),
            Err(error) => {
                self.failed(&error, batch.len());
                self.refuse(batch, &error);
            }
        }
        true
    }

    /// Commits `group`, and seals what comes meanwhile as the next one. Gives closings that are due.
    async fn commit(&mut self, mut group: Gathered, next: &mut Gathered) -> Vec<Draft> {
        let Some(sealer) = &mut self.sealer else {
            group.deny(&TrailError::Stopped, &self.gauges);
            return Vec::new();
        };
        let first = sealer.tree.size().saturating_sub(group.len() as u64);
        let done = match group.group(sealer, &self.keys.signer) {
            Ok(rows) => {
                let mut appended = self.ledger.append(rows);
                let mut batch = Vec::new();
                loop {
                    let room = next.left().min(SEALED_AT_ONCE);
                    let open = room > 0 && !self.ended && sealer.is_fresh();
                    tokio::select! {
                        biased;
                        done = &mut appended => break done.map_err(TrailError::from),
                        count = self.messages.recv_many(&mut batch, room), if open => {
                            self.ended = count == 0;
                            let rewraps = &mut self.rewraps;
                            let farewell = take_all(&mut batch, next, sealer, rewraps, &self.gauges);
                            if let Some(farewell) = farewell {
                                // What is queued by now is still taken.
                                self.messages.close();
                                self.farewell = Some(farewell);
                            }
                        }
                    }
                }
            }
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => group.acknowledge(first, &self.gauges),
            Err(error) => {
                // The next group stands on this one.
                let next = mem::take(next);
                self.failed(&error, group.len() + next.len());
                group.deny(&error, &self.gauges);
                next.deny(&error, &self.gauges);
                Vec::new()
            }
        }
    }

    /// Nothing of the group counts. What is on disk after all is found out before the next.
    fn failed(&mut self, error: &TrailError, records: usize) {
        self.sealer = None;
        self.gauges.healthy.store(false, Ordering::Relaxed);
        tracing::error!(
            error = error as &dyn std::error::Error,
            records,
            "records not stored"
        );
    }

    /// Seals what callers sent.
    fn receive(&mut self, next: &mut Gathered, mut batch: Vec<Message>) {
        if let Some(sealer) = &mut self.sealer
            && let Some(farewell) =
                take_all(&mut batch, next, sealer, &mut self.rewraps, &self.gauges)
        {
            self.messages.close();
            self.farewell = Some(farewell);
        }
    }

    /// Seals what nobody waits for.
    fn take(&mut self, next: &mut Gathered, drafts: impl Iterator<Item = Draft>) {
        if let Some(sealer) = &mut self.sealer {
            drafts.for_each(|draft| next.take(sealer, draft, None, None, &self.gauges));
        }
    }

    /// Waits for company and takes it in, while any comes: with few callers, all of them soon wait for
    /// this very group. The thread is the writer's own, so it may sleep.
    fn gather(&mut self, next: &mut Gathered, enough: usize) {
        for _ in 0..COMPANY_WAITS_MAX {
            if next.len() >= enough {
                return;
            }
            thread::sleep(COMPANY_WAIT);
            let mut batch = Vec::new();
            while batch.len() < next.left()
                && let Ok(message) = self.messages.try_recv()
            {
                batch.push(message);
            }
            if batch.is_empty() {
                return;
            }
            self.receive(next, batch);
        }
    }

    /// Refuses what callers sent.
    fn refuse(&mut self, batch: Vec<Message>, error: &TrailError) {
        for message in batch {
            match message {
                Message::Record { draft, done, .. } => {
                    Gathered::refuse(draft.kind(), done, error, &self.gauges);
                }
                Message::Rewrap { after, done } => self.rewraps.push_back((after, done)),
                Message::Stop { draft, done } => {
                    self.messages.close();
                    self.farewell = Some((draft, done));
                }
            }
        }
    }

    /// The last record, and the end of the store.
    async fn end(mut self) {
        let Some((draft, done)) = self.farewell.take() else {
            drop(self.ledger.close().await);
            return;
        };
        let last = match self.prepare().await {
            Ok(()) => {
                let (waiter, last) = Waiter::new();
                let mut group = Gathered::default();
                if let Some(sealer) = &mut self.sealer {
                    group.take(sealer, draft, Some(waiter), None, &self.gauges);
                }
                self.commit(group, &mut Gathered::default()).await;
                last.await.unwrap_or(Err(TrailError::Stopped))
            }
            Err(error) => Err(error),
        };
        let closed = self.ledger.close().await.map_err(TrailError::from);
        drop(done.send(last.and(closed)));
    }
}

/// How many records a group should have if so many callers are about. A few of them share one commit; many take
/// turns: some prepare records while those of the others are written, and to wait for more of them would cost more than
/// the commit it saves.
fn company(callers: usize) -> usize {
    let enough = match callers {
        ..TURNS_CALLERS_MIN => callers,
        _ => callers / 4,
    };
    enough.min(COMPANY_RECORDS)
}

/// Seals what is in `batch`; gives the last record, if that is among it.
fn take_all(
    batch: &mut Vec<Message>,
    next: &mut Gathered,
    sealer: &mut Sealer,
    rewraps: &mut VecDeque<Rewrap>,
    gauges: &Gauges,
) -> Option<Farewell> {
    let mut farewell = None;
    for message in batch.drain(..) {
        match message {
            Message::Record { draft, done, room } => {
                next.take(sealer, draft, done, Some(room), gauges);
            }
            Message::Rewrap { after, done } => rewraps.push_back((after, done)),
            Message::Stop { draft, done } => farewell = Some((draft, done)),
        }
    }
    farewell
}

/// Says that the trail is not healthy when the writer ends, in whatever way.
struct Ending(Arc<Gauges>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.healthy.store(false, Ordering::Relaxed);
    }
}
