//! `exit`: what the process ran is put aside, and remembered as long as there is room.

use abi::event;
use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};

use crate::{
    events::{self, Taken},
    image, tag,
    task::{self, field, read},
};

/// `sched_process_exit`, once for each thread.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub(crate) fn process_exit(_ctx: RawTracePointContext) -> i32 {
    try_exit();
    0
}

#[inline(always)]
fn try_exit() {
    let leader = task::current_leader();
    let signal: u64 = read(field!(leader, task_signal));
    let live: u32 = read(field!(signal, signal_live));
    if live == 0 {
        let process = task::process(leader);
        let agent = tag::noted(&process);
        if agent != 0 {
            let parent = image::parent_of(&process);
            events::turn(&Taken {
                kind: event::EXIT,
                leader,
                process: &process,
                parent: &parent,
                agent,
            });
        }
        image::retire(&process);
        events::emit(event::EXIT, process);
    }
}
