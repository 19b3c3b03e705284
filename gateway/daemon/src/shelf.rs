//! Puts the log's tiles into a bucket, where what is put can be locked for years.
//!
//! The folder of tiles is what waits for a store that is away. What never changes is put once and locked; a checkpoint
//! goes under the name of its size, locked as well, and last as `checkpoint`, the newest, in the place of the one before.
//! So whoever may write the bucket, the gateway with its keys too, cannot take back what was said there.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::objects::Manner;
use rustls::ClientConfig;
use serde::{Deserialize, Serialize};
use tiles::Piece;
use tokio::{sync::watch, time::timeout};

use crate::{
    config::{Config, Shelf},
    keyring,
    objects::{Objects, Thing},
    publication::Standing,
};

/// The file beside the log that says how far it is in the bucket.
const FILE: &str = "shelved.json";
/// The longest, in bytes.
const FILE_BYTES_MAX: u64 = 4096;
/// After so many records it is said how far it is, while a long log is put: a tile of the second level.
const STRIDE: u64 = 65_536;
/// A store that is away is asked again after this time, then twice as long, up to the other.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_mins(5);
/// As long as the gateway puts at its end.
const FAREWELL: Duration = Duration::from_secs(5);

/// How far the log is in the bucket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reached {
    /// The log's name.
    log: String,
    /// The bucket and what stands before each name there.
    place: String,
    /// All full tiles of so many records are there.
    records: u64,
    /// The checkpoint of so many records is there.
    checkpoint: u64,
}

/// What puts tiles into a bucket.
pub(crate) struct Shelving {
    shelf: Option<(Shelf, PathBuf)>,
    objects: Option<Objects>,
    data: PathBuf,
    log: String,
    standing: Arc<Standing>,
}

impl Shelving {
    /// Where the configuration says, if it does.
    pub(crate) fn open(config: &Config, tls: &Arc<ClientConfig>) -> Result<Self> {
        let authority = keyring::authority(&config.data)?;
        let shelf = config.proofs.shelf.clone().zip(config.proofs.tiles.clone());
        let within = shelf.as_ref().map(|(to, _)| to.within.clone());
        Ok(Self {
            objects: within.map(|within| Objects::new(within, tls)),
            shelf,
            data: config.data.clone(),
            log: authority.origin().to_owned(),
            standing: Arc::default(),
        })
    }

