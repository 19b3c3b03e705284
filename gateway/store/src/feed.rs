//! Takes over into the database what the journal has, many groups at once.
//!
//! On a thread of its own: nobody waits for it but those who want to read the database, or need room in the journal. What
//! the database did not take stays here, and is tried again when somebody asks.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use audit::{Group, LedgerError};
use tokio::{runtime, sync};

use crate::sqlite::{Database, failed};

/// The database takes over when there are so many records: more at once would be cheaper, and make others wait,
const RECORDS: usize = 512;

/// and what there is after this time.
const WAIT: Duration = Duration::from_millis(10);

/// A database that took nothing is asked again after this time, if nobody asks before.
const RETRY: Duration = Duration::from_secs(1);

/// A database that is written and read by turns.
pub(crate) type Shared = Arc<sync::Mutex<Database>>;

/// What it is sent.
enum Message {
    Group(Group),
    /// To take over everything now, and to say so.
    Drain(Sender<Result<(), LedgerError>>),
}

/// How far it is.
#[derive(Default)]
struct Fed {
    /// How many records the database has.
    size: u64,
    /// Why it does not go on.
    failure: Option<Arc<LedgerError>>,
}

/// Where others see how far it is.
#[derive(Default)]
struct Progress {
    fed: Mutex<Fed>,
    changed: Condvar,
}

/// The database does not take what there is.
#[derive(Debug, thiserror::Error)]
#[error("{}", Self::WHAT)]
struct Behind(#[source] Arc<LedgerError>);

impl Behind {
    const WHAT: &str = "the log's database does not take over what is on record";
}

impl Progress {
    fn set(&self, fed: Fed) {
        *self.fed.lock().unwrap_or_else(PoisonError::into_inner) = fed;
        self.changed.notify_all();
    }

    /// Whether that is news.
    fn failed(&self, failure: Arc<LedgerError>) -> bool {
        let mut fed = self.fed.lock().unwrap_or_else(PoisonError::into_inner);
        let before = fed.failure.replace(failure);
        drop(fed);
        self.changed.notify_all();
        before.is_none()
    }

    fn is_well(&self) -> bool {
        let fed = self.fed.lock().unwrap_or_else(PoisonError::into_inner);
        fed.failure.is_none()
    }
}

/// Whoever feeds the database. It works until it is dropped, and has done all it could then.
pub(crate) struct Feed {
    messages: Option<Sender<Message>>,
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    /// Begins, for a database that has so many records.
    pub(crate) fn start(database: Shared, size: u64) -> Result<Self, LedgerError> {
        let (messages, received) = channel();
        let progress = Arc::new(Progress::default());
        progress.set(Fed {
            size,
            failure: None,
        });
        let feeding = Feeding {
            database,
            waiting: Vec::new(),
            records: 0,
            progress: Arc::clone(&progress),
        };
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let thread = thread::Builder::new()
            .name("audit-feed".into())
            .spawn(move || feeding.serve(&runtime, &received))
            .map_err(failed)?;
        Ok(Self {
            messages: Some(messages),
            progress,
            thread: Some(thread),
        })
    }

    /// Hands over a group that is durable, or one that is to be.
    pub(crate) fn hand(&self, group: Group) -> Result<(), LedgerError> {
        self.send(Message::Group(group))
    }

    /// How many records the database has; fails where it does not go on.
    pub(crate) fn fed(&self) -> Result<u64, LedgerError> {
        self.wait_for(0)
    }

    /// Waits until the database has so many records.
    pub(crate) fn wait_for(&self, size: u64) -> Result<u64, LedgerError> {
        let fed = self.progress.fed.lock();
        let mut fed = fed.unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(failure) = &fed.failure {
                return Err(failed(Behind(Arc::clone(failure))));
            }
            if fed.size >= size {
                return Ok(fed.size);
            }
            let changed = self.progress.changed.wait(fed);
            fed = changed.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Has the database take over everything, also what it refused before.
    pub(crate) fn drain(&self) -> Result<(), LedgerError> {
        let (done, told) = channel();
        self.send(Message::Drain(done))?;
        told.recv().map_err(failed)?
    }

    fn send(&self, message: Message) -> Result<(), LedgerError> {
        let messages = self.messages.as_ref();
        let sent = messages.and_then(|messages| messages.send(message).ok());
        sent.ok_or_else(|| failed("the database is closed"))
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.messages = None;
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            drop(thread.join());
        }
    }
}

/// The thread's own.
struct Feeding {
    database: Shared,
    waiting: Vec<Group>,
    /// How many there are in them.
    records: usize,
    progress: Arc<Progress>,
}

impl Feeding {
    fn serve(mut self, runtime: &runtime::Runtime, messages: &Receiver<Message>) {
        loop {
            let first = if self.progress.is_well() {
                messages.recv().map_err(RecvTimeoutError::from)
            } else {
                messages.recv_timeout(RETRY)
            };
            let mut asked = match first {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let deadline = Instant::now() + WAIT;
            while asked.is_none() && self.records < RECORDS {
                let left = deadline.saturating_duration_since(Instant::now());
                match messages.recv_timeout(left) {
                    Ok(message) => asked = self.take(message),
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                }
            }
            let fed = runtime.block_on(self.feed());
            if let Some(asked) = asked {
                // Whoever asked may have gone.
                drop(asked.send(fed));
            }
        }
    }

    fn take(&mut self, message: Message) -> Option<Sender<Result<(), LedgerError>>> {
        match message {
            Message::Group(group) => {
                self.records += group.rows.len();
                self.waiting.push(group);
                None
            }
            Message::Drain(done) => Some(done),
        }
    }

    /// Gives the database what waits, as one group; what it does not take goes on waiting.
    async fn feed(&mut self) -> Result<(), LedgerError> {
        let Some(all) = joined(&mut self.waiting) else {
            return Ok(());
        };
        let mut database = self.database.lock().await;
        let stored = database.store(&all).await;
        // What came back as an error may have been a commit.
        let stored = match stored {
            Err(error) => match database.head().await {
                Ok(head) if head.size >= all.size => Ok(()),
                _ => Err(error),
            },
            stored => stored,
        };
        drop(database);
        match stored {
            Ok(()) => {
                self.records = 0;
                self.progress.set(Fed {
                    size: all.size,
                    failure: None,
                });
                Ok(())
            }
            Err(error) => {
                let records = self.records;
                self.waiting.push(all);
                let failure = Arc::new(error);
                if self.progress.failed(Arc::clone(&failure)) {
                    let error = failure.as_ref() as &dyn std::error::Error;
                    tracing::error!(error, records, "{}", Behind::WHAT);
                }
                Err(failed(Behind(failure)))
            }
        }
    }
}

impl Drop for Feeding {
    /// Nobody waits for a thread that has ended, in whatever way.
    fn drop(&mut self) {
        self.progress
            .failed(Arc::new(failed("its thread has ended")));
    }
}

/// All of these groups as one.
pub(crate) fn joined(groups: &mut Vec<Group>) -> Option<Group> {
    if groups.len() <= 1 {
        return groups.pop();
    }
    let records = groups.iter().map(|group| group.rows.len()).sum();
    let mut all = Group {
        rows: Vec::with_capacity(records),
        size: 0,
        checkpoints: Vec::with_capacity(groups.len()),
    };
    for group in groups.drain(..) {
        all.rows.extend(group.rows);
        all.checkpoints.extend(group.checkpoints);
        all.size = group.size;
    }
    Some(all)
}
