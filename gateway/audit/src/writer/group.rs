//! Records that are sealed and will be committed together.

use std::{sync::Arc, sync::atomic::Ordering};

use tokio::sync::OwnedSemaphorePermit;
use vault::{DataKey, LogSigner};

use super::{GROUP_RECORDS_MAX, KEY_RECORDS_MAX};
use crate::{
    EventRef, Group, Kind, LedgerError, Outcome, Row, TrailError, checkpoint,
    courier::{Parcels, Waiter},
    seal::{Draft, LogTag},
    trail::Gauges,
    tree::{self, Tree},
};

/// A data key and how much it has sealed.
pub(super) struct Epoch {
    pub(super) id: u32,
    pub(super) key: DataKey,
    pub(super) sealed: u64,
}

/// What sealing takes: the tree that is on disk or will be once the group in flight is, and a key.
pub(super) struct Sealer {
    pub(super) log: LogTag,
    pub(super) tree: Tree,
    pub(super) epoch: Epoch,
}

impl Sealer {
    /// Whether the key may seal more.
    pub(super) fn is_fresh(&self) -> bool {
        self.epoch.sealed < KEY_RECORDS_MAX
    }

    fn seal(&mut self, draft: Draft) -> Result<Row, TrailError> {
        let index = self.tree.size();
        let leaf = draft.seal(self.log, index, self.epoch.id, &self.epoch.key)?;
        self.epoch.sealed += 1;
        let nodes = self.tree.append(tree::leaf_hash(&leaf));
        Ok(Row { index, leaf, nodes })
    }
}

/// Whoever waits for a record, and what must be known of it.
struct Waiting {
    waiter: Option<Waiter>,
    kind: Kind,
    at_us: i64,
    /// Held until the group is on disk.
    _room: Option<OwnedSemaphorePermit>,
}

/// Records of one commit.
#[derive(Default)]
pub(super) struct Gathered {
    rows: Vec<Row>,
    waiting: Vec<Waiting>,
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
    pub(super) fn take(
        &mut self,
        sealer: &mut Sealer,
        draft: Draft,
        waiter: Option<Waiter>,
        room: Option<OwnedSemaphorePermit>,
        gauges: &Gauges,
    ) {
        let (kind, at_us) = (draft.kind(), draft.at_us());
        let waiting = Waiting {
            waiter,
            kind,
            at_us,
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

    /// The rows and the signed head over them all, for the store.
    pub(super) fn group(
        &mut self,
        sealer: &Sealer,
        signer: &LogSigner,
    ) -> Result<Group, TrailError> {
        let checkpoint = checkpoint::sign(&sealer.tree, signer)
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
    pub(super) fn acknowledge(self, first: u64, gauges: &Arc<Gauges>) -> Vec<Draft> {
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
            let opened_us = (waiting.kind == Kind::Open).then_some(waiting.at_us);
            let told = waiting
                .waiter
                .is_none_or(|waiter| parcels.put(waiter, index, opened_us));
            abandoned.extend(opened_us.filter(|_| !told).map(|at_us| (index, at_us)));
        }
        parcels.send();
        abandoned.into_iter().filter_map(closing_of).collect()
    }

    /// Tells who waits for a record of this kind, which was never taken, why.
    pub(super) fn refuse(kind: Kind, waiter: Option<Waiter>, error: &TrailError, gauges: &Gauges) {
        let waiting = Waiting {
            waiter,
            kind,
            at_us: 0,
            _room: None,
        };
        deny(vec![waiting], error, gauges);
    }

    /// Tells those who wait why their records are not on disk.
    pub(super) fn deny(self, error: &TrailError, gauges: &Gauges) {
        deny(self.waiting, error, gauges);
    }
}

/// Those who wait for a closing count their own loss; of the others nobody else does.
fn deny(waiting: Vec<Waiting>, error: &TrailError, gauges: &Gauges) {
    for Waiting { waiter, kind, .. } in waiting {
        let told = waiter.is_some_and(|waiter| waiter.tell(Err(error.clone())));
        if kind == Kind::Close && !told {
            gauges.closings_lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The closing of an opening that its caller abandoned before it was durable: an upstream was never called for it,
/// and an open record would say that it may have been.
fn closing_of((opening, at_us): (u64, i64)) -> Option<Draft> {
    let outcome = Outcome::abandoned(opening, at_us)?;
    Draft::new(EventRef::Close(&outcome)).ok()
}
