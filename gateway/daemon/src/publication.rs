//! Shows the log to others while it grows: to witnesses, who sign that it only grew, and as tiles, which anybody may
//! keep.
//!
//! Nothing here stands in the way of a request. A round begins every second if the log has grown (every ten, where nobody
//! is shown it): the newest
//! checkpoint goes to the witnesses, is kept beside the log with what they signed, and is published with the tiles.
//! Who is away is asked again later; whoever says that the log was longer once is heard.

mod ask;
mod begun;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use audit::{
    Ledger as _, READ_ROWS_MAX, Trail,
    checkpoint::{self, Authority},
};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proof::witness::attach;
use proxy::Upstream;
use rustls::ClientConfig;
use store::SqliteLedger;
use tiles::{Publisher, TilesError};
use tokio::{sync::watch, task::JoinSet, time::timeout};

use self::ask::Witness;
pub(crate) use self::begun::{check, check_folder};
use crate::{config::Config, keyring};

/// How often it is looked whether the log has grown,
const EVERY: Duration = Duration::from_secs(1);

/// and where there are neither witnesses nor tiles, so that only how far it came is kept.
const EVERY_ALONE: Duration = Duration::from_secs(10);

/// As long as the gateway waits at its end for witnesses to sign the last records.
const FAREWELL: Duration = Duration::from_secs(5);

/// What is amiss with showing the log or with its reports, for who asks how the gateway does; nothing if all is well.
#[derive(Default)]
pub(crate) struct Standing(Mutex<Vec<String>>);

impl Standing {
    /// One line each.
    pub(crate) fn amiss(&self) -> Vec<String> {
        let amiss = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        amiss.clone()
    }

    pub(crate) fn set(&self, amiss: Vec<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = amiss;
    }
}

/// What shows the log.
pub(crate) struct Publication {
    standing: Arc<Standing>,
    trail: Trail,
    data: PathBuf,
    witnesses: Vec<Witness>,
    tiles: Option<PathBuf>,
    publisher: Option<Publisher>,
    /// How many records there were in the last round that went as it should.
    done: Option<u64>,
    /// What failed in the last round, so that it is said once.
    failing: Option<String>,
}

impl Publication {
    /// For the log that the configuration names, which has begun.
    pub(crate) fn open(config: &Config, trail: Trail, tls: &Arc<ClientConfig>) -> Self {
        let client = Arc::new(Upstream::new(tls));
        let witnesses = config.proofs.witnesses.iter().cloned();
        Self {
            standing: Arc::default(),
            trail,
            data: config.data.clone(),
            witnesses: witnesses
                .map(|asked| Witness::new(asked, Arc::clone(&client)))
                .collect(),
            tiles: config.proofs.tiles.clone(),
            publisher: None,
            done: None,
            failing: None,
        }
    }

    /// How it stands, from now on.
    pub(crate) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// Shows what is new, until it is stopped; gives itself back for [`finish`](Self::finish).
    pub(crate) async fn run(mut self, mut stopped: watch::Receiver<bool>) -> Self {
        let alone = self.witnesses.is_empty() && self.tiles.is_none();
        let every = if alone { EVERY_ALONE } else { EVERY };
        loop {
            self.attend().await;
            let stop = stopped.wait_for(|stopped| *stopped);
            if timeout(every, stop).await.is_ok() {
                return self;
            }
        }
    }

    /// Shows the log's last records, once it is closed; does not wait long.
    pub(crate) async fn finish(mut self) {
        for witness in &mut self.witnesses {
            witness.is_due();
        }
        if timeout(FAREWELL, self.attend()).await.is_err() {
            tracing::warn!(
                "the log's last checkpoint was not shown to all; it will be at the next start"
            );
        }
    }

    async fn attend(&mut self) {
        let failing = self.round().await.err().map(|error| {
            let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
            causes.join(": ")
        });
        if failing != self.failing {
            if let Some(error) = &failing {
                tracing::error!(error, "the log cannot be shown to others");
            } else {
                tracing::info!("the log is shown to others again");
            }
            self.failing = failing;
        }
        let witnesses = self.witnesses.iter().filter_map(Witness::trouble);
        self.standing
            .set(self.failing.iter().cloned().chain(witnesses).collect());
    }

