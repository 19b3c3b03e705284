//! Each packet of a socket: datagrams are counted here, because a connected socket sends them
//! without any other hook; and the first payload of agents is handed over, by which names are known.

use core::arch::asm;

use abi::{FlowKey, FlowRow, counter, direction, feature, role, said, state, verdict};
use aya_ebpf::{
    helpers::generated::{bpf_get_netns_cookie, bpf_get_socket_cookie, bpf_skb_load_bytes},
    macros::cgroup_skb,
    programs::SkBuffContext,
};

use crate::{
    address::{End, MAPPED, TCP, UDP},
    flow,
    glimpse::{Said, hand_over},
    maps::{FLOWS, add, owner_of},
    task::has,
};

const GO_ON: i32 = 1;
const UDP_HEADER_BYTES: u32 = 8;
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;
const IPV6_HEADER_BYTES: u32 = 40;
const DNS_PORT: u32 = 53;

/// What leaves.
#[cgroup_skb(egress)]
pub(crate) fn packet_out(ctx: SkBuffContext) -> i32 {
    look(&ctx, direction::OUT);
    GO_ON
}

/// What arrives.
#[cgroup_skb(ingress)]
pub(crate) fn packet_in(ctx: SkBuffContext) -> i32 {
    look(&ctx, direction::IN);
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

/// One byte of the packet's beginning, without a call: this is done for each packet of the host.
#[inline(always)]
fn byte(ctx: &SkBuffContext, at: usize) -> Option<u8> {
    // SAFETY: the context is the kernel's; the byte is inside of what it says is there.
    unsafe {
        let data = (&raw const (*ctx.skb.skb).data).read_volatile() as usize;
        let end = (&raw const (*ctx.skb.skb).data_end).read_volatile() as usize;
        if data + at + 1 > end {
            return None;
        }
        Some(((data + at) as *const u8).read_volatile())
    }
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
fn look(ctx: &SkBuffContext, way: u32) -> Option<()> {
    // SAFETY: the context is the kernel's.
    let family = unsafe { u32::from(u16::from_be((*ctx.skb.skb).protocol as u16)) };
    let protocol = u32::from(match family {
        IPV4 => byte(ctx, 9)?,
        IPV6 => byte(ctx, 6)?,
        _ => return None,
    });
    if protocol == UDP {
        return datagram(ctx, family, way);
    }
    if protocol != TCP {
        return None;
    }
    segment(ctx, family, way)
}

/// The addresses as this end has them, and how long the header is.
#[inline(always)]
fn addresses(ctx: &SkBuffContext, family: u32, way: u32) -> Option<([u32; 4], [u32; 4], u32)> {
    let (source, destination, header) = if family == IPV4 {
        let ip = load::<20>(ctx, 0)?;
        (
            [0, 0, MAPPED, word(&ip, 12)],
            [0, 0, MAPPED, word(&ip, 16)],
            u32::from(ip[0] & 0xf) * 4,
        )
    } else {
        let ip = load::<32>(ctx, 8)?;
        (
            [word(&ip, 0), word(&ip, 4), word(&ip, 8), word(&ip, 12)],
            [word(&ip, 16), word(&ip, 20), word(&ip, 24), word(&ip, 28)],
            IPV6_HEADER_BYTES,
        )
    };
    Some(if way == direction::OUT {
        (source, destination, header)
    } else {
        (destination, source, header)
    })
}

/// Both ports as this end has them.
#[inline(always)]
fn ports(ctx: &SkBuffContext, header: u32, way: u32) -> Option<(u32, u32)> {
    let ports = load::<4>(ctx, header)?;
    let source = u32::from(u16::from_be_bytes([ports[0], ports[1]]));
    let destination = u32::from(u16::from_be_bytes([ports[2], ports[3]]));
    Some(if way == direction::OUT {
        (source, destination)
    } else {
        (destination, source)
    })
}

#[inline(always)]
fn length(ctx: &SkBuffContext) -> u32 {
    // SAFETY: the context is the kernel's.
    unsafe { (*ctx.skb.skb).len }
}

/// A segment of TCP: of an agent's own connection past the gateway what it says first, and all that
/// it asks for names.
#[inline(always)]
fn segment(ctx: &SkBuffContext, family: u32, way: u32) -> Option<()> {
    // What arrives is of interest from one port only; a header with options is no ordinary one.
    let source = if family == IPV4 {
        20
    } else {
        IPV6_HEADER_BYTES as usize
    };
    if way == direction::IN && (byte(ctx, source)? != 0 || byte(ctx, source + 1)? != DNS_PORT as u8)
    {
        return None;
    }
    // SAFETY: the context is the kernel's.
    let owner = owner_of(unsafe { (*ctx.skb.skb).__bindgen_anon_2.sk })?;
    // SAFETY: the value belongs to the socket, which outlives the packet.
    let (agent, verdict, role) = unsafe { ((*owner).agent, (*owner).verdict, (*owner).role) };
    let is_past =
        verdict == verdict::NONE || verdict == verdict::ALLOWED || verdict == verdict::FAILED_OPEN;
    if agent == 0 || role == role::ACCEPTED || !is_past {
        return None;
    }
    let (_, far, header) = addresses(ctx, family, way)?;
    let (_, port) = ports(ctx, header, way)?;
    let is_dns = port == DNS_PORT;
    if !is_dns && (role == role::SPOKEN || way == direction::IN) {
        return None;
    }
    let data = load::<1>(ctx, header + 12)?;
    let start = header + u32::from(data[0] >> 4) * 4;
    if start >= length(ctx) {
        return None; // It says nothing.
    }
    // SAFETY: as above. Two threads may both be the first: then it is told twice.
    unsafe { (*owner).role = role::SPOKEN };
    let kind = match (is_dns, way) {
        (false, _) => said::FIRST,
        (true, direction::OUT) => said::DNS_ASKED,
        (true, _) => said::DNS_ANSWERED,
    };
    hand_over(
        ctx,
        &Said {
            // SAFETY: the helper takes the program's context.
            cookie: unsafe { bpf_get_socket_cookie(ctx.skb.skb.cast()) },
            far: End { address: far, port },
            protocol: TCP,
            agent,
            verdict,
            kind,
        },
        start,
        length(ctx),
    )
}

#[inline(always)]
fn datagram(ctx: &SkBuffContext, family: u32, way: u32) -> Option<()> {
    let (near, far, header) = addresses(ctx, family, way)?;
    let (near_port, far_port) = ports(ctx, header, way)?;
    let start = header + UDP_HEADER_BYTES;
    let payload = u64::from(length(ctx).saturating_sub(start));
    let near = End {
        address: near,
        port: near_port,
    };
    let far = End {
        address: far,
        port: far_port,
    };
    let key = FlowKey {
        // SAFETY: the helper takes the program's context.
        cookie: unsafe { bpf_get_socket_cookie(ctx.skb.skb.cast()) },
        remote: far.address,
        remote_port: far.port,
        protocol: UDP,
    };
    let row = row(ctx, &key, &near, way)?;
    // SAFETY: a row of the table; two CPUs may count at once, so they add atomically.
    let (agent, verdict) = unsafe {
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
        ((*row).agent, (*row).verdict)
    };
    let (total, kind) = if way == direction::OUT {
        (counter::BYTES_SENT, said::DNS_ASKED)
    } else {
        (counter::BYTES_RECEIVED, said::DNS_ANSWERED)
    };
    add(total, payload);
    if agent == 0 || far.port != DNS_PORT {
        return None;
    }
    let told = Said {
        cookie: key.cookie,
        far,
        protocol: UDP,
        agent,
        verdict,
        kind,
    };
    hand_over(ctx, &told, start, length(ctx))
}

/// The cookie of the socket's network namespace; 0 where programs of this type may not ask.
#[inline(always)]
fn netns(ctx: &SkBuffContext) -> u64 {
    if !has(feature::PACKET_NETNS) {
        return 0;
    }
    // SAFETY: the helper takes the program's context.
    unsafe { bpf_get_netns_cookie(ctx.skb.skb.cast()) }
}

/// The flow's row; a new one where the other end has begun.
#[inline(always)]
fn row(ctx: &SkBuffContext, key: &FlowKey, near: &End, way: u32) -> Option<*mut FlowRow> {
    let row = match FLOWS.get_ptr_mut(key) {
        Some(row) => row,
        None => {
            let row = flow::open(key)?;
            // SAFETY: nobody else knows the row yet.
            unsafe {
                (*row).netns = netns(ctx);
                (*row).local = near.address;
                (*row).local_port = near.port;
                (*row).state = state::ESTABLISHED;
                (*row).established_ns = (*row).opened_ns;
                (*row).direction = way;
            }
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
