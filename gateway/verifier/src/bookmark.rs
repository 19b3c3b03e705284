//! Where to go on, in a file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use crate::judge::Fault;

/// Written after so many batches: a quarter of a gigabyte of an export.
const BATCHES: u64 = 64;

/// The file, if one is wanted.
pub(crate) struct Kept {
    path: Option<PathBuf>,
    batches: u64,
}

impl Kept {
    pub(crate) fn new(path: Option<&Path>) -> Self {
        Self {
            path: path.map(Path::to_owned),
            batches: 0,
        }
    }

    /// What was kept, if anything was.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<Option<T>, Fault> {
        let Some(path) = self.path.as_ref().filter(|path| path.exists()) else {
            return Ok(None);
        };
        let text = fs::read(path).map_err(Fault::read(path))?;
        let kept = serde_json::from_slice(&text);
        kept.map(Some).map_err(|source| Fault::Bookmark {
            path: path.clone(),
            source,
        })
    }

    /// Keeps it, now and then.
    pub(crate) fn write<T: Serialize>(&mut self, kept: Option<T>) -> std::io::Result<()> {
        self.batches += 1;
        let (Some(path), Some(kept)) = (&self.path, kept) else {
            return Ok(());
        };
        if self.batches % BATCHES != 1 {
            return Ok(());
        }
        // Whole or not at all.
        let draft = path.with_added_extension("new");
        fs::write(&draft, serde_json::to_vec(&kept)?)?;
        fs::rename(draft, path)
    }

    /// It is done: the next time begins anew.
    pub(crate) fn done(self) {
        if let Some(path) = self.path {
            // One that stays is found true or left aside.
            drop(fs::remove_file(path));
        }
    }
}
