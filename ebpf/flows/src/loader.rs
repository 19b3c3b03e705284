//! Loading the kernel programs and attaching them.

mod probe;

use std::{
    fs::File,
    os::fd::{AsFd as _, OwnedFd},
    path::PathBuf,
    process,
    time::Duration,
};

use abi::{Event, Offsets, ProcessKey, counter};
use aya::{
    Ebpf, EbpfLoader, Pod, VerifierLogLevel,
    maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray, RingBuf},
    programs::{
        CgroupAttachMode, CgroupSkbAttachType, Program, ProgramError, cgroup_skb::CgroupSkbLinkId,
        cgroup_sock::CgroupSockLinkId, cgroup_sock_addr::CgroupSockAddrLinkId, links::FdLink,
        raw_trace_point::RawTracePointLinkId, sock_ops::SockOpsLinkId,
    },
};

use crate::{
    FlowsError,
    btf::Btf,
    called, features,
    lineage::Images,
    pins::{self, Pins},
    record::boot_ns,
    table::Table,
};

#[cfg(not(no_ebpf))]
pub(crate) static OBJECT: Option<&[u8]> = Some(aya::include_bytes_aligned!(concat!(
    env!("OUT_DIR"),
    "/programs"
)));
#[cfg(no_ebpf)]
pub(crate) static OBJECT: Option<&[u8]> = None;

/// What follows the lives of processes, and where it is attached.
const LIVES: [(&str, &str); 3] = [
    ("process_exit", "sched_process_exit"),
    ("process_exec", "sched_process_exec"),
    ("process_fork", "sched_process_fork"),
];

/// What follows connections. In this order: what carries owners onward must run before owners are
/// made.
const OWNERS: [&str; 11] = [
    "owner_getsockopt",
    "owner_handshake",
    "packet_in",
    "packet_out",
    "peer_name4",
    "peer_name6",
    "socket_created",
    "flow_sendmsg4",
    "flow_sendmsg6",
    "owner_connect4",
    "owner_connect6",
];

/// How the programs are to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The ring of events, bytes: a power of two of pages.
    pub ring_bytes: u32,
    /// The ring of flow events, bytes: a power of two of pages.
    pub flow_ring_bytes: u32,
    /// How many flows the kernel's table has room for, live ones and such as ended and were not told yet:
    /// at most [`abi::FLOWS_LIMIT`], some 344 bytes of the kernel's memory each. A pinned table stays as large
    /// as it is.
    pub flows_max: u32,
    /// Where programs and maps are pinned, so that they outlive this process; nowhere, and they end
    /// with it.
    pub pins: Option<PathBuf>,
    /// Whether it is looked at how the requests begin that agents give to OpenSSL.
    pub glimpse: bool,
    /// The cgroup that this process has to itself, if any ([`crate::own_cgroup`]): then only processes of the gateway
    /// in it are exempt from the rules; else the one that serves, wherever it is.
    pub own_cgroup: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ring_bytes: abi::EVENTS_BYTES,
            flow_ring_bytes: abi::FLOW_EVENTS_BYTES,
            flows_max: abi::FLOWS_MAX,
            pins: None,
            glimpse: false,
            own_cgroup: None,
        }
    }
}

/// A program that the kernel accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its name.
    pub name: String,
    /// Instructions that the verifier walked through; 0 if the kernel does not tell (before 5.16).
    pub instructions: u32,
}

/// What a program has cost since it was loaded, where the kernel counts that (`BPF_ENABLE_STATS`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Its name.
    pub name: String,
    /// In all.
    pub time: Duration,
    /// How often it ran.
    pub runs: u64,
}

/// The programs, attached as long as this lives or longer, and the maps that the host reads.
pub(crate) struct Attached {
    pub(crate) programs: Ebpf,
    pub(crate) images: Images,
    pub(crate) counters: PerCpuArray<MapData, u64>,
    pub(crate) events: RingBuf<MapData>,
    pub(crate) flow_events: RingBuf<MapData>,
    pub(crate) glimpses: RingBuf<MapData>,
    pub(crate) turns: RingBuf<MapData>,
    /// Where they are looked at.
    pub(crate) calls: Option<RingBuf<MapData>>,
    pub(crate) table: Table,
    /// Keeps others away from the pins.
    pub(crate) pins: Option<Pins>,
    /// Whether an earlier gateway's maps were taken over.
    pub(crate) adopted: bool,
}

