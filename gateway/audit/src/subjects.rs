//! What identifies data subjects, sealed under keys of their own before it is on record.
//!
//! A subject may have several keys: whoever has none in memory gets a new one, so that nothing is read
//! while an exchange waits. Kept are, for each key, a keyed digest of the subject (to find its keys), the
//! key's random handle and the wrapped key. Erasing removes these rows: what is sealed stays where it is
//! and every proof holds, but nobody can open it, nor tell by the remaining keys whose it was.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use vault::{Handle, KeyProvider, Pseudonymizer, SubjectKey, subject_context};

use crate::{
    DELEGATING, Event, LedgerError, Subject, TrailError,
    rewrap::{self, Rewrapped},
};

/// Keys in memory; beyond it all are let go, and subjects get new ones.
const CACHED_MAX: usize = 65_536;

/// Keys that may wait to be kept; an exchange that finds no room is refused.
const QUEUE_MAX: usize = 8192;

/// Keys that are kept at once.
const GROUP_MAX: usize = 1024;

/// How long an exchange waits for its keys to be kept.
const KEEP_MAX: Duration = Duration::from_secs(5);

/// How soon keys that could not be kept are tried again.
const RETRY: Duration = Duration::from_millis(500);

/// A keyed digest of a subject.
pub type Blind = [u8; vault::PSEUDONYM_BYTES];

/// What keys the digests.
const BLIND: &str = "tidegate subject index";

/// A key as it is kept.
#[derive(Clone, Debug)]
pub struct KeptKey {
    /// Whose.
    pub blind: Blind,
    /// Its handle.
    pub handle: Handle,
    /// The key, wrapped.
    pub wrapped: Vec<u8>,
}

/// A home for subjects' keys and for holds.
#[async_trait]
pub trait SubjectStore: Send {
    /// Keeps keys; durable when this returns.
    async fn keep(&mut self, keys: &[KeptKey]) -> Result<(), LedgerError>;

    /// The handles of a subject's keys.
    async fn handles(&mut self, of: Blind) -> Result<Vec<Handle>, LedgerError>;

    /// The wrapped key with this handle.
    async fn key(&mut self, handle: Handle) -> Result<Option<Vec<u8>>, LedgerError>;

    /// Those of these keys that are there, with their handles; at most [`READ_ROWS_MAX`](crate::READ_ROWS_MAX) are asked for.
    async fn find(&mut self, handles: &[Handle]) -> Result<Vec<(Handle, Vec<u8>)>, LedgerError>;

    /// Handles and wrapped keys behind `after`, in the order of handles; at most `limit`.
    async fn keys(
        &mut self,
        after: Option<Handle>,
        limit: u32,
    ) -> Result<Vec<(Handle, Vec<u8>)>, LedgerError>;

    /// Puts keys, wrapped anew, where they are; one that is gone stays gone. All or none, and durable when this returns.
    async fn replace(&mut self, keys: Vec<(Handle, Vec<u8>)>) -> Result<(), LedgerError>;

    /// Destroys a subject's keys. When this returns, no file of the store has them.
    async fn erase(&mut self, of: Blind) -> Result<(), LedgerError>;

    /// Destroys those of these keys that are still there, as [`erase`](Self::erase) does; gives how many
    /// there were.
    async fn destroy(&mut self, keys: &[Handle]) -> Result<u64, LedgerError>;

    /// Forbids erasing a subject, or no longer.
    async fn hold(&mut self, of: Blind, held: bool) -> Result<(), LedgerError>;

    /// Whether erasing it is forbidden.
    async fn is_held(&mut self, of: Blind) -> Result<bool, LedgerError>;

    /// All subjects whom erasing is forbidden.
    async fn held(&mut self) -> Result<Vec<Blind>, LedgerError>;
}

/// Makes the digests by which subjects are found.
#[derive(Clone, Debug)]
pub struct BlindIndex(Pseudonymizer);

impl BlindIndex {
    /// With this key.
    pub fn new(key: Pseudonymizer) -> Self {
        Self(key)
    }

    /// The digest of a subject.
    pub fn of(&self, subject: &Subject) -> Blind {
        self.digest(&subject.name, &subject.value)
    }

    fn digest(&self, name: &str, value: &str) -> Blind {
        // The length keeps (`ab`, `c`) and (`a`, `bc`) apart.
        let text = format!("{}\n{name}{value}", name.len());
        self.0.pseudonym(BLIND, text.as_bytes())
    }
}

/// The data subjects whose records must be kept.
pub struct HeldSubjects {
    index: BlindIndex,
    held: HashSet<Blind>,
}

impl HeldSubjects {
    /// Those in `store`; none if there are none.
    ///
    /// # Errors
    /// The store fails.
    pub async fn of(
        store: &mut dyn SubjectStore,
        index: BlindIndex,
    ) -> Result<Option<Self>, LedgerError> {
        let held: HashSet<Blind> = store.held().await?.into_iter().collect();
        Ok((!held.is_empty()).then_some(Self { index, held }))
    }

