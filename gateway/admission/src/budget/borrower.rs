//! Takes leases, reports claims and gives back: one task, so that what it says of an account has one order.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak, atomic::Ordering},
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    Budgets,
    accounts::{Account, Accounts},
    keeper::{AccountSums, Message},
    lease::{
        Act, Ask, Errand, FleetStanding, Heard, Lender, LenderError, Lending, Lent, Want, Wanted,
    },
};

/// The most errands that are run at once.
const GROUP_MAX: usize = 256;
/// The most accounts of which the ledger hears at once.
const WANTS_MAX: usize = 256;
/// The most accounts that are given back at once.
const RETURNS_MAX: usize = 1024;
/// By how much the clocks of hosts and of the ledger may differ, twice over, in seconds.
const SKEW: i64 = 120;
/// How often it is begun anew, at once, where the ledger changes meanwhile.
const TRIES: usize = 3;

/// The task.
pub(super) struct Borrower {
    budgets: Weak<Budgets>,
    lender: Box<dyn Lender>,
    lending: Lending,
    standing: Arc<FleetStanding>,
    /// The ledger's generation in which all claims of this host stand.
    reported: Option<String>,
    /// One that does not have what it had.
    lost: Option<String>,
}

/// What is asked for of one account, by one or many.
struct Asked {
    budget: usize,
    /// For each allowance, by who asks for most.
    most: Vec<u64>,
    /// By all together.
    all: Vec<u64>,
    waiting: Vec<(Vec<u64>, oneshot::Sender<Heard>)>,
}

impl Borrower {
    pub(super) fn new(
        budgets: &Arc<Budgets>,
        lender: Box<dyn Lender>,
        (lending, standing): (Lending, Arc<FleetStanding>),
    ) -> Self {
        Self {
            budgets: Arc::downgrade(budgets),
            lender,
            lending,
            standing,
            reported: None,
            lost: None,
        }
    }

    /// Works until nobody can ask any more.
    pub(super) async fn serve(mut self, mut errands: mpsc::Receiver<Errand>) {
        let mut due = interval(self.lending.attend);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut group = Vec::new();
        loop {
            tokio::select! {
                count = errands.recv_many(&mut group, GROUP_MAX) => {
                    if count == 0 {
                        return;
                    }
                    self.run(std::mem::take(&mut group)).await;
                }
                _ = due.tick() => {
                    // Whoever has the accounts has their leases.
                    if self.rests() {
                        continue;
                    }
                    self.attend().await;
                    self.give_back(false).await;
                }
            }
        }
    }

    async fn run(&mut self, errands: Vec<Errand>) {
        let mut asked: BTreeMap<Arc<str>, Asked> = BTreeMap::new();
        let (mut leaving, mut resting) = (Vec::new(), Vec::new());
        for errand in errands {
            match errand {
                Errand::Ask(ask) => collect(&mut asked, ask),
                Errand::Farewell(done) => leaving.push(done),
                Errand::Rest(done) => resting.push(done),
            }
        }
        if !asked.is_empty() {
            self.lend(asked).await;
        }
        if !leaving.is_empty() && !self.rests() {
            self.give_back(true).await;
        }
        for done in leaving.into_iter().chain(resting) {
            // Who went away meanwhile does not hear of it.
            let _heard = done.send(());
        }
    }

    fn rests(&self) -> bool {
        let budgets = self.budgets.upgrade();
        budgets.is_none_or(|budgets| budgets.lock().ceded)
    }

    /// Asks the ledger for what is asked for here.
    async fn lend(&mut self, asked: BTreeMap<Arc<str>, Asked>) {
        let Some(budgets) = self.budgets.upgrade() else {
            return;
        };
        if self.rests() {
            // Who asked looks again, and finds out who has the accounts.
            let mut accounts = budgets.lock();
            for (name, asked) in asked {
                unasked(&mut accounts, &name);
                tell(asked, |_| Heard::Lent);
            }
            return;
        }
        if let Some(why) = self.standing.closed() {
            return refuse(&budgets, asked, &why);
        }
        let wants: Vec<Want> = {
            let accounts = budgets.lock();
            let each = asked.iter();
            each.filter_map(|(name, asked)| self.want(&budgets, &accounts, name, asked))
                .collect()
        };
        let lent = match self.lender.lend(&wants).await {
            Ok(lent) => lent,
            Err(error) => {
                let why: Arc<str> = error.0.into();
                self.close(&why);
                return refuse(&budgets, asked, &why);
            }
        };
        let mut again = false;
        let mut rest = asked;
        for (want, lent) in wants.iter().zip(lent) {
            let Some(asked) = rest.remove(&want.account) else {
                continue;
            };
            match lent {
                Lent::Claims(claims) => self.lent(&budgets, want, asked, claims),
                Lent::Closed => {
                    let why = "its turn is over, or has not begun by the ledger's clock";
                    let one = BTreeMap::from([(Arc::clone(&want.account), asked)]);
                    refuse(&budgets, one, &why.into());
                }
                lost_or_again => {
                    again = true;
                    if lost_or_again == Lent::Lost {
                        self.lost.clone_from(&self.reported);
                    }
                    rest.insert(Arc::clone(&want.account), asked);
                }
            }
        }
        if again {
            self.attend().await;
        }
        // Whose account was forgotten meanwhile, or whom the ledger did not hear, looks again.
        let mut accounts = budgets.lock();
        for (name, asked) in rest {
            unasked(&mut accounts, &name);
            tell(asked, |_| Heard::Lent);
        }
    }

