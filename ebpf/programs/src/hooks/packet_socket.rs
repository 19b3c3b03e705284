//! Packet sockets (`AF_PACKET`): whoever has one sends and hears what it wants, past every hook for cgroups. They are told,
//! and not refused.

use abi::{Owner, SOCKET_KIND_PACKET, verdict};
use aya_ebpf::{macros::kprobe, programs::ProbeContext};

use crate::{
    egress::odd_socket,
    flow,
    maps::MODES,
    tag,
    task::{self, field, read},
};

/// Its number (`capability.h`).
const CAP_NET_RAW: u32 = 13;

/// `packet_create(net, socket, protocol, kern)`, where the kernel has probes.
#[kprobe]
pub(crate) fn packet_socket(ctx: ProbeContext) -> u32 {
    // The kernel makes such sockets for itself as well.
    if ctx.arg::<u32>(3) == Some(0) {
        look();
    }
    0
}

#[inline(always)]
fn look() -> Option<()> {
    let leader = task::current_leader();
    let process = task::process(leader);
    let agent = tag::noted(&process);
    if agent == 0 {
        return None;
    }
    // SAFETY: a number, read at once.
    let mode = MODES.get_ptr(agent).map_or(0, |mode| unsafe { *mode });
    let credentials = task::credentials(read(field!(task::current(), task_cred)));
    if credentials.capabilities >> CAP_NET_RAW & 1 == 0 {
        // The kernel refuses it a moment later.
        return None;
    }
    let owner = Owner {
        // There is no socket yet, so it has no cookie. None is as large as this.
        cookie: flow::now(),
        cgroup: task::cgroup(leader),
        uid: credentials.uid,
        gid: credentials.gid,
        agent,
        verdict: verdict::NONE,
        ..tag::owner_named(process, task::comm(leader))
    };
    odd_socket(&owner, 0, SOCKET_KIND_PACKET, mode)
}
