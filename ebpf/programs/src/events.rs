//! Handing events over. What does not fit is counted.

use abi::{Event, ProcessKey, counter};
use aya_ebpf::{
    bindings::BPF_RB_NO_WAKEUP,
    helpers::generated::{bpf_get_current_cgroup_id, bpf_get_smp_processor_id},
};

use crate::maps::{EVENTS, count};

/// Hands over one turn in the life of the current process.
///
/// Without a wake-up: the host looks every few milliseconds, which costs the machine much less
/// than waking it for each event.
#[inline(always)]
pub(crate) fn emit(kind: u32, process: ProcessKey) {
    // SAFETY: helpers without arguments.
    let (cgroup, cpu) = unsafe { (bpf_get_current_cgroup_id(), bpf_get_smp_processor_id()) };
    let sequence = count(counter::EVENTS_ATTEMPTED);
    let event = Event {
        sequence,
        process,
        cgroup,
        kind,
        cpu: cpu as u32,
    };
    if EVENTS.output(&event, u64::from(BPF_RB_NO_WAKEUP)).is_err() {
        count(counter::EVENTS_LOST);
    }
}
