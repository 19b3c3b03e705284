//! The one thread that appends.
//!
//! It takes whatever waits, seals it, grows the tree, signs the head and commits all at once;
//! meanwhile the next group gathers. So an idle log commits at once and a busy one in groups. After
//! a group that shows load the next waits a moment for company, because a commit costs the same for
//! one record as for fifty. Nobody is told of a record before it is on disk.

use std::{
    sync::{Arc, atomic::Ordering, mpsc::SyncSender},
    thread,
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use vault::DataKey;

use crate::{
    EventRef, Group, Kind, Ledger, LedgerError, Outcome, Row, TrailError, checkpoint,
    checkpoint::Authority,
    courier::{Parcels, Waiter},
    seal::{self, Draft, Header},
    trail::{Gauges, Keys},
    tree::{self, DIGEST_BYTES, Digest, Place, Tree},
};

/// No group holds more records.
const GROUP_RECORDS_MAX: usize = 512;

/// A group of so many records shows load.
const LOAD_RECORDS_MIN: usize = 8;

/// Under load, a group that holds fewer records waits for others,
const COMPANY_RECORDS: usize = 128;

/// for so long at a time,
const COMPANY_WAIT: Duration = Duration::from_micros(150);

/// as long as others come, and so often at most.
const COMPANY_WAITS_MAX: usize = 6;

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
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else {
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
            tree: None,
            key: None,
        };
        let started = writer.prepare().await;
        let sound = started.is_ok();
        if ready.send(started).is_ok() && sound {
            writer.serve(messages).await;
        }
    });
}

struct Writer {
    ledger: Box<dyn Ledger>,
    keys: Keys,
    log: String,
    gauges: Arc<Gauges>,
    /// The tree as it is on disk; none when a commit failed and nobody looked since.
    tree: Option<Tree>,
    key: Option<Epoch>,
}

/// A data key and how much it has sealed.
struct Epoch {
    id: u32,
    key: DataKey,
    sealed: u64,
}