    /// Whether an event is about one of them.
    pub(crate) fn are_in(&self, event: &Event) -> bool {
        let (caller, operation) = match event {
            Event::Open(it) => (&it.caller, Some(&it.operation)),
            Event::Refuse(it) => (&it.caller, it.operation.as_ref()),
            _ => return false,
        };
        let is_held = |name: &str, value: &str| self.held.contains(&self.index.digest(name, value));
        let any = |named: &BTreeMap<String, String>| {
            named.iter().any(|(name, value)| is_held(name, value))
        };
        let token = caller.token.as_ref();
        let delegation = token.and_then(|it| it.delegation.as_ref());
        operation.is_some_and(|it| any(&it.bound) || any(&it.arguments))
            || token.is_some_and(|it| any(&it.scope))
            || delegation.is_some_and(|it| it.parties().any(|name| is_held(DELEGATING, name)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

/// What the keeper of the keys is asked.
enum Message {
    Keep(KeptKey),
    Handles(Blind, oneshot::Sender<Vec<Handle>>),
    Erase(Blind, oneshot::Sender<()>),
    Hold(Blind, bool, oneshot::Sender<()>),
    IsHeld(Blind, oneshot::Sender<bool>),
    Rewrap(Option<Handle>, oneshot::Sender<Rewrapped<Handle>>),
}

/// Seals subjects, and erases them.
pub struct Subjects {
    log: String,
    provider: Arc<dyn KeyProvider>,
    index: BlindIndex,
    cached: Mutex<HashMap<Blind, Arc<SubjectKey>>>,
    queue: mpsc::Sender<Message>,
    /// How many keys were queued, and how many of these are kept; changed with the lock held.
    made: AtomicU64,
    kept: watch::Receiver<u64>,
    /// How many erasures there were: what was sealed before one may be sealed for nobody now.
    erasures: AtomicU64,
}

impl Subjects {
    /// Begins for the log called `log`, and gives the keeper, to be run until all is over.
    pub fn new(
        store: Box<dyn SubjectStore>,
        log: String,
        provider: Arc<dyn KeyProvider>,
        index: BlindIndex,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send) {
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let (tell, kept) = watch::channel(0);
        let subjects = Arc::new(Self {
            log,
            provider,
            index,
            cached: Mutex::default(),
            queue,
            made: AtomicU64::new(0),
            kept,
            erasures: AtomicU64::new(0),
        });
        let keeper = Keeper {
            store,
            log: subjects.log.clone(),
            provider: Arc::clone(&subjects.provider),
        };
        (subjects, keep(keeper, messages, tell))
    }

    /// `named` with every value sealed under a key of its own: each may name a person.
    pub fn sealed(
        &self,
        named: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, TrailError> {
        let one =
            |(name, value): (&String, &String)| Ok((name.clone(), self.sealed_one(name, value)?));
        named.iter().map(one).collect()
    }

    /// The same of one value.
    pub fn sealed_one(&self, name: &str, value: &str) -> Result<String, TrailError> {
        Ok(self.key(name, value)?.seal(name, value)?)
    }

    /// Waits until every key that sealed something by now is kept; a record is worth nothing without.
    pub async fn durable(&self) -> Result<(), TrailError> {
        let made = self.made.load(Ordering::Acquire);
        if *self.kept.borrow() >= made {
            return Ok(());
        }
        let mut kept = self.kept.clone();
        let all = timeout(KEEP_MAX, kept.wait_for(|kept| *kept >= made)).await;
        match all {
            Ok(Ok(_)) => Ok(()),
            _ => Err(TrailError::Stopped),
        }
    }

    fn key(&self, name: &str, value: &str) -> Result<Arc<SubjectKey>, TrailError> {
        let blind = self.index.digest(name, value);
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = cached.get(&blind) {
            return Ok(Arc::clone(key));
        }
        let (key, wrapped) = SubjectKey::generate(self.provider.as_ref(), &self.log)?;
        let handle = key.handle();
        let message = Message::Keep(KeptKey {
            blind,
            handle,
            wrapped,
        });
        self.queue
            .try_send(message)
            .map_err(|_| TrailError::Stopped)?;
        self.made.fetch_add(1, Ordering::Release);
        if cached.len() >= CACHED_MAX {
            cached.clear();
        }
        let key = Arc::new(key);
        cached.insert(blind, Arc::clone(&key));
        Ok(key)
    }

    /// The handles of a subject's keys.
    pub async fn handles(&self, of: &Subject) -> Result<Vec<Handle>, TrailError> {
        let blind = self.index.of(of);
        self.ask(|told| Message::Handles(blind, told)).await
    }

    /// Destroys a subject's keys, in memory and on disk. Who calls afterwards gets new ones.
    pub async fn erase(&self, subject: &Subject) -> Result<(), TrailError> {
        let blind = self.index.of(subject);
        // What was made before is queued before, so that it goes too.
        self.let_go(blind);
        let erased = self.ask(|told| Message::Erase(blind, told)).await;
        // A key that was made meanwhile may have gone as well; nothing may be sealed with it from now on.
        self.let_go(blind);
        self.erasures.fetch_add(1, Ordering::Release);
        erased
    }

    /// Changes with every erasure: what was sealed under another number must be sealed anew.
    pub fn erasures(&self) -> u64 {
        self.erasures.load(Ordering::Acquire)
    }

    /// Forbids erasing a subject, or no longer.
    pub async fn hold(&self, subject: &Subject, held: bool) -> Result<(), TrailError> {
        let blind = self.index.of(subject);
        self.ask(|told| Message::Hold(blind, held, told)).await
    }

    /// Whether erasing it is forbidden.
    pub async fn is_held(&self, subject: &Subject) -> Result<bool, TrailError> {
        let blind = self.index.of(subject);
        self.ask(|told| Message::IsHeld(blind, told)).await
    }

    /// Wraps the next of the keys behind `after`, in the order of handles, as their provider wraps now. What is wrapped
    /// later is wrapped so by itself.
    pub async fn rewrap(&self, after: Option<Handle>) -> Result<Rewrapped<Handle>, TrailError> {
        // A key is wrapped and queued with this held: what was wrapped otherwise is in the queue before us.
        drop(self.cached.lock().unwrap_or_else(PoisonError::into_inner));
        self.ask(|told| Message::Rewrap(after, told)).await
    }

    fn let_go(&self, blind: Blind) {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        cached.remove(&blind);
    }

    async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<T>) -> Message,
    ) -> Result<T, TrailError> {
        let (tell, told) = oneshot::channel();
        let queued = self.queue.send(message(tell)).await;
        queued.map_err(|_| TrailError::Stopped)?;
        told.await.map_err(|_| TrailError::Stopped)
    }
}

/// Whoever keeps the keys.
struct Keeper {
    store: Box<dyn SubjectStore>,
    log: String,
    provider: Arc<dyn KeyProvider>,
}

/// Works until nobody can ask any more. Keys that cannot be kept are tried again; until then exchanges
/// that need one are refused: a record whose subject nobody can ever tell is none.
async fn keep(mut keeper: Keeper, mut messages: mpsc::Receiver<Message>, tell: watch::Sender<u64>) {
    let mut group = Vec::new();
    let mut keys = Vec::new();
    while messages.recv_many(&mut group, GROUP_MAX).await > 0 {
        for message in group.drain(..) {
            match message {
                Message::Keep(key) => keys.push(key),
                // In the order in which they came: what is erased has been kept before.
                other => {
                    flush(keeper.store.as_mut(), &mut keys, &tell).await;
                    if let Err(error) = keeper.serve(other).await {
                        complain(&error);
                    }
                }
            }
        }
        flush(keeper.store.as_mut(), &mut keys, &tell).await;
    }
}

fn complain(error: &LedgerError) {
    let error: &dyn std::error::Error = error;
    tracing::error!(error, "keys of data subjects cannot be kept or destroyed");
}

async fn flush(store: &mut dyn SubjectStore, keys: &mut Vec<KeptKey>, tell: &watch::Sender<u64>) {
    while !keys.is_empty() {
        match store.keep(keys).await {
            Ok(()) => {
                let many = keys.len() as u64;
                keys.clear();
                tell.send_modify(|kept| *kept += many);
            }
            Err(error) => {
                complain(&error);
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

impl Keeper {
    /// Answers; who went away meanwhile does not hear of it, and a failure is told by silence.
    async fn serve(&mut self, message: Message) -> Result<(), LedgerError> {
        let store = self.store.as_mut();
        match message {
            Message::Keep(_) => {}
            Message::Handles(of, told) => tell(told, store.handles(of).await?),
            Message::IsHeld(of, told) => tell(told, store.is_held(of).await?),
            Message::Hold(of, held, told) => tell(told, store.hold(of, held).await?),
            Message::Erase(of, told) => tell(told, store.erase(of).await?),
            Message::Rewrap(after, told) => tell(told, self.rewrap(after).await?),
        }
        Ok(())
    }

    async fn rewrap(&mut self, after: Option<Handle>) -> Result<Rewrapped<Handle>, LedgerError> {
        let batch = self.store.keys(after, rewrap::BATCH_MAX).await?;
        let context = |handle| subject_context(&self.log, handle);
        let rewrapped = rewrap::rewrap(&batch, self.provider.as_ref(), context);
        let (anew, told) = rewrapped.map_err(|error| LedgerError::Failed(error.into()))?;
        if !anew.is_empty() {
            self.store.replace(anew).await?;
        }
        Ok(told)
    }
}

fn tell<T>(whom: oneshot::Sender<T>, what: T) {
    let _gone = whom.send(what);
}
