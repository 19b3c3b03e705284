//! `connect`: the current process becomes the owner of the socket.

use abi::{Image, Owner, counter, role};
use aya_ebpf::{
    bindings::{BPF_SK_STORAGE_GET_F_CREATE, bpf_sock, bpf_sock_addr},
    helpers::bpf_get_current_uid_gid,
    helpers::generated::{
        bpf_get_current_cgroup_id, bpf_get_netns_cookie, bpf_get_socket_cookie,
        bpf_sk_storage_delete, bpf_sk_storage_get,
    },
    macros::cgroup_sock_addr,
    programs::SockAddrContext,
};

use crate::{
    image,
    maps::{OWNERS, SOCKET_DRAFT, count},
    task,
};

const GO_ON: i32 = 1;

/// IPv4.
#[cgroup_sock_addr(connect4)]
pub(crate) fn owner_connect4(ctx: SockAddrContext) -> i32 {
    try_connect(&ctx);
    GO_ON
}

/// IPv6, and IPv4 through an IPv6 socket.
#[cgroup_sock_addr(connect6)]
pub(crate) fn owner_connect6(ctx: SockAddrContext) -> i32 {
    try_connect(&ctx);
    GO_ON
}

#[inline(always)]
fn try_connect(ctx: &SockAddrContext) -> Option<()> {
    let leader = task::current_leader();
    let process = task::process(leader);
    // SAFETY: the context is the kernel's, and always has its socket.
    let socket = unsafe { (*ctx.sock_addr).__bindgen_anon_1.sk };
    if image::is_older(&process) {
        record_image(socket, leader, &process);
    }
    // SAFETY: the pointers are this program's context, map and socket.
    let owner = unsafe {
        bpf_sk_storage_get(
            (&raw const OWNERS).cast_mut().cast(),
            socket.cast(),
            core::ptr::null_mut(),
            u64::from(BPF_SK_STORAGE_GET_F_CREATE),
        )
    }
    .cast::<Owner>();
    if owner.is_null() {
        count(counter::STORES_FAILED);
        return None;
    }
    // SAFETY: the value is the socket's, which `connect` has locked; the rest are helpers.
    unsafe {
        let ids = bpf_get_current_uid_gid();
        (*owner).role = role::CONNECTED;
        (*owner).cookie = cookie(ctx.sock_addr);
        (*owner).process = process;
        (*owner).cgroup = bpf_get_current_cgroup_id();
        (*owner).netns = bpf_get_netns_cookie(ctx.sock_addr.cast());
        (*owner).uid = ids as u32;
        (*owner).gid = (ids >> 32) as u32;
        (*owner).comm = task::comm(leader);
    }
    Some(())
}

#[inline(always)]
fn cookie(context: *mut bpf_sock_addr) -> u64 {
    // SAFETY: the helper takes the program's context.
    unsafe { bpf_get_socket_cookie(context.cast()) }
}

/// Puts the image together in memory that belongs to this socket, and gives that back.
#[inline(always)]
fn record_image(socket: *mut bpf_sock, leader: u64, process: &abi::ProcessKey) {
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
    image::file(leader, process, draft);
    // SAFETY: as above.
    unsafe { bpf_sk_storage_delete(map.cast(), socket.cast()) };
}
