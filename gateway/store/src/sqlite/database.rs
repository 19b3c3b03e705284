//! The log's database, an SQLite file.

use std::{
    fs::{self, DirBuilder, File},
    os::unix::fs::DirBuilderExt as _,
    path::Path,
};

use audit::{Group, Head, KeptDataKey, Kind, LedgerError, READ_ROWS_MAX, Row};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection,
    sqlite::{SqliteJournalMode, SqliteSynchronous},
};

use super::{
    BUSY_WAIT, FILE_NAME, LOCK_NAME, count, damaged, failed, index, lock, make_private, note,
    options, row, sql,
};
use crate::{
    datakeys::{self, Columns, KeyRow},
    pack::{APPEND, Pack},
    page,
};

/// Bytes of a page of a new log. SQLite writes each page of a commit with two system calls, and a
/// record takes a third of a page of 4 KiB.
const PAGE_BYTES: u32 = 16 * 1024;

/// The WAL is folded into the file after so many pages (16 MiB).
const WAL_PAGES: &str = "1024";

/// How long to wait for readers of pages that had a key: whoever waits for the log waits with us.
const SCRUB_WAIT_MS: i64 = 250;

/// Stands in the file from the moment that keys are destroyed until no file has a trace of them.
const SCRUB_DUE: &str = "PRAGMA user_version = 1";
const SCRUB_DONE: &str = "PRAGMA user_version = 0";

/// A database in a log's directory. One process writes it, held by a lock on a file beside it.
pub(crate) struct Database {
    connection: SqliteConnection,
    /// The columns of a data key: those of a log that no newer gateway has opened are fewer.
    key_columns: &'static str,
    /// Held while this log may be written; released by the kernel whatever becomes of us.
    _lock: Option<File>,
}

impl Database {
    /// Opens the log in `directory` for its one writer, making both if need be.
    pub(crate) async fn open(directory: &Path) -> Result<Self, LedgerError> {
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
            _lock: Some(lock),
        })
    }

    /// Opens the log in `directory` to read it, whether or not its writer runs.
    pub(crate) async fn open_to_read(directory: &Path) -> Result<Self, LedgerError> {
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
            _lock: None,
        })
    }
}

/// As [`KeyRow`] has them.
const KEY_COLUMNS: &str = "id, wrapped, day, class, days, basis, first_idx";
const OLD_KEY_COLUMNS: &str = "id, wrapped, NULL, NULL, NULL, NULL, NULL";

impl Database {
    /// Records of one kind, of those that there is an index of: erasures, expiries and holds.
    pub(crate) async fn of_kind(&mut self, kind: Kind, from: u64) -> Result<Vec<u64>, LedgerError> {
        // In the words of the index, or SQLite would not take it.
        let query = format!(
            "SELECT idx FROM record
             WHERE substr(leaf, 2, 1) = x'{:02x}' AND idx >= ?1 ORDER BY idx LIMIT ?2",
            kind as u8
        );
        let found: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(query))
            .bind(index(from)?)
            .bind(READ_ROWS_MAX)
            .fetch_all(&mut self.connection)
            .await
            .map_err(sql)?;
        found.into_iter().map(count).collect()
    }

    #[cfg(test)]
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Appends all of `group` or nothing, durably.
    pub(crate) async fn store(&mut self, group: &Group) -> Result<(), LedgerError> {
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

impl Database {
    pub(crate) async fn head(&mut self) -> Result<Head, LedgerError> {
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

    pub(crate) async fn read(&mut self, from: u64, limit: u32) -> Result<Vec<Row>, LedgerError> {
        let limit = limit.min(READ_ROWS_MAX);
        let page: Option<String> = sqlx::query_scalar(page::RECORDS)
            .bind(index(from)?)
            .bind(limit)
            .fetch_one(&mut self.connection)
            .await
            .map_err(sql)?;
        let rows = page.map_or(Ok(Some(Vec::new())), |page| page::records(&page))?;
        match rows {
            Some(rows) => Ok(rows),
            None => self.read_each(from, limit).await,
        }
    }

    /// Reads rows of which some are too long for a page, which no gateway wrote.
    async fn read_each(&mut self, from: u64, limit: u32) -> Result<Vec<Row>, LedgerError> {
        let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT idx, leaf, nodes FROM record WHERE idx >= ?1 ORDER BY idx LIMIT ?2",
        )
        .bind(index(from)?)
        .bind(limit)
        .fetch_all(&mut self.connection)
        .await
        .map_err(sql)?;
        rows.into_iter().map(row).collect()
    }

    pub(crate) async fn checkpoints(
        &mut self,
        from: u64,
    ) -> Result<Vec<(u64, String)>, LedgerError> {
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

    pub(crate) async fn closing(&mut self, opening: u64) -> Result<Option<u64>, LedgerError> {
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

    pub(crate) async fn put_key(&mut self, key: KeptDataKey) -> Result<(), LedgerError> {
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

    pub(crate) async fn key(&mut self, id: u32) -> Result<Option<KeptDataKey>, LedgerError> {
        let query = format!("SELECT {} FROM data_key WHERE id = ?1", self.key_columns);
        let row: Option<KeyRow> = sqlx::query_as(AssertSqlSafe(query))
            .bind(id)
            .fetch_optional(&mut self.connection)
            .await
            .map_err(sql)?;
        row.map(datakeys::key).transpose()
    }

    pub(crate) async fn keys(
        &mut self,
        after: u32,
        limit: u32,
    ) -> Result<Vec<KeptDataKey>, LedgerError> {
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

    pub(crate) async fn destroy_keys(&mut self, ids: &[u32]) -> Result<u64, LedgerError> {
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

    pub(crate) async fn replace_keys(
        &mut self,
        keys: Vec<(u32, Vec<u8>)>,
    ) -> Result<(), LedgerError> {
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

    pub(crate) async fn check(&mut self) -> Result<(), LedgerError> {
        // The check goes through the log from its end, page by page, which no system reads ahead of: 20 MB/s of a disk
        // that gives ten times that. This goes the other way, and leaves to the check what is to be found.
        let forward = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM record");
        drop(forward.fetch_one(&mut self.connection).await);
        let found: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
            .fetch_one(&mut self.connection)
            .await
            .map_err(sql)?;
        match found.as_str() {
            "ok" => Ok(()),
            _ => Err(LedgerError::Damaged(found)),
        }
    }

    pub(crate) async fn close(self) -> Result<(), LedgerError> {
        self.connection.close().await.map_err(sql)
    }
}
