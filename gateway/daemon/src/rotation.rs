//! Another key-encryption key, while the gateway serves.
//!
//! It is in the keyring before anything is wrapped by it, and wraps whatever is new from then on. What older ones
//! wrapped is wrapped anew in the background, a batch at a time, by whoever alone writes it: the log's writer, the keeper
//! of data subjects' keys, whoever holds the keyring. An older key goes when a whole look finds nothing under it, and
//! the log's copy has taken over what changed. A keyring with more than one key says that this is to be done; nothing
//! else does, so that a start goes on where a crash was.

mod files;
mod signing;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use audit::{EventRef, Subjects, Trail};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, watch},
    task::spawn_blocking,
    time::{sleep, timeout},
};
use vault::{FileProvider, KEYRING_FILE, Keyring, KeyringHold, Root, SealedKeyring, Stored};

pub(crate) use self::{files::wrapped_by, signing::Succeeded};
use crate::{
    copies, desk,
    inquiries::Intent,
    keyring::{self, Provider},
    publication::Standing,
};

/// The socket's name in the log's folder.
pub(crate) const SOCKET: &str = "keys.sock";

/// Between two batches others have the stores to themselves.
const BATCH_PAUSE: Duration = Duration::from_millis(5);

/// How often it is looked whether the log's copy has taken over.
const COPY_LOOK: Duration = Duration::from_millis(200);

/// The most time for an answer of the keyring's provider.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How soon what failed is tried again; twice as long after each time.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_mins(1);

/// Whoever rotates the key-encryption keys of one log.
pub(crate) struct Rotation {
    pub(crate) data: PathBuf,
    /// The one that all parts wrap by.
    pub(crate) provider: FileProvider,
    /// Who keeps the keyring's root, if anybody does.
    pub(crate) keeper: Option<Arc<Provider>>,
    pub(crate) trail: Trail,
    pub(crate) subjects: Arc<Subjects>,
    /// One more than the changes of data keys that the log's copy knows of, where there is a copy.
    pub(crate) copied: Option<Arc<AtomicU64>>,
    pub(crate) due: Notify,
    pub(crate) standing: Arc<Standing>,
}

/// A rotation that has begun.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Begun {
    /// The id of the key that wraps from now on.
    pub(crate) key: u32,
    /// The record of it.
    pub(crate) record: u64,
}

/// How many keys were wrapped anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) data_keys: u64,
    pub(crate) subject_keys: u64,
    pub(crate) credentials: u64,
    pub(crate) signing_keys: u64,
}

impl Tally {
    fn add(&mut self, more: Self) {
        self.data_keys += more.data_keys;
        self.subject_keys += more.subject_keys;
        self.credentials += more.credentials;
        self.signing_keys += more.signing_keys;
    }

    fn criteria(self) -> [(String, String); 4] {
        [
            ("data_keys", self.data_keys),
            ("subject_keys", self.subject_keys),
            ("credentials", self.credentials),
            ("signing_keys", self.signing_keys),
        ]
        .map(|(name, keys)| (name.to_owned(), keys.to_string()))
    }
}

/// The keyring as its file has it, and what it is sealed under.
type Read = (Keyring, Option<(SealedKeyring, Root)>);

impl Rotation {
    /// Has another key wrap from now on: on record, in the keyring's file, and only then in use.
    pub(crate) async fn begin(&self, uid: u32) -> Result<Begun> {
        let _hold = self.hold().await?;
        let (keyring, sealed) = self.read().await?;
        let ids = keyring.wrapping_ids();
        if ids.len() > 1 {
            return Err(miette!(
                "a rotation is under way (`tidegate keys status` tells how far)"
            ));
        }
        let next = keyring.rotated().into_diagnostic()?;
        let key = next.wrapping_ids().last().copied().unwrap_or_default();
        let criteria = [("key".to_owned(), key.to_string()), before(&ids)];
        let record = self.note("keys rotate", criteria.into(), uid).await?;
        // Whoever reads the file wraps by the new key at once, and is understood.
        self.provider.learn(&next).into_diagnostic()?;
        let written = self.write(&next, sealed.as_ref());
        if let Err(error) = written {
            // It may be in its place all the same, and then it holds; its root is at hand, so nobody is asked.
            self.due.notify_one();
            let stored = Keyring::stored(&self.data.join(KEYRING_FILE)).into_diagnostic()?;
            let now = match (stored, &sealed) {
                (Stored::Sealed(now), Some((_, root))) => now.open(root).into_diagnostic()?,
                (Stored::Clear(now), None) => now,
                _ => return Err(error),
            };
            self.provider.adopt(&now).into_diagnostic()?;
            self.told(now)?;
            return Err(error);
        }
        self.provider.adopt(&next).into_diagnostic()?;
        self.told(next)?;
        tracing::info!(key, record, "another key-encryption key wraps from now on");
        Ok(Begun { key, record })
    }

