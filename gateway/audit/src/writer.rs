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
use vault::{DataKey, LogSigner};

use self::{
    group::{Epoch, Gathered, Sealer},
    recovery::{recover, succession},
};
use crate::{
    KeptDataKey, KeyTerms, Keys, Kind, Ledger, READ_ROWS_MAX, TrailError,
    courier::Waiter,
    retention::Days,
    rewrap::Rewrapped,
    seal::{self, Draft, Header},
    trail::Gauges,
};

mod cede;
mod group;
mod keys;
mod recovery;
mod relay;

use self::{cede::Last, keys::KeyWork};

pub(crate) use self::recovery::node;
pub use self::{
    cede::Ceded,
    relay::{Handed, Relay},
};

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

/// So many come together at most, and are sealed before the writer looks whether its commit is done.
pub(crate) const BATCH_RECORDS_MAX: usize = 64;

/// So many messages are taken in at once.
const MESSAGES_AT_ONCE: usize = 64;

/// A data key seals no more records, plus at most one group: far below the 2^32 that NIST SP
/// 800-38D §8.3 allows with random nonces. Every start of the writer takes a new one as well.
const KEY_RECORDS_MAX: u64 = 1 << 24;

/// What a data key's wrapping is bound to, before the log's name and the key's id.
const KEY_CONTEXT: &str = "tidegate audit data key";

/// What callers send.
pub(crate) enum Message {
    /// Events to append, in their order.
    Records(Vec<Pending>),
    /// To wrap the data keys behind this one as the provider does now.
    Rewrap {
        after: u32,
        done: oneshot::Sender<Result<Rewrapped<u32>, TrailError>>,
    },
    /// To have another key sign from a record on.
    Succeed {
        draft: Draft,
        next: Arc<LogSigner>,
        done: Waiter,
    },
    /// To destroy these data keys.
    Destroy {
        ids: Vec<u32>,
        done: oneshot::Sender<Result<u64, TrailError>>,
    },
    /// To close the store, and give back what others go on with.
    Cede(oneshot::Sender<Ceded>),
    /// The last event.
    Stop {
        draft: Draft,
        done: oneshot::Sender<Result<(), TrailError>>,
    },
}

/// A record that is not sealed yet.
pub(crate) struct Pending {
    draft: Draft,
    done: Option<Waiter>,
    /// Its share of the queue's bytes, given back when it is dropped.
    room: Option<OwnedSemaphorePermit>,
    /// Who signs from it on.
    next: Option<Arc<LogSigner>>,
}

impl Pending {
    /// An event, and who waits for it.
    pub(crate) fn record(draft: Draft, done: Option<Waiter>, room: OwnedSemaphorePermit) -> Self {
        Self {
            draft,
            done,
            room: Some(room),
            next: None,
        }
    }

    /// Whether it closes what nobody waits for any more.
    pub(crate) fn is_detached(&self) -> bool {
        self.done.is_none() && self.draft.kind() == Kind::Close
    }

    fn succession(draft: Draft, next: Arc<LogSigner>, done: Waiter) -> Self {
        Self {
            draft,
            done: Some(done),
            room: None,
            next: Some(next),
        }
    }
}

/// What the wrapped data key `id` of `log` is bound to.
pub(crate) fn key_context(log: &str, id: u32, terms: Option<&KeyTerms>) -> Vec<u8> {
    let terms = terms.map(|terms| format!("\n{}", terms.context()));
    format!("{KEY_CONTEXT}\n{log}\n{id}{}", terms.unwrap_or_default()).into_bytes()
}

/// The thread's body.
pub(crate) fn run(
    ledger: Box<dyn Ledger>,
    from: Ceded,
    ready: &SyncSender<Result<(), TrailError>>,
) {
    // Whoever waits on `ready` learns of a failure by its being dropped, too.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return;
    };
    let Ceded {
        messages,
        postponed,
        keys,
        gauges,
    } = from;
    let ending = Ending(Arc::clone(&gauges));
    let ceded = runtime.block_on(async {
        let log = signed_note::Signer::name(&*keys.signer).to_owned();
        let mut writer = Writer {
            ledger,
            keys,
            log,
            gauges,
            since: None,
            sealer: None,
            messages,
            postponed,
            key_work: VecDeque::new(),
            ended: false,
            last: None,
        };
        let started = writer.prepare().await;
        let sound = started.is_ok();
        if ready.send(started).is_ok() && sound {
            return writer.serve().await;
        }
        None
    });
    // Whoever goes on says how the trail does from then on.
    drop(ending);
    if let Some((to, ceded)) = ceded {
        drop(to.send(ceded));
    }
}

