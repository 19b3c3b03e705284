//! The owner as the kernel attests it.

use std::{
    io,
    mem::MaybeUninit,
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd},
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use abi::{FlowKey, Owner, ProcessKey, SOCKOPT_LEVEL, SOCKOPT_OWNER, counter};
use aya::{
    Ebpf,
    maps::{MapData, RingBuf},
};
use moka::sync::Cache;

use crate::{
    AgentRule, Attribution, Flow, FlowId, FlowRecord, FlowSink, FlowSource, FlowsError, Options,
    Owned, ProcSource, Process, Rules, Source, Spent, Turn, Verified,
    cgroup::Cgroups,
    enforce::{Enforcer, Gateway},
    follower::Follower,
    inferring::Inferring,
    keeper::Keeper,
    life,
    lineage::{self, Lineage},
    loader::{self, Attached},
    pins::Pins,
    record::{self, Clock},
    table::Table,
    totals::Totals,
    turn,
    watch::{self, Counters, Followed},
    witness::{Looks, Question, Traced, Witness},
};

/// TCP's and UDP's numbers among the IP protocols.
const TCP: u32 = 6;
const UDP: u32 = 17;

/// Processes whose description is kept ready.
const PROCESSES_MAX: u64 = 16_384;

/// Descriptions by process and executable.
pub(crate) type Known = Cache<ProcessKey, Arc<Attribution>>;

/// Answers from the kernel programs, which are attached as long as this lives.
pub struct KernelSource {
    /// Goes first when dropped, so that no event meets a source that is half gone.
    watch: Mutex<Option<Follower>>,
    /// Follows the lives of processes, if the keeper does not.
    life: Option<Follower>,
    programs: Ebpf,
    counters: Counters,
    /// Follows the turns of agents' processes.
    turning: Mutex<Option<Follower>>,
    rings: Mutex<Option<Rings>>,
    table: Arc<Table>,
    known: Known,
    inferring: Inferring,
    /// This process.
    gateway: Gateway,
    adopted: bool,
    /// Goes last: till then nobody else may take the pins.
    _pins: Option<Pins>,
}

/// What this process reads once it follows.
struct Rings {
    flow_events: RingBuf<MapData>,
    glimpses: RingBuf<MapData>,
    turns: RingBuf<MapData>,
    calls: Option<RingBuf<MapData>>,
}

/// The programs, attached and proven, and nobody who follows what they tell.
pub(crate) struct Proven {
    attached: Attached,
    cgroups: Arc<Cgroups>,
    gateway: Gateway,
}

