//! Programs and maps that outlive the gateway, in a directory of the BPF file system.
//!
//! `DIRECTORY/v1/maps/NAME` and `DIRECTORY/v1/links/PROGRAM`. A gateway that starts there takes the
//! maps over as they are and exchanges the programs in place, so that no moment is without them.

use std::{
    fs::{self, File},
    io,
    mem::size_of,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use abi::{
    Allowed, Config, Destination, FlowKey, FlowRow, Gate, Image, ListenKey, MatchKey, Owner,
    ProcessKey, SequenceKey, TupleKey,
};
use aya::{maps::MapInfo, programs::links::FdLink};

use crate::{FlowsError, syscall::bpf};

/// How often, and how long after another, pins that somebody holds are asked for.
const LOCK_TRIES: usize = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Where pins are by custom.
pub const PINS: &str = "/sys/fs/bpf/tidegate";

const fn row<K, V>(name: &'static str) -> (&'static str, usize, usize) {
    (name, size_of::<K>(), size_of::<V>())
}

/// Every map with the sizes of its keys and values. The kernel writes as many bytes as the map has:
/// one of another size must never be taken over.
const MAPS: [(&str, usize, usize); 24] = [
    row::<u32, Owner>("OWNERS"),
    row::<TupleKey, Owner>("BY_TUPLE"),
    row::<SequenceKey, Owner>("BY_SEQUENCE"),
    row::<ProcessKey, Image>("LIVING"),
    row::<ProcessKey, Image>("GONE"),
    row::<u32, u64>("WATCHED_SINCE"),
    row::<u32, Image>("DRAFT"),
    row::<u32, Image>("SOCKET_DRAFT"),
    ("EVENTS", 0, 0),
    row::<u32, u64>("COUNTERS"),
    row::<FlowKey, FlowRow>("FLOWS"),
    row::<u32, FlowRow>("BLANK"),
    ("FLOW_EVENTS", 0, 0),
    row::<ListenKey, Owner>("LISTENERS"),
    row::<MatchKey, u32>("MATCHES"),
    row::<u32, u32>("SHAPES"),
    row::<u32, u32>("OLDER"),
    row::<u32, u32>("MODES"),
    // The prefix's length stands before the data.
    (
        "ALLOWED",
        4 + size_of::<Destination>(),
        size_of::<Allowed>(),
    ),
    row::<Gate, u32>("GATES"),
    row::<u32, Config>("CONFIG"),
    row::<u32, u8>("GATE_PORTS"),
    ("GLIMPSES", 0, 0),
    ("TURNS", 0, 0),
];

/// A directory of pins that is this gateway's alone.
pub(crate) struct Pins {
    version: PathBuf,
    /// Locked as long as it is open.
    _directory: File,
}

impl Pins {
    /// Takes the directory, which is made if need be.
    pub(crate) fn take(directory: &Path) -> Result<Self, FlowsError> {
        let refused = |source| FlowsError::Pins {
            directory: directory.to_owned(),
            source,
        };
        let version = directory.join(format!("v{}", abi::VERSION));
        fs::create_dir_all(directory).map_err(refused)?;
        if !is_bpffs(directory) {
            return Err(FlowsError::NoBpffs(directory.to_owned()));
        }
        let lock = lock(directory)?;
        if let Some(other) = foreign(directory) {
            return Err(FlowsError::PinsOfAnother(other));
        }
        for part in ["maps", "links"] {
            fs::create_dir_all(version.join(part)).map_err(refused)?;
        }
        let pins = Self {
            version,
            _directory: lock,
        };
        pins.check()?;
        Ok(pins)
    }

    fn check(&self) -> Result<(), FlowsError> {
        for (name, key, value) in maps() {
            let path = self.map(name);
            if !path.exists() {
                continue;
            }
            let found = MapInfo::from_pin(&path).map_err(|source| FlowsError::Map {
                name,
                source: Box::new(source),
            })?;
            let sizes = (found.key_size() as usize, found.value_size() as usize);
            if key != 0 && sizes != (key, value) {
                return Err(FlowsError::PinsOfAnother(path));
            }
        }
        Ok(())
    }

    /// Whether an earlier gateway's maps are there.
    pub(crate) fn are_used(&self) -> bool {
        self.map("LIVING").exists()
    }

    pub(crate) fn map(&self, name: &str) -> PathBuf {
        self.version.join("maps").join(name)
    }

    /// Puts `program` into the place of the one that the pinned link runs; whether there is such a
    /// link.
    pub(crate) fn exchange(&self, name: &str, program: BorrowedFd<'_>) -> io::Result<bool> {
        let path = self.link(name);
        if !path.exists() {
            return Ok(false);
        }
        update(&object(&path)?, program)?;
        Ok(true)
    }

    /// Keeps a link, in the place of the one that is there: for links that cannot be exchanged.
    pub(crate) fn keep(&self, name: &str, link: FdLink) -> io::Result<()> {
        let path = self.link(name);
        if path.exists() {
            // The new one runs already: for a moment both do.
            fs::remove_file(&path)?;
        }
        link.pin(&path).map_err(io::Error::other)?;
        Ok(())
    }

    fn link(&self, name: &str) -> PathBuf {
        self.version.join("links").join(name)
    }
}

/// The maps to pin.
pub(crate) fn maps() -> impl Iterator<Item = (&'static str, usize, usize)> {
    MAPS.into_iter()
}

fn lock(directory: &Path) -> Result<File, FlowsError> {
    let file = File::open(directory).map_err(|source| FlowsError::Pins {
        directory: directory.to_owned(),
        source,
    })?;
    // An earlier gateway that was killed may be about to end.
    for _ in 0..LOCK_TRIES {
        if file.try_lock().is_ok() {
            return Ok(file);
        }
        thread::sleep(LOCK_PAUSE);
    }
    Err(FlowsError::PinsInUse(directory.to_owned()))
}

/// Takes everything out of `directory` that a gateway has pinned there: programs stop, and what was
/// counted is gone. Returns how many pins there were.
///
/// # Errors
/// If a gateway runs with them, or a pin cannot be removed.
pub fn detach(directory: &Path) -> Result<usize, FlowsError> {
    if !directory.exists() {
        return Ok(0);
    }
    let _lock = lock(directory)?;
    let refused = |source| FlowsError::Pins {
        directory: directory.to_owned(),
        source,
    };
    // Links first, so that no program runs with half of its maps gone.
    let mut removed = 0;
    for part in ["links", "maps"] {
        for version in fs::read_dir(directory).map_err(refused)?.flatten() {
            let part = version.path().join(part);
            for pin in fs::read_dir(&part).into_iter().flatten().flatten() {
                fs::remove_file(pin.path()).map_err(refused)?;
                removed += 1;
            }
            if part.exists() {
                fs::remove_dir(&part).map_err(refused)?;
            }
        }
    }
    for version in fs::read_dir(directory).map_err(refused)?.flatten() {
        fs::remove_dir(version.path()).map_err(refused)?;
    }
    fs::remove_dir(directory).map_err(refused)?;
    Ok(removed)
}

/// What another version has pinned in `directory`.
pub(crate) fn foreign(directory: &Path) -> Option<PathBuf> {
    let own = directory.join(format!("v{}", abi::VERSION));
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).find(|path| *path != own)
}

