//! The records that the kernel programs write and the host reads.
//!
//! Both sides are built from this one file, so a layout cannot drift; the assertions in `layout`
//! refuse padding, because a padding byte is a byte that the verifier calls uninitialised and that
//! the host would call somebody's memory.
#![no_std]

mod layout;
mod offsets;
mod process;
mod tuple;

pub use offsets::{OFFSET_UNKNOWN, Offsets};
pub use process::{
    COMM_BYTES, Event, Image, NAME_BYTES_MAX, PATH_BYTES_MAX, PATH_STEPS_MAX, ProcessKey, event,
    path,
};
pub use tuple::{Owner, SequenceKey, TupleKey, role};

/// The private socket option's level: outside every range that Linux and its modules use.
pub const SOCKOPT_LEVEL: i32 = 0x5447;
/// The private socket option's name: answers the [`Owner`] of an accepted socket's other end.
pub const SOCKOPT_OWNER: i32 = 1;

/// The counters in the per-CPU array `COUNTERS`.
pub mod counter {
    /// Events that a program wanted to hand over.
    pub const EVENTS_ATTEMPTED: u32 = 0;
    /// Events that found the ring full.
    pub const EVENTS_LOST: u32 = 1;
    /// Owners, images or parents that could not be stored.
    pub const STORES_FAILED: u32 = 2;
    /// How many there are.
    pub const COUNT: usize = 3;
}

/// Owners of connections being made, by addresses: enough for every handshake under way.
pub const TUPLES_MAX: usize = 65_536;
/// Owners of connections being made, by sequence numbers.
pub const SEQUENCES_MAX: usize = 32_768;
/// Living processes; a host's default limit of pids. Rows are allocated as they are needed.
pub const LIVING_MAX: usize = 32_768;
/// Gone processes remembered.
pub const GONE_MAX: usize = 16_384;
/// The ring of events, in bytes, unless the host asks for another size.
pub const EVENTS_BYTES: u32 = 1024 * 1024;
