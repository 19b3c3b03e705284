//! Whether the log that is there is the one that there was.
//!
//! A gateway that finds no log begins one. Before it does, everything that knows of an earlier one is asked: the
//! configuration, the checkpoint beside the log, the folder of tiles. What they know and the log does not have is
//! lost, and that is for people to decide.

use std::path::Path;

use audit::{
    Ledger as _, LedgerError,
    checkpoint::{self, Authority, Checkpoint},
};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use store::{SHOWN_FILE_NAME, SqliteLedger};
use vault::KEYRING_FILE;

use crate::{config::Config, keyring};

/// Refuses to go on with another log than the one that was there, or with less of it.
pub(crate) async fn check(config: &Config) -> Result<()> {
    let data = &config.data;
    let own = own(data)?;
    if let Some(wanted) = &config.proofs.log {
        match &own {
            Some(own) if own.knows(wanted.key()) => {}
            Some(own) => {
                return Err(miette!(
                    help = "correct `audit.directory`, or `audit.log`, if this is the log that should be there",
                    "the log in `{}` is `{}`, not `{}`, which `audit.log` names",
                    data.display(),
                    own.origin(),
                    wanted.origin()
                ));
            }
            None => {
                return Err(miette!(
                    help = "correct `audit.directory` or mount what belongs there; to begin a new log, take `audit.log` out",
                    "there is no log in `{}`; `audit.log` names `{}`",
                    data.display(),
                    wanted.origin()
                ));
            }
        }
    }
    let mut log = Log::open(data).await?;
    log.continues_shown(own.as_ref(), data).await?;
    if let Some(tiles) = &config.proofs.tiles {
        let place = tiles.join("checkpoint");
        if place.exists() {
            let note = std::fs::read(&place).into_diagnostic();
            let note = note.wrap_err_with(|| format!("`{}` cannot be read", place.display()))?;
            log.continues(own.as_ref(), &note, &place).await?;
        }
    }
    Ok(())
}

/// The same by the checkpoint beside the log alone, for who has no configuration.
pub(crate) async fn check_folder(data: &Path) -> Result<()> {
    let (own, mut log) = (own(data)?, Log::open(data).await?);
    log.continues_shown(own.as_ref(), data).await
}

/// Whose log the keyring signs, if there is one.
fn own(data: &Path) -> Result<Option<Authority>> {
    let path = data.join(KEYRING_FILE);
    if !path.exists() {
        return Ok(None);
    }
    keyring::authority(data).map(Some)
}

/// What is there.
struct Log(Option<SqliteLedger>);

impl Log {
    async fn open(data: &Path) -> Result<Self> {
        match SqliteLedger::open_to_read(data).await {
            Ok(ledger) => Ok(Self(Some(ledger))),
            Err(LedgerError::Absent { .. }) => Ok(Self(None)),
            Err(error) => Err(error).into_diagnostic(),
        }
    }

    async fn continues_shown(&mut self, own: Option<&Authority>, data: &Path) -> Result<()> {
        match store::shown(data).into_diagnostic()? {
            Some(note) => {
                let place = data.join(SHOWN_FILE_NAME);
                self.continues(own, note.as_bytes(), &place).await
            }
            None => Ok(()),
        }
    }

    /// Whether it continues what `note`, kept in `place`, was about.
    async fn continues(
        &mut self,
        own: Option<&Authority>,
        note: &[u8],
        place: &Path,
    ) -> Result<()> {
        let place = place.display();
        let name = checkpoint::origin(note).unwrap_or_default();
        let Some(own) = own else {
            return Err(miette!(
                help =
                    "put the keyring and the log back, or give both new folders; nothing was begun",
                "`{place}` knows of the log `{name}`, of which there is no keyring"
            ));
        };
        let Checkpoint { size, root } = own.check(note).map_err(|why| {
            miette!(
                help = "correct the folders in `audit`, or put back what belongs there; nothing was begun",
                "`{place}` is a checkpoint of `{name}`, not of this log, `{}`: {why}",
                own.origin()
            )
        })?;
        let (has, there) = self.at(size).await?;
        if has < size {
            return Err(miette!(
                help = "put the whole log back. If its end is lost for good, move that file away: whoever kept a checkpoint will see what is missing",
                "`{place}` says that this log had {size} records; it has {has}"
            ));
        }
        let there = there.map(|note| own.check(note.as_bytes()));
        match there {
            Some(Ok(there)) if there.size == size && there.root != root => Err(miette!(
                help = "`tidegate audit verify --checkpoint` tells more",
                "`{place}` was signed over {size} records of another history of this log"
            )),
            _ => Ok(()),
        }
    }

    /// How many records it has, and its checkpoint over so many.
    async fn at(&mut self, size: u64) -> Result<(u64, Option<String>)> {
        let Some(ledger) = &mut self.0 else {
            return Ok((0, None));
        };
        // A database that was only just made has no tables yet: then there are no records.
        let head = match ledger.head().await {
            Ok(head) => head,
            Err(LedgerError::Failed(_)) => return Ok((0, None)),
            Err(error) => return Err(error).into_diagnostic(),
        };
        let notes = ledger.checkpoints(size).await.into_diagnostic()?;
        Ok((head.size, notes.into_iter().next().map(|(_, note)| note)))
    }
}
