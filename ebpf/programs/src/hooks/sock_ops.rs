//! The handshake: the owner travels from the connecting socket to the accepted one. And the life of
//! the connection: its figures.

use core::{arch::asm, mem::offset_of};

use abi::{FlowRow, Owner, SequenceKey, TupleKey, counter, feature, role};
use aya_ebpf::{
    bindings::{
        BPF_SK_STORAGE_GET_F_CREATE, BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB,
        BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB, BPF_SOCK_OPS_RTT_CB, BPF_SOCK_OPS_STATE_CB,
        BPF_SOCK_OPS_TCP_CONNECT_CB, BPF_SOCK_OPS_TCP_LISTEN_CB, bpf_sock, bpf_sock_ops,
    },
    helpers::generated::{bpf_get_netns_cookie, bpf_sk_storage_get},
    macros::sock_ops,
    programs::SockOpsContext,
};

use super::tcp;
use crate::{
    address::{End, MAPPED},
    egress::is_gate_port,
    maps::{BY_SEQUENCE, BY_TUPLE, OWNERS, count, owner_of},
    task::{field, has, read},
};

const GO_ON: u32 = 1;
const AF_INET: u32 = 2;

/// Loads a word of the context in one instruction: LLVM would else merge the loads of two branches
/// into one with a computed address, which the verifier refuses for a context.
macro_rules! word {
    ($ctx:expr, $offset:expr) => {{
        let value: u64;
        // SAFETY: reads four bytes of the context at a constant offset inside `bpf_sock_ops`.
        unsafe {
            asm!("{v} = *(u32 *)({p} + {o})", v = out(reg) value, p = in(reg) $ctx.ops,
                 o = const $offset, options(readonly, nostack, preserves_flags));
        }
        value as u32
    }};
}
/// As `word`, eight bytes.
macro_rules! long {
    ($ctx:expr, $field:ident) => {{
        let value: u64;
        // SAFETY: reads eight bytes of the context at a constant offset inside `bpf_sock_ops`.
        unsafe {
            asm!("{v} = *(u64 *)({p} + {o})", v = out(reg) value, p = in(reg) $ctx.ops,
                 o = const offset_of!(bpf_sock_ops, $field),
                 options(readonly, nostack, preserves_flags));
        }
        value
    }};
}
macro_rules! context {
    ($ctx:expr, $field:ident) => {
        word!($ctx, offset_of!(bpf_sock_ops, $field))
    };
    ($ctx:expr, $field:ident[$index:literal]) => {
        word!($ctx, offset_of!(bpf_sock_ops, $field) + 4 * $index)
    };
}

/// Follows TCP connections.
#[sock_ops]
pub(crate) fn owner_handshake(ctx: SockOpsContext) -> u32 {
    let op = context!(ctx, op);
    if op == BPF_SOCK_OPS_TCP_CONNECT_CB {
        try_connect(&ctx);
    } else if op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB {
        let (near, far) = ends(&ctx);
        try_active(&ctx, far, tcp::established(&ctx, near));
    } else if op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB {
        let (near, far) = ends(&ctx);
        try_passive(&ctx, near, far);
        tcp::accepted(&ctx, near, far);
    } else if op == BPF_SOCK_OPS_TCP_LISTEN_CB {
        let (near, _) = ends(&ctx);
        tcp::listens(&ctx, near);
    } else if op == BPF_SOCK_OPS_STATE_CB {
        // Of four changes of state or five, the last is of interest.
        if word!(ctx, ARGUMENT + 4) == tcp::CLOSE {
            tcp::ended(&ctx, word!(ctx, ARGUMENT), &figures(&ctx));
        }
    } else if op == BPF_SOCK_OPS_RTT_CB {
        tcp::measured(&ctx, figures(&ctx));
    }
    GO_ON
}

/// Where a callback's first argument is: after `op`.
const ARGUMENT: usize = 4;

/// The connection's figures as the kernel has them now.
#[inline(always)]
fn figures(ctx: &SockOpsContext) -> tcp::Figures {
    tcp::Figures {
        acked: long!(ctx, bytes_acked),
        received: long!(ctx, bytes_received),
        sent_packets: context!(ctx, segs_out),
        received_packets: context!(ctx, segs_in),
        retransmits: context!(ctx, total_retrans),
        rtt_us: context!(ctx, srtt_us) >> 3,
        unacked: context!(ctx, snd_nxt).wrapping_sub(context!(ctx, snd_una)),
    }
}

/// Before the SYN: the addresses are settled, nobody can have answered yet.
#[inline(always)]
fn try_connect(ctx: &SockOpsContext) -> Option<()> {
    let (near, far) = ends(ctx);
    let owner = owner_of(socket(ctx)).unwrap_or(core::ptr::null_mut());
    if is_gate_port(far.port) {
        file(&tuple(ctx, near, far), owner);
    }
    tcp::connects(ctx, near, far, owner)
}

#[inline(always)]
fn file(key: &TupleKey, owner: *mut Owner) {
    if owner.is_null() {
        // A connection that nobody's `connect` was seen for must not inherit what an earlier one
        // with the same addresses left behind.
        let _ = BY_TUPLE.remove(key);
        return;
    }
    // SAFETY: the value belongs to the socket, which outlives the call.
    if BY_TUPLE.insert(key, unsafe { &*owner }, 0).is_err() {
        count(counter::STORES_FAILED);
    }
}

