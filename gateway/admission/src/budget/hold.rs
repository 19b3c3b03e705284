//! What one exchange may still spend, while its answer is released.

use std::sync::Arc;

use classifiers::DataClass;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{
    runtime::Handle,
    sync::{mpsc::error::TrySendError, oneshot},
};

use super::{
    Budget, Budgets, Debit, Meter, ModelUse, OverBudget,
    accounts::{Account, Accounts, Metered},
    keeper::Message,
    lease::{Fit, fit},
};

/// One budget that an exchange spends from.
#[derive(Clone)]
pub(super) struct Held {
    /// Its place among the budgets.
    pub(super) budget: usize,
    pub(super) account: Arc<str>,
    /// Whether a fleet shares it.
    pub(super) leased: bool,
}

/// The accounts of an exchange, open until it ends.
pub struct Hold {
    budgets: Option<Arc<Budgets>>,
    held: Vec<Held>,
    now: Timestamp,
    /// What a model was estimated to use, until it is known.
    estimate: Option<ModelUse>,
    /// What was debited and is not known to be durable yet.
    pending: Vec<oneshot::Receiver<()>>,
    /// Whether its accounts stay in memory for it.
    pinned: bool,
    /// What is left, where another process told it.
    left: Option<Remaining>,
}

/// What came of asking for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "what was spent must not be spent again"]
pub enum Room {
    /// It may be tried again: others may have spent it meanwhile.
    Made,
    /// It was debited by whoever has the accounts, and is durable.
    Spent,
}

/// What is about to be released, beyond what was before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Bytes.
    pub bytes: u64,
    /// Records, by a keyed digest of what names them.
    pub records: Vec<u64>,
    /// Records that nothing names: each counts.
    pub unnamed_records: u64,
    /// People, by a keyed digest.
    pub subjects: Vec<u64>,
    /// Values that are shown as they are, by class; those of no known class count as of every one.
    #[serde(with = "by_name")]
    pub fields: Vec<(Option<DataClass>, u64)>,
}

/// What is left of the budget that is nearest to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remaining {
    /// The budget.
    pub budget: Arc<str>,
    /// Calls that it has.
    pub allowed: u64,
    /// Calls that are left.
    pub remaining: u64,
    /// The seconds of its turn, if it begins anew.
    pub window: Option<u64>,
    /// Seconds until then.
    pub renews_in: Option<u32>,
}

impl Usage {
    /// How much of a meter that does not tell one from the other.
    fn amount(&self, meter: Meter) -> u64 {
        match meter {
            Meter::Calls | Meter::Subjects | Meter::Tokens | Meter::Cost => 0,
            Meter::Records => self.unnamed_records,
            Meter::Bytes => self.bytes,
            Meter::Fields(class) => {
                let of_it = |found: &Option<DataClass>| found.is_none_or(|it| it.is_within(class));
                let of_it = self.fields.iter().filter(|(found, _)| of_it(found));
                of_it.map(|(_, count)| count).sum()
            }
        }
    }

    /// How much more of a meter would be used.
    fn more(&self, meter: Meter, metered: &Metered) -> u64 {
        let new = new_items(self.items(meter), metered).len() as u64;
        self.amount(meter).saturating_add(new)
    }

    /// Adds what another one has.
    pub fn add(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.records.extend(other.records);
        self.unnamed_records = self.unnamed_records.saturating_add(other.unnamed_records);
        self.subjects.extend(other.subjects);
        self.fields.extend(other.fields);
    }

    /// Whether it is nothing.
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same in parts, none of more than so many records and so many people.
    pub(super) fn parts(&self, items: usize) -> Vec<Self> {
        let (records, subjects) = (self.records.chunks(items), self.subjects.chunks(items));
        let count = records.len().max(subjects.len()).max(1);
        let part = |of: &[u64], at: usize| -> Vec<u64> {
            of.chunks(items).nth(at).unwrap_or_default().to_vec()
        };
        let parts = (0..count).map(|at| {
            let rest = if at == 0 {
                self.without_items()
            } else {
                Self::default()
            };
            Self {
                records: part(&self.records, at),
                subjects: part(&self.subjects, at),
                ..rest
            }
        });
        parts.collect()
    }

    fn without_items(&self) -> Self {
        Self {
            bytes: self.bytes,
            unnamed_records: self.unnamed_records,
            fields: self.fields.clone(),
            ..Self::default()
        }
    }