impl Writer {
    /// Makes sure that what is on disk is known and that there is a key to seal with.
    async fn prepare(&mut self) -> Result<(), TrailError> {
        if self.tree.is_none() {
            let tree = recover(self.ledger.as_mut(), &self.keys).await?;
            self.gauges.size.store(tree.size(), Ordering::Relaxed);
            self.tree = Some(tree);
        }
        if self
            .key
            .as_ref()
            .is_none_or(|it| it.sealed >= KEY_RECORDS_MAX)
        {
            self.key = Some(self.epoch().await?);
        }
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

    async fn serve(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut batch = Vec::with_capacity(GROUP_RECORDS_MAX);
        let mut farewell = None;
        let mut loaded = false;
        while messages.recv_many(&mut batch, GROUP_RECORDS_MAX).await > 0 {
            if loaded && batch.len() < COMPANY_RECORDS {
                gather(&mut messages, &mut batch);
            }
            loaded = batch.len() >= LOAD_RECORDS_MIN;
            let mut records = Vec::with_capacity(batch.len());
            // The rooms are held until the group is on disk.
            let mut rooms = Vec::with_capacity(batch.len());
            for message in batch.drain(..) {
                match message {
                    Message::Record { draft, done, room } => {
                        records.push((draft, done));
                        rooms.push(room);
                    }
                    Message::Stop { draft, done } => {
                        // What is queued by now is still taken; `recv_many` then gives 0.
                        messages.close();
                        farewell = Some((draft, done));
                    }
                }
            }
            self.commit(records).await;
        }
        let Some((draft, done)) = farewell else {
            drop(self.ledger.close().await);
            return;
        };
        let (stopped, last) = Waiter::new();
        self.commit(vec![(draft, Some(stopped))]).await;
        let last = last.await.unwrap_or(Err(TrailError::Stopped));
        let closed = self.ledger.close().await.map_err(TrailError::from);
        drop(done.send(last.and(closed)));
    }

    /// Appends `records`, and the closings of those openings whose callers have gone meanwhile: an
    /// upstream was never called for them, and an open record would say that it may have been.
    async fn commit(&mut self, records: Vec<(Draft, Option<Waiter>)>) {
        let abandoned = self.commit_group(records).await;
        let closings: Vec<_> = abandoned.into_iter().filter_map(closing_of).collect();
        self.commit_group(closings.into_iter().map(|draft| (draft, None)).collect())
            .await;
    }

    /// Appends `records` as one group and tells everyone who waits how it went. Gives the openings
    /// that nobody took: their index and their time.
    async fn commit_group(&mut self, records: Vec<(Draft, Option<Waiter>)>) -> Vec<(u64, i64)> {
        if records.is_empty() {
            return Vec::new();
        }
        let (drafts, waiters): (Vec<_>, Vec<_>) = records.into_iter().unzip();
        let count = |kind| drafts.iter().filter(|it| it.kind() == kind).count() as u64;
        let (opened, closed) = (count(Kind::Open), count(Kind::Close));
        let closings: Vec<_> = drafts.iter().map(|it| it.kind() == Kind::Close).collect();
        let times: Vec<_> = drafts
            .iter()
            .map(|it| (it.kind() == Kind::Open).then_some(it.at_us()))
            .collect();
        match self.append(drafts).await {
            Ok(first) => {
                let gauges = &self.gauges;
                gauges
                    .size
                    .fetch_add(waiters.len() as u64, Ordering::Relaxed);
                gauges.commits.fetch_add(1, Ordering::Relaxed);
                gauges.opened.fetch_add(opened, Ordering::Relaxed);
                gauges.closed.fetch_add(closed, Ordering::Release);
                acknowledge(waiters, times, first)
            }
            Err(error) => {
                self.failed(&error, waiters.len());
                // Those who wait for a closing count their own loss; the others have no one else.
                let detached: Vec<_> = waiters.iter().map(Option::is_none).collect();
                let gone = deny(waiters, &error);
                let unheard = detached.iter().zip(gone).map(|(one, other)| *one || other);
                let both = closings.iter().zip(unheard);
                let lost = both.filter(|(closing, alone)| **closing && *alone).count() as u64;
                self.gauges.closings_lost.fetch_add(lost, Ordering::Relaxed);
                Vec::new()
            }
        }
    }

    /// Nothing of the group counts. What is on disk after all is found out before the next.
    fn failed(&mut self, error: &TrailError, records: usize) {
        self.tree = None;
        self.gauges.healthy.store(false, Ordering::Relaxed);
        tracing::error!(
            error = error as &dyn std::error::Error,
            records,
            "records not stored"
        );
    }

    /// Appends as one group; gives the first record's index once all are durable.
    async fn append(&mut self, drafts: Vec<Draft>) -> Result<u64, TrailError> {
        self.prepare().await?;
        let (Some(on_disk), Some(epoch)) = (&self.tree, &mut self.key) else {
            return Err(TrailError::Stopped);
        };
        let mut tree = on_disk.clone();
        let first = tree.size();
        let log = seal::tag(&self.log);
        let mut rows = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let index = tree.size();
            let leaf = draft.seal(log, index, epoch.id, &epoch.key)?;
            epoch.sealed += 1;
            let nodes = tree.append(tree::leaf_hash(&leaf));
            rows.push(Row { index, leaf, nodes });
        }
        let checkpoint = checkpoint::sign(&tree, &self.keys.signer)
            .map_err(|error| LedgerError::Failed(error.into()))?;
        let size = tree.size();
        self.ledger
            .append(Group {
                rows,
                size,
                checkpoint,
            })
            .await?;
        self.tree = Some(tree);
        Ok(first)
    }
}

/// Waits for company and takes it in, while any comes: with few callers, all of them soon wait for
/// this very group. The thread is the writer's own, so it may sleep.
fn gather(messages: &mut mpsc::Receiver<Message>, batch: &mut Vec<Message>) {
    for _ in 0..COMPANY_WAITS_MAX {
        thread::sleep(COMPANY_WAIT);
        let before = batch.len();
        while batch.len() < GROUP_RECORDS_MAX
            && let Ok(message) = messages.try_recv()
        {
            batch.push(message);
        }
        if batch.len() == before || batch.len() >= COMPANY_RECORDS {
            return;
        }
    }
}

