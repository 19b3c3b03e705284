//! What was spent of budgets, in an SQLite file beside the log's.
//!
//! As durable as the log: WAL with `synchronous = FULL`. The log's lock keeps a second writer away.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use admission::budget::{AccountSums, BudgetStore, Debit, KeptAccount, StoreError};
use async_trait::async_trait;
use serde_json::json;
use sqlx::{
    ConnectOptions as _, Connection as _, SqliteConnection,
    sqlite::{SqliteJournalMode, SqliteSynchronous},
};

use crate::sqlite::{make_private, options};

/// The database in the log's directory.
pub const BUDGETS_FILE_NAME: &str = "budgets.sqlite";

/// The most that a meter holds, here and in [`SPEND`]. No budget has an end beyond it, and two of them still
/// add up in SQLite.
const AMOUNT_MAX: u64 = 1 << 61;

/// A group's sums, each account's meter once.
const SPEND: &str = "INSERT INTO spent (account, meter, amount)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) WHERE true
    ON CONFLICT (account, meter)
    DO UPDATE SET amount = min(1 << 61, min(1 << 61, amount) + excluded.amount)";

/// What was spent and comes back, each account's meter once.
const RETURN: &str = "UPDATE spent SET amount = max(0, spent.amount - (returned.value ->> 2))
    FROM json_each(?1) AS returned
    WHERE spent.account = returned.value ->> 0 AND spent.meter = returned.value ->> 1";

const SEE: &str = "INSERT OR IGNORE INTO seen (account, meter, item)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)";

/// The next accounts of a range, each with its meters.
const SUMS: &str = "WITH page AS (
        SELECT account FROM (
            SELECT account FROM (SELECT DISTINCT account FROM spent
                WHERE account > ?1 AND account < ?2 ORDER BY account LIMIT ?3)
            UNION
            SELECT account FROM (SELECT DISTINCT account FROM seen
                WHERE account > ?1 AND account < ?2 ORDER BY account LIMIT ?3)
        ) ORDER BY account LIMIT ?3)
    SELECT account, meter, amount FROM page JOIN spent USING (account)
    UNION ALL
    SELECT account, meter, count(*) FROM page JOIN seen USING (account) GROUP BY account, meter
    ORDER BY account";

const COUNT: &str = "INSERT INTO spent (account, meter, amount)
    SELECT account, meter, 1 FROM seen WHERE item = ?1
    ON CONFLICT (account, meter) DO UPDATE SET amount = amount + 1";

const FORGET: &str = "DELETE FROM seen WHERE item = ?1";

/// Budgets in a directory.
pub struct SqliteBudgets {
    connection: SqliteConnection,
}

