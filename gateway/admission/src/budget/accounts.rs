//! Accounts in memory: each check and its debit are one step, whoever else calls.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hashlink::LruCache;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    Budget, BudgetStore, Debit, FleetStanding, Hold, Lender, Lending, Meter, ModelUse, OverBudget,
    borrower::Borrower,
    hold::Held,
    keeper::{KeptAccount, Message, QUEUE_MAX, keep},
    lease::{Ask, Errand, Fit, Lease, Pool, fit},
    succession::{self, Owner},
};
use crate::Permit;

/// Accounts in memory; the least used are read again from where they are kept.
pub const ACCOUNTS_MAX: usize = 32 * 1024;

/// Records and people in memory, of all accounts.
const SEEN_MAX: usize = 4_000_000;

/// How many accounts in use are passed over to make room for another.
const PASSED_OVER_MAX: usize = 64;

/// All budgets, and what was spent of them.
pub struct Budgets {
    pub(super) rules: Vec<Budget>,
    accounts: Mutex<Accounts>,
    keeper: mpsc::Sender<Message>,
    /// Where leases come from of those that a fleet shares.
    pub(super) pool: Option<Pool>,
    /// Which process has the accounts.
    pub(super) owner: watch::Sender<Owner>,
}

/// The accounts in memory.
pub(super) struct Accounts {
    pub(super) known: LruCache<Arc<str>, Account>,
    /// Records and people in all of them.
    pub(super) seen: usize,
    /// Whether another process has them, or is about to: nothing is debited here.
    pub(super) ceded: bool,
    /// Debits on their way to whoever keeps them.
    pub(super) late: usize,
}

/// What was spent of one budget by one who has it.
pub(super) struct Account {
    /// For each allowance of the budget.
    pub(super) meters: Vec<Metered>,
    /// Exchanges that may still spend from it.
    pub(super) held: u32,
    /// What this host leased of it, if a fleet shares it.
    pub(super) lease: Option<Lease>,
}

/// What was spent of one allowance.
#[derive(Default)]
pub(super) struct Metered {
    pub(super) spent: u64,
    pub(super) seen: HashSet<u64>,
}

impl Metered {
    pub(super) fn used(&self) -> u64 {
        self.spent.saturating_add(self.seen.len() as u64)
    }
}

impl Account {
    pub(super) fn of(budget: &Budget, kept: &KeptAccount, is_leased: bool) -> Self {
        let metered = |(meter, _): &(Meter, u64)| {
            let mine = |(name, _): &&(String, u64)| name == meter.name();
            let amount = |(_, amount): &(String, u64)| *amount;
            Metered {
                spent: kept
                    .spent
                    .iter()
                    .filter(mine)
                    .map(amount)
                    .fold(0, u64::saturating_add),
                seen: kept.seen.iter().filter(mine).map(amount).collect(),
            }
        };
        let meters: Vec<Metered> = budget.allowed.iter().map(metered).collect();
        Self {
            lease: is_leased.then(|| Lease::of(&meters)),
            meters,
            held: 0,
        }
    }

    pub(super) fn seen(&self) -> usize {
        self.meters.iter().map(|metered| metered.seen.len()).sum()
    }
}

impl Budgets {
    /// These budgets, kept in `store`. The task that it gives must run; it ends when the budgets go.
    pub fn new(
        rules: Vec<Budget>,
        store: Box<dyn BudgetStore>,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + 'static) {
        let (budgets, queue) = Self::over(rules, None);
        (Arc::new(budgets), keep(store, queue))
    }

    /// These budgets, of which those that are shared are leased from `lender`. Both tasks must run; they end when
    /// the budgets go.
    pub fn leased(
        rules: Vec<Budget>,
        store: Box<dyn BudgetStore>,
        lender: Box<dyn Lender>,
        lending: Lending,
    ) -> (
        Arc<Self>,
        impl Future<Output = ()> + Send + 'static,
        impl Future<Output = ()> + Send + 'static,
    ) {
        let (pool, errands) = Pool::new(lending);
        let standing = Arc::clone(&pool.standing);
        let (budgets, queue) = Self::over(rules, Some(pool));
        let budgets = Arc::new(budgets);
        let borrower = Borrower::new(&budgets, lender, (lending, standing));
        (budgets, keep(store, queue), borrower.serve(errands))
    }

    fn over(rules: Vec<Budget>, pool: Option<Pool>) -> (Self, mpsc::Receiver<Message>) {
        let (keeper, queue) = mpsc::channel(QUEUE_MAX);
        let budgets = Self {
            rules,
            accounts: Mutex::new(Accounts {
                known: LruCache::new_unbounded(),
                seen: 0,
                ceded: false,
                late: 0,
            }),
            keeper,
            pool,
            owner: succession::owner(),
        };
        (budgets, queue)
    }

    /// How this host stands in its fleet, if it is of one.
    pub fn fleet(&self) -> Option<&Arc<FleetStanding>> {
        self.pool.as_ref().map(|pool| &pool.standing)
    }

