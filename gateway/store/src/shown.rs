//! The newest checkpoint that was shown to others, in a file beside the log.
//!
//! With it the log knows how far it had come, whatever becomes of its database.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use audit::{LedgerError, checkpoint::NOTE_BYTES_MAX};

use crate::sqlite::failed;

/// The file in the log's directory.
pub const SHOWN_FILE_NAME: &str = "checkpoint";

/// The checkpoint that was kept in `directory`; none if there is no such file.
pub fn shown(directory: &Path) -> Result<Option<String>, LedgerError> {
    let mut note = String::new();
    let limit = NOTE_BYTES_MAX as u64 + 1;
    let file = File::open(directory.join(SHOWN_FILE_NAME));
    match file.and_then(|file| file.take(limit).read_to_string(&mut note)) {
        Ok(_) => Ok(Some(note)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Keeps `note` in `directory`, in the place of the one before. When this returns, it is durable.
pub fn keep_shown(directory: &Path, note: &str) -> Result<(), LedgerError> {
    let path = directory.join(SHOWN_FILE_NAME);
    let draft = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(note.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        File::open(directory)?.sync_all()
    });
    written.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_last_is_there() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(shown(home.path()).unwrap(), None);
        for note in ["first", "second"] {
            keep_shown(home.path(), note).unwrap();
            assert_eq!(shown(home.path()).unwrap().as_deref(), Some(note));
        }
        assert!(keep_shown(&home.path().join("nowhere"), "third").is_err());
    }
}
