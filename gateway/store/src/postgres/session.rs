//! A connection to PostgreSQL that comes back by itself.

use std::{collections::BTreeSet, time::Duration};

use audit::LedgerError;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, error::DatabaseError,
};

use super::{
    month::Month,
    place::{PostgresPlace, STATEMENT_WAIT},
};
use crate::sqlite::failed;

/// How long a server may take to let somebody in.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// How long the schema may take: an index over what was recorded in years.
const SCHEMA_WAIT: Duration = Duration::from_mins(30);

/// The first number of the advisory locks of writers; the second is the log's id.
const LOCK_CLASS: i32 = 0x7469_6465;

/// So often a lock is asked for,
const LOCK_TRIES: u32 = 20;

/// and between them is so long.
const LOCK_WAIT: Duration = Duration::from_millis(100);

/// Classes of errors of a server that is going, or of a connection.
const GOING_CLASSES: [&str; 2] = ["57P", "08"];

/// `duplicate_table`, `unique_violation`, `wrong_object_type`: another gateway made the same partition at the same
/// moment.
const MADE_CODES: [&str; 3] = ["42P07", "23505", "42809"];

/// `undefined_table`: nobody has made the schema.
const ABSENT_CODE: &str = "42P01";

/// `data_corrupted`, `index_corrupted`.
const DAMAGE_CODES: [&str; 2] = ["XX001", "XX002"];

/// One log in a PostgreSQL.
pub(super) struct Session {
    place: PostgresPlace,
    log: String,
    writes: bool,
    open: Option<Open>,
    /// Months whose partitions are there.
    months: BTreeSet<Month>,
}

/// What is gone once a connection is.
struct Open {
    connection: PgConnection,
    log: i32,
}

impl Session {
    /// Sees whether `log` is there, for its one writer (who makes it, if need be) or to read it. Who writes has its
    /// lock from its first statement on.
    pub(super) async fn new(
        place: PostgresPlace,
        log: &str,
        writes: bool,
    ) -> Result<Self, LedgerError> {
        let session = Self {
            place,
            log: log.to_owned(),
            writes,
            open: None,
            months: BTreeSet::new(),
        };
        // A connection belongs to the runtime that opened it, and another one may be the user.
        let mut connection = session.reached().await?;
        if writes {
            let patience = sqlx::query("SET statement_timeout = 0").execute(&mut connection);
            answer(patience).await?;
            // What `run` calls. That is for whatever a connection can be had from, of which the compiler cannot tell in
            // a task of its own that it may change threads.
            let schema = sqlx::migrate!("./migrations/postgres");
            let schema = schema.run_direct(None, &mut connection, false);
            let schema = tokio::time::timeout(SCHEMA_WAIT, schema).await;
            schema.map_err(failed)?.map_err(failed)?;
            let known = "INSERT INTO log (name) VALUES ($1) ON CONFLICT (name) DO NOTHING";
            let known = sqlx::query(known).bind(log);
            answer(known.execute(&mut connection)).await?;
        }
        let found = session.find(connection).await?;
        found.connection.close().await.map_err(sql)?;
        Ok(session)
    }

    /// What a statement gave. A connection that failed is not used again.
    pub(super) fn judged<T>(&mut self, done: Result<T, Refusal>) -> Result<T, LedgerError> {
        done.map_err(|refusal| {
            if refusal.is_of_connection() {
                self.open = None;
            }
            refusal.into()
        })
    }

    /// Sees to it that the partitions of `months` are there.
    pub(super) async fn partitions(&mut self, months: BTreeSet<Month>) -> Result<(), LedgerError> {
        for month in months {
            if self.months.contains(&month) {
                continue;
            }
            let (connection, _) = self.opened().await?;
            let made = partition(month, connection).await;
            self.judged(made)?;
            self.months.insert(month);
        }
        Ok(())
    }

    /// Ends in good order.
    pub(super) async fn close(self) -> Result<(), LedgerError> {
        match self.open {
            None => Ok(()),
            Some(open) => open.connection.close().await.map_err(sql),
        }
    }

