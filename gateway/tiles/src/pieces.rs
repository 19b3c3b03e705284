//! What is published, file by file, for whoever keeps the same elsewhere.

use std::path::Path;

use proof::checkpoint::{Authority, NOTE_BYTES_MAX};

use crate::{
    TilesError, folder,
    publish::{CHECKPOINT, part, read},
    tile::{HEIGHT, LEVELS_MAX, Level, Tile, WIDTH},
};

/// No tile has more bytes: 256 entries and their lengths.
pub const PIECE_BYTES_MAX: usize = 256 * (2 + 65_535);

/// A file of a log's tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece(pub(crate) Tile);

impl Piece {
    /// Its name below the folder.
    pub fn name(&self) -> String {
        self.0.path().display().to_string()
    }

    /// Whether it holds all that it ever will; what is not full is superseded by the same one wider.
    pub fn is_full(&self) -> bool {
        self.0.width == WIDTH
    }

    /// The one that holds all that it ever will.
    #[must_use]
    pub fn full(&self) -> Self {
        Self(Tile {
            width: WIDTH,
            ..self.0
        })
    }

    /// What is in it, by what is in a wider one.
    pub fn part_of(&self, wider: Vec<u8>) -> Vec<u8> {
        part(self.0, wider)
    }

    /// What is in it, by the folder `root`: from the wider one, where it was superseded.
    ///
    /// # Errors
    /// If it is not there.
    pub fn read(&self, root: &Path) -> Result<Vec<u8>, TilesError> {
        read(root, self.0)
    }
}

/// The full tiles that a log of `size` records has and one of `known` records had not, the lowest level first.
pub fn full(known: u64, size: u64) -> impl Iterator<Item = Piece> {
    levels().flat_map(move |(level, height)| {
        let whole = move |size: u64| (size >> height) / WIDTH;
        let numbers = whole(known)..whole(size);
        numbers.map(move |number| {
            Piece(Tile {
                level,
                number,
                width: WIDTH,
            })
        })
    })
}

/// The tiles of a log of `size` records that are not full.
pub fn partial(size: u64) -> impl Iterator<Item = Piece> {
    levels().filter_map(move |(level, height)| {
        Tile::of(level, (size >> height) / WIDTH, size).map(Piece)
    })
}

/// The checkpoint that is published in the folder `root`, and of how many records it is; none if nothing is.
///
/// # Errors
/// If it is not this log's.
pub fn head(root: &Path, authority: &Authority) -> Result<Option<(u64, String)>, TilesError> {
    let path = root.join(CHECKPOINT);
    let Some(note) = folder::read_if_there(&path, NOTE_BYTES_MAX as u64 + 1)? else {
        return Ok(None);
    };
    match authority.check(&note) {
        Ok(checkpoint) => {
            let note = String::from_utf8_lossy(&note).into_owned();
            Ok(Some((checkpoint.size, note)))
        }
        Err(why) => Err(TilesError::Foreign { path, why }),
    }
}

/// Every level, and how many bits of a record's index are below one hash of it.
fn levels() -> impl Iterator<Item = (Level, u32)> {
    let hashes = (0..LEVELS_MAX).map(|level| (Level::Hashes(level), level * HEIGHT));
    std::iter::once((Level::Entries, 0)).chain(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pieces: impl Iterator<Item = Piece>) -> Vec<String> {
        pieces.map(|piece| piece.name()).collect()
    }

    #[test]
    fn what_grew_is_what_is_full_by_now() {
        assert_eq!(names(full(0, 255)), [""; 0]);
        assert_eq!(names(full(0, 256)), ["tile/entries/000", "tile/0/000"]);
        assert_eq!(
            names(full(256, 700)),
            ["tile/entries/001", "tile/0/001"],
            "what was known is not named again"
        );
        let names = names(full(65_000, 65_536));
        assert!(names.contains(&"tile/1/000".to_owned()), "{names:?}");
        assert_eq!(names.len(), 7);
    }

    #[test]
    fn what_is_not_full_is_the_right_edge() {
        assert_eq!(names(partial(0)), [""; 0]);
        assert_eq!(names(partial(256)), ["tile/1/000.p/1"]);
        assert_eq!(
            names(partial(257)),
            ["tile/entries/001.p/1", "tile/0/001.p/1", "tile/1/000.p/1"]
        );
    }
}
