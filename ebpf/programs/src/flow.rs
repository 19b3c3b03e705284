//! The table of flows, and handing over what happens in it.
//!
//! A row stays in the table until the host has it: one that ends is taken out when its event found
//! room in the ring, and else is left for the host to collect. So a full ring costs time, and no
//! figure.

use abi::{FlowKey, FlowRow, counter, kind, state};
use aya_ebpf::{
    bindings::{BPF_NOEXIST, BPF_RB_NO_WAKEUP},
    helpers::generated::{bpf_get_smp_processor_id, bpf_ktime_get_boot_ns},
};

use crate::maps::{BLANK, CONFIG, FLOW_EVENTS, FLOWS, add, count};

/// Nanoseconds since boot.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_ktime_get_boot_ns() }
}

/// Begins a flow; none if the table is full, which is counted, or if it is there already.
#[inline(always)]
pub(crate) fn open(key: &FlowKey) -> Option<*mut FlowRow> {
    let blank = BLANK.get_ptr(0)?;
    // SAFETY: a row of the same type.
    if let Err(error) = FLOWS.insert(key, unsafe { &*blank }, u64::from(BPF_NOEXIST)) {
        const EEXIST: i32 = -17;
        if error != EEXIST {
            count(counter::FLOWS_UNTRACKED);
        }
        return None;
    }
    let row = FLOWS.get_ptr_mut(key)?;
    count(counter::FLOWS_OPENED);
    // SAFETY: nobody else knows the row yet.
    unsafe {
        (*row).cookie = key.cookie;
        (*row).protocol = key.protocol;
        (*row).remote = key.remote;
        (*row).remote_port = key.remote_port;
        (*row).opened_ns = now();
        (*row).changed_ns = (*row).opened_ns;
    }
    Some(row)
}

/// Tells the host; whether there was room.
#[inline(always)]
pub(crate) fn tell(row: *mut FlowRow, what: u32) -> bool {
    // SAFETY: the row is in the table, or was when it was looked up, and stays readable till the
    // program ends.
    unsafe {
        (*row).sequence = count(counter::FLOW_EVENTS_ATTEMPTED);
        (*row).cpu = bpf_get_smp_processor_id() as u32;
        (*row).kind = what;
        if FLOW_EVENTS
            .output(&*row, u64::from(BPF_RB_NO_WAKEUP))
            .is_err()
        {
            count(counter::FLOW_EVENTS_LOST);
            return false;
        }
    }
    true
}

/// Whether nobody wants to hear of flows that are no agent's. They are counted all the same.
#[inline(always)]
fn is_quiet() -> bool {
    CONFIG.get(0).is_some_and(|config| config.quiet != 0)
}

/// Ends a flow whose figures are final.
#[inline(always)]
pub(crate) fn close(key: &FlowKey, row: *mut FlowRow, now: u64) {
    // SAFETY: as above.
    unsafe {
        (*row).state = state::CLOSED;
        (*row).changed_ns = now;
        count(counter::FLOWS_CLOSED);
        add(counter::BYTES_SENT, (*row).sent_bytes);
        add(counter::BYTES_RECEIVED, (*row).received_bytes);
    }
    // SAFETY: as above.
    let quiet = unsafe { (*row).agent == 0 } && is_quiet();
    if quiet || tell(row, kind::CLOSED) {
        let _ = FLOWS.remove(key);
    }
}