struct Writer {
    ledger: Box<dyn Ledger>,
    keys: Keys,
    log: String,
    gauges: Arc<Gauges>,
    /// The record from which on the log's key signs, if that was found or made here.
    since: Option<u64>,
    /// None when a commit failed and nobody has looked since what is on disk.
    sealer: Option<Sealer>,
    messages: mpsc::Receiver<Message>,
    /// Records that have no key to be sealed with yet, in their order; what came behind one waits, too.
    postponed: VecDeque<Pending>,
    /// Asked for while a commit was under way.
    key_work: VecDeque<KeyWork>,
    /// Nothing comes any more.
    ended: bool,
    last: Option<Last>,
}

impl Writer {
    /// Makes sure that what is on disk is known, and that there are keys to seal with what was postponed.
    async fn prepare(&mut self) -> Result<(), TrailError> {
        if self.sealer.is_none() {
            let (tree, is_succeeded) = recover(self.ledger.as_mut(), &self.keys).await?;
            if is_succeeded {
                self.since = Some(succession(self.ledger.as_mut(), tree.size()).await?);
                if let Some(next) = self.keys.next.take() {
                    self.keys.signer = next;
                }
            }
            // A tree that goes on may hold what is not on disk yet, and is counted once it is.
            self.gauges.size.store(tree.size(), Ordering::Relaxed);
            let days = self.days().await?;
            self.sealer = Some(Sealer::new(seal::tag(&self.log), tree, days));
            self.gauges.healthy.store(true, Ordering::Relaxed);
        }
        let wanted = self.postponed.iter().map(|it| &it.draft);
        let Some(sealer) = &mut self.sealer else {
            return Ok(());
        };
        for draft in wanted.take(GROUP_RECORDS_MAX) {
            if !sealer.can_seal(draft) {
                let terms = sealer.terms(draft);
                let key = epoch(self.ledger.as_mut(), &self.keys, &self.log, draft, terms).await?;
                sealer.begin(key);
            }
        }
        Ok(())
    }

    /// The newest days that the log has keys of, which open as what they are for.
    async fn days(&mut self) -> Result<Days, TrailError> {
        let (mut days, mut after) = (Days::default(), 0);
        loop {
            let keys = self.ledger.keys(after, READ_ROWS_MAX).await?;
            let Some(last) = keys.last() else {
                return Ok(days);
            };
            after = last.id;
            for key in keys.iter().filter(|key| !key.is_destroyed()) {
                let context = key_context(&self.log, key.id, key.terms.as_ref());
                let provider = self.keys.provider.as_ref();
                if let Some(terms) = &key.terms
                    && DataKey::unwrap(provider, &key.wrapped, &context).is_ok()
                {
                    days.saw(terms.day);
                }
            }
        }
    }

    async fn serve(mut self) -> Option<(oneshot::Sender<Ceded>, Ceded)> {
        let mut next = Gathered::default();
        let mut last = 0;
        loop {
            // What is sealed is committed; what is not is for whoever goes on.
            if next.is_empty() && self.is_ceding() {
                break;
            }
            self.work_on_keys().await;
            if next.is_empty() && self.postponed.is_empty() && !self.await_first().await {
                break;
            }
            if let Err(error) = self.prepare().await {
                // What is sealed stands on a tree that nobody knows any more.
                let next = mem::take(&mut next);
                self.failed(&error, next.len() + self.postponed.len());
                next.deny(&error, &self.gauges);
                for pending in self.postponed.drain(..) {
                    Gathered::refuse(pending, &error, &self.gauges);
                }
                continue;
            }
            if !self.is_ceding() {
                self.take_postponed(&mut next);
                let callers = last + next.len();
                if callers >= LOAD_RECORDS_MIN {
                    self.gather(&mut next, company(callers));
                }
            }
            last = next.len();
            if next.is_empty() {
                continue;
            }
            let group = mem::take(&mut next);
            let abandoned = self.commit(group, &mut next).await;
            // Before what came meanwhile: they are due.
            abandoned
                .into_iter()
                .rev()
                .for_each(|it| self.postponed.push_front(it));
        }
        self.end().await
    }

