//! SHA-256 of executables, each file hashed once.

use std::{
    fs::{File, Metadata},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
};

use aws_lc_rs::digest::{Context, SHA256};
use moka::sync::Cache;

/// A larger executable gets no digest: hashing holds up the call that asks first, here for about a
/// quarter of a second.
pub(crate) const EXECUTABLE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Digests kept; a host runs some hundred executables.
const DIGESTS_MAX: u64 = 4_096;
/// Read at a time.
const CHUNK_BYTES: usize = 128 * 1024;

/// What tells one content of one file from every other. Only the kernel can set a change time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileIdentity {
    device: u64,
    pub(crate) inode: u64,
    pub(crate) bytes: u64,
    modified: (i64, i64),
    pub(crate) changed: (i64, i64),
}

impl FileIdentity {
    /// Of a regular file; nothing else can be executed.
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        metadata.is_file().then(|| Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// The kernel's own number for the device (major << 20 | minor), if `stat` gives the same.
    ///
    /// File systems without a block device (overlayfs, btrfs) make up numbers for `stat`.
    pub(crate) fn kernel_device(&self) -> Option<u32> {
        let (major, minor) = (libc::major(self.device), libc::minor(self.device));
        (major != 0).then_some(major << 20 | minor)
    }
}

/// Digests by file content.
pub(crate) struct Digests {
    known: Cache<FileIdentity, [u8; 32]>,
}

impl Digests {
    pub(crate) fn new() -> Self {
        Self {
            known: Cache::new(DIGESTS_MAX),
        }
    }

    /// The digest of `file` and what it was taken of; none if the file changed meanwhile.
    pub(crate) fn of(&self, file: &File) -> Option<(FileIdentity, [u8; 32])> {
        let before = FileIdentity::of(&file.metadata().ok()?)?;
        if before.bytes > EXECUTABLE_BYTES_MAX {
            return None;
        }
        let digest = self.known.optionally_get_with(before, || {
            let digest = hash(file).ok()?;
            let after = FileIdentity::of(&file.metadata().ok()?)?;
            (before == after).then_some(digest)
        })?;
        Some((before, digest))
    }
}

fn hash(mut file: &File) -> io::Result<[u8; 32]> {
    let mut context = Context::new(&SHA256);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        context.update(chunk.get(..read).unwrap_or_default());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_changed_file_has_another_digest() {
        let digests = Digests::new();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"abc").unwrap();
        let read = || digests.of(&File::open(file.path()).unwrap()).unwrap();
        let (before, digest) = read();
        assert_eq!(
            hex::encode(digest),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(read(), (before, digest));
        File::options()
            .write(true)
            .open(file.path())
            .unwrap()
            .write_all(b"xyz")
            .unwrap();
        let (after, other) = read();
        assert_eq!(after.bytes, before.bytes);
        assert_ne!(other, digest);
    }

    #[test]
    fn what_is_no_file_has_none() {
        assert!(
            Digests::new()
                .of(&File::open("/dev/null").unwrap())
                .is_none()
        );
        assert!(Digests::new().of(&File::open("/").unwrap()).is_none());
    }
}
