//! Keeps what was spent: one task that writes debits in groups, each durable before it is told.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

/// Debits that may wait to be written; a call that finds no room is refused.
pub(super) const QUEUE_MAX: usize = 8192;
/// The most that are written at once.
const GROUP_MAX: usize = 1024;

/// What one account spent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Debit {
    /// The account.
    pub account: Arc<str>,
    /// How much more of each meter.
    pub spent: Vec<(&'static str, u64)>,
    /// How much less, of what was debited before and not used.
    pub returned: Vec<(&'static str, u64)>,
    /// What was seen for the first time, by a keyed digest.
    pub seen: Vec<(&'static str, u64)>,
}

/// An account as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptAccount {
    /// How much of each meter.
    pub spent: Vec<(String, u64)>,
    /// What was seen.
    pub seen: Vec<(String, u64)>,
}

/// Where accounts are kept.
#[async_trait]
pub trait BudgetStore: Send {
    /// Adds debits to accounts; durable when this returns.
    async fn debit(&mut self, debits: &[Debit]) -> Result<(), StoreError>;
    /// An account; empty if nothing was spent.
    async fn account(&mut self, account: &str) -> Result<KeptAccount, StoreError>;
    /// How much was spent of each meter, what was seen included, of at most so many accounts: the next ones behind
    /// `after` whose names begin with `prefix`.
    async fn sums(
        &mut self,
        prefix: &str,
        after: &str,
        most: u32,
    ) -> Result<Vec<AccountSums>, StoreError>;
}

/// An account, and how much was spent of each meter.
pub type AccountSums = (Arc<str>, Vec<(String, u64)>);

/// Accounts cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("budgets cannot be kept")]
pub struct StoreError(#[from] pub Box<dyn std::error::Error + Send + Sync>);

/// What the keeper is asked to do.
pub(super) enum Message {
    /// To write, and say so.
    Debit(Vec<Debit>, oneshot::Sender<()>),
    /// To read.
    Load(Arc<str>, oneshot::Sender<KeptAccount>),
    /// To say when all that came before is done.
    Flush(oneshot::Sender<()>),
    /// To read many: prefix, and behind which account.
    Sums(String, Arc<str>, oneshot::Sender<Vec<AccountSums>>),
}

/// So many accounts are read at once.
pub(super) const SUMS_MAX: u32 = 256;

/// Works until nobody can ask any more. What fails is told by silence: the sender is dropped.
pub(super) async fn keep(mut store: Box<dyn BudgetStore>, mut queue: mpsc::Receiver<Message>) {
    let mut group = Vec::new();
    while queue.recv_many(&mut group, GROUP_MAX).await > 0 {
        let (mut written, mut loads, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        let mut flushed = Vec::new();
        for message in group.drain(..) {
            match message {
                Message::Debit(debits, done) => written.push((debits, done)),
                Message::Load(account, found) => loads.push((account, found)),
                Message::Sums(prefix, after, found) => sums.push((prefix, after, found)),
                Message::Flush(done) => flushed.push(done),
            }
        }
        write(&mut *store, written).await;
        for (account, found) in loads {
            match store.account(&account).await {
                Ok(kept) => drop(found.send(kept)),
                Err(error) => tracing::error!(%error, "what was spent cannot be read"),
            }
        }
        for (prefix, after, found) in sums {
            match store.sums(&prefix, &after, SUMS_MAX).await {
                Ok(kept) => drop(found.send(kept)),
                Err(error) => tracing::error!(%error, "what was spent cannot be read"),
            }
        }
        flushed.into_iter().for_each(tell);
    }
}

/// Writes what was asked for at once, or else one by one, so that what cannot be written takes nothing of
/// others with it.
async fn write(store: &mut dyn BudgetStore, group: Vec<(Vec<Debit>, oneshot::Sender<()>)>) {
    let debits: Vec<Debit> = group
        .iter()
        .flat_map(|(debits, _)| debits.clone())
        .collect();
    if debits.is_empty() {
        return;
    }
    let Err(error) = store.debit(&debits).await else {
        for (_, done) in group {
            tell(done);
        }
        return;
    };
    tracing::error!(%error, cause = ?error.0, "what was spent cannot be written at once");
    let mut unwritten = 0_usize;
    for (debits, done) in group {
        match store.debit(&debits).await {
            Ok(()) => tell(done),
            Err(_) => unwritten += 1,
        }
    }
    tracing::error!(unwritten, "what was spent was written call by call");
}

fn tell(done: oneshot::Sender<()>) {
    // Who went away meanwhile does not hear of it.
    let _heard = done.send(());
}
