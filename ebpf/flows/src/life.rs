//! Draining the ring of events: what is learned from the lives of processes.
//!
//! A cgroup's path is looked up when a process in it runs an executable, because a short-lived
//! scope is gone with its last process; and what is kept of a process is let go when it exits.

use std::sync::Arc;

use abi::event;
use aya::maps::{MapData, RingBuf};

use crate::{
    FlowsError,
    cgroup::Cgroups,
    follower::{Follower, Progress},
    kernel::Known,
    loader,
};

/// Drains `events` in a thread of its own.
pub(crate) fn follow(
    events: RingBuf<MapData>,
    cgroups: Arc<Cgroups>,
    known: Option<Known>,
) -> Result<Follower, FlowsError> {
    Follower::start("flows", move |progress| {
        drain(events, &cgroups, known.as_ref(), progress);
    })
}

fn drain(
    mut events: RingBuf<MapData>,
    cgroups: &Cgroups,
    known: Option<&Known>,
    progress: &Progress,
) {
    loop {
        while let Some(item) = events.next() {
            progress.receive();
            let Some(turn) = loader::event(&item) else {
                continue;
            };
            match turn.kind {
                event::EXEC => drop(cgroups.path(turn.cgroup)),
                event::EXIT => {
                    if let Some(known) = known {
                        known.invalidate(&turn.process);
                    }
                }
                _ => {}
            }
        }
        if !progress.pause() {
            return;
        }
    }
}
