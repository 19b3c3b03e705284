//! What a backup takes of the databases beside the log, and how it leaves a log at rest. The log itself is copied as any
//! other is (`audit::Copier`).
//!
//! A copy has what a database has at one moment, and nothing that was deleted before: SQLite writes it anew (`VACUUM INTO`),
//! while others go on. Whoever scrubs waits for that as for any reader.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use audit::LedgerError;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteSynchronous};

use crate::{
    BUDGETS_FILE_NAME, SUBJECTS_FILE_NAME,
    journal::FILE_NAMES,
    sqlite::{FILE_NAME, LOCK_NAME, failed, make_private, options, sql},
};

/// What SQLite puts beside a database that is open.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Everybody who was seen counts as spent, and is forgotten.
const COUNT_ALL: &str = "INSERT INTO spent (account, meter, amount)
    SELECT account, meter, count(*) FROM seen WHERE true GROUP BY account, meter
    ON CONFLICT (account, meter) DO UPDATE SET amount = min(1 << 61, amount + excluded.amount)";

/// Copies the keys of data subjects in `directory` to the folder `to`; false if there are none.
///
/// # Errors
/// If the file cannot be read, or the copy not be written.
pub async fn copy_subjects(directory: &Path, to: &Path) -> Result<bool, LedgerError> {
    let Some(copy) = copied(directory, to, SUBJECTS_FILE_NAME).await? else {
        return Ok(false);
    };
    finish(copy, &to.join(SUBJECTS_FILE_NAME)).await?;
    Ok(true)
}

/// Copies what was spent of budgets in `directory` to the folder `to`; false if there is nothing. The copy knows nobody: who
/// was seen counts as spent there, since nobody could take out of a copy who is erased later. So whoever comes again
/// counts again, and no allowance grows by it.
///
/// # Errors
/// If the file cannot be read, or the copy not be written.
pub async fn copy_budgets(directory: &Path, to: &Path) -> Result<bool, LedgerError> {
    let Some(mut copy) = copied(directory, to, BUDGETS_FILE_NAME).await? else {
        return Ok(false);
    };
    for statement in [COUNT_ALL, "DELETE FROM seen", "VACUUM"] {
        let done = sqlx::query(statement).execute(&mut copy).await;
        done.map_err(sql)?;
    }
    finish(copy, &to.join(BUDGETS_FILE_NAME)).await?;
    Ok(true)
}

/// Takes away what a log that was closed in good order has beside its database, and which the next who opens it makes
/// anew: so that a copy at rest is one file, durable when this returns.
///
/// # Errors
/// If it was not closed in good order, or a file cannot be removed.
pub fn put_to_rest(directory: &Path) -> Result<(), LedgerError> {
    let open = BESIDE.map(|end| directory.join(format!("{FILE_NAME}{end}")));
    if let Some(open) = open.iter().find(|path| path.exists()) {
        let why = format!("`{}` is there: the copy is still open", open.display());
        return Err(failed(why));
    }
    for name in FILE_NAMES.iter().chain([&LOCK_NAME]) {
        match fs::remove_file(directory.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    sync(&directory.join(FILE_NAME))
}

/// The database `name` of `directory` in the folder `to`, open; none if there is none.
async fn copied(
    directory: &Path,
    to: &Path,
    name: &str,
) -> Result<Option<SqliteConnection>, LedgerError> {
    let from = directory.join(name);
    if !fs::exists(&from).map_err(failed)? {
        return Ok(None);
    }
    let to = to.join(name);
    // SQLite writes into an empty file, whose mode stays.
    make_private(&to).map_err(failed)?;
    let place = to.to_str().ok_or_else(|| failed("its path is no text"))?;
    let mut connection = options(&from).connect().await.map_err(sql)?;
    let written = sqlx::query("VACUUM INTO ?1")
        .bind(place)
        .execute(&mut connection)
        .await;
    written.map_err(sql)?;
    connection.close().await.map_err(sql)?;
    let copy = options(&to)
        .synchronous(SqliteSynchronous::Full)
        .pragma("temp_store", "MEMORY");
    copy.connect().await.map_err(sql).map(Some)
}

async fn finish(copy: SqliteConnection, path: &Path) -> Result<(), LedgerError> {
    copy.close().await.map_err(sql)?;
    // What `VACUUM INTO` writes it does not sync.
    sync(path)
}

fn sync(path: &Path) -> Result<(), LedgerError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use admission::budget::{BudgetStore as _, Debit};
    use audit::{KeptKey, SubjectStore as _};

    use super::*;
    use crate::{SqliteBudgets, SqliteSubjects};

    /// Whether any file in `folder` holds `bytes`.
    fn holds(folder: &Path, bytes: &[u8]) -> bool {
        let files = fs::read_dir(folder).unwrap();
        let mut files = files.map(|file| fs::read(file.unwrap().path()).unwrap());
        files.any(|file| memchr::memmem::find(&file, bytes).is_some())
    }

    #[tokio::test]
    async fn a_copy_of_keys_has_those_that_are_there_alone() {
        let (home, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert!(!copy_subjects(home.path(), to.path()).await.unwrap());
        let mut subjects = SqliteSubjects::open(home.path()).await.unwrap();
        let key = |at: u8| KeptKey {
            blind: [at; 16],
            handle: [at; 16],
            wrapped: vec![at; 65],
        };
        subjects.keep(&[key(1), key(2)]).await.unwrap();
        subjects.erase([1; 16]).await.unwrap();
        subjects.hold([2; 16], true).await.unwrap();
        // While the gateway has the file open.
        assert!(copy_subjects(home.path(), to.path()).await.unwrap());
        assert!(!holds(to.path(), &[1; 65]) && holds(to.path(), &[2; 65]));
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1);
        let mut copy = SqliteSubjects::open(to.path()).await.unwrap();
        assert_eq!(copy.key([2; 16]).await.unwrap(), Some(vec![2; 65]));
        assert_eq!(copy.key([1; 16]).await.unwrap(), None);
        assert!(copy.is_held([2; 16]).await.unwrap());
    }

    #[tokio::test]
    async fn a_copy_of_budgets_knows_nobody_and_gives_nothing_back() {
        let (home, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut budgets = SqliteBudgets::open(home.path()).await.unwrap();
        let debit = Debit {
            account: Arc::from("a"),
            spent: vec![("calls", 3), ("subjects", 1)],
            returned: Vec::new(),
            seen: vec![("subjects", 0x0102_0304_0506_0708), ("subjects", 9)],
        };
        budgets.debit(&[debit]).await.unwrap();
        assert!(copy_budgets(home.path(), to.path()).await.unwrap());
        assert!(!holds(to.path(), &[1, 2, 3, 4, 5, 6, 7, 8]));
        let mut copy = SqliteBudgets::open(to.path()).await.unwrap();
        let mut kept = copy.account("a").await.unwrap();
        kept.spent.sort();
        assert_eq!(
            kept.spent,
            [("calls".to_owned(), 3), ("subjects".to_owned(), 3)]
        );
        assert!(kept.seen.is_empty());
    }
}
