//! A second hand on a log's tables.

use std::path::Path;

use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions,
};
use store::FILE_NAME;

use crate::home::{elsewhere, keyring};

/// Somebody who may write the whole store. Statements are SQLite's; for PostgreSQL the log's rows are a view that
/// looks as SQLite's tables do.
pub(crate) enum Saboteur {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Saboteur {
    pub(crate) async fn new(directory: &Path) -> Self {
        match elsewhere(directory) {
            None => {
                let options = SqliteConnectOptions::new().filename(directory.join(FILE_NAME));
                Self::Sqlite(SqliteConnection::connect_with(&options).await.unwrap())
            }
            Some(url) => {
                let mut saboteur = Self::Postgres(PgConnection::connect(&url).await.unwrap());
                saboteur.views("here", keyring(directory).log()).await;
                saboteur.execute("SET search_path = here, public").await;
                saboteur
            }
        }
    }

    /// With the log of `other` beside, under that name.
    pub(crate) async fn beside(mut self, other: &Path) -> Self {
        match &self {
            Self::Sqlite(_) => {
                let attach = format!("ATTACH '{}' AS other", other.join(FILE_NAME).display());
                self.execute(&attach).await;
            }
            Self::Postgres(_) => self.views("other", keyring(other).log()).await,
        }
        self
    }

    /// The tables of one log in a schema of this name, as SQLite has them.
    async fn views(&mut self, schema: &str, log: &str) {
        let statements = [
            format!("DROP SCHEMA IF EXISTS {schema} CASCADE"),
            format!("CREATE SCHEMA {schema}"),
            format!("CREATE DOMAIN {schema}.blob AS bytea"),
        ];
        for statement in statements {
            self.execute(&statement).await;
        }
        let id = format!("(SELECT id FROM public.log WHERE name = '{log}')");
        for (table, columns) in [
            ("record", "idx, leaf, nodes, at, log"),
            ("checkpoint", "size, note, log"),
            (
                "data_key",
                "id, wrapped, day, class, days, basis, first_idx, log",
            ),
        ] {
            let view = format!(
                "CREATE VIEW {schema}.{table} AS SELECT {columns} FROM public.{table} WHERE log = {id}"
            );
            self.execute(&view).await;
        }
        let log = self.number(&id).await;
        for default in ["record", "checkpoint", "data_key"] {
            let default = format!("ALTER VIEW {schema}.{default} ALTER log SET DEFAULT {log}");
            self.execute(&default).await;
        }
        let at = format!("ALTER VIEW {schema}.record ALTER at SET DEFAULT '2026-11-25T10:00:00Z'");
        self.execute(&at).await;
        // Where what is forged falls.
        self.execute(
            "CREATE TABLE IF NOT EXISTS public.record_2026_11 PARTITION OF public.record \
             FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00')",
        )
        .await;
    }

    async fn number(&mut self, of: &str) -> i32 {
        match self {
            Self::Sqlite(_) => 0,
            Self::Postgres(connection) => {
                let query = sqlx::query_scalar(AssertSqlSafe(format!("SELECT {of}")));
                query.fetch_one(connection).await.unwrap()
            }
        }
    }

    async fn execute(&mut self, statement: &str) -> u64 {
        match self {
            Self::Sqlite(connection) => {
                let query = sqlx::query(AssertSqlSafe(statement));
                query.execute(connection).await.unwrap().rows_affected()
            }
            Self::Postgres(connection) => {
                let statement = in_postgres(statement);
                let query = sqlx::query(AssertSqlSafe(statement));
                query.execute(connection).await.unwrap().rows_affected()
            }
        }
    }

    /// A statement that must do something.
    pub(crate) async fn run(&mut self, statement: &str) {
        assert!(self.execute(statement).await > 0, "{statement}");
    }

    /// As a full disk would: the table of checkpoints refuses.
    pub(crate) async fn refuse_records(&mut self) {
        let statements: &[&str] = match self {
            Self::Sqlite(_) => &["CREATE TRIGGER is_full BEFORE INSERT ON checkpoint
                 BEGIN SELECT raise(ABORT, 'disk full'); END"],
            Self::Postgres(_) => &[
                "CREATE FUNCTION public.is_full() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN RAISE EXCEPTION 'disk full'; END $$",
                "CREATE TRIGGER is_full BEFORE INSERT ON public.checkpoint
                 FOR EACH ROW EXECUTE FUNCTION public.is_full()",
            ],
        };
        for statement in statements {
            self.execute(statement).await;
        }
    }

    pub(crate) async fn relent(&mut self) {
        let statement = match self {
            Self::Sqlite(_) => "DROP TRIGGER is_full",
            Self::Postgres(_) => "DROP TRIGGER is_full ON public.checkpoint",
        };
        self.execute(statement).await;
    }
}

/// A statement of SQLite's in PostgreSQL's words.
fn in_postgres(statement: &str) -> String {
    statement
        .replace("zeroblob(96)", "decode(repeat('00', 96), 'hex')")
        .replace("x'0000'", r"'\x0000'::bytea")
        .replace("x'00'", r"'\x00'::bytea")
}
