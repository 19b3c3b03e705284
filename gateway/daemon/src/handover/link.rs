//! What a gateway that has been succeeded asks of its successor, which has the spools of its alerts and the accounts of its
//! budgets.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use admission::budget::{Heir, OverBudget, Remaining, Spent};
use async_trait::async_trait;
use audit::Anomaly;
use tokio::sync::{mpsc, oneshot};

use super::{Say, Word};

/// The way to whoever has them now.
pub(crate) struct Link {
    out: mpsc::Sender<Word>,
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Say>>>,
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
        let anomaly = Box::new(anomaly.clone());
        let told = self.ask(|id| Word::Alert(id, index, anomaly, writes));
        matches!(told.await, Some(Say::Alerted(_, true)))
    }

    /// Says this, and waits for the answer; none if there is nobody to give it any more.
    async fn ask(&self, word: impl FnOnce(u64) -> Word) -> Option<Say> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        self.waiting().insert(id, tell);
        self.out.send(word(id)).await.ok()?;
        told.await.ok()
    }

    /// Gives an answer to whoever asked.
    pub(super) fn told(&self, id: u64, answer: Say) {
        if let Some(tell) = self.waiting().remove(&id) {
            // Of an alert whoever went away meanwhile has its plan on disk; what was spent is spent.
            let _gone = tell.send(answer);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Say>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Heir for Link {
    async fn spend(&self, spent: Spent) -> Result<Option<Remaining>, OverBudget> {
        match self.ask(|id| Word::Spend(id, Box::new(spent))).await {
            Some(Say::Spent(_, told)) => told,
            _ => Err(OverBudget::Unavailable),
        }
    }
}
