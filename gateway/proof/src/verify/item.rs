//! A record on its way through a verification: what is known of it without its neighbours.

use crate::{
    leaf::{self, Header, LogTag},
    tree::{self, DIGEST_BYTES, Digest},
};

/// A record as it stands. To make one is most of the work, and needs nothing else.
pub struct Item {
    /// Where it is filed.
    pub(super) index: u64,
    pub(super) header: Option<Header>,
    /// The hash stored beside it.
    pub(super) stored: Digest,
    /// The hash it has.
    pub(super) actual: Digest,
    pub(super) nodes: Vec<u8>,
    /// Of a succession, what it states.
    pub(super) statement: Option<Vec<u8>>,
}

impl Item {
    /// The record at `index`, with the nodes that are stored beside it, at least the leaf's own.
    pub fn new(index: u64, leaf: &[u8], nodes: &[u8]) -> Self {
        Self {
            index,
            header: Header::parse(leaf),
            // Of nodes too short to hold one, something that no leaf has.
            stored: nodes.first_chunk().copied().unwrap_or([0; DIGEST_BYTES]),
            actual: tree::leaf_hash(leaf),
            nodes: nodes.to_vec(),
            statement: leaf::statement(leaf).map(<[u8]>::to_vec),
        }
    }

    /// Whether it is the leaf whose hash is stored beside it.
    pub(super) fn is_sound(&self) -> bool {
        self.stored == self.actual
    }

    /// Whether it hashes as it should, and says that it is of another log than the one with this tag.
    pub(super) fn is_of_another(&self, own: LogTag) -> bool {
        let log = self.header.and_then(|header| header.log);
        self.is_sound() && log.is_some_and(|log| log != own)
    }

    /// The index it was sealed with, where its header can be read.
    pub(super) fn own(&self) -> Option<u64> {
        self.header.map(|header| header.index)
    }

    /// Its index: a leaf that hashes as it should is believed, else its place counts.
    pub(super) fn key(&self) -> u64 {
        self.own().filter(|_| self.is_sound()).unwrap_or(self.index)
    }
}
