//! Where a long verification goes on, in a file.
//!
//! What is in it vouches for what was judged before: whoever can write it can have records pass that nobody looks at. So it is
//! its owner's alone, is left aside where others may write it, and counts only for the same log, keys and checkpoints.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

/// Written after so many batches: a quarter of a gigabyte of an export.
const BATCHES: u64 = 64;

/// The longest, in bytes: openings that are looked after, as numbers in text, and what else a state has.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Others than the owner may write.
const OTHERS_WRITE: u32 = 0o022;

/// Why a bookmark is none.
#[derive(Debug, thiserror::Error)]
pub enum BookmarkError {
    /// It cannot be read.
    #[error("the bookmark `{}` cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It says nothing that a verification goes on from.
    #[error("the bookmark `{}` is none; remove it, or say `--afresh`, to begin anew", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Anybody may have written it.
    #[error(
        "the bookmark `{}` can be written by others (mode {mode:o}), so it vouches for nothing; remove it, or say `--afresh`", path.display()
    )]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// The file, if one is wanted.
pub struct Kept {
    path: Option<PathBuf>,
    batches: u64,
    every: u64,
}

impl Kept {
    /// In this file, if there is one; whatever it says, if it is to begin afresh.
    pub fn new(path: Option<&Path>, afresh: bool) -> io::Result<Self> {
        if let Some(path) = path.filter(|_| afresh) {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(Self {
            path: path.map(Path::to_owned),
            batches: 0,
            every: BATCHES,
        })
    }

    /// Written after so many batches instead: theirs take long.
    #[must_use]
    pub fn every(mut self, batches: u64) -> Self {
        self.every = batches.max(1);
        self
    }

    /// What was kept, if anything was.
    ///
    /// # Errors
    /// If it is there and cannot be used.
    pub fn read<T: DeserializeOwned>(&self) -> Result<Option<T>, BookmarkError> {
        let Some(path) = self.path.as_ref() else {
            return Ok(None);
        };
        let failed = |source| BookmarkError::Read {
            path: path.clone(),
            source,
        };
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & OTHERS_WRITE != 0 {
            let path = path.clone();
            return Err(BookmarkError::Exposed { path, mode });
        }
        let mut text = Vec::new();
        file.take(FILE_BYTES_MAX)
            .read_to_end(&mut text)
            .map_err(failed)?;
        let kept = serde_json::from_slice(&text);
        kept.map(Some).map_err(|source| BookmarkError::Malformed {
            path: path.clone(),
            source,
        })
    }

    /// Keeps it, now and then.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write<T: Serialize>(&mut self, kept: Option<T>) -> io::Result<()> {
        self.batches += 1;
        let (Some(path), Some(kept)) = (&self.path, kept) else {
            return Ok(());
        };
        if !(self.batches - 1).is_multiple_of(self.every) {
            return Ok(());
        }
        // Whole or not at all, and nobody else's from its first byte on.
        let draft = path.with_added_extension("new");
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(&serde_json::to_vec(&kept)?)?;
        drop(file);
        fs::rename(draft, path)
    }

    /// It is done: the next time begins anew.
    pub fn done(self) {
        if let Some(path) = self.path {
            // One that stays is found true or left aside.
            drop(fs::remove_file(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn it_is_its_owners_alone_and_goes_when_all_is_done() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("bookmark");
        let mut kept = Kept::new(Some(&path), false).unwrap();
        assert_eq!(kept.read::<u64>().unwrap(), None);
        kept.write(Some(7_u64)).unwrap();
        kept.write(Some(8_u64)).unwrap();
        assert_eq!(kept.read::<u64>().unwrap(), Some(7), "now and then");
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o620)).unwrap();
        let read = kept.read::<u64>();
        assert!(matches!(
            read,
            Err(BookmarkError::Exposed { mode: 0o620, .. })
        ));
        let kept = Kept::new(Some(&path), true).unwrap();
        assert_eq!(kept.read::<u64>().unwrap(), None, "afresh");
        fs::write(&path, "no bookmark").unwrap();
        assert!(matches!(
            kept.read::<u64>(),
            Err(BookmarkError::Malformed { .. })
        ));
        kept.done();
        assert!(!path.exists());
    }
}
