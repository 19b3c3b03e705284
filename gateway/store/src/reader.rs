//! The log of those who read it: the database, and what the journal has beyond it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use audit::{Group, Head, Header, Kind, LedgerError, READ_ROWS_MAX, Row};

use crate::{
    journal::{Beyond, apart, beyond},
    sqlite::{Database, failed},
};

/// So often is looked again where the database goes on meanwhile.
const LOOKS: u32 = 50;

/// How long to wait before looking again.
const LOOK_WAIT: Duration = Duration::from_millis(10);

/// A log, open to be read, whether or not somebody writes it.
pub(crate) struct Reader {
    pub(crate) database: Database,
    directory: PathBuf,
    /// Whether that was looked for. It is when somebody asks: of a log that is not whole others want to know, too.
    has_looked: bool,
    /// What the database did not have when it was looked at last; it may have it by now.
    rows: Vec<Row>,
    checkpoints: Vec<(u64, String)>,
}

impl Reader {
    pub(crate) fn new(database: Database, directory: &Path) -> Self {
        Self {
            database,
            directory: directory.to_owned(),
            has_looked: false,
            rows: Vec::new(),
            checkpoints: Vec::new(),
        }
    }

    /// Looks at what the database does not have, unless that was done.
    async fn look(&mut self) -> Result<(), LedgerError> {
        if !self.has_looked {
            self.head().await?;
        }
        Ok(())
    }

    /// The end of the log as it is now.
    pub(crate) async fn head(&mut self) -> Result<Head, LedgerError> {
        self.has_looked = false;
        let mut why = String::new();
        for _ in 0..LOOKS {
            let before = self.database.head().await?;
            let directory = self.directory.clone();
            // Files of the journal are read and synced: nothing to do where others must not wait.
            let looked = tokio::task::spawn_blocking(move || {
                beyond(&directory, &before).map(|found| (before, found))
            });
            let (mut head, found) = looked.await.map_err(failed)??;
            let after = self.database.head().await?;
            match found {
                // The journal was emptied meanwhile.
                Beyond::Groups(groups) if groups.is_empty() && after.size != head.size => {}
                Beyond::Groups(groups) => {
                    self.rows.clear();
                    self.checkpoints.clear();
                    for group in groups {
                        self.take(group, &mut head);
                    }
                    // A key is there before what it seals.
                    head.key = after.key;
                    self.has_looked = true;
                    return Ok(head);
                }
                // The database has got those meanwhile, and their place in the journal is used again; or one that was
                // being written when it was read.
                Beyond::Apart(found) => why = found,
            }
            tokio::time::sleep(LOOK_WAIT).await;
        }
        Err(apart(&why))
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
        self.look().await?;
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
        self.look().await?;
        let mut notes = self.database.checkpoints(from).await?;
        let next = notes.last().map_or(from, |(size, _)| size + 1);
        let room = (READ_ROWS_MAX as usize).saturating_sub(notes.len());
        let beyond = self.checkpoints.iter().filter(|(size, _)| *size >= next);
        notes.extend(beyond.take(room).cloned());
        Ok(notes)
    }

    pub(crate) async fn closing(&mut self, opening: u64) -> Result<Option<u64>, LedgerError> {
        self.look().await?;
        if let Some(closing) = self.database.closing(opening).await? {
            return Ok(Some(closing));
        }
        let closes = |row: &&Row| {
            Header::parse(&row.leaf)
                .is_some_and(|it| it.kind == Kind::Close && it.opening == Some(opening))
        };
        Ok(self.rows.iter().find(closes).map(|row| row.index))
    }

    /// Records of one kind.
    pub(crate) async fn of_kind(&mut self, kind: Kind, from: u64) -> Result<Vec<u64>, LedgerError> {
        self.look().await?;
        let mut found = self.database.of_kind(kind, from).await?;
        let next = found.last().map_or(from, |last| last + 1);
        let room = (READ_ROWS_MAX as usize).saturating_sub(found.len());
        let is_of = |row: &&Row| Header::parse(&row.leaf).is_some_and(|it| it.kind == kind);
        let beyond = self.rows.iter().filter(|row| row.index >= next);
        found.extend(beyond.filter(is_of).take(room).map(|row| row.index));
        Ok(found)
    }
}
