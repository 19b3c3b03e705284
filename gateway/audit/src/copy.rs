//! A log from one store to another, as it is.
//!
//! What is copied ends at a checkpoint at every moment, so that the copy verifies like the log. It can only be continued
//! by the log that it is a copy of.

use vault::wrapped_by;

use crate::{Group, Ledger, LedgerError, READ_ROWS_MAX, Row, datakeys::expiries};

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
         (`tidegate audit verify` of each tells; how to begin a copy anew is told where copies are, in `docs/evidence.md`)"
    )]
    Apart {
        /// Records of the copy.
        size: u64,
    },
    /// The log lacks what it should have.
    #[error("record {0} of the log is missing, or no checkpoint covers it")]
    Gap(u64),
}

/// So many times [`READ_ROWS_MAX`] go at once: a server takes as long to commit one record as to commit hundreds.
const READS: usize = 4;

/// With so many bytes a group is full; it goes on to the next checkpoint. It must pass while a server waits for a
/// statement, on a line that is slow.
const GROUP_BYTES_MAX: usize = 1024 * 1024;

/// How far a copy has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Records of the copy.
    pub size: u64,
    /// Records of the log.
    pub of: u64,
}

/// Takes one copy on.
pub struct Copier {
    /// Records and data keys that are there.
    size: u64,
    key: u32,
    /// What was read while the group before was stored.
    next: Option<Group>,
}

fn log(source: LedgerError) -> CopyError {
    CopyError::Ledger {
        which: "log",
        source,
    }
}

fn copy(source: LedgerError) -> CopyError {
    CopyError::Ledger {
        which: "copy",
        source,
    }
}

impl Copier {
    /// Sees that `to` is a copy of `from`, as far as it goes, and brings it the data keys that were wrapped anew.
    pub async fn begin(from: &mut dyn Ledger, to: &mut dyn Ledger) -> Result<Self, CopyError> {
        let head = to.head().await.map_err(copy)?;
        let size = head.size;
        match &head.checkpoint {
            None if size == 0 => {}
            Some((signed, note)) if *signed == size => {
                let same = from.checkpoints(size).await.map_err(log)?;
                if same.first() != Some(&(size, note.clone())) {
                    return Err(CopyError::Apart { size });
                }
            }
            _ => return Err(CopyError::Apart { size }),
        }
        let (key, next) = (head.key, None);
        let mut copier = Self { size, key, next };
        copier.rewrap(from, to).await?;
        Ok(copier)
    }

    /// Destroys the data keys of `to` that are destroyed in `from` and of which `to` has on record that they are; gives how
    /// many. One that is gone for no reason is what the copy is there for.
    pub async fn expire(
        &mut self,
        from: &mut dyn Ledger,
        to: &mut dyn Ledger,
    ) -> Result<u64, CopyError> {
        let said = expiries(to).await.map_err(copy)?;
        let (mut after, mut gone) = (0, 0);
        loop {
            let ours = from.keys(after, READ_ROWS_MAX).await.map_err(log)?;
            let Some(last) = ours.last() else {
                return Ok(gone);
            };
            let theirs = to.keys(after, READ_ROWS_MAX).await.map_err(copy)?;
            after = last.id;
            let lives = |id| theirs.iter().any(|key| key.id == id && !key.is_destroyed());
            let is_said = |id| {
                let is_said = said.contains_key(&id);
                if !is_said {
                    tracing::error!(
                        key = id,
                        "a data key is gone from the log and no record says why; the copy keeps it"
                    );
                }
                is_said
            };
            let destroyed = ours.iter().filter(|key| key.is_destroyed());
            let ids: Vec<u32> = destroyed
                .map(|key| key.id)
                .filter(|id| lives(*id))
                .filter(|id| is_said(*id))
                .collect();
            if !ids.is_empty() {
                gone += to.destroy_keys(&ids).await.map_err(copy)?;
            }
        }
    }

