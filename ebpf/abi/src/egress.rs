//! Which agent a process belongs to, and where its connections may go.

/// What is done about an agent's own ways out.
pub mod mode {
    /// They are recorded.
    pub const OBSERVE: u32 = 0;
    /// They are refused, but for the destinations that are allowed.
    pub const DENY: u32 = 1;
    /// TCP is led to the gateway; all else is refused, but for what is allowed.
    pub const REDIRECT: u32 = 2;
}

/// What was decided about a flow.
pub mod verdict {
    /// Nothing: it is nobody's, or its agent is observed only.
    pub const NONE: u32 = 0;
    /// It goes to the gateway by itself.
    pub const GOVERNED: u32 = 1;
    /// It goes to a destination that is allowed.
    pub const ALLOWED: u32 = 2;
    /// It was refused.
    pub const DENIED: u32 = 3;
    /// It was led to the gateway.
    pub const REDIRECTED: u32 = 4;
    /// It went out because the gateway was gone and the rule is to fail open.
    pub const FAILED_OPEN: u32 = 5;
    /// It is the gateway's own.
    pub const EXEMPT: u32 = 6;
}

/// Which conditions a [`MatchKey`] has; the fields of the others are zero.
pub mod shape {
    /// The executable file, by device and inode.
    pub const FILE: u32 = 1;
    /// The real user id.
    pub const UID: u32 = 2;
    /// The real group id.
    pub const GID: u32 = 4;
    /// Exactly this cgroup.
    pub const CGROUP: u32 = 8;
    /// This cgroup, or one below it.
    pub const CGROUP_TREE: u32 = 16;
}

/// Conditions that together make a process an agent's.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MatchKey {
    /// The executable's inode number.
    pub inode: u64,
    /// The cgroup v2 id.
    pub cgroup: u64,
    /// The executable's device: major << 20 | minor.
    pub device: u32,
    /// The real user id.
    pub uid: u32,
    /// The real group id.
    pub gid: u32,
    /// Any of [`shape`].
    pub shape: u32,
}

/// An address that the gateway listens on.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gate {
    /// The cookie of the gateway's network namespace.
    pub netns: u64,
    /// Network order, IPv4 as v4-mapped.
    pub address: [u32; 4],
    /// Host order.
    pub port: u32,
    /// Zero.
    pub reserved: u32,
}

/// The data of a key in the trie of what is allowed: the agent in full, then a network.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    /// The agent, network order, so that the prefix covers it from its first bit.
    pub agent: u32,
    /// Network order, IPv4 as v4-mapped.
    pub address: [u32; 4],
}

/// Ranges of ports that one network may have.
pub const PORTS_MAX: usize = 8;
/// A range that no port lies in.
pub const PORTS_NONE: [u16; 2] = [1, 0];

/// The ports that may be gone to. The longest prefix alone counts, so the host writes into it what
/// the shorter ones allow as well.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// First and last port, host order; [`PORTS_NONE`] where there are no more.
    pub ports: [[u16; 2]; PORTS_MAX],
}

/// What the gateway tells the programs about itself.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Its last sign of life, nanoseconds since boot.
    pub heartbeat_ns: u64,
    /// When its process began, nanoseconds since boot: its number is another's once it is gone.
    pub start_ns: u64,
    /// The cookie of its network namespace.
    pub netns: u64,
    /// The cgroup that it had to itself when it began; 0 if there is none.
    pub cgroup: u64,
    /// Where it takes redirected connections on 127.0.0.1, host order; 0 for nowhere.
    pub port4: u32,
    /// The same on `::1`.
    pub port6: u32,
    /// Whether connections go their way while it is gone.
    pub fail_open: u32,
    /// Whether nobody wants to hear of the end of flows that are no agent's.
    pub quiet: u32,
}
