//! A connection and its owner.

use crate::{COMM_BYTES, ProcessKey};

/// What an owner stands for on the socket that it is stored with.
pub mod role {
    /// The socket's own process called `connect`.
    pub const CONNECTED: u32 = 1;
    /// The socket was accepted; the owner is the other end's.
    pub const ACCEPTED: u32 = 2;
    /// As [`CONNECTED`], and the socket has sent its first payload.
    pub const SPOKEN: u32 = 3;
}

/// The process that called `connect`, as the kernel saw it in that call.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The connecting socket's cookie: unique until the next boot.
    pub cookie: u64,
    /// The process and the executable it was running; pid 0 if the programs saw the connection
    /// but no process of this host making it.
    pub process: ProcessKey,
    /// The task's cgroup v2 id, not the socket's.
    pub cgroup: u64,
    /// The cookie of the socket's network namespace.
    pub netns: u64,
    /// The real user id.
    pub uid: u32,
    /// The real group id.
    pub gid: u32,
    /// One of [`role`].
    pub role: u32,
    /// The agent whose workload the process belongs to; 0 if it is nobody's.
    pub agent: u32,
    /// The thread group leader's command name.
    pub comm: [u8; COMM_BYTES],
    /// Where the process wanted to go, network order: the address before any redirection.
    pub original: [u32; 4],
    /// The port to that, host order.
    pub original_port: u32,
    /// What was decided, one of [`crate::verdict`].
    pub verdict: u32,
}

/// A connection by its addresses, from the connecting side. IPv4 is stored v4-mapped.
///
/// The namespace belongs to the key: every namespace has its own 127.0.0.1, and a process that may
/// make a namespace of its own may give itself any address in it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TupleKey {
    /// The network namespace's cookie.
    pub netns: u64,
    /// The connecting side's address, network order.
    pub source: [u32; 4],
    /// The accepting side's address, network order.
    pub destination: [u32; 4],
    /// The connecting side's port, host order.
    pub source_port: u32,
    /// The accepting side's port, host order.
    pub destination_port: u32,
}

/// A connection by its handshake: both initial sequence numbers, each plus one.
///
/// Neither address translation nor namespaces change them, and nobody off the path can guess them.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceKey {
    /// The connecting side's.
    pub client: u32,
    /// The accepting side's.
    pub server: u32,
}
