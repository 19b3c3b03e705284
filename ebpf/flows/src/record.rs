//! A flow as the host tells it: the kernel's row with names for its numbers and times of day.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::{Duration, SystemTime},
};

use abi::{FlowRow, ProcessKey, SOCKET_KIND_PACKET, direction, mode, state, verdict};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::lineage::comm;

/// Where a flow stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// TCP: not answered yet.
    Connecting,
    /// Data may flow.
    Established,
    /// TCP: the socket waits for connections.
    Listening,
    /// It has ended; its figures are final.
    Closed,
    /// It was refused.
    Denied,
}

/// Who began a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// This end.
    Out,
    /// The other end.
    In,
}

/// What the kernel decided about a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Nothing: it is nobody's, or its agent is observed only.
    None,
    /// It goes to the gateway by itself.
    Governed,
    /// It goes where its agent may go.
    Allowed,
    /// It was refused.
    Denied,
    /// It was led to the gateway.
    Redirected,
    /// It went out because the gateway was gone, as the configuration wants it.
    FailedOpen,
    /// It is the gateway's own.
    Exempt,
}

/// What is done about an agent's own ways out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Egress {
    /// They are recorded.
    #[default]
    Observe,
    /// They are refused, but for what is allowed.
    Deny,
    /// TCP is led to the gateway; all else is refused, but for what is allowed.
    Redirect,
}

/// What names a flow for ever, until the next boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowId {
    /// The socket's cookie.
    pub cookie: u64,
    /// UDP: to whom; a TCP socket talks to one.
    pub remote: Option<SocketAddr>,
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.remote {
            None => write!(f, "{:x}", self.cookie),
            Some(remote) => write!(f, "{:x}/{remote}", self.cookie),
        }
    }
}

/// One flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowRecord {
    /// Its name.
    pub id: FlowId,
    /// `tcp` or `udp`; of a socket of another kind, of which no more is known than that it was made: `raw`, `icmp`,
    /// `sctp`, `udplite`, `mptcp`, `packet`, `other`.
    pub protocol: &'static str,
    /// Where it stands.
    pub state: State,
    /// Who began it.
    pub direction: Direction,
    /// This end; port 0 if it was refused before it had one.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// Where the process wanted to go, if it was led elsewhere.
    pub original: Option<SocketAddr>,
    /// The process that connected, sent first or listens; pid 0 if that was not seen.
    pub pid: u32,
    /// When that process started, nanoseconds since boot.
    pub start_ns: u64,
    /// How often it had run `exec`.
    pub exec: u32,
    /// Its real user id; `u32::MAX` where it was not seen: of what listens, and was accepted.
    pub uid: u32,
    /// Its real group id; likewise.
    pub gid: u32,
    /// Its cgroup v2 id.
    pub cgroup: u64,
    /// The cookie of the socket's network namespace; 0 if unknown.
    pub netns: u64,
    /// Its command name.
    pub comm: String,
    /// The number of the agent whose workload it is; 0 if it is nobody's.
    pub agent: u32,
    /// What was decided.
    pub verdict: Verdict,
    /// The agent's rule when the flow began.
    pub mode: Egress,
    /// When it began.
    pub opened: SystemTime,
    /// When it was established.
    pub established: Option<SystemTime>,
    /// When its figures last changed; its end, once it has ended.
    pub changed: SystemTime,
    /// Payload sent, bytes.
    pub sent_bytes: u64,
    /// Payload received, bytes.
    pub received_bytes: u64,
    /// Packets sent.
    pub sent_packets: u64,
    /// Packets received.
    pub received_packets: u64,
    /// TCP: segments sent again.
    pub retransmits: u32,
    /// TCP: the smoothed round-trip time.
    pub rtt: Duration,
}

impl FlowRecord {
    pub(crate) fn new(row: &FlowRow, clock: Clock) -> Self {
        let remote = end(row.remote, row.remote_port);
        let udp = row.protocol == UDP && row.kind_of_socket == 0;
        Self {
            id: FlowId {
                cookie: row.cookie,
                remote: udp.then_some(remote),
            },
            protocol: protocol(row),
            state: match row.state {
                state::CONNECTING => State::Connecting,
                state::LISTENING => State::Listening,
                state::CLOSED => State::Closed,
                state::DENIED => State::Denied,
                _ => State::Established,
            },
            direction: if row.direction == direction::IN {
                Direction::In
            } else {
                Direction::Out
            },
            local: end(row.local, row.local_port),
            remote,
            original: (row.original_port != 0).then(|| end(row.original, row.original_port)),
            pid: row.process.pid,
            start_ns: row.process.start_ns,
            exec: row.process.exec,
            uid: row.uid,
            gid: row.gid,
            cgroup: row.cgroup,
            netns: row.netns,
            comm: comm(&row.comm),
            agent: row.agent,
            verdict: match row.verdict {
                verdict::GOVERNED => Verdict::Governed,
                verdict::ALLOWED => Verdict::Allowed,
                verdict::DENIED => Verdict::Denied,
                verdict::REDIRECTED => Verdict::Redirected,
                verdict::FAILED_OPEN => Verdict::FailedOpen,
                verdict::EXEMPT => Verdict::Exempt,
                _ => Verdict::None,
            },
            mode: match row.mode {
                mode::DENY => Egress::Deny,
                mode::REDIRECT => Egress::Redirect,
                _ => Egress::Observe,
            },
            opened: clock.at(row.opened_ns),
            established: (row.established_ns != 0).then(|| clock.at(row.established_ns)),
            changed: clock.at(row.changed_ns),
            sent_bytes: row.sent_bytes,
            received_bytes: row.received_bytes,
            sent_packets: row.sent_packets,
            received_packets: row.received_packets,
            retransmits: row.retransmits,
            rtt: Duration::from_micros(u64::from(row.rtt_us)),
        }
    }