/// Loads and attaches everything to the hierarchy whose root is `cgroup`.
///
/// The root, because hooks run by the cgroup of the *socket*, and a socket may be made in one
/// cgroup and handed to a process in another.
pub(crate) fn attach(cgroup: &File, options: &Options) -> Result<Attached, FlowsError> {
    let object = OBJECT.ok_or(FlowsError::NotBuilt)?;
    features::lift_memory_limit();
    let btf = Btf::of_kernel()?;
    let offsets = Offsets::resolve(|names| names.iter().find_map(|name| btf.offset(name)))
        .map_err(FlowsError::Field)?;
    let features = features::running(|field| btf.offset(field).is_some())?;
    drop(btf);
    let pins = options.pins.as_deref().map(Pins::take).transpose()?;
    let adopted = pins.as_ref().is_some_and(Pins::are_used);
    let gateway = process::id();
    let object = features::fit(object)?;
    let mut loader = EbpfLoader::new();
    loader
        .verifier_log_level(VerifierLogLevel::STATS)
        .map_max_entries("EVENTS", options.ring_bytes)
        .map_max_entries("FLOW_EVENTS", options.flow_ring_bytes)
        .map_max_entries("CALLS", called::ring_bytes(options.glimpse))
        .map_max_entries("LIVING", living_max())
        .map_max_entries("FLOWS", options.flows_max.clamp(1, abi::FLOWS_LIMIT))
        .override_global("OFFSETS", &offsets, true)
        .override_global("FEATURES", &features, true)
        .override_global("GATEWAY_PID", &gateway, true);
    if let Some(pins) = &pins {
        for (name, ..) in pins::maps() {
            loader.map_pin_path(name, pins.map(name));
        }
    }
    let mut programs = loader
        .load(&object)
        .map_err(|error| FlowsError::Load(Box::new(error)))?;
    for (name, tracepoint) in LIVES {
        start(&mut programs, name, cgroup, tracepoint, pins.as_ref())?;
    }
    probe::start(&mut programs, pins.as_ref());
    if !adopted {
        watch_from_now(&mut programs)?;
    }
    if adopted {
        // The earlier gateway's: this one listens nowhere yet.
        forget_ports(&mut programs)?;
    }
    for name in OWNERS {
        start(&mut programs, name, cgroup, "", pins.as_ref())?;
    }
    if options.glimpse {
        called::start(&mut programs);
    }
    let calls = options.glimpse.then(|| map(&mut programs, "CALLS"));
    Ok(Attached {
        calls: calls.transpose()?,
        images: Images {
            living: copy(&mut programs, "LIVING")?,
            gone: map(&mut programs, "GONE")?,
        },
        counters: map(&mut programs, "COUNTERS")?,
        events: map(&mut programs, "EVENTS")?,
        flow_events: map(&mut programs, "FLOW_EVENTS")?,
        glimpses: map(&mut programs, "GLIMPSES")?,
        turns: map(&mut programs, "TURNS")?,
        table: Table::new(copy(&mut programs, "FLOWS")?, second(&programs, "FLOWS")?),
        programs,
        pins,
        adopted,
    })
}

/// Room for as many processes as this host lets there be: were it ever full, what is started then would be
/// nobody's, and held by no rule.
fn living_max() -> u32 {
    /// Rows are allocated as they are needed; these are the buckets.
    const MOST: u32 = 4_194_304;
    let threads = std::fs::read_to_string("/proc/sys/kernel/threads-max");
    let threads = threads.ok().and_then(|text| text.trim().parse().ok());
    let least = u32::try_from(abi::LIVING_MAX).unwrap_or(MOST);
    threads.unwrap_or(least).clamp(least, MOST)
}

/// From now on the programs have seen every process begin, and take none at its word.
fn watch_from_now(programs: &mut Ebpf) -> Result<(), FlowsError> {
    const NAME: &str = "WATCHED_SINCE";
    let refused = |error| FlowsError::Map {
        name: NAME,
        source: Box::new(error),
    };
    // Borrowed: programs that are not loaded yet need the map too.
    let map = programs.map_mut(NAME).ok_or(FlowsError::Missing(NAME))?;
    let mut since: Array<_, u64> = Array::try_from(map).map_err(refused)?;
    since.set(0, boot_ns(), 0).map_err(refused)
}

