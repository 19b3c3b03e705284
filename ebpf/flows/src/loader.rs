//! Loading the kernel programs and attaching them.

use std::{fs::File, process};

use abi::{Event, Image, Offsets, ProcessKey, counter};
use aya::{
    Ebpf, EbpfLoader, VerifierLogLevel,
    maps::{HashMap, Map, MapData, MapError, PerCpuArray, RingBuf},
    programs::{CgroupAttachMode, Program, ProgramError},
};

use crate::{FlowsError, btf::Btf};

#[cfg(not(no_ebpf))]
static OBJECT: Option<&[u8]> = Some(aya::include_bytes_aligned!(concat!(
    env!("OUT_DIR"),
    "/programs"
)));
#[cfg(no_ebpf)]
static OBJECT: Option<&[u8]> = None;

/// The programs and, where they have one, their tracepoints.
///
/// In this order: what carries owners onward must run before owners are made.
const PROGRAMS: [(&str, &str); 7] = [
    ("process_fork", "sched_process_fork"),
    ("process_exec", "sched_process_exec"),
    ("process_exit", "sched_process_exit"),
    ("owner_getsockopt", ""),
    ("owner_handshake", ""),
    ("owner_connect4", ""),
    ("owner_connect6", ""),
];

/// A program that the kernel accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its name.
    pub name: String,
    /// Instructions that the verifier walked through; 0 if the kernel does not tell (before 5.16).
    pub instructions: u32,
}

/// The programs, attached as long as this lives, and the maps that the host reads.
pub(crate) struct Attached {
    pub(crate) programs: Ebpf,
    pub(crate) images: HashMap<MapData, ProcessKey, Image>,
    pub(crate) counters: PerCpuArray<MapData, u64>,
    pub(crate) events: RingBuf<MapData>,
}

/// Loads and attaches everything to the hierarchy whose root is `cgroup`.
///
/// The root, because hooks run by the cgroup of the *socket*, and a socket may be made in one
/// cgroup and handed to a process in another.
pub(crate) fn attach(cgroup: &File) -> Result<Attached, FlowsError> {
    let object = OBJECT.ok_or(FlowsError::NotBuilt)?;
    let btf = Btf::of_kernel()?;
    let offsets = Offsets::resolve(|names| names.iter().find_map(|name| btf.offset(name)))
        .map_err(FlowsError::Field)?;
    drop(btf);
    let gateway = process::id();
    let mut programs = EbpfLoader::new()
        .verifier_log_level(VerifierLogLevel::STATS)
        .override_global("OFFSETS", &offsets, true)
        .override_global("GATEWAY_PID", &gateway, true)
        .load(object)
        .map_err(|error| FlowsError::Load(Box::new(error)))?;
    for (name, tracepoint) in PROGRAMS {
        let program = programs
            .program_mut(name)
            .ok_or(FlowsError::Missing(name))?;
        start(program, cgroup, tracepoint).map_err(|error| FlowsError::Program {
            name,
            source: Box::new(error),
        })?;
    }
    Ok(Attached {
        images: map(&mut programs, "IMAGES")?,
        counters: map(&mut programs, "COUNTERS")?,
        events: map(&mut programs, "EVENTS")?,
        programs,
    })
}

fn start(program: &mut Program, cgroup: &File, tracepoint: &str) -> Result<(), ProgramError> {
    // With a link, "single" does not shut others out: links live side by side.
    let mode = CgroupAttachMode::Single;
    match program {
        Program::CgroupSockAddr(program) => {
            program.load()?;
            program.attach(cgroup, mode)?;
        }
        Program::CgroupSockopt(program) => {
            program.load()?;
            program.attach(cgroup, mode)?;
        }
        Program::SockOps(program) => {
            program.load()?;
            program.attach(cgroup, mode)?;
        }
        Program::RawTracePoint(program) => {
            program.load()?;
            program.attach(tracepoint)?;
        }
        _ => return Err(ProgramError::UnexpectedProgramType),
    }
    Ok(())
}

fn map<T: TryFrom<Map, Error = MapError>>(
    programs: &mut Ebpf,
    name: &'static str,
) -> Result<T, FlowsError> {
    let map = programs.take_map(name).ok_or(FlowsError::Missing(name))?;
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
