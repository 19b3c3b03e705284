//! Which tiles there are and where.

use std::path::PathBuf;

/// Hashes of a full tile.
pub(crate) const WIDTH: u64 = 256;

/// Bits of the index of a hash within its tile.
pub(crate) const HEIGHT: u32 = 8;

/// Levels of tiles that a tree of 2^62 leaves has.
pub(crate) const LEVELS_MAX: u32 = 8;

/// Digits of a part of a path.
const PART: u64 = 1000;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Leaves themselves.
    Entries,
    /// Hashes: 0 of leaves.
    Hashes(u32),
}

/// One tile of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tile {
    pub(crate) level: Level,
    /// Which of its level.
    pub(crate) number: u64,
    /// How much of it there is: 1 to 256.
    pub(crate) width: u64,
}

impl Tile {
    /// The tile with this number, as wide as a tree of `size` leaves has it; none if it has none.
    pub(crate) fn of(level: Level, number: u64, size: u64) -> Option<Self> {
        let height = match level {
            Level::Entries => 0,
            Level::Hashes(level) => level * HEIGHT,
        };
        let hashes = size.checked_shr(height).unwrap_or(0);
        let width = hashes
            .saturating_sub(number.saturating_mul(WIDTH))
            .min(WIDTH);
        (width > 0).then_some(Self {
            level,
            number,
            width,
        })
    }

    /// Where it is below the folder, as C2SP tlog-tiles has it.
    pub(crate) fn path(&self) -> PathBuf {
        let level = match self.level {
            Level::Entries => "entries".to_owned(),
            Level::Hashes(level) => level.to_string(),
        };
        let mut number = self.number / PART;
        let mut parts = format!("{:03}", self.number % PART);
        while number > 0 {
            parts = format!("x{:03}/{parts}", number % PART);
            number /= PART;
        }
        let partial = if self.width == WIDTH {
            String::new()
        } else {
            format!(".p/{}", self.width)
        };
        PathBuf::from(format!("tile/{level}/{parts}{partial}"))
    }

    /// The folder of what there was of it before it was full.
    pub(crate) fn partials(&self) -> PathBuf {
        let full = Self {
            width: WIDTH,
            ..*self
        };
        full.path().with_extension("p")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = |level, number, width| {
            Tile {
                level,
                number,
                width,
            }
            .path()
        };
        let hashes = Level::Hashes;
        for (path, expected) in [
            (tile(hashes(0), 1_234_067, 256), "tile/0/x001/x234/067"),
            (tile(hashes(0), 0, 256), "tile/0/000"),
            (tile(hashes(3), 999, 1), "tile/3/999.p/1"),
            (
                tile(Level::Entries, 1000, 255),
                "tile/entries/x001/000.p/255",
            ),
        ] {
            assert_eq!(path.to_str(), Some(expected));
        }
        let tile = Tile {
            level: Level::Entries,
            number: 1000,
            width: 7,
        };
        assert_eq!(tile.partials().to_str(), Some("tile/entries/x001/000.p"));
    }

    #[test]
    fn a_tree_of_70000_has_the_tiles_of_the_specification() {
        let width = |level, number| Tile::of(level, number, 70_000).map(|it| it.width);
        for (level, number, expected) in [
            (Level::Hashes(0), 272, Some(256)),
            (Level::Hashes(0), 273, Some(112)),
            (Level::Hashes(0), 274, None),
            (Level::Hashes(1), 0, Some(256)),
            (Level::Hashes(1), 1, Some(17)),
            (Level::Hashes(2), 0, Some(1)),
            (Level::Hashes(3), 0, None),
            (Level::Entries, 273, Some(112)),
        ] {
            assert_eq!(width(level, number), expected, "{level:?} {number}");
        }
    }
}
