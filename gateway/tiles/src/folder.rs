//! Files that appear whole or not at all.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use crate::TilesError;

/// What a file is called until it is whole.
const DRAFT: &str = "new";

/// A folder that is written, and what must still be made durable.
pub(crate) struct Folder {
    root: PathBuf,
    unsynced: BTreeSet<PathBuf>,
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            unsynced: BTreeSet::new(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a file that no checkpoint speaks of yet, in the place of what a crash may have left there.
    pub(crate) fn put(&mut self, path: &Path, content: &[u8]) -> Result<(), TilesError> {
        let path = self.root.join(path);
        self.write(&path, content)
    }

    /// Writes a file in the place of what it was, durably, after everything before it.
    pub(crate) fn replace(&mut self, path: &Path, content: &[u8]) -> Result<(), TilesError> {
        self.sync()?;
        let path = self.root.join(path);
        self.write(&path, content)?;
        self.sync()
    }

    /// Removes a folder with files, if it is there.
    pub(crate) fn remove(&mut self, path: &Path) -> Result<(), TilesError> {
        let path = self.root.join(path);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(written(&path)(error)),
            _ => Ok(()),
        }
    }

    fn write(&mut self, path: &Path, content: &[u8]) -> Result<(), TilesError> {
        let folder = path.parent().unwrap_or(&self.root).to_owned();
        fs::create_dir_all(&folder).map_err(written(&folder))?;
        let draft = path.with_added_extension(DRAFT);
        let made = File::create(&draft).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
        made.and_then(|()| fs::rename(&draft, path))
            .map_err(written(path))?;
        self.note(path);
        Ok(())
    }

    /// Its name, and those of the folders that it is in, are to be made durable.
    fn note(&mut self, path: &Path) {
        let folders = path.ancestors().skip(1);
        for folder in folders.take_while(|folder| folder.starts_with(&self.root)) {
            self.unsynced.insert(folder.to_owned());
        }
    }

    fn sync(&mut self) -> Result<(), TilesError> {
        for folder in std::mem::take(&mut self.unsynced) {
            let synced = File::open(&folder).and_then(|it| it.sync_all());
            synced.map_err(written(&folder))?;
        }
        Ok(())
    }
}

/// Takes the lock of the folder, which goes with this process.
pub(crate) fn lock(root: &Path) -> Result<File, TilesError> {
    let path = root.join(".publishing");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(written(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(TilesError::Locked { path }),
        Err(fs::TryLockError::Error(error)) => Err(written(&path)(error)),
    }
}

/// What is in a file, at most so many bytes; none if there is no such file.
pub(crate) fn read_if_there(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, TilesError> {
    let mut content = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut content));
    match read {
        Ok(_) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TilesError::File {
            path: path.to_owned(),
            action: "read",
            source,
        }),
    }
}

pub(crate) fn written(path: &Path) -> impl FnOnce(io::Error) -> TilesError {
    let path = path.to_owned();
    move |source| TilesError::File {
        path,
        action: "written",
        source,
    }
}
