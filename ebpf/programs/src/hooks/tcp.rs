//! What `sock_ops` tells of a TCP flow's life, put into the table.

use abi::{FlowKey, FlowRow, ListenKey, Owner, counter, direction, kind, role, state};
use aya_ebpf::{
    bindings::{BPF_SOCK_OPS_RTT_CB_FLAG, BPF_SOCK_OPS_STATE_CB_FLAG},
    helpers::generated::{bpf_get_socket_cookie, bpf_skc_to_tcp_sock, bpf_sock_ops_cb_flags_set},
    programs::SockOpsContext,
};

use super::sock_ops::{netns, socket};
use crate::{
    address::{End, MAPPED, TCP},
    egress, flow,
    maps::{FLOWS, LISTENERS, MODES, count},
    tag,
    task::{Current, load},
};

/// `enum` in include/net/tcp_states.h.
const FIN_WAIT1: u32 = 4;
const FIN_WAIT2: u32 = 5;
const TIME_WAIT: u32 = 6;
pub(super) const CLOSE: u32 = 7;
const LAST_ACK: u32 = 9;
const CLOSING: u32 = 11;
/// `SOCK_DONE` of `enum sock_flags`: the other end has said that it will send no more.
const SOCK_DONE: u64 = 1 << 1;

/// The kernel's figures of a connection. They count SYN and FIN as bytes.
pub(super) struct Figures {
    pub(super) acked: u64,
    pub(super) received: u64,
    pub(super) sent_packets: u32,
    pub(super) received_packets: u32,
    pub(super) retransmits: u32,
    pub(super) rtt_us: u32,
    /// What was sent and is not acknowledged.
    pub(super) unacked: u32,
}

#[inline(always)]
fn key(ctx: &SockOpsContext) -> FlowKey {
    FlowKey {
        // SAFETY: the helper takes the program's context.
        cookie: unsafe { bpf_get_socket_cookie(ctx.ops.cast()) },
        remote: [0; 4],
        remote_port: 0,
        protocol: TCP,
    }
}

/// Has the kernel tell of changes of state from now on, and of an agent's also of round trips, by which
/// its figures are known while it is open: that is a call for each answer.
#[inline(always)]
fn follow(ctx: &SockOpsContext, agent: u32) {
    let flags = if agent == 0 {
        BPF_SOCK_OPS_STATE_CB_FLAG
    } else {
        BPF_SOCK_OPS_STATE_CB_FLAG | BPF_SOCK_OPS_RTT_CB_FLAG
    };
    // SAFETY: the helper takes the program's context.
    unsafe { bpf_sock_ops_cb_flags_set(ctx.ops, flags as i32) };
}

#[inline(always)]
fn opened(
    ctx: &SockOpsContext,
    near: End,
    far: End,
    state: u32,
    agent: u32,
) -> Option<*mut FlowRow> {
    follow(ctx, agent);
    let row = flow::open(&key(ctx))?;
    // SAFETY: nobody else knows the row yet.
    unsafe {
        (*row).netns = netns(ctx);
        (*row).local = near.address;
        (*row).local_port = near.port;
        (*row).remote = far.address;
        (*row).remote_port = far.port;
        (*row).state = state;
    }
    Some(row)
}

/// Before the SYN. The process that has called `connect` still runs, so of whom `connect` has kept nothing
/// is known here.
#[inline(always)]
pub(super) fn connects(ctx: &SockOpsContext, near: End, far: End, owner: *mut Owner) -> Option<()> {
    let agent = if owner.is_null() {
        0
    } else {
        // SAFETY: the owner belongs to the socket, which outlives the call.
        unsafe { (*owner).agent }
    };
    let row = opened(ctx, near, far, state::CONNECTING, agent)?;
    // SAFETY: as above; nobody else knows the row yet.
    unsafe {
        (*row).direction = direction::OUT;
        if owner.is_null() {
            own_by_current(row);
            return Some(());
        }
        egress::own(row, &*owner);
        (*row).original = (*owner).original;
        (*row).original_port = (*owner).original_port;
        if agent != 0 {
            (*row).mode = MODES.get_ptr(agent).map_or(0, |mode| *mode);
            // An agent's attempt is told of though nobody answers it.
            flow::tell(row, kind::OPENED);
        }
    }
    Some(())
}

