//! The log in one SQLite file.
//!
//! WAL with `synchronous = FULL`: a commit returns when its frames are synced, and a reader (the
//! command line) never waits for the writer nor the writer for it. One process writes, held by a
//! lock on a file beside it; the files are for their owner only.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use audit::{Group, Head, KeptDataKey, Ledger, LedgerError, READ_ROWS_MAX, Row};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection,
    error::DatabaseError,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use crate::{
    datakeys::{self, Columns, KeyRow},
    pack::{APPEND, Pack},
    shown::shown,
};

/// The database in the log's directory; SQLite puts `-wal` and `-shm` beside it.
pub const FILE_NAME: &str = "log.sqlite";

/// The writer's lock in the log's directory.
pub const LOCK_NAME: &str = "log.lock";

/// How long to wait for another process that checkpoints or migrates.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Bytes of a page of a new log. SQLite writes each page of a commit with two system calls, and a
/// record takes a third of a page of 4 KiB.
const PAGE_BYTES: u32 = 16 * 1024;

/// The WAL is folded into the file after so many pages (2 MiB). The commit that does it makes all wait who wait for
/// it: of 16 MiB, ten milliseconds, often enough that one caller in fifty saw it.
const WAL_PAGES: &str = "128";

/// `SQLITE_CORRUPT`, `SQLITE_NOTADB`: the low byte of an extended result code.
const DAMAGE_CODES: [i32; 2] = [11, 26];

/// How long to wait for readers of pages that had a key: whoever waits for the log waits with us.
const SCRUB_WAIT_MS: i64 = 250;

/// Stands in the file from the moment that keys are destroyed until no file has a trace of them.
const SCRUB_DUE: &str = "PRAGMA user_version = 1";
const SCRUB_DONE: &str = "PRAGMA user_version = 0";

/// A log in a directory.
pub struct SqliteLedger {
    connection: SqliteConnection,
    /// The columns of a data key: those of a log that no newer gateway has opened are fewer.
    key_columns: &'static str,
    directory: PathBuf,
    /// Held while this log may be written; released by the kernel whatever becomes of us.
    _lock: Option<File>,
}

impl SqliteLedger {
    /// Opens the log in `directory` for its one writer, making both if need be.
    pub async fn open(directory: &Path) -> Result<Self, LedgerError> {
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory);
        made.map_err(failed)?;
        let lock = lock(directory.join(LOCK_NAME))?;
        let file = directory.join(FILE_NAME);
        make_private(&file).map_err(failed)?;
        let options = options(&file)
            .page_size(PAGE_BYTES)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", WAL_PAGES)
            // What is destroyed is overwritten.
            .pragma("secure_delete", "ON")
            // Not into a folder that is anybody's, and that the process may not use.
            .pragma("temp_store", "MEMORY");
        let mut connection = options.connect().await.map_err(sql)?;
        sqlx::migrate!("./migrations/log")
            .run(&mut connection)
            .await
            .map_err(failed)?;
        // The file's name must survive a power cut, too.
        File::open(directory)
            .and_then(|it| it.sync_all())
            .map_err(failed)?;
        Ok(Self {
            connection,
            key_columns: KEY_COLUMNS,
            directory: directory.to_owned(),
            _lock: Some(lock),
        })
    }

    /// Opens the log in `directory` to read it, whether or not its writer runs.
    pub async fn open_to_read(directory: &Path) -> Result<Self, LedgerError> {
        let path = directory.join(FILE_NAME);
        if !fs::exists(&path).map_err(failed)? {
            let place = path.display().to_string();
            return Err(LedgerError::Absent { place });
        }
        let options = options(&path).pragma("query_only", "ON");
        let mut connection = options.connect().await.map_err(sql)?;
        let knows =
            "SELECT EXISTS (SELECT 1 FROM pragma_table_info('data_key') WHERE name = 'day')";
        let knows: bool = sqlx::query_scalar(knows)
            .fetch_one(&mut connection)
            .await
            .map_err(sql)?;
        Ok(Self {
            connection,
            key_columns: if knows { KEY_COLUMNS } else { OLD_KEY_COLUMNS },
            directory: directory.to_owned(),
            _lock: None,
        })
    }
}