    /// The connection and the log's id.
    pub(super) async fn opened(&mut self) -> Result<(&mut PgConnection, i32), LedgerError> {
        let open = match self.open.take() {
            Some(open) => open,
            None => self.connect().await?,
        };
        let open = self.open.insert(open);
        Ok((&mut open.connection, open.log))
    }

    async fn reached(&self) -> Result<PgConnection, LedgerError> {
        let connected = tokio::time::timeout(CONNECT_WAIT, self.place.0.connect());
        connected.await.map_err(failed)?.map_err(sql)
    }

    async fn connect(&self) -> Result<Open, LedgerError> {
        let connection = self.reached().await?;
        if self.writes {
            self.locked(connection).await
        } else {
            self.find(connection).await
        }
    }

    /// The log for its one writer.
    async fn locked(&self, connection: PgConnection) -> Result<Open, LedgerError> {
        let mut open = self.find(connection).await?;
        for _ in 0..LOCK_TRIES {
            let locked = sqlx::query_scalar("SELECT pg_try_advisory_lock($1, $2)")
                .bind(LOCK_CLASS)
                .bind(open.log)
                .fetch_one(&mut open.connection);
            if answer(locked).await? {
                return Ok(open);
            }
            // Perhaps the server has not seen yet that this writer's last connection is gone.
            tokio::time::sleep(LOCK_WAIT).await;
        }
        let place = self.shown();
        Err(LedgerError::Locked { place })
    }

    /// The log by its name.
    async fn find(&self, mut connection: PgConnection) -> Result<Open, LedgerError> {
        let absent = || LedgerError::Absent {
            place: self.shown(),
        };
        let found = sqlx::query_scalar("SELECT id FROM log WHERE name = $1")
            .bind(&self.log)
            .fetch_optional(&mut connection);
        match answer(found).await {
            Ok(Some(log)) => Ok(Open { connection, log }),
            Ok(None) => Err(absent()),
            Err(Refusal::Refused(error)) if is_code(&error, &[ABSENT_CODE]) => Err(absent()),
            Err(refusal) => Err(refusal.into()),
        }
    }

    fn shown(&self) -> String {
        format!("{} ({})", self.place, self.log)
    }
}

/// Makes the partition of a month, unless it is there. It is made by itself and then attached, which keeps nobody from
/// reading or adding records meanwhile.
async fn partition(month: Month, connection: &mut PgConnection) -> Result<(), Refusal> {
    let there = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1))",
    );
    let there = there.bind(month.name()).fetch_one(&mut *connection);
    if answer(there).await? {
        return Ok(());
    }
    for statement in month.partition() {
        let made = sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection);
        match answer(made).await {
            Err(Refusal::Refused(error)) if is_code(&error, &MADE_CODES) => {}
            made => {
                made?;
            }
        }
    }
    Ok(())
}

/// Why a statement has no answer.
pub(super) enum Refusal {
    Late,
    Refused(sqlx::Error),
}

impl Refusal {
    /// Whether the server is gone, or nobody knows: of another refusal it would have said more.
    fn is_of_connection(&self) -> bool {
        match self {
            Self::Refused(sqlx::Error::Database(error)) => {
                let code = error.code().unwrap_or_default();
                GOING_CLASSES.iter().any(|class| code.starts_with(class))
            }
            Self::Refused(_) | Self::Late => true,
        }
    }
}

impl From<Refusal> for LedgerError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Late => failed("the server takes too long to answer"),
            Refusal::Refused(error) => sql(error),
        }
    }
}

/// The answer to a statement, in time.
pub(super) async fn answer<T>(
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Refusal> {
    match tokio::time::timeout(STATEMENT_WAIT, statement).await {
        Ok(done) => done.map_err(Refusal::Refused),
        Err(_) => Err(Refusal::Late),
    }
}

fn is_code(error: &sqlx::Error, codes: &[&str]) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| codes.contains(&code.as_ref()))
}

/// Damage is a verdict on the log, not a failure to read it.
fn sql(error: sqlx::Error) -> LedgerError {
    let decoding = matches!(
        error,
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)
    );
    if decoding || is_code(&error, &DAMAGE_CODES) {
        return LedgerError::Damaged(error.to_string());
    }
    failed(error)
}
