//! Budgets of a process whose place another one takes: the accounts have one owner at any time.
//!
//! Whoever is succeeded debits nothing here any more, once all that it debited is on disk. What its exchanges still spend is
//! debited by whoever took its place, which reads the accounts from there, and is durable when that is answered. Between
//! the one and the other whoever wants to spend waits. If the successor fails, the accounts are read again and go on here.

use std::{mem, sync::Arc};

use async_trait::async_trait;
use hashlink::LruCache;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{mpsc::Sender, oneshot, watch},
    task::yield_now,
};

use super::{
    Budgets, Hold, ModelUse, OverBudget, Remaining, Room, Usage, accounts::Account, hold::Held,
    is_shareable, keeper::Message, lease::Errand,
};

/// Records of one [`Spent`] at most, and people.
pub const ITEMS_MAX: usize = 8 * 1024;

/// Whoever has the accounts now.
#[async_trait]
pub trait Heir: Send + Sync {
    /// Debits this to all accounts, or to none; it is durable when this returns. Tells what is left of what was opened.
    async fn spend(&self, spent: Spent) -> Result<Option<Remaining>, OverBudget>;
}

/// What an exchange spends that another process serves.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    accounts: Vec<SpentOf>,
    now: Timestamp,
    what: What,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpentOf {
    budget: Arc<str>,
    account: Arc<str>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// One call, and what a model is estimated to use.
    Opens(ModelUse),
    /// What is about to be released.
    Shows(Usage),
    /// What a model was estimated to use, and used.
    Settles(ModelUse, ModelUse),
}

/// Who has the accounts.
#[derive(Clone)]
pub(super) enum Owner {
    Here,
    /// Nobody, for a moment.
    Nobody,
    There(Arc<dyn Heir>),
}

/// Who has them, for whoever waits to know. INVARIANT: this is never [`Owner::Here`] while [`super::accounts::Accounts::ceded`]
/// is set, so that whoever is refused here and asks does not ask in vain.
pub(super) fn owner() -> watch::Sender<Owner> {
    watch::Sender::new(Owner::Here)
}

impl Budgets {
    /// Debits nothing here any more; all that was debited is on disk when this returns, and nothing is leased.
    pub async fn cede(&self) {
        self.owner.send_replace(Owner::Nobody);
        self.lock().ceded = true;
        if let Some(pool) = &self.pool {
            barrier(&pool.errands, Errand::Rest).await;
        }
        // What waits for room among the debits is on its way there.
        while self.lock().late > 0 {
            barrier(self.keeper(), Message::Flush).await;
            yield_now().await;
        }
        barrier(self.keeper(), Message::Flush).await;
    }

    /// From now on `heir` has the accounts. After [`cede`](Self::cede).
    pub fn lead(&self, heir: Arc<dyn Heir>) {
        self.owner.send_replace(Owner::There(heir));
    }

    /// Goes on with the accounts, as they are on disk: whoever should have had them may have spent from them. After
    /// [`cede`](Self::cede), and never after [`lead`](Self::lead).
    pub async fn resume(&self) {
        let names: Vec<Arc<str>> = {
            let mut accounts = self.lock();
            let known = mem::replace(&mut accounts.known, LruCache::new_unbounded());
            let held = known.into_iter().filter(|(_, account)| account.held > 0);
            accounts.known.extend(held);
            accounts.seen = accounts.known.iter().map(|(_, it)| it.seen()).sum();
            accounts
                .known
                .iter()
                .map(|(name, _)| Arc::clone(name))
                .collect()
        };
        for name in names {
            if let Err(error) = self.read_again(&name).await {
                tracing::error!(%error, "an account could not be read again; it is as it was before");
            }
        }
        self.lock().ceded = false;
        self.owner.send_replace(Owner::Here);
    }

    async fn read_again(&self, name: &Arc<str>) -> Result<(), OverBudget> {
        let kept = self.kept(name).await?;
        let id = name.split('\n').next().unwrap_or_default();
        let budget = self.rules.iter().find(|rule| *rule.id == *id);
        let budget = budget.ok_or(OverBudget::Unavailable)?;
        let mut accounts = self.lock();
        let Some(known) = accounts.known.peek_mut(name) else {
            return Ok(());
        };
        let read = Account::of(budget, &kept, known.lease.is_some());
        let (before, now) = (known.seen(), read.seen());
        *known = Account {
            held: known.held,
            ..read
        };
        accounts.seen = accounts.seen.saturating_sub(before) + now;
        Ok(())
    }