    /// Finishes a succession of the log's signing key; wraps anew what older keys wrapped, and has these go: none if there
    /// are none.
    /// Where a copy of the log is known of that this process does not make, they stay until one that does.
    pub(crate) async fn finish(&self) -> Result<Option<Tally>> {
        self.finish_succession().await?;
        let mut ids = self.provider.ids();
        let Some(key) = ids.pop().filter(|_| !ids.is_empty()) else {
            return Ok(None);
        };
        let mut tally = Tally::default();
        loop {
            let found = self.pass(key).await?;
            if found == Tally::default() {
                break;
            }
            tally.add(found);
        }
        if self.copied.is_none() && copies::is_known(&self.data) {
            return Err(miette!(
                help = format!(
                    "start a gateway that copies the log: it goes on by itself. If there is no copy any more, remove `{}`",
                    copies::mark(&self.data).display()
                ),
                "everything is wrapped anew, and the older key stays until the copy in PostgreSQL has taken that over"
            ));
        }
        self.await_copy().await;
        let _hold = self.hold().await?;
        let (keyring, sealed) = self.read().await?;
        if keyring.wrapping_ids().last() != Some(&key) {
            return Err(miette!("the keyring is another than before"));
        }
        let last = keyring.retired().into_diagnostic()?;
        let mut criteria: BTreeMap<_, _> = tally.criteria().into();
        criteria.extend([("key".to_owned(), key.to_string()), before(&ids)]);
        let uid = rustix::process::getuid().as_raw();
        let record = self.note("keys retire", criteria, uid).await?;
        self.write(&last, sealed.as_ref())?;
        self.provider.adopt(&last).into_diagnostic()?;
        self.told(last)?;
        tracing::info!(key, record, "older key-encryption keys are gone");
        Ok(Some(tally))
    }

    /// One look at everything that is wrapped; what `key` does not wrap is wrapped by it.
    async fn pass(&self, key: u32) -> Result<Tally> {
        let mut tally = Tally::default();
        let mut last = Some(0);
        while let Some(after) = last {
            let batch = self.trail.rewrap(after).await.into_diagnostic()?;
            tally.data_keys += batch.changed;
            last = batch.last;
            pause(batch.changed).await;
        }
        let mut after = None;
        loop {
            let batch = self.subjects.rewrap(after).await.into_diagnostic()?;
            tally.subject_keys += batch.changed;
            pause(batch.changed).await;
            let Some(last) = batch.last else {
                break;
            };
            after = Some(last);
        }
        let hold = self.hold().await?;
        let (data, provider) = (self.data.clone(), self.provider.clone());
        let wrapped = spawn_blocking(move || {
            let _hold = hold;
            files::rewrap(&data, key, &provider)
        });
        tally.add(wrapped.await.into_diagnostic()??);
        Ok(tally)
    }

    /// Waits until the log's copy has what was wrapped anew: it could not be read any more by the keyring that is left.
    async fn await_copy(&self) {
        let Some(copied) = &self.copied else {
            return;
        };
        while copied.load(Ordering::Acquire) <= self.trail.status().keys_changed() {
            sleep(COPY_LOOK).await;
        }
    }

    async fn hold(&self) -> Result<KeyringHold> {
        let data = self.data.clone();
        let waited = spawn_blocking(move || KeyringHold::wait(&data)).await;
        waited.into_diagnostic()?.into_diagnostic()
    }

