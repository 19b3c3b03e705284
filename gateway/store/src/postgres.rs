//! Logs in a PostgreSQL (15 or newer), with those of other gateways.
//!
//! A group is one statement: rows, checkpoints and the log's new size, all or nothing, and only if the log ends
//! where this writer left it. The server's `synchronous_commit` must be on (it is, unless somebody turned it off).

use std::collections::BTreeSet;

use async_trait::async_trait;
use audit::{Group, Head, Header, KeptDataKey, Ledger, LedgerError, READ_ROWS_MAX, Row};
use sqlx::AssertSqlSafe;

mod month;
mod place;
mod session;

pub use self::place::{NoPlace, PostgresPlace};
use self::{
    month::Month,
    session::{Session, answer},
};
use crate::{
    datakeys::{self, KeyRow},
    sqlite::{count, damaged, failed, index, note, row},
};

/// `$1` the log's id, `$2` its size before, `$3` its size then. Without a log that ends there nothing is stored.
const APPEND: &str = "
    WITH known AS (
        UPDATE log SET size = $3 WHERE id = $1 AND size = $2 RETURNING id
    ), stored AS (
        INSERT INTO record (log, idx, at, leaf, nodes)
        SELECT known.id, it.idx, 'epoch'::timestamptz + it.at * interval '1 microsecond', it.leaf, it.nodes
        FROM known, unnest($4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[]) AS it(idx, at, leaf, nodes)
    ), signed AS (
        INSERT INTO checkpoint (log, size, note)
        SELECT known.id, it.size, it.note FROM known, unnest($8::bigint[], $9::text[]) AS it(size, note)
    )
    SELECT count(*) FROM known";

/// The columns of a data key, as [`KeyRow`] has them. By way of JSON, because a copy that no newer gateway has written has
/// fewer.
const KEY_COLUMNS: &str = "it.id, it.wrapped, (to_jsonb(it) ->> 'day')::bigint, to_jsonb(it) ->> 'class',
    (to_jsonb(it) ->> 'days')::bigint, to_jsonb(it) ->> 'basis', (to_jsonb(it) ->> 'first_idx')::bigint
    FROM data_key AS it";

/// One log in a PostgreSQL.
pub struct PostgresLedger {
    session: Session,
}

impl PostgresLedger {
    /// Opens the log of this name for its one writer, making it and the schema if need be.
    pub async fn open(place: PostgresPlace, log: &str) -> Result<Self, LedgerError> {
        let session = Session::new(place, log, true).await?;
        Ok(Self { session })
    }

    /// Opens it to read, whether or not somebody writes it.
    pub async fn open_to_read(place: PostgresPlace, log: &str) -> Result<Self, LedgerError> {
        let session = Session::new(place, log, false).await?;
        Ok(Self { session })
    }
}

impl PostgresLedger {
    /// Records of one kind, which there is an index of.
    async fn of_kind(&mut self, query: &'static str, from: u64) -> Result<Vec<u64>, LedgerError> {
        let from = index(from)?;
        let (connection, log) = self.session.opened().await?;
        let done = sqlx::query_scalar(query)
            .bind(log)
            .bind(from)
            .bind(i64::from(READ_ROWS_MAX))
            .fetch_all(connection);
        let done = answer(done).await;
        let found: Vec<i64> = self.session.judged(done)?;
        found.into_iter().map(count).collect()
    }
}

/// What [`APPEND`] takes of a group.
struct Columns {
    before: i64,
    size: i64,
    indices: Vec<i64>,
    times: Vec<i64>,
    leaves: Vec<Vec<u8>>,
    nodes: Vec<Vec<u8>>,
    sizes: Vec<i64>,
    notes: Vec<String>,
    months: BTreeSet<Month>,
}

impl Columns {
    fn of(group: Group) -> Result<Self, LedgerError> {
        let before = group.first()?;
        let rows = group.rows.len();
        let mut columns = Self {
            before: index(before)?,
            size: index(group.size)?,
            indices: Vec::with_capacity(rows),
            times: Vec::with_capacity(rows),
            leaves: Vec::with_capacity(rows),
            nodes: Vec::with_capacity(rows),
            sizes: Vec::with_capacity(group.checkpoints.len()),
            notes: Vec::with_capacity(group.checkpoints.len()),
            months: BTreeSet::new(),
        };
        for row in group.rows {
            let (month, at_us) =
                Month::of(Header::parse(&row.leaf).map_or(0, |header| header.at_us));
            columns.months.insert(month);
            columns.indices.push(index(row.index)?);
            columns.times.push(at_us);
            columns.leaves.push(row.leaf);
            columns.nodes.push(row.nodes);
        }
        for (size, note) in group.checkpoints {
            columns.sizes.push(index(size)?);
            columns.notes.push(note);
        }
        Ok(columns)
    }
}

