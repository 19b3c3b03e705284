//! Alerts of a gateway that has been succeeded: its successor has their spools.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use audit::Anomaly;
use tokio::sync::{mpsc, oneshot};

use super::Word;

/// The way to whoever tells now.
pub(crate) struct Link {
    out: mpsc::Sender<Word>,
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<bool>>>,
}

impl Link {
    pub(super) fn new(out: mpsc::Sender<Word>) -> Self {
        Self {
            out,
            next: AtomicU64::new(0),
            waiting: Mutex::default(),
        }
    }

    /// Has an alert told; false if it does not wait for all its receivers.
    pub(crate) async fn tell(&self, (index, anomaly, writes): (u64, &Anomaly, bool)) -> bool {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        self.waiting().insert(id, tell);
        let word = Word::Alert(id, index, Box::new(anomaly.clone()), writes);
        self.out.send(word).await.is_ok() && told.await.unwrap_or(false)
    }

    pub(super) fn told(&self, id: u64, all: bool) {
        if let Some(tell) = self.waiting().remove(&id) {
            // Whoever went away meanwhile has its plan on disk.
            let _gone = tell.send(all);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<bool>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
