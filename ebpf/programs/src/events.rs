//! Handing events over. What does not fit is counted.

use abi::{Credentials, Event, ProcessKey, Turn, counter};
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

/// A turn in the life of an agent's process.
pub(crate) struct Taken<'a> {
    pub(crate) kind: u32,
    /// The thread group leader.
    pub(crate) leader: u64,
    pub(crate) process: &'a ProcessKey,
    pub(crate) parent: &'a ProcessKey,
    pub(crate) agent: u32,
}

/// Hands over a turn.
///
/// A process may enter a namespace without any of the programs: what it may do goes with each turn, and the
/// host compares.
#[inline(always)]
pub(crate) fn turn(taken: &Taken<'_>) {
    let cred = read(field!(taken.leader, task_cred));
    let before = Credentials::default();
    turn_as(taken, cred, &before);
}

/// The same with the credentials `cred`. Written in place: it is too large for the stack.
#[inline(always)]
pub(crate) fn turn_as(taken: &Taken<'_>, cred: u64, before: &Credentials) {
    let sequence = count(counter::TURNS_ATTEMPTED);
    let Some(mut entry) = TURNS.reserve(0) else {
        count(counter::TURNS_LOST);
        return;
    };
    let turn: *mut Turn = entry.as_mut_ptr();
    let leader = taken.leader;
    let user: u64 = read(field!(cred, cred_user_ns));
    let proxy: u64 = read(field!(leader, task_nsproxy));
    let mount: u64 = read(field!(proxy, nsproxy_mnt));
    let pid: u64 = read(field!(proxy, nsproxy_pid));
    let net: u64 = read(field!(proxy, nsproxy_net));
    let number = |namespace: u64, field: u64| {
        if namespace == 0 { 0 } else { read(field) }
    };
    // SAFETY: the entry is this program's till it is submitted, and every field is written; helpers without
    // arguments.
    unsafe {
        (*turn).sequence = sequence;
        (*turn).process = *taken.process;
        (*turn).parent = *taken.parent;
        (*turn).at_ns = flow::now();
        (*turn).cgroup = task::cgroup(leader);
        (*turn).credentials = task::credentials(cred);
        (*turn).before = *before;
        (*turn).kind = taken.kind;
        (*turn).cpu = bpf_get_smp_processor_id() as u32;
        (*turn).agent = taken.agent;
        (*turn).exit = read(field!(leader, task_exit));
        (*turn).user_ns = read(field!(user, user_ns_inum));
        (*turn).mount_ns = number(mount, field!(mount, mnt_ns_inum));
        (*turn).pid_ns = number(pid, field!(pid, pid_ns_inum));
        (*turn).net_ns = number(net, field!(net, net_ns_inum));
        (*turn).comm = task::comm(leader);
    }
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
}
