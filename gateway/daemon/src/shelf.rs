//! Puts the log's tiles into a bucket, where what is put can be locked for years.
//!
//! The folder of tiles is what waits for a store that is away. What never changes is put once and locked; a checkpoint
//! goes under the name of its size, locked as well, and last as `checkpoint`, the newest, in the place of the one before.
//! So whoever may write the bucket, the gateway with its keys too, cannot take back what was said there. Nor can the
//! gateway: each file is judged by the signed root before it is locked for years.

mod reached;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use audit::checkpoint::{Authority, Checkpoint};
use miette::{IntoDiagnostic as _, Result, miette};
use proof::checkpoint::NOTE_BYTES_MAX;
use proxy::objects::{Manner, Stored};
use rustls::ClientConfig;
use tiles::{Checked, Piece, kept_name};
use tokio::{sync::watch, time::timeout};

use self::reached::{Reached, digest};

use crate::{
    config::{Config, Shelf},
    keyring,
    objects::{Objects, Thing},
    publication::Standing,
};

/// After so many records it is said how far it is, while a long log is put: a tile of the second level.
const STRIDE: u64 = 65_536;
/// A store that is away is asked again after this time, then twice as long, up to the other.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_mins(5);
/// As long as the gateway puts at its end.
const FAREWELL: Duration = Duration::from_secs(5);

/// What puts tiles into a bucket.
pub(crate) struct Shelving {
    shelf: Option<(Shelf, PathBuf)>,
    objects: Option<Objects>,
    data: PathBuf,
    reached: reached::Reaches,
    /// Whether it was looked whether the bucket has what it should.
    has_looked: AtomicBool,
    standing: Arc<Standing>,
}

impl Shelving {
    /// Where the configuration says, if it does.
    pub(crate) fn open(config: &Config, tls: &Arc<ClientConfig>) -> Result<Self> {
        // It is read anew each time: keys of the log succeed each other while this runs.
        keyring::authority(&config.data)?;
        let shelf = config.proofs.shelf.clone().zip(config.proofs.tiles.clone());
        let within = shelf.as_ref().map(|(to, _)| to.within.clone());
        Ok(Self {
            objects: within.map(|within| Objects::new(within, tls)),
            shelf,
            data: config.data.clone(),
            reached: reached::Reaches::new(&config.data),
            has_looked: AtomicBool::new(false),
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
        let mut reached = self.reached.read(&authority, objects)?;
        let is_new = !self.has_looked.load(Ordering::Relaxed);
        if !is_new && reached.checkpoint == size && reached.note == Some(digest(&note)) {
            return Ok(());
        }
        let (from, by) = (root.to_owned(), authority.clone());
        let opened = tokio::task::spawn_blocking(move || Checked::open(&from, &by)).await;
        let Some(checked) = opened.into_diagnostic()?.into_diagnostic()? else {
            return Ok(());
        };
        let mut folder = Folder {
            root,
            checked,
            authority,
        };
        if is_new {
            self.look(&folder, objects, &mut reached).await?;
            self.has_looked.store(true, Ordering::Relaxed);
        }
        let head = folder.checked.head();
        if head.size < reached.records {
            return Err(shorter(head.size, reached.records, self.reached.file()));
        }
        folder.continues(reached.head()?)?;
        while reached.records < head.size {
            let next = (reached.records / STRIDE + 1) * STRIDE;
            let next = next.min(head.size);
            for piece in tiles::full(reached.records, next) {
                folder = folder.put(objects, piece).await?;
            }
            reached.records = next;
            self.reached.keep(&reached).await?;
        }
        let note = folder.checked.note().to_owned();
        if reached.checkpoint == head.size && reached.note == Some(digest(&note)) {
            return Ok(());
        }
        for piece in tiles::partial(head.size) {
            folder = folder.put(objects, piece).await?;
        }
        folder
            .keep(objects, &note, reached.checkpoint == head.size)
            .await?;
        reached.checkpoint = head.size;
        reached.root = Some(hex::encode(head.root));
        reached.note = Some(digest(&note));
        self.reached.keep(&reached).await
    }

    /// Whether the bucket has what it had when it was put there, and the folder what the bucket has: after somebody
    /// restored one of them it is better known before more is locked.
    async fn look(
        &self,
        folder: &Folder<'_>,
        objects: &Objects,
        reached: &mut Reached,
    ) -> Result<()> {
        let Some(newest) = objects.get("checkpoint", NOTE_BYTES_MAX).await? else {
            if reached.checkpoint > 0 {
                tracing::warn!(
                    "the bucket has none of the log that was put there; all is put again"
                );
                *reached = reached.anew();
            }
            return Ok(());
        };
        match folder.authority.check(&newest.content) {
            Ok(there) => folder.continues(Some(there)),
            Err(why) => {
                tracing::warn!(%why, "the newest checkpoint in the bucket is not this log's; it is replaced");
                Ok(())
            }
        }
    }
}

/// The folder of tiles, as it is when it is put.
struct Folder<'a> {
    root: &'a Path,
    checked: Checked,
    /// The keys that the log has then.
    authority: Authority,
}

impl Folder<'_> {
    /// Whether it has the history that was put into the bucket before.
    fn continues(&self, old: Option<Checkpoint>) -> Result<()> {
        let head = self.checked.head();
        let Some(old) = old.filter(|old| old.size > 0 && *old != head) else {
            return Ok(());
        };
        if old.size > head.size {
            return Err(miette!(
                help = "see `audit verify` of the log and of the bucket; the bucket has what was said, and what is newer is \
                        in no other place",
                "the bucket has a checkpoint of {} records, and the log has {}: it was rolled back or replaced",
                old.size,
                head.size
            ));
        }
        let proof = tiles::prove_consistency(self.root, head, old).into_diagnostic()?;
        if proof.holds {
            return Ok(());
        }
        Err(miette!(
            help = "see `audit verify` of the log and of the bucket; another prefix takes another history",
            "the bucket has {} records of another history of this log: it was restored and went on, or was changed",
            old.size
        ))
    }

