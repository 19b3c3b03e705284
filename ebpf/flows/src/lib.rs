//! Who owns a connection: the kernel's answer, or `/proc`'s.
//!
//! The kernel programs see each `connect` on the host and give the owner to the accepted socket
//! before `accept` returns it; the gateway reads it from there with a private socket option. Where
//! they cannot run, `sock_diag` and `/proc` are asked afterwards, and the answer says so
//! ([`Source::Proc`], "inferred").
//!
//! | case | [`Source::Kernel`] answers | [`Source::Proc`] answers |
//! | --- | --- | --- |
//! | IPv4, IPv6, IPv4 through an IPv6 socket, either end dual-stack | the process that called `connect` | the holder of the socket |
//! | a forked child writes to an inherited socket | the parent, which connected | the oldest holder |
//! | a connected socket is passed to another process (`SCM_RIGHTS`) | the process that connected | the oldest holder |
//! | an unconnected socket is passed, the receiver connects | the receiver | the oldest holder |
//! | another network namespace, address translation on this host | the process that connected, by sequence numbers | nobody |
//! | the caller has exited, or reset, before `accept` | the process that connected | nobody |
//! | the pid was recycled since | the process that connected: start time and count of `exec` belong to the key | nobody, or rarely the new one |
//! | the process ran another executable (`exec`) between two connections | each connection the executable that made it | the present one |
//! | the connection is older than the programs | as [`Source::Proc`], marked so | the holder of the socket |
//! | the owner could not be kept (memory ran out; counted) | nobody | the holder of the socket |
//! | the caller is on another host, or behind a user-space forwarder | nobody; the forwarder | nobody; the forwarder |
//!
//! The parents are those that forked, as seen then, so a chain stays whole when its middle is gone.
//!
//! An executable's path has its meaning in a mount namespace. One from another namespace than the
//! host's or the gateway's is reported as absolute only if that path leads the gateway to the very
//! same file, else as `mnt:[NUMBER]/path`, which no rule for an absolute path can match. The digest
//! is taken from the running process's own file, or from the path if inode, size and change time
//! are those that the kernel saw at `exec`; else there is none. Both are read when a process first
//! connects: the first call of a large executable waits until it is hashed once, and one of more
//! than 256 MiB has no digest.
//!
//! What a process runs is noted at `exec` and handed down at `fork`, not read from the process when it
//! connects, because a process may pass for another there (`prctl(PR_SET_MM)`). Processes that are
//! older than the programs are the exception: they are taken at their word.
//!
//! Only the gateway may ask, and the programs live as long as their [`KernelSource`].

mod aside;
mod btf;
mod called;
mod cgroup;
mod diag;
mod digest;
mod doctor;
mod enforce;
mod executable;
mod features;
mod follower;
mod inferring;
mod keeper;
mod kernel;
mod life;
mod lineage;
mod loader;
mod members;
mod open;
mod own;
mod pins;
mod proc;
mod process;
mod record;
mod release;
mod rules;
mod said;
mod socket;
mod syscall;
mod table;
mod totals;
mod turn;
mod watch;
mod witness;
mod workload;

pub use abi::FLOWS_LIMIT;
pub use called::Called;
pub use doctor::{Check, examine};
pub use keeper::Keeper;
pub use kernel::KernelSource;
pub use loader::{Options, Spent, Verified};
pub use open::{FlowsError, Mode, Opened, open, open_apart};
pub use own::own_cgroup;
pub use pins::{PINS, detach};
pub use proc::{ProcSource, own_netns};
pub use process::{Ancestor, Attribution, Flow, FlowSource, Owned, Process, Source};
pub use record::{Direction, Egress, FlowId, FlowRecord, State, Verdict};
pub use rules::{AgentRule, Condition, Network, NetworkError, Rules, TooManyPorts, compile};
pub use said::{Said, SaidKind};
pub use socket::netns_cookie;
pub use totals::Totals;
pub use turn::{Credentials, Namespaces, Turn, TurnKind};
pub use watch::{FlowSink, Gap};
pub use workload::Workload;
