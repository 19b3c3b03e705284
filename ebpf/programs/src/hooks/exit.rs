//! `exit`: the host may forget what it keeps for the living; the maps do not.

use abi::event;
use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};

use crate::{
    events,
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
        events::emit(event::EXIT, task::process(leader));
    }
}