    /// Puts a file, which is the same whenever it is put; one that is not full yet is not locked.
    async fn put(self, objects: &Objects, piece: Piece) -> Result<Self> {
        let Self {
            root,
            mut checked,
            authority,
        } = self;
        let read = tokio::task::spawn_blocking(move || {
            let content = checked.read(&piece);
            (checked, content)
        });
        let (checked, content) = read.await.into_diagnostic()?;
        let thing = Thing {
            name: &piece.name(),
            media_type: "application/octet-stream",
            content: content.into_diagnostic()?.into(),
            manner: Manner::Once,
            is_kept: piece.is_full(),
        };
        objects.put(thing).await?;
        Ok(Self {
            root,
            checked,
            authority,
        })
    }

    /// Keeps a checkpoint under its size, or with its digest where one of that size is kept with other signatures of
    /// witnesses; and as the newest.
    async fn keep(&self, objects: &Objects, note: &str, is_again: bool) -> Result<()> {
        let head = self.checked.head();
        // What is signed of it: origin, size and root (C2SP tlog-checkpoint).
        let label = note.lines().take(3).collect::<Vec<_>>().join(" ");
        let own = kept_name(head.size, None);
        let again = kept_name(head.size, Some(digest(note)));
        let checkpoint = |name, manner, is_kept| Thing {
            name,
            media_type: "text/plain; charset=utf-8",
            content: note.to_owned().into(),
            manner,
            is_kept,
        };
        let mut is_other = is_again;
        if !is_again {
            let stored = objects
                .put(checkpoint(&own, Manner::Labelled(&label), true))
                .await?;
            if stored == Stored::There {
                let there = objects.get(&own, NOTE_BYTES_MAX).await?;
                let there = there.map(|it| it.content).unwrap_or_default();
                if self.authority.check(&there).ok() != Some(head) {
                    return Err(miette!(
                        "`{own}` in the bucket is named as this checkpoint and is another"
                    ));
                }
                is_other = there != note.as_bytes();
            }
        }
        if is_other {
            objects.put(checkpoint(&again, Manner::Once, true)).await?;
        }
        let newest = checkpoint("checkpoint", Manner::Newest, false);
        objects.put(newest).await.map(drop)
    }
}

fn shorter(size: u64, reached: u64, file: &Path) -> miette::Report {
    miette!(
        help =
            "see `audit verify` of both; without that file, all that is in the folder is put again",
        "the folder of tiles has {size} records, the bucket {reached}, as `{}` says",
        file.display()
    )
}
