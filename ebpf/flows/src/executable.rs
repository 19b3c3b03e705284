//! Which file an image is, by the names and numbers that the kernel noted at `exec`.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use abi::{Image, path};

use crate::digest::{Digests, FileIdentity};

/// Since Linux 6.13 the top bit of the nanoseconds says that somebody has looked.
const NANOSECONDS: u32 = 0x7fff_ffff;

/// An executable as it is reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Executable {
    pub(crate) path: Option<PathBuf>,
    pub(crate) sha256: Option<[u8; 32]>,
}

/// Finds executables.
pub(crate) struct Executables {
    digests: Digests,
    /// The mount namespaces whose paths mean what they say here: the gateway's and the host's.
    home: [Option<u32>; 2],
}

impl Executables {
    pub(crate) fn new() -> Self {
        let home = ["/proc/self/ns/mnt", "/proc/1/ns/mnt"]
            .map(|path| u32::try_from(fs::metadata(path).ok()?.ino()).ok());
        Self {
            digests: Digests::new(),
            home,
        }
    }

    /// The file of `image`.
    pub(crate) fn identify(&self, image: &Image) -> Executable {
        if image.inode == 0 {
            return Executable::default();
        }
        let named = names(image);
        if let Some(path) = &named
            && let Some(digest) = self.at(path, image)
        {
            return Executable {
                path: named,
                sha256: Some(digest),
            };
        }
        let running = self.running(image);
        let path = match named {
            Some(path) => Some(self.placed(path, image)),
            None if running.is_some() && image.path_state == path::CUT => link(image.process.pid),
            None => None,
        };
        Executable {
            path,
            sha256: running,
        }
    }

    /// Its path alone, for ancestors, which are not hashed.
    pub(crate) fn locate(&self, image: &Image) -> Option<PathBuf> {
        let path = names(image)?;
        if self.is_home(image) {
            return Some(path);
        }
        let found = fs::metadata(&path)
            .ok()
            .and_then(|metadata| FileIdentity::of(&metadata));
        match found {
            Some(file) if is_unchanged(&file, image) => Some(path),
            _ => Some(self.placed(path, image)),
        }
    }

    /// The digest of what the path leads to here, if that is still what ran.
    fn at(&self, path: &Path, image: &Image) -> Option<[u8; 32]> {
        // What is there now may be a pipe, which must not hold us up.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
            .ok()?;
        // The numbers first: nobody should make us hash a file that is not the one.
        if !is_unchanged(&FileIdentity::of(&file.metadata().ok()?)?, image) {
            return None;
        }
        let (hashed, digest) = self.digests.of(&file)?;
        is_unchanged(&hashed, image).then_some(digest)
    }

    /// The digest of what the process runs, if it still runs this image.
    ///
    /// Nobody can write to a file while it runs, so it is enough that the process runs the same
    /// file before and after: then the digest is of what ran all the time.
    fn running(&self, image: &Image) -> Option<[u8; 32]> {
        let link = format!("/proc/{}/exe", image.process.pid);
        let file = File::open(&link).ok()?;
        if !is_same(&FileIdentity::of(&file.metadata().ok()?)?, image) {
            return None;
        }
        let (hashed, digest) = self.digests.of(&file)?;
        let after = FileIdentity::of(&fs::metadata(&link).ok()?)?;
        (after == hashed).then_some(digest)
    }

    /// A path from a namespace that is not ours must not look like one of ours.
    fn placed(&self, path: PathBuf, image: &Image) -> PathBuf {
        if self.is_home(image) {
            return path;
        }
        PathBuf::from(format!("mnt:[{}]{}", image.mount_ns, path.display()))
    }

    fn is_home(&self, image: &Image) -> bool {
        self.home.contains(&Some(image.mount_ns))
    }
}

/// The path as of `exec`: the names come from the file up to the root.
fn names(image: &Image) -> Option<PathBuf> {
    if image.path_state != path::WHOLE {
        return None;
    }
    let used = usize::try_from(image.path_bytes).ok()?;
    // The last name may run on from the path into the slack behind it.
    let whole = [image.path.as_slice(), image.slack.as_slice()].concat();
    let mut found: Vec<&[u8]> = whole.get(..used)?.split(|byte| *byte == 0).collect();
    found.pop(); // What follows the last closing zero: nothing.
    let mut path = PathBuf::from("/");
    for name in found.iter().rev() {
        path.push(OsStr::from_bytes(name));
    }
    (!found.is_empty()).then_some(path)
}

fn link(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// The same file, though perhaps renamed, linked or given other rights since.
fn is_same(file: &FileIdentity, image: &Image) -> bool {
    file.inode == image.inode
        && file.bytes == image.bytes
        && (image.device >> 20 == 0
            || file
                .kernel_device()
                .is_none_or(|device| device == image.device))
}

/// The same file, untouched since `exec`.
fn is_unchanged(file: &FileIdentity, image: &Image) -> bool {
    let changed = (image.changed_s, i64::from(image.changed_ns & NANOSECONDS));
    is_same(file, image) && file.changed == changed
}

#[cfg(test)]
mod tests {
    use abi::{COMM_BYTES, Credentials, NAME_BYTES_MAX, PATH_BYTES_MAX, ProcessKey};

    use super::*;

    fn image(names: &[u8], state: u32) -> Image {
        let mut path = [0; PATH_BYTES_MAX];
        let mut slack = [0; NAME_BYTES_MAX];
        let (inside, beyond) = names.split_at(names.len().min(PATH_BYTES_MAX));
        path[..inside.len()].copy_from_slice(inside);
        slack[..beyond.len()].copy_from_slice(beyond);
        Image {
            process: ProcessKey {
                start_ns: 1,
                pid: u32::MAX,
                exec: 1,
            },
            parent: ProcessKey::default(),
            inode: 7,
            bytes: 0,
            changed_s: 0,
            changed_ns: 0,
            device: 0,
            mount_ns: 1,
            path_state: state,
            path_bytes: u32::try_from(names.len()).unwrap(),
            agent: 0,
            comm: [0; COMM_BYTES],
            credentials: Credentials::default(),
            path,
            slack,
        }
    }

    #[test]
    fn names_from_the_leaf_become_a_path_from_the_root() {
        let check = |names_: &[u8], state, expected: Option<&str>| {
            assert_eq!(names(&image(names_, state)), expected.map(PathBuf::from));
        };
        check(b"curl\0bin\0usr\0", path::WHOLE, Some("/usr/bin/curl"));
        check(b"curl\0bin\0usr\0", path::CUT, None);
        check(b"memfd:evil\0", 0, None);
        check(b"", path::WHOLE, None);
        let long = [
            [b'a'; 254].as_slice(),
            b"\0",
            &[b'b'; 255],
            b"\0",
            &[b'c'; 20],
            b"\0",
        ]
        .concat();
        let expected = format!(
            "/{}/{}/{}",
            "c".repeat(20),
            "b".repeat(255),
            "a".repeat(254)
        );
        check(&long, path::WHOLE, Some(&expected));
    }

    #[test]
    fn a_path_from_a_foreign_namespace_does_not_pass_for_one_of_ours() {
        let found = Executables::new().identify(&image(b"sh\0bin\0usr\0", path::WHOLE));
        assert_eq!(found.path, Some(PathBuf::from("mnt:[1]/usr/bin/sh")));
        assert_eq!(found.sha256, None);
    }
}
