//! What a host of a fleet may spend of budgets that all of it share: leases.
//!
//! A host leases a slice of a budget from a ledger that all hosts share, and spends from it without asking. What it
//! has leased in all, its claim, is never less than what it spent; the claims of all hosts together are never more
//! than the budget. So nobody can spend too much, whoever is away: a host that has spent its lease, and gets no
//! other, refuses.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

use super::{Budget, Exhausted, Meter, OverBudget, accounts::Account, accounts::Metered};

/// Asks that may wait; a call that finds no room is refused.
pub(super) const ASKS_MAX: usize = 8192;
/// The largest allowance that a fleet shares: the ledger counts in doubles.
pub const SHARED_MAX: u64 = 1 << 53;

/// The ledger that the hosts of a fleet share.
#[async_trait]
pub trait Lender: Send {
    /// Says that this host is there, and hears how the fleet stands. `reported` is the generation of the ledger in
    /// which all claims of this host stand, `lost` one that does not have what it had.
    async fn attend(
        &mut self,
        reported: Option<&str>,
        lost: Option<&str>,
    ) -> Result<Joined, LenderError>;
    /// Asks for changes of claims; each is answered, in this order. Whether any was done is not known if this fails.
    async fn lend(&mut self, wants: &[Want]) -> Result<Vec<Lent>, LenderError>;
}

/// The ledger cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LenderError(pub String);

/// How the fleet stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The ledger's generation: another one when it may have lost something.
    pub generation: String,
    /// The ledger's clock, in seconds.
    pub now: i64,
    /// Why it lends nothing, if it does not.
    pub closed: Option<Arc<str>>,
}

/// A change of a host's claim on one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The account.
    pub account: Arc<str>,
    /// When its turn begins and ends, in seconds of the epoch; none if it never does.
    pub window: Option<(i64, i64)>,
    /// What is wanted.
    pub act: Act,
    /// For each allowance of the budget.
    pub meters: Vec<Wanted>,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A larger claim.
    Lease,
    /// That a claim stands there, which the host has anyway.
    Report,
    /// A smaller claim.
    Return,
}

/// What is wanted of one meter. Amounts are totals since the account began, so that who asks twice gets once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What is counted.
    pub meter: Meter,
    /// The budget of all hosts.
    pub allowed: u64,
    /// What this host spent.
    pub used: u64,
    /// The claim that it knows of.
    pub held: u64,
    /// The claim that would be enough.
    pub least: u64,
    /// The claim that it would like, or, of [`Act::Return`], that it keeps.
    pub wish: u64,
}

/// What became of a [`Want`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lent {
    /// For each meter, the claim now, and what nobody has claimed.
    Claims(Vec<(u64, u64)>),
    /// The account's turn is over, or has not begun by the ledger's clock.
    Closed,
    /// The ledger does not have what it had.
    Lost,
    /// Nothing is lent before this host has attended again.
    Again,
}

/// How leases are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lending {
    /// A slice, in ten-thousandths of a budget.
    pub slice: u64,
    /// After how long what is not used is given back.
    pub ttl: Duration,
    /// For how long a call waits for a lease.
    pub patience: Duration,
    /// How often the ledger hears of this host.
    pub attend: Duration,
}

/// What was leased, for whoever asks.
#[derive(Debug, Default)]
pub struct LeaseCounts {
    /// Leases that were taken.
    pub taken: AtomicU64,
    /// Leases of which the rest was given back.
    pub returned: AtomicU64,
    /// Calls, and answers, that were refused for want of a lease.
    pub refused: AtomicU64,
    /// Times that the ledger did not have what it had, or may not.
    pub lost: AtomicU64,
}

/// How a host stands in its fleet.
#[derive(Debug)]
pub struct FleetStanding {
    /// Why nothing is lent, if nothing is.
    closed: RwLock<Option<Arc<str>>>,
    /// Counts.
    pub counts: LeaseCounts,
}

impl FleetStanding {
    fn new() -> Self {
        Self {
            closed: RwLock::new(Some("the ledger was not asked yet".into())),
            counts: LeaseCounts::default(),
        }
    }

