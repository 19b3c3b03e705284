//! Judges a folder of tiles.

use std::{io, ops::Range, path::Path};

use proof::{
    Finding, Report,
    checkpoint::{self, Authority, Forgery, NOTE_BYTES_MAX},
    export::Progress,
    parallel,
    tree::{DIGEST_BYTES, Digest, leaf_hash},
    verify::{Item, State, Verifier},
};
use serde::{Deserialize, Serialize};

use crate::{
    TilesError,
    edge::{Content, Edge},
    entries,
    folder::read_if_there,
    publish::{CHECKPOINT, part, read},
    tile::{Level, Tile, WIDTH},
};

/// Tiles that are read at once: of leaves that are as long as may be, half a gigabyte; of usual ones a
/// fiftieth of that.
const TILES: u64 = 32;

/// Where a verification is to go on later. It vouches for what stands before its place: keep it as you keep
/// the verdict.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bookmark {
    of: String,
    state: State,
}

/// How to verify.
pub struct Manner<'a> {
    /// With so many threads.
    pub threads: usize,
    /// Where an earlier verification ended.
    pub from: Option<Bookmark>,
    /// Told after some tiles, with how many records there are; with where to go on from, unless something is
    /// wrong.
    pub told: &'a mut dyn FnMut(Progress, u64, Option<Bookmark>) -> io::Result<()>,
}

/// Judges the log in `root` by the public key and by checkpoints kept elsewhere: every leaf, every hash of
/// every tile, and that nothing is missing.
pub fn verify(
    manner: Manner<'_>,
    root: &Path,
    authority: Authority,
    anchors: &[Vec<u8>],
) -> Result<Report, TilesError> {
    let of = authority.purpose(None, anchors);
    let path = root.join(CHECKPOINT);
    let Some(note) = read_if_there(&path, NOTE_BYTES_MAX as u64 + 1)? else {
        return Err(TilesError::File {
            path,
            action: "read",
            source: io::ErrorKind::NotFound.into(),
        });
    };
    let size = match authority.check(&note) {
        Ok(checkpoint) => checkpoint.size,
        // Perhaps by a key that the log itself names further on: as far as that may be.
        Err(Forgery::UnknownKey) if checkpoint::is_named(&note, authority.origin()) => {
            checkpoint::size(&note).unwrap_or(0)
        }
        // The verifier will say the same, and there is no size to go by.
        Err(_) => 0,
    };
    let mut walk = Walk::start(root, size, manner.from.filter(|it| it.of == of), &authority);
    for anchor in anchors {
        walk.verifier.anchor(anchor);
    }
    let mut progress = Progress::default();
    while walk.edge.size() < size {
        let first = walk.edge.size() / WIDTH;
        progress.bytes += walk.step(first..first + TILES, manner.threads)?;
        progress.records = walk.edge.size();
        let state = walk.verifier.state();
        let bookmark = state.filter(|it| it.size().is_multiple_of(WIDTH));
        let bookmark = bookmark.map(|state| Bookmark {
            of: of.clone(),
            state,
        });
        (manner.told)(progress, size, bookmark).map_err(|source| TilesError::File {
            path: path.clone(),
            action: "verified",
            source,
        })?;
        if walk.ended {
            break;
        }
    }
    if !walk.ended {
        walk.compare_partial()?;
    }
    walk.verifier.checkpoint(&note, None);
    Ok(walk.verifier.finish())
}

struct Walk<'a> {
    root: &'a Path,
    size: u64,
    verifier: Verifier,
    edge: Edge,
    /// There is no going on.
    ended: bool,
}

/// Up to 256 leaves, as they were read.
#[derive(Default)]
struct Leaves {
    items: Vec<Item>,
    hashes: Vec<Digest>,
    faults: Vec<Finding>,
    bytes: u64,
}

