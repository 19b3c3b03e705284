//! A thread that reads one of the kernel's rings, until it is dropped.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::FlowsError;

/// Between two looks at a ring. At a megabyte and 48 bytes an event it has room for more than
/// 200 000 a second.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The thread; stops when dropped.
pub(crate) struct Follower {
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and its owner tell each other.
#[derive(Default)]
pub(crate) struct Progress {
    stop: AtomicBool,
    received: AtomicU64,
}

impl Progress {
    /// Counts an event that was read.
    pub(crate) fn receive(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits till it is time to look again; whether the thread is to go on.
    pub(crate) fn pause(&self) -> bool {
        if self.is_going() {
            thread::park_timeout(LOOK_EVERY);
        }
        self.is_going()
    }

    /// Whether the thread is to go on.
    pub(crate) fn is_going(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

impl Follower {
    /// Runs `follow` in a thread called `name`.
    pub(crate) fn start(
        name: &str,
        follow: impl FnOnce(&Progress) + Send + 'static,
    ) -> Result<Self, FlowsError> {
        let progress = Arc::new(Progress::default());
        let shared = Arc::clone(&progress);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || follow(&shared))
            .map_err(|error: io::Error| FlowsError::Thread(error))?;
        Ok(Self {
            progress,
            thread: Some(thread),
        })
    }

    /// Events read so far.
    pub(crate) fn received(&self) -> u64 {
        self.progress.received.load(Ordering::Relaxed)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.progress.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}
