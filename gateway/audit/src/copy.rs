//! A log from one store to another, as it is.
//!
//! What is copied ends at a checkpoint at every moment, so that the copy verifies like the log. It can only be continued
//! by the log that it is a copy of.

use crate::{Group, Ledger, LedgerError, READ_ROWS_MAX, Row};

/// Why a log was not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A store failed.
    #[error("the {which} failed")]
    Ledger {
        /// `log`, `copy`.
        which: &'static str,
        /// Why.
        #[source]
        source: LedgerError,
    },
    /// The copy is of another log, or has what the log has not.
    #[error(
        "the copy ends at {size} records, and the log never ended so: it is of another log, or one of both was changed \
         (`tidegate audit verify` tells)"
    )]
    Apart {
        /// Records of the copy.
        size: u64,
    },
    /// The log lacks what it should have.
    #[error("record {0} of the log is missing, or no checkpoint covers it")]
    Gap(u64),
}

/// How far a copy has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Records of the copy.
    pub size: u64,
    /// Records of the log.
    pub of: u64,
}

/// Takes a copy on by one group, if the log has more than it; gives how far it is. Keys come before what they seal.
pub async fn copy_on(from: &mut dyn Ledger, to: &mut dyn Ledger) -> Result<Copied, CopyError> {
    let log = |source| CopyError::Ledger {
        which: "log",
        source,
    };
    let copy = |source| CopyError::Ledger {
        which: "copy",
        source,
    };
    let (ahead, behind) = (
        from.head().await.map_err(log)?,
        to.head().await.map_err(copy)?,
    );
    let apart = CopyError::Apart { size: behind.size };
    match &behind.checkpoint {
        None if behind.size == 0 => {}
        Some((size, note)) if *size == behind.size => {
            let same = from.checkpoints(*size).await.map_err(log)?;
            if same.first() != Some(&(*size, note.clone())) {
                return Err(apart);
            }
        }
        _ => return Err(apart),
    }
    for id in behind.key.saturating_add(1)..=ahead.key {
        if let Some(wrapped) = from.key(id).await.map_err(log)? {
            to.put_key(id, wrapped).await.map_err(copy)?;
        }
    }
    let signed = ahead.checkpoint.map_or(0, |(size, _)| size);
    let of = signed.max(behind.size);
    if signed <= behind.size {
        return Ok(Copied {
            size: behind.size,
            of,
        });
    }
    let rows = from.read(behind.size, READ_ROWS_MAX).await.map_err(log)?;
    let checkpoints = from.checkpoints(behind.size + 1).await.map_err(log)?;
    let group = group(behind.size, rows, checkpoints).ok_or(CopyError::Gap(behind.size))?;
    let size = group.size;
    to.append(group).await.map_err(copy)?;
    Ok(Copied { size, of })
}

/// As many of `rows`, which begin at `first`, as checkpoints cover.
fn group(first: u64, mut rows: Vec<Row>, mut checkpoints: Vec<(u64, String)>) -> Option<Group> {
    let whole = rows
        .iter()
        .zip(first..)
        .take_while(|(row, index)| row.index == *index);
    let end = first + whole.count() as u64;
    checkpoints.retain(|(size, _)| *size <= end);
    let (size, _) = checkpoints.last()?;
    let size = *size;
    rows.truncate(usize::try_from(size - first).ok()?);
    Some(Group {
        rows,
        size,
        checkpoints,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(indices: impl IntoIterator<Item = u64>) -> Vec<Row> {
        let row = |index| Row {
            index,
            leaf: vec![],
            nodes: vec![],
        };
        indices.into_iter().map(row).collect()
    }

    #[test]
    fn a_group_ends_at_a_checkpoint() {
        let note = |size: u64| (size, "note".to_owned());
        let cut =
            |rows, checkpoints| group(3, rows, checkpoints).map(|it| (it.rows.len(), it.size));
        assert_eq!(
            cut(rows(3..9), vec![note(5), note(8), note(12)]),
            Some((5, 8))
        );
        assert_eq!(cut(rows(3..9), vec![note(9)]), Some((6, 9)));
        assert_eq!(cut(rows(3..9), vec![note(10)]), None);
        assert_eq!(cut(rows([3, 4, 6]), vec![note(5), note(7)]), Some((2, 5)));
        assert_eq!(cut(rows([]), vec![note(4)]), None);
    }
}
