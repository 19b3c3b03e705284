//! Draining the ring of events: what is learned from the lives of processes.
//!
//! A cgroup's path is looked up when a process in it runs an executable, because a short-lived
//! scope is gone with its last process; and what is kept of a process is let go when it exits.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use abi::event;
use aya::maps::{MapData, RingBuf};

use crate::{FlowsError, cgroup::Cgroups, kernel::Known, loader};

/// Between two looks at the ring. At a megabyte and 48 bytes an event it has room for more than
/// 200 000 a second.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The thread that drains; stops when dropped.
pub(crate) struct Life {
    stop: Arc<AtomicBool>,
    received: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Life {
    pub(crate) fn follow(
        events: RingBuf<MapData>,
        cgroups: Arc<Cgroups>,
        known: Known,
    ) -> Result<Self, FlowsError> {
        let stop = Arc::new(AtomicBool::new(false));
        let received = Arc::new(AtomicU64::new(0));
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&received));
        let thread = thread::Builder::new()
            .name("flows".to_owned())
            .spawn(move || drain(events, &cgroups, &known, &stopped, &count))
            .map_err(|error: io::Error| FlowsError::Thread(error))?;
        Ok(Self {
            stop,
            received,
            thread: Some(thread),
        })
    }

    /// Events read so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

fn drain(
    mut events: RingBuf<MapData>,
    cgroups: &Cgroups,
    known: &Known,
    stop: &AtomicBool,
    received: &AtomicU64,
) {
    while !stop.load(Ordering::Relaxed) {
        while let Some(item) = events.next() {
            received.fetch_add(1, Ordering::Relaxed);
            let Some(turn) = loader::event(&item) else {
                continue;
            };
            match turn.kind {
                event::EXEC => drop(cgroups.path(turn.cgroup)),
                event::EXIT => known.invalidate(&turn.process),
                _ => {}
            }
        }
        thread::park_timeout(LOOK_EVERY);
    }
}
