//! Why a folder of tiles is not written or read.

use std::{io, path::PathBuf};

use proof::checkpoint::Forgery;

/// What is wrong with a folder of tiles, or with what should go into it.
#[derive(Debug, thiserror::Error)]
pub enum TilesError {
    /// A file cannot be read or written.
    #[error("`{}` cannot be {action}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// `read`, `written`.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process publishes there.
    #[error("`{}` is held by another process; one folder of tiles has one publisher", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// The folder is another log's, or its checkpoint is forged.
    #[error("`{}` is not this log's: {why}; publish to another folder, or find out who wrote this one", path.display())]
    Foreign {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        why: Forgery,
    },
    /// The tiles are not those of the checkpoint.
    #[error("the tiles in `{}` do not have the root of their checkpoint; publish anew to an empty folder", path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
    },
    /// A tile is not what its checkpoint was signed over.
    #[error("`{}` is not what was signed; publish anew to an empty folder", path.display())]
    Altered {
        /// The tile.
        path: PathBuf,
    },
    /// The log is shorter than what was published of it.
    #[error(
        "{published} records were published, the log has {size}: it was rolled back or replaced"
    )]
    RolledBack {
        /// How many the log has.
        size: u64,
        /// How many were published.
        published: u64,
    },
    /// A checkpoint is not of the records that were appended.
    #[error(
        "the log's checkpoint over {size} records is not of what was published: the log was forked or changed"
    )]
    Forked {
        /// What it covers.
        size: u64,
    },
    /// A record is out of turn.
    #[error("record {index} came where {expected} was due")]
    Order {
        /// The record.
        index: u64,
        /// Which should come.
        expected: u64,
    },
    /// A leaf is too long for an entry.
    #[error(
        "record {index} is longer than an entry of a tile may be (65,535 bytes); it was written by an older version, and its log cannot be published as tiles"
    )]
    Long {
        /// The record.
        index: u64,
    },
    /// There is no such record or tree.
    #[error("the log has {size} records; there is none at {index}")]
    Beyond {
        /// How many there are.
        size: u64,
        /// What was asked for.
        index: u64,
    },
    /// A tile is not as long as it must be.
    #[error("`{}` has {length} bytes, not {expected}", path.display())]
    Length {
        /// The tile.
        path: PathBuf,
        /// What it has.
        length: u64,
        /// What it should have.
        expected: u64,
    },
}
