//! What agents say first, as the kernel hands it up: bytes that nobody has looked into yet.

use std::{net::SocketAddr, time::SystemTime};

use abi::{GLIMPSE_BYTES_MAX, said};

use crate::{
    FlowId,
    record::{Clock, Reader, end},
};

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaidKind {
    /// Sent to port 53.
    DnsAsked,
    /// Received from port 53.
    DnsAnswered,
    /// The first that a TCP connection past the gateway sends.
    First,
}

/// Payload of an agent, or its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The flow that it is of.
    pub flow: FlowId,
    /// The other end.
    pub remote: SocketAddr,
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// The agent's number; never 0.
    pub agent: u32,
    /// What the bytes are.
    pub kind: SaidKind,
    /// When.
    pub at: SystemTime,
    /// At most [`GLIMPSE_BYTES_MAX`].
    pub bytes: Vec<u8>,
    /// Whether that is all of the packet's payload.
    pub whole: bool,
}

const UDP: u32 = 17;

/// From the ring's bytes.
pub(crate) fn read(item: &[u8], clock: Clock) -> Option<Said> {
    let mut at = Reader(item);
    let cookie = at.long()?;
    let when = at.long()?;
    let address = at.address()?;
    let port = at.word()?;
    let udp = at.word()? == UDP;
    let agent = at.word()?;
    let _verdict = at.word()?;
    let kind = match at.word()? {
        said::DNS_ASKED => SaidKind::DnsAsked,
        said::DNS_ANSWERED => SaidKind::DnsAnswered,
        said::FIRST => SaidKind::First,
        _ => return None,
    };
    let length = at.word()?;
    let captured = at.word()?;
    at.word()?;
    let bytes = at.0.get(..usize::try_from(captured).ok()?)?;
    let remote = end(address, port);
    debug_assert!(bytes.len() <= GLIMPSE_BYTES_MAX);
    Some(Said {
        flow: FlowId {
            cookie,
            remote: udp.then_some(remote),
        },
        remote,
        protocol: if udp { "udp" } else { "tcp" },
        agent,
        kind,
        at: clock.at(when),
        bytes: bytes.to_vec(),
        whole: captured == length,
    })
}
