//! Copies the log to a PostgreSQL while it grows.
//!
//! Nothing here stands in the way of a request: the log itself is what waits for a server that is away, and the copy
//! goes on where it was.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use audit::{Copier, Trail};
use miette::{IntoDiagnostic as _, Result, WrapErr as _};
use store::{PostgresLedger, PostgresPlace, SqliteLedger};
use tokio::{sync::watch, time::timeout};

use crate::{config::Config, keyring, publication::Standing};

/// How often it is looked whether the log has grown.
const EVERY: Duration = Duration::from_secs(1);

/// A server that is away is asked again after [`EVERY`], then twice as long, up to this.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// As long as the gateway copies at its end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Says, in the log's folder, that there is a copy elsewhere: the keys of a log that has one go only when the copy has theirs.
pub(crate) const MARK: &str = "copied";

/// The file of that.
pub(crate) fn mark(data: &Path) -> PathBuf {
    data.join(MARK)
}

/// Whether the log in `data` was copied at any time.
pub(crate) fn is_known(data: &Path) -> bool {
    mark(data).exists()
}

/// What copies the log.
pub(crate) struct Copying {
    place: Option<PostgresPlace>,
    log: String,
    data: PathBuf,
    trail: Trail,
    /// A server that answers, and how far the copy there is.
    open: Option<(PostgresLedger, Copier)>,
    standing: Arc<Standing>,
    copied: Arc<AtomicU64>,
    /// One more than the data keys that the trail had wrapped anew or destroyed when the copy last had all of that.
    keys: Arc<AtomicU64>,
}

impl Copying {
    /// To where the configuration says, if it does.
    pub(crate) fn new(config: &Config, trail: Trail) -> Result<Self> {
        let authority = keyring::authority(&config.data)?;
        if config.proofs.copy.is_some() {
            let marked = std::fs::File::create(mark(&config.data)).and_then(|it| it.sync_all());
            let unmarked = || format!("`{}` cannot be written", mark(&config.data).display());
            marked.into_diagnostic().wrap_err_with(unmarked)?;
        }
        Ok(Self {
            place: config.proofs.copy.as_ref().map(|it| it.place.clone()),
            log: authority.origin().to_owned(),
            data: config.data.clone(),
            trail,
            open: None,
            standing: Arc::default(),
            copied: Arc::default(),
            keys: Arc::default(),
        })
    }

    /// How it stands, from now on.
    pub(crate) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// How many records were copied, from now on; none if nothing is.
    pub(crate) fn copied(&self) -> Option<Arc<AtomicU64>> {
        self.place.as_ref().map(|_| Arc::clone(&self.copied))
    }

    /// One more than how many data keys that were wrapped anew or destroyed in this life are known to the copy, from now
    /// on; none if nothing is copied.
    pub(crate) fn keys(&self) -> Option<Arc<AtomicU64>> {
        self.place.as_ref().map(|_| Arc::clone(&self.keys))
    }

    /// Copies what is new, until it is stopped; gives itself back for [`finish`](Self::finish).
    pub(crate) async fn run(mut self, mut stopped: watch::Receiver<bool>) -> Self {
        let Some(place) = self.place.clone() else {
            return self;
        };
        let mut pause = EVERY;
        loop {
            let attended = tokio::select! {
                attended = self.attend(&place) => attended,
                _ = stopped.wait_for(|stopped| *stopped) => {
                    // Nobody knows how far a step came that was cut off.
                    self.open = None;
                    return self;
                }
            };
            pause = if attended {
                EVERY
            } else {
                pause.saturating_mul(2).min(PAUSE_MAX)
            };
            let stop = stopped.wait_for(|stopped| *stopped);
            if timeout(pause, stop).await.is_ok() {
                return self;
            }
        }
    }

    /// Copies the log's last records, once it is closed; does not wait long.
    pub(crate) async fn finish(mut self) {
        if let Some(place) = self.place.clone()
            && !matches!(timeout(FAREWELL, self.attend(&place)).await, Ok(true))
        {
            tracing::warn!(
                "not all of the log is copied; what is missing will be at the next start"
            );
        }
    }

    /// Copies until nothing is missing; false if that fails.
    async fn attend(&mut self, place: &PostgresPlace) -> bool {
        match self.catch_up(place).await {
            Ok(()) => {
                if !self.standing.amiss().is_empty() {
                    tracing::info!("the log is copied again");
                }
                self.standing.set(Vec::new());
                true
            }
            Err(error) => {
                self.open = None;
                let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
                let error = causes.join(": ");
                let lag = self.trail.status().size;
                let lag = lag.saturating_sub(self.copied.load(Ordering::Relaxed));
                if self.standing.amiss().is_empty() {
                    tracing::error!(error, lag, "the log cannot be copied to {place}");
                }
                self.standing
                    .set(vec![format!("{lag} records behind: {error}")]);
                false
            }
        }
    }

    async fn catch_up(&mut self, place: &PostgresPlace) -> Result<()> {
        let status = self.trail.status();
        let keys = status.keys_changed() + 1;
        let has_keys = self.keys.load(Ordering::Acquire) == keys;
        let has_records = status.size == self.copied.load(Ordering::Relaxed);
        if self.open.is_some() && has_records && has_keys {
            return Ok(());
        }
        let mut from = SqliteLedger::open_to_read(&self.data)
            .await
            .into_diagnostic()?;
        let open = if let Some((mut to, mut copier)) = self.open.take() {
            if !has_keys {
                let taken = copier.rewrap(&mut from, &mut to).await;
                taken.into_diagnostic()?;
            }
            (to, copier)
        } else {
            let to = PostgresLedger::open(place.clone(), &self.log).await;
            let mut to = to.into_diagnostic()?;
            let copier = Copier::begin(&mut from, &mut to).await;
            (to, copier.into_diagnostic()?)
        };
        let (to, copier) = self.open.insert(open);
        loop {
            let step = copier.step(&mut from, to).await.into_diagnostic()?;
            self.copied.store(step.size, Ordering::Relaxed);
            if step.size == step.of {
                break;
            }
        }
        if !has_keys {
            // Now that the copy has the records that say so.
            copier.expire(&mut from, to).await.into_diagnostic()?;
            self.keys.store(keys, Ordering::Release);
        }
        Ok(())
    }
}