/// As [`KeyRow`] has them.
const KEY_COLUMNS: &str = "id, wrapped, day, class, days, basis, first_idx";
const OLD_KEY_COLUMNS: &str = "id, wrapped, NULL, NULL, NULL, NULL, NULL";

impl SqliteLedger {
    /// Records of one kind, which there is an index of.
    async fn of_kind(&mut self, query: &'static str, from: u64) -> Result<Vec<u64>, LedgerError> {
        let found: Vec<i64> = sqlx::query_scalar(query)
            .bind(index(from)?)
            .bind(READ_ROWS_MAX)
            .fetch_all(&mut self.connection)
            .await
            .map_err(sql)?;
        found.into_iter().map(count).collect()
    }

    /// Leaves no trace of destroyed keys in any file. They were overwritten where they stood, in a table to whose end rows
    /// are only added, so that none ever stood elsewhere; what is left is the WAL.
    async fn scrub(&mut self) -> Result<(), LedgerError> {
        let patience = |ms: i64| sqlx::query(AssertSqlSafe(format!("PRAGMA busy_timeout = {ms}")));
        let connection = &mut self.connection;
        patience(SCRUB_WAIT_MS)
            .execute(&mut *connection)
            .await
            .map_err(sql)?;
        let cut = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut *connection)
            .await;
        let usual = i64::try_from(BUSY_WAIT.as_millis()).unwrap_or(i64::MAX);
        patience(usual)
            .execute(&mut *connection)
            .await
            .map_err(sql)?;
        let (busy, _, _): (i64, i64, i64) = cut.map_err(sql)?;
        if busy != 0 {
            return Err(failed("a reader keeps pages that have destroyed keys"));
        }
        let done = sqlx::query(SCRUB_DONE).execute(connection).await;
        done.map(drop).map_err(sql)
    }
}

pub(crate) fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .busy_timeout(BUSY_WAIT)
        .disable_statement_logging()
}

/// Makes a database's file, for its owner only, unless there is one. SQLite gives its other files the
/// mode of this one. One that exists is left alone: closing any descriptor of it would drop this
/// process's POSIX locks on it.
pub(crate) fn make_private(file: &Path) -> io::Result<()> {
    if !fs::exists(file)? {
        private(file)?;
    }
    Ok(())
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.mode(0o600).open(path)
}

