//! The log of those who read it: the database, and what the journal has beyond it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use audit::{Group, Head, Header, Kind, LedgerError, READ_ROWS_MAX, Row};

use crate::{
    journal::{Beyond, beyond},
    sqlite::Database,
    writer::torn,
};

/// So often is looked again where the database goes on meanwhile.
const LOOKS: u32 = 50;

/// How long to wait before looking again.
const LOOK_WAIT: Duration = Duration::from_millis(10);

/// A log, open to be read, whether or not somebody writes it.
pub(crate) struct Reader {
    pub(crate) database: Database,
    directory: PathBuf,
    /// What the database did not have when it was looked at last; it may have it by now.
    rows: Vec<Row>,
    checkpoints: Vec<(u64, String)>,
}

impl Reader {
    /// Looks at both.
    pub(crate) async fn open(database: Database, directory: &Path) -> Result<Self, LedgerError> {
        let mut reader = Self {
            database,
            directory: directory.to_owned(),
            rows: Vec::new(),
            checkpoints: Vec::new(),
        };
        // Whatever is the matter with either is told to those who ask for what is there.
        drop(reader.head().await);
        Ok(reader)
    }

    /// The end of the log as it is now.
    pub(crate) async fn head(&mut self) -> Result<Head, LedgerError> {
        let mut missing = 0;
        for _ in 0..LOOKS {
            let mut head = self.database.head().await?;
            match beyond(&self.directory, &head)? {
                Beyond::Frames(frames) => {
                    self.rows.clear();
                    self.checkpoints.clear();
                    for frame in frames {
                        self.take(frame.group, &mut head);
                    }
                    return Ok(head);
                }
                // The database has got those meanwhile, and their place in the journal is used again.
                Beyond::Gap(first) => missing = first,
            }
            tokio::time::sleep(LOOK_WAIT).await;
        }
        let head = self.database.head().await?;
        Err(torn(head.size, missing))
    }

    fn take(&mut self, group: Group, head: &mut Head) {
        head.size = group.size;
        if let Some(newest) = group.checkpoints.last() {
            head.checkpoint = Some(newest.clone());
        }
        self.rows.extend(group.rows);
        self.checkpoints.extend(group.checkpoints);
    }

    pub(crate) async fn read(&mut self, from: u64, limit: u32) -> Result<Vec<Row>, LedgerError> {
        let limit = limit.min(READ_ROWS_MAX);
        let mut rows = self.database.read(from, limit).await?;
        let next = rows.last().map_or(from, |row| row.index + 1);
        let room = usize::try_from(limit).unwrap_or_default() - rows.len();
        let beyond = self.rows.iter().filter(|row| row.index >= next);
        rows.extend(beyond.take(room).cloned());
        Ok(rows)
    }

    pub(crate) async fn checkpoints(
        &mut self,
        from: u64,
    ) -> Result<Vec<(u64, String)>, LedgerError> {
        let mut notes = self.database.checkpoints(from).await?;
        let next = notes.last().map_or(from, |(size, _)| size + 1);
        let room = (READ_ROWS_MAX as usize).saturating_sub(notes.len());
        let beyond = self.checkpoints.iter().filter(|(size, _)| *size >= next);
        notes.extend(beyond.take(room).cloned());
        Ok(notes)
    }

    pub(crate) async fn closing(&mut self, opening: u64) -> Result<Option<u64>, LedgerError> {
        if let Some(closing) = self.database.closing(opening).await? {
            return Ok(Some(closing));
        }
        let closes = |row: &&Row| {
            Header::parse(&row.leaf)
                .is_some_and(|it| it.kind == Kind::Close && it.opening == Some(opening))
        };
        Ok(self.rows.iter().find(closes).map(|row| row.index))
    }

    /// To what the database has of one kind from record `from` on, what it does not have yet.
    pub(crate) fn with_beyond(&self, mut found: Vec<u64>, kind: Kind, from: u64) -> Vec<u64> {
        let next = found.last().map_or(from, |last| last + 1);
        let room = (READ_ROWS_MAX as usize).saturating_sub(found.len());
        let is_of = |row: &&Row| Header::parse(&row.leaf).is_some_and(|it| it.kind == kind);
        let beyond = self.rows.iter().filter(|row| row.index >= next);
        found.extend(beyond.filter(is_of).take(room).map(|row| row.index));
        found
    }
}