/// Before the last packet of the handshake leaves. Loopback cannot leave its namespace.
#[inline(always)]
fn try_active(ctx: &SockOpsContext, far: End, row: *mut FlowRow) -> Option<()> {
    if is_loopback(far.address) {
        return None;
    }
    // Of who calls the gateway's port `connect` has kept the owner, or has failed to: then it is nobody's. An
    // address that is exchanged on the way may hide that port.
    let owner = if row.is_null() || is_gate_port(far.port) {
        // SAFETY: the value belongs to the socket, which outlives the call.
        unsafe { *owner_of(socket(ctx))? }
    } else {
        tcp::owner(row)
    };
    let key = SequenceKey {
        client: context!(ctx, snd_una),
        server: context!(ctx, rcv_nxt),
    };
    if BY_SEQUENCE.insert(&key, &owner, 0).is_err() {
        count(counter::STORES_FAILED);
    }
    Some(())
}

/// The new socket is still locked, and `accept` waits for that lock.
///
/// A socket whose other end nobody owns here is marked as well, with an empty owner: so the host
/// knows that it was seen, and need not look for somebody who could be taken for the caller.
#[inline(always)]
fn try_passive(ctx: &SockOpsContext, near: End, far: End) -> Option<()> {
    if !is_gate_port(near.port) {
        return None; // Nobody will ask.
    }
    let owner = match BY_TUPLE.get_ptr(tuple(ctx, far, near)) {
        Some(owner) => owner,
        None if is_loopback(far.address) => core::ptr::null(),
        None => BY_SEQUENCE
            .get_ptr(SequenceKey {
                client: context!(ctx, rcv_nxt),
                server: context!(ctx, snd_una),
            })
            .unwrap_or(core::ptr::null()),
    };
    let socket = socket(ctx);
    if socket.is_null() {
        return None;
    }
    // SAFETY: the pointers are this program's map and socket. Before 5.12 the verifier refuses a pointer to the
    // first value that may be null, so there is none, which makes it all zeroes.
    let kept = unsafe {
        bpf_sk_storage_get(
            (&raw const OWNERS).cast_mut().cast(),
            socket.cast(),
            core::ptr::null_mut(),
            u64::from(BPF_SK_STORAGE_GET_F_CREATE),
        )
    }
    .cast::<Owner>();
    if kept.is_null() {
        count(counter::STORES_FAILED);
        return None;
    }
    // SAFETY: the value is the new socket's, which is locked.
    unsafe {
        if !owner.is_null() {
            *kept = *owner;
        }
        (*kept).role = role::ACCEPTED;
    }
    Some(())
}

/// This end and the other one, IPv4 as v4-mapped.
#[inline(always)]
fn ends(ctx: &SockOpsContext) -> (End, End) {
    let (near, far) = if context!(ctx, family) == AF_INET {
        (
            [0, 0, MAPPED, context!(ctx, local_ip4)],
            [0, 0, MAPPED, context!(ctx, remote_ip4)],
        )
    } else {
        (
            [
                context!(ctx, local_ip6[0]),
                context!(ctx, local_ip6[1]),
                context!(ctx, local_ip6[2]),
                context!(ctx, local_ip6[3]),
            ],
            [
                context!(ctx, remote_ip6[0]),
                context!(ctx, remote_ip6[1]),
                context!(ctx, remote_ip6[2]),
                context!(ctx, remote_ip6[3]),
            ],
        )
    };
    // The kernel gives the near port in host order and the far one in network order.
    let far_port = u32::from_be(context!(ctx, remote_port));
    (
        End {
            address: near,
            port: context!(ctx, local_port),
        },
        End {
            address: far,
            port: far_port & 0xffff,
        },
    )
}

#[inline(always)]
fn tuple(ctx: &SockOpsContext, source: End, destination: End) -> TupleKey {
    TupleKey {
        netns: netns(ctx),
        source: source.address,
        destination: destination.address,
        source_port: source.port,
        destination_port: destination.port,
    }
}

/// The cookie of the socket's network namespace.
#[inline(always)]
pub(super) fn netns(ctx: &SockOpsContext) -> u64 {
    if has(feature::CONNECTION_NETNS) {
        // SAFETY: the helper takes the program's context.
        return unsafe { bpf_get_netns_cookie(ctx.ops.cast()) };
    }
    // The verifier lets nobody compute with the socket's address, but it may be read as a number. Before 5.12 a
    // namespace has its cookie when somebody has asked for it first, as `socket` and `connect` do then.
    let socket = socket(ctx);
    let address: u64 = read((&raw const socket).addr() as u64);
    let net: u64 = read(field!(address, sock_net));
    read(field!(net, net_cookie))
}

/// 127.0.0.0/8 or `::1`.
#[inline(always)]
fn is_loopback(address: [u32; 4]) -> bool {
    let [first, second, third, last] = address;
    if (first | second) != 0 {
        return false;
    }
    (third == MAPPED && (u32::from_be(last) >> 24) == 127)
        || (third == 0 && u32::from_be(last) == 1)
}

#[inline(always)]
pub(super) fn socket(ctx: &SockOpsContext) -> *mut bpf_sock {
    // SAFETY: the context is the kernel's.
    unsafe { (*ctx.ops).__bindgen_anon_2.sk }
}
