//! `socket`: an agent that is held to the gateway gets TCP and UDP, whose ways out are seen; of one that is observed it is
//! told that it has another kind (raw sockets, SCTP, UDP-Lite; `ping` sockets are ICMP's), which no other hook sees.

use abi::{Owner, counter, feature, mode, verdict};
use aya_ebpf::{
    helpers::generated::{bpf_get_netns_cookie, bpf_get_socket_cookie},
    macros::cgroup_sock,
    programs::SockContext,
};

use crate::{
    address::{TCP, UDP},
    egress::{is_gateway, odd_socket},
    maps::{MODES, count},
    tag,
    task::{Current, has},
};

const GO_ON: i32 = 1;
const REFUSE: i32 = 0;
/// `enum sock_type` in include/linux/net.h.
const STREAM: u32 = 1;
const DATAGRAM: u32 = 2;
const MPTCP: u32 = 262;

/// Before the socket is handed out.
#[cgroup_sock(sock_create)]
pub(crate) fn socket_created(ctx: SockContext) -> i32 {
    if !has(feature::CONNECTION_NETNS) {
        // SAFETY: the helper takes the program's context; now the namespace has its cookie.
        unsafe { bpf_get_netns_cookie(ctx.sock.cast()) };
    }
    // SAFETY: the context is the kernel's; each word is read by itself.
    let (protocol, kind) = unsafe {
        (
            (&raw const (*ctx.sock).protocol).read_volatile(),
            (&raw const (*ctx.sock).type_).read_volatile(),
        )
    };
    // A raw socket may have TCP's number.
    if (protocol == TCP && kind == STREAM) || (protocol == UDP && kind == DATAGRAM) {
        return GO_ON;
    }
    let current = Current::find();
    let process = current.process();
    let agent = tag::agent_of(&process);
    let cgroup = current.cgroup();
    if agent == 0 || is_gateway(&process, cgroup) {
        return GO_ON;
    }
    // SAFETY: a number, read at once.
    let mode = MODES
        .get_ptr(agent)
        .map_or(mode::OBSERVE, |mode| unsafe { *mode });
    let refused = mode != mode::OBSERVE;
    if protocol == MPTCP && !refused {
        return GO_ON; // Its flows are TCP's, and seen as such.
    }
    let (uid, gid) = current.ids();
    // SAFETY: helpers on the program's context.
    let (cookie, netns) = unsafe {
        (
            bpf_get_socket_cookie(ctx.sock.cast()),
            bpf_get_netns_cookie(ctx.sock.cast()),
        )
    };
    let owner = Owner {
        cookie,
        netns,
        cgroup,
        uid,
        gid,
        agent,
        verdict: verdict::DENIED * u32::from(refused),
        ..tag::owner(current, process)
    };
    odd_socket(&owner, protocol, kind, mode);
    if !refused {
        return GO_ON;
    }
    count(counter::DENIED);
    REFUSE
}
