//! A page of rows as one value, which one statement gives.
//!
//! `sqlx` hands each row of SQLite's over from another thread, and waits for whoever takes it; for rows as short as ours that
//! costs more than to read them. So a page comes as one text, in hexadecimal, and is taken apart here.

use audit::{LedgerError, Row};
use data_encoding::HEXUPPER;

use crate::sqlite::failed;

/// A page of records. One that is longer than any that the gateway writes comes without what it holds, and is read by itself.
pub(crate) const RECORDS: &str = "
    SELECT group_concat(
        CASE WHEN length(leaf) <= 65535 AND length(nodes) <= 4095
             THEN idx || ':' || hex(leaf) || ':' || hex(nodes)
             ELSE idx END)
    FROM (SELECT idx, leaf, nodes FROM record WHERE idx >= ?1 ORDER BY idx LIMIT ?2)";

/// The keys with these handles: each a handle, whose length is known, and the wrapped key.
pub(crate) const KEYS: &str = "
    SELECT group_concat(hex(handle) || ':' || hex(wrapped))
    FROM subject_key WHERE handle IN (SELECT unhex(value) FROM json_each(?1))";

/// The rows of [`RECORDS`], in their order; none if one of them is too long for a page.
pub(crate) fn records(page: &str) -> Result<Option<Vec<Row>>, LedgerError> {
    let mut rows = Vec::new();
    for row in page.split(',') {
        let mut parts = row.split(':');
        let index = parts.next().unwrap_or_default().parse().map_err(failed)?;
        let (Some(leaf), Some(nodes)) = (parts.next(), parts.next()) else {
            return Ok(None);
        };
        rows.push(Row {
            index,
            leaf: decoded(leaf)?,
            nodes: decoded(nodes)?,
        });
    }
    // An aggregate may take its rows in any order.
    rows.sort_unstable_by_key(|row| row.index);
    Ok(Some(rows))
}

/// A handle, and the wrapped key.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// The pairs of [`KEYS`].
pub(crate) fn pairs(page: &str) -> Result<Vec<Pair>, LedgerError> {
    let pair = |pair: &str| {
        let (handle, wrapped) = pair.split_once(':').unwrap_or_default();
        Ok((decoded(handle)?, decoded(wrapped)?))
    };
    page.split(',').map(pair).collect()
}

/// What SQLite's `hex` wrote.
fn decoded(text: &str) -> Result<Vec<u8>, LedgerError> {
    HEXUPPER.decode(text.as_bytes()).map_err(failed)
}