    /// Gives back what is leased and not used, once nobody spends any more.
    pub async fn give_back(&self) {
        let Some(pool) = &self.pool else { return };
        let (done, given) = oneshot::channel();
        if pool.errands.send(Errand::Farewell(done)).await.is_ok() {
            // A borrower that has ended gives nothing back; what it leased stays claimed.
            let _heard = given.await;
        }
    }

    /// Whether of an answer under this permit is counted what only the answer tells: bytes, values.
    pub fn measures_answers(&self, permit: &Permit) -> bool {
        let measures = |(it, _): &(Meter, u64)| {
            matches!(it, Meter::Bytes | Meter::Fields(_)) || it.is_of_models()
        };
        let mut measuring = self
            .rules
            .iter()
            .filter(|it| it.allowed.iter().any(measures));
        measuring.any(|budget| budget.covers(permit))
    }

    /// Whether an answer under this permit must be counted record by record.
    pub fn counts_records(&self, permit: &Permit) -> bool {
        let distinct = |budget: &&Budget| budget.allowed.iter().any(|(it, _)| it.is_distinct());
        let mut counting = self.rules.iter().filter(distinct);
        counting.any(|budget| budget.covers(permit))
    }

    /// Whether a call under this permit spends what a model uses, and whether by what that costs.
    pub fn counts_models(&self, permit: &Permit) -> (bool, bool) {
        let covering = || self.rules.iter().filter(|budget| budget.covers(permit));
        let counts = |wanted: Meter| {
            covering().any(|budget| budget.allowed.iter().any(|(it, _)| *it == wanted))
        };
        let cost = counts(Meter::Cost);
        (cost || counts(Meter::Tokens), cost)
    }

    /// Debits one call, and what a model is estimated to use, to every budget that it spends from, or none.
    pub async fn admit(
        self: &Arc<Self>,
        permit: &Permit,
        estimate: ModelUse,
        now: Timestamp,
    ) -> Result<Hold, OverBudget> {
        let covering = self.rules.iter().enumerate();
        let covering = covering.filter(|(_, budget)| budget.covers(permit));
        let held: Vec<Held> = covering
            .map(|(index, budget)| {
                let (account, leased) = budget.account(permit, now);
                Held {
                    budget: index,
                    account,
                    leased,
                }
            })
            .collect();
        self.open(held, estimate, now).await
    }

    /// Debits one call to these accounts, or to none.
    pub(super) async fn open(
        self: &Arc<Self>,
        held: Vec<Held>,
        estimate: ModelUse,
        now: Timestamp,
    ) -> Result<Hold, OverBudget> {
        if held.is_empty() {
            return Ok(Hold::nothing(now));
        }
        loop {
            if let Some(admitted) = self.try_admit(&held, estimate, now) {
                match admitted {
                    Ok(durable) => {
                        let own = Arc::clone(self);
                        return Ok(Hold::of(own, held, (estimate, now), durable));
                    }
                    Err(OverBudget::Short) => {
                        if let Some(heir) = self.owner().await {
                            let spent = self.opening_there(&held, (estimate, now));
                            let left = heir.spend(spent).await?;
                            return Ok(Hold::there(Arc::clone(self), held, (estimate, now), left));
                        }
                        let need = move |meter, _: &Metered| opening(meter, estimate);
                        self.borrow(&held, now, need).await?;
                    }
                    Err(over) => return Err(over),
                }
            }
            for held in &held {
                self.load(held).await?;
            }
        }
    }

    /// Asks for leases of what is not leased enough of, and waits for them. Others may have spent them meanwhile.
    pub(super) async fn borrow(
        &self,
        held: &[Held],
        now: Timestamp,
        need: impl Fn(Meter, &Metered) -> u64 + Copy,
    ) -> Result<(), OverBudget> {
        // Without leases nothing is short but what another process had for a moment.
        let Some(pool) = &self.pool else {
            return Ok(());
        };
        for held in held {
            let budget = self.rules.get(held.budget).ok_or(OverBudget::Unavailable)?;
            let ask = {
                let accounts = self.lock();
                // One that was forgotten meanwhile is read again.
                let Some(account) = accounts.known.peek(&held.account) else {
                    continue;
                };
                match fit(budget, account, now, need) {
                    Fit::Yes => continue,
                    Fit::Over(exhausted) => return Err(exhausted.into()),
                    Fit::Short => {}
                }
                let each = budget.allowed.iter().zip(&account.meters);
                Ask {
                    budget: held.budget,
                    account: Arc::clone(&held.account),
                    need: each.map(|((it, _), metered)| need(*it, metered)).collect(),
                    heard: None,
                }
            };
            pool.ask(budget, ask, now).await?;
        }
        Ok(())
    }