    async fn round(&mut self) -> Result<()> {
        let grown = self.done != Some(self.trail.status().size);
        if !grown && !self.witnesses.iter().any(Witness::is_waited_for) {
            return Ok(());
        }
        let ledger = SqliteLedger::open_to_read(&self.data).await;
        let mut ledger = ledger.into_diagnostic()?;
        let head = ledger.head().await.into_diagnostic()?;
        let Some((size, note)) = head.checkpoint else {
            return Ok(());
        };
        let cosigned = self.cosigned(size, note).await;
        store::keep_shown(&self.data, &cosigned).into_diagnostic()?;
        self.publish(&mut ledger, size, cosigned).await?;
        self.done = Some(size);
        Ok(())
    }

    /// The checkpoint with what the witnesses sign now, and what they signed of it before.
    async fn cosigned(&mut self, size: u64, note: String) -> String {
        let mut asking = JoinSet::new();
        for witness in std::mem::take(&mut self.witnesses) {
            let (data, note) = (self.data.clone(), note.clone());
            asking.spawn(async move {
                let mut witness = witness;
                witness.ask(&data, size, &note).await;
                witness
            });
        }
        let mut cosigned = note;
        while let Some(asked) = asking.join_next().await {
            let Ok(witness) = asked else { continue };
            if let Some(lines) = witness.signed(size)
                && let Some(attached) = attach(&cosigned, lines, witness.key())
            {
                cosigned = attached;
            }
            self.witnesses.push(witness);
        }
        cosigned
    }

    /// Publishes the tiles of the log, as far as `note` covers it.
    async fn publish(&mut self, ledger: &mut SqliteLedger, size: u64, note: String) -> Result<()> {
        let Some(root) = self.tiles.clone() else {
            return Ok(());
        };
        // Anew, for another key may sign meanwhile.
        let authority = keyring::authority(&self.data)?;
        // What fails may have left the publisher ahead of the folder: the next round opens it anew.
        let publisher = match self.publisher.take() {
            Some(mut publisher) => {
                publisher.go_by(authority);
                publisher
            }
            None => blocking(move || Publisher::open(&root, authority)).await?,
        };
        self.publisher = Some(catch_up(publisher, ledger, size, note).await?);
        Ok(())
    }
}

/// Publishes the log in `ledger` as tiles in `root`, as it is now; gives how many records it has.
pub(crate) async fn publish(
    ledger: &mut SqliteLedger,
    root: &Path,
    authority: Authority,
) -> Result<u64> {
    let head = ledger.head().await.into_diagnostic()?;
    let Some((size, note)) = head.checkpoint else {
        return Ok(0);
    };
    // With what witnesses signed, if they signed just that.
    let shown = ledger.shown().await.into_diagnostic()?;
    let shown = shown.filter(|shown| checkpoint::size(shown.as_bytes()) == Some(size));
    let root = root.to_owned();
    let publisher = blocking(move || Publisher::open(&root, authority)).await?;
    catch_up(publisher, ledger, size, shown.unwrap_or(note)).await?;
    Ok(size)
}

/// Publishes what is new up to `size`, under `note`.
async fn catch_up(
    mut publisher: Publisher,
    ledger: &mut SqliteLedger,
    size: u64,
    note: String,
) -> Result<Publisher> {
    if publisher.size() > size {
        let rolled_back = TilesError::RolledBack {
            size,
            published: publisher.size(),
        };
        return Err(rolled_back).into_diagnostic();
    }
    while publisher.size() < size {
        let from = publisher.size();
        let limit = u32::try_from(size - from).unwrap_or(READ_ROWS_MAX);
        let rows = ledger.read(from, limit).await.into_diagnostic()?;
        publisher = blocking(move || {
            for row in rows {
                publisher.append(row.index, &row.leaf)?;
            }
            Ok(publisher)
        })
        .await?;
        if publisher.size() == from {
            return Err(miette!("record {from} is missing in the log"));
        }
    }
    blocking(move || {
        if !publisher.has(&note) {
            publisher.publish(&note)?;
        }
        Ok(publisher)
    })
    .await
}

/// Does what waits for the disk where nothing else waits for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TilesError> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await.into_diagnostic()?;
    done.into_diagnostic()
        .wrap_err("the log's tiles cannot be published")
}