#[async_trait]
impl Ledger for PostgresLedger {
    async fn append(&mut self, group: Group) -> Result<(), LedgerError> {
        let mut columns = Columns::of(group)?;
        let months = std::mem::take(&mut columns.months);
        self.session.partitions(months).await?;
        let before = columns.before;
        let (connection, log) = self.session.opened().await?;
        let done = sqlx::query_scalar(APPEND)
            .bind(log)
            .bind(columns.before)
            .bind(columns.size)
            .bind(columns.indices)
            .bind(columns.times)
            .bind(columns.leaves)
            .bind(columns.nodes)
            .bind(columns.sizes)
            .bind(columns.notes)
            .fetch_one(connection);
        let done = answer(done).await;
        let known: i64 = self.session.judged(done)?;
        match known {
            0 => Err(failed(format!(
                "the log does not end at {before} any more; somebody else writes it"
            ))),
            _ => Ok(()),
        }
    }

    async fn head(&mut self) -> Result<Head, LedgerError> {
        let query = "SELECT coalesce((SELECT idx + 1 FROM record WHERE log = $1 ORDER BY idx DESC LIMIT 1), 0),
                    coalesce((SELECT max(id) FROM data_key WHERE log = $1), 0),
                    newest.size, newest.note
             FROM (SELECT 1) AS one LEFT JOIN
                  (SELECT size, note FROM checkpoint WHERE log = $1 ORDER BY size DESC LIMIT 1) AS newest
                  ON true";
        let (connection, log) = self.session.opened().await?;
        let done = sqlx::query_as(query).bind(log).fetch_one(connection);
        let done = answer(done).await;
        let (size, key, signed, note): (i64, i64, Option<i64>, Option<String>) =
            self.session.judged(done)?;
        Ok(Head {
            size: count(size)?,
            checkpoint: signed.map(count).transpose()?.zip(note),
            key: u32::try_from(key).map_err(|_| damaged("a data key's id"))?,
        })
    }

    async fn read(&mut self, from: u64, limit: u32) -> Result<Vec<Row>, LedgerError> {
        let from = index(from)?;
        let limit = i64::from(limit.min(READ_ROWS_MAX));
        let (connection, log) = self.session.opened().await?;
        let done = sqlx::query_as(
                    "SELECT idx, leaf, nodes FROM record WHERE log = $1 AND idx >= $2 ORDER BY idx LIMIT $3",
                )
                .bind(log)
                .bind(from)
                .bind(limit)
                .fetch_all(connection);
        let done = answer(done).await;
        let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = self.session.judged(done)?;
        rows.into_iter().map(row).collect()
    }

    async fn checkpoints(&mut self, from: u64) -> Result<Vec<(u64, String)>, LedgerError> {
        let from = index(from)?;
        let (connection, log) = self.session.opened().await?;
        let done = sqlx::query_as(
                    "SELECT size, note FROM checkpoint WHERE log = $1 AND size >= $2 ORDER BY size LIMIT $3",
                )
                .bind(log)
                .bind(from)
                .bind(i64::from(READ_ROWS_MAX))
                .fetch_all(connection);
        let done = answer(done).await;
        let rows: Vec<(i64, String)> = self.session.judged(done)?;
        rows.into_iter().map(note).collect()
    }

    async fn closing(&mut self, opening: u64) -> Result<Option<u64>, LedgerError> {
        let opening = opening.to_be_bytes().to_vec();
        let (connection, log) = self.session.opened().await?;
        let done = sqlx::query_scalar(
            "SELECT idx FROM record
                     WHERE log = $1 AND substring(leaf FROM 2 FOR 1) = '\\x04' AND substring(leaf FROM 23 FOR 8) = $2
                     ORDER BY idx LIMIT 1",
        )
        .bind(log)
        .bind(opening)
        .fetch_optional(connection);
        let done = answer(done).await;
        let closing: Option<i64> = self.session.judged(done)?;
        closing.map(count).transpose()
    }

    async fn erasures(&mut self, from: u64) -> Result<Vec<u64>, LedgerError> {
        let query = "SELECT idx FROM record
             WHERE log = $1 AND substring(leaf FROM 2 FOR 1) = '\\x0c' AND idx >= $2 ORDER BY idx LIMIT $3";
        self.of_kind(query, from).await
    }

    async fn expiries(&mut self, from: u64) -> Result<Vec<u64>, LedgerError> {
        let query = "SELECT idx FROM record
             WHERE log = $1 AND substring(leaf FROM 2 FOR 1) = '\\x0f' AND idx >= $2 ORDER BY idx LIMIT $3";
        self.of_kind(query, from).await
    }