    /// Brings `to` the data keys that it has and that a newer key-encryption key wraps in `from`, which a rotation did; gives how many.
    /// Never the other way: the older key may be nowhere any more.
    pub async fn rewrap(
        &mut self,
        from: &mut dyn Ledger,
        to: &mut dyn Ledger,
    ) -> Result<u64, CopyError> {
        let (mut after, mut changed) = (0, 0);
        loop {
            let theirs = to.keys(after, READ_ROWS_MAX).await.map_err(copy)?;
            let Some(last) = theirs.last().map(|key| key.id) else {
                return Ok(changed);
            };
            let ours = from.keys(after, READ_ROWS_MAX).await.map_err(log)?;
            // As far as both were read.
            let last = ours.last().map_or(last, |ours| last.min(ours.id));
            let newer = ours.into_iter().filter(|key| {
                let theirs = theirs.iter().find(|theirs| theirs.id == key.id);
                let theirs = theirs.filter(|theirs| !theirs.is_destroyed());
                theirs.is_some_and(|theirs| wrapped_by(&key.wrapped) > wrapped_by(&theirs.wrapped))
            });
            let ours: Vec<_> = newer.map(|key| (key.id, key.wrapped)).collect();
            changed += ours.len() as u64;
            if !ours.is_empty() {
                to.replace_keys(ours).await.map_err(copy)?;
            }
            after = last;
        }
    }

    /// Copies one group, if the log has more than the copy, and reads the next one meanwhile. Keys come before what they
    /// seal. After an error a copy must be begun anew.
    pub async fn step(
        &mut self,
        from: &mut dyn Ledger,
        to: &mut dyn Ledger,
    ) -> Result<Copied, CopyError> {
        let head = from.head().await.map_err(log)?;
        let of = head.checkpoint.map_or(0, |(size, _)| size).max(self.size);
        while self.key < head.key {
            if let Some(key) = from.key(self.key + 1).await.map_err(log)? {
                to.put_key(key).await.map_err(copy)?;
            }
            self.key += 1;
        }
        let group = match self.next.take() {
            Some(group) => group,
            None if of > self.size => {
                let read = read(from, self.size, of).await?;
                read.ok_or(CopyError::Gap(self.size))?
            }
            None => {
                let size = self.size;
                return Ok(Copied { size, of });
            }
        };
        let size = group.size;
        // What comes behind is sealed by a key that may be newer than those above.
        let (stored, next) = tokio::join!(to.append(group), read(from, size, of));
        stored.map_err(copy)?;
        (self.size, self.next) = (size, next?);
        Ok(Copied { size, of })
    }
}

/// The records from `first` on and before `of`, as many as go at once; none if no checkpoint covers more.
async fn read(from: &mut dyn Ledger, first: u64, of: u64) -> Result<Option<Group>, CopyError> {
    let mut rows = Vec::new();
    let mut bytes = 0;
    for _ in 0..READS {
        let next = first + rows.len() as u64;
        let more = from.read(next, READ_ROWS_MAX).await.map_err(log)?;
        let is_last = more.len() < READ_ROWS_MAX as usize;
        bytes += more.iter().map(weight).sum::<usize>();
        rows.extend(more);
        if is_last || bytes >= GROUP_BYTES_MAX {
            break;
        }
    }
    let mut checkpoints: Vec<(u64, String)> = Vec::new();
    let end = first + rows.len() as u64;
    loop {
        let next = checkpoints.last().map_or(first, |(size, _)| *size) + 1;
        let more = from.checkpoints(next).await.map_err(log)?;
        let is_last = more.len() < READ_ROWS_MAX as usize;
        checkpoints.extend(more);
        if is_last || checkpoints.last().is_some_and(|(size, _)| *size >= end) {
            break;
        }
    }
    checkpoints.retain(|(size, _)| *size <= of);
    Ok(group(first, rows, checkpoints))
}

/// Bytes of a row.
fn weight(row: &Row) -> usize {
    row.leaf.len() + row.nodes.len()
}

/// As many of `rows`, which begin at `first`, as checkpoints cover.
fn group(first: u64, mut rows: Vec<Row>, mut checkpoints: Vec<(u64, String)>) -> Option<Group> {
    let whole = rows
        .iter()
        .zip(first..)
        .take_while(|(row, index)| row.index == *index);
    let end = first + whole.count() as u64;
    let mut bytes = 0;
    let full = rows.iter().position(|row| {
        bytes += weight(row);
        bytes >= GROUP_BYTES_MAX
    });
    let full = full.map_or(end, |full| first + full as u64 + 1);
    checkpoints.retain(|(size, _)| *size <= end);
    let enough = checkpoints.iter().position(|(size, _)| *size >= full);
    checkpoints.truncate(enough.map_or(checkpoints.len(), |enough| enough + 1));
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
        let heavy = rows(3..9).into_iter().map(|row| Row {
            leaf: vec![0; GROUP_BYTES_MAX / 3],
            ..row
        });
        let notes = vec![note(4), note(6), note(7), note(9)];
        assert_eq!(cut(heavy.collect(), notes), Some((4, 7)));
    }
}
