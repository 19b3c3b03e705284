//! A group of records as three values, so that one statement stores them all.
//!
//! A statement costs `sqlx` a change of thread, more than SQLite needs to store a record. So all
//! bytes of a group go as one blob, and `json_each` over the extents in it makes the rows.

use audit::{Group, LedgerError, Row};

/// Bits of an extent for the length of the nodes: 64 nodes of 32 bytes.
const NODES_BITS: u32 = 12;

/// Bits of an extent for the length of the leaf.
const LEAF_BITS: u32 = 20;

/// Bits of an extent for the offset in the blob; together no more than JSON numbers have in SQLite.
const OFFSET_BITS: u32 = 31;

/// The extents are `offset << 32 | leaf length << 12 | nodes length`. `substr` counts from 1.
/// One text, one round trip: a failure in the middle leaves the transaction open, to be rolled
/// back by the caller.
pub(crate) const APPEND: &str = "
    BEGIN IMMEDIATE;
    INSERT INTO record (idx, leaf, nodes)
        SELECT ?1 + key,
               substr(?2, (value >> 32) + 1, (value >> 12) & 1048575),
               substr(?2, (value >> 32) + 1 + ((value >> 12) & 1048575), value & 4095)
        FROM json_each(?3);
    INSERT INTO checkpoint (size, note)
        SELECT value ->> 0, value ->> 1 FROM json_each(?4);
    COMMIT";

/// What [`APPEND`] takes.
pub(crate) struct Pack {
    pub(crate) first: i64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) extents: String,
    /// Pairs of size and note.
    pub(crate) checkpoints: String,
}

impl Pack {
    /// Packs `group`.
    pub(crate) fn new(group: &Group) -> Result<Self, LedgerError> {
        let first = i64::try_from(group.first()?).map_err(|_| refused("the log is full"))?;
        let length = group
            .rows
            .iter()
            .map(|row| row.leaf.len() + row.nodes.len());
        let mut bytes = Vec::with_capacity(length.sum());
        let mut extents = String::with_capacity(2 + group.rows.len() * 18);
        let separators = std::iter::once('[').chain(std::iter::repeat(','));
        for (row, separator) in group.rows.iter().zip(separators) {
            let extent = extent(bytes.len(), row.leaf.len(), row.nodes.len())
                .ok_or_else(|| refused("the group cannot be stored as it is"))?;
            extents.push(separator);
            extents.push_str(&extent.to_string());
            bytes.extend_from_slice(&row.leaf);
            bytes.extend_from_slice(&row.nodes);
        }
        extents.push(']');
        let checkpoints = serde_json::to_string(&group.checkpoints);
        Ok(Self {
            first,
            bytes,
            extents,
            checkpoints: checkpoints.map_err(|error| LedgerError::Failed(error.into()))?,
        })
    }
}

/// Whether a row can be packed.
pub(crate) fn fits(row: &Row) -> bool {
    extent(0, row.leaf.len(), row.nodes.len()).is_some()
}

fn extent(offset: usize, leaf: usize, nodes: usize) -> Option<u64> {
    let within = |value: usize, bits: u32| {
        let value = u64::try_from(value).ok()?;
        (value >> bits == 0).then_some(value)
    };
    let offset = within(offset, OFFSET_BITS)? << (LEAF_BITS + NODES_BITS);
    Some(offset | within(leaf, LEAF_BITS)? << NODES_BITS | within(nodes, NODES_BITS)?)
}

fn refused(why: &'static str) -> LedgerError {
    LedgerError::Failed(why.into())
}
