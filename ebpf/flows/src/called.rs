//! Requests that agents give to OpenSSL, as the kernel hands their beginnings up, and where the probes for that are.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use abi::{CALL_BYTES_MAX, ProcessKey};
use aya::{
    Ebpf,
    programs::{UProbe, uprobe::UProbeScope},
};
use procfs::process::{MMapPath, all_processes};

use crate::{
    FlowsError,
    open::causes,
    record::{Clock, Reader},
};

const NAME: &str = "tls_write";
const FUNCTIONS: [&str; 2] = ["SSL_write", "SSL_write_ex"];
/// OpenSSL 3 and 1.1.
const LIBRARIES: [&str; 2] = ["libssl.so.3", "libssl.so.1.1"];
/// Where distributions have them.
const FOLDERS: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/lib64",
    "/usr/local/lib",
];
/// Different files that are probed.
const FILES_MAX: usize = 64;

/// The beginning of a request: hostile bytes that nobody has looked into yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// Who calls.
    pub pid: u32,
    /// When that process started, nanoseconds since boot.
    pub start_ns: u64,
    /// When it calls.
    pub at: SystemTime,
    /// The agent's number; never 0.
    pub agent: u32,
    /// At most [`CALL_BYTES_MAX`].
    pub bytes: Vec<u8>,
}

/// How large the ring is, where it is looked at, and where it is not.
pub(crate) fn ring_bytes(looked_at: bool) -> u32 {
    if looked_at {
        abi::CALLS_BYTES
    } else {
        abi::CALLS_BYTES_OFF
    }
}

/// From the ring's bytes.
pub(crate) fn read(item: &[u8], clock: Clock) -> Option<Called> {
    let mut at = Reader(item);
    let process = ProcessKey {
        start_ns: at.long()?,
        pid: at.word()?,
        exec: at.word()?,
    };
    let when = at.long()?;
    let agent = at.word()?;
    let captured = usize::try_from(at.word()?).ok()?.min(CALL_BYTES_MAX);
    Some(Called {
        pid: process.pid,
        start_ns: process.start_ns,
        at: clock.at(when),
        agent,
        bytes: at.0.get(..captured)?.to_vec(),
    })
}

/// Attaches the probes to every library that is found. They end with this process. A kernel that does not let it is
/// said and no more: flows are found without.
pub(crate) fn start(programs: &mut Ebpf) {
    match attach(programs) {
        Ok(libraries) => tracing::info!(libraries, "requests that agents encrypt are looked at"),
        Err(error) => tracing::warn!(
            reason = causes(&error),
            "requests that agents encrypt are not looked at"
        ),
    }
}

fn attach(programs: &mut Ebpf) -> Result<usize, FlowsError> {
    let refused = |source| FlowsError::Program {
        name: NAME,
        source: Box::new(source),
    };
    let program = programs
        .program_mut(NAME)
        .ok_or(FlowsError::Missing(NAME))?;
    let program: &mut UProbe = program.try_into().map_err(refused)?;
    program.load().map_err(refused)?;
    let mut probed = 0;
    for library in libraries() {
        let mut done = 0;
        for function in FUNCTIONS {
            // 1.1.0 lacks the second.
            match program.attach(function, &library, UProbeScope::AllProcesses) {
                Ok(_) => done += 1,
                Err(error) => {
                    let library = library.display();
                    tracing::warn!(%error, %library, function, "what is sent there is not seen");
                }
            }
        }
        probed += usize::from(done > 0);
    }
    Ok(probed)
}

/// The files of OpenSSL that this host has where they belong, and those that some process has in its memory, as in a
/// container; each once.
fn libraries() -> Vec<PathBuf> {
    let usual = FOLDERS.iter().flat_map(|folder| {
        let folder = Path::new(folder);
        LIBRARIES.iter().map(move |name| folder.join(name))
    });
    let processes = all_processes().into_iter().flatten().flatten();
    let mapped = processes.flat_map(|process| {
        let root = PathBuf::from(format!("/proc/{}/root", process.pid));
        let maps = process.maps().into_iter().flatten();
        maps.filter_map(move |map| {
            let MMapPath::Path(path) = map.pathname else {
                return None;
            };
            let is_one = path
                .file_name()
                .is_some_and(|name| LIBRARIES.iter().any(|library| name == *library));
            is_one.then(|| root.join(path.strip_prefix("/").unwrap_or(&path)))
        })
    });
    let mut known = BTreeSet::new();
    let each = usual.chain(mapped).filter(|path| {
        let found = fs::metadata(path);
        found.is_ok_and(|found| known.insert((found.dev(), found.ino())))
    });
    each.take(FILES_MAX).collect()
}