    fn want(
        &self,
        budgets: &Budgets,
        accounts: &Accounts,
        name: &Arc<str>,
        asked: &Asked,
    ) -> Option<Want> {
        let budget = budgets.rules.get(asked.budget)?;
        let account = accounts.known.peek(name)?;
        let leased = account.lease.as_ref()?;
        let each = budget.allowed.iter().zip(&account.meters).enumerate();
        let meters = each.map(|(at, ((meter, allowed), metered))| {
            let (used, held) = (metered.used(), leased.claim(at).0);
            let of = |amounts: &[u64]| amounts.get(at).copied().unwrap_or(0);
            let slice = self.lending.slice_of(*allowed);
            let wish = used
                .saturating_add(of(&asked.all))
                .saturating_add(slice)
                .saturating_add(slice / 2);
            let least = used.saturating_add(of(&asked.most)).max(held);
            Wanted {
                meter: *meter,
                allowed: *allowed,
                used,
                held,
                least,
                wish: wish.min(*allowed).max(least),
            }
        });
        Some(Want {
            account: Arc::clone(name),
            window: budget.window(name),
            act: Act::Lease,
            meters: meters.collect(),
        })
    }

    /// Writes down what was leased, and tells who waits.
    fn lent(&self, budgets: &Budgets, want: &Want, asked: Asked, claims: Vec<(u64, u64)>) {
        let gained = |(wanted, (claim, _)): (&Wanted, &(u64, u64))| *claim > wanted.held;
        if want.meters.iter().zip(&claims).any(gained) {
            self.standing.counts.taken.fetch_add(1, Ordering::Relaxed);
        }
        let lacks = |(wanted, (claim, _)): (&Wanted, &(u64, u64))| *claim < wanted.wish;
        let is_dry = want.meters.iter().zip(&claims).any(lacks);
        let mut accounts = budgets.lock();
        if let Some(account) = accounts.known.peek_mut(&want.account)
            && let Some(lease) = &mut account.lease
        {
            lease.claims.clone_from(&claims);
            (lease.asked, lease.returning) = (false, false);
            lease.used_at = Instant::now();
            lease.dry_until = is_dry.then(|| Instant::now() + self.lending.drought());
        }
        drop(accounts);
        tell(asked, |need| {
            // Who asked for less than the most may still have it.
            let mut each = want.meters.iter().zip(&claims).zip(need).enumerate();
            let short = each.find(|(_, ((wanted, (claim, _)), need))| {
                **need > 0 && wanted.used.saturating_add(**need) > *claim
            });
            short.map_or(Heard::Lent, |(at, _)| Heard::Gone(at))
        });
    }

    /// Says that this host is there, and sees to it that all its claims stand in the ledger.
    async fn attend(&mut self) {
        for _ in 0..TRIES {
            let lost = self.lost.take();
            let joined = self
                .lender
                .attend(self.reported.as_deref(), lost.as_deref());
            let joined = match joined.await {
                Ok(joined) => joined,
                Err(error) => {
                    self.lost = lost;
                    return self.close(&error.0.into());
                }
            };
            if self.reported.as_ref() == Some(&joined.generation) {
                match joined.closed {
                    Some(why) => self.close(&why),
                    None => self.open(),
                }
                return;
            }
            if self.reported.take().is_some() {
                self.standing.counts.lost.fetch_add(1, Ordering::Relaxed);
                tracing::warn!("the ledger of the fleet's budgets may have lost what it had");
            }
            self.close(&"the claims of this host are being reported".into());
            match self.report(joined.now).await {
                Ok(true) => self.reported = Some(joined.generation),
                Ok(false) => {}
                Err(error) => return self.close(&error.0.into()),
            }
        }
    }

    fn open(&self) {
        if self.standing.closed().is_some() {
            tracing::info!("budgets are leased");
        }
        self.standing.close(None);
    }

    fn close(&self, why: &Arc<str>) {
        if self.standing.closed().as_ref() != Some(why) {
            tracing::warn!(%why, "budgets are not leased");
        }
        self.standing.close(Some(Arc::clone(why)));
    }