/// Writes into a row that it is the current process's, which is no agent's.
///
/// # Safety
/// `row` is a row of the table.
#[inline(always)]
unsafe fn own_by_current(row: *mut FlowRow) {
    let current = Current::find();
    let (uid, gid) = current.ids();
    let process = current.process();
    // SAFETY: the caller's promise.
    unsafe {
        (*row).process = process;
        (*row).cgroup = current.cgroup();
        (*row).uid = uid;
        (*row).gid = gid;
        (*row).verdict = egress::verdict_of_others(&process, (*row).cgroup);
        (*row).comm = current.comm();
    }
}

/// The owner as the row has it.
#[inline(always)]
pub(super) fn owner(row: *mut FlowRow) -> Owner {
    // SAFETY: a row of the table.
    unsafe {
        Owner {
            cookie: (*row).cookie,
            process: (*row).process,
            cgroup: (*row).cgroup,
            netns: (*row).netns,
            uid: (*row).uid,
            gid: (*row).gid,
            role: role::CONNECTED,
            agent: (*row).agent,
            comm: (*row).comm,
            original: (*row).original,
            original_port: (*row).original_port,
            verdict: (*row).verdict,
        }
    }
}

/// The other end has answered. Returns the row, or null: an `Option` would be half undefined, which the
/// verifier refuses.
#[inline(always)]
pub(super) fn established(ctx: &SockOpsContext, near: End) -> *mut FlowRow {
    let Some(row) = FLOWS.get_ptr_mut(key(ctx)) else {
        return core::ptr::null_mut();
    };
    // SAFETY: the row is this socket's, which is locked.
    unsafe {
        (*row).local = near.address;
        (*row).local_port = near.port;
        (*row).state = state::ESTABLISHED;
        (*row).established_ns = flow::now();
        (*row).changed_ns = (*row).established_ns;
        if (*row).agent != 0 {
            flow::tell(row, kind::OPENED);
        }
    }
    row
}

/// A listening socket has got a connection.
#[inline(always)]
pub(super) fn accepted(ctx: &SockOpsContext, near: End, far: End) -> Option<()> {
    let row = opened(ctx, near, far, state::ESTABLISHED, 0)?;
    // SAFETY: nobody else knows the row yet; the listener's row is only read.
    unsafe {
        let netns = (*row).netns;
        let owner = listener(netns, near);
        if !owner.is_null() {
            egress::own(row, &*owner);
            (*row).netns = netns;
        }
        (*row).direction = direction::IN;
        (*row).established_ns = (*row).opened_ns;
    }
    Some(())
}

/// Who listens on that address, or on all of its family's, or on all.
#[inline(always)]
fn listener(netns: u64, near: End) -> *const Owner {
    const ANY4: [u32; 4] = [0, 0, MAPPED, 0];
    const ANY6: [u32; 4] = [0; 4];
    let mut key = listens_at(netns, near);
    if let Some(owner) = LISTENERS.get_ptr(key) {
        return owner;
    }
    if near.address[2] == MAPPED && (near.address[0] | near.address[1]) == 0 {
        key.address = ANY4;
        if let Some(owner) = LISTENERS.get_ptr(key) {
            return owner;
        }
    }
    key.address = ANY6;
    LISTENERS.get_ptr(key).unwrap_or(core::ptr::null())
}

#[inline(always)]
fn listens_at(netns: u64, near: End) -> ListenKey {
    ListenKey {
        netns,
        address: near.address,
        port: near.port,
        reserved: 0,
    }
}