    async fn read(&self) -> Result<Read> {
        let stored = Keyring::stored(&self.data.join(KEYRING_FILE)).into_diagnostic()?;
        let sealed = match stored {
            Stored::Clear(keyring) => return Ok((keyring, None)),
            Stored::Sealed(sealed) => sealed,
        };
        let keeper = self.keeper.as_ref();
        let keeper = keeper.ok_or_else(|| miette!("the keyring was sealed meanwhile"))?;
        let root = timeout(ANSWER_MAX, keeper.root(&sealed)).await;
        let root = root.map_err(|_| miette!("`{}` did not answer in time", sealed.place()))?;
        let root = root
            .into_diagnostic()
            .wrap_err("the keyring cannot be opened")?;
        let keyring = sealed.open(&root).into_diagnostic()?;
        Ok((keyring, Some((sealed, root))))
    }

    fn write(&self, keyring: &Keyring, sealed: Option<&(SealedKeyring, Root)>) -> Result<()> {
        let path = self.data.join(KEYRING_FILE);
        let written = match sealed {
            Some((before, root)) => keyring.reseal(&path, before, root),
            None => keyring.unseal(&path),
        };
        written.into_diagnostic()
    }

    /// Whoever looks into the log goes by the keyring that was just written.
    fn told(&self, keyring: Keyring) -> Result<()> {
        match &self.keeper {
            Some(keeper) => keyring::rewritten(&self.data, keyring, keeper),
            None => Ok(()),
        }
    }

    async fn note(
        &self,
        command: &'static str,
        criteria: BTreeMap<String, String>,
        uid: u32,
    ) -> Result<u64> {
        let intent = Intent {
            command: command.into(),
            purpose: None,
            criteria,
        };
        let inquiry = intent.inquiry(uid);
        let noted = self.trail.note(EventRef::Query(&inquiry)).await;
        noted.into_diagnostic().wrap_err("it is not on record")
    }

    /// Goes on with what was begun, now and whenever it is due, until told to stop.
    pub(crate) async fn keep(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut retry = RETRY_FIRST;
        loop {
            let finished = tokio::select! {
                finished = self.finish() => finished,
                _ = stop.wait_for(|stopped| *stopped) => return,
            };
            let again = match finished {
                Ok(_) => {
                    retry = RETRY_FIRST;
                    self.standing.set(Vec::new());
                    None
                }
                Err(error) => {
                    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
                    let error = causes.join(": ");
                    tracing::error!(error, "the rotation of keys does not go on");
                    self.standing.set(vec![format!("rotation: {error}")]);
                    let again = retry;
                    retry = (retry * 2).min(RETRY_MAX);
                    Some(again)
                }
            };
            let due = async {
                match again {
                    Some(again) => sleep(again).await,
                    None => self.due.notified().await,
                }
            };
            tokio::select! {
                () = due => {}
                _ = stop.wait_for(|stopped| *stopped) => return,
            }
        }
    }
}

/// The older keys, as a record has them.
fn before(ids: &[u32]) -> (String, String) {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    ("before".to_owned(), ids.join(", "))
}

async fn pause(changed: u64) {
    if changed > 0 {
        sleep(BATCH_PAUSE).await;
    }
}

/// What is asked at the desk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// For another key-encryption key.
    Rotate,
    /// For another key that signs the log.
    Succeed,
}

/// The answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// It wraps from now on.
    Begun(Begun),
    /// It signs from now on.
    Succeeded(Succeeded),
    /// Why none does.
    Refused(String),
}

/// Rotates for the command line.
pub(crate) struct Clerk(pub(crate) Arc<Rotation>);

impl desk::Clerk for Clerk {
    type Request = Request;
    type Reply = Reply;

    async fn answer(&self, request: Request, uid: Option<u32>) -> Reply {
        let Some(uid) = uid else {
            return Reply::Refused("peer_unknown".to_owned());
        };
        let done = match request {
            Request::Rotate => self.0.begin(uid).await.map(|begun| {
                self.0.due.notify_one();
                Reply::Begun(begun)
            }),
            Request::Succeed => self.0.succeed(uid).await.map(Reply::Succeeded),
        };
        match done {
            Ok(reply) => reply,
            Err(error) => {
                let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
                Reply::Refused(causes.join(": "))
            }
        }
    }

    fn unreadable(&self) -> Reply {
        Reply::Refused("request_unreadable".to_owned())
    }
}