    /// Why nothing is lent, if nothing is.
    pub fn closed(&self) -> Option<Arc<str>> {
        let closed = self.closed.read();
        closed.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn close(&self, why: Option<Arc<str>>) {
        let closed = self.closed.write();
        *closed.unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// What a host has leased of one account.
pub(super) struct Lease {
    /// For each allowance: the claim, and what nobody had claimed when that was last heard.
    pub(super) claims: Vec<(u64, u64)>,
    /// Whether more is asked for already, without anybody waiting.
    pub(super) asked: bool,
    /// Until when it is known that there is no more.
    pub(super) dry_until: Option<Instant>,
    pub(super) used_at: Instant,
    /// Whether the ledger may still have a larger claim.
    pub(super) returning: bool,
}

impl Lease {
    /// That of an account that was just read: what was used was leased.
    pub(super) fn of(meters: &[Metered]) -> Self {
        Self {
            claims: meters.iter().map(|it| (it.used(), 0)).collect(),
            asked: false,
            dry_until: None,
            used_at: Instant::now(),
            returning: false,
        }
    }

    pub(super) fn claim(&self, at: usize) -> (u64, u64) {
        self.claims.get(at).copied().unwrap_or_default()
    }

    fn is_dry(&self) -> bool {
        self.dry_until.is_some_and(|until| Instant::now() < until)
    }
}

/// Whether something fits into an account.
pub(super) enum Fit {
    Yes,
    Over(Exhausted),
    /// Into the budget, but not into what this host leased of it.
    Short,
}

/// Whether what `need` says of each meter fits into an account.
pub(super) fn fit(
    budget: &Budget,
    account: &Account,
    now: jiff::Timestamp,
    need: impl Fn(Meter, &Metered) -> u64,
) -> Fit {
    let mut fit = Fit::Yes;
    for (at, ((meter, allowed), metered)) in budget.allowed.iter().zip(&account.meters).enumerate()
    {
        let more = need(*meter, metered);
        if more == 0 {
            continue;
        }
        let total = metered.used().saturating_add(more);
        if total > *allowed {
            return Fit::Over(budget.exhausted(*meter, *allowed, now));
        }
        let Some(lease) = &account.lease else {
            continue;
        };
        let (claim, unclaimed) = lease.claim(at);
        if total <= claim {
            continue;
        }
        // Who asks again and again of what is gone is not to keep the ledger busy.
        if lease.is_dry() && total - claim > unclaimed {
            return Fit::Over(budget.exhausted(*meter, *allowed, now));
        }
        fit = Fit::Short;
    }
    fit
}

/// More is asked for.
pub(super) struct Ask {
    pub(super) budget: usize,
    pub(super) account: Arc<str>,
    /// For each allowance, beyond what is used.
    pub(super) need: Vec<u64>,
    /// Who waits for it.
    pub(super) heard: Option<oneshot::Sender<Heard>>,
}

/// What the borrower is asked to do.
pub(super) enum Errand {
    Ask(Ask),
    /// To give back everything that is not used, and say so.
    Farewell(oneshot::Sender<()>),
    /// To say when all that came before is done.
    Rest(oneshot::Sender<()>),
}

/// What came of an [`Ask`].
#[derive(Clone, Debug)]
pub(super) enum Heard {
    /// More was leased, or it may be tried again.
    Lent,
    /// All of it is claimed.
    Gone(usize),
    /// Nothing is lent.
    Refused(Arc<str>),
}

/// The way to the borrower.
pub(super) struct Pool {
    pub(super) errands: mpsc::Sender<Errand>,
    pub(super) standing: Arc<FleetStanding>,
    pub(super) lending: Lending,
}

impl Pool {
    pub(super) fn new(lending: Lending) -> (Self, mpsc::Receiver<Errand>) {
        let (errands, queue) = mpsc::channel(ASKS_MAX);
        let pool = Self {
            errands,
            standing: Arc::new(FleetStanding::new()),
            lending,
        };
        (pool, queue)
    }

    /// Asks, and waits for what comes of it.
    pub(super) async fn ask(
        &self,
        budget: &Budget,
        mut ask: Ask,
        now: jiff::Timestamp,
    ) -> Result<(), OverBudget> {
        if let Some(why) = self.standing.closed() {
            return Err(self.refused(budget, &why));
        }
        let (heard, hear) = oneshot::channel();
        ask.heard = Some(heard);
        let busy = || self.refused(budget, "too many wait for a lease");
        self.errands
            .try_send(Errand::Ask(ask))
            .map_err(|_| busy())?;
        match timeout(self.lending.patience, hear).await {
            Ok(Ok(Heard::Lent)) => Ok(()),
            Ok(Ok(Heard::Gone(at))) => {
                let gone = budget.allowed.get(at);
                let gone = gone.ok_or(OverBudget::Unavailable)?;
                Err(budget.exhausted(gone.0, gone.1, now).into())
            }
            Ok(Ok(Heard::Refused(why))) => Err(self.refused(budget, &why)),
            Ok(Err(_)) | Err(_) => Err(self.refused(budget, "the ledger does not answer in time")),
        }
    }

    /// A call or an answer is refused for want of a lease.
    pub(super) fn refused(&self, budget: &Budget, why: &str) -> OverBudget {
        self.standing.counts.refused.fetch_add(1, Ordering::Relaxed);
        OverBudget::Unleased {
            budget: Arc::clone(&budget.id),
            why: why.into(),
        }
    }

    /// Asks for the next slice before this one is used up; nobody waits for it.
    pub(super) fn refill(&self, budget: &Budget, place: (usize, &Arc<str>), account: &mut Account) {
        let Some(lease) = &mut account.lease else {
            return;
        };
        lease.used_at = Instant::now();
        if lease.asked {
            return;
        }
        let is_dry = lease.is_dry();
        let mut each = budget.allowed.iter().zip(&account.meters).enumerate();
        let runs_low = each.any(|(at, ((_, allowed), metered))| {
            let (claim, used) = (lease.claim(at).0, metered.used());
            let left = claim.saturating_sub(used);
            let is_low = left < self.lending.slice_of(*allowed).div_ceil(2) && claim < *allowed;
            used > claim || is_low && !is_dry
        });
        if !runs_low {
            return;
        }
        let ask = Ask {
            budget: place.0,
            account: Arc::clone(place.1),
            need: vec![0; budget.allowed.len()],
            heard: None,
        };
        lease.asked = self.errands.try_send(Errand::Ask(ask)).is_ok();
    }
}

impl Lending {
    /// How much of a budget is leased at once.
    pub(super) fn slice_of(&self, allowed: u64) -> u64 {
        let slice = u128::from(allowed) * u128::from(self.slice) / 10_000;
        u64::try_from(slice).unwrap_or(u64::MAX).max(1)
    }

    /// For how long it is believed that there is no more.
    pub(super) fn drought(&self) -> Duration {
        (self.ttl / 4).clamp(Duration::from_millis(50), Duration::from_secs(1))
    }
}
