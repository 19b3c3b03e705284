//! `getpeername`: whoever was redirected still sees the peer that it asked for.

use abi::{role, verdict};
use aya_ebpf::{bindings::bpf_sock_addr, macros::cgroup_sock_addr, programs::SockAddrContext};

use crate::{
    address::{End, Family, lead},
    maps::owner_of,
};

const GO_ON: i32 = 1;

/// IPv4.
#[cgroup_sock_addr(getpeername4)]
pub(crate) fn peer_name4(ctx: SockAddrContext) -> i32 {
    try_name(ctx.sock_addr, Family::V4);
    GO_ON
}

/// IPv6, and IPv4 through an IPv6 socket.
#[cgroup_sock_addr(getpeername6)]
pub(crate) fn peer_name6(ctx: SockAddrContext) -> i32 {
    try_name(ctx.sock_addr, Family::V6);
    GO_ON
}

#[inline(always)]
fn try_name(ctx: *mut bpf_sock_addr, family: Family) -> Option<()> {
    // SAFETY: the context is the kernel's.
    let owner = owner_of(unsafe { (*ctx).__bindgen_anon_1.sk })?;
    // SAFETY: written by `connect` alone.
    unsafe {
        if (*owner).role == role::CONNECTED && (*owner).verdict == verdict::REDIRECTED {
            let original = End {
                address: (*owner).original,
                port: (*owner).original_port,
            };
            lead(ctx, family, original);
        }
    }
    Some(())
}
