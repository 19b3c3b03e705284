//! What anybody can check of a log with its public keys alone.
//!
//! A log is a Merkle tree ([`tree`]) over sealed records ([`leaf`]), whose heads are signed
//! ([`checkpoint`]), by keys that succeed each other inside of it ([`succession`]), and may be cosigned by witnesses ([`witness`]). [`verify`] judges one that is
//! given to it piece by piece, [`export`] one in a file, and [`manifest`] says what a backup of one has; [`Verdict`] says in one word what is wrong.
//! No secret is needed for any of it, no store and no network: the gateway, `tidegate audit verify`
//! and `tidegate-verify`, which auditors run, share it.

pub mod bookmark;
pub mod checkpoint;
pub mod export;
pub mod leaf;
pub mod manifest;
pub mod parallel;
pub mod succession;
pub mod tree;
pub mod verify;
pub mod witness;

#[cfg(test)]
mod testing;

pub use leaf::{Header, Kind};
pub use verify::{Finding, Report, Verdict};