/// Whether `directory` is in a BPF file system.
pub(crate) fn is_bpffs(directory: &Path) -> bool {
    /// `BPF_FS_MAGIC` of include/uapi/linux/magic.h.
    const BPF_FS_MAGIC: u64 = 0xcafe_4a11;
    rustix::fs::statfs(directory)
        .is_ok_and(|found| u64::try_from(found.f_type).is_ok_and(|kind| kind == BPF_FS_MAGIC))
}

/// Opens a pinned object.
#[expect(unsafe_code, reason = "what the kernel opened is ours")]
fn object(path: &Path) -> io::Result<OwnedFd> {
    const BPF_OBJ_GET: libc::c_long = 7;
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes())?;
    let address = path.as_ptr() as u64;
    // Little-endian, as every host that the programs are built for.
    let mut words = [(address & 0xffff_ffff) as u32, (address >> 32) as u32, 0, 0];
    let opened = bpf(BPF_OBJ_GET, &mut words)?;
    // SAFETY: a new descriptor, nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(opened) })
}

fn update(link: &OwnedFd, program: BorrowedFd<'_>) -> io::Result<()> {
    const BPF_LINK_UPDATE: libc::c_long = 29;
    let number = |fd: BorrowedFd<'_>| u32::try_from(fd.as_raw_fd()).map_err(io::Error::other);
    bpf(
        BPF_LINK_UPDATE,
        &mut [number(link.as_fd())?, number(program)?, 0, 0],
    )
    .map(drop)
}
