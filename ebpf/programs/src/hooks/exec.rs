//! `exec`: the process runs another executable.

use abi::{ProcessKey, event};
use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};

use crate::{
    events::{self, Taken},
    image, tag, task,
};

/// `sched_process_exec`: the new image is in place, its first instruction is not yet run.
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub(crate) fn process_exec(_ctx: RawTracePointContext) -> i32 {
    try_exec();
    0
}

#[inline(always)]
fn try_exec() {
    let leader = task::current_leader();
    let process = task::process(leader);
    image::record(leader, &process);
    let agent = tag::agent_of(&process);
    if agent != 0 {
        let parent = image::parent_of(&process);
        events::turn(&Taken {
            kind: event::EXEC,
            leader,
            process: &process,
            parent: &parent,
            agent,
        });
    }
    image::retire(&ProcessKey {
        exec: process.exec.wrapping_sub(1),
        ..process
    });
    events::emit(event::EXEC, process);
}