    fn is_ceding(&self) -> bool {
        matches!(self.last, Some(Last::Cede(_)))
    }

    /// Ends with this.
    fn end_by(&mut self, last: Last) {
        if matches!(last, Last::Stop(..)) {
            // What is queued by now is still taken.
            self.messages.close();
        }
        self.last = Some(last);
    }

    /// Waits for records to begin a group with; false at the end.
    async fn await_first(&mut self) -> bool {
        let mut batch = Vec::new();
        let received = self.messages.recv_many(&mut batch, MESSAGES_AT_ONCE).await;
        for message in batch {
            match message {
                Message::Records(records) => self.postponed.extend(records),
                Message::Succeed { draft, next, done } => {
                    self.postponed
                        .push_back(Pending::succession(draft, next, done));
                }
                Message::Rewrap { after, done } => {
                    self.key_work.push_back(KeyWork::Rewrap(after, done));
                }
                Message::Destroy { ids, done } => {
                    self.key_work.push_back(KeyWork::Destroy(ids, done));
                }
                Message::Cede(to) => self.end_by(Last::Cede(to)),
                Message::Stop { draft, done } => self.end_by(Last::Stop(draft, done)),
            }
        }
        received > 0
    }

    /// Commits `group`, and seals what comes meanwhile as the next one. Gives closings that are due.
    async fn commit(&mut self, mut group: Gathered, next: &mut Gathered) -> Vec<Pending> {
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
                    let ceding = matches!(self.last, Some(Last::Cede(_)));
                    let open =
                        next.left() > 0 && !self.ended && !ceding && self.postponed.is_empty();
                    tokio::select! {
                        biased;
                        done = &mut appended => break done.map_err(TrailError::from),
                        count = self.messages.recv_many(&mut batch, 1), if open => {
                            self.ended = count == 0;
                            let waits = (&mut self.postponed, &mut self.key_work);
                            let last = take_all(&mut batch, next, sealer, waits, &self.gauges);
                            if let Some(last) = last {
                                if matches!(last, Last::Stop(..)) {
                                    // What is queued by now is still taken.
                                    self.messages.close();
                                }
                                self.last = Some(last);
                            }
                        }
                    }
                }
            }
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => {
                if let Some((index, next)) = group.succession() {
                    self.since = Some(index);
                    self.keys.signer = next;
                    self.keys.next = None;
                }
                group.acknowledge(first, &self.gauges)
            }
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
        let waits = (&mut self.postponed, &mut self.key_work);
        if let Some(sealer) = &mut self.sealer
            && let Some(last) = take_all(&mut batch, next, sealer, waits, &self.gauges)
        {
            self.end_by(last);
        }
    }

    /// Seals what was postponed, as far as there are keys and room.
    fn take_postponed(&mut self, next: &mut Gathered) {
        let Some(sealer) = &mut self.sealer else {
            return;
        };
        while next.left() > 0
            && let Some(mut pending) = self.postponed.pop_front_if(|it| sealer.can_seal(&it.draft))
        {
            let Some(successor) = pending.next.take() else {
                next.take(sealer, pending, &self.gauges);
                continue;
            };
            let signer = &self.keys.signer;
            if successor.verifier_key() == signer.verifier_key() {
                // It was made before, and whoever asked did not hear of it.
                let told = self.since.ok_or(TrailError::Stopped);
                pending.done.map(|waiter| waiter.tell(told));
                continue;
            }
            pending.draft.stating(signer, &successor);
            // Whatever becomes of the commit, it is found out by whom the end is signed.
            self.keys.next = Some(Arc::clone(&successor));
            next.succeed(sealer, pending, successor, &self.gauges);
        }
    }

    /// Waits for company and takes it in, while any comes: with few callers, all of them soon wait for
    /// this very group. The thread is the writer's own, so it may sleep.
    fn gather(&mut self, next: &mut Gathered, enough: usize) {
        for _ in 0..COMPANY_WAITS_MAX {
            if next.len() >= enough || !self.postponed.is_empty() {
                return;
            }
            thread::sleep(COMPANY_WAIT);
            let before = next.len();
            while next.left() > 0
                && let Ok(message) = self.messages.try_recv()
            {
                self.receive(next, vec![message]);
            }
            if next.len() == before {
                return;
            }
        }
    }

    /// The last record, and the end of the store; or what others go on with.
    async fn end(mut self) -> Option<(oneshot::Sender<Ceded>, Ceded)> {
        let (draft, done) = match self.last.take() {
            Some(Last::Stop(draft, done)) => (draft, done),
            last => {
                if let Err(error) = self.ledger.close().await {
                    // Whoever opens it looks what is there, as after a crash.
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the log was not closed"
                    );
                }
                let Some(Last::Cede(to)) = last else {
                    return None;
                };
                let ceded = Ceded {
                    messages: self.messages,
                    postponed: self.postponed,
                    keys: self.keys,
                    gauges: self.gauges,
                };
                return Some((to, ceded));
            }
        };
        let (waiter, last) = Waiter::new();
        self.postponed.push_back(Pending {
            draft,
            done: Some(waiter),
            room: None,
            next: None,
        });
        let last = match self.prepare().await {
            Ok(()) => {
                let mut group = Gathered::default();
                self.take_postponed(&mut group);
                self.commit(group, &mut Gathered::default()).await;
                last.await.unwrap_or(Err(TrailError::Stopped))
            }
            Err(error) => Err(error),
        };
        let closed = self.ledger.close().await.map_err(TrailError::from);
        drop(done.send(last.and(closed)));
        None
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

