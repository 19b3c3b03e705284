//! What the trail needs of a store.

use std::error::Error;

use async_trait::async_trait;

use crate::KeyTerms;

/// A read gives no more rows than this.
pub const READ_ROWS_MAX: u32 = 512;

/// A leaf, and the tree nodes it completes (see [`tree`](crate::tree)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it stands.
    pub index: u64,
    /// The sealed record.
    pub leaf: Vec<u8>,
    /// Digests, one after the other, the leaf's own first.
    pub nodes: Vec<u8>,
}

/// A data key as it is kept: wrapped, by a key that is elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptDataKey {
    /// Its id.
    pub id: u32,
    /// The key, wrapped; of one that is destroyed nothing, or zeros.
    pub wrapped: Vec<u8>,
    /// What it is for; none of a key that is older than terms, which is never destroyed.
    pub terms: Option<KeyTerms>,
}

impl KeptDataKey {
    /// Whether the key is destroyed. No layout of a wrapped key begins so.
    pub fn is_destroyed(&self) -> bool {
        self.wrapped.first().is_none_or(|version| *version == 0)
    }
}

/// What is committed at once.
#[derive(Clone, Debug)]
pub struct Group {
    /// The records, with indices that follow one another.
    pub rows: Vec<Row>,
    /// How many records there are with them.
    pub size: u64,
    /// Signed heads by their sizes, in order; the last is over them all. A log that is copied has several in one
    /// group.
    pub checkpoints: Vec<(u64, String)>,
}

impl Group {
    /// The index of the first row, if rows and checkpoints are a piece of a log.
    pub fn first(&self) -> Result<u64, LedgerError> {
        let refused = |why: &'static str| LedgerError::Failed(why.into());
        let first = self.size.checked_sub(self.rows.len() as u64);
        let first = first.ok_or_else(|| refused("the group is larger than the log"))?;
        if self
            .rows
            .iter()
            .zip(first..)
            .any(|(row, index)| row.index != index)
        {
            return Err(refused("the group's rows do not follow one another"));
        }
        let sizes = self.checkpoints.iter().map(|(size, _)| *size);
        if sizes.clone().any(|size| size < first || size > self.size) || !sizes.is_sorted() {
            return Err(refused("the group's checkpoints are not of its rows"));
        }
        Ok(first)
    }
}

/// The end of a log, as one look at the store shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// One more than the greatest index.
    pub size: u64,
    /// The newest checkpoint, by the size it is stored under.
    pub checkpoint: Option<(u64, String)>,
    /// The greatest id of a data key; 0 if there is none.
    pub key: u32,
}

/// Why a store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process writes this log.
    #[error("`{place}` is held by another process; one log has one writer")]
    Locked {
        /// The lock.
        place: String,
    },
    /// There is no log.
    #[error("there is no log at `{place}`")]
    Absent {
        /// Where it was looked for.
        place: String,
    },
    /// The store holds what it can never have written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The store could not.
    #[error("the store failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// A home for a log: durable, append-only, with one writer.
#[async_trait]
pub trait Ledger: Send {
    /// Appends all of `group` or nothing. Once it returns, it survives a power cut.
    async fn append(&mut self, group: Group) -> Result<(), LedgerError>;

    /// The end of the log.
    async fn head(&mut self) -> Result<Head, LedgerError>;

    /// Up to `limit` rows from index `from` on, in order; at most [`READ_ROWS_MAX`].
    async fn read(&mut self, from: u64, limit: u32) -> Result<Vec<Row>, LedgerError>;

    /// Checkpoints with sizes from `from` on, in order; at most [`READ_ROWS_MAX`].
    async fn checkpoints(&mut self, from: u64) -> Result<Vec<(u64, String)>, LedgerError>;

    /// The newest checkpoint that was shown to others, with the cosignatures of those who signed it; none if
    /// nobody keeps one beside the log.
    async fn shown(&mut self) -> Result<Option<String>, LedgerError> {
        Ok(None)
    }

    /// The record that closes the one at `opening`.
    async fn closing(&mut self, opening: u64) -> Result<Option<u64>, LedgerError>;

    /// Where erasures and holds are on record, from index `from` on, in order; at most [`READ_ROWS_MAX`].
    async fn erasures(&mut self, from: u64) -> Result<Vec<u64>, LedgerError>;

    /// Where data keys are said to be destroyed, from index `from` on, in order; at most [`READ_ROWS_MAX`].
    async fn expiries(&mut self, from: u64) -> Result<Vec<u64>, LedgerError>;

    /// Where holds of records are put and lifted, from index `from` on, in order; at most [`READ_ROWS_MAX`].
    async fn holds(&mut self, from: u64) -> Result<Vec<u64>, LedgerError>;

    /// Stores a data key under an id that is new. Once it returns, it is durable.
    async fn put_key(&mut self, key: KeptDataKey) -> Result<(), LedgerError>;

    /// Data keys with ids above `after`, in order; at most `limit` and [`READ_ROWS_MAX`].
    async fn keys(&mut self, after: u32, limit: u32) -> Result<Vec<KeptDataKey>, LedgerError>;

    /// Puts data keys that are there, wrapped anew, where they are: all or none. One that is destroyed stays so. Once it
    /// returns, it is durable.
    async fn replace_keys(&mut self, keys: Vec<(u32, Vec<u8>)>) -> Result<(), LedgerError>;

    /// Destroys these data keys, as far as they are there: their rows stay, and say what they were for. When this
    /// returns, no file of the store has them. Gives how many there were.
    async fn destroy_keys(&mut self, ids: &[u32]) -> Result<u64, LedgerError>;

    /// The data key with this id.
    async fn key(&mut self, id: u32) -> Result<Option<KeptDataKey>, LedgerError>;

    /// Looks for damage of the store itself, beneath the records.
    async fn check(&mut self) -> Result<(), LedgerError>;

    /// Closes in good order.
    async fn close(self: Box<Self>) -> Result<(), LedgerError>;
}
