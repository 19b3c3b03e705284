//! The kernel programs: who owns a connection, and who that process is.
//!
//! | hook | what it does |
//! | --- | --- |
//! | `cgroup/connect4`, `connect6` | names the owner of a socket: the process that calls `connect` |
//! | `sock_ops` connect | files the owner under the addresses, before the SYN leaves |
//! | `sock_ops` established, active | files it under the sequence numbers, for other namespaces |
//! | `sock_ops` established, passive | gives it to the accepted socket, before `accept` returns |
//! | `sock_ops` state, round-trip time | keeps the figures of flows, and what listens |
//! | `cgroup/sendmsg4`, `sendmsg6` | the same as `connect` for datagrams without one |
//! | `cgroup/getpeername4`, `getpeername6` | tells who was redirected the peer that it asked for |
//! | `cgroup_skb` ingress, egress | counts datagrams; hands over what agents say first, and DNS |
//! | `cgroup/sock_create` | refuses kinds of sockets that the other hooks do not see |
//! | `cgroup/getsockopt` | tells it to the gateway, and to nobody else |
//! | `kprobe` `commit_creds` | tells of agents' processes that become another user, or may do more or less |
//! | `kprobe` `packet_create` | tells of agents' packet sockets |
//! | `uprobe` `SSL_write`, `SSL_write_ex` | hands over how an agent's request begins; only where that is asked for |
//! | `raw_tp` exec, fork, exit | keeps what processes ran and who forked them, after they are gone; tells of agents' |
//!
//! The programs watch, and let every call go on, whatever happens in them; only an agent whose rule
//! says `deny` or `redirect` is refused or redirected.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]
#![cfg_attr(
    target_arch = "bpf",
    expect(
        unsafe_code,
        reason = "kernel helpers and kernel memory; the verifier checks each use"
    )
)]

#[cfg(target_arch = "bpf")]
mod hooks {
    mod connect;
    mod credentials;
    mod exec;
    mod exit;
    mod fork;
    mod getpeername;
    mod getsockopt;
    mod packet;
    mod packet_socket;
    mod sendmsg;
    mod sock_create;
    mod sock_ops;
    mod tcp;
    mod tls_write;
}
#[cfg(target_arch = "bpf")]
mod address;
#[cfg(target_arch = "bpf")]
mod egress;
#[cfg(target_arch = "bpf")]
mod events;
#[cfg(target_arch = "bpf")]
mod flow;
#[cfg(target_arch = "bpf")]
mod glimpse;
#[cfg(target_arch = "bpf")]
mod image;
#[cfg(target_arch = "bpf")]
mod maps;
#[cfg(target_arch = "bpf")]
mod tag;
#[cfg(target_arch = "bpf")]
mod task;

/// The kernel hands some helpers only to programs that say this.
#[cfg(target_arch = "bpf")]
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[cfg(not(target_arch = "bpf"))]
fn main() {}
