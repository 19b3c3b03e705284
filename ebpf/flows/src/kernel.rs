//! The owner as the kernel attests it.

use std::{
    io,
    mem::MaybeUninit,
    net::{TcpListener, TcpStream},
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd},
    process,
    sync::Arc,
};

use abi::{EVENTS_BYTES, Owner, ProcessKey, SOCKOPT_LEVEL, SOCKOPT_OWNER, counter};
use aya::{
    Ebpf,
    maps::{MapData, PerCpuArray},
};
use moka::sync::Cache;

use crate::{
    Attribution, Flow, FlowSource, FlowsError, ProcSource, Process, Source, Verified,
    cgroup::Cgroups,
    life::Life,
    lineage::{self, Lineage},
    loader::{self, Attached},
};

/// Processes whose description is kept ready.
const PROCESSES_MAX: u64 = 16_384;

/// Descriptions by process and executable.
pub(crate) type Known = Cache<ProcessKey, Arc<Attribution>>;

/// Answers from the kernel programs, which are attached as long as this lives.
pub struct KernelSource {
    /// Goes first when dropped, so that no event meets a source that is half gone.
    life: Life,
    programs: Ebpf,
    counters: PerCpuArray<MapData, u64>,
    lineage: Lineage,
    cgroups: Arc<Cgroups>,
    known: Known,
    inferred: ProcSource,
}

impl KernelSource {
    /// Loads and attaches the programs, and calls itself to see whether they answer.
    ///
    /// # Errors
    /// Says which condition is not met: privilege, kernel, hierarchy.
    pub fn open() -> Result<Self, FlowsError> {
        let cgroups = Arc::new(Cgroups::open()?);
        let attached = loader::attach(cgroups.root(), EVENTS_BYTES)?;
        let Attached {
            programs,
            images,
            counters,
            events,
        } = attached;
        let known = Cache::new(PROCESSES_MAX);
        let source = Self {
            life: Life::follow(events, Arc::clone(&cgroups), known.clone())?,
            programs,
            counters,
            lineage: Lineage::new(images),
            cgroups,
            known,
            inferred: ProcSource::open()?,
        };
        prove()?;
        Ok(source)
    }

    /// The programs, and what the verifier had to walk through.
    pub fn verified(&self) -> Vec<Verified> {
        loader::verified(&self.programs)
    }

    /// Events that the programs wanted to hand over since the start: received, lost, or under way.
    pub fn attempted(&self) -> u64 {
        loader::sum(&self.counters, counter::EVENTS_ATTEMPTED)
    }

    /// Events received from the kernel since the start.
    pub fn received(&self) -> u64 {
        self.life.received()
    }

    /// Owners and images that the programs could not store since the start.
    pub fn failed(&self) -> u64 {
        loader::sum(&self.counters, counter::STORES_FAILED)
    }

    fn describe(&self, owner: &Owner) -> Attribution {
        let (executable, ancestors) = self.lineage.trace(&owner.process);
        let process = Process {
            pid: owner.process.pid,
            start_ns: owner.process.start_ns,
            uid: owner.uid,
            gid: owner.gid,
            cgroup_id: owner.cgroup,
            cgroup: self.cgroups.path(owner.cgroup),
            comm: lineage::comm(&owner.comm),
            exe: executable.path,
            exe_sha256: executable.sha256,
            netns: owner.netns,
            ancestors,
        };
        Attribution {
            process,
            source: Source::Kernel,
        }
    }

    /// What is known of the process, with what may differ from connection to connection.
    fn refreshed(&self, known: &Attribution, owner: &Owner) -> Attribution {
        let mut fresh = known.clone();
        fresh.process.uid = owner.uid;
        fresh.process.gid = owner.gid;
        fresh.process.cgroup_id = owner.cgroup;
        fresh.process.cgroup = self.cgroups.path(owner.cgroup);
        fresh.process.comm = lineage::comm(&owner.comm);
        fresh.process.netns = owner.netns;
        fresh
    }
}

impl FlowSource for KernelSource {
    fn owner(&self, socket: BorrowedFd<'_>, flow: Flow) -> Option<Arc<Attribution>> {
        let Ok(owner) = ask(socket) else {
            return self.inferred.owner(socket, flow); // Older than the programs.
        };
        if owner.process.pid == 0 {
            return None; // Seen, but made by no process of this host: inferring could only err.
        }
        let attribution = match self.known.get(&owner.process) {
            Some(known) if is_current(&known.process, &owner) => return Some(known),
            Some(known) => Arc::new(self.refreshed(&known, &owner)),
            None => Arc::new(self.describe(&owner)),
        };
        self.known.insert(owner.process, Arc::clone(&attribution));
        Some(attribution)
    }

    fn source(&self) -> Source {
        Source::Kernel
    }

    fn lost(&self) -> u64 {
        loader::sum(&self.counters, counter::EVENTS_LOST)
    }
}

/// A process may change its user, group, cgroup and name, and connect from several namespaces.
fn is_current(process: &Process, owner: &Owner) -> bool {
    let comm = process.comm.as_bytes();
    process.uid == owner.uid
        && process.gid == owner.gid
        && process.cgroup_id == owner.cgroup
        && process.netns == owner.netns
        && owner.comm.get(..comm.len()) == Some(comm)
        && owner.comm.get(comm.len()).is_none_or(|byte| *byte == 0)
}

/// Asks for the owner of the other end of an accepted socket.
#[expect(unsafe_code, reason = "no wrapper knows a private socket option")]
fn ask(socket: BorrowedFd<'_>) -> io::Result<Owner> {
    let mut owner = MaybeUninit::<Owner>::zeroed();
    let mut length = libc::socklen_t::try_from(size_of::<Owner>()).map_err(io::Error::other)?;
    // SAFETY: the kernel writes at most `length` bytes into memory of that length, and any bytes
    // make an `Owner`: it is nothing but integers.
    let (answer, owner) = unsafe {
        let answer = libc::getsockopt(
            socket.as_raw_fd(),
            SOCKOPT_LEVEL,
            SOCKOPT_OWNER,
            owner.as_mut_ptr().cast(),
            &raw mut length,
        );
        (answer, owner.assume_init())
    };
    if answer != 0 {
        return Err(io::Error::last_os_error());
    }
    if length as usize != size_of::<Owner>() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(owner)
}

/// Calls oneself: programs that load and attach may still see nothing, in a pid namespace for
/// instance, where this process does not go by the pid that the kernel knows it by.
fn prove() -> Result<(), FlowsError> {
    /// Whoever else connects to a port that nobody knows does not do so often.
    const STRANGERS_MAX: usize = 8;
    let call = || -> io::Result<Option<u32>> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let caller = TcpStream::connect(listener.local_addr()?)?;
        for _ in 0..STRANGERS_MAX {
            let (accepted, peer) = listener.accept()?;
            if peer == caller.local_addr()? {
                return Ok(ask(accepted.as_fd()).ok().map(|owner| owner.process.pid));
            }
        }
        Ok(None)
    };
    let named = call().map_err(FlowsError::Loopback)?;
    if named == Some(process::id()) {
        Ok(())
    } else {
        Err(FlowsError::Unanswered)
    }
}
