//! The Merkle tree over sealed records (RFC 6962 §2.1), incremental.
//!
//! A tree is kept as its *frontier*, the roots of
//! the complete subtrees it consists of, at most one for each bit of its size. Every append gives
//! the nodes that it completes; stored beside their record they are what C2SP tlog-tiles calls
//! the dense hash storage, from which any frontier and any proof can be had by a few reads.

use std::{cell::RefCell, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use tlog_tiles::{
    Error, Hash, HashReader, check_record, check_tree, node_hash, prove_record, prove_tree,
    record_hash, split_stored_hash_index, sub_tree_index,
};

/// A SHA-256 hash of a leaf, a node or a whole tree.
pub type Digest = [u8; DIGEST_BYTES];

/// Its length.
pub const DIGEST_BYTES: usize = 32;

/// A 64-bit size has at most so many complete subtrees, and an append completes at most so many
/// nodes.
pub const NODES_MAX: usize = 64;

/// No tree is larger; more leaves than anybody will write, few enough for every shift.
pub const SIZE_MAX: u64 = 1 << 62;

/// A proof of RFC 6962 has no more hashes (C2SP tlog-witness, `add-checkpoint`).
pub const PROOF_HASHES_MAX: usize = 63;

/// Where a stored node is: the record whose append completed it, and its level above the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The record's index.
    pub record: u64,
    /// Which of the nodes stored beside that record: 0 is the leaf's own hash.
    pub level: usize,
}

/// A tree, as far as it is needed to make it grow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    size: u64,
    /// Largest, that is leftmost, subtree first.
    frontier: Vec<Hash>,
}

impl Tree {
    /// The tree of `size` whose complete subtrees have these roots, in the order of
    /// [`frontier`]; none if there are too many or too few.
    pub fn restore(size: u64, roots: &[Digest]) -> Option<Self> {
        let frontier: Vec<_> = roots.iter().copied().map(Hash).collect();
        (frontier.len() == size.count_ones() as usize).then_some(Self { size, frontier })
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends the leaf with this hash. Gives the nodes it completes, its own hash first, one
    /// after the other.
    pub fn append(&mut self, leaf: Digest) -> Vec<u8> {
        let mut node = Hash(leaf);
        let mut nodes = Vec::with_capacity(DIGEST_BYTES * 2);
        nodes.extend(node.0);
        // Each trailing one bit of the size is a complete subtree that the new leaf extends.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.frontier.pop() {
                node = node_hash(left, node);
                nodes.extend(node.0);
            }
        }
        self.frontier.push(node);
        self.size += 1;
        nodes
    }

    /// What [`restore`](Self::restore) makes it of again.
    pub fn state(&self) -> State {
        State {
            size: self.size,
            frontier: self
                .frontier
                .iter()
                .map(|hash| hex::encode(hash.0))
                .collect(),
        }
    }

    /// The tree that gave this state; none if no tree gives it.
    pub fn resume(state: &State) -> Option<Self> {
        let root = |text: &String| {
            let mut root = [0; DIGEST_BYTES];
            hex::decode_to_slice(text, &mut root).ok().map(|()| root)
        };
        let roots: Option<Vec<_>> = state.frontier.iter().map(root).collect();
        Self::restore(state.size, &roots?)
    }

    /// Its root; of the empty tree the hash of nothing (RFC 6962 §2.1).
    pub fn root(&self) -> Digest {
        let mut subtrees = self.frontier.iter().rev().copied();
        let Some(last) = subtrees.next() else {
            return tlog_tiles::EMPTY_HASH.0;
        };
        subtrees.fold(last, |right, left| node_hash(left, right)).0
    }
}

/// A tree on its way to a file and back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// How many leaves.
    pub size: u64,
    /// The roots of its complete subtrees, hexadecimal, largest first.
    pub frontier: Vec<String>,
}

/// The hash of a leaf (RFC 6962 §2.1: `SHA-256(0x00 || leaf)`).
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    record_hash(leaf).0
}