    /// How it stands, from now on.
    pub(crate) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// Puts what is new, until it is stopped; gives itself back for [`finish`](Self::finish).
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) -> Self {
        let Some(every) = self.shelf.as_ref().map(|(to, _)| to.every) else {
            return self;
        };
        let mut retry = RETRY_FIRST;
        loop {
            let attended = tokio::select! {
                attended = self.attend() => attended,
                // What was put is there; the next start goes on.
                _ = stopped.wait_for(|stopped| *stopped) => return self,
            };
            let pause = if attended {
                retry = RETRY_FIRST;
                every
            } else {
                let pause = retry;
                retry = (retry * 2).min(RETRY_MAX);
                pause
            };
            let stop = stopped.wait_for(|stopped| *stopped);
            if timeout(pause, stop).await.is_ok() {
                return self;
            }
        }
    }

    /// Puts the log's last records, once it is closed; does not wait long.
    pub(crate) async fn finish(self) {
        if self.shelf.is_some() && !matches!(timeout(FAREWELL, self.attend()).await, Ok(true)) {
            tracing::warn!(
                "not all of the log is in its bucket; what is missing will be at the next start"
            );
        }
    }

    /// Puts all that is published; false if that fails.
    async fn attend(&self) -> bool {
        let put = match (&self.shelf, &self.objects) {
            (Some((_, root)), Some(objects)) => self.put(root, objects).await,
            _ => return true,
        };
        let was_amiss = !self.standing.amiss().is_empty();
        match put {
            Ok(()) => {
                if was_amiss {
                    tracing::info!("the log is put into its bucket again");
                }
                self.standing.set(Vec::new());
                true
            }
            Err(error) => {
                let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
                let error = causes.join(": ");
                if !was_amiss {
                    tracing::error!(error, "the log cannot be put into its bucket");
                }
                self.standing.set(vec![error]);
                false
            }
        }
    }

    async fn put(&self, root: &Path, objects: &Objects) -> Result<()> {
        let authority = keyring::authority(&self.data)?;
        let Some((size, note)) = tiles::head(root, &authority).into_diagnostic()? else {
            return Ok(());
        };
        let mut reached = self.reached(objects)?;
        if size < reached.records.max(reached.checkpoint) {
            return Err(miette!(
                help = "see `audit verify` of both; without that file, all that is in the folder is put again",
                "the folder of tiles has {size} records, the bucket more, as `{}` says",
                self.file().display()
            ));
        }
        while reached.records < size {
            let next = (reached.records / STRIDE + 1) * STRIDE;
            let next = next.min(size);
            for piece in tiles::full(reached.records, next) {
                piece_put(root, objects, piece).await?;
            }
            reached.records = next;
            self.keep(&reached).await?;
        }
        if reached.checkpoint == size {
            return Ok(());
        }
        for piece in tiles::partial(size) {
            piece_put(root, objects, piece).await?;
        }
        // What is signed of it: origin, size and root (C2SP tlog-checkpoint). Signatures of witnesses may be others.
        let label = note.lines().take(3).collect::<Vec<_>>().join(" ");
        let own = format!("checkpoints/{size:020}");
        let checkpoint = |name, manner, is_kept| Thing {
            name,
            media_type: "text/plain; charset=utf-8",
            content: note.clone().into(),
            manner,
            is_kept,
        };
        let kept = checkpoint(&own, Manner::Labelled(&label), true);
        objects.put(kept).await?;
        let newest = checkpoint("checkpoint", Manner::Newest, false);
        objects.put(newest).await?;
        reached.checkpoint = size;
        self.keep(&reached).await
    }

    fn file(&self) -> PathBuf {
        self.data.join(FILE)
    }

    /// How far this log is in this bucket; not at all, if it was another one.
    fn reached(&self, objects: &Objects) -> Result<Reached> {
        let begins = Reached {
            log: self.log.clone(),
            place: objects.place(),
            ..Reached::default()
        };
        let path = self.file();
        let read = || match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(begins.clone()),
            Err(error) => Err(error).into_diagnostic(),
            Ok(found) if found.len() > FILE_BYTES_MAX => {
                Err(miette!("it is longer than {FILE_BYTES_MAX} bytes"))
            }
            Ok(_) => {
                let text = fs::read(&path).into_diagnostic()?;
                serde_json::from_slice::<Reached>(&text).into_diagnostic()
            }
        };
        let reached = read().wrap_err_with(|| {
            format!(
                "`{}` does not say how far the log is in its bucket; without it, all is put again",
                path.display()
            )
        })?;
        let is_same = (&reached.log, &reached.place) == (&begins.log, &begins.place);
        Ok(if is_same { reached } else { begins })
    }

    /// Says how far it is; durable when this returns.
    async fn keep(&self, reached: &Reached) -> Result<()> {
        let text = serde_json::to_vec(reached).into_diagnostic()?;
        let (folder, file) = (self.data.clone(), self.file());
        let written = tokio::task::spawn_blocking(move || {
            let mut draft = tempfile::NamedTempFile::new_in(&folder)?;
            draft.write_all(&text)?;
            draft.as_file().sync_all()?;
            draft.persist(file).map_err(|error| error.error)?;
            fs::File::open(folder)?.sync_all()
        });
        let written = written.await.into_diagnostic()?;
        written
            .into_diagnostic()
            .wrap_err_with(|| format!("`{}` cannot be written", self.file().display()))
    }
}

/// Puts a tile, which is the same whenever it is put; one that is not full yet is not locked.
async fn piece_put(root: &Path, objects: &Objects, piece: Piece) -> Result<()> {
    let from = root.to_owned();
    let content = tokio::task::spawn_blocking(move || piece.read(&from)).await;
    let content = content.into_diagnostic()?.into_diagnostic()?;
    let thing = Thing {
        name: &piece.name(),
        media_type: "application/octet-stream",
        content: content.into(),
        manner: Manner::Once,
        is_kept: piece.is_full(),
    };
    objects.put(thing).await.map(drop)
}
