//! The records that the kernel programs write and the host reads.
//!
//! Both sides are built from this one file, so a layout cannot drift; the assertions in `layout`
//! refuse padding, because a padding byte is a byte that the verifier calls uninitialised and that
//! the host would call somebody's memory.
#![no_std]

mod call;
mod egress;
mod flow;
mod glimpse;
mod layout;
mod offsets;
mod process;
mod tuple;

pub use call::{CALL_BYTES_MAX, Call};
pub use egress::{
    Allowed, Config, Destination, Gate, MatchKey, PORTS_MAX, PORTS_NONE, mode, shape, verdict,
};
pub use flow::{FlowKey, FlowRow, ListenKey, SOCKET_KIND_PACKET, direction, kind, state};
pub use glimpse::{GLIMPSE_BYTES_MAX, Glimpse, said};
pub use offsets::{OFFSET_UNKNOWN, Offsets};
pub use process::{
    COMM_BYTES, Credentials, Event, Image, NAME_BYTES_MAX, PATH_BYTES_MAX, PATH_STEPS_MAX,
    ProcessKey, Turn, event, path,
};
pub use tuple::{Owner, SequenceKey, TupleKey, role};

/// The private socket option's level: outside every range that Linux and its modules use.
pub const SOCKOPT_LEVEL: i32 = 0x5447;
/// The private socket option's name: answers the [`Owner`] of an accepted socket's other end.
pub const SOCKOPT_OWNER: i32 = 1;

/// What a kernel can do that an older one cannot: bits of the programs' constant `FEATURES`.
pub mod feature {
    /// Programs on packets may ask for the network namespace.
    pub const PACKET_NETNS: u32 = 1;
    /// Programs on connections may.
    pub const CONNECTION_NETNS: u32 = 2;
    /// The current task is to be had as a pointer that the verifier knows.
    pub const KNOWN_TASK: u32 = 4;
    /// Tracing programs may ask for the cgroups above the current one.
    pub const ANCESTORS: u32 = 8;
    /// Programs on socket options may ask for the current process.
    pub const OPTION_PROCESS: u32 = 16;
}

/// The counters in the per-CPU array `COUNTERS`.
pub mod counter {
    /// Events that a program wanted to hand over.
    pub const EVENTS_ATTEMPTED: u32 = 0;
    /// Events that found the ring full.
    pub const EVENTS_LOST: u32 = 1;
    /// Owners, images or parents that could not be stored.
    pub const STORES_FAILED: u32 = 2;
    /// Flow events that a program wanted to hand over.
    pub const FLOW_EVENTS_ATTEMPTED: u32 = 3;
    /// Flow events that found their ring full. Nothing of the flow is lost by that: its row stays in
    /// the table until the host has read it.
    pub const FLOW_EVENTS_LOST: u32 = 4;
    /// Flows that found the table full: known to have been, and no more.
    pub const FLOWS_UNTRACKED: u32 = 5;
    /// Flows that began.
    pub const FLOWS_OPENED: u32 = 6;
    /// Flows that ended.
    pub const FLOWS_CLOSED: u32 = 7;
    /// Bytes of payload sent by flows that ended.
    pub const BYTES_SENT: u32 = 8;
    /// Bytes of payload received by flows that ended.
    pub const BYTES_RECEIVED: u32 = 9;
    /// Attempts to go out that were refused.
    pub const DENIED: u32 = 10;
    /// Connections that were led to the gateway.
    pub const REDIRECTED: u32 = 11;
    /// Payloads of agents that a program wanted to hand over.
    pub const GLIMPSES_ATTEMPTED: u32 = 12;
    /// Payloads that found their ring full.
    pub const GLIMPSES_LOST: u32 = 13;
    /// Turns in the lives of agents' processes that a program wanted to hand over.
    pub const TURNS_ATTEMPTED: u32 = 14;
    /// Turns that found their ring full.
    pub const TURNS_LOST: u32 = 15;
    /// Beginnings of requests that a program wanted to hand over.
    pub const CALLS_ATTEMPTED: u32 = 16;
    /// Beginnings that found their ring full, or could not be read.
    pub const CALLS_LOST: u32 = 17;
    /// How many there are.
    pub const COUNT: usize = 18;
}

/// Owners of connections being made, by addresses: enough for every handshake under way.
pub const TUPLES_MAX: usize = 65_536;
/// Owners of connections being made, by sequence numbers.
pub const SEQUENCES_MAX: usize = 32_768;
/// Living processes, unless the host lets there be more. Rows are allocated as they are needed.
pub const LIVING_MAX: usize = 32_768;
/// Gone processes remembered.
pub const GONE_MAX: usize = 16_384;
/// The ring of events, in bytes, unless the host asks for another size.
pub const EVENTS_BYTES: u32 = 1024 * 1024;
/// The ring of flow events, in bytes, unless the host asks for another size.
pub const FLOW_EVENTS_BYTES: u32 = 4 * 1024 * 1024;
/// The ring of payloads, in bytes: room for 496 at a time.
pub const GLIMPSES_BYTES: u32 = 1024 * 1024;
/// The ring of turns in the lives of agents' processes, in bytes: room for 6,500 at a time.
pub const TURNS_BYTES: u32 = 1024 * 1024;
/// The ring of beginnings of requests, in bytes, where they are looked at: room for 880 at a time.
pub const CALLS_BYTES: u32 = 256 * 1024;
/// The same where they are not: as small as a ring can be.
pub const CALLS_BYTES_OFF: u32 = 4096;
/// Ports that there are.
pub const PORTS_COUNT: usize = 65_536;
/// Flows in the table, unless the host asks for another number. Their memory is set aside at once.
pub const FLOWS_MAX: u32 = 262_144;
/// The most that a host may ask for.
pub const FLOWS_LIMIT: u32 = 4_194_304;
/// Listening ports whose owners are known.
pub const LISTENERS_MAX: usize = 8_192;
/// Conditions that make a process an agent's.
pub const MATCHES_MAX: usize = 16_384;
/// Different combinations of conditions.
pub const SHAPES_MAX: usize = 8;
/// How deep in the hierarchy a cgroup is looked for.
pub const CGROUP_LEVELS_MAX: i32 = 8;
/// Agents with rules for going out.
pub const AGENTS_MAX: usize = 4_096;
/// Addresses and networks that agents may go to.
pub const DESTINATIONS_MAX: usize = 65_536;
/// Addresses that the gateway listens on.
pub const GATES_MAX: usize = 256;
/// How long after its last sign of life the gateway counts as gone, nanoseconds.
pub const HEARTBEAT_MAX_NS: u64 = 3_000_000_000;
/// Raised whenever a layout or a map changes: programs and maps of another version are never
/// adopted.
pub const VERSION: u32 = 5;
