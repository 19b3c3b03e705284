//! `fork`: the parent is known now; it may be gone when somebody asks.

use abi::event;
use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};

use crate::{
    events::{self, Taken},
    image, tag, task,
};

/// `sched_process_fork(parent, child)`: the child has not run yet.
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub(crate) fn process_fork(ctx: RawTracePointContext) -> i32 {
    try_fork(task::current_leader(), ctx.arg(1));
    0
}

#[inline(always)]
fn try_fork(leader: u64, task: u64) -> Option<()> {
    let parent = task::process(leader);
    let child = task::process(task);
    if child.pid == parent.pid {
        return None; // A thread.
    }
    if image::is_older(&parent) {
        image::record(leader, &parent);
    }
    let agent = image::inherit(&parent, &child)?;
    if agent != 0 {
        tag::note_change(leader, &parent);
        image::take_credentials(task, &child);
        events::turn(&Taken {
            kind: event::FORK,
            leader: task,
            process: &child,
            parent: &parent,
            agent,
        });
    }
    Some(())
}