/// Every port is as others.
fn forget_ports(programs: &mut Ebpf) -> Result<(), FlowsError> {
    const NAME: &str = "GATE_PORTS";
    let refused = |error| FlowsError::Map {
        name: NAME,
        source: Box::new(error),
    };
    // Borrowed, as above.
    let map = programs.map_mut(NAME).ok_or(FlowsError::Missing(NAME))?;
    let mut ports: Array<_, u8> = Array::try_from(map).map_err(refused)?;
    for port in 0..ports.len() {
        if ports.get(&port, 0).map_err(refused)? != 0 {
            ports.set(port, 0, 0).map_err(refused)?;
        }
    }
    Ok(())
}

fn start(
    programs: &mut Ebpf,
    name: &'static str,
    cgroup: &File,
    tracepoint: &str,
    pins: Option<&Pins>,
) -> Result<(), FlowsError> {
    let program = programs
        .program_mut(name)
        .ok_or(FlowsError::Missing(name))?;
    let refused = |error| FlowsError::Program {
        name,
        source: Box::new(error),
    };
    load(program).map_err(refused)?;
    let Some(pins) = pins else {
        return attach_one(name, program, cgroup, tracepoint)
            .map(drop)
            .map_err(refused);
    };
    let unpinned = |source| FlowsError::Pin { name, source };
    if matches!(program, Program::CgroupSockopt(_)) {
        // It answers this process alone, so it ends with it.
        return attach_one(name, program, cgroup, tracepoint)
            .map(drop)
            .map_err(refused);
    }
    let raw = matches!(program, Program::RawTracePoint(_));
    if !raw {
        let fd = program.fd().map_err(refused)?;
        if pins.exchange(name, fd.as_fd()).map_err(unpinned)? {
            return Ok(());
        }
    }
    let link = attach_one(name, program, cgroup, tracepoint).map_err(refused)?;
    let link = take(program, link).map_err(refused)?;
    pins.keep(name, link).map_err(unpinned)
}

