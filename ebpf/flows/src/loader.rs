//! Loading the kernel programs and attaching them.

use std::{fs::File, process};

use abi::{Event, Offsets, ProcessKey, counter};
use aya::{
    Ebpf, EbpfLoader, VerifierLogLevel,
    maps::{Array, Map, MapData, MapError, PerCpuArray, RingBuf},
    programs::{CgroupAttachMode, Program, ProgramError},
};
use rustix::time::{ClockId, clock_gettime};

use crate::{FlowsError, btf::Btf, lineage::Images};

#[cfg(not(no_ebpf))]
static OBJECT: Option<&[u8]> = Some(aya::include_bytes_aligned!(concat!(
    env!("OUT_DIR"),
    "/programs"
)));
#[cfg(no_ebpf)]
static OBJECT: Option<&[u8]> = None;

/// What follows the lives of processes, and where it is attached.
const LIVES: [(&str, &str); 3] = [
    ("process_exit", "sched_process_exit"),
    ("process_exec", "sched_process_exec"),
    ("process_fork", "sched_process_fork"),
];

/// What follows connections. In this order: what carries owners onward must run before owners are
/// made.
const OWNERS: [&str; 4] = [
    "owner_getsockopt",
    "owner_handshake",
    "owner_connect4",
    "owner_connect6",
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
    pub(crate) images: Images,
    pub(crate) counters: PerCpuArray<MapData, u64>,
    pub(crate) events: RingBuf<MapData>,
}

/// Loads and attaches everything to the hierarchy whose root is `cgroup`.
///
/// The root, because hooks run by the cgroup of the *socket*, and a socket may be made in one
/// cgroup and handed to a process in another. `ring_bytes` is a power of two of pages.
pub(crate) fn attach(cgroup: &File, ring_bytes: u32) -> Result<Attached, FlowsError> {
    let object = OBJECT.ok_or(FlowsError::NotBuilt)?;
    let btf = Btf::of_kernel()?;
    let offsets = Offsets::resolve(|names| names.iter().find_map(|name| btf.offset(name)))
        .map_err(FlowsError::Field)?;
    drop(btf);
    let gateway = process::id();
    let mut programs = EbpfLoader::new()
        .verifier_log_level(VerifierLogLevel::STATS)
        .map_max_entries("EVENTS", ring_bytes)
        .override_global("OFFSETS", &offsets, true)
        .override_global("GATEWAY_PID", &gateway, true)
        .load(object)
        .map_err(|error| FlowsError::Load(Box::new(error)))?;
    for (name, tracepoint) in LIVES {
        start(&mut programs, name, cgroup, tracepoint)?;
    }
    watch_from_now(&mut programs)?;
    for name in OWNERS {
        start(&mut programs, name, cgroup, "")?;
    }
    Ok(Attached {
        images: Images {
            living: map(&mut programs, "LIVING")?,
            gone: map(&mut programs, "GONE")?,
        },
        counters: map(&mut programs, "COUNTERS")?,
        events: map(&mut programs, "EVENTS")?,
        programs,
    })
}

/// From now on the programs have seen every process begin, and take none at its word.
fn watch_from_now(programs: &mut Ebpf) -> Result<(), FlowsError> {
    const NAME: &str = "WATCHED_SINCE";
    let now = clock_gettime(ClockId::Boottime);
    let nanoseconds = now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs();
    let refused = |error| FlowsError::Map {
        name: NAME,
        source: Box::new(error),
    };
    // Borrowed: programs that are not loaded yet need the map too.
    let map = programs.map_mut(NAME).ok_or(FlowsError::Missing(NAME))?;
    let mut since: Array<_, u64> = Array::try_from(map).map_err(refused)?;
    since.set(0, nanoseconds, 0).map_err(refused)
}

fn start(
    programs: &mut Ebpf,
    name: &'static str,
    cgroup: &File,
    tracepoint: &str,
) -> Result<(), FlowsError> {
    let program = programs
        .program_mut(name)
        .ok_or(FlowsError::Missing(name))?;
    load_and_attach(program, cgroup, tracepoint).map_err(|error| FlowsError::Program {
        name,
        source: Box::new(error),
    })
}

fn load_and_attach(
    program: &mut Program,
    cgroup: &File,
    tracepoint: &str,
) -> Result<(), ProgramError> {
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
        let attached = attach(Cgroups::open().unwrap().root(), RING_BYTES);
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
