//! Writes a log as tiles.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use proof::{checkpoint::Authority, checkpoint::NOTE_BYTES_MAX, tree::DIGEST_BYTES};

use crate::{
    TilesError,
    edge::Edge,
    entries,
    folder::{self, Folder},
    tile::{Level, Tile, WIDTH},
};

/// The file of the newest head.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// No tile is longer: 256 entries and their lengths.
const BUNDLE_BYTES_MAX: u64 = WIDTH * (2 + u16::MAX as u64);

/// The one that writes a folder of tiles. What it has published never changes: it begins where the checkpoint ends, and
/// what lies behind that is nobody's.
pub struct Publisher {
    folder: Folder,
    authority: Authority,
    edge: Edge,
    /// The checkpoint that stands there.
    note: Option<String>,
    /// Folders of partial tiles whose full one is written.
    filled: Vec<PathBuf>,
    /// Held while it publishes; released by the kernel whatever becomes of us.
    _lock: File,
}

impl Publisher {
    /// Goes on where the folder ends, or begins one. Refuses a folder that is not this log's, or whose tiles are
    /// not those of its checkpoint.
    pub fn open(root: &Path, authority: Authority) -> Result<Self, TilesError> {
        fs::create_dir_all(root).map_err(folder::written(root))?;
        let lock = folder::lock(root)?;
        let (edge, note) = match published(root, &authority)? {
            Some((edge, note)) => (edge, Some(note)),
            None => (Edge::default(), None),
        };
        Ok(Self {
            folder: Folder::new(root),
            authority,
            edge,
            note,
            filled: Vec::new(),
            _lock: lock,
        })
    }

    /// Goes by these keys of the log from here on.
    pub fn go_by(&mut self, authority: Authority) {
        self.authority = authority;
    }

    /// How many records it has taken; after [`open`](Self::open), how many are published.
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// Whether exactly this checkpoint stands there.
    pub fn has(&self, note: &str) -> bool {
        self.note.as_deref() == Some(note)
    }

    /// Takes the next record.
    pub fn append(&mut self, index: u64, leaf: &[u8]) -> Result<(), TilesError> {
        let expected = self.edge.size();
        if index != expected {
            return Err(TilesError::Order { index, expected });
        }
        let full = self.edge.append(leaf);
        for (tile, content) in full.ok_or(TilesError::Long { index })? {
            self.folder.put(&tile.path(), &content)?;
            self.filled.push(tile.partials());
        }
        Ok(())
    }

    /// Publishes what was taken under its checkpoint, which must cover exactly that. When this returns it survives
    /// a power cut; until then the folder is what it was.
    pub fn publish(&mut self, note: &str) -> Result<(), TilesError> {
        let path = self.folder.root().join(CHECKPOINT);
        let checked = self.authority.check(note.as_bytes());
        let checkpoint = checked.map_err(|why| TilesError::Foreign { path, why })?;
        if (checkpoint.size, checkpoint.root) != (self.edge.size(), self.edge.root()) {
            let size = checkpoint.size;
            return Err(TilesError::Forked { size });
        }
        for (tile, content) in self.edge.partial() {
            self.folder.put(&tile.path(), content)?;
        }
        self.folder
            .replace(Path::new(CHECKPOINT), note.as_bytes())?;
        self.note = Some(note.to_owned());
        for partials in std::mem::take(&mut self.filled) {
            self.folder.remove(&partials)?;
        }
        Ok(())
    }
}

/// What is published already, and under which checkpoint.
pub(crate) fn published(
    root: &Path,
    authority: &Authority,
) -> Result<Option<(Edge, String)>, TilesError> {
    let path = root.join(CHECKPOINT);
    let Some(note) = folder::read_if_there(&path, NOTE_BYTES_MAX as u64 + 1)? else {
        return Ok(None);
    };
    let checkpoint = match authority.check(&note) {
        Ok(checkpoint) => checkpoint,
        Err(why) => return Err(TilesError::Foreign { path, why }),
    };
    let edge = Edge::load(checkpoint.size, |tile| read(root, tile))?;
    let edge = edge.filter(|edge| edge.root() == checkpoint.root);
    let note = String::from_utf8(note).ok();
    let damaged = || TilesError::Damaged {
        path: root.to_owned(),
    };
    edge.zip(note).ok_or_else(damaged).map(Some)
}

/// What is in a tile that must be there. A partial one may have become full since.
pub(crate) fn read(root: &Path, tile: Tile) -> Result<Vec<u8>, TilesError> {
    let path = root.join(tile.path());
    let full = Tile {
        width: WIDTH,
        ..tile
    };
    let found = match folder::read_if_there(&path, BUNDLE_BYTES_MAX + 1)? {
        None if full != tile => {
            let whole = folder::read_if_there(&root.join(full.path()), BUNDLE_BYTES_MAX + 1)?;
            whole.map(|content| part(tile, content))
        }
        found => found,
    };
    found.ok_or_else(|| TilesError::File {
        path,
        action: "read",
        source: std::io::ErrorKind::NotFound.into(),
    })
}

/// The first so many hashes or entries of a wider tile.
pub(crate) fn part(tile: Tile, mut content: Vec<u8>) -> Vec<u8> {
    let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
    let length = match tile.level {
        Level::Hashes(_) => width * DIGEST_BYTES,
        Level::Entries => entries::length(&content, width),
    };
    content.truncate(length);
    content
}