impl Leaves {
    fn read(root: &Path, tile: Tile) -> Result<Self, TilesError> {
        let mut leaves = Self::default();
        let above = Tile {
            level: Level::Hashes(0),
            ..tile
        };
        let (bundle, hashes) = (leaves.file(root, tile)?, leaves.file(root, above)?);
        let Some(bundle) = bundle else {
            return Ok(leaves);
        };
        leaves.bytes = bundle.len() as u64;
        let entries = entries::split(&bundle, tile.width).unwrap_or_else(|| {
            leaves.faults.push(altered(tile));
            let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
            vec![&[][..]; width]
        });
        let hashes = hashes.map(|it| it.as_chunks::<DIGEST_BYTES>().0.to_vec());
        let whole = hashes.as_ref().is_some_and(|it| it.len() == entries.len());
        if hashes.is_some() && !whole {
            leaves.faults.push(altered(above));
        }
        leaves.hashes = hashes
            .filter(|_| whole)
            .unwrap_or_else(|| entries.iter().map(|leaf| leaf_hash(leaf)).collect());
        let places = (tile.number * WIDTH..).zip(entries).zip(&leaves.hashes);
        leaves.items = places
            .map(|((index, leaf), hash)| Item::new(index, leaf, hash))
            .collect();
        Ok(leaves)
    }

    /// A tile; one that is not there is a finding.
    fn file(&mut self, root: &Path, tile: Tile) -> Result<Option<Vec<u8>>, TilesError> {
        let read = there(root, tile)?;
        if read.is_none() {
            self.faults.push(missing(tile));
        }
        Ok(read)
    }
}

/// A tile, if it is there.
fn there(root: &Path, tile: Tile) -> Result<Option<Vec<u8>>, TilesError> {
    match read(root, tile) {
        Ok(content) => Ok(Some(content)),
        Err(TilesError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn name(tile: Tile) -> String {
    tile.path().to_string_lossy().into_owned()
}

fn missing(tile: Tile) -> Finding {
    Finding::Missing { name: name(tile) }
}

fn altered(tile: Tile) -> Finding {
    Finding::Altered { name: name(tile) }
}

impl<'a> Walk<'a> {
    fn start(root: &'a Path, size: u64, from: Option<Bookmark>, authority: &Authority) -> Self {
        let fresh = || (Verifier::new(authority.clone()), Edge::default());
        let resumed = from.and_then(|from| {
            let (at, expected) = (from.state.size(), from.state.root()?);
            // What was narrower then is a part of what is there now.
            let read = |tile: Tile| {
                let now = Tile::of(tile.level, tile.number, size).unwrap_or(tile);
                read(root, now).map(|content| part(tile, content))
            };
            let edge = Edge::load(at, read).ok()??;
            let verifier = Verifier::resume(authority.clone(), from.state)?;
            (at <= size && edge.root() == expected).then_some((verifier, edge))
        });
        let (verifier, edge) = resumed.unwrap_or_else(fresh);
        Self {
            root,
            size,
            verifier,
            edge,
            ended: false,
        }
    }

    /// Judges these tiles of leaves; gives how many bytes they had.
    fn step(&mut self, numbers: Range<u64>, threads: usize) -> Result<u64, TilesError> {
        let tiles: Vec<Tile> = numbers
            .filter_map(|number| Tile::of(Level::Entries, number, self.size))
            .collect();
        let (root, mut bytes) = (self.root, 0);
        for leaves in parallel::map_each(threads, &tiles, |tile| Leaves::read(root, *tile)) {
            let leaves = leaves?;
            bytes += leaves.bytes;
            self.ended |= leaves.items.is_empty();
            for fault in leaves.faults {
                self.verifier.found(fault);
            }
            if self.ended {
                break;
            }
            for item in leaves.items {
                self.verifier.take(item);
            }
            for hash in leaves.hashes {
                for (tile, content) in self.edge.append_hash(hash) {
                    self.compare(tile, &content)?;
                }
            }
        }
        Ok(bytes)
    }

    /// The hashes of full tiles must be what stands in the level above.
    fn compare(&mut self, tile: Tile, content: &[u8]) -> Result<(), TilesError> {
        if tile.level <= Level::Hashes(0) {
            return Ok(());
        }
        match there(self.root, tile)? {
            None => self.verifier.found(missing(tile)),
            Some(there) if there != content => self.verifier.found(altered(tile)),
            Some(_) => {}
        }
        Ok(())
    }

    /// The same for those that are not full.
    fn compare_partial(&mut self) -> Result<(), TilesError> {
        let partial = self.edge.partial().into_iter();
        let partial: Vec<Content> = partial.map(|(tile, it)| (tile, it.to_vec())).collect();
        for (tile, content) in partial {
            self.compare(tile, &content)?;
        }
        Ok(())
    }
}
