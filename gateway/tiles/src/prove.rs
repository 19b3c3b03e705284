//! Proofs from a few tiles, whatever the size of the log.

use std::path::Path;

use proof::{
    checkpoint::Checkpoint,
    leaf::Header,
    tree::{DIGEST_BYTES, Digest, Place, Prover, is_consistent, is_included, leaf_hash},
};
use serde::Serialize;

use crate::{
    TilesError, edge, entries,
    publish::read,
    tile::{HEIGHT, Level, Tile, WIDTH},
};

/// A proof, and whether it holds.
#[derive(Clone, Debug, Serialize)]
pub struct Proof {
    /// The hashes of RFC 6962 §2.1.1 or §2.1.2, hexadecimal, in their order.
    pub hashes: Vec<String>,
    /// Whether they prove it, by the signed roots.
    pub holds: bool,
    /// The header of the record that is proven to be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Header>,
}

/// Proves that the record at `index` is in the log in `root`, whose checkpoint this is.
pub fn prove_record(root: &Path, new: Checkpoint, index: u64) -> Result<Proof, TilesError> {
    let size = new.size;
    let beyond = TilesError::Beyond { size, index };
    let tile = Tile::of(Level::Entries, index / WIDTH, size);
    let tile = tile.filter(|_| index < size).ok_or(beyond)?;
    let bundle = read(root, tile)?;
    let leaves = entries::split(&bundle, tile.width).unwrap_or_default();
    let place = usize::try_from(index % WIDTH).unwrap_or(usize::MAX);
    let leaf = leaves.get(place).copied().unwrap_or_default();
    let hashes = proven(root, size, |prover| prover.prove(size, index))?;
    let holds = is_included(&hashes, size, new.root, index, leaf_hash(leaf));
    Ok(Proof {
        hashes: hashes.iter().map(hex::encode).collect(),
        holds,
        header: Header::parse(leaf),
    })
}

/// Proves that the log in `root`, whose checkpoint is `new`, begins with the one that `old` was about.
pub fn prove_consistency(
    root: &Path,
    new: Checkpoint,
    old: Checkpoint,
) -> Result<Proof, TilesError> {
    if old.size > new.size {
        return Err(TilesError::RolledBack {
            size: new.size,
            published: old.size,
        });
    }
    let hashes = proven(root, new.size, |prover| {
        prover.prove_consistency(new.size, old.size)
    })?;
    let holds = is_consistent(&hashes, (new.size, new.root), (old.size, old.root));
    Ok(Proof {
        hashes: hashes.iter().map(hex::encode).collect(),
        holds,
        header: None,
    })
}

fn proven(
    root: &Path,
    size: u64,
    prove: impl Fn(&Prover) -> Result<Vec<Digest>, Vec<Place>>,
) -> Result<Vec<Digest>, TilesError> {
    let mut prover = Prover::default();
    for place in prove(&prover).err().unwrap_or_default() {
        prover.learn(place, node(root, size, place)?);
    }
    Ok(prove(&prover).unwrap_or_default())
}

/// A node of the tree, from the tile that it is in or above.
fn node(root: &Path, size: u64, place: Place) -> Result<Digest, TilesError> {
    let height = u32::try_from(place.level).unwrap_or(u32::MAX);
    let (level, within) = (height / HEIGHT, height % HEIGHT);
    let first = (place.record >> height) << within;
    let index = place.record;
    let tile = Tile::of(Level::Hashes(level), first / WIDTH, size);
    let tile = tile.ok_or(TilesError::Beyond { size, index })?;
    let content = read(root, tile)?;
    let start = usize::try_from(first % WIDTH).unwrap_or(0) * DIGEST_BYTES;
    let hashes = content.get(start..start + (DIGEST_BYTES << within));
    let hashes = hashes.ok_or_else(|| TilesError::Length {
        path: root.join(tile.path()),
        length: content.len() as u64,
        expected: tile.width * DIGEST_BYTES as u64,
    })?;
    Ok(edge::root(hashes))
}
