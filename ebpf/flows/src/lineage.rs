//! What the kernel programs noted of processes: their images and their parents.

use abi::{COMM_BYTES, Image, ProcessKey};
use aya::maps::{HashMap, MapData};

use crate::{
    Ancestor,
    executable::{Executable, Executables},
    proc::{self, ANCESTORS_MAX},
};

/// A row that changes under two reads in a row is being recycled; then there is none.
const READS_MAX: usize = 4;
/// A clock tick of `/proc`, nanoseconds: it tells start times no finer.
const NANOSECONDS: u64 = 1_000_000_000;

/// The kernel's rows. A process's row is among the gone before it leaves the living.
pub(crate) struct Images {
    pub(crate) living: HashMap<MapData, ProcessKey, Image>,
    pub(crate) gone: HashMap<MapData, ProcessKey, Image>,
}

impl Images {
    fn get(&self, process: &ProcessKey) -> Option<Image> {
        self.living
            .get(process, 0)
            .or_else(|_| self.gone.get(process, 0))
            .ok()
    }
}

/// What processes run and ran, and who forked them.
pub(crate) struct Lineage {
    images: Images,
    executables: Executables,
}

impl Lineage {
    pub(crate) fn new(images: Images) -> Self {
        Self {
            images,
            executables: Executables::new(),
        }
    }

    /// The executable of `process`, and those who forked it, nearest first.
    pub(crate) fn trace(&self, process: &ProcessKey) -> (Executable, Vec<Ancestor>) {
        match self.image(process) {
            Some(image) => (
                self.executables.identify(&image),
                self.ancestors(image.parent),
            ),
            None => (
                Executable::default(),
                living(process)
                    .map_or_else(Vec::new, |parent| proc::ancestors(parent, ANCESTORS_MAX)),
            ),
        }
    }

    fn ancestors(&self, parent: ProcessKey) -> Vec<Ancestor> {
        let mut found = Vec::new();
        let mut next = parent;
        while found.len() < ANCESTORS_MAX && next.pid != 0 {
            let Some(image) = self.image(&next) else {
                // It forked before the programs were attached, and not since; or it is long gone.
                found.extend(rest(&next, ANCESTORS_MAX - found.len()));
                break;
            };
            found.push(Ancestor {
                pid: next.pid,
                start_ns: next.start_ns,
                comm: comm(&image.comm),
                exe: self.executables.locate(&image),
            });
            next = image.parent;
        }
        found
    }

    /// Reads until two reads agree: the kernel recycles the rows of a full map at once, and a row
    /// half of which is another process's must not be believed.
    fn image(&self, process: &ProcessKey) -> Option<Image> {
        let mut last = self.images.get(process)?;
        for _ in 0..READS_MAX {
            let again = self.images.get(process)?;
            if again == last {
                return (again.process == *process).then_some(again);
            }
            last = again;
        }
        None
    }
}

/// The chain from a process that was never recorded: from `/proc`, if it is still that one.
fn rest(from: &ProcessKey, most: usize) -> Vec<Ancestor> {
    if living(from).is_some() {
        return proc::ancestors(i32::try_from(from.pid).unwrap_or(0), most);
    }
    let unknown = Ancestor {
        pid: from.pid,
        start_ns: from.start_ns,
        comm: String::new(),
        exe: None,
    };
    vec![unknown]
}

/// The parent's pid, if the pid still belongs to that process.
fn living(process: &ProcessKey) -> Option<i32> {
    let stat = proc::stat(i32::try_from(process.pid).ok()?)?;
    let tick = NANOSECONDS / procfs::ticks_per_second().max(1);
    (stat.starttime == process.start_ns / tick.max(1)).then_some(stat.ppid)
}

/// The name up to its zero; bytes that are no UTF-8 are replaced.
pub(crate) fn comm(bytes: &[u8; COMM_BYTES]) -> String {
    let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}