fn lock(path: PathBuf) -> Result<File, LedgerError> {
    let file = private(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            let place = path.display().to_string();
            Err(LedgerError::Locked { place })
        }
        Err(fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn append(&mut self, group: Group) -> Result<(), LedgerError> {
        let pack = Pack::new(group)?;
        let appended = sqlx::query(APPEND)
            .bind(pack.first)
            .bind(pack.bytes)
            .bind(pack.extents)
            .bind(pack.checkpoints)
            .execute(&mut self.connection)
            .await;
        if let Err(error) = appended {
            // Without an open transaction this fails, which is as good.
            drop(sqlx::query("ROLLBACK").execute(&mut self.connection).await);
            return Err(sql(error));
        }
        Ok(())
    }

    async fn head(&mut self) -> Result<Head, LedgerError> {
        // One statement, so one snapshot.
        let (size, key, signed, note): (i64, i64, Option<i64>, Option<String>) = sqlx::query_as(
            "SELECT coalesce((SELECT max(idx) + 1 FROM record), 0),
                    coalesce((SELECT max(id) FROM data_key), 0),
                    newest.size, newest.note
             FROM (SELECT 1) LEFT JOIN
                  (SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1) AS newest",
        )
        .fetch_one(&mut self.connection)
        .await
        .map_err(sql)?;
        Ok(Head {
            size: count(size)?,
            checkpoint: signed.map(count).transpose()?.zip(note),
            key: u32::try_from(key).map_err(|_| damaged("a data key's id"))?,
        })
    }

    async fn read(&mut self, from: u64, limit: u32) -> Result<Vec<Row>, LedgerError> {
        let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT idx, leaf, nodes FROM record WHERE idx >= ?1 ORDER BY idx LIMIT ?2",
        )
        .bind(index(from)?)
        .bind(limit.min(READ_ROWS_MAX))
        .fetch_all(&mut self.connection)
        .await
        .map_err(sql)?;
        rows.into_iter().map(row).collect()
    }

    async fn checkpoints(&mut self, from: u64) -> Result<Vec<(u64, String)>, LedgerError> {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT size, note FROM checkpoint WHERE size >= ?1 ORDER BY size LIMIT ?2",
        )
        .bind(index(from)?)
        .bind(READ_ROWS_MAX)
        .fetch_all(&mut self.connection)
        .await
        .map_err(sql)?;
        rows.into_iter().map(note).collect()
    }

    async fn shown(&mut self) -> Result<Option<String>, LedgerError> {
        shown(&self.directory)
    }

    async fn closing(&mut self, opening: u64) -> Result<Option<u64>, LedgerError> {
        let closing: Option<i64> = sqlx::query_scalar(
            "SELECT idx FROM record
             WHERE substr(leaf, 2, 1) = x'04' AND substr(leaf, 23, 8) = ?1
             ORDER BY idx LIMIT 1",
        )
        .bind(opening.to_be_bytes().to_vec())
        .fetch_optional(&mut self.connection)
        .await
        .map_err(sql)?;
        closing.map(count).transpose()
    }

    async fn erasures(&mut self, from: u64) -> Result<Vec<u64>, LedgerError> {
        let query = "SELECT idx FROM record
             WHERE substr(leaf, 2, 1) = x'0c' AND idx >= ?1 ORDER BY idx LIMIT ?2";
        self.of_kind(query, from).await
    }

    async fn expiries(&mut self, from: u64) -> Result<Vec<u64>, LedgerError> {
        let query = "SELECT idx FROM record
             WHERE substr(leaf, 2, 1) = x'0f' AND idx >= ?1 ORDER BY idx LIMIT ?2";
        self.of_kind(query, from).await
    }

    async fn holds(&mut self, from: u64) -> Result<Vec<u64>, LedgerError> {
        let query = "SELECT idx FROM record
             WHERE substr(leaf, 2, 1) = x'10' AND idx >= ?1 ORDER BY idx LIMIT ?2";
        self.of_kind(query, from).await
    }

    async fn put_key(&mut self, key: KeptDataKey) -> Result<(), LedgerError> {
        let columns = Columns::of(key.terms.as_ref())?;
        let put = "INSERT INTO data_key (id, wrapped, day, class, days, basis, first_idx)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        sqlx::query(put)
            .bind(key.id)
            .bind(key.wrapped)
            .bind(columns.day)
            .bind(columns.class)
            .bind(columns.days)
            .bind(columns.basis)
            .bind(columns.first)
            .execute(&mut self.connection)
            .await
            .map(drop)
            .map_err(sql)
    }

    async fn key(&mut self, id: u32) -> Result<Option<KeptDataKey>, LedgerError> {
        let query = format!("SELECT {} FROM data_key WHERE id = ?1", self.key_columns);
        let row: Option<KeyRow> = sqlx::query_as(AssertSqlSafe(query))
            .bind(id)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(sql)?;
        row.map(datakeys::key).transpose()
    }

    async fn keys(&mut self, after: u32, limit: u32) -> Result<Vec<KeptDataKey>, LedgerError> {
        let columns = self.key_columns;
        let query = format!("SELECT {columns} FROM data_key WHERE id > ?1 ORDER BY id LIMIT ?2");
        let rows: Vec<KeyRow> = sqlx::query_as(AssertSqlSafe(query))
            .bind(after)
            .bind(limit.min(READ_ROWS_MAX))
            .fetch_all(&mut self.connection)
            .await
            .map_err(sql)?;
        rows.into_iter().map(datakeys::key).collect()
    }

    async fn destroy_keys(&mut self, ids: &[u32]) -> Result<u64, LedgerError> {
        let mut transaction = self.connection.begin().await.map_err(sql)?;
        let was_due: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&mut *transaction)
            .await
            .map_err(sql)?;
        let mut gone = 0;
        for id in ids {
            // As long as the key, so that it is overwritten where it stands, and its row need not move.
            let destroyed = "UPDATE data_key SET wrapped = zeroblob(length(wrapped))
                 WHERE id = ?1 AND length(wrapped) > 0 AND substr(wrapped, 1, 1) <> x'00'";
            let destroyed = sqlx::query(destroyed).bind(id);
            let destroyed = destroyed.execute(&mut *transaction).await.map_err(sql)?;
            gone += destroyed.rows_affected();
        }
        if gone > 0 {
            let due = sqlx::query(SCRUB_DUE).execute(&mut *transaction).await;
            due.map_err(sql)?;
        }
        transaction.commit().await.map_err(sql)?;
        // What an earlier attempt destroyed, and did not come to scrub, is scrubbed now.
        if gone > 0 || was_due != 0 {
            self.scrub().await?;
        }
        Ok(gone)
    }

    async fn replace_keys(&mut self, keys: Vec<(u32, Vec<u8>)>) -> Result<(), LedgerError> {
        let mut transaction = self.connection.begin().await.map_err(sql)?;
        for (id, wrapped) in keys {
            let replaced = "UPDATE data_key SET wrapped = ?2
                 WHERE id = ?1 AND length(wrapped) > 0 AND substr(wrapped, 1, 1) <> x'00'";
            sqlx::query(replaced)
                .bind(id)
                .bind(wrapped)
                .execute(&mut *transaction)
                .await
                .map_err(sql)?;
        }
        transaction.commit().await.map_err(sql)
    }

    async fn check(&mut self) -> Result<(), LedgerError> {
        let found: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
            .fetch_one(&mut self.connection)
            .await
            .map_err(sql)?;
        match found.as_str() {
            "ok" => Ok(()),
            _ => Err(LedgerError::Damaged(found)),
        }
    }

    async fn close(self: Box<Self>) -> Result<(), LedgerError> {
        self.connection.close().await.map_err(sql)
    }
}