impl SqliteBudgets {
    /// Opens the budgets in the log's `directory`, which exists and is locked.
    pub async fn open(directory: &Path) -> Result<Self, StoreError> {
        let file = directory.join(BUDGETS_FILE_NAME);
        make_private(&file).map_err(boxed)?;
        let options = options(&file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection = options.connect().await.map_err(boxed)?;
        let migrations = sqlx::migrate!("./migrations/budgets");
        migrations.run(&mut connection).await.map_err(boxed)?;
        Ok(Self { connection })
    }

    /// By what the ledger of a fleet knows that these are the same: drawn by chance, once, and kept as long as what
    /// was spent.
    pub async fn instance(&mut self) -> Result<String, StoreError> {
        let drawn = "INSERT INTO fleet (one, instance) VALUES (1, lower(hex(randomblob(16))))
            ON CONFLICT (one) DO NOTHING";
        let drawn = sqlx::query(drawn).execute(&mut self.connection).await;
        drawn.map_err(boxed)?;
        let (instance,): (String,) = sqlx::query_as("SELECT instance FROM fleet")
            .fetch_one(&mut self.connection)
            .await
            .map_err(boxed)?;
        Ok(instance)
    }
}

/// Forgets items that were seen, by anybody, and counts them as spent instead, so that an allowance stays
/// used up. When this returns, no file of the budgets in `directory` has them.
pub async fn forget_seen(directory: &Path, items: &[u64]) -> Result<(), StoreError> {
    let file = directory.join(BUDGETS_FILE_NAME);
    if !std::fs::exists(&file).map_err(boxed)? {
        return Ok(());
    }
    let options = options(&file)
        .synchronous(SqliteSynchronous::Full)
        .pragma("secure_delete", "ON");
    let mut connection = options.connect().await.map_err(boxed)?;
    let mut transaction = connection.begin().await.map_err(boxed)?;
    for item in items {
        for statement in [COUNT, FORGET] {
            let written = sqlx::query(statement).bind(item.cast_signed());
            written.execute(&mut *transaction).await.map_err(boxed)?;
        }
    }
    transaction.commit().await.map_err(boxed)?;
    // A page that was split keeps copies of what moved away.
    let rewritten = sqlx::query("VACUUM").execute(&mut connection).await;
    rewritten.map_err(boxed)?;
    let cut: (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_one(&mut connection)
        .await
        .map_err(boxed)?;
    if cut.0 == 0 {
        Ok(())
    } else {
        Err(StoreError("a reader keeps old pages; try again".into()))
    }
}

/// How much of each account's meter a group has, as rows.
fn sums<'d>(
    debits: impl Iterator<Item = (&'d str, &'d [(&'static str, u64)])>,
) -> Vec<serde_json::Value> {
    let mut sums: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (account, amounts) in debits {
        for (meter, amount) in amounts {
            let sum = sums.entry((account, meter)).or_default();
            *sum = sum.saturating_add(*amount).min(AMOUNT_MAX);
        }
    }
    let rows = sums.into_iter();
    rows.map(|((account, meter), sum)| json!([account, meter, sum]))
        .collect()
}

fn boxed(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError(Box::new(error))
}

#[async_trait]
impl BudgetStore for SqliteBudgets {
    async fn debit(&mut self, debits: &[Debit]) -> Result<(), StoreError> {
        let spent = sums(debits.iter().map(|it| (&*it.account, &*it.spent)));
        let returned = sums(debits.iter().map(|it| (&*it.account, &*it.returned)));
        let mut seen = Vec::new();
        for debit in debits {
            let rows = debit.seen.iter();
            let row =
                |(meter, item): &(&str, u64)| json!([&*debit.account, meter, item.cast_signed()]);
            seen.extend(rows.map(row));
        }
        let mut transaction = self.connection.begin().await.map_err(boxed)?;
        for (statement, rows) in [(SPEND, spent), (RETURN, returned), (SEE, seen)] {
            if rows.is_empty() {
                continue;
            }
            let rows = serde_json::Value::Array(rows).to_string();
            let written = sqlx::query(statement).bind(rows);
            written.execute(&mut *transaction).await.map_err(boxed)?;
        }
        transaction.commit().await.map_err(boxed)
    }

    async fn account(&mut self, account: &str) -> Result<KeptAccount, StoreError> {
        let spent: Vec<(String, i64)> =
            sqlx::query_as("SELECT meter, amount FROM spent WHERE account = ?1")
                .bind(account)
                .fetch_all(&mut self.connection)
                .await
                .map_err(boxed)?;
        let seen: Vec<(String, i64)> =
            sqlx::query_as("SELECT meter, item FROM seen WHERE account = ?1")
                .bind(account)
                .fetch_all(&mut self.connection)
                .await
                .map_err(boxed)?;
        let unsigned = |(meter, number): (String, i64)| (meter, number.cast_unsigned());
        Ok(KeptAccount {
            spent: spent.into_iter().map(unsigned).collect(),
            seen: seen.into_iter().map(unsigned).collect(),
        })
    }

    async fn sums(
        &mut self,
        prefix: &str,
        after: &str,
        most: u32,
    ) -> Result<Vec<AccountSums>, StoreError> {
        // Behind every name that begins so: the last letter of each is one of ASCII.
        let mut end = prefix.to_owned();
        let last = end.pop().filter(char::is_ascii);
        let last = last.ok_or_else(|| StoreError("such names have no end".into()))?;
        end.push(char::from_u32(u32::from(last) + 1).unwrap_or(char::MAX));
        let rows: Vec<(String, String, i64)> = sqlx::query_as(SUMS)
            .bind(prefix.max(after))
            .bind(end)
            .bind(most)
            .fetch_all(&mut self.connection)
            .await
            .map_err(boxed)?;
        let mut sums: Vec<AccountSums> = Vec::new();
        for (account, meter, amount) in rows {
            let sum = (meter, amount.cast_unsigned());
            match sums.last_mut() {
                Some((last, known)) if **last == *account => known.push(sum),
                _ => sums.push((Arc::from(account), vec![sum])),
            }
        }
        Ok(sums)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn debit(account: &str, spent: &[(&'static str, u64)], seen: &[(&'static str, u64)]) -> Debit {
        Debit {
            account: Arc::from(account),
            spent: spent.to_vec(),
            returned: Vec::new(),
            seen: seen.to_vec(),
        }
    }

    #[tokio::test]
    async fn what_is_forgotten_stays_used_up() {
        let directory = tempfile::tempdir().unwrap();
        forget_seen(directory.path(), &[7]).await.unwrap();
        let mut budgets = SqliteBudgets::open(directory.path()).await.unwrap();
        let seen = debit("a", &[], &[("subjects", 7), ("subjects", 8)]);
        budgets.debit(&[seen]).await.unwrap();
        // While the gateway has the file open, too.
        forget_seen(directory.path(), &[7, 9]).await.unwrap();
        let kept = budgets.account("a").await.unwrap();
        assert_eq!(kept.spent, [("subjects".to_owned(), 1)]);
        assert_eq!(kept.seen, [("subjects".to_owned(), 8)]);
    }

    #[tokio::test]
    async fn what_was_returned_is_not_spent() {
        let directory = tempfile::tempdir().unwrap();
        let mut budgets = SqliteBudgets::open(directory.path()).await.unwrap();
        let mut returns = debit("a", &[], &[]);
        returns.returned = vec![("tokens", 900)];
        let estimated = debit("a", &[("tokens", 1000), ("cost", 7)], &[]);
        budgets
            .debit(std::slice::from_ref(&estimated))
            .await
            .unwrap();
        budgets.debit(std::slice::from_ref(&returns)).await.unwrap();
        // In one group as well as in two.
        budgets.debit(&[estimated, returns]).await.unwrap();
        let mut kept = budgets.account("a").await.unwrap();
        kept.spent.sort();
        let expected = [("cost".to_owned(), 14), ("tokens".to_owned(), 200)];
        assert_eq!(kept.spent, expected);
    }

    #[tokio::test]
    async fn accounts_are_summed_page_by_page() {
        let directory = tempfile::tempdir().unwrap();
        let mut budgets = SqliteBudgets::open(directory.path()).await.unwrap();
        let instance = budgets.instance().await.unwrap();
        let debits = [
            debit("b\n0\nagent\nx", &[("calls", 2)], &[("records", 7)]),
            debit("b\n0\nagent\ny", &[("calls", 1)], &[]),
            debit(
                "b\n0\nagent\nz",
                &[],
                &[("records", u64::MAX), ("records", 9)],
            ),
            debit("b\n0\nsession\na", &[("calls", 9)], &[]),
            debit("b\n1\nagent\nx", &[("calls", 9)], &[]),
        ];
        budgets.debit(&debits).await.unwrap();
        let prefix = "b\n0\nagent\n";
        let mut found = Vec::new();
        let mut after = Arc::from("");
        loop {
            let page = budgets.sums(prefix, &after, 2).await.unwrap();
            let Some((last, _)) = page.last() else { break };
            assert!(page.len() <= 2);
            after = Arc::clone(last);
            found.extend(page);
        }
        for (_, sums) in &mut found {
            sums.sort();
        }
        let sum = |meter: &str, amount| (meter.to_owned(), amount);
        let expected = [
            ("x", vec![sum("calls", 2), sum("records", 1)]),
            ("y", vec![sum("calls", 1)]),
            ("z", vec![sum("records", 2)]),
        ];
        let expected = expected.map(|(of, sums)| (Arc::from(format!("{prefix}{of}")), sums));
        assert_eq!(found, expected);
        drop(budgets);
        let mut budgets = SqliteBudgets::open(directory.path()).await.unwrap();
        assert_eq!(budgets.instance().await.unwrap(), instance);
        assert_eq!(instance.len(), 32);
    }

    #[tokio::test]
    async fn no_amount_is_too_much_to_be_kept() {
        let directory = tempfile::tempdir().unwrap();
        let mut budgets = SqliteBudgets::open(directory.path()).await.unwrap();
        let most = debit("a", &[("tokens", u64::MAX)], &[]);
        for _ in 0..2 {
            budgets.debit(&[most.clone(), most.clone()]).await.unwrap();
        }
        let mut returns = debit("a", &[("calls", 1)], &[]);
        returns.returned = vec![("tokens", AMOUNT_MAX - 5), ("never-spent", u64::MAX)];
        budgets.debit(&[returns]).await.unwrap();
        let mut kept = budgets.account("a").await.unwrap();
        kept.spent.sort();
        let expected = [("calls".to_owned(), 1), ("tokens".to_owned(), 5)];
        assert_eq!(kept.spent, expected);
    }

    #[tokio::test]
    async fn what_was_spent_is_there_after_it_is_opened_again() {
        let directory = tempfile::tempdir().unwrap();
        let far = u64::MAX - 1;
        let mut budgets = SqliteBudgets::open(directory.path()).await.unwrap();
        let first = debit(
            "a\n'\"",
            &[("calls", 2)],
            &[("records", far), ("records", 7)],
        );
        budgets
            .debit(&[first.clone(), first.clone()])
            .await
            .unwrap();
        drop(budgets);

        let mut budgets = SqliteBudgets::open(directory.path()).await.unwrap();
        budgets
            .debit(&[debit("b", &[("bytes", 1)], &[]), first])
            .await
            .unwrap();
        let mut kept = budgets.account("a\n'\"").await.unwrap();
        kept.seen.sort();
        assert_eq!(kept.spent, [("calls".to_owned(), 6)]);
        assert_eq!(
            kept.seen,
            [("records".to_owned(), 7), ("records".to_owned(), far)]
        );
        assert_eq!(budgets.account("c").await.unwrap(), KeptAccount::default());
    }
}