    async fn holds(&mut self, from: u64) -> Result<Vec<u64>, LedgerError> {
        let query = "SELECT idx FROM record
             WHERE log = $1 AND substring(leaf FROM 2 FOR 1) = '\\x10' AND idx >= $2 ORDER BY idx LIMIT $3";
        self.of_kind(query, from).await
    }

    async fn put_key(&mut self, key: KeptDataKey) -> Result<(), LedgerError> {
        let put = "INSERT INTO data_key (log, id, wrapped, day, class, days, basis, first_idx)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let columns = datakeys::Columns::of(key.terms.as_ref())?;
        let (connection, log) = self.session.opened().await?;
        let done = sqlx::query(put)
            .bind(log)
            .bind(i64::from(key.id))
            .bind(&key.wrapped)
            .bind(columns.day)
            .bind(columns.class)
            .bind(columns.days)
            .bind(columns.basis)
            .bind(columns.first)
            .execute(connection);
        let done = answer(done).await;
        self.session.judged(done).map(drop)
    }

    async fn key(&mut self, id: u32) -> Result<Option<KeptDataKey>, LedgerError> {
        let query = format!("SELECT {KEY_COLUMNS} WHERE it.log = $1 AND it.id = $2");
        let (connection, log) = self.session.opened().await?;
        let done = sqlx::query_as(AssertSqlSafe(query))
            .bind(log)
            .bind(i64::from(id))
            .fetch_optional(connection);
        let done = answer(done).await;
        let row: Option<KeyRow> = self.session.judged(done)?;
        row.map(datakeys::key).transpose()
    }

    async fn keys(&mut self, after: u32, limit: u32) -> Result<Vec<KeptDataKey>, LedgerError> {
        let query = format!(
            "SELECT {KEY_COLUMNS} WHERE it.log = $1 AND it.id > $2 ORDER BY it.id LIMIT $3"
        );
        let limit = i64::from(limit.min(READ_ROWS_MAX));
        let (connection, log) = self.session.opened().await?;
        let done = sqlx::query_as(AssertSqlSafe(query))
            .bind(log)
            .bind(i64::from(after))
            .bind(limit)
            .fetch_all(connection);
        let done = answer(done).await;
        let rows: Vec<KeyRow> = self.session.judged(done)?;
        rows.into_iter().map(datakeys::key).collect()
    }

    async fn destroy_keys(&mut self, ids: &[u32]) -> Result<u64, LedgerError> {
        let ids: Vec<i64> = ids.iter().copied().map(i64::from).collect();
        let (connection, log) = self.session.opened().await?;
        let destroyed =
            "UPDATE data_key SET wrapped = '' WHERE log = $1 AND id = ANY ($2) AND wrapped <> ''";
        let done = sqlx::query(destroyed)
            .bind(log)
            .bind(ids)
            .execute(connection);
        let done = answer(done).await;
        let gone = self.session.judged(done)?.rows_affected();
        if gone > 0 {
            // Old rows stay in a table until somebody writes it anew.
            let (connection, _) = self.session.opened().await?;
            let done = sqlx::query("VACUUM (FULL) data_key").execute(connection);
            let done = answer(done).await;
            self.session.judged(done)?;
        }
        Ok(gone)
    }

    async fn replace_keys(&mut self, keys: Vec<(u32, Vec<u8>)>) -> Result<(), LedgerError> {
        let (ids, wrapped): (Vec<i64>, Vec<Vec<u8>>) = keys
            .into_iter()
            .map(|(id, wrapped)| (i64::from(id), wrapped))
            .unzip();
        let (connection, log) = self.session.opened().await?;
        let done = sqlx::query(
            "UPDATE data_key SET wrapped = it.wrapped FROM unnest($2::bigint[], $3::bytea[]) AS it(id, wrapped)
             WHERE data_key.log = $1 AND data_key.id = it.id AND data_key.wrapped <> ''",
        )
        .bind(log)
        .bind(ids)
        .bind(wrapped)
        .execute(connection);
        let done = answer(done).await;
        self.session.judged(done).map(drop)
    }

    async fn check(&mut self) -> Result<(), LedgerError> {
        // The server checks what it reads by its pages' checksums, if its cluster was made with any.
        let (connection, _) = self.session.opened().await?;
        let done = answer(sqlx::query("SELECT 1").execute(connection)).await;
        self.session.judged(done).map(drop)
    }

    async fn close(self: Box<Self>) -> Result<(), LedgerError> {
        self.session.close().await
    }
}
