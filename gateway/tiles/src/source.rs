//! Where tiles are read from.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use proof::{Finding, checkpoint::NOTE_BYTES_MAX};

use crate::{
    Piece, TilesError,
    folder::read_if_there,
    publish::{CHECKPOINT, read},
};

/// The folder of checkpoints that were kept, beside the tiles.
pub const KEPT: &str = "checkpoints";

/// Kept checkpoints that a folder may have: one a minute, for eight years.
const KEPT_MAX: usize = 1 << 22;

/// A checkpoint that is kept under a name of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptNote {
    /// The size that it is filed under.
    pub size: u64,
    /// What it says.
    pub note: Vec<u8>,
}

/// A place where a log's tiles are, whoever looks after it.
pub trait Source: Sync {
    /// Which place that is: a bookmark is good for one only.
    fn place(&self) -> String;

    /// The newest checkpoint; none if there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    fn newest(&self) -> Result<Option<Vec<u8>>, TilesError>;

    /// Checkpoints that were kept, of more than `after` and at most `to` records, by their sizes: some of them. None at
    /// the end. Asked for in order, and anew from a beginning.
    ///
    /// # Errors
    /// If they cannot be read.
    fn kept(&self, after: u64, to: u64) -> Result<Vec<KeptNote>, TilesError>;

    /// What is in a tile, or its first part where only a wider one is there; none if it is not there.
    ///
    /// # Errors
    /// If it cannot be read.
    fn tile(&self, piece: &Piece) -> Result<Option<Vec<u8>>, TilesError>;

    /// What was read until now was of records that an earlier sitting judged, or is read again; without such a sitting, all.
    fn begins(&self, _is_resumed: bool) {}

    /// What is wrong with the place itself, since that was asked last.
    fn faults(&self) -> Vec<Finding> {
        Vec::new()
    }
}

/// The name that a checkpoint of so many records is kept under; a second one of the same size has the first four bytes of its
/// digest in it.
pub fn kept_name(size: u64, digest: Option<u32>) -> String {
    let digest = digest.map(|digest| format!("-{digest:08x}"));
    format!("{KEPT}/{size:020}{}", digest.unwrap_or_default())
}

/// What [`kept_name`] was made of, from what stands behind the folder; none if no checkpoint is kept under that.
pub fn kept_of(name: &str) -> Option<(u64, Option<u32>)> {
    let (size, digest) = match name.split_once('-') {
        Some((size, digest)) => (size, Some(u32::from_str_radix(digest, 16).ok()?)),
        None => (name, None),
    };
    let size = size.parse().ok()?;
    let is_same = kept_name(size, digest)
        .strip_prefix(KEPT)?
        .strip_prefix('/')
        == Some(name);
    is_same.then_some((size, digest))
}

/// A folder.
pub(crate) struct Folder {
    root: PathBuf,
    /// What is kept there, in order.
    kept: BTreeSet<(u64, Option<u32>)>,
}

impl Folder {
    /// What is there now.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn open(root: &Path) -> Result<Self, TilesError> {
        let folder = root.join(KEPT);
        let failed = |source| TilesError::File {
            path: folder.clone(),
            action: "read",
            source,
        };
        let mut kept = BTreeSet::new();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            entries => Some(entries.map_err(failed)?),
        };
        for entry in entries.into_iter().flatten() {
            let name = entry.map_err(failed)?.file_name();
            let Some(name) = name.to_str() else { continue };
            kept.extend(kept_of(name));
            if kept.len() > KEPT_MAX {
                let many = format!("there are more than {KEPT_MAX} checkpoints");
                return Err(failed(io::Error::other(many)));
            }
        }
        Ok(Self {
            root: root.to_owned(),
            kept,
        })
    }
}

impl Source for Folder {
    fn place(&self) -> String {
        let root = fs::canonicalize(&self.root);
        root.as_deref().unwrap_or(&self.root).display().to_string()
    }

    fn newest(&self) -> Result<Option<Vec<u8>>, TilesError> {
        read_if_there(&self.root.join(CHECKPOINT), NOTE_BYTES_MAX as u64 + 1)
    }

    fn kept(&self, after: u64, to: u64) -> Result<Vec<KeptNote>, TilesError> {
        let Some(first) = after.checked_add(1).filter(|first| *first <= to) else {
            return Ok(Vec::new());
        };
        let next = self.kept.range((first, None)..).next();
        let Some((size, _)) = next.copied().filter(|(size, _)| *size <= to) else {
            return Ok(Vec::new());
        };
        let mut notes = Vec::new();
        for &(size, digest) in self.kept.range((size, None)..=(size, Some(u32::MAX))) {
            let path = self.root.join(kept_name(size, digest));
            if let Some(note) = read_if_there(&path, NOTE_BYTES_MAX as u64 + 1)? {
                notes.push(KeptNote { size, note });
            }
        }
        Ok(notes)
    }

    fn tile(&self, piece: &Piece) -> Result<Option<Vec<u8>>, TilesError> {
        match read(&self.root, piece.0) {
            Ok(content) => Ok(Some(content)),
            Err(TilesError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_what_is_kept_say_its_size_and_others_say_nothing() {
        for (size, digest) in [(0, None), (471_100, None), (471_100, Some(0x0123_abcd))] {
            let name = kept_name(size, digest);
            let name = name.strip_prefix("checkpoints/").unwrap();
            assert_eq!(kept_of(name), Some((size, digest)), "{name}");
        }
        assert_eq!(
            kept_name(3, Some(0x0123_abcd)),
            "checkpoints/00000000000000000003-0123abcd"
        );
        for none in [
            "",
            "3",
            "00000000000000000003-",
            "00000000000000000003-0123ABCD",
            "00000000000000000003-+123abcd",
            "00000000000000000003-0123abcd9",
            "99999999999999999999",
            "+0000000000000000003",
        ] {
            assert_eq!(kept_of(none), None, "{none}");
        }
    }
}
