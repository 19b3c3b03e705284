//! Judges tiles, wherever they are.

use std::{collections::VecDeque, io, ops::Range, path::Path};

use proof::{
    Finding, Report,
    checkpoint::{self, Authority},
    export::Progress,
    parallel,
    tree::{DIGEST_BYTES, Digest, leaf_hash},
    verify::{Examination, Item, State, Verifier},
};
use serde::{Deserialize, Serialize};

use crate::{
    Piece, TilesError,
    edge::{Content, Edge},
    end::End,
    entries,
    publish::{CHECKPOINT, part},
    source::{Folder, KeptNote, Source},
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

/// Judges the log in the folder `root` by the public key and by checkpoints kept elsewhere, or beside it: every leaf, every
/// hash of every tile, and that nothing is missing.
pub fn verify(
    manner: Manner<'_>,
    root: &Path,
    authority: Authority,
    anchors: &[Vec<u8>],
) -> Result<Report, TilesError> {
    verify_source(manner, &Folder::open(root)?, authority, anchors)
}

/// The same, of tiles that are elsewhere.
pub fn verify_source(
    manner: Manner<'_>,
    source: &dyn Source,
    authority: Authority,
    anchors: &[Vec<u8>],
) -> Result<Report, TilesError> {
    let of = authority.purpose(Some(source.place().as_bytes()), anchors);
    let end = End::find(source, &authority)?;
    let from = manner.from.filter(|it| it.of == of).map(|it| it.state);
    let mut walk = Walk::start(source, &end, from, &authority)?;
    for anchor in anchors {
        walk.verifier.anchor(anchor);
    }
    source.begins(walk.edge.size() > 0);
    let mut progress = Progress::default();
    while walk.edge.size() < end.size {
        let first = walk.edge.size() / WIDTH;
        progress.bytes += walk.step(first..first + TILES, manner.threads)?;
        progress.records = walk.edge.size();
        let state = walk.verifier.state();
        let bookmark = state.filter(|it| it.size().is_multiple_of(WIDTH));
        let bookmark = bookmark.map(|state| Bookmark {
            of: of.clone(),
            state,
        });
        (manner.told)(progress, end.size, bookmark).map_err(|source| TilesError::File {
            path: CHECKPOINT.into(),
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
    // Where tiles are missing, what is kept tells how many there were.
    walk.keep(end.size, manner.threads)?;
    for fault in end.faults.into_iter().chain(source.faults()) {
        walk.verifier.found(fault);
    }
    for KeptNote { size, note } in end.beyond {
        walk.verifier.checkpoint(&note, Some(size));
    }
    if let Some(note) = end.newest.filter(|_| !end.is_behind) {
        walk.verifier.checkpoint(&note, None);
    }
    Ok(walk.verifier.finish())
}

struct Walk<'a> {
    source: &'a dyn Source,
    size: u64,
    verifier: Verifier,
    edge: Edge,
    /// The newest checkpoint, where it is not of the end.
    behind: Option<(u64, Examination)>,
    /// Kept checkpoints whose place is still to come.
    kept: VecDeque<(u64, Examination)>,
    /// Those of up to so many records were read.
    kept_read: u64,
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
    fn read(source: &dyn Source, tile: Tile) -> Result<Self, TilesError> {
        let mut leaves = Self::default();
        let above = Tile {
            level: Level::Hashes(0),
            ..tile
        };
        let (bundle, hashes) = (leaves.file(source, tile)?, leaves.file(source, above)?);
        let Some(bundle) = bundle else {
            return Ok(leaves);
        };
        leaves.bytes = bundle.len() as u64;
        let entries = entries::split(&bundle, tile.width).unwrap_or_else(|| {
            leaves.faults.push(altered(tile));
            let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
            vec![&[][..]; width]
        });
        let exact = entries.len() * DIGEST_BYTES;
        let whole = hashes.as_ref().is_some_and(|it| it.len() == exact);
        let hashes = hashes.map(|it| it.as_chunks::<DIGEST_BYTES>().0.to_vec());
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
    fn file(&mut self, source: &dyn Source, tile: Tile) -> Result<Option<Vec<u8>>, TilesError> {
        let read = source.tile(&Piece(tile))?;
        if read.is_none() {
            self.faults.push(missing(tile));
        }
        Ok(read)
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
    fn start(
        source: &'a dyn Source,
        end: &End,
        from: Option<State>,
        authority: &Authority,
    ) -> Result<Self, TilesError> {
        let resumed = match from {
            Some(state) => resumed(source, end.size, state, authority)?,
            None => None,
        };
        let fresh = || (Verifier::new(authority.clone()), Edge::default());
        let (verifier, edge) = resumed.unwrap_or_else(fresh);
        let behind = end.newest.as_deref().filter(|_| end.is_behind);
        let behind = behind.and_then(|note| {
            let size = checkpoint::size(note)?;
            let is_to_come = (edge.size() + 1..end.size).contains(&size);
            is_to_come.then(|| (size, Examination::of(verifier.authority(), note)))
        });
        Ok(Self {
            source,
            size: end.size,
            verifier,
            kept_read: edge.size(),
            edge,
            behind,
            kept: VecDeque::new(),
            ended: false,
        })
    }

    /// Takes the kept checkpoints in that are of up to so many records.
    fn keep(&mut self, until: u64, threads: usize) -> Result<(), TilesError> {
        if let Some((size, examination)) = self.behind.take_if(|(size, _)| *size <= until) {
            self.verifier.examined(examination, Some(size));
        }
        loop {
            while let Some((size, it)) = self.kept.pop_front_if(|(size, _)| *size <= until) {
                self.verifier.examined(it, Some(size));
            }
            if !self.kept.is_empty() || self.kept_read >= self.size {
                return Ok(());
            }
            let notes = self.source.kept(self.kept_read, self.size)?;
            self.kept_read = notes.last().map_or(self.size, |it| it.size);
            // By the keys that the log named so far.
            let authority = self.verifier.authority();
            let examine = |it: &KeptNote| Examination::of(authority, &it.note);
            let examined = parallel::map(threads, &notes, examine);
            let sizes = notes.iter().map(|it| it.size);
            self.kept.extend(sizes.zip(examined));
        }
    }

    /// Judges these tiles of leaves; gives how many bytes they had.
    fn step(&mut self, numbers: Range<u64>, threads: usize) -> Result<u64, TilesError> {
        let tiles: Vec<Tile> = numbers
            .filter_map(|number| Tile::of(Level::Entries, number, self.size))
            .collect();
        let (source, mut bytes) = (self.source, 0);
        let read = parallel::map_each(threads, &tiles, |tile| Leaves::read(source, *tile));
        for fault in source.faults() {
            self.verifier.found(fault);
        }
        for (tile, leaves) in tiles.iter().zip(read) {
            let leaves = leaves?;
            bytes += leaves.bytes;
            self.ended |= leaves.items.is_empty();
            for fault in leaves.faults {
                self.verifier.found(fault);
            }
            if self.ended {
                break;
            }
            self.keep(tile.number * WIDTH + tile.width, threads)?;
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
        match self.source.tile(&Piece(tile))? {
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

/// What an earlier sitting came to, if the tiles are those that it had; where one of them is missing they are not.
fn resumed(
    source: &dyn Source,
    size: u64,
    state: State,
    authority: &Authority,
) -> Result<Option<(Verifier, Edge)>, TilesError> {
    let (at, Some(expected)) = (state.size(), state.root()) else {
        return Ok(None);
    };
    // What was narrower then is a part of what is there now.
    let read = |tile: Tile| {
        let now = Tile::of(tile.level, tile.number, size).unwrap_or(tile);
        let content = source.tile(&Piece(now)).map_err(Some)?;
        content.map(|content| part(tile, content)).ok_or(None)
    };
    let edge = match Edge::load(at, read) {
        Ok(edge) => edge.filter(|edge| at <= size && edge.root() == expected),
        Err(None) => None,
        Err(Some(fault)) => return Err(fault),
    };
    Ok(edge.and_then(|edge| Some((Verifier::resume(authority.clone(), state)?, edge))))
}
