//! The private socket option: tells the gateway who is at the other end of a socket it accepted.

use abi::{Owner, SOCKOPT_LEVEL, SOCKOPT_OWNER, role};
use aya_ebpf::{bindings::bpf_sockopt, macros::cgroup_sockopt, programs::SockoptContext};

use crate::{egress::is_numbered_as_gateway, maps::owner_of};

/// Whatever the kernel answered stands.
const GO_ON: i32 = 1;
const OWNER_WORDS: usize = size_of::<Owner>() / size_of::<u64>();

/// Answers `getsockopt(SOCKOPT_LEVEL, SOCKOPT_OWNER)`.
#[cgroup_sockopt(getsockopt)]
pub(crate) fn owner_getsockopt(ctx: SockoptContext) -> i32 {
    // SAFETY: the context is the kernel's.
    if unsafe { (*ctx.sockopt).level } == SOCKOPT_LEVEL {
        try_getsockopt(ctx.sockopt);
    }
    GO_ON
}

#[inline(always)]
fn try_getsockopt(ctx: *mut bpf_sockopt) -> Option<()> {
    if !is_numbered_as_gateway() {
        return None;
    }
    // SAFETY: the context is the kernel's.
    let (name, socket) = unsafe { ((*ctx).optname, (*ctx).__bindgen_anon_1.sk) };
    if name != SOCKOPT_OWNER {
        return None;
    }
    let owner = owner_of(socket)?;
    // SAFETY: the value belongs to the socket, which outlives the call.
    if unsafe { (*owner).role } != role::ACCEPTED {
        return None;
    }
    answer(ctx, owner)
}

/// Copies word by word: one big copy becomes a `memmove` with arithmetic on the option's pointer,
/// and merged stores to the context become an eight-byte one; the verifier refuses both.
#[inline(always)]
fn answer(ctx: *mut bpf_sockopt, owner: *mut Owner) -> Option<()> {
    // SAFETY: the context is the kernel's; the copy stays inside the bounds compared here.
    unsafe {
        let value = (*ctx).__bindgen_anon_2.optval.cast::<u64>();
        let end = (*ctx).__bindgen_anon_3.optval_end.cast::<u64>();
        if value.add(OWNER_WORDS) > end {
            return None;
        }
        for word in 0..OWNER_WORDS {
            let read = owner.cast::<u64>().add(word).read_volatile();
            value.add(word).write_volatile(read);
        }
        (&raw mut (*ctx).optlen).write_volatile(size_of::<Owner>() as i32);
        (&raw mut (*ctx).retval).write_volatile(0);
    }
    Some(())
}
