//! What a witness signed last, of each log, in files that survive a power cut.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use proof::{
    checkpoint::{Authority, Checkpoint, Forgery, NOTE_BYTES_MAX},
    tree,
};

use crate::witness::signed;

/// Why the book is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// A file cannot be read or written.
    #[error("`{}` cannot be read or written", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process is this witness.
    #[error("`{}` is held by another process; a witness runs once", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// What was signed last is not to be made out any more.
    #[error("`{}` is not the checkpoint that was signed last ({why}); without it this witness could sign another history. Put it back, or retire this witness's key", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: Forgery,
    },
    /// One key of a log is given twice.
    #[error("the key `{0}` is given twice")]
    Twice(String),
}

/// What stands in the book of one log.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) checkpoint: Checkpoint,
    /// Which of the log's keys signed it.
    pub(crate) by: usize,
    /// With the cosignature.
    pub(crate) note: String,
}

/// One file for each log.
pub(crate) struct Book {
    folder: PathBuf,
    pages: BTreeMap<String, Page>,
    /// Released by the kernel whatever becomes of us.
    _lock: File,
}

impl Book {
    /// Opens the book in `folder`, for these logs.
    pub(crate) fn open(
        folder: &Path,
        logs: &BTreeMap<String, Vec<Authority>>,
    ) -> Result<Self, BookError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(failed(folder))?;
        let lock = lock(folder)?;
        let mut pages = BTreeMap::new();
        for (log, keys) in logs {
            let path = folder.join(name(log));
            if let Some(note) = read(&path)? {
                let (checkpoint, by) = match signed(keys, note.as_bytes()) {
                    Ok(signed) => signed,
                    Err(why) => return Err(BookError::Damaged { path, why }),
                };
                let page = Page {
                    checkpoint,
                    by,
                    note,
                };
                pages.insert(log.clone(), page);
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            pages,
            _lock: lock,
        })
    }

    pub(crate) fn page(&self, origin: &str) -> Option<&Page> {
        self.pages.get(origin)
    }

    /// Turns to the next page of a log. When this returns, it is durable; where it fails, nothing is turned.
    pub(crate) fn turn(&mut self, origin: &str, page: Page) -> Result<(), BookError> {
        let path = self.folder.join(name(origin));
        let draft = path.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let written = options.open(&draft).and_then(|mut file| {
            file.write_all(page.note.as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, &path)?;
            File::open(&self.folder)?.sync_all()
        });
        written.map_err(failed(&path))?;
        self.pages.insert(origin.to_owned(), page);
        Ok(())
    }
}

/// A file's name for a log, whatever that is called.
fn name(origin: &str) -> String {
    format!("{}.note", hex::encode(tree::leaf_hash(origin.as_bytes())))
}

fn read(path: &Path) -> Result<Option<String>, BookError> {
    let mut note = String::new();
    let limit = NOTE_BYTES_MAX as u64 + 1;
    match File::open(path).and_then(|file| file.take(limit).read_to_string(&mut note)) {
        Ok(_) => Ok(Some(note)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path)(error)),
    }
}

fn lock(folder: &Path) -> Result<File, BookError> {
    let path = folder.join("witness.lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(&path).map_err(failed(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(BookError::Locked { path }),
        Err(fs::TryLockError::Error(error)) => Err(failed(&path)(error)),
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> BookError {
    let path = path.to_owned();
    move |source| BookError::File { path, source }
}
