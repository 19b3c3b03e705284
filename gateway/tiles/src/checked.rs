//! Files of a folder of tiles for whoever keeps them for good: each is judged before it is handed over.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use proof::{
    checkpoint::{Authority, Checkpoint},
    tree::{DIGEST_BYTES, leaf_hash},
};

use crate::{
    Piece, TilesError,
    edge::{self, Edge},
    entries,
    publish::{published, read},
    tile::{Level, Tile, WIDTH},
};

/// A folder as its checkpoint has it. What is not full hashes to the signed root, what is full to a hash of the tile above
/// it, and entries to the hashes of theirs.
pub struct Checked {
    root: PathBuf,
    edge: Edge,
    note: String,
    /// The full tile of each level that was judged last.
    known: BTreeMap<u32, (u64, Vec<u8>)>,
}

impl Checked {
    /// What is published in the folder `root`; none if nothing is.
    ///
    /// # Errors
    /// If it is not this log's, or its right edge does not have the signed root.
    pub fn open(root: &Path, authority: &Authority) -> Result<Option<Self>, TilesError> {
        let published = published(root, authority)?;
        Ok(published.map(|(edge, note)| Self {
            root: root.to_owned(),
            edge,
            note,
            known: BTreeMap::new(),
        }))
    }

    /// What the checkpoint says.
    pub fn head(&self) -> Checkpoint {
        Checkpoint {
            size: self.edge.size(),
            root: self.edge.root(),
        }
    }

    /// The checkpoint.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// What is in a file.
    ///
    /// # Errors
    /// If it is not there, or is not what was signed.
    pub fn read(&mut self, piece: &Piece) -> Result<Vec<u8>, TilesError> {
        let tile = piece.0;
        let Level::Hashes(level) = tile.level else {
            let content = read(&self.root, tile)?;
            let hashes = self.hashes(0, tile.number)?;
            let leaves = entries::split(&content, tile.width).unwrap_or_default();
            let own: Vec<u8> = leaves.into_iter().flat_map(leaf_hash).collect();
            if own != hashes {
                return Err(self.altered(tile));
            }
            return Ok(content);
        };
        self.hashes(level, tile.number)
    }

    /// The hashes of a tile, as far as it is full.
    fn hashes(&mut self, level: u32, number: u64) -> Result<Vec<u8>, TilesError> {
        let (size, of) = (self.edge.size(), Level::Hashes(level));
        let beyond = TilesError::Beyond {
            size,
            index: number,
        };
        let tile = Tile::of(of, number, size).ok_or(beyond)?;
        if tile.width < WIDTH {
            let mut partial = self.edge.partial().into_iter();
            let found = partial.find(|(it, _)| *it == tile);
            let content = found.map(|(_, content)| content.to_vec());
            return content.ok_or_else(|| self.altered(tile));
        }
        if let Some((known, content)) = self.known.get(&level)
            && *known == number
        {
            return Ok(content.clone());
        }
        let content = read(&self.root, tile)?;
        let above = self.hashes(level + 1, number / WIDTH)?;
        let place = usize::try_from(number % WIDTH).unwrap_or(usize::MAX);
        let expected = above.as_chunks::<DIGEST_BYTES>().0.get(place);
        let is_whole = content.len() as u64 == WIDTH * DIGEST_BYTES as u64;
        if !is_whole || expected != Some(&edge::root(&content)) {
            return Err(self.altered(tile));
        }
        self.known.insert(level, (number, content.clone()));
        Ok(content)
    }

    fn altered(&self, tile: Tile) -> TilesError {
        TilesError::Altered {
            path: self.root.join(tile.path()),
        }
    }
}
