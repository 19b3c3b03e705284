//! The vocabulary of attribution: flows and the processes that own them.

use std::{net::SocketAddr, os::fd::BorrowedFd, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::FlowId;

/// An accepted connection, from the side of who accepted it.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// The caller's end.
    pub peer: SocketAddr,
    /// The other one: the gateway's, or that of a proxy that asks it.
    pub local: SocketAddr,
}

/// Where an attribution comes from; the stronger is the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Inferred afterwards from `sock_diag` and `/proc`; may miss or err.
    Proc,
    /// Attested by the kernel program that saw the connection being made.
    Kernel,
}

impl Source {
    /// Its name in policies, records and telemetry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proc => "inferred",
            Self::Kernel => "kernel",
        }
    }
}

/// One process, as attested when it made the connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The process (thread group) id in the host's pid namespace.
    pub pid: u32,
    /// When it started, nanoseconds since boot: with `pid` this names it for ever.
    pub start_ns: u64,
    /// The real user id.
    pub uid: u32,
    /// The real group id.
    pub gid: u32,
    /// The cgroup v2 id.
    pub cgroup_id: u64,
    /// The cgroup's path, where it could be resolved.
    pub cgroup: Option<String>,
    /// The command name: 15 bytes that the process itself may choose.
    pub comm: String,
    /// The executable's path; none if it is on no file system (memfd) or unknown.
    #[serde(with = "crate::witness::path")]
    pub exe: Option<PathBuf>,
    /// SHA-256 of the executable file, hexadecimal in every output.
    pub exe_sha256: Option<[u8; 32]>,
    /// The network namespace's cookie or inode; 0 if unknown.
    pub netns: u64,
    /// The number of the agent that the kernel has for it; 0 if that is nobody, or unknown.
    pub agent: u32,
    /// Parents, nearest first, at most eight.
    pub ancestors: Vec<Ancestor>,
}

/// One step up the tree of processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ancestor {
    /// Its process id.
    pub pid: u32,
    /// When it started, nanoseconds since boot; 0 if unknown.
    pub start_ns: u64,
    /// Its command name.
    pub comm: String,
    /// Its executable, where known.
    #[serde(with = "crate::witness::path")]
    pub exe: Option<PathBuf>,
}

/// The owner of a flow, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribution {
    /// The process that made the connection.
    pub process: Process,
    /// How that is known.
    pub source: Source,
}

impl From<Process> for Owned {
    /// The owner as it was inferred.
    fn from(process: Process) -> Self {
        Self {
            attribution: Arc::new(Attribution {
                process,
                source: Source::Proc,
            }),
            flow: None,
            original: None,
        }
    }
}

/// The other end of an accepted connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Whose it is.
    pub attribution: Arc<Attribution>,
    /// The flow that it is to its owner; none where the kernel did not tell.
    pub flow: Option<FlowId>,
    /// Where the owner wanted to go, if it was led here.
    pub original: Option<SocketAddr>,
}

/// Tells who owns an accepted connection.
pub trait FlowSource: Send + Sync {
    /// The owner of the accepted `socket`, or none if nobody can be named.
    ///
    /// Call it once, right after `accept`, and keep the answer for the connection's life.
    fn owner(&self, socket: BorrowedFd<'_>, flow: Flow) -> Option<Owned>;

    /// The owner of a connection that another process of this host accepted; none if that is not known, or
    /// the connection is over. Ask while it is open.
    fn between(&self, flow: Flow) -> Option<Owned>;

    /// Which source this is.
    fn source(&self) -> Source;

    /// Events that the kernel could not hand over, since the start; 0 where there are none.
    fn lost(&self) -> u64;
}
