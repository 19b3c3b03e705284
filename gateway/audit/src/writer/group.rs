//! Records that are sealed and will be committed together.

use std::{sync::Arc, sync::atomic::Ordering};

use signed_note::Signer;
use tokio::sync::OwnedSemaphorePermit;
use vault::{DataKey, LogSigner};

use super::{GROUP_RECORDS_MAX, KEY_RECORDS_MAX, Pending};
use crate::{
    Day, EventRef, Group, KeyTerms, Kind, LedgerError, Outcome, Row, Term, TrailError, checkpoint,
    courier::{Parcels, Waiter},
    retention::Days,
    seal::{Draft, LogTag},
    trail::{Gauges, Opened},
    tree::{self, Tree},
};

/// So many data keys seal at a time: of each day one for each class of retention.
const EPOCHS_MAX: usize = 128;

/// A data key, what it is for, and how much it has sealed.
pub(super) struct Epoch {
    pub(super) id: u32,
    pub(super) key: DataKey,
    pub(super) day: Day,
    pub(super) term: Arc<Term>,
    pub(super) sealed: u64,
}

impl Epoch {
    /// Whether it seals what is of this day and kept for this term.
    fn is_for(&self, day: Day, term: &Arc<Term>) -> bool {
        self.day == day && (Arc::ptr_eq(&self.term, term) || self.term == *term)
    }
}

/// What sealing takes: the tree that is on disk or will be once the group in flight is, and keys.
pub(super) struct Sealer {
    pub(super) log: LogTag,
    pub(super) tree: Tree,
    epochs: Vec<Epoch>,
    days: Days,
}

impl Sealer {
    /// For a log that ends with this tree and has records of these days.
    pub(super) fn new(log: LogTag, tree: Tree, days: Days) -> Self {
        let epochs = Vec::new();
        Self {
            log,
            tree,
            epochs,
            days,
        }
    }

    /// The day that a record counts as: its own, and none before the one that the log's clock has come to. A clock that is
    /// years behind makes no record that is due at once.
    fn day(&self, draft: &Draft) -> Day {
        let day = draft.day();
        self.days.trusted().map_or(day, |trusted| day.max(trusted))
    }

    fn epoch(&self, draft: &Draft) -> Option<usize> {
        let (day, term) = (self.day(draft), draft.term());
        let fits = |epoch: &Epoch| epoch.is_for(day, term) && epoch.sealed < KEY_RECORDS_MAX;
        self.epochs.iter().rposition(fits)
    }

    /// Whether there is a key to seal it with.
    pub(super) fn can_seal(&self, draft: &Draft) -> bool {
        self.epoch(draft).is_some()
    }

    /// What the key must be for that seals it.
    pub(super) fn terms(&self, draft: &Draft) -> KeyTerms {
        let term = draft.term();
        KeyTerms {
            day: self.day(draft),
            class: term.class.to_string(),
            days: term.days,
            basis: term.basis.as_deref().map(str::to_owned),
            first: self.tree.size(),
        }
    }

    /// Seals by this key, too. A key of the day before yesterday seals nothing more, so that nobody need look far for
    /// what it sealed.
    pub(super) fn begin(&mut self, epoch: Epoch) {
        self.days.saw(epoch.day);
        let before = Day(epoch.day.0.saturating_sub(1));
        let stays = |it: &Epoch| it.day >= before && !it.is_for(epoch.day, &epoch.term);
        self.epochs.retain(stays);
        if self.epochs.len() >= EPOCHS_MAX {
            self.epochs.remove(0);
        }
        self.epochs.push(epoch);
    }

    /// Whether this key seals.
    pub(super) fn uses(&self, id: u32) -> bool {
        self.epochs.iter().any(|epoch| epoch.id == id)
    }

    fn seal(&mut self, draft: Draft) -> Result<Row, TrailError> {
        let index = self.tree.size();
        let epoch = self.epoch(&draft).and_then(|at| self.epochs.get_mut(at));
        // Whoever asks has seen to it that there is one.
        let epoch = epoch.ok_or(TrailError::Stopped)?;
        let leaf = draft.seal(self.log, index, epoch.id, &epoch.key)?;
        epoch.sealed += 1;
        let nodes = self.tree.append(tree::leaf_hash(&leaf));
        Ok(Row { index, leaf, nodes })
    }
}

/// Whoever waits for a record, and what must be known of it.
struct Waiting {
    waiter: Option<Waiter>,
    kind: Kind,
    opened: Opened,
    /// Held until the group is on disk.
    _room: Option<OwnedSemaphorePermit>,
}

/// Records of one commit.
#[derive(Default)]
pub(super) struct Gathered {
    rows: Vec<Row>,
    waiting: Vec<Waiting>,
    /// The record among them from which on another key signs.
    succession: Option<(u64, Arc<LogSigner>)>,
}

impl Gathered {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many more there may be.
    pub(super) fn left(&self) -> usize {
        GROUP_RECORDS_MAX.saturating_sub(self.waiting.len())
    }

