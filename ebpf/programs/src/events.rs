//! Handing events over. What does not fit is counted.

use abi::{Event, ProcessKey, Turn, counter};
use aya_ebpf::{
    bindings::BPF_RB_NO_WAKEUP,
    helpers::generated::{bpf_get_current_cgroup_id, bpf_get_smp_processor_id},
};

use crate::{
    flow,
    maps::{EVENTS, TURNS, count},
    task::{self, field, read},
};

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

/// Hands over one turn in the life of an agent's process, whose thread group leader is `leader`.
///
/// A process may change its user or enter a namespace without any of the programs: what it may do
/// goes with each turn, and the host compares.
#[inline(always)]
pub(crate) fn turn(kind: u32, leader: u64, process: ProcessKey, parent: ProcessKey, agent: u32) {
    let sequence = count(counter::TURNS_ATTEMPTED);
    let cred: u64 = read(field!(leader, task_cred));
    let user: u64 = read(field!(cred, cred_user_ns));
    let proxy: u64 = read(field!(leader, task_nsproxy));
    let mount: u64 = read(field!(proxy, nsproxy_mnt));
    let pid: u64 = read(field!(proxy, nsproxy_pid));
    let net: u64 = read(field!(proxy, nsproxy_net));
    // SAFETY: a helper without arguments.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    let turn = Turn {
        sequence,
        process,
        parent,
        at_ns: flow::now(),
        cgroup: task::cgroup(leader),
        capabilities: read(field!(cred, cred_effective)),
        kind,
        cpu: cpu as u32,
        agent,
        exit: read(field!(leader, task_exit)),
        uid: read(field!(cred, cred_uid)),
        gid: read(field!(cred, cred_gid)),
        euid: read(field!(cred, cred_euid)),
        egid: read(field!(cred, cred_egid)),
        user_ns: read(field!(user, user_ns_inum)),
        mount_ns: if mount == 0 {
            0
        } else {
            read(field!(mount, mnt_ns_inum))
        },
        pid_ns: if pid == 0 {
            0
        } else {
            read(field!(pid, pid_ns_inum))
        },
        net_ns: if net == 0 {
            0
        } else {
            read(field!(net, net_ns_inum))
        },
        comm: task::comm(leader),
    };
    if TURNS.output(&turn, u64::from(BPF_RB_NO_WAKEUP)).is_err() {
        count(counter::TURNS_LOST);
    }
}
