//! What is PostgreSQL's alone: it goes away, it is shared, and others may write it.

use std::{
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use audit::{Group, Ledger as _, LedgerError, Row};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use store::{PostgresLedger, PostgresPlace};
use tokio::task::JoinSet;

use crate::{
    appending::assert_absent,
    cluster::Cluster,
    events::{opening, outcome, stop},
    home::{Home, refusal, start, verify},
};

const CALLERS: usize = 16;
const KILLS: usize = 5;

/// As often as the server goes, so often it comes back, and nobody does anything for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_server_that_is_killed_mid_commit() {
    let home = Home::postgres();
    let trail = start(home.path()).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (trail, done) = (trail.clone(), Arc::clone(&done));
        callers.spawn(async move {
            let (mut acknowledged, mut refused) = (Vec::new(), 0_u64);
            while !done.load(Ordering::Relaxed) {
                match trail.open(&opening("C-771")).await {
                    Ok(receipt) => {
                        acknowledged.push(receipt.index());
                        let closed = trail.close(receipt, &mut outcome()).await;
                        acknowledged.extend(closed.ok());
                    }
                    Err(_) => refused += 1,
                }
            }
            (acknowledged, refused)
        });
    }
    for _ in 0..KILLS {
        let before = trail.status().size;
        while trail.status().size < before + 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        home.cluster().unwrap().kill();
        while trail.status().healthy {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        home.cluster().unwrap().restart();
        while !trail.status().healthy {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    done.store(true, Ordering::Relaxed);
    let told = callers.join_all().await;
    assert!(told.iter().any(|(_, refused)| *refused > 0), "it was away");
    trail.stop(&stop()).await.unwrap();
    let report = verify(home.path(), &[]).await;
    assert_eq!(report.findings, []);
    let mut acknowledged: Vec<u64> = told.into_iter().flat_map(|(indices, _)| indices).collect();
    acknowledged.sort_unstable();
    assert!(
        acknowledged.is_sorted_by(|one, other| one < other),
        "each once"
    );
    assert!(acknowledged.last().is_some_and(|last| *last < report.size));
}

async fn ledger(cluster: &Cluster, log: &str) -> Result<PostgresLedger, LedgerError> {
    PostgresLedger::open(PostgresPlace::parse(&cluster.url()).unwrap(), log).await
}

/// A group of records without a header, which are of the first month that there is.
fn group(first: u64, leaves: &[&[u8]]) -> Group {
    let row = |(leaf, index): (&&[u8], u64)| Row {
        index,
        leaf: leaf.to_vec(),
        nodes: vec![7; 32],
    };
    let rows: Vec<_> = leaves.iter().zip(first..).map(row).collect();
    let size = first + rows.len() as u64;
    let checkpoints = vec![(size, format!("note over {size}"))];
    Group {
        rows,
        size,
        checkpoints,
    }
}

#[tokio::test]
async fn a_log_has_one_writer_and_a_server_many_logs() {
    let cluster = Cluster::start();
    let place = || PostgresPlace::parse(&cluster.url()).unwrap();
    let nobody = PostgresLedger::open_to_read(place(), "one").await;
    assert!(matches!(nobody, Err(LedgerError::Absent { .. })));
    let mut one = ledger(&cluster, "one").await.unwrap();
    let mut other = ledger(&cluster, "other").await.unwrap();
    one.append(group(0, &[b"a", b"b"])).await.unwrap();
    let second = ledger(&cluster, "one").await.unwrap().head().await;
    assert!(matches!(second, Err(LedgerError::Locked { .. })));
    other.append(group(0, &[b"c"])).await.unwrap();
    let mut reader = PostgresLedger::open_to_read(place(), "one").await.unwrap();
    assert_eq!(reader.head().await.unwrap().size, 2);
    assert_eq!(reader.read(1, 9).await.unwrap()[0].leaf, b"b");
    assert_eq!(other.head().await.unwrap().size, 1);
    // Somebody who took no lock.
    let mut connection = PgConnection::connect(&cluster.url()).await.unwrap();
    let stolen = sqlx::query("UPDATE log SET size = 3 WHERE name = 'one'");
    stolen.execute(&mut connection).await.unwrap();
    let refused = one.append(group(2, &[b"x"])).await.unwrap_err();
    assert!(matches!(refused, LedgerError::Failed(_)), "{refused}");
    assert_eq!(one.head().await.unwrap().size, 2);
    Box::new(other).close().await.unwrap();
    assert_eq!(
        ledger(&cluster, "other")
            .await
            .unwrap()
            .head()
            .await
            .unwrap()
            .size,
        1
    );
}

#[tokio::test]
async fn records_are_in_the_partition_of_their_month() {
    let home = Home::postgres();
    let trail = start(home.path()).await.unwrap();
    trail.note(&refusal("x")).await.unwrap();
    trail.stop(&stop()).await.unwrap();
    let url = home.cluster().unwrap().url();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let rows = sqlx::query(AssertSqlSafe(
        "SELECT tableoid::regclass::text, count(*) FROM record GROUP BY 1",
    ));
    let rows = rows.fetch_all(&mut connection).await.unwrap();
    let counted: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(
        counted.iter().map(|(_, count)| count).sum::<i64>(),
        2,
        "{counted:?}"
    );
    assert!(
        counted
            .iter()
            .all(|(table, _)| table.starts_with("record_20")),
        "{counted:?}"
    );
}

#[tokio::test]
async fn no_planted_value_is_in_any_file_of_the_server() {
    let home = Home::postgres();
    let canary = concat!("canary", "-77f2c1-", "332");
    let trail = start(home.path()).await.unwrap();
    let receipt = trail.open(&opening(canary)).await.unwrap();
    trail.close(receipt, &mut outcome()).await.unwrap();
    trail.stop(&stop()).await.unwrap();
    let url = home.cluster().unwrap().url();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query("CHECKPOINT")
        .execute(&mut connection)
        .await
        .unwrap();
    let data: String = sqlx::query_scalar("SHOW data_directory")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let data = std::path::PathBuf::from(data);
    let database = data.join("base");
    for database in std::fs::read_dir(database).unwrap() {
        assert_absent(&database.unwrap().path(), canary);
    }
    assert_absent(&data.join("pg_wal"), canary);
}

#[tokio::test]
async fn migrations_go_both_ways() {
    let cluster = Cluster::start();
    let migrations = sqlx::migrate!("./migrations/postgres");
    let mut connection = PgConnection::connect(&cluster.url()).await.unwrap();
    for _ in 0..2 {
        migrations.run(&mut connection).await.unwrap();
        sqlx::query("INSERT INTO log (name) VALUES ('x')")
            .execute(&mut connection)
            .await
            .unwrap();
        migrations.undo(&mut connection, 0).await.unwrap();
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
                .fetch_one(&mut connection)
                .await
                .unwrap();
        assert_eq!(left, 1, "what was migrated, and nothing else");
    }
}