/// Where the roots of the complete subtrees of a tree of `size` are stored.
pub fn frontier(size: u64) -> Vec<Place> {
    let nodes = sub_tree_index(0, size, Vec::with_capacity(NODES_MAX));
    nodes.into_iter().map(place).collect()
}

/// Proves that a record is in a tree, from stored nodes that are asked for as needed.
#[derive(Debug, Default)]
pub struct Prover {
    known: BTreeMap<u64, Hash>,
    missing: RefCell<Vec<u64>>,
}

impl Prover {
    /// The inclusion proof (RFC 6962 §2.1.1) of the record at `index` in the tree of `size`, or
    /// the stored nodes that are needed first. Neither if there is no such record.
    pub fn prove(&self, size: u64, index: u64) -> Result<Vec<Digest>, Vec<Place>> {
        if size > SIZE_MAX || index >= size {
            return Err(Vec::new());
        }
        self.given(prove_record(size, index, self))
    }

    /// The consistency proof (RFC 6962 §2.1.2) that the tree of `size` begins with the one of `old`
    /// leaves, or the stored nodes that are needed first. Neither if there is no such tree; nothing
    /// needs a proof that begins with an empty one.
    pub fn prove_consistency(&self, size: u64, old: u64) -> Result<Vec<Digest>, Vec<Place>> {
        if size > SIZE_MAX || old > size {
            return Err(Vec::new());
        }
        if old == 0 {
            return Ok(Vec::new());
        }
        self.given(prove_tree(size, old, self))
    }

    fn given(&self, proof: Result<Vec<Hash>, Error>) -> Result<Vec<Digest>, Vec<Place>> {
        match proof {
            Ok(proof) => Ok(proof.into_iter().map(|hash| hash.0).collect()),
            Err(_) => Err(self.missing.take().into_iter().map(place).collect()),
        }
    }

    /// Gives it a node it asked for.
    pub fn learn(&mut self, place: Place, node: Digest) {
        let level = u8::try_from(place.level).unwrap_or(u8::MAX);
        let number = place.record >> place.level.min(NODES_MAX - 1);
        let index = tlog_tiles::stored_hash_index(level, number);
        self.known.insert(index, Hash(node));
    }
}

impl HashReader for Prover {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
        let known: Option<_> = indexes
            .iter()
            .map(|it| self.known.get(it).copied())
            .collect();
        known.ok_or_else(|| {
            *self.missing.borrow_mut() = indexes.to_vec();
            Error::InvalidInput("nodes are missing".into())
        })
    }
}

/// Whether `proof` shows that the tree of `size` with this `root` has this leaf at `index`.
pub fn is_included(proof: &[Digest], size: u64, root: Digest, index: u64, leaf: Digest) -> bool {
    if size > SIZE_MAX || proof.len() > PROOF_HASHES_MAX {
        return false;
    }
    let proof = proof.iter().copied().map(Hash).collect();
    check_record(&proof, size, Hash(root), index, Hash(leaf)).is_ok()
}

/// Whether `proof` shows that the tree of `size` with this `root` begins with the one of `old` leaves and
/// `old_root`. Every tree begins with the empty one, which needs no proof.
pub fn is_consistent(
    proof: &[Digest],
    (size, root): (u64, Digest),
    (old, old_root): (u64, Digest),
) -> bool {
    if size > SIZE_MAX || old > size || proof.len() > PROOF_HASHES_MAX {
        return false;
    }
    if old == 0 {
        return proof.is_empty();
    }
    let proof = proof.iter().copied().map(Hash).collect();
    check_tree(&proof, size, Hash(root), old, Hash(old_root)).is_ok()
}

/// The `n`th node of level `l` is completed by the record `(n + 1) * 2^l - 1`.
fn place(stored: u64) -> Place {
    let (level, number) = split_stored_hash_index(stored);
    Place {
        record: ((number + 1) << level) - 1,
        level: level.into(),
    }
}

#[cfg(test)]
mod tests;
