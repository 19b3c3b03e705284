//! `socket`: an agent that is held to the gateway gets TCP and UDP, whose ways out are seen.

use abi::{counter, feature, mode};
use aya_ebpf::{
    helpers::generated::bpf_get_netns_cookie, macros::cgroup_sock, programs::SockContext,
};

use crate::{
    address::{TCP, UDP},
    egress::is_gateway,
    maps::{MODES, count},
    tag,
    task::{Current, has},
};

const GO_ON: i32 = 1;
const REFUSE: i32 = 0;

/// Before the socket is handed out.
#[cgroup_sock(sock_create)]
pub(crate) fn socket_created(ctx: SockContext) -> i32 {
    if !has(feature::CONNECTION_NETNS) {
        // SAFETY: the helper takes the program's context; now the namespace has its cookie.
        unsafe { bpf_get_netns_cookie(ctx.sock.cast()) };
    }
    // SAFETY: the context is the kernel's.
    let protocol = unsafe { (*ctx.sock).protocol };
    // Raw sockets, SCTP, multipath TCP; `ping` sockets are ICMP.
    if protocol == TCP || protocol == UDP {
        return GO_ON;
    }
    let process = Current::find().process();
    if is_gateway(&process) {
        return GO_ON;
    }
    let agent = tag::agent_of(&process);
    // SAFETY: a number, read at once.
    let mode = MODES
        .get_ptr(agent)
        .map_or(mode::OBSERVE, |mode| unsafe { *mode });
    if agent == 0 || mode == mode::OBSERVE {
        return GO_ON;
    }
    count(counter::DENIED);
    REFUSE
}
