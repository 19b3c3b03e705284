//! The cgroup v2 hierarchy: where it is, and the paths of its cgroups.

use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
        unix::fs::MetadataExt as _,
    },
    path::PathBuf,
};

use moka::sync::Cache;
use procfs::process::Process;

use crate::FlowsError;

/// Cgroups whose paths are kept, the removed ones too.
const CGROUPS_MAX: u64 = 8_192;
/// Directories that are looked at for one id.
const SEARCHED_MAX: usize = 8_192;
/// `FILEID_KERNFS` in include/linux/exportfs.h: the handle is the 64-bit cgroup id.
const FILEID_KERNFS: i32 = 0xfe;

/// The hierarchy.
pub(crate) struct Cgroups {
    mount: PathBuf,
    root: File,
    paths: Cache<u64, String>,
}

/// `struct file_handle` with the eight bytes that kernfs uses.
#[repr(C)]
struct Handle {
    bytes: u32,
    kind: i32,
    id: u64,
}

impl Cgroups {
    /// The hierarchy that is mounted, wherever: many hosts have both versions.
    pub(crate) fn open() -> Result<Self, FlowsError> {
        let mounts = Process::myself().and_then(|own| own.mountinfo());
        let mount = mounts
            .ok()
            .into_iter()
            .flat_map(|mounts| mounts.0)
            .find(|mount| mount.fs_type == "cgroup2")
            .ok_or(FlowsError::Cgroup)?
            .mount_point;
        let root = File::open(&mount).map_err(FlowsError::CgroupOpen)?;
        Ok(Self {
            mount,
            root,
            paths: Cache::new(CGROUPS_MAX),
        })
    }

    /// The directory that programs are attached to.
    pub(crate) fn root(&self) -> &File {
        &self.root
    }

    /// The path of the cgroup in the hierarchy, `/` for the root; none if it is gone and was never
    /// asked for.
    pub(crate) fn path(&self, id: u64) -> Option<String> {
        self.paths.optionally_get_with(id, || self.find(id))
    }

    /// Where the cgroup at `path` in the hierarchy is.
    pub(crate) fn place(&self, path: &str) -> PathBuf {
        self.mount.join(path.trim_start_matches('/'))
    }

    /// The id of the cgroup at `path` in the hierarchy; none while it is not there.
    pub(crate) fn id(&self, path: &str) -> Option<u64> {
        let path = self.place(path);
        // Of a kernfs directory on a 64-bit machine the inode number is the id.
        fs::metadata(path).ok().map(|found| found.ino())
    }

    /// The ids of the cgroups called `name`, at most `depth` levels down.
    pub(crate) fn named(&self, name: &str, depth: usize) -> Vec<u64> {
        let mut found = Vec::new();
        let mut level = vec![self.mount.clone()];
        for _ in 0..depth {
            let mut below = Vec::new();
            for directory in level {
                let entries = fs::read_dir(directory).into_iter().flatten().flatten();
                for entry in entries.filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir())) {
                    if entry.file_name() == name {
                        found.extend(entry.metadata().ok().map(|found| found.ino()));
                    } else {
                        below.push(entry.path());
                    }
                }
            }
            level = below;
        }
        found
    }

    fn find(&self, id: u64) -> Option<String> {
        let directory = match self.open_id(id) {
            Ok(directory) => directory,
            // Who may not open by id (CAP_DAC_READ_SEARCH) may still look for it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return self.search(id);
            }
            Err(_) => return None,
        };
        let link = fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd())).ok()?;
        let inside = link.strip_prefix(&self.mount).ok()?;
        Some(format!("/{}", inside.to_str()?))
    }

    /// Looks through the hierarchy, which is the same for all.
    fn search(&self, id: u64) -> Option<String> {
        let mut level = vec![self.mount.clone()];
        let mut looked = 0;
        while let Some(directory) = level.pop() {
            looked += 1;
            if looked > SEARCHED_MAX {
                break;
            }
            if fs::metadata(&directory).is_ok_and(|found| found.ino() == id) {
                let inside = directory.strip_prefix(&self.mount).ok()?;
                return Some(format!("/{}", inside.to_str()?));
            }
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            level.extend(below.map(|entry| entry.path()));
        }
        None
    }

    #[expect(
        unsafe_code,
        reason = "no wrapper takes a handle that was not read from a path"
    )]
    fn open_id(&self, id: u64) -> io::Result<OwnedFd> {
        let mut handle = Handle {
            bytes: 8,
            kind: FILEID_KERNFS,
            id,
        };
        let flags = libc::O_PATH | libc::O_CLOEXEC;
        // SAFETY: the handle is laid out as `struct file_handle` and says how long it is; the
        // kernel only reads it, and what it opens is ours.
        unsafe {
            let opened =
                libc::open_by_handle_at(self.root.as_raw_fd(), (&raw mut handle).cast(), flags);
            if opened < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(OwnedFd::from_raw_fd(opened))
        }
    }
}