impl Proven {
    /// Has everything that needs privileges done here, or by a process of its own that first calls
    /// `apart`.
    pub(crate) fn start(self, apart: Option<fn()>) -> Result<KernelSource, FlowsError> {
        let Attached {
            mut programs,
            images,
            counters,
            events,
            flow_events,
            glimpses,
            turns,
            calls,
            table,
            pins,
            adopted,
        } = self.attached;
        let enforcer = Enforcer::new(&mut programs, Arc::clone(&self.cgroups))?;
        let witness = Witness {
            looks: Looks {
                kernel: Some((Lineage::new(images), Arc::clone(&self.cgroups))),
                inferred: ProcSource::open()?,
            },
            enforcer: Some(enforcer),
        };
        let known: Known = Cache::new(PROCESSES_MAX);
        let (keeper, life) = match apart {
            None => {
                let life = life::follow(events, self.cgroups, Some(known.clone()))?;
                (Keeper::here(witness), Some(life))
            }
            Some(confine) => {
                let cgroups = self.cgroups;
                let begin = move || {
                    confine();
                    life::follow(events, cgroups, None)
                };
                (Keeper::apart(witness, begin)?, None)
            }
        };
        Ok(KernelSource {
            watch: Mutex::default(),
            life,
            programs,
            counters: Arc::new(counters),
            turning: Mutex::default(),
            rings: Mutex::new(Some(Rings {
                flow_events,
                glimpses,
                turns,
                calls,
            })),
            table: Arc::new(table),
            known,
            inferring: Inferring::new(Arc::new(keeper)),
            gateway: self.gateway,
            adopted,
            _pins: pins,
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl KernelSource {
    /// Loads and attaches the programs, and calls itself to see whether they answer.
    ///
    /// # Errors
    /// Says which condition is not met: privilege, kernel, hierarchy.
    pub fn open(options: &Options) -> Result<Self, FlowsError> {
        Self::attach(options)?.start(None)
    }

    pub(crate) fn attach(options: &Options) -> Result<Proven, FlowsError> {
        let cgroups = Arc::new(Cgroups::open()?);
        let attached = loader::attach(cgroups.root(), options)?;
        Ok(Proven {
            attached,
            cgroups,
            gateway: prove(options.own_cgroup)?,
        })
    }

    /// Whoever looks at processes.
    pub fn keeper(&self) -> Arc<Keeper> {
        Arc::clone(&self.inferring.keeper)
    }

    /// Tells `sink` of every flow from now on, and of those that an earlier gateway left.
    ///
    /// # Errors
    /// If somebody follows already, or there is no thread for it.
    pub fn follow(&self, sink: Arc<dyn FlowSink>) -> Result<(), FlowsError> {
        let rings = lock(&self.rings).take();
        let rings = rings.ok_or(FlowsError::Followed)?;
        let counters = Arc::clone(&self.counters);
        let heard = Arc::clone(&sink);
        let turning = turn::follow(rings.turns, counters, heard, self.adopted)?;
        let watch = watch::follow(Followed {
            events: rings.flow_events,
            glimpses: rings.glimpses,
            calls: rings.calls,
            table: Arc::clone(&self.table),
            counters: Arc::clone(&self.counters),
            keeper: self.keeper(),
            sink,
            adopted: self.adopted,
        })?;
        *lock(&self.turning) = Some(turning);
        *lock(&self.watch) = Some(watch);
        Ok(())
    }

    /// Tells what has happened till now, and then no more. The rules stay in force where they are
    /// pinned, as if the gateway were gone.
    pub fn unfollow(&self) {
        drop(lock(&self.turning).take());
        drop(lock(&self.watch).take());
    }

    /// Puts the rules for going out into force. They stay in force only while the flows are
    /// followed: that is what tells the kernel that the gateway lives.
    ///
    /// # Errors
    /// If a rule does not fit into the kernel's maps.
    pub fn enforce(&self, rules: &Rules) -> Result<(), FlowsError> {
        self.inferring.keeper.act(Question::Enforce {
            rules: rules.clone(),
            gateway: self.gateway,
        })
    }

    /// Makes `pid` a process of this agent, and with it everything that it starts from now on.
    ///
    /// # Errors
    /// If it is another agent's, or began before the programs.
    pub fn launch(&self, pid: u32, agent: u32) -> Result<(), FlowsError> {
        self.inferring.keeper.act(Question::Launch { pid, agent })
    }

    /// Takes connections to the gateway's listeners in another network namespace for governed, or,
    /// without `open`, does so no longer.
    ///
    /// # Errors
    /// If there is no room for them.
    pub fn gate(&self, netns: u64, listeners: &[SocketAddr], open: bool) -> Result<(), FlowsError> {
        self.inferring.keeper.act(Question::Gate {
            netns,
            listeners: listeners.to_vec(),
            open,
        })
    }

    /// Every flow that is open, and those that ended and were not told yet.
    pub fn flows(&self) -> Vec<FlowRecord> {
        let mut flows = Vec::new();
        self.each_flow(|flow| flows.push(flow));
        flows
    }

    /// The same one by one, as they are read: there may be a million.
    pub fn each_flow(&self, mut look: impl FnMut(FlowRecord)) {
        let clock = Clock::read();
        self.table.each(|_, row| look(FlowRecord::new(&row, clock)));
    }

    /// One flow, if it is in the table.
    pub fn flow(&self, id: FlowId) -> Option<FlowRecord> {
        let key = FlowKey {
            cookie: id.cookie,
            remote: id
                .remote
                .map_or([0; 4], |remote| record::words(remote.ip())),
            remote_port: id.remote.map_or(0, |remote| remote.port().into()),
            protocol: if id.remote.is_some() { UDP } else { TCP },
        };
        let row = self.table.get(&key)?;
        Some(FlowRecord::new(&row, Clock::read()))
    }

    /// The process that took a turn: what it runs, who started it, where it runs.
    pub fn turned(&self, turn: &Turn) -> Process {
        let key = ProcessKey {
            pid: turn.pid,
            start_ns: turn.start_ns,
            exec: turn.exec,
        };
        let traced = self.inferring.keeper.trace(key, turn.cgroup);
        Process {
            pid: turn.pid,
            start_ns: turn.start_ns,
            uid: turn.credentials.uid,
            gid: turn.credentials.gid,
            cgroup_id: turn.cgroup,
            cgroup: traced.cgroup,
            comm: turn.comm.clone(),
            exe: traced.exe,
            exe_sha256: traced.exe_sha256,
            netns: 0,
            agent: turn.agent,
            ancestors: traced.ancestors,
        }
    }

    /// Lets addresses that names of the rules now lead to be gone to, in the place of those before.
    ///
    /// # Errors
    /// If they do not fit into the kernel's map.
    pub fn allow(&self, agents: Vec<AgentRule>) -> Result<(), FlowsError> {
        self.inferring.keeper.act(Question::Allow(agents))
    }

    /// The process that `flow` belongs to, as it is known of connections to the gateway.
    pub fn process(&self, flow: &FlowRecord) -> Process {
        let key = ProcessKey {
            pid: flow.pid,
            start_ns: flow.start_ns,
            exec: flow.exec,
        };
        let traced = match self.known.get(&key) {
            Some(known) => Traced {
                exe: known.process.exe.clone(),
                exe_sha256: known.process.exe_sha256,
                ancestors: known.process.ancestors.clone(),
                cgroup: self.cgroup(&known, flow.cgroup),
            },
            None => self.inferring.keeper.trace(key, flow.cgroup),
        };
        Process {
            pid: flow.pid,
            start_ns: flow.start_ns,
            uid: flow.uid,
            gid: flow.gid,
            cgroup_id: flow.cgroup,
            cgroup: traced.cgroup,
            comm: flow.comm.clone(),
            exe: traced.exe,
            exe_sha256: traced.exe_sha256,
            netns: flow.netns,
            agent: flow.agent,
            ancestors: traced.ancestors,
        }
    }

    /// What was counted, whatever became of the events.
    pub fn totals(&self) -> Totals {
        let sum = |which| loader::sum(&self.counters, which);
        Totals {
            opened: sum(counter::FLOWS_OPENED),
            closed: sum(counter::FLOWS_CLOSED),
            sent_bytes: sum(counter::BYTES_SENT),
            received_bytes: sum(counter::BYTES_RECEIVED),
            denied: sum(counter::DENIED),
            redirected: sum(counter::REDIRECTED),
            untracked: sum(counter::FLOWS_UNTRACKED),
            attempted: sum(counter::FLOW_EVENTS_ATTEMPTED),
            lost: sum(counter::FLOW_EVENTS_LOST),
            received: lock(&self.watch).as_ref().map_or(0, Follower::received),
        }
    }

    /// Whether this process can still read what the programs count: without that, losses would go
    /// unnoticed.
    ///
    /// # Errors
    /// If the kernel, or a rule for files, does not let it.
    pub fn check(&self) -> Result<(), FlowsError> {
        let read = self.counters.get(&counter::FLOW_EVENTS_LOST, 0);
        read.map(drop).map_err(|source| FlowsError::Map {
            name: "COUNTERS",
            source: Box::new(source),
        })
    }

    /// Whether an earlier gateway's programs and maps were taken over.
    pub fn adopted(&self) -> bool {
        self.adopted
    }

    /// The programs, and what the verifier had to walk through.
    pub fn verified(&self) -> Vec<Verified> {
        loader::verified(&self.programs)
    }

    /// The programs, and what they have cost; nothing unless the kernel counts that.
    pub fn spent(&self) -> Vec<Spent> {
        loader::spent(&self.programs)
    }

    /// Events that the programs wanted to hand over since the start: received, lost, or under way.
    pub fn attempted(&self) -> u64 {
        loader::sum(&self.counters, counter::EVENTS_ATTEMPTED)
    }

    /// Events received from the kernel since the start; 0 where the keeper receives them.
    pub fn received(&self) -> u64 {
        self.life.as_ref().map_or(0, Follower::received)
    }

    /// Owners and images that the programs could not store since the start.
    pub fn failed(&self) -> u64 {
        loader::sum(&self.counters, counter::STORES_FAILED)
    }

    fn attribution(&self, owner: &Owner) -> Arc<Attribution> {
        let attribution = match self.known.get(&owner.process) {
            Some(known) if is_current(&known.process, owner) => return known,
            Some(known) => Arc::new(self.refreshed(&known, owner)),
            None => Arc::new(self.describe(owner)),
        };
        self.known.insert(owner.process, Arc::clone(&attribution));
        attribution
    }

    fn describe(&self, owner: &Owner) -> Attribution {
        let traced = self.inferring.keeper.trace(owner.process, owner.cgroup);
        let process = Process {
            pid: owner.process.pid,
            start_ns: owner.process.start_ns,
            uid: owner.uid,
            gid: owner.gid,
            cgroup_id: owner.cgroup,
            cgroup: traced.cgroup,
            comm: lineage::comm(&owner.comm),
            exe: traced.exe,
            exe_sha256: traced.exe_sha256,
            netns: owner.netns,
            agent: owner.agent,
            ancestors: traced.ancestors,
        };
        Attribution {
            process,
            source: Source::Kernel,
        }
    }

    /// The path of a cgroup, which mostly is the one that the process was in before.
    fn cgroup(&self, known: &Attribution, id: u64) -> Option<String> {
        if known.process.cgroup_id == id && known.process.cgroup.is_some() {
            return known.process.cgroup.clone();
        }
        self.inferring.keeper.cgroup(id)
    }

    /// What is known of the process, with what may differ from connection to connection.
    fn refreshed(&self, known: &Attribution, owner: &Owner) -> Attribution {
        let cgroup = self.cgroup(known, owner.cgroup);
        let mut fresh = known.clone();
        fresh.process.uid = owner.uid;
        fresh.process.gid = owner.gid;
        fresh.process.cgroup_id = owner.cgroup;
        fresh.process.cgroup = cgroup;
        fresh.process.comm = lineage::comm(&owner.comm);
        fresh.process.netns = owner.netns;
        fresh.process.agent = owner.agent;
        fresh
    }
}

impl FlowSource for KernelSource {
    fn owner(&self, socket: BorrowedFd<'_>, flow: Flow) -> Option<Owned> {
        let Ok(owner) = ask(socket) else {
            return self.inferring.owner(socket, flow); // Older than the programs.
        };
        if owner.process.pid == 0 {
            return None; // Seen, but made by no process of this host: inferring could only err.
        }
        let led = owner.original_port != 0;
        Some(Owned {
            attribution: self.attribution(&owner),
            flow: Some(FlowId {
                cookie: owner.cookie,
                remote: None,
            }),
            original: led.then(|| record::end(owner.original, owner.original_port)),
        })
    }

    fn between(&self, flow: Flow) -> Option<Owned> {
        let known = self.inferring.keeper.cookie(flow).and_then(|cookie| {
            let id = FlowId {
                cookie,
                remote: None,
            };
            self.flow(id)
        });
        // One that is older than the programs is in no table.
        let Some(record) = known else {
            return self.inferring.between(flow);
        };
        if record.pid == 0 {
            return None; // Seen, but made by no process of this host: inferring could only err.
        }
        Some(Owned {
            attribution: Arc::new(Attribution {
                process: self.process(&record),
                source: Source::Kernel,
            }),
            flow: Some(record.id),
            original: None,
        })
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
        && process.agent == owner.agent
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
/// Returns this process as the kernel knows it.
fn prove(own_cgroup: Option<u64>) -> Result<Gateway, FlowsError> {
    /// Whoever else connects to a port that nobody knows does not do so often.
    const STRANGERS_MAX: usize = 8;
    let call = || -> io::Result<Option<Owner>> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let caller = TcpStream::connect(listener.local_addr()?)?;
        for _ in 0..STRANGERS_MAX {
            let (accepted, peer) = listener.accept()?;
            if peer == caller.local_addr()? {
                return Ok(ask(accepted.as_fd()).ok());
            }
        }
        Ok(None)
    };
    let named = call().map_err(FlowsError::Loopback)?;
    match named {
        Some(owner) if owner.process.pid == process::id() => Ok(Gateway {
            netns: owner.netns,
            start_ns: owner.process.start_ns,
            // The kernel's word, if it is ours as well.
            cgroup: own_cgroup
                .filter(|own| *own == owner.cgroup)
                .unwrap_or_default(),
        }),
        _ => Err(FlowsError::Unanswered),
    }
}