    /// Where the process wanted to go.
    pub fn wanted(&self) -> SocketAddr {
        self.original.unwrap_or(self.remote)
    }

    /// From its beginning to its end, or to its last change.
    pub fn duration(&self) -> Duration {
        self.changed.duration_since(self.opened).unwrap_or_default()
    }
}

const UDP: u32 = 17;

/// What goes over the flow; see include/uapi/linux/in.h.
fn protocol(row: &FlowRow) -> &'static str {
    const RAW: u32 = 3;
    match (row.kind_of_socket, row.protocol) {
        (0, UDP) => "udp",
        (0, _) => "tcp",
        (RAW, _) => "raw",
        (SOCKET_KIND_PACKET, _) => "packet",
        (_, 1 | 58) => "icmp",
        (_, 132) => "sctp",
        (_, 136) => "udplite",
        (_, 262) => "mptcp",
        _ => "other",
    }
}

/// An address as the kernel has it; a v4-mapped one is told as IPv4.
pub(crate) fn end(address: [u32; 4], port: u32) -> SocketAddr {
    let mut bytes = [0; 16];
    for (chunk, word) in bytes.chunks_exact_mut(4).zip(address) {
        chunk.copy_from_slice(&word.to_ne_bytes());
    }
    let address = IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical();
    SocketAddr::new(address, u16::try_from(port).unwrap_or(0))
}

/// An address as the kernel has it.
pub(crate) fn words(address: IpAddr) -> [u32; 4] {
    let bytes = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_ne_bytes(chunk.try_into().unwrap_or_default());
    }
    words
}

/// Nanoseconds since boot, now.
pub(crate) fn boot_ns() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// What the time of day was when the machine started.
#[derive(Clone, Copy)]
pub(crate) struct Clock(SystemTime);

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "turns the kernel's clock into the time of day"
    )]
    pub(crate) fn read() -> Self {
        let now = SystemTime::now();
        Self(
            now.checked_sub(Duration::from_nanos(boot_ns()))
                .unwrap_or(SystemTime::UNIX_EPOCH),
        )
    }

    pub(crate) fn at(self, boot_ns: u64) -> SystemTime {
        self.0 + Duration::from_nanos(boot_ns)
    }
}

/// A row from the ring's bytes.
pub(crate) fn row(bytes: &[u8]) -> Option<FlowRow> {
    let mut at = Reader(bytes);
    let row = FlowRow {
        sequence: at.long()?,
        cpu: at.word()?,
        kind: at.word()?,
        cookie: at.long()?,
        process: ProcessKey {
            start_ns: at.long()?,
            pid: at.word()?,
            exec: at.word()?,
        },
        cgroup: at.long()?,
        netns: at.long()?,
        opened_ns: at.long()?,
        changed_ns: at.long()?,
        sent_bytes: at.long()?,
        received_bytes: at.long()?,
        sent_packets: at.long()?,
        received_packets: at.long()?,
        local: at.address()?,
        remote: at.address()?,
        original: at.address()?,
        local_port: at.word()?,
        remote_port: at.word()?,
        original_port: at.word()?,
        protocol: at.word()?,
        uid: at.word()?,
        gid: at.word()?,
        agent: at.word()?,
        state: at.word()?,
        direction: at.word()?,
        verdict: at.word()?,
        retransmits: at.word()?,
        rtt_us: at.word()?,
        kind_of_socket: at.word()?,
        mode: at.word()?,
        established_ns: at.long()?,
        comm: at.take()?,
    };
    at.0.is_empty().then_some(row)
}

/// Reads the fields of a row one after the other, as `repr(C)` lays them out without padding.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl Reader<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn word(&mut self) -> Option<u32> {
        self.take().map(u32::from_ne_bytes)
    }

    pub(crate) fn long(&mut self) -> Option<u64> {
        self.take().map(u64::from_ne_bytes)
    }

    pub(crate) fn address(&mut self) -> Option<[u32; 4]> {
        Some([self.word()?, self.word()?, self.word()?, self.word()?])
    }
}
