//! `sendmsg` with an address: a datagram without a connection.

use abi::verdict;
use aya_ebpf::{macros::cgroup_sock_addr, programs::SockAddrContext};

use super::connect::{Caller, datagrams};
use crate::{
    address::{Family, UDP, wanted},
    egress,
};

const GO_ON: i32 = 1;
const REFUSE: i32 = 0;

/// IPv4.
#[cgroup_sock_addr(sendmsg4)]
pub(crate) fn flow_sendmsg4(ctx: SockAddrContext) -> i32 {
    go(&ctx, Family::V4)
}

/// IPv6, and IPv4 through an IPv6 socket.
#[cgroup_sock_addr(sendmsg6)]
pub(crate) fn flow_sendmsg6(ctx: SockAddrContext) -> i32 {
    go(&ctx, Family::V6)
}

#[inline(always)]
fn go(ctx: &SockAddrContext, family: Family) -> i32 {
    let ctx = ctx.sock_addr;
    let wanted = wanted(ctx, family);
    let mut owner = Caller::find(ctx).owner(ctx);
    let (verdict, mode, _) = egress::decide(&owner, &wanted, UDP);
    owner.verdict = verdict;
    egress::note(&owner, &wanted, UDP, mode);
    if verdict == verdict::DENIED {
        return REFUSE;
    }
    datagrams(&owner, &wanted, mode);
    GO_ON
}
