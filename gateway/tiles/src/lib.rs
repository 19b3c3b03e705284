//! A log as files that any web server serves (C2SP tlog-tiles).
//!
//! | file | what |
//! |---|---|
//! | `checkpoint` | the newest signed head, with the cosignatures of witnesses; replaced by each publication, last |
//! | `tile/LEVEL/N` | 256 hashes; at level 0 of leaves, above of full tiles below; never changes |
//! | `tile/entries/N` | 256 leaves, each after its length in two bytes, big-endian; never changes |
//! | `….p/WIDTH` | the first WIDTH of a tile that is not full yet; goes once it is |
//!
//! [`Publisher`] writes them so that a crash at any moment leaves a folder that verifies, [`verify`] reads
//! them as whoever trusts nobody, from a folder or from any other [`Source`].

mod checked;
mod edge;
mod end;
mod entries;
mod fault;
mod folder;
mod pieces;
mod prove;
mod publish;
mod source;
mod tile;
mod verify;

pub use checked::Checked;
pub use fault::TilesError;
pub use pieces::{PIECE_BYTES_MAX, Piece, full, head, partial};
pub use prove::{Proof, prove_consistency, prove_record};
pub use publish::Publisher;
pub use source::{KEPT, KeptNote, Source, kept_name, kept_of};
pub use verify::{Bookmark, Manner, verify, verify_source};

#[cfg(test)]
mod tests;
