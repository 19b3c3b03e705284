//! The log on disk, in SQLite and the journal before it.
//!
//! WAL with `synchronous = FULL`: what the database took over is synced, and a reader (the command line) never waits for
//! the writer nor the writer for it. One process writes; the files are for their owner only.

mod database;

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use audit::{Group, Head, KeptDataKey, Kind, Ledger, LedgerError, Row};
use sqlx::{ConnectOptions as _, error::DatabaseError, sqlite::SqliteConnectOptions};

pub(crate) use self::database::Database;
use crate::{
    journal::{Beyond, apart, beyond},
    reader::Reader,
    shown::shown,
    writer::Writer,
};

/// The database in the log's directory; SQLite puts `-wal` and `-shm` beside it.
pub const FILE_NAME: &str = "log.sqlite";

/// The writer's lock in the log's directory.
pub const LOCK_NAME: &str = "log.lock";

/// How long to wait for another process that checkpoints or migrates.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// `SQLITE_CORRUPT`, `SQLITE_NOTADB`: the low byte of an extended result code.
const DAMAGE_CODES: [i32; 2] = [11, 26];

/// A log in a directory.
pub struct SqliteLedger {
    side: Side,
    directory: PathBuf,
}

/// For whom it is open.
enum Side {
    Writer(Writer),
    Reader(Reader),
}

impl SqliteLedger {
    /// Opens the log in `directory` for its one writer, making both if need be.
    pub async fn open(directory: &Path) -> Result<Self, LedgerError> {
        // A log whose database is gone is not begun anew.
        if !fs::exists(directory.join(FILE_NAME)).map_err(failed)? {
            match beyond(directory, &Head::default())? {
                Beyond::Groups(groups) if groups.is_empty() => {}
                Beyond::Groups(_) => return Err(apart("that is gone")),
                Beyond::Apart(why) => return Err(apart(&why)),
            }
        }
        let database = Database::open(directory).await?;
        let writer = Writer::start(database, directory).await?;
        Ok(Self {
            side: Side::Writer(writer),
            directory: directory.to_owned(),
        })
    }

    /// Opens the log in `directory` to read it, whether or not its writer runs.
    pub async fn open_to_read(directory: &Path) -> Result<Self, LedgerError> {
        let database = Database::open_to_read(directory).await?;
        let reader = Reader::new(database, directory);
        Ok(Self {
            side: Side::Reader(reader),
            directory: directory.to_owned(),
        })
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
        match &mut self.side {
            Side::Writer(writer) => writer.append(group).await,
            Side::Reader(_) => Err(failed("the log is open to be read")),
        }
    }

    async fn head(&mut self) -> Result<Head, LedgerError> {
        match &mut self.side {
            Side::Writer(writer) => writer.database().await?.head().await,
            Side::Reader(reader) => reader.head().await,
        }
    }

    async fn read(&mut self, from: u64, limit: u32) -> Result<Vec<Row>, LedgerError> {
        match &mut self.side {
            Side::Writer(writer) => writer.database().await?.read(from, limit).await,
            Side::Reader(reader) => reader.read(from, limit).await,
        }
    }

    async fn checkpoints(&mut self, from: u64) -> Result<Vec<(u64, String)>, LedgerError> {
        match &mut self.side {
            Side::Writer(writer) => writer.database().await?.checkpoints(from).await,
            Side::Reader(reader) => reader.checkpoints(from).await,
        }
    }

    async fn shown(&mut self) -> Result<Option<String>, LedgerError> {
        shown(&self.directory)
    }

    async fn closing(&mut self, opening: u64) -> Result<Option<u64>, LedgerError> {
        match &mut self.side {
            Side::Writer(writer) => writer.database().await?.closing(opening).await,
            Side::Reader(reader) => reader.closing(opening).await,
        }
    }

    async fn erasures(&mut self, from: u64) -> Result<Vec<u64>, LedgerError> {
        self.of_kind(Kind::Erase, from).await
    }

    async fn expiries(&mut self, from: u64) -> Result<Vec<u64>, LedgerError> {
        self.of_kind(Kind::Expire, from).await
    }

    async fn holds(&mut self, from: u64) -> Result<Vec<u64>, LedgerError> {
        self.of_kind(Kind::Hold, from).await
    }

    async fn put_key(&mut self, key: KeptDataKey) -> Result<(), LedgerError> {
        self.writer()?.database().await?.put_key(key).await
    }

    async fn key(&mut self, id: u32) -> Result<Option<KeptDataKey>, LedgerError> {
        match &mut self.side {
            Side::Writer(writer) => writer.database().await?.key(id).await,
            Side::Reader(reader) => reader.database.key(id).await,
        }
    }

    async fn keys(&mut self, after: u32, limit: u32) -> Result<Vec<KeptDataKey>, LedgerError> {
        match &mut self.side {
            Side::Writer(writer) => writer.database().await?.keys(after, limit).await,
            Side::Reader(reader) => reader.database.keys(after, limit).await,
        }
    }

    async fn destroy_keys(&mut self, ids: &[u32]) -> Result<u64, LedgerError> {
        self.writer()?.database().await?.destroy_keys(ids).await
    }

    async fn replace_keys(&mut self, keys: Vec<(u32, Vec<u8>)>) -> Result<(), LedgerError> {
        self.writer()?.database().await?.replace_keys(keys).await
    }

    async fn check(&mut self) -> Result<(), LedgerError> {
        match &mut self.side {
            Side::Writer(writer) => writer.database().await?.check().await,
            Side::Reader(reader) => reader.database.check().await,
        }
    }

    async fn close(self: Box<Self>) -> Result<(), LedgerError> {
        match self.side {
            Side::Writer(writer) => writer.close().await,
            Side::Reader(reader) => reader.database.close().await,
        }
    }
}

impl SqliteLedger {
    fn writer(&mut self) -> Result<&mut Writer, LedgerError> {
        match &mut self.side {
            Side::Writer(writer) => Ok(writer),
            Side::Reader(_) => Err(failed("the log is open to be read")),
        }
    }

    /// Records of one kind.
    async fn of_kind(&mut self, kind: Kind, from: u64) -> Result<Vec<u64>, LedgerError> {
        match &mut self.side {
            Side::Writer(writer) => writer.database().await?.of_kind(kind, from).await,
            Side::Reader(reader) => reader.of_kind(kind, from).await,
        }
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
