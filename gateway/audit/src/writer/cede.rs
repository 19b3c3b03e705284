//! A log that changes hands: what the writer leaves when its store is closed and records still come.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    thread,
};

use tokio::sync::{mpsc, oneshot};

use super::{Message, Pending, Relay, run};
use crate::{Keys, Ledger, LedgerError, TrailError, seal::Draft, trail::Gauges};

/// The queue of a trail that has no store. What waits in it goes on waiting, until somebody [resumes](Self::resume), or
/// [relays](Self::relay) it to the process that has the store now; if this is dropped, it is told that the trail has ended.
pub struct Ceded {
    pub(super) messages: mpsc::Receiver<Message>,
    /// Records that came first.
    pub(super) postponed: VecDeque<Pending>,
    pub(super) keys: Keys,
    pub(super) gauges: Arc<Gauges>,
}

impl Ceded {
    pub(crate) fn begin(
        messages: mpsc::Receiver<Message>,
        keys: Keys,
        gauges: Arc<Gauges>,
    ) -> Self {
        Self {
            messages,
            postponed: VecDeque::new(),
            keys,
            gauges,
        }
    }

    /// Goes on with `ledger`, which may hold more than before. Blocks while it reads.
    ///
    /// # Errors
    /// If its end does not verify.
    pub fn resume(self, ledger: Box<dyn Ledger>) -> Result<(), TrailError> {
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        thread::Builder::new()
            .name("audit".into())
            .spawn(move || run(ledger, self, &ready))
            .map_err(|error| LedgerError::Failed(error.into()))?;
        started.recv().map_err(|_| TrailError::Stopped)?
    }

    /// Has everything go to the process that has the store now. The keys are let go: they are of no use here any more.
    pub fn relay(self) -> Relay {
        self.gauges.healthy.store(true, Ordering::Relaxed);
        Relay::new(self.messages, self.postponed, self.gauges)
    }
}

/// What ends the writer.
pub(super) enum Last {
    /// The last record, and who waits.
    Stop(Draft, oneshot::Sender<Result<(), TrailError>>),
    /// Others go on.
    Cede(oneshot::Sender<Ceded>),
}
