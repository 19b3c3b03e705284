//! A log as a file that anybody can check with its public key alone; see [`proof::export`].

use std::io::Write;

pub use proof::export::*;

use crate::{
    ArchiveError, Ledger,
    walk::{Step, Walk},
};

/// Writes the log in `ledger` as it is now; gives the number of records. `key` is the log's
/// public key.
pub async fn write(
    ledger: &mut dyn Ledger,
    key: &str,
    out: &mut (dyn Write + Send),
) -> Result<u64, ArchiveError> {
    let mut walk = Walk::start(ledger).await?;
    let head = walk.head.checkpoint.as_ref().map(|(_, note)| note.clone());
    begin(out, key, head)?;
    let mut records = 0;
    while let Some(step) = walk.step(ledger).await? {
        match step {
            Step::Row(row) => {
                records += 1;
                record(out, row.index, &row.leaf, &row.nodes)?;
            }
            Step::Checkpoint(size, note) => checkpoint(out, size, note)?,
        }
    }
    out.flush()?;
    Ok(records)
}