/// Tells those who wait that their records are on disk, the first at `first`; `opened_us` has the
/// times of openings. Gives the openings whose waiters have gone, as index and time.
fn acknowledge(
    waiters: Vec<Option<Waiter>>,
    opened_us: Vec<Option<i64>>,
    first: u64,
) -> Vec<(u64, i64)> {
    let mut parcels = Parcels::default();
    let mut abandoned = Vec::new();
    for ((waiter, opened_us), index) in waiters.into_iter().zip(opened_us).zip(first..) {
        let told = waiter.is_none_or(|waiter| parcels.put(waiter, index, opened_us));
        abandoned.extend(opened_us.filter(|_| !told).map(|at_us| (index, at_us)));
    }
    parcels.send();
    abandoned
}

/// Tells each waiter why its record is not; true where the waiter has gone.
fn deny(waiters: Vec<Option<Waiter>>, error: &TrailError) -> Vec<bool> {
    let denied = waiters.into_iter();
    denied
        .map(|waiter| waiter.is_some_and(|waiter| !waiter.tell(Err(error.clone()))))
        .collect()
}

/// The closing of an opening that its caller abandoned before it was durable.
fn closing_of((opening, at_us): (u64, i64)) -> Option<Draft> {
    let outcome = Outcome::abandoned(opening, at_us)?;
    Draft::new(EventRef::Close(&outcome)).ok()
}

/// Says that the trail is not healthy when the writer ends, in whatever way.
struct Ending(Arc<Gauges>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.healthy.store(false, Ordering::Relaxed);
    }
}

/// The tree that is on disk, if the end of the log is what this key signed last: as many records
/// as the newest checkpoint says, hashing to its root, and the last group's leaves unchanged.
/// What lies further back is for `audit verify`; it would make every start read the whole log.
async fn recover(ledger: &mut dyn Ledger, keys: &Keys) -> Result<Tree, TrailError> {
    let unverified = |why: String| Err(TrailError::Unverified(why));
    let head = ledger.head().await?;
    let Some((_, note)) = head.checkpoint else {
        return match head.size {
            0 => Ok(Tree::default()),
            size => unverified(format!("{size} records and no checkpoint")),
        };
    };
    let authority = Authority::parse(&keys.signer.verifier_key())
        .map_err(|error| TrailError::Unverified(error.to_string()))?;
    let checkpoint = match authority.check(note.as_bytes()) {
        Ok(checkpoint) => checkpoint,
        Err(forgery) => return unverified(format!("the newest checkpoint: {forgery}")),
    };
    if checkpoint.size != head.size {
        return unverified(format!(
            "{} records are there, {} are signed",
            head.size, checkpoint.size
        ));
    }
    let mut roots = Vec::new();
    for place in tree::frontier(head.size) {
        match node(ledger, place).await? {
            Some(root) => roots.push(root),
            None => return unverified(format!("record {} is missing", place.record)),
        }
    }
    let tree = Tree::restore(head.size, &roots).unwrap_or_default();
    if tree.root() != checkpoint.root {
        return unverified(format!("{} records do not have the signed root", head.size));
    }
    let tail = head.size.saturating_sub(GROUP_RECORDS_MAX as u64);
    for row in ledger.read(tail, crate::READ_ROWS_MAX).await? {
        if Header::parse(&row.leaf).is_none_or(|header| header.index != row.index)
            || !row.nodes.starts_with(&tree::leaf_hash(&row.leaf))
        {
            return unverified(format!("record {} was changed", row.index));
        }
    }
    Ok(tree)
}

/// One stored node.
pub(crate) async fn node(
    ledger: &mut dyn Ledger,
    place: Place,
) -> Result<Option<Digest>, LedgerError> {
    let rows = ledger.read(place.record, 1).await?;
    let row = rows.into_iter().find(|row| row.index == place.record);
    Ok(row.and_then(|row| {
        let node = row.nodes.chunks_exact(DIGEST_BYTES).nth(place.level)?;
        node.try_into().ok()
    }))
}
