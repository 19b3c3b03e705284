//! The owner by inference: the caller's socket from `sock_diag`, its holder from `/proc`.
//!
//! It misses callers that are gone already, and may err where several processes hold one socket;
//! so its answers say that they are inferred.

use std::{
    fs::{self, File},
    io,
    net::UdpSocket,
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::fs::MetadataExt as _,
    },
    path::{Path, PathBuf},
};

use procfs::process::{Process as ProcProcess, Stat};

use crate::{
    Ancestor, Flow, FlowSource, FlowsError, Owned, Process, Source, diag, digest::Digests,
    netns_cookie,
};

/// Parents reported, nearest first.
pub(crate) const ANCESTORS_MAX: usize = 8;

/// Answers from `sock_diag` and `/proc`.
pub struct ProcSource {
    digests: Digests,
    cgroup_mount: Option<PathBuf>,
    /// The cookie of this process's network namespace, where the kernel tells.
    netns: Option<u64>,
}

impl ProcSource {
    /// Checks that there is a `/proc`.
    ///
    /// # Errors
    /// [`FlowsError::Proc`].
    pub fn open() -> Result<Self, FlowsError> {
        fs::metadata("/proc/self/stat").map_err(FlowsError::Proc)?;
        let mounts = ProcProcess::myself().and_then(|own| own.mountinfo());
        let cgroup_mount = mounts
            .ok()
            .into_iter()
            .flat_map(|mounts| mounts.0)
            .find(|mount| mount.fs_type == "cgroup2")
            .map(|mount| mount.mount_point);
        Ok(Self {
            digests: Digests::new(),
            cgroup_mount,
            netns: own_netns(),
        })
    }

    /// The oldest process that holds the socket: the one that had it before it forked.
    fn holder(inode: u32) -> Option<i32> {
        let wanted = format!("socket:[{inode}]");
        fs::read_dir("/proc")
            .ok()?
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
            .filter(|pid| holds(*pid, &wanted).unwrap_or(false))
            .min_by_key(|pid| stat(*pid).map_or(u64::MAX, |stat| stat.starttime))
    }

    /// Who has the other end, if the connection is in this network namespace.
    pub(crate) fn infer(&self, flow: Flow) -> Option<Process> {
        let found = diag::caller(flow)?;
        self.describe(Self::holder(found.inode)?)
    }

    /// The process `pid` as it is now.
    pub fn process(&self, pid: u32) -> Option<Process> {
        self.describe(i32::try_from(pid).ok()?)
    }

    /// The process as it is now; none if another one took its pid meanwhile.
    fn describe(&self, pid: i32) -> Option<Process> {
        let process = ProcProcess::new(pid).ok()?;
        let before = process.stat().ok()?;
        let status = process.status().ok()?;
        let cgroup = cgroup(pid);
        let digest = File::open(format!("/proc/{pid}/exe"))
            .ok()
            .and_then(|file| {
                let (_, digest) = self.digests.of(&file)?;
                Some(digest)
            });
        let described = Process {
            pid: u32::try_from(pid).ok()?,
            start_ns: start_ns(&before),
            uid: status.ruid,
            gid: status.rgid,
            cgroup_id: self.cgroup_id(cgroup.as_deref()).unwrap_or(0),
            cgroup,
            comm: before.comm.clone(),
            exe: executable(pid),
            exe_sha256: digest,
            netns: fs::metadata(format!("/proc/{pid}/ns/net")).map_or(0, |found| found.ino()),
            agent: 0,
            ancestors: ancestors(before.ppid, ANCESTORS_MAX),
        };
        let after = stat(pid)?;
        (after.starttime == before.starttime).then_some(described)
    }

    fn cgroup_id(&self, path: Option<&str>) -> Option<u64> {
        let inside = Path::new(path?).strip_prefix("/").ok()?;
        let directory = self.cgroup_mount.as_ref()?.join(inside);
        Some(fs::metadata(directory).ok()?.ino())
    }
}

impl FlowSource for ProcSource {
    fn owner(&self, socket: BorrowedFd<'_>, flow: Flow) -> Option<Owned> {
        if netns_cookie(socket).ok() != self.netns {
            // The same addresses may be somebody else's here: inferring could only err.
            return None;
        }
        self.between(flow)
    }

    fn between(&self, flow: Flow) -> Option<Owned> {
        self.infer(flow).map(Owned::from)
    }

    fn source(&self) -> Source {
        Source::Proc
    }

    fn lost(&self) -> u64 {
        0
    }
}

/// The cookie of this process's network namespace; none where the kernel does not tell (before
/// Linux 5.14).
pub fn own_netns() -> Option<u64> {
    let socket = UdpSocket::bind("127.0.0.1:0").ok()?;
    netns_cookie(socket.as_fd()).ok()
}

fn holds(pid: i32, socket: &str) -> io::Result<bool> {
    let open = fs::read_dir(format!("/proc/{pid}/fd"))?;
    Ok(open
        .flatten()
        .any(|entry| fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str() == socket)))
}

pub(crate) fn stat(pid: i32) -> Option<Stat> {
    ProcProcess::new(pid).ok()?.stat().ok()
}

/// Rounded down to a clock tick, which is all that `/proc` tells.
pub(crate) fn start_ns(stat: &Stat) -> u64 {
    stat.starttime
        .saturating_mul(1_000_000_000 / procfs::ticks_per_second().max(1))
}

/// The executable's path; none for one that has been deleted or never had a name.
pub(crate) fn executable(pid: i32) -> Option<PathBuf> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let gone = path
        .to_str()
        .is_none_or(|path| path.ends_with(" (deleted)"));
    (!gone).then_some(path)
}

fn cgroup(pid: i32) -> Option<String> {
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    cgroups
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
        .map(str::to_owned)
}

/// The chain of parents as it is now, from `pid` up.
pub(crate) fn ancestors(pid: i32, most: usize) -> Vec<Ancestor> {
    let mut found = Vec::new();
    let mut pid = pid;
    while found.len() < most && pid > 0 {
        let Some(stat) = stat(pid) else { break };
        found.push(Ancestor {
            pid: u32::try_from(pid).unwrap_or(0),
            start_ns: start_ns(&stat),
            comm: stat.comm.clone(),
            exe: executable(pid),
        });
        pid = stat.ppid;
    }
    found
}