    fn items(&self, meter: Meter) -> &[u64] {
        match meter {
            Meter::Records => &self.records,
            Meter::Subjects => &self.subjects,
            Meter::Calls | Meter::Bytes | Meter::Tokens | Meter::Cost | Meter::Fields(_) => &[],
        }
    }
}

impl Hold {
    pub(super) fn nothing(now: Timestamp) -> Self {
        Self {
            budgets: None,
            held: Vec::new(),
            now,
            estimate: None,
            pending: Vec::new(),
            pinned: false,
            left: None,
        }
    }

    pub(super) fn of(
        budgets: Arc<Budgets>,
        held: Vec<Held>,
        (estimate, now): (ModelUse, Timestamp),
        durable: oneshot::Receiver<()>,
    ) -> Self {
        Self {
            budgets: Some(budgets),
            held,
            now,
            estimate: Some(estimate),
            pending: vec![durable],
            pinned: true,
            left: None,
        }
    }

    /// Opened where the accounts are, which says what is left.
    pub(super) fn there(
        budgets: Arc<Budgets>,
        held: Vec<Held>,
        (estimate, now): (ModelUse, Timestamp),
        left: Option<Remaining>,
    ) -> Self {
        Self {
            budgets: Some(budgets),
            held,
            now,
            estimate: Some(estimate),
            pending: Vec::new(),
            pinned: false,
            left,
        }
    }

    /// These accounts, which stay in memory as long as this does.
    pub(super) fn again(
        budgets: Arc<Budgets>,
        held: &[Held],
        (estimate, now): (Option<ModelUse>, Timestamp),
        accounts: &mut Accounts,
    ) -> Self {
        for held in held {
            if let Some(account) = accounts.known.peek_mut(&held.account) {
                account.held += 1;
            }
        }
        Self {
            budgets: Some(budgets),
            held: held.to_vec(),
            now,
            estimate,
            pending: Vec::new(),
            pinned: true,
            left: None,
        }
    }

