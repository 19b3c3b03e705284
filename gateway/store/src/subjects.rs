//! Keys of data subjects, in an SQLite file beside the log's.
//!
//! As durable as the log, and forgetful: an erasure deletes rows, writes the file anew without them, and
//! cuts the WAL that had them to nothing before it returns. Keep copies of this file apart from copies of
//! the log, and for a short time: whoever has one and the keyring undoes an erasure. A copy that is put
//! back is rid of what the log says was erased when the gateway starts.

use std::path::Path;

use async_trait::async_trait;
use audit::{Blind, KeptKey, LedgerError, SubjectStore};
use sqlx::{
    ConnectOptions as _, Connection as _, SqliteConnection,
    sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use vault::{HANDLE_BYTES, Handle, WRAP_HEAD_BYTES, wrapped_by};

use crate::{
    page,
    sqlite::{count, failed, make_private, options, sql},
};

/// The database in the log's directory.
pub const SUBJECTS_FILE_NAME: &str = "subjects.sqlite";

/// Keys of data subjects in a directory.
pub struct SqliteSubjects {
    connection: SqliteConnection,
}

/// What a reader keeps of the file, in KiB, with the sign by which SQLite takes it for that: a report asks for a million keys, in
/// no order, and would read the upper pages of the index for each.
const CACHE_KIB: &str = "-32768";

/// Stands in the file from the moment that rows are deleted until no file has a trace of them: a gateway that was killed
/// in between goes on where it was.
const SCRUB_DUE: &str = "PRAGMA user_version = 1";
const SCRUB_DONE: &str = "PRAGMA user_version = 0";

impl SqliteSubjects {
    /// Opens them in the log's `directory`, which exists and is locked.
    pub async fn open(directory: &Path) -> Result<Self, LedgerError> {
        let file = directory.join(SUBJECTS_FILE_NAME);
        make_private(&file).map_err(failed)?;
        let options = options(&file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("secure_delete", "ON")
            .pragma("temp_store", "MEMORY");
        let mut connection = options.connect().await.map_err(sql)?;
        sqlx::migrate!("./migrations/subjects")
            .run(&mut connection)
            .await
            .map_err(failed)?;
        Ok(Self { connection })
    }

    /// Opens them to read, whether or not a gateway runs; none if the log is older than they are.
    pub async fn open_to_read(directory: &Path) -> Result<Option<Self>, LedgerError> {
        let file = directory.join(SUBJECTS_FILE_NAME);
        if !std::fs::exists(&file).map_err(failed)? {
            return Ok(None);
        }
        let options = options(&file)
            .pragma("query_only", "ON")
            .pragma("cache_size", CACHE_KIB);
        let connection = options.connect().await.map_err(sql)?;
        Ok(Some(Self { connection }))
    }
}

impl SqliteSubjects {
    /// Closes the file in good order: nothing is left beside it.
    pub async fn close(self) -> Result<(), LedgerError> {
        self.connection.close().await.map_err(sql)
    }

    /// How many keys each key-encryption key wraps, by its id; none where that is not to be told.
    pub async fn wrapped_by(&mut self) -> Result<Vec<(Option<u32>, u64)>, LedgerError> {
        let head = i64::try_from(WRAP_HEAD_BYTES).unwrap_or(i64::MAX);
        let rows: Vec<(Vec<u8>, i64)> = sqlx::query_as(
            "SELECT substr(wrapped, 1, ?1) AS head, count(*) FROM subject_key GROUP BY head",
        )
        .bind(head)
        .fetch_all(&mut self.connection)
        .await
        .map_err(sql)?;
        let told = |(head, keys): (Vec<u8>, i64)| Ok((wrapped_by(&head), count(keys)?));
        rows.into_iter().map(told).collect()
    }

    /// Leaves no trace of deleted rows in any file.
    async fn scrub(&mut self) -> Result<(), LedgerError> {
        // `secure_delete` overwrites a row where it stood last; a page that was split keeps copies of what
        // moved away. So the file is written anew, from what there still is.
        sqlx::query("VACUUM")
            .execute(&mut self.connection)
            .await
            .map_err(sql)?;
        // Waits for readers of the old pages, as long as `BUSY_WAIT`.
        let (busy, _, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut self.connection)
            .await
            .map_err(sql)?;
        if busy != 0 {
            return Err(failed("a reader keeps old pages; erase again"));
        }
        sqlx::query(SCRUB_DONE)
            .execute(&mut self.connection)
            .await
            .map(drop)
            .map_err(sql)
    }
}

fn handle(row: Vec<u8>) -> Result<Handle, LedgerError> {
    <[u8; HANDLE_BYTES]>::try_from(row)
        .map_err(|_| LedgerError::Damaged("a subject key's handle".into()))
}

#[async_trait]
impl SubjectStore for SqliteSubjects {
    async fn keep(&mut self, keys: &[KeptKey]) -> Result<(), LedgerError> {
        let mut transaction = self.connection.begin().await.map_err(sql)?;
        for key in keys {
            // Whoever heard of no commit asks again, and it may have been one.
            sqlx::query(
                "INSERT INTO subject_key (handle, blind, wrapped) VALUES (?1, ?2, ?3) ON CONFLICT (handle) DO NOTHING",
            )
            .bind(&key.handle[..])
            .bind(&key.blind[..])
            .bind(&key.wrapped)
            .execute(&mut *transaction)
            .await
            .map_err(sql)?;
        }
        transaction.commit().await.map_err(sql)
    }

    async fn handles(&mut self, of: Blind) -> Result<Vec<Handle>, LedgerError> {
        let rows: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT handle FROM subject_key WHERE blind = ?1 ORDER BY handle")
                .bind(&of[..])
                .fetch_all(&mut self.connection)
                .await
                .map_err(sql)?;
        rows.into_iter().map(handle).collect()
    }

    async fn key(&mut self, handle: Handle) -> Result<Option<Vec<u8>>, LedgerError> {
        sqlx::query_scalar("SELECT wrapped FROM subject_key WHERE handle = ?1")
            .bind(&handle[..])
            .fetch_optional(&mut self.connection)
            .await
            .map_err(sql)
    }

    async fn find(&mut self, handles: &[Handle]) -> Result<Vec<(Handle, Vec<u8>)>, LedgerError> {
        let wanted: Vec<String> = handles.iter().map(hex::encode).collect();
        let wanted = serde_json::to_string(&wanted).map_err(failed)?;
        let found: Option<String> = sqlx::query_scalar(page::KEYS)
            .bind(wanted)
            .fetch_one(&mut self.connection)
            .await
            .map_err(sql)?;
        let rows = found.map_or(Ok(Vec::new()), |found| page::pairs(&found))?;
        let key = |(row, wrapped)| Ok((handle(row)?, wrapped));
        rows.into_iter().map(key).collect()
    }

    async fn keys(
        &mut self,
        after: Option<Handle>,
        limit: u32,
    ) -> Result<Vec<(Handle, Vec<u8>)>, LedgerError> {
        // Handles are blobs, and nothing is less than the empty one.
        let after = after.map_or_else(Vec::new, |handle| handle.to_vec());
        let rows: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT handle, wrapped FROM subject_key WHERE handle > ?1 ORDER BY handle LIMIT ?2",
        )
        .bind(after)
        .bind(limit)
        .fetch_all(&mut self.connection)
        .await
        .map_err(sql)?;
        let key = |(row, wrapped)| Ok((handle(row)?, wrapped));
        rows.into_iter().map(key).collect()
    }

    async fn replace(&mut self, keys: Vec<(Handle, Vec<u8>)>) -> Result<(), LedgerError> {
        let mut transaction = self.connection.begin().await.map_err(sql)?;
        for (handle, wrapped) in keys {
            sqlx::query("UPDATE subject_key SET wrapped = ?2 WHERE handle = ?1")
                .bind(&handle[..])
                .bind(wrapped)
                .execute(&mut *transaction)
                .await
                .map_err(sql)?;
        }
        transaction.commit().await.map_err(sql)
    }

    async fn erase(&mut self, of: Blind) -> Result<(), LedgerError> {
        let mut transaction = self.connection.begin().await.map_err(sql)?;
        sqlx::query(SCRUB_DUE)
            .execute(&mut *transaction)
            .await
            .map_err(sql)?;
        sqlx::query("DELETE FROM subject_key WHERE blind = ?1")
            .bind(&of[..])
            .execute(&mut *transaction)
            .await
            .map_err(sql)?;
        transaction.commit().await.map_err(sql)?;
        // Also if nothing was there: an earlier attempt may have come as far as this.
        self.scrub().await
    }

    async fn destroy(&mut self, keys: &[Handle]) -> Result<u64, LedgerError> {
        let mut transaction = self.connection.begin().await.map_err(sql)?;
        let was_due: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&mut *transaction)
            .await
            .map_err(sql)?;
        let was_due = was_due != 0;
        let mut gone = 0;
        if !keys.is_empty() {
            sqlx::query(SCRUB_DUE)
                .execute(&mut *transaction)
                .await
                .map_err(sql)?;
        }
        for handle in keys {
            let deleted = sqlx::query("DELETE FROM subject_key WHERE handle = ?1")
                .bind(&handle[..])
                .execute(&mut *transaction)
                .await;
            gone += deleted.map_err(sql)?.rows_affected();
        }
        // What an earlier attempt took out, and did not come to scrub, is scrubbed now.
        if gone > 0 || was_due {
            transaction.commit().await.map_err(sql)?;
            self.scrub().await?;
        }
        Ok(gone)
    }

    async fn hold(&mut self, of: Blind, held: bool) -> Result<(), LedgerError> {
        let statement = if held {
            "INSERT OR IGNORE INTO hold (blind) VALUES (?1)"
        } else {
            "DELETE FROM hold WHERE blind = ?1"
        };
        sqlx::query(statement)
            .bind(&of[..])
            .execute(&mut self.connection)
            .await
            .map(drop)
            .map_err(sql)
    }

    async fn is_held(&mut self, of: Blind) -> Result<bool, LedgerError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM hold WHERE blind = ?1)")
            .bind(&of[..])
            .fetch_one(&mut self.connection)
            .await
            .map_err(sql)
    }

    async fn held(&mut self) -> Result<Vec<Blind>, LedgerError> {
        let rows: Vec<Vec<u8>> = sqlx::query_scalar("SELECT blind FROM hold ORDER BY blind")
            .fetch_all(&mut self.connection)
            .await
            .map_err(sql)?;
        let blind = |row: Vec<u8>| {
            Blind::try_from(row).map_err(|_| LedgerError::Damaged("a held subject's digest".into()))
        };
        rows.into_iter().map(blind).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(blind: u8, handle: u8) -> KeptKey {
        KeptKey {
            blind: [blind; 16],
            handle: [handle; 16],
            // As long as a wrapped key, and nothing that SQLite would have of itself.
            wrapped: (0..65u8).map(|at| (at * 3).wrapping_add(handle)).collect(),
        }
    }

    /// The files in `folder` that hold `bytes`.
    fn holding(folder: &Path, bytes: &[u8]) -> Vec<String> {
        let files = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let holds = |text: &Vec<u8>| memchr::memmem::find(text, bytes).is_some();
        files
            .filter(|file| holds(&std::fs::read(file.path()).unwrap()))
            .map(|file| file.file_name().into_string().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn no_file_has_the_keys_of_who_is_erased() {
        let home = tempfile::tempdir().unwrap();
        let mut subjects = SqliteSubjects::open(home.path()).await.unwrap();
        let many: Vec<KeptKey> = (10..200).map(|it| key(it, it)).collect();
        subjects.keep(&many).await.unwrap();
        subjects
            .keep(&[key(1, 1), key(1, 2), key(3, 3)])
            .await
            .unwrap();
        // Again, as after a commit that was not heard of.
        subjects.keep(&[key(1, 1), key(1, 2)]).await.unwrap();
        assert_eq!(subjects.handles([1; 16]).await.unwrap(), [[1; 16], [2; 16]]);
        assert!(!holding(home.path(), &key(1, 1).wrapped).is_empty());

        subjects.erase([1; 16]).await.unwrap();
        for gone in [key(1, 1), key(1, 2)] {
            for bytes in [&gone.wrapped[..], &gone.handle, &gone.blind] {
                assert_eq!(holding(home.path(), bytes), [] as [String; 0]);
            }
            assert_eq!(subjects.key(gone.handle).await.unwrap(), None);
        }
        assert!(subjects.handles([1; 16]).await.unwrap().is_empty());
        assert_eq!(
            subjects.key([3; 16]).await.unwrap(),
            Some(key(3, 3).wrapped)
        );
    }

    /// Rows move when pages split: here each stood in many places before it went.
    #[tokio::test]
    async fn nor_has_any_what_moved_before_it_went() {
        let home = tempfile::tempdir().unwrap();
        let mut subjects = SqliteSubjects::open(home.path()).await.unwrap();
        let key = |at: u32| {
            // Scattered as random handles are, and the same in every run.
            let [a, b, c, d] = at.wrapping_mul(0x9e37_79b9).to_be_bytes();
            let handle = [a, b, c, d, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
            KeptKey {
                blind: [d, c, b, a, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32],
                handle,
                wrapped: [&handle[..], &[b; 49]].concat(),
            }
        };
        for group in (0..6000).collect::<Vec<_>>().chunks(37) {
            let keys: Vec<KeptKey> = group.iter().map(|it| key(*it)).collect();
            subjects.keep(&keys).await.unwrap();
        }
        let (some, more): (Vec<_>, Vec<_>) = (0..6000).step_by(20).partition(|it| it % 40 == 0);
        let handles: Vec<Handle> = some.iter().map(|it| key(*it).handle).collect();
        assert_eq!(subjects.destroy(&handles).await.unwrap(), 150);
        assert_eq!(subjects.destroy(&handles).await.unwrap(), 0);
        for one in &more[..5] {
            subjects.erase(key(*one).blind).await.unwrap();
        }
        for gone in some.iter().chain(&more[..5]) {
            let gone = key(*gone);
            assert_eq!(holding(home.path(), &gone.handle), [] as [String; 0]);
            assert_eq!(holding(home.path(), &gone.blind), [] as [String; 0]);
        }
        let kept = subjects.key(key(1).handle).await.unwrap();
        assert_eq!(kept, Some(key(1).wrapped));
    }

    #[tokio::test]
    async fn a_hold_lasts_until_it_is_lifted() {
        let home = tempfile::tempdir().unwrap();
        for held in [true, true, false] {
            let mut subjects = SqliteSubjects::open(home.path()).await.unwrap();
            subjects.hold([7; 16], held).await.unwrap();
            assert_eq!(subjects.is_held([7; 16]).await.unwrap(), held);
            assert!(!subjects.is_held([8; 16]).await.unwrap());
        }
    }
}
