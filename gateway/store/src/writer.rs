//! The log of the one who writes it: the journal first, then the database.

use std::{
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use audit::{Group, LedgerError};
use tokio::sync::{Mutex, MutexGuard, oneshot};

use crate::{
    feed::{Feed, Shared, joined},
    journal::{Appended, Beyond, Journal, apart, beyond},
    sqlite::{Database, failed},
};

/// What could not be written is tried again after this time, if nobody asks before.
const RETRY: Duration = Duration::from_secs(1);

type Done = oneshot::Sender<Result<(), LedgerError>>;

/// What the thread that writes the journal is sent.
enum Work {
    Append(Group, Done),
    /// Nothing is to be left that the database does not have.
    Settle(Done),
    /// The same, and the journal is to be empty.
    Empty(Done),
}

/// A log, open for its one writer.
pub(crate) struct Writer {
    database: Shared,
    work: Option<Sender<Work>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Has `database` take over what the journal in `directory` has of it, and goes on.
    pub(crate) async fn start(
        mut database: Database,
        directory: &Path,
    ) -> Result<Self, LedgerError> {
        let mut head = database.head().await?;
        let mut groups = match beyond(directory, &head)? {
            Beyond::Groups(groups) => groups,
            Beyond::Apart(why) => return Err(apart(&why)),
        };
        if let Some(all) = joined(&mut groups) {
            let records = all.rows.len();
            tracing::info!(records, "the log's database takes over what is on record");
            database.store(&all).await?;
            head = database.head().await?;
        }
        let size = head.size;
        let journal = Journal::open(directory, head)?;
        let database = Arc::new(Mutex::new(database));
        let feed = Feed::start(Arc::clone(&database), size)?;
        let (work, received) = channel();
        let thread = thread::Builder::new()
            .name("audit-journal".into())
            .spawn(move || serve(journal, &feed, &received))
            .map_err(failed)?;
        Ok(Self {
            database,
            work: Some(work),
            thread: Some(thread),
        })
    }

    pub(crate) async fn append(&mut self, group: Group) -> Result<(), LedgerError> {
        self.ask(|done| Work::Append(group, done)).await
    }

    /// The database, when it has everything.
    pub(crate) async fn database(&mut self) -> Result<MutexGuard<'_, Database>, LedgerError> {
        self.ask(Work::Settle).await?;
        Ok(self.database.lock().await)
    }

    /// Leaves everything in the database.
    pub(crate) async fn close(mut self) -> Result<(), LedgerError> {
        let emptied = self.ask(Work::Empty).await;
        self.end();
        let database = Arc::clone(&self.database);
        drop(self);
        if let Some(database) = Arc::into_inner(database) {
            database.into_inner().close().await?;
        }
        emptied
    }

    async fn ask(&self, work: impl FnOnce(Done) -> Work) -> Result<(), LedgerError> {
        let (done, told) = oneshot::channel();
        let sent = self.work.as_ref();
        let sent = sent.and_then(|sender| sender.send(work(done)).ok());
        sent.ok_or_else(|| failed("the log is closed"))?;
        told.await.map_err(failed)?
    }

    fn end(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            drop(thread.join());
        }
    }
}

impl Drop for Writer {
    /// Whoever opens the log next finds nobody else at it.
    fn drop(&mut self) {
        self.end();
    }
}

/// The body of the thread that writes the journal.
fn serve(mut journal: Journal, feed: &Feed, works: &Receiver<Work>) {
    loop {
        let work = if journal.is_stuck() {
            works.recv_timeout(RETRY)
        } else {
            works.recv().map_err(RecvTimeoutError::from)
        };
        let (done, result) = match work {
            Ok(Work::Append(group, done)) => (done, append(&mut journal, feed, group)),
            Ok(Work::Settle(done)) => (done, settle(&mut journal, feed)),
            Ok(Work::Empty(done)) => {
                let settled = settle(&mut journal, feed);
                (done, settled.and_then(|()| journal.empty()))
            }
            Err(RecvTimeoutError::Timeout) => {
                // Told to whoever wants to append.
                drop(settle(&mut journal, feed));
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        // Whoever asked may have gone.
        drop(done.send(result));
    }
}

/// Makes a group durable.
fn append(journal: &mut Journal, feed: &Feed, mut group: Group) -> Result<(), LedgerError> {
    // It may do again what it did not when it was last asked.
    let size = feed.fed();
    let size = size.or_else(|_| feed.drain().and_then(|()| feed.fed()));
    let mut size = size?;
    loop {
        match journal.append(group, size)? {
            Appended::Kept(kept) => return feed.hand(kept),
            Appended::Later(needed, again) => {
                size = feed.wait_for(needed)?;
                group = again;
            }
            Appended::Past(past) => {
                feed.hand(past)?;
                return feed.drain();
            }
        }
    }
}

/// Nothing is left that the database does not have.
fn settle(journal: &mut Journal, feed: &Feed) -> Result<(), LedgerError> {
    if let Some(group) = journal.settle()? {
        feed.hand(group)?;
    }
    feed.drain()
}
