//! The first bytes of what an agent says past the gateway: enough to know by which name it goes.

/// Bytes of payload that are handed over: a client's first message of TLS with a post-quantum key
/// share has some 1800, an answer of DNS over UDP mostly no more than 1232.
pub const GLIMPSE_BYTES_MAX: usize = 2_048;

/// What is handed over.
pub mod said {
    /// A datagram or segment to port 53.
    pub const DNS_ASKED: u32 = 1;
    /// A datagram or segment from port 53.
    pub const DNS_ANSWERED: u32 = 2;
    /// The first payload that a TCP connection sends.
    pub const FIRST: u32 = 3;
}

/// A copy of payload, and whose it is. The programs do not look into it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Glimpse {
    /// The socket's cookie.
    pub cookie: u64,
    /// When, nanoseconds since boot.
    pub at_ns: u64,
    /// The other end's address, network order, IPv4 as v4-mapped.
    pub remote: [u32; 4],
    /// The other end's port, host order.
    pub remote_port: u32,
    /// The IP protocol's number.
    pub protocol: u32,
    /// The agent; never 0.
    pub agent: u32,
    /// What was decided about the flow, one of [`crate::verdict`].
    pub verdict: u32,
    /// One of [`said`].
    pub kind: u32,
    /// Bytes of payload there were.
    pub length: u32,
    /// Bytes of them that follow.
    pub captured: u32,
    /// Zero.
    pub reserved: u32,
    /// The payload's beginning; behind `captured` is whatever was there before.
    pub bytes: [u8; GLIMPSE_BYTES_MAX],
}
