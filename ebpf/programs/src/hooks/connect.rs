//! `connect`: the current process becomes the owner of the socket, and may be led elsewhere.

use abi::{
    FlowKey, Image, Owner, ProcessKey, counter, direction, feature, kind, role, state, verdict,
};
use aya_ebpf::{
    bindings::{BPF_SK_STORAGE_GET_F_CREATE, bpf_sock, bpf_sock_addr},
    helpers::generated::{
        bpf_get_current_cgroup_id, bpf_get_netns_cookie, bpf_get_socket_cookie,
        bpf_sk_storage_delete, bpf_sk_storage_get,
    },
    macros::cgroup_sock_addr,
    programs::SockAddrContext,
};

use crate::{
    address::{End, Family, TCP, UDP, lead, wanted},
    egress, flow, image,
    maps::{LIVING, OWNERS, SOCKET_DRAFT, count},
    tag,
    task::{self, Current, has},
};

const GO_ON: i32 = 1;
const REFUSE: i32 = 0;

/// IPv4.
#[cgroup_sock_addr(connect4)]
pub(crate) fn owner_connect4(ctx: SockAddrContext) -> i32 {
    go(&ctx, Family::V4)
}

/// IPv6, and IPv4 through an IPv6 socket.
#[cgroup_sock_addr(connect6)]
pub(crate) fn owner_connect6(ctx: SockAddrContext) -> i32 {
    go(&ctx, Family::V6)
}

#[inline(always)]
fn go(ctx: &SockAddrContext, family: Family) -> i32 {
    let ctx = ctx.sock_addr;
    // SAFETY: the context is the kernel's.
    let protocol = unsafe { (&raw const (*ctx).protocol).read_volatile() };
    // SAFETY: the context is the kernel's, and always has its socket.
    let socket = unsafe { (*ctx).__bindgen_anon_1.sk };
    let wanted = wanted(ctx, family);
    if !has(feature::CONNECTION_NETNS) {
        // SAFETY: the helper takes the program's context; now the namespace has its cookie.
        unsafe { bpf_get_netns_cookie(ctx.cast()) };
    }
    let caller = Caller::find(ctx);
    if caller.agent == 0 && protocol == TCP && !egress::is_gate_port(wanted.port) {
        // Nothing is decided about it, and `sock_ops` finds the process as well.
        forget(socket);
        return GO_ON;
    }
    let mut owner = caller.owner(ctx);
    let (verdict, mode, elsewhere) = egress::decide(&owner, &wanted, protocol);
    owner.verdict = verdict;
    if verdict == verdict::REDIRECTED {
        owner.original = wanted.address;
        owner.original_port = wanted.port;
    }
    egress::note(&owner, &wanted, protocol, mode);
    if verdict == verdict::DENIED {
        return REFUSE;
    }
    if owner.agent != 0 || protocol == TCP {
        keep(socket, &owner);
    } else {
        forget(socket);
    }
    if verdict == verdict::REDIRECTED {
        lead(ctx, family, elsewhere);
    }
    if protocol == UDP {
        datagrams(&owner, &wanted, mode);
    }
    GO_ON
}

/// Who calls: the current process.
pub(crate) struct Caller {
    current: Current,
    process: ProcessKey,
    /// 0 if it is nobody's.
    agent: u32,
}

impl Caller {
    #[inline(always)]
    pub(crate) fn find(ctx: *mut bpf_sock_addr) -> Self {
        let current = Current::find();
        let process = current.process();
        let mut image = LIVING.get_ptr_mut(process);
        if image.is_none() && image::began_before(&process) {
            // SAFETY: the context is the kernel's, and always has its socket.
            record_image(unsafe { (*ctx).__bindgen_anon_1.sk }, &process);
            image = LIVING.get_ptr_mut(process);
        }
        let agent = image.map_or(0, tag::agent_by);
        if agent != 0 {
            tag::note_change(task::current_leader(), &process);
        }
        Self {
            current,
            process,
            agent,
        }
    }

    #[inline(always)]
    pub(crate) fn owner(&self, ctx: *mut bpf_sock_addr) -> Owner {
        let (uid, gid) = self.current.ids();
        // SAFETY: helpers on the program's context.
        let (cookie, netns, cgroup) = unsafe {
            (
                bpf_get_socket_cookie(ctx.cast()),
                bpf_get_netns_cookie(ctx.cast()),
                bpf_get_current_cgroup_id(),
            )
        };
        Owner {
            cookie,
            netns,
            cgroup,
            uid,
            gid,
            role: role::CONNECTED,
            agent: self.agent,
            ..tag::owner(self.current, self.process)
        }
    }
}

/// Keeps the owner with the socket. That costs more than all the rest, so it is done for those alone of whom
/// it is asked again: agents', and who calls the gateway. Others are in the table of flows.
#[inline(always)]
fn keep(socket: *mut bpf_sock, owner: &Owner) -> Option<()> {
    // SAFETY: the pointers are this program's context, map and socket.
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
    // SAFETY: the value is the socket's, which `connect` has locked.
    unsafe { *kept = *owner };
    Some(())
}

/// Whoever has called `connect` on this socket before is its owner no longer.
#[inline(always)]
fn forget(socket: *mut bpf_sock) {
    // SAFETY: the pointers are this program's context, map and socket.
    unsafe { bpf_sk_storage_delete((&raw const OWNERS).cast_mut().cast(), socket.cast()) };
}

/// A flow of datagrams to one place.
#[inline(always)]
pub(crate) fn datagrams(owner: &Owner, wanted: &End, mode: u32) -> Option<()> {
    let key = FlowKey {
        cookie: owner.cookie,
        remote: wanted.address,
        remote_port: wanted.port,
        protocol: UDP,
    };
    let row = flow::open(&key)?;
    // SAFETY: nobody else knows the row yet.
    unsafe {
        egress::own(row, owner);
        (*row).state = state::ESTABLISHED;
        (*row).direction = direction::OUT;
        (*row).mode = mode;
        (*row).established_ns = (*row).opened_ns;
    }
    if owner.agent != 0 {
        flow::tell(row, kind::OPENED);
    }
    Some(())
}

/// Puts the image together in memory that belongs to this socket, and gives that back.
#[inline(always)]
fn record_image(socket: *mut bpf_sock, process: &ProcessKey) {
    let map = (&raw const SOCKET_DRAFT).cast_mut();
    // SAFETY: the pointers are this program's map and socket.
    let draft = unsafe {
        bpf_sk_storage_get(
            map.cast(),
            socket.cast(),
            core::ptr::null_mut(),
            u64::from(BPF_SK_STORAGE_GET_F_CREATE),
        )
    }
    .cast::<Image>();
    if draft.is_null() {
        count(counter::STORES_FAILED);
        return;
    }
    image::file(task::current_leader(), process, draft);
    // SAFETY: as above.
    unsafe { bpf_sk_storage_delete(map.cast(), socket.cast()) };
}