/// A new data key for what `draft` is of.
async fn epoch(
    ledger: &mut dyn Ledger,
    keys: &Keys,
    log: &str,
    draft: &Draft,
    terms: KeyTerms,
) -> Result<Epoch, TrailError> {
    let head = ledger.head().await?;
    // No id that a record has is given again: whoever took the newest keys away would have them look as if they were there.
    let tail = head.size.saturating_sub(READ_ROWS_MAX.into());
    let rows = ledger.read(tail, READ_ROWS_MAX).await?;
    let named = rows.iter().filter_map(|row| Header::parse(&row.leaf));
    let newest = named.map(|header| header.key).max().unwrap_or_default();
    let id = head.key.max(newest).saturating_add(1);
    let context = key_context(log, id, Some(&terms));
    let (key, wrapped) = DataKey::generate(keys.provider.as_ref(), &context)?;
    let epoch = Epoch {
        id,
        key,
        day: terms.day,
        term: Arc::clone(draft.term()),
        sealed: 0,
    };
    // Durable before it seals anything: a record without its key would be lost.
    let terms = Some(terms);
    ledger.put_key(KeptDataKey { id, wrapped, terms }).await?;
    Ok(epoch)
}

/// Seals what is in `batch`; gives what ends the writer, if that is among it. What has no key yet waits, and what came behind
/// it.
fn take_all(
    batch: &mut Vec<Message>,
    next: &mut Gathered,
    sealer: &mut Sealer,
    (postponed, key_work): (&mut VecDeque<Pending>, &mut VecDeque<KeyWork>),
    gauges: &Gauges,
) -> Option<Last> {
    let mut last = None;
    for message in batch.drain(..) {
        match message {
            Message::Records(records) => {
                for pending in records {
                    let is_next = postponed.is_empty() && next.left() > 0;
                    if is_next && sealer.can_seal(&pending.draft) {
                        next.take(sealer, pending, gauges);
                    } else {
                        postponed.push_back(pending);
                    }
                }
            }
            Message::Succeed { draft, next, done } => {
                postponed.push_back(Pending::succession(draft, next, done));
            }
            Message::Rewrap { after, done } => key_work.push_back(KeyWork::Rewrap(after, done)),
            Message::Destroy { ids, done } => key_work.push_back(KeyWork::Destroy(ids, done)),
            Message::Cede(to) => last = Some(Last::Cede(to)),
            Message::Stop { draft, done } => last = Some(Last::Stop(draft, done)),
        }
    }
    last
}

/// Says that the trail is not healthy when the writer ends, in whatever way.
struct Ending(Arc<Gauges>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.healthy.store(false, Ordering::Relaxed);
    }
}
