//! Sealed network namespaces: whose they are.

use std::{
    collections::HashMap,
    os::fd::BorrowedFd,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use flows::{Attribution, Keeper, Owned, Source, netns_cookie};
use moka::sync::Cache;

/// Namespaces that were sealed, and are remembered as that: flows are judged a moment later, and
/// what was left behind inside lives on.
const REMEMBERED_MAX: u64 = 4_096;

/// The namespaces that are sealed now, by cookie.
pub(crate) struct Rooms {
    open: Mutex<HashMap<u64, Sealed>>,
    count: AtomicUsize,
    remembered: Cache<u64, ()>,
    keeper: Arc<Keeper>,
}

#[derive(Clone, Copy)]
struct Sealed {
    pid: u32,
    agent: u32,
}

/// One of them; it is forgotten when this is dropped.
pub(crate) struct Room {
    rooms: Arc<Rooms>,
    netns: u64,
}

impl Rooms {
    /// Nothing is sealed yet; `keeper` tells of processes.
    pub(super) fn new(keeper: Arc<Keeper>) -> Self {
        Self {
            keeper,
            open: Mutex::default(),
            count: AtomicUsize::new(0),
            remembered: Cache::new(REMEMBERED_MAX),
        }
    }

    /// Whoever is in this namespace was started by this process, or is it.
    pub(super) fn seal(self: &Arc<Self>, netns: u64, pid: u32, agent: u32) -> Room {
        self.remembered.insert(netns, ());
        let mut rooms = self.lock();
        rooms.insert(netns, Sealed { pid, agent });
        self.count.store(rooms.len(), Ordering::Relaxed);
        Room {
            rooms: Arc::clone(self),
            netns,
        }
    }

    /// How many there are.
    pub(super) fn open(&self) -> usize {
        self.lock().len()
    }

    /// Whether nothing that happens in this namespace can leave it.
    pub(super) fn is_sealed(&self, netns: u64) -> bool {
        self.remembered.contains_key(&netns)
    }

    /// Who is at the other end of a socket that was accepted in a sealed namespace, where the kernel
    /// did not say: the process that was sealed, which may have started the one that calls.
    pub(super) fn stated(&self, socket: BorrowedFd<'_>) -> Option<Owned> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let netns = netns_cookie(socket).ok()?;
        let sealed = *self.lock().get(&netns)?;
        let mut process = self.keeper.describe(sealed.pid)?;
        process.netns = netns;
        process.agent = sealed.agent;
        Some(Owned {
            attribution: Arc::new(Attribution {
                process,
                source: Source::Proc,
            }),
            flow: None,
            original: None,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Sealed>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut rooms = self.rooms.lock();
        rooms.remove(&self.netns);
        self.rooms.count.store(rooms.len(), Ordering::Relaxed);
    }
}
