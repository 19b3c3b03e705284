//! How long a gateway goes on with a keyring whose provider does not answer.
//!
//! The provider is asked again and again for the root, and what it says is thrown away: it is asked so that whoever
//! takes the root back there stops this gateway here, without a key that is in its memory being of use for longer than
//! the lease.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use audit::{Anomaly, EventRef, Gap, Trail};
use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use vault::{SealedKeyring, VaultError};

use crate::{
    alerts::Alerts,
    cli::now,
    keyring::{self, Opened, Provider},
};

/// How often it is looked whether a lease has ended, at least.
const LOOK: Duration = Duration::from_secs(5);

/// The most time for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How often the provider is asked, and for how long it may be away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) probe: Duration,
    pub(crate) lease: Duration,
}

/// How the provider stands, for who asks.
pub(crate) struct Standing {
    provider: String,
    withheld: AtomicBool,
    /// When it answered last, and what is wrong since.
    last: RwLock<(Timestamp, Option<String>)>,
}

impl Standing {
    /// Whether the lease has ended.
    pub(crate) fn is_withheld(&self) -> bool {
        self.withheld.load(Ordering::Acquire)
    }

    /// What is wrong, if anything is.
    pub(crate) fn amiss(&self) -> Option<String> {
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        let (since, why) = (last.0, last.1.as_ref()?);
        Some(format!(
            "`{}` last opened the keyring at {since:.0}: {why}",
            self.provider
        ))
    }

    fn answered(&self, at: Timestamp) {
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = (at, None);
    }

    fn missed(&self, why: String) {
        let mut last = self.last.write().unwrap_or_else(PoisonError::into_inner);
        last.1 = Some(why);
    }
}

/// When a lease ends: by the clock that never jumps, or by the one that goes on while a host sleeps.
#[derive(Clone, Copy)]
struct End {
    at: Instant,
    by_calendar: Timestamp,
}

impl End {
    fn after(lease: Duration) -> Self {
        Self {
            at: Instant::now() + lease,
            by_calendar: now().saturating_add(lease).unwrap_or(Timestamp::MAX),
        }
    }

    fn is_over(self) -> bool {
        Instant::now() >= self.at || now() >= self.by_calendar
    }
}

/// The lease of a keyring that is open.
struct Lease {
    sealed: SealedKeyring,
    provider: Arc<Provider>,
    terms: Terms,
    trail: Trail,
    alerts: Arc<Alerts>,
    standing: Arc<Standing>,
}

/// Begins the lease of a keyring that is sealed, until told to stop.
pub(crate) fn begin(
    opened: Option<Opened>,
    terms: Terms,
    (trail, alerts, stopped): (&Trail, &Arc<Alerts>, &watch::Receiver<bool>),
) -> Option<Arc<Standing>> {
    let sealed = opened?.sealed?;
    let lease = Lease::new(sealed, terms, trail.clone(), Arc::clone(alerts));
    let standing = Arc::clone(&lease.standing);
    let keeping = tokio::spawn(lease.keep(stopped.clone()));
    let (trail, unkept, stop) = (trail.clone(), Arc::clone(&standing), stopped.clone());
    tokio::spawn(async move {
        if keeping.await.is_err() && !*stop.borrow() {
            unkept.withheld.store(true, Ordering::Release);
            keyring::withhold(true);
            trail.withhold();
            tracing::error!(
                "nothing is served: the lease of the keyring is not kept any more; start again"
            );
        }
    });
    Some(standing)
}

impl Lease {
    /// From now on, when the provider has just answered.
    fn new(
        (sealed, provider): (SealedKeyring, Arc<Provider>),
        terms: Terms,
        trail: Trail,
        alerts: Arc<Alerts>,
    ) -> Self {
        let standing = Standing {
            provider: sealed.place().to_string(),
            withheld: AtomicBool::new(false),
            last: RwLock::new((now(), None)),
        };
        Self {
            sealed,
            provider,
            terms,
            trail,
            alerts,
            standing: Arc::new(standing),
        }
    }

    /// Asks until told to stop.
    async fn keep(self, mut stop: watch::Receiver<bool>) {
        let mut ends = End::after(self.terms.lease);
        let mut next = Instant::now() + self.terms.probe;
        loop {
            let withheld = self.standing.is_withheld();
            // Now and then even if nothing is due: a host that slept did not count that.
            let look = Instant::now() + LOOK;
            let until = if withheld { next } else { next.min(ends.at) };
            tokio::select! {
                () = sleep_until(until.min(look)) => {}
                _ = stop.wait_for(|stopped| *stopped) => return,
            }
            if !withheld && ends.is_over() {
                // It ends when it ends, not when somebody answers: what is asked from here on begins another.
                self.withhold().await;
                next = Instant::now();
            }
            if Instant::now() < next {
                continue;
            }
            let asked = End::after(self.terms.lease);
            let most = if self.standing.is_withheld() {
                ANSWER_MAX
            } else {
                ANSWER_MAX.min(ends.at.saturating_duration_since(Instant::now()))
            };
            match self.ask(most).await {
                Ok(()) => {
                    ends = asked;
                    self.standing.answered(now());
                    self.resume().await;
                }
                Err(error) => {
                    let provider = &self.standing.provider;
                    tracing::error!(provider, %error, "the keyring's provider does not open it");
                    self.standing.missed(error.to_string());
                }
            }
            next = Instant::now() + self.terms.probe;
        }
    }

    async fn ask(&self, most: Duration) -> Result<(), VaultError> {
        let late = || VaultError::Away {
            why: "it did not answer in time".to_owned(),
        };
        let opened = timeout(most, self.provider.open(&self.sealed)).await;
        opened.map_err(|_| late())?.map(drop)
    }

    /// Nothing begins any more.
    async fn withhold(&self) {
        if self.standing.withheld.swap(true, Ordering::AcqRel) {
            return;
        }
        keyring::withhold(true);
        self.trail.withhold();
        tracing::error!(
            provider = self.standing.provider,
            "nothing is served until the keyring's provider opens it again"
        );
        self.tell("keys_withheld", "quarantine", 0).await;
    }

    /// Everything may begin again.
    async fn resume(&self) {
        if !self.standing.is_withheld() {
            return;
        }
        keyring::withhold(false);
        let refused = self.trail.resume();
        self.standing.withheld.store(false, Ordering::Release);
        tracing::warn!(refused, "the keyring's provider opens it again: serving");
        self.tell("keys_returned", "note", refused).await;
    }

    /// Puts it on record, and tells people.
    async fn tell(&self, reason: &'static str, response: &'static str, lost: u64) {
        let at = now();
        let gap = Gap {
            at,
            reason: reason.into(),
            lost,
            recovered: 0,
        };
        let anomaly = Anomaly {
            at,
            detector: reason.into(),
            response: response.into(),
            agent: String::new(),
            session: String::new(),
            about: self.standing.provider.clone(),
            numbers: Vec::new(),
            record: None,
            finding: true,
        };
        let event = EventRef::Gap(&gap);
        let noted = self.alerts.report(&self.trail, event, (&anomaly, true));
        if let Err(error) = noted.await {
            tracing::error!(reason, %error, "not on record");
        }
    }
}
