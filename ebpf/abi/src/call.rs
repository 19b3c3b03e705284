//! The beginning of a request that an agent gives to OpenSSL.

use crate::ProcessKey;

/// Bytes that are handed over: a request's line and its `Host`, which mostly comes next. A power of two, because the
/// programs mask with it.
pub const CALL_BYTES_MAX: usize = 256;

/// A copy of a request's beginning, and whose it is. The programs look for a method and no further.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Who calls.
    pub process: ProcessKey,
    /// When, nanoseconds since boot.
    pub at_ns: u64,
    /// The agent; never 0.
    pub agent: u32,
    /// Bytes that follow.
    pub captured: u32,
    /// The beginning; behind `captured` is whatever was there before.
    pub bytes: [u8; CALL_BYTES_MAX],
}