    /// Seals a record as the next one. One that cannot be sealed is nobody else's fault.
    pub(super) fn take(&mut self, sealer: &mut Sealer, pending: Pending, gauges: &Gauges) {
        let Pending {
            draft, done, room, ..
        } = pending;
        let waiting = Waiting {
            waiter: done,
            kind: draft.kind(),
            opened: Opened {
                at_us: draft.at_us(),
                term: Arc::clone(draft.term()),
            },
            _room: room,
        };
        match sealer.seal(draft) {
            Ok(row) => {
                self.rows.push(row);
                self.waiting.push(waiting);
            }
            Err(error) => deny(vec![waiting], &error, gauges),
        }
    }

    /// The same of the record from which on `successor` signs. There is one in a group at most.
    pub(super) fn succeed(
        &mut self,
        sealer: &mut Sealer,
        pending: Pending,
        successor: Arc<LogSigner>,
        gauges: &Gauges,
    ) {
        if self.succession.is_some() {
            return Self::refuse(pending, &TrailError::Stopped, gauges);
        }
        let index = sealer.tree.size();
        self.take(sealer, pending, gauges);
        if sealer.tree.size() > index {
            self.succession = Some((index, successor));
        }
    }

    /// The record among them from which on another key signs, and that key.
    pub(super) fn succession(&mut self) -> Option<(u64, Arc<LogSigner>)> {
        self.succession.take()
    }

    /// The rows and the signed head over them all, for the store. It is signed by both keys where one succeeds the other.
    pub(super) fn group(
        &mut self,
        sealer: &Sealer,
        signer: &LogSigner,
    ) -> Result<Group, TrailError> {
        let next = self
            .succession
            .iter()
            .map(|(_, next)| &**next as &dyn Signer);
        let signers: Vec<&dyn Signer> =
            std::iter::once(signer as &dyn Signer).chain(next).collect();
        let checkpoint = checkpoint::sign_by(&sealer.tree, &signers)
            .map_err(|error| LedgerError::Failed(error.into()))?;
        let size = sealer.tree.size();
        Ok(Group {
            rows: std::mem::take(&mut self.rows),
            size,
            checkpoints: vec![(size, checkpoint)],
        })
    }

    /// Tells those who wait that their records are on disk, the first at `first`. Gives the closings of openings
    /// whose waiters have gone.
    pub(super) fn acknowledge(self, first: u64, gauges: &Arc<Gauges>) -> Vec<Pending> {
        let count = |kind| self.waiting.iter().filter(|it| it.kind == kind).count() as u64;
        let size = self.waiting.len() as u64;
        gauges.size.fetch_add(size, Ordering::Relaxed);
        gauges.commits.fetch_add(1, Ordering::Relaxed);
        gauges
            .opened
            .fetch_add(count(Kind::Open), Ordering::Relaxed);
        gauges
            .closed
            .fetch_add(count(Kind::Close), Ordering::Release);
        let mut parcels = Parcels::default();
        let mut abandoned = Vec::new();
        for (waiting, index) in self.waiting.into_iter().zip(first..) {
            let opened = (waiting.kind == Kind::Open).then_some(waiting.opened);
            let told = waiting
                .waiter
                .is_none_or(|waiter| parcels.put(waiter, index, opened.clone()));
            abandoned.extend(opened.filter(|_| !told).map(|opened| (index, opened)));
        }
        parcels.send();
        abandoned.into_iter().filter_map(closing_of).collect()
    }

    /// Tells who waits for a record that was never taken why.
    pub(super) fn refuse(pending: Pending, error: &TrailError, gauges: &Gauges) {
        tell(pending.draft.kind(), pending.done, error, gauges);
    }

    /// Tells those who wait why their records are not on disk.
    pub(super) fn deny(self, error: &TrailError, gauges: &Gauges) {
        deny(self.waiting, error, gauges);
    }
}

/// Those who wait for a closing count their own loss; of the others nobody else does.
fn deny(waiting: Vec<Waiting>, error: &TrailError, gauges: &Gauges) {
    for Waiting { waiter, kind, .. } in waiting {
        tell(kind, waiter, error, gauges);
    }
}

pub(super) fn tell(kind: Kind, waiter: Option<Waiter>, error: &TrailError, gauges: &Gauges) {
    let told = waiter.is_some_and(|waiter| waiter.tell(Err(error.clone())));
    if kind == Kind::Close && !told {
        gauges.closings_lost.fetch_add(1, Ordering::Relaxed);
    }
}

/// The closing of an opening that its caller abandoned before it was durable: an upstream was never called for it,
/// and an open record would say that it may have been.
pub(super) fn closing_of((opening, opened): (u64, Opened)) -> Option<Pending> {
    let outcome = Outcome::abandoned(opening, opened.at_us)?;
    let draft = Draft::new(EventRef::Close(&outcome), opened.term).ok()?;
    Some(Pending {
        draft,
        done: None,
        room: None,
        next: None,
    })
}