/// A record as a query gives it.
pub(crate) fn row((idx, leaf, nodes): (i64, Vec<u8>, Vec<u8>)) -> Result<Row, LedgerError> {
    let index = count(idx)?;
    Ok(Row { index, leaf, nodes })
}

/// A checkpoint as a query gives it.
pub(crate) fn note((size, note): (i64, String)) -> Result<(u64, String), LedgerError> {
    Ok((count(size)?, note))
}

pub(crate) fn index(value: u64) -> Result<i64, LedgerError> {
    i64::try_from(value).map_err(failed)
}

pub(crate) fn count(value: i64) -> Result<u64, LedgerError> {
    u64::try_from(value).map_err(|_| damaged("a negative index"))
}

pub(crate) fn damaged(what: &str) -> LedgerError {
    LedgerError::Damaged(format!("{what} is out of range"))
}

pub(crate) fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LedgerError {
    LedgerError::Failed(error.into())
}

/// Damage is a verdict on the log, not a failure to read it.
pub(crate) fn sql(error: sqlx::Error) -> LedgerError {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let code = code.and_then(|it| it.parse::<i32>().ok());
    let decoding = matches!(
        error,
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)
    );
    if decoding || code.is_some_and(|it| DAMAGE_CODES.contains(&(it & 0xff))) {
        return LedgerError::Damaged(error.to_string());
    }
    failed(error)
}

#[cfg(test)]
mod tests;