/// A socket waits for connections; the current process has called `listen`.
#[inline(always)]
pub(super) fn listens(ctx: &SockOpsContext, near: End) -> Option<()> {
    let current = Current::find();
    // SAFETY: helpers on the program's context.
    let (cookie, netns) = unsafe { (bpf_get_socket_cookie(ctx.ops.cast()), netns(ctx)) };
    let process = current.process();
    if egress::is_pid_of_gateway(process.pid) {
        egress::open_gate_port(near.port);
    }
    let owner = Owner {
        cookie,
        netns,
        cgroup: current.cgroup(),
        role: role::ACCEPTED,
        agent: tag::noted(&process),
        ..tag::owner(current, process)
    };
    if LISTENERS
        .insert(listens_at(netns, near), &owner, 0)
        .is_err()
    {
        count(counter::STORES_FAILED);
    }
    let row = opened(ctx, near, End::NONE, state::LISTENING, 0)?;
    // SAFETY: nobody else knows the row yet.
    unsafe {
        egress::own(row, &owner);
        (*row).direction = direction::IN;
    }
    flow::tell(row, kind::OPENED);
    Some(())
}

/// The figures have changed.
#[inline(always)]
pub(super) fn measured(ctx: &SockOpsContext, figures: Figures) -> Option<()> {
    let row = FLOWS.get_ptr_mut(key(ctx))?;
    // SAFETY: the row is this socket's, which is locked.
    unsafe { write(row, &figures, flow::now()) };
    Some(())
}

/// # Safety
/// `row` is a row of the table.
#[inline(always)]
unsafe fn write(row: *mut FlowRow, figures: &Figures, now: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        // Whoever connects has its SYN counted as an acknowledged byte.
        let syn = u64::from((*row).direction == direction::OUT);
        (*row).sent_bytes = figures.acked.saturating_sub(syn);
        (*row).received_bytes = figures.received;
        (*row).sent_packets = u64::from(figures.sent_packets);
        (*row).received_packets = u64::from(figures.received_packets);
        (*row).retransmits = figures.retransmits;
        (*row).rtt_us = figures.rtt_us;
        (*row).changed_ns = now;
    }
}

/// The connection has ended; the state before it tells whether this end has said that it will send no
/// more (FIN).
#[inline(always)]
pub(super) fn ended(ctx: &SockOpsContext, from: u32, figures: &Figures) -> Option<()> {
    let key = key(ctx);
    let row = FLOWS.get_ptr_mut(key)?;
    let now = flow::now();
    // SAFETY: the row is this socket's, which is locked.
    unsafe {
        if (*row).state == state::LISTENING {
            no_longer_listens(row);
        } else {
            write(row, figures, now);
            let said = from == FIN_WAIT1
                || from == FIN_WAIT2
                || from == TIME_WAIT
                || from == LAST_ACK
                || from == CLOSING;
            let fin = said && figures.unacked == 0;
            (*row).sent_bytes = (*row).sent_bytes.saturating_sub(u64::from(fin));
            let fin = other_end_is_done(ctx);
            (*row).received_bytes = (*row).received_bytes.saturating_sub(u64::from(fin));
        }
    }
    flow::close(&key, row, now);
    Some(())
}

/// Unless another socket listens there by now.
#[inline(always)]
fn no_longer_listens(row: *mut FlowRow) {
    // SAFETY: a row of the table; the owner is read at once.
    unsafe {
        let near = End {
            address: (*row).local,
            port: (*row).local_port,
        };
        let key = listens_at((*row).netns, near);
        let is_own = |owner: *const Owner| (*owner).cookie == (*row).cookie;
        if LISTENERS.get_ptr(key).is_some_and(is_own) {
            let _ = LISTENERS.remove(key);
        }
    }
}

#[inline(always)]
fn other_end_is_done(ctx: &SockOpsContext) -> bool {
    let socket = socket(ctx);
    if socket.is_null() {
        return false;
    }
    // SAFETY: the helper takes the context's socket, and gives the kernel's own or null.
    let socket = unsafe { bpf_skc_to_tcp_sock(socket.cast()) };
    if socket.is_null() {
        return false;
    }
    let flags: u64 = load!(socket.cast_const().cast(), sock_flags);
    flags & SOCK_DONE != 0
}