    /// Reports every claim of an account whose turn is not over by the ledger's clock; false if the ledger has to be
    /// attended again before.
    async fn report(&mut self, now: i64) -> Result<bool, LenderError> {
        let Some(budgets) = self.budgets.upgrade() else {
            return Ok(false);
        };
        // Those in memory first: what is spent from now on is within these claims, as no others are lent.
        for wants in in_memory(&budgets).chunks(WANTS_MAX) {
            if !self.claim(&budgets, wants).await? {
                return Ok(false);
            }
        }
        for (place, prefix) in prefixes(&budgets, now) {
            let mut after: Arc<str> = "".into();
            loop {
                let page = kept(&budgets, &prefix, &after).await?;
                let Some((last, _)) = page.last() else { break };
                after = Arc::clone(last);
                let wants = page.iter();
                let wants = wants.filter_map(|kept| spent(&budgets, place, kept));
                if !self.claim(&budgets, &wants.collect::<Vec<_>>()).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn claim(&mut self, budgets: &Budgets, wants: &[Want]) -> Result<bool, LenderError> {
        let lent = self.lender.lend(wants).await?;
        let mut accounts = budgets.lock();
        for (want, lent) in wants.iter().zip(lent) {
            match lent {
                Lent::Claims(claims) => {
                    let account = accounts.known.peek_mut(&want.account);
                    if let Some(lease) = account.and_then(|it| it.lease.as_mut()) {
                        // What was read from the disk may be older than what is known.
                        for (known, (claim, unclaimed)) in lease.claims.iter_mut().zip(claims) {
                            *known = (known.0.max(claim), unclaimed);
                        }
                    }
                }
                Lent::Closed => {}
                Lent::Lost | Lent::Again => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Gives back what is not used any more, or, at the end, everything that is not used.
    async fn give_back(&mut self, all: bool) {
        let Some(budgets) = self.budgets.upgrade() else {
            return;
        };
        if self.standing.closed().is_some() {
            return;
        }
        let idle = idle(&budgets, self.lending, all);
        for wants in idle.chunks(WANTS_MAX) {
            let lent = match self.lender.lend(wants).await {
                Ok(lent) => lent,
                Err(error) => return self.close(&error.0.into()),
            };
            let returned = wants.len() as u64;
            let counts = &self.standing.counts;
            counts.returned.fetch_add(returned, Ordering::Relaxed);
            let mut accounts = budgets.lock();
            for (want, lent) in wants.iter().zip(lent) {
                if matches!(lent, Lent::Lost) {
                    self.lost.clone_from(&self.reported);
                }
                let account = accounts.known.peek_mut(&want.account);
                let lease = account.and_then(|it| it.lease.as_mut());
                if let (Some(lease), Lent::Claims(_) | Lent::Closed) = (lease, lent) {
                    lease.returning = false;
                }
            }
        }
    }
}

fn collect(asked: &mut BTreeMap<Arc<str>, Asked>, ask: Ask) {
    let known = asked.entry(ask.account).or_insert_with(|| Asked {
        budget: ask.budget,
        most: vec![0; ask.need.len()],
        all: vec![0; ask.need.len()],
        waiting: Vec::new(),
    });
    for ((most, all), need) in known.most.iter_mut().zip(&mut known.all).zip(&ask.need) {
        *most = (*most).max(*need);
        *all = all.saturating_add(*need);
    }
    known
        .waiting
        .extend(ask.heard.map(|heard| (ask.need, heard)));
}

fn tell(asked: Asked, what: impl Fn(&[u64]) -> Heard) {
    for (need, heard) in asked.waiting {
        // Who went away meanwhile does not hear of it.
        let _heard = heard.send(what(&need));
    }
}

fn refuse(budgets: &Budgets, asked: BTreeMap<Arc<str>, Asked>, why: &Arc<str>) {
    let mut accounts = budgets.lock();
    for (name, asked) in asked {
        unasked(&mut accounts, &name);
        tell(asked, |_| Heard::Refused(Arc::clone(why)));
    }
}

/// More may be asked for again.
fn unasked(accounts: &mut Accounts, name: &Arc<str>) {
    let account = accounts.known.peek_mut(name);
    if let Some(lease) = account.and_then(|it| it.lease.as_mut()) {
        lease.asked = false;
    }
}

/// The claims of all accounts in memory.
fn in_memory(budgets: &Budgets) -> Vec<Want> {
    let accounts = budgets.lock();
    let leased = accounts.known.iter();
    leased
        .filter_map(|(name, account)| {
            let place = place_of(budgets, name)?;
            let lease = account.lease.as_ref()?;
            let claims = (0..account.meters.len()).map(|at| lease.claim(at).0);
            let claims: Vec<u64> = claims.collect();
            Some(reported(budgets, (place, name), &claims, account))
        })
        .collect()
}

fn reported(
    budgets: &Budgets,
    (place, name): (usize, &Arc<str>),
    claims: &[u64],
    account: &Account,
) -> Want {
    let used = account.meters.iter().map(super::accounts::Metered::used);
    let held = claims.iter().zip(used.clone());
    let held: Vec<u64> = held.map(|(claim, used)| used.max(*claim)).collect();
    stated(budgets, (place, name), (&used.collect::<Vec<_>>(), &held))
}

/// A claim that this host has.
fn stated(
    budgets: &Budgets,
    (place, name): (usize, &Arc<str>),
    (used, held): (&[u64], &[u64]),
) -> Want {
    let budget = budgets.rules.get(place);
    let allowed = budget.map_or(&[][..], |budget| &budget.allowed);
    let each = allowed.iter().zip(used).zip(held);
    let meters = each.map(|(((meter, allowed), used), held)| Wanted {
        meter: *meter,
        allowed: *allowed,
        used: *used,
        held: *held,
        least: *held,
        wish: *held,
    });
    Want {
        account: Arc::clone(name),
        window: budget.and_then(|budget| budget.window(name)),
        act: Act::Report,
        meters: meters.collect(),
    }
}

/// The shared budget whose account this is.
pub(super) fn place_of(budgets: &Budgets, name: &str) -> Option<usize> {
    let id = name.split('\n').next()?;
    let mut rules = budgets.rules.iter();
    rules.position(|rule| rule.shared && *rule.id == *id)
}

/// What the names of accounts begin with whose turn is not over; those of all that never is.
pub(super) fn prefixes(budgets: &Budgets, now: i64) -> Vec<(usize, String)> {
    let shared = budgets.rules.iter().enumerate();
    let shared = shared.filter(|(_, rule)| rule.shared);
    shared
        .flat_map(|(place, rule)| {
            let turns = rule.every.map_or(0..=0, |every| {
                let every = every.as_secs().max(1);
                (now - SKEW) / every..=(now + SKEW) / every
            });
            turns.map(move |turn| (place, format!("{}\n{turn}\n{}\n", rule.id, rule.kind())))
        })
        .collect()
}

async fn kept(
    budgets: &Budgets,
    prefix: &str,
    after: &Arc<str>,
) -> Result<Vec<AccountSums>, LenderError> {
    let unread = |_| LenderError("what was spent cannot be read".to_owned());
    let (found, kept) = oneshot::channel();
    let message = Message::Sums(prefix.to_owned(), Arc::clone(after), found);
    let sent = budgets.keeper().send(message).await;
    sent.map_err(|_| LenderError("what was spent cannot be read".to_owned()))?;
    kept.await.map_err(unread)
}

/// What this host spent of an account that is not in memory, for sure.
fn spent(budgets: &Budgets, place: usize, (name, sums): &AccountSums) -> Option<Want> {
    let budget = budgets.rules.get(place)?;
    let used = budget.allowed.iter().map(|(meter, _)| {
        let mine = sums.iter().filter(|(name, _)| name == meter.name());
        mine.map(|(_, amount)| *amount).fold(0, u64::saturating_add)
    });
    let used: Vec<u64> = used.collect();
    used.iter()
        .any(|used| *used > 0)
        .then(|| stated(budgets, (place, name), (&used, &used)))
}

/// Lowers the claims of accounts that nobody spends from; what the ledger is to be told of it.
fn idle(budgets: &Budgets, lending: Lending, all: bool) -> Vec<Want> {
    let mut accounts = budgets.lock();
    let mut idle = Vec::new();
    for (name, account) in &mut accounts.known {
        if idle.len() == RETURNS_MAX && !all {
            break;
        }
        let is_held = account.held > 0;
        let Some(lease) = &mut account.lease else {
            continue;
        };
        let has_more = account.meters.iter().zip(&lease.claims);
        let has_more = has_more
            .into_iter()
            .any(|(metered, (claim, _))| *claim > metered.used());
        let is_due = all || lease.used_at.elapsed() > lending.ttl;
        if is_held || lease.asked || !(lease.returning || has_more && is_due) {
            continue;
        }
        // Before the ledger hears of it: nobody spends what may be another's already.
        for (metered, claim) in account.meters.iter().zip(&mut lease.claims) {
            claim.0 = claim.0.min(metered.used());
        }
        lease.returning = true;
        let claims: Vec<u64> = lease.claims.iter().map(|it| it.0).collect();
        if let Some(place) = place_of(budgets, name) {
            let mut want = reported(budgets, (place, name), &claims, account);
            want.act = Act::Return;
            idle.push(want);
        }
    }
    idle
}
