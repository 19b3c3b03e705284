//! A file that is written whole or not at all, and in the order in which that was asked for.
//!
//! Who waits for a write may be dropped, and the write goes on in its thread: a later one must not be overtaken by it.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The file.
pub(crate) struct Turns {
    file: PathBuf,
    asked: AtomicU64,
    /// The last one that was written.
    written: Arc<Mutex<u64>>,
}

impl Turns {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self {
            file,
            asked: AtomicU64::new(0),
            written: Arc::default(),
        }
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Writes it, unless a later one was written; durable when this returns.
    pub(crate) async fn write(&self, text: Vec<u8>) -> io::Result<()> {
        let turn = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let (file, written) = (self.file.clone(), Arc::clone(&self.written));
        let done = tokio::task::spawn_blocking(move || put(&file, &text, turn, &written));
        done.await.map_err(io::Error::other)?
    }
}

fn put(file: &Path, text: &[u8], turn: u64, written: &Mutex<u64>) -> io::Result<()> {
    let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
    if *written > turn {
        return Ok(());
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(text)?;
    draft.as_file().sync_all()?;
    draft.persist(file)?;
    fs::File::open(folder)?.sync_all()?;
    *written = turn;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_asked_for_last_stays() {
        let home = tempfile::tempdir().unwrap();
        let turns = Turns::new(home.path().join("file"));
        turns.write(b"one".to_vec()).await.unwrap();
        turns.write(b"two".to_vec()).await.unwrap();
        assert_eq!(fs::read(turns.file()).unwrap(), b"two");
        // The first one comes late.
        put(turns.file(), b"one", 1, &turns.written).unwrap();
        assert_eq!(fs::read(turns.file()).unwrap(), b"two");
        put(turns.file(), b"three", 3, &turns.written).unwrap();
        assert_eq!(fs::read(turns.file()).unwrap(), b"three");
    }
}
