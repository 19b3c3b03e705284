//! A flow: what the kernel keeps of one connection, or of one socket's datagrams to one place.

use crate::{COMM_BYTES, ProcessKey};

/// Names a flow. A TCP socket has one, so its remote end is left zero; a UDP socket has one for
/// each place that it talks to.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// The socket's cookie: unique until the next boot.
    pub cookie: u64,
    /// UDP: the other end's address, network order, IPv4 as v4-mapped.
    pub remote: [u32; 4],
    /// UDP: the other end's port, host order.
    pub remote_port: u32,
    /// The IP protocol's number.
    pub protocol: u32,
}

/// What a row in the ring of flow events tells.
pub mod kind {
    /// The flow began, or was established.
    pub const OPENED: u32 = 1;
    /// The flow ended; its figures are final.
    pub const CLOSED: u32 = 2;
    /// The flow was refused before it began.
    pub const DENIED: u32 = 3;
}

/// Where a flow stands.
pub mod state {
    /// TCP: the first packet is on its way, or unanswered.
    pub const CONNECTING: u32 = 1;
    /// Data may flow.
    pub const ESTABLISHED: u32 = 2;
    /// TCP: the socket waits for connections.
    pub const LISTENING: u32 = 3;
    /// It has ended.
    pub const CLOSED: u32 = 4;
    /// It was refused.
    pub const DENIED: u32 = 5;
}

/// Who began a flow.
pub mod direction {
    /// This end.
    pub const OUT: u32 = 1;
    /// The other end.
    pub const IN: u32 = 2;
}

/// A flow and its owner, as the table and the ring of flow events have it. Times are nanoseconds
/// since boot; addresses are in network order with IPv4 as v4-mapped, ports in host order.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowRow {
    /// Counts the attempts to hand over on this CPU, lost ones too: a gap is a loss.
    pub sequence: u64,
    /// The CPU that counted.
    pub cpu: u32,
    /// One of [`kind`], as last told.
    pub kind: u32,
    /// The socket's cookie.
    pub cookie: u64,
    /// The process that connected, sent first, or listens; pid 0 if that was not seen.
    pub process: ProcessKey,
    /// That process's cgroup v2 id.
    pub cgroup: u64,
    /// The cookie of the socket's network namespace; 0 where that is not told (before Linux 6.13: of
    /// datagrams that the other end began).
    pub netns: u64,
    /// When it began.
    pub opened_ns: u64,
    /// When its figures last changed; its end, once it has ended.
    pub changed_ns: u64,
    /// Payload sent and acknowledged (TCP), or sent (UDP).
    pub sent_bytes: u64,
    /// Payload received.
    pub received_bytes: u64,
    /// Packets sent.
    pub sent_packets: u64,
    /// Packets received.
    pub received_packets: u64,
    /// This end's address.
    pub local: [u32; 4],
    /// The other end's address.
    pub remote: [u32; 4],
    /// Where the process wanted to go, if that is not the other end.
    pub original: [u32; 4],
    /// This end's port.
    pub local_port: u32,
    /// The other end's port.
    pub remote_port: u32,
    /// The port to `original`; 0 if there is none.
    pub original_port: u32,
    /// The IP protocol's number.
    pub protocol: u32,
    /// The process's real user id; all ones where it was not seen.
    pub uid: u32,
    /// The process's real group id; likewise.
    pub gid: u32,
    /// The agent whose workload it is; 0 if it is nobody's.
    pub agent: u32,
    /// One of [`state`].
    pub state: u32,
    /// One of [`direction`].
    pub direction: u32,
    /// One of [`crate::verdict`].
    pub verdict: u32,
    /// TCP: segments sent again.
    pub retransmits: u32,
    /// TCP: the smoothed round-trip time, microseconds.
    pub rtt_us: u32,
    /// `enum sock_type` of a socket that is neither TCP nor UDP, of which no more is known than that
    /// it was made; else 0.
    pub kind_of_socket: u32,
    /// One of [`crate::mode`]: what the agent's rule was when the flow began.
    pub mode: u32,
    /// When it was established; 0 if it never was.
    pub established_ns: u64,
    /// The thread group leader's command name.
    pub comm: [u8; COMM_BYTES],
}

/// In the place of a `enum sock_type`: a packet socket (`AF_PACKET`, whose number this is), of whatever type.
pub const SOCKET_KIND_PACKET: u32 = 17;

/// Where somebody listens.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenKey {
    /// The network namespace's cookie.
    pub netns: u64,
    /// Network order, IPv4 as v4-mapped; a listener on all addresses has that of its family.
    pub address: [u32; 4],
    /// Host order.
    pub port: u32,
    /// Zero.
    pub reserved: u32,
}
