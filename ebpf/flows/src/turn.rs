//! Turns in the lives of agents' processes.

use std::{sync::Arc, time::SystemTime};

use abi::{ProcessKey, event};
use aya::maps::{MapData, RingBuf};

use crate::{
    FlowsError,
    follower::{Follower, Progress},
    lineage::comm,
    loader,
    record::{Clock, Reader},
    watch::{Counters, FlowSink, Gap},
};

/// What a process did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TurnKind {
    /// It was made, and runs what its parent ran.
    Fork,
    /// It runs another executable.
    Exec,
    /// It ended.
    Exit,
    /// It became another user, or may do more or less than before; or its user namespace is another.
    Change,
}

/// The numbers of a process's namespaces; 0 where it has left them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Namespaces {
    /// Of users.
    pub user: u32,
    /// Of mounts.
    pub mount: u32,
    /// Of pids, for its children.
    pub pid: u32,
    /// Of networks.
    pub net: u32,
}

/// What a process may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The real user.
    pub uid: u32,
    /// The real group.
    pub gid: u32,
    /// The effective user.
    pub euid: u32,
    /// The effective group.
    pub egid: u32,
    /// The effective capabilities, one bit each (include/uapi/linux/capability.h).
    pub capabilities: u64,
}

/// A turn, with what the process may do at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// What it did.
    pub kind: TurnKind,
    /// The process.
    pub pid: u32,
    /// When it started, nanoseconds since boot: with the pid its name for ever.
    pub start_ns: u64,
    /// How often it has run `exec`.
    pub exec: u32,
    /// Who forked it; 0 if unknown.
    pub parent: u32,
    /// When.
    pub at: SystemTime,
    /// The cgroup v2 id.
    pub cgroup: u64,
    /// The agent's number; never 0.
    pub agent: u32,
    /// Of an exit: the status as `wait` has it.
    pub exit: u32,
    /// What it may do from now on.
    pub credentials: Credentials,
    /// Of a change: what it might do before.
    pub before: Option<Credentials>,
    /// Where it is.
    pub namespaces: Namespaces,
    /// Its command name.
    pub comm: String,
}

fn read(item: &[u8], clock: Clock) -> Option<Turn> {
    let mut at = Reader(item);
    at.long()?;
    let process = key(&mut at)?;
    let parent = key(&mut at)?;
    let when = at.long()?;
    let cgroup = at.long()?;
    let now = credentials(&mut at)?;
    let before = credentials(&mut at)?;
    let kind = match at.word()? {
        event::FORK => TurnKind::Fork,
        event::EXEC => TurnKind::Exec,
        event::EXIT => TurnKind::Exit,
        event::CREDENTIALS => TurnKind::Change,
        _ => return None,
    };
    at.word()?;
    Some(Turn {
        kind,
        pid: process.pid,
        start_ns: process.start_ns,
        exec: process.exec,
        parent: parent.pid,
        at: clock.at(when),
        cgroup,
        agent: at.word()?,
        exit: at.word()?,
        credentials: now,
        before: (kind == TurnKind::Change).then_some(before),
        namespaces: Namespaces {
            user: at.word()?,
            mount: at.word()?,
            pid: at.word()?,
            net: at.word()?,
        },
        comm: comm(&at.take()?),
    })
}

fn credentials(at: &mut Reader<'_>) -> Option<Credentials> {
    let capabilities = at.long()?;
    Some(Credentials {
        uid: at.word()?,
        gid: at.word()?,
        euid: at.word()?,
        egid: at.word()?,
        capabilities,
    })
}

fn key(at: &mut Reader<'_>) -> Option<ProcessKey> {
    Some(ProcessKey {
        start_ns: at.long()?,
        pid: at.word()?,
        exec: at.word()?,
    })
}

/// Follows in a thread of its own: what is found out about a process may take a while, and flows must
/// not wait for it.
pub(crate) fn follow(
    turns: RingBuf<MapData>,
    counters: Counters,
    sink: Arc<dyn FlowSink>,
    adopted: bool,
) -> Result<Follower, FlowsError> {
    Follower::start("flows-turns", move |progress| {
        drain(turns, &counters, sink.as_ref(), progress, adopted);
    })
}

fn drain(
    mut turns: RingBuf<MapData>,
    counters: &Counters,
    sink: &dyn FlowSink,
    progress: &Progress,
    adopted: bool,
) {
    let lost = || loader::sum(counters, abi::counter::TURNS_LOST);
    let mut told = if adopted { lost() } else { 0 };
    loop {
        let goes_on = progress.is_going();
        let clock = Clock::read();
        while let Some(item) = turns.next() {
            progress.receive();
            let turn = read(&item, clock);
            // Given back at once: the ring has room again while the sink works.
            drop(item);
            if let Some(turn) = turn {
                sink.turn(turn);
            }
        }
        let now = lost();
        if now > told {
            sink.gap(Gap {
                reason: "turns_lost",
                lost: now - told,
                recovered: 0,
            });
            told = now;
        }
        if !goes_on {
            return;
        }
        progress.pause();
    }
}