fn load(program: &mut Program) -> Result<(), ProgramError> {
    match program {
        Program::CgroupSockAddr(program) => program.load(),
        Program::CgroupSkb(program) => program.load(),
        Program::CgroupSock(program) => program.load(),
        Program::CgroupSockopt(program) => program.load(),
        Program::SockOps(program) => program.load(),
        Program::RawTracePoint(program) => program.load(),
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

/// A link by the type of its program.
enum LinkId {
    SockAddr(CgroupSockAddrLinkId),
    Skb(CgroupSkbLinkId),
    Sock(CgroupSockLinkId),
    Sockopt,
    SockOps(SockOpsLinkId),
    RawTracePoint(RawTracePointLinkId),
}

fn attach_one(
    name: &str,
    program: &mut Program,
    cgroup: &File,
    tracepoint: &str,
) -> Result<LinkId, ProgramError> {
    // With a link, "single" does not shut others out: links live side by side.
    let mode = CgroupAttachMode::Single;
    Ok(match program {
        Program::CgroupSockAddr(program) => LinkId::SockAddr(program.attach(cgroup, mode)?),
        Program::CgroupSkb(program) => {
            let way = if name == "packet_in" {
                CgroupSkbAttachType::Ingress
            } else {
                CgroupSkbAttachType::Egress
            };
            LinkId::Skb(program.attach(cgroup, way, mode)?)
        }
        Program::CgroupSock(program) => LinkId::Sock(program.attach(cgroup, mode)?),
        Program::CgroupSockopt(program) => {
            program.attach(cgroup, mode)?;
            LinkId::Sockopt
        }
        Program::SockOps(program) => LinkId::SockOps(program.attach(cgroup, mode)?),
        Program::RawTracePoint(program) => LinkId::RawTracePoint(program.attach(tracepoint)?),
        _ => return Err(ProgramError::UnexpectedProgramType),
    })
}

/// Takes a link out of its program's hands, which would end it.
fn take(program: &mut Program, link: LinkId) -> Result<FdLink, ProgramError> {
    let unfit = |_| ProgramError::UnexpectedProgramType;
    match (program, link) {
        (Program::CgroupSockAddr(program), LinkId::SockAddr(id)) => {
            program.take_link(id)?.try_into().map_err(unfit)
        }
        (Program::CgroupSkb(program), LinkId::Skb(id)) => {
            program.take_link(id)?.try_into().map_err(unfit)
        }
        (Program::CgroupSock(program), LinkId::Sock(id)) => {
            program.take_link(id)?.try_into().map_err(unfit)
        }
        (Program::SockOps(program), LinkId::SockOps(id)) => {
            program.take_link(id)?.try_into().map_err(unfit)
        }
        (Program::RawTracePoint(program), LinkId::RawTracePoint(id)) => {
            Ok(program.take_link(id)?.into())
        }
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

pub(crate) fn map<T: TryFrom<Map, Error = MapError>>(
    programs: &mut Ebpf,
    name: &'static str,
) -> Result<T, FlowsError> {
    let map = programs.take_map(name).ok_or(FlowsError::Missing(name))?;
    typed(name, map)
}

/// A second handle on a map that others need as well.
pub(crate) fn copy<K: Pod, V: Pod>(
    programs: &mut Ebpf,
    name: &'static str,
) -> Result<HashMap<MapData, K, V>, FlowsError> {
    let fd = second(programs, name)?;
    let data = MapData::from_fd(fd).map_err(|error| FlowsError::Map {
        name,
        source: Box::new(error),
    })?;
    typed(name, Map::HashMap(data))
}

/// The same as no more than a descriptor.
fn second(programs: &Ebpf, name: &'static str) -> Result<OwnedFd, FlowsError> {
    let Some(Map::HashMap(data)) = programs.map(name) else {
        return Err(FlowsError::Missing(name));
    };
    let fd = data.fd().as_fd().try_clone_to_owned();
    fd.map_err(|error| FlowsError::Map {
        name,
        source: Box::new(MapError::IoError(error)),
    })
}

fn typed<T: TryFrom<Map, Error = MapError>>(name: &'static str, map: Map) -> Result<T, FlowsError> {
    T::try_from(map).map_err(|error| FlowsError::Map {
        name,
        source: Box::new(error),
    })
}

/// What the verifier had to walk through.
pub(crate) fn verified(programs: &Ebpf) -> Vec<Verified> {
    let info = |program: &Program| program.info().ok()?.verified_instruction_count();
    programs
        .programs()
        .map(|(name, program)| Verified {
            name: name.to_owned(),
            instructions: info(program).unwrap_or(0),
        })
        .collect()
}

/// What the programs have cost.
pub(crate) fn spent(programs: &Ebpf) -> Vec<Spent> {
    let info = |(name, program): (&str, &Program)| {
        let info = program.info().ok()?;
        Some(Spent {
            name: name.to_owned(),
            time: info.run_time(),
            runs: info.run_count(),
        })
    };
    programs.programs().filter_map(info).collect()
}

/// Sums a counter over all CPUs.
pub(crate) fn sum(counters: &PerCpuArray<MapData, u64>, which: u32) -> u64 {
    debug_assert!((which as usize) < counter::COUNT);
    counters
        .get(&which, 0)
        .map_or(0, |values| values.iter().sum())
}

/// An event from the ring's bytes.
pub(crate) fn event(bytes: &[u8]) -> Option<Event> {
    let word = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let half = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let process = ProcessKey {
        start_ns: word(8)?,
        pid: half(16)?,
        exec: half(20)?,
    };
    Some(Event {
        sequence: word(0)?,
        process,
        cgroup: word(24)?,
        kind: half(32)?,
        cpu: half(36)?,
    })
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        process::{Command, Stdio},
    };

    use super::*;
    use crate::cgroup::Cgroups;

    /// One page holds eighty-five events.
    const RING_BYTES: u32 = 4_096;
    const PROCESSES: u64 = 200;

    #[test]
    fn what_the_ring_cannot_hold_is_counted() {
        let options = Options {
            ring_bytes: RING_BYTES,
            ..Options::default()
        };
        let attached = attach(Cgroups::open().unwrap().root(), &options);
        let Ok(mut attached) = attached else {
            let required =
                std::env::var_os("TIDEGATE_EBPF").is_some_and(|asked| asked == "require");
            assert!(!required, "{:?}", attached.err());
            let line =
                b"\n**** SKIPPED, NOT TESTED: lost events: the programs cannot be loaded ****\n";
            return std::io::stderr().write_all(line).unwrap();
        };
        for _ in 0..PROCESSES {
            Command::new("/bin/true")
                .stdin(Stdio::null())
                .status()
                .unwrap();
        }
        let mut received = 0;
        while let Some(item) = attached.events.next() {
            assert!(event(&item).is_some_and(|event| event.process.pid > 0));
            received += 1;
        }
        let count = |which| sum(&attached.counters, which);
        let lost = count(counter::EVENTS_LOST);
        assert!(
            received > 0 && received < 2 * PROCESSES,
            "{received} received"
        );
        assert!(
            lost + received >= 2 * PROCESSES,
            "{lost} lost, {received} received"
        );
        // Others may have begun or ended since.
        assert!(count(counter::EVENTS_ATTEMPTED) >= lost + received);
    }
}