    pub(super) fn held(&self) -> &[Held] {
        &self.held
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn budgets(&self) -> Option<&Arc<Budgets>> {
        self.budgets.as_ref()
    }

    /// Whether nothing is spent.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Waits until everything that was debited is durable.
    pub async fn durable(&mut self) -> Result<(), OverBudget> {
        for pending in self.pending.drain(..) {
            pending.await.map_err(|_| OverBudget::Unavailable)?;
        }
        Ok(())
    }

    /// Debits what is about to be released to every budget, or nothing to any. Where it [cannot be debited at
    /// once](OverBudget::Short), [`room`](Self::room) has to be made first.
    pub fn spend(&mut self, usage: &Usage) -> Result<(), OverBudget> {
        let Some(budgets) = &self.budgets else {
            return Ok(());
        };
        let mut accounts = budgets.lock();
        if accounts.ceded {
            return if usage.is_empty() {
                Ok(())
            } else {
                Err(OverBudget::Short)
            };
        }
        let mut short = false;
        for held in &self.held {
            let known = accounts
                .known
                .get(&held.account)
                .zip(budgets.rules.get(held.budget));
            let (account, budget) = known.ok_or(OverBudget::Unavailable)?;
            match fit(budget, account, self.now, |meter, metered| {
                usage.more(meter, metered)
            }) {
                Fit::Yes => {}
                Fit::Over(exhausted) => return Err(exhausted.into()),
                Fit::Short => short = true,
            }
        }
        if short {
            return Err(OverBudget::Short);
        }
        let slot = budgets.keeper().try_reserve();
        let slot = slot.map_err(|_| OverBudget::Unavailable)?;
        let debits = each(
            budgets,
            &mut accounts,
            &self.held,
            |budget, account, name| debit(budget, &mut account.meters, usage, name),
        )?;
        self.refill(budgets, &mut accounts);
        if !debits.is_empty() {
            let (done, durable) = oneshot::channel();
            slot.send(Message::Debit(debits, done));
            self.pending.push(durable);
        }
        Ok(())
    }

    /// Puts what a model used in the place of what it was estimated to. That is debited whatever is left,
    /// since it was used; further calls find that out. It waits for room where there is none, so that no
    /// use is lost: [`durable`](Self::durable) tells when it is kept. Done once.
    pub fn settle(&mut self, used: ModelUse) -> Result<(), OverBudget> {
        let (Some(budgets), Some(estimate)) = (&self.budgets, self.estimate.take()) else {
            return Ok(());
        };
        let mut accounts = budgets.lock();
        if accounts.ceded {
            let (done, durable) = oneshot::channel();
            self.pending.push(durable);
            let kept = self.kept(budgets, &mut accounts);
            drop(accounts);
            settle_later(kept, (estimate, used), done);
            return Ok(());
        }
        let debits = each(
            budgets,
            &mut accounts,
            &self.held,
            |budget, account, name| settled(budget, &mut account.meters, (estimate, used), name),
        )?;
        // Of what was used beyond a lease the others hear, too.
        self.refill(budgets, &mut accounts);
        if debits.is_empty() {
            return Ok(());
        }
        let (done, durable) = oneshot::channel();
        self.pending.push(durable);
        let message = Message::Debit(debits, done);
        // Whom nobody will write for any more hears of it by the sender that is dropped.
        if let Err(TrySendError::Full(message)) = budgets.keeper().try_send(message) {
            let kept = self.kept(budgets, &mut accounts);
            accounts.late += 1;
            drop(accounts);
            write_later(kept, message);
        }
        Ok(())
    }

    /// Waits for leases of what is about to be released, or has it debited by the process that has the accounts.
    pub async fn room(&self, usage: &Usage) -> Result<Room, OverBudget> {
        let budgets = self.budgets.as_ref().ok_or(OverBudget::Unavailable)?;
        if let Some(heir) = budgets.owner().await {
            self.show_there(budgets, &*heir, usage).await?;
            return Ok(Room::Spent);
        }
        let need = |meter, metered: &Metered| usage.more(meter, metered);
        budgets.borrow(&self.held, self.now, need).await?;
        Ok(Room::Made)
    }

    /// Settles here after all.
    pub(super) async fn settle_again(
        &mut self,
        (estimate, used): (ModelUse, ModelUse),
    ) -> Result<(), OverBudget> {
        self.estimate = Some(estimate);
        self.settle(used)?;
        Box::pin(self.durable()).await
    }

    /// Has the next leases taken before these are used up.
    fn refill(&self, budgets: &Budgets, accounts: &mut Accounts) {
        let Some(pool) = &budgets.pool else { return };
        for held in &self.held {
            let known = accounts.known.peek_mut(&held.account);
            if let Some((account, budget)) = known.zip(budgets.rules.get(held.budget)) {
                pool.refill(budget, (held.budget, &held.account), account);
            }
        }
    }

    /// The same accounts, which stay in memory as long as this does.
    fn kept(&self, budgets: &Arc<Budgets>, accounts: &mut Accounts) -> Self {
        Self::again(Arc::clone(budgets), &self.held, (None, self.now), accounts)
    }

    /// Of the budgets with calls, the one with the fewest left.
    pub fn remaining(&self) -> Option<Remaining> {
        let budgets = self.budgets.as_ref()?;
        if self.left.is_some() {
            return self.left.clone();
        }
        let accounts = budgets.lock();
        let calls = self.held.iter().filter_map(|held| {
            let budget = budgets.rules.get(held.budget)?;
            let account = accounts.known.peek(&held.account)?;
            let mut metered = budget.allowed.iter().zip(&account.meters).enumerate();
            let (at, ((_, allowed), metered)) =
                metered.find(|(_, ((meter, _), _))| *meter == Meter::Calls)?;
            let left = allowed.saturating_sub(metered.used());
            // Of a fleet's, what others have claimed is theirs.
            let leased = account.lease.as_ref().map(|lease| {
                let (claim, unclaimed) = lease.claim(at);
                claim
                    .saturating_add(unclaimed)
                    .saturating_sub(metered.used())
            });
            Some(Remaining {
                budget: Arc::clone(&budget.id),
                allowed: *allowed,
                remaining: leased.map_or(left, |leased| leased.min(left)),
                window: budget.every.map(|every| every.as_secs().unsigned_abs()),
                renews_in: budget.renews_in(self.now),
            })
        });
        calls.min_by_key(|left| left.remaining)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let Some(budgets) = self.budgets.as_ref().filter(|_| self.pinned) else {
            return;
        };
        let mut accounts = budgets.lock();
        for held in &self.held {
            if let Some(account) = accounts.known.peek_mut(&held.account) {
                account.held = account.held.saturating_sub(1);
            }
        }
    }
}

/// Writes a message as soon as there is room for it; `kept` keeps its accounts until then, so that nobody
/// reads them without.
fn write_later(kept: Hold, message: Message) {
    let Ok(runtime) = Handle::try_current() else {
        return tracing::error!("what a model used is not written: the gateway has stopped");
    };
    runtime.spawn(async move {
        if let Some(budgets) = &kept.budgets {
            // Whoever waits hears of a failure by the sender that is dropped with the message.
            let _sent = budgets.keeper().send(message).await;
            let mut accounts = budgets.lock();
            accounts.late = accounts.late.saturating_sub(1);
        }
    });
}

/// Has whoever has the accounts settle; `kept` are those of the exchange.
fn settle_later(kept: Hold, uses: (ModelUse, ModelUse), done: oneshot::Sender<()>) {
    let Ok(runtime) = Handle::try_current() else {
        return tracing::error!("what a model used is not written: the gateway has stopped");
    };
    runtime.spawn(Box::pin(kept.settle_there(uses, done)));
}

/// Classes by their names; one that nobody here knows counts as of every one.
mod by_name {
    use classifiers::DataClass;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    type Fields = Vec<(Option<DataClass>, u64)>;

