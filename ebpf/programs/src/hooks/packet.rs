//! Each packet of a socket: datagrams are counted here, because a connected socket sends them
//! without any other hook.

use core::arch::asm;

use abi::{FlowKey, FlowRow, counter, direction, feature, kind, state};
use aya_ebpf::{
    helpers::generated::{bpf_get_netns_cookie, bpf_get_socket_cookie, bpf_skb_load_bytes},
    macros::cgroup_skb,
    programs::SkBuffContext,
};

use crate::{
    address::{End, MAPPED, UDP},
    flow,
    maps::{FLOWS, add},
};

const GO_ON: i32 = 1;
const UDP_HEADER_BYTES: u64 = 8;
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;

/// What leaves.
#[cgroup_skb(egress)]
pub(crate) fn packet_out(ctx: SkBuffContext) -> i32 {
    try_count(&ctx, direction::OUT);
    GO_ON
}

/// What arrives.
#[cgroup_skb(ingress)]
pub(crate) fn packet_in(ctx: SkBuffContext) -> i32 {
    try_count(&ctx, direction::IN);
    GO_ON
}

#[inline(always)]
fn load<const N: usize>(ctx: &SkBuffContext, offset: u32) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    // SAFETY: the helper checks the packet's end, and writes exactly `N` bytes.
    let failed = unsafe {
        bpf_skb_load_bytes(
            ctx.skb.skb.cast(),
            offset,
            bytes.as_mut_ptr().cast(),
            N as u32,
        )
    };
    (failed == 0).then_some(bytes)
}

/// `core` has no atomic addition for this target; the machine has.
///
/// # Safety
/// `sum` points into a row of the table.
#[inline(always)]
unsafe fn add_atomically(sum: *mut u64, amount: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        asm!("lock *(u64 *)({p} + 0) += {v}", p = in(reg) sum, v = in(reg) amount,
             options(nostack, preserves_flags));
    }
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[inline(always)]
fn try_count(ctx: &SkBuffContext, way: u32) -> Option<()> {
    // SAFETY: the context is the kernel's.
    let (family, length) = unsafe {
        (
            u32::from(u16::from_be((*ctx.skb.skb).protocol as u16)),
            u64::from((*ctx.skb.skb).len),
        )
    };
    let (source, destination, header) = if family == IPV4 {
        if u32::from(load::<1>(ctx, 9)?[0]) != UDP {
            return None;
        }
        let ip = load::<20>(ctx, 0)?;
        (
            [0, 0, MAPPED, word(&ip, 12)],
            [0, 0, MAPPED, word(&ip, 16)],
            u32::from(ip[0] & 0xf) * 4,
        )
    } else if family == IPV6 {
        if u32::from(load::<1>(ctx, 6)?[0]) != UDP {
            return None;
        }
        let ip = load::<32>(ctx, 8)?;
        (
            [word(&ip, 0), word(&ip, 4), word(&ip, 8), word(&ip, 12)],
            [word(&ip, 16), word(&ip, 20), word(&ip, 24), word(&ip, 28)],
            40,
        )
    } else {
        return None;
    };
    let ports = load::<4>(ctx, header)?;
    let source = End {
        address: source,
        port: u32::from(u16::from_be_bytes([ports[0], ports[1]])),
    };
    let destination = End {
        address: destination,
        port: u32::from(u16::from_be_bytes([ports[2], ports[3]])),
    };
    let payload = length.saturating_sub(u64::from(header) + UDP_HEADER_BYTES);
    let (near, far) = if way == direction::OUT {
        (source, destination)
    } else {
        (destination, source)
    };
    let row = row(ctx, &near, &far, way)?;
    // SAFETY: a row of the table; two CPUs may count at once, so they add atomically.
    unsafe {
        (*row).changed_ns = flow::now();
        let (bytes, packets) = if way == direction::OUT {
            (&raw mut (*row).sent_bytes, &raw mut (*row).sent_packets)
        } else {
            (
                &raw mut (*row).received_bytes,
                &raw mut (*row).received_packets,
            )
        };
        add_atomically(bytes, payload);
        add_atomically(packets, 1);
    }
    let total = if way == direction::OUT {
        counter::BYTES_SENT
    } else {
        counter::BYTES_RECEIVED
    };
    add(total, payload);
    Some(())
}

/// What the kernel can do; written by the host and frozen before loading.
#[unsafe(no_mangle)]
static FEATURES: u32 = 0;

/// The cookie of the socket's network namespace; 0 where programs of this type may not ask.
#[inline(always)]
fn netns(ctx: &SkBuffContext) -> u64 {
    // SAFETY: the program's own constant; volatile, because the host has changed it.
    let features = unsafe { core::ptr::read_volatile(&raw const FEATURES) };
    if features & feature::PACKET_NETNS == 0 {
        return 0;
    }
    // SAFETY: the helper takes the program's context. Where it is missing this is never reached, and
    // the verifier, which knows the constant, does not look here.
    unsafe { bpf_get_netns_cookie(ctx.skb.skb.cast()) }
}

/// The flow's row; a new one where the other end has begun.
#[inline(always)]
fn row(ctx: &SkBuffContext, near: &End, far: &End, way: u32) -> Option<*mut FlowRow> {
    let key = FlowKey {
        // SAFETY: the helper takes the program's context.
        cookie: unsafe { bpf_get_socket_cookie(ctx.skb.skb.cast()) },
        remote: far.address,
        remote_port: far.port,
        protocol: UDP,
    };
    let row = match FLOWS.get_ptr_mut(key) {
        Some(row) => row,
        None => {
            let row = flow::open(&key)?;
            // SAFETY: nobody else knows the row yet.
            unsafe {
                (*row).netns = netns(ctx);
                (*row).local = near.address;
                (*row).local_port = near.port;
                (*row).state = state::ESTABLISHED;
                (*row).established_ns = (*row).opened_ns;
                (*row).direction = way;
            }
            flow::tell(row, kind::OPENED);
            return Some(row);
        }
    };
    // SAFETY: a row of the table.
    unsafe {
        if (*row).local_port == 0 {
            (*row).local = near.address;
            (*row).local_port = near.port;
        }
    }
    Some(row)
}