    /// Debits one call; none if an account must be read first.
    fn try_admit(
        &self,
        held: &[Held],
        estimate: ModelUse,
        now: Timestamp,
    ) -> Option<Result<oneshot::Receiver<()>, OverBudget>> {
        let mut accounts = self.lock();
        if accounts.ceded {
            return Some(Err(OverBudget::Short));
        }
        let mut short = false;
        for held in held {
            let account = accounts.known.get(&held.account)?;
            let budget = self.rules.get(held.budget)?;
            match fit(budget, account, now, |meter, _| opening(meter, estimate)) {
                Fit::Yes => {}
                Fit::Over(exhausted) => return Some(Err(exhausted.into())),
                Fit::Short => short = true,
            }
        }
        if short {
            return Some(Err(OverBudget::Short));
        }
        let Ok(slot) = self.keeper.try_reserve() else {
            return Some(Err(OverBudget::Unavailable));
        };
        let mut debits = Vec::new();
        for held in held {
            let account = accounts.known.get_mut(&held.account)?;
            let budget = self.rules.get(held.budget)?;
            account.held += 1;
            let mut debit = Debit {
                account: Arc::clone(&held.account),
                ..Debit::default()
            };
            for ((meter, _), metered) in budget.allowed.iter().zip(&mut account.meters) {
                let amount = match meter {
                    Meter::Calls => 1,
                    meter => estimate.of(*meter),
                };
                if amount > 0 {
                    metered.spent = metered.spent.saturating_add(amount);
                    debit.spent.push((meter.name(), amount));
                }
            }
            if !debit.spent.is_empty() {
                debits.push(debit);
            }
            if let Some(pool) = &self.pool {
                pool.refill(budget, (held.budget, &held.account), account);
            }
        }
        // Sent while nobody else may debit, so that what is kept never runs ahead of an account that
        // is read.
        let (done, durable) = oneshot::channel();
        if debits.is_empty() {
            // Nothing to be written is written.
            let _heard = done.send(());
        } else {
            slot.send(Message::Debit(debits, done));
        }
        Some(Ok(durable))
    }

    /// Reads an account that is not in memory.
    async fn load(&self, held: &Held) -> Result<(), OverBudget> {
        if self.lock().known.contains_key(&held.account) {
            return Ok(());
        }
        let kept = self.kept(&held.account).await?;
        let budget = self.rules.get(held.budget).ok_or(OverBudget::Unavailable)?;
        let mut accounts = self.lock();
        // Somebody else may have read it and spent from it meanwhile.
        if !accounts.known.contains_key(&held.account) {
            accounts.make_room()?;
            let is_leased = held.leased && self.pool.is_some();
            let account = Account::of(budget, &kept, is_leased);
            accounts.seen += account.seen();
            accounts.known.insert(Arc::clone(&held.account), account);
        }
        Ok(())
    }

    /// An account as it is kept.
    pub(super) async fn kept(&self, account: &Arc<str>) -> Result<KeptAccount, OverBudget> {
        let (found, kept) = oneshot::channel();
        let asked = self.keeper.send(Message::Load(Arc::clone(account), found));
        asked.await.map_err(|_| OverBudget::Unavailable)?;
        kept.await.map_err(|_| OverBudget::Unavailable)
    }

    /// The accounts of an exchange that was opened before, in this process or the one before it.
    pub(super) async fn reopen(
        self: &Arc<Self>,
        held: Vec<Held>,
        estimate: Option<ModelUse>,
        now: Timestamp,
    ) -> Result<Hold, OverBudget> {
        loop {
            {
                let mut accounts = self.lock();
                let is_known = |it: &Held| accounts.known.contains_key(&it.account);
                if accounts.ceded || held.iter().all(is_known) {
                    let own = Arc::clone(self);
                    return Ok(Hold::again(own, &held, (estimate, now), &mut accounts));
                }
            }
            for held in &held {
                self.load(held).await?;
            }
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keeper(&self) -> &mpsc::Sender<Message> {
        &self.keeper
    }
}

/// How much of a meter there must be before an answer is there: what it will hold is not known yet, but nothing
/// fits into nothing.
fn opening(meter: Meter, estimate: ModelUse) -> u64 {
    let is_known = matches!(meter, Meter::Calls | Meter::Bytes) || meter.is_of_models();
    if is_known {
        estimate.of(meter).max(1)
    } else {
        0
    }
}

impl Accounts {
    /// Forgets accounts that nobody spends from, until there is room for one more.
    fn make_room(&mut self) -> Result<(), OverBudget> {
        let mut passed_over = 0;
        while self.known.len() >= ACCOUNTS_MAX || self.seen >= SEEN_MAX {
            let Some((name, account)) = self.known.remove_lru() else {
                return Ok(());
            };
            if account.held == 0 {
                self.seen = self.seen.saturating_sub(account.seen());
                continue;
            }
            self.known.insert(name, account);
            passed_over += 1;
            if passed_over > PASSED_OVER_MAX {
                return Err(OverBudget::Unavailable);
            }
        }
        Ok(())
    }
}