    pub(super) fn serialize<S: Serializer>(fields: &Fields, to: S) -> Result<S::Ok, S::Error> {
        let named = fields.iter();
        let named = named.map(|(class, count)| (class.map(DataClass::name), count));
        named.collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Fields, D::Error> {
        let named: Vec<(Option<String>, u64)> = Vec::deserialize(from)?;
        let class = |name: String| DataClass::named(&name);
        let fields = named.into_iter();
        Ok(fields
            .map(|(name, count)| (name.and_then(class), count))
            .collect())
    }
}

/// Changes each of these accounts in memory as `change` does; gives what is to be kept of it.
fn each(
    budgets: &Budgets,
    accounts: &mut Accounts,
    held: &[Held],
    change: impl Fn(&Budget, &mut Account, &Arc<str>) -> Option<Debit>,
) -> Result<Vec<Debit>, OverBudget> {
    let mut debits = Vec::new();
    for held in held {
        let known = accounts
            .known
            .get_mut(&held.account)
            .zip(budgets.rules.get(held.budget));
        let (account, budget) = known.ok_or(OverBudget::Unavailable)?;
        let debit = change(budget, account, &held.account);
        accounts.seen += debit.as_ref().map_or(0, |debit| debit.seen.len());
        debits.extend(debit);
    }
    Ok(debits)
}

fn debit(
    budget: &Budget,
    meters: &mut [Metered],
    usage: &Usage,
    account: &Arc<str>,
) -> Option<Debit> {
    let mut debit = Debit {
        account: Arc::clone(account),
        ..Debit::default()
    };
    for ((meter, _), metered) in budget.allowed.iter().zip(meters) {
        let amount = usage.amount(*meter);
        if amount > 0 {
            metered.spent = metered.spent.saturating_add(amount);
            debit.spent.push((meter.name(), amount));
        }
        let new = new_items(usage.items(*meter), metered);
        debit
            .seen
            .extend(new.iter().map(|item| (meter.name(), *item)));
        metered.seen.extend(new);
    }
    (!debit.spent.is_empty() || !debit.seen.is_empty()).then_some(debit)
}

/// Writes what was used over what was estimated; gives the difference, if there is any.
fn settled(
    budget: &Budget,
    meters: &mut [Metered],
    (estimate, used): (ModelUse, ModelUse),
    account: &Arc<str>,
) -> Option<Debit> {
    let mut debit = Debit {
        account: Arc::clone(account),
        ..Debit::default()
    };
    for ((meter, _), metered) in budget.allowed.iter().zip(meters) {
        let (before, now) = (estimate.of(*meter), used.of(*meter));
        if now > before {
            metered.spent = metered.spent.saturating_add(now - before);
            debit.spent.push((meter.name(), now - before));
        } else if before > now {
            metered.spent = metered.spent.saturating_sub(before - now);
            debit.returned.push((meter.name(), before - now));
        }
    }
    (!debit.spent.is_empty() || !debit.returned.is_empty()).then_some(debit)
}

/// What was not seen before, each once.
fn new_items(items: &[u64], metered: &Metered) -> Vec<u64> {
    let mut new: Vec<u64> = items
        .iter()
        .copied()
        .filter(|it| !metered.seen.contains(it))
        .collect();
    new.sort_unstable();
    new.dedup();
    new
}
