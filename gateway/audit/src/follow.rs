//! The log as matters from where a reader was, for those who pass it on while it grows.
//!
//! A reader keeps a [`Cursor`] and gets what is new since, with the cursor that says so. Nothing is lost between two
//! reads: an exchange comes when it ends, and one that no end is on record of comes when the gateway starts again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Anchor, Archive, ArchiveError, Entry, Event, LedgerError, Matter};

/// Openings without an end that a reader remembers; beyond that, the oldest comes without its end.
pub const OPEN_MAX: usize = 8192;

/// How far a reader is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The next record.
    pub next: u64,
    /// The openings before it that have no end so far.
    pub open: BTreeSet<u64>,
}

/// What is new.
#[derive(Clone, Debug)]
pub struct Followed {
    /// In the order of the records that completed them.
    pub matters: Vec<Matter>,
    /// How far the reader is when it has them.
    pub cursor: Cursor,
    /// What they are held by.
    pub anchor: Anchor,
}

impl Archive {
    /// What the next `limit` records say, of those that the newest checkpoint covers; none if there are no more.
    pub async fn follow(
        &mut self,
        cursor: &Cursor,
        limit: u32,
    ) -> Result<Option<Followed>, ArchiveError> {
        let anchor = self.anchor(None).await?;
        let (size, next) = (anchor.size, cursor.next);
        if size < next {
            return Err(ArchiveError::RolledBack { size, next });
        }
        if size == next {
            return Ok(None);
        }
        let (ledger, _) = self.parts();
        let rows = ledger.read(next, limit).await?;
        let (mut cursor, mut matters) = (cursor.clone(), Vec::new());
        for row in rows.into_iter().filter(|row| row.index < size) {
            if row.index != cursor.next {
                break;
            }
            cursor.next += 1;
            let entry = self.entry(row).await?;
            self.complete(entry, &mut cursor.open, &mut matters).await?;
        }
        if cursor.next == next {
            let missing = format!("record {next} is missing");
            return Err(LedgerError::Damaged(missing).into());
        }
        Ok(Some(Followed {
            matters,
            cursor,
            anchor,
        }))
    }

    /// Adds what is complete with this record.
    async fn complete(
        &mut self,
        entry: Entry,
        open: &mut BTreeSet<u64>,
        matters: &mut Vec<Matter>,
    ) -> Result<(), ArchiveError> {
        match &entry.event {
            // What expired before it went has no end to wait for.
            Event::Expired(expired) => {
                if let Some(opening) = expired.opening {
                    open.remove(&opening);
                }
                matters.push(Matter {
                    entry,
                    closing: None,
                });
            }
            Event::Open(_) => {
                open.insert(entry.index);
                if open.len() > OPEN_MAX
                    && let Some(oldest) = open.pop_first()
                {
                    matters.push(self.alone(oldest).await?);
                }
            }
            Event::Close(outcome) => {
                let opening = outcome.opening;
                open.remove(&opening);
                matters.push(Matter {
                    closing: Some(entry),
                    ..self.alone(opening).await?
                });
            }
            Event::Start(_) => {
                // Whoever served these is gone.
                while let Some(opening) = open.pop_first() {
                    matters.push(self.alone(opening).await?);
                }
                matters.push(Matter {
                    entry,
                    closing: None,
                });
            }
            _ => matters.push(Matter {
                entry,
                closing: None,
            }),
        }
        Ok(())
    }

    async fn alone(&mut self, index: u64) -> Result<Matter, ArchiveError> {
        let entry = self.at(index).await?.ok_or_else(|| {
            ArchiveError::from(LedgerError::Damaged(format!("record {index} is missing")))
        })?;
        Ok(Matter {
            entry,
            closing: None,
        })
    }
}