    /// Debits what an exchange spends that the process before this one serves. Durable when this returns. Accounts of budgets
    /// that are not among these are nobody's.
    pub async fn spend_for(
        self: &Arc<Self>,
        spent: Spent,
    ) -> Result<Option<Remaining>, OverBudget> {
        let Spent {
            accounts,
            now,
            what,
        } = spent;
        let owed = accounts.into_iter().filter_map(|it| {
            let budget = self.rules.iter().position(|rule| rule.id == it.budget)?;
            // As it is shared here, whatever the one before had: one account is leased by all who spend from it, or by none.
            let leased = self.rules.get(budget)?.shared && is_shareable(&it.account);
            Some(Held {
                budget,
                account: it.account,
                leased,
            })
        });
        let owed: Vec<Held> = owed.collect();
        if owed.is_empty() {
            return Ok(None);
        }
        let mut hold = match what {
            What::Opens(estimate) => self.open(owed, estimate, now).await?,
            What::Shows(usage) => {
                let mut hold = self.reopen(owed, None, now).await?;
                hold.show(&usage).await?;
                hold
            }
            What::Settles(estimate, used) => {
                let mut hold = self.reopen(owed, Some(estimate), now).await?;
                hold.settle(used)?;
                hold
            }
        };
        hold.durable().await?;
        Ok(hold.remaining())
    }

    /// Who has the accounts, once somebody has.
    pub(super) async fn owner(&self) -> Option<Arc<dyn Heir>> {
        let mut owner = self.owner.subscribe();
        let known = owner.wait_for(|it| !matches!(it, Owner::Nobody)).await;
        match known.as_deref() {
            Ok(Owner::There(heir)) => Some(Arc::clone(heir)),
            // The sender is this one's.
            Ok(Owner::Here | Owner::Nobody) | Err(_) => None,
        }
    }

    /// What is opened where the accounts are.
    pub(super) fn opening_there(
        &self,
        held: &[Held],
        (estimate, now): (ModelUse, Timestamp),
    ) -> Spent {
        self.spent(held, (What::Opens(estimate), now))
    }

    fn spent(&self, held: &[Held], (what, now): (What, Timestamp)) -> Spent {
        let accounts = held.iter().filter_map(|it| {
            Some(SpentOf {
                budget: Arc::clone(&self.rules.get(it.budget)?.id),
                account: Arc::clone(&it.account),
            })
        });
        Spent {
            accounts: accounts.collect(),
            now,
            what,
        }
    }
}

impl Hold {
    /// Debits this, whoever has the accounts.
    async fn show(&mut self, usage: &Usage) -> Result<(), OverBudget> {
        loop {
            match self.spend(usage) {
                Err(OverBudget::Short) => {}
                told => return told,
            }
            if self.room(usage).await? == Room::Spent {
                return Ok(());
            }
        }
    }

    /// Has `heir` debit this; several times where it is much.
    pub(super) async fn show_there(
        &self,
        budgets: &Budgets,
        heir: &dyn Heir,
        usage: &Usage,
    ) -> Result<(), OverBudget> {
        for part in usage.parts(ITEMS_MAX) {
            let what = (What::Shows(part), self.now());
            heir.spend(budgets.spent(self.held(), what)).await?;
        }
        Ok(())
    }

    /// Has whoever has the accounts put what a model used in the place of what it was estimated to, and tells when that is
    /// durable.
    pub(super) async fn settle_there(
        mut self,
        (estimate, used): (ModelUse, ModelUse),
        done: oneshot::Sender<()>,
    ) {
        let Some(budgets) = self.budgets().cloned() else {
            return;
        };
        let settled = match budgets.owner().await {
            Some(heir) => {
                let what = (What::Settles(estimate, used), self.now());
                let settled = heir.spend(budgets.spent(self.held(), what)).await;
                settled.map(drop)
            }
            None => self.settle_again((estimate, used)).await,
        };
        match settled {
            // Who went away meanwhile does not hear of it.
            Ok(()) => drop(done.send(())),
            Err(error) => tracing::error!(%error, "what a model used is not written"),
        }
    }
}

/// Waits until all that was sent before has been done.
async fn barrier<T>(to: &Sender<T>, what: impl FnOnce(oneshot::Sender<()>) -> T) {
    let (done, heard) = oneshot::channel();
    if to.send(what(done)).await.is_ok() {
        // One that has ended does nothing any more.
        let _heard = heard.await;
    }
}
