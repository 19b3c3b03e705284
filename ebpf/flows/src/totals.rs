//! What the programs have counted in all.

/// Figures since the programs were first attached: for maps that are pinned, across restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Flows that began.
    pub opened: u64,
    /// Flows that ended.
    pub closed: u64,
    /// Payload sent, bytes: TCP's counts when the flow ends.
    pub sent_bytes: u64,
    /// Payload received, bytes.
    pub received_bytes: u64,
    /// Attempts to go out that were refused.
    pub denied: u64,
    /// Connections that were led to the gateway.
    pub redirected: u64,
    /// Flows that found the table full.
    pub untracked: u64,
    /// Events that the programs wanted to hand over.
    pub attempted: u64,
    /// Those that found the ring full.
    pub lost: u64,
    /// Those that this process has read.
    pub received: u64,
}
