use std::os::unix::fs::PermissionsExt as _;

use sqlx::{Connection as _, SqliteConnection};

use super::*;

fn group(first: u64, leaves: &[&[u8]]) -> Group {
    let rows: Vec<_> = leaves
        .iter()
        .zip(first..)
        .map(|(leaf, index)| Row {
            index,
            leaf: leaf.to_vec(),
            nodes: vec![u8::try_from(index).unwrap(); 32 * (1 + leaf.len() % 3)],
        })
        .collect();
    let size = first + rows.len() as u64;
    Group {
        rows,
        size,
        checkpoints: vec![(size, format!("note over {size}"))],
    }
}

/// The database of one who writes.
async fn database(ledger: &mut SqliteLedger) -> tokio::sync::MutexGuard<'_, Database> {
    ledger.writer().unwrap().database().await.unwrap()
}

async fn pragma(ledger: &mut SqliteLedger, pragma: &'static str) -> String {
    let mut database = database(ledger).await;
    let row = sqlx::query_as(pragma).fetch_one(database.connection());
    let (found,): (String,) = row.await.unwrap();
    found
}

#[tokio::test]
async fn every_commit_is_synced_and_the_files_are_private() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("data");
    let mut ledger = SqliteLedger::open(&directory).await.unwrap();
    ledger.append(group(0, &[b"a"])).await.unwrap();
    let journal = pragma(&mut ledger, "SELECT journal_mode FROM pragma_journal_mode").await;
    let synced = pragma(
        &mut ledger,
        "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous",
    );
    assert_eq!(synced.await, "2", "FULL");
    assert_eq!(journal, "wal");
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(directory.clone()), 0o700);
    let files: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    assert!(
        files.len() >= 5,
        "database, WAL, lock and journal: {files:?}"
    );
    for file in files {
        assert_eq!(mode(file.clone()), 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn what_is_appended_is_read_back_in_order() {
    let home = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(home.path()).await.unwrap();
    assert_eq!(ledger.head().await.unwrap(), Head::default());
    let groups = [
        group(0, &[b"a", b"bcd", b""]),
        group(3, &[&vec![0; 70_000]]),
    ];
    let expected: Vec<_> = groups.iter().flat_map(|it| it.rows.clone()).collect();
    for group in groups {
        ledger.append(group).await.unwrap();
    }
    assert_eq!(ledger.read(0, 99).await.unwrap(), expected);
    assert_eq!(ledger.read(1, 2).await.unwrap(), expected[1..3]);
    assert_eq!(ledger.read(4, 9).await.unwrap(), []);
    let notes = ledger.checkpoints(0).await.unwrap();
    assert_eq!(
        notes,
        [(3, "note over 3".into()), (4, "note over 4".into())]
    );
    let head = ledger.head().await.unwrap();
    assert_eq!((head.size, head.checkpoint), (4, notes.last().cloned()));
}

#[tokio::test]
async fn a_group_that_fails_leaves_nothing_and_the_next_succeeds() {
    let home = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(home.path()).await.unwrap();
    ledger.append(group(0, &[b"a", b"b"])).await.unwrap();
    let before = ledger.head().await.unwrap();
    // Record 1 exists, which SQLite finds after it has stored nothing or record 1's predecessor.
    for twice in [group(1, &[b"x", b"y"]), group(0, &[b"a", b"b"])] {
        assert!(ledger.append(twice).await.is_err());
        assert_eq!(ledger.head().await.unwrap(), before);
    }
    let mut torn = group(2, &[b"c", b"d"]);
    torn.rows.swap(0, 1);
    assert!(ledger.append(torn).await.is_err());
    ledger.append(group(2, &[b"c"])).await.unwrap();
    assert_eq!(ledger.head().await.unwrap().size, 3);
}

#[tokio::test]
async fn a_log_has_one_writer_and_any_number_of_readers() {
    let home = tempfile::tempdir().unwrap();
    assert!(matches!(
        SqliteLedger::open_to_read(home.path()).await,
        Err(LedgerError::Absent { .. })
    ));
    let mut writer = SqliteLedger::open(home.path()).await.unwrap();
    assert!(matches!(
        SqliteLedger::open(home.path()).await,
        Err(LedgerError::Locked { .. })
    ));
    let mut reader = SqliteLedger::open_to_read(home.path()).await.unwrap();
    writer.append(group(0, &[b"a"])).await.unwrap();
    assert_eq!(reader.head().await.unwrap().size, 1);
    assert!(reader.append(group(1, &[b"b"])).await.is_err());
    Box::new(writer).close().await.unwrap();
    assert!(SqliteLedger::open(home.path()).await.is_ok());
}

#[tokio::test]
async fn an_opening_is_found_by_index_not_by_scan() {
    let home = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(home.path()).await.unwrap();
    let mut close = vec![1, 4];
    close.resize(22, 0);
    close.extend(7_u64.to_be_bytes());
    close.resize(60, 9);
    ledger
        .append(group(0, &[b"no header", &close]))
        .await
        .unwrap();
    assert_eq!(ledger.closing(7).await.unwrap(), Some(1));
    assert_eq!(ledger.closing(8).await.unwrap(), None);
    let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(
        "EXPLAIN QUERY PLAN SELECT idx FROM record
         WHERE substr(leaf, 2, 1) = x'04' AND substr(leaf, 23, 8) = x'00'
         ORDER BY idx LIMIT 1",
    )
    .fetch_all(database(&mut ledger).await.connection())
    .await
    .unwrap();
    assert!(plan[0].3.contains("record_closing"), "{plan:?}");
}

#[tokio::test]
async fn a_wrapped_key_is_stored_once() {
    let home = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(home.path()).await.unwrap();
    let key = |wrapped| KeptDataKey {
        id: 1,
        wrapped,
        terms: None,
    };
    ledger.put_key(key(vec![1, 2])).await.unwrap();
    assert!(ledger.put_key(key(vec![3])).await.is_err());
    assert_eq!(ledger.key(1).await.unwrap(), Some(key(vec![1, 2])));
    assert_eq!(ledger.key(2).await.unwrap(), None);
    assert_eq!(ledger.head().await.unwrap().key, 1);
}

#[tokio::test]
async fn migrations_go_both_ways() {
    let migrations = sqlx::migrate!("./migrations/log");
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    for _ in 0..2 {
        migrations.run(&mut connection).await.unwrap();
        migrations.undo(&mut connection, 0).await.unwrap();
        let left: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type <> 'index'")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        assert_eq!(left, ["_sqlx_migrations"]);
    }
}

/// A leaf that says what it is, and no more.
fn leaf(index: u64, kind: Kind, opening: Option<u64>) -> Vec<u8> {
    let log = audit::seal::tag("test.example/log");
    let header = audit::Header {
        kind,
        key: 1,
        index,
        at_us: 0,
        opening,
        log: Some(log),
    };
    let mut leaf = header.bytes(log).to_vec();
    leaf.resize(100, 0);
    leaf
}

#[tokio::test]
async fn what_the_database_does_not_have_yet_is_read_and_is_there_after_a_crash() {
    let home = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(home.path()).await.unwrap();
    let (id, wrapped, terms) = (1, vec![1], None);
    let key = KeptDataKey { id, wrapped, terms };
    ledger.put_key(key).await.unwrap();
    ledger.append(group(0, &[b"a", b"b"])).await.unwrap();
    let options = options(&home.path().join(FILE_NAME));
    let mut other = options.connect().await.unwrap();
    let refuse = "CREATE TRIGGER is_full BEFORE INSERT ON record
         BEGIN SELECT raise(ABORT, 'disk full'); END";
    drop(database(&mut ledger).await);
    sqlx::query(refuse).execute(&mut other).await.unwrap();

    let kinds = [
        leaf(2, Kind::Open, None),
        leaf(3, Kind::Close, Some(2)),
        leaf(4, Kind::Erase, None),
        leaf(5, Kind::Expire, None),
        leaf(6, Kind::Hold, None),
    ];
    let leaves: Vec<_> = kinds.iter().map(Vec::as_slice).collect();
    let last = group(2, &leaves);
    ledger.append(last.clone()).await.unwrap();

    let mut reader = SqliteLedger::open_to_read(home.path()).await.unwrap();
    let head = reader.head().await.unwrap();
    assert_eq!(head.size, 7);
    assert_eq!(head.checkpoint, Some((7, "note over 7".into())));
    let read = reader.read(1, 3).await.unwrap();
    let indices: Vec<_> = read.iter().map(|row| row.index).collect();
    assert_eq!(indices, [1, 2, 3]);
    assert_eq!(read[1..], last.rows[..2]);
    assert_eq!(reader.read(6, 9).await.unwrap(), last.rows[4..]);
    let sizes = reader.checkpoints(0).await.unwrap();
    assert_eq!(sizes.iter().map(|it| it.0).collect::<Vec<_>>(), [2, 7]);
    assert_eq!(reader.checkpoints(3).await.unwrap().len(), 1);
    assert_eq!(reader.closing(2).await.unwrap(), Some(3));
    assert_eq!(reader.erasures(0).await.unwrap(), [4]);
    assert_eq!(reader.expiries(5).await.unwrap(), [5]);
    assert!(reader.holds(7).await.unwrap().is_empty());

    // The database takes nothing, nor does the log from then on.
    assert!(ledger.head().await.is_err());
    assert!(ledger.append(group(7, &[b"c"])).await.is_err());
    drop(ledger);
    assert!(SqliteLedger::open(home.path()).await.is_err());
    assert_eq!(reader.head().await.unwrap().size, 7);

    let relent = sqlx::query("DROP TRIGGER is_full");
    relent.execute(&mut other).await.unwrap();
    let mut ledger = SqliteLedger::open(home.path()).await.unwrap();
    assert_eq!(ledger.head().await.unwrap().size, 7);
    assert_eq!(ledger.read(2, 9).await.unwrap(), last.rows);
    ledger.append(group(7, &[b"c"])).await.unwrap();
    // Whoever has read for long finds it, too.
    assert_eq!(reader.head().await.unwrap().size, 8);
    assert_eq!(reader.read(0, 99).await.unwrap().len(), 8);
    Box::new(ledger).close().await.unwrap();
    let left = crate::journal::FILE_NAMES.map(|name| fs::read(home.path().join(name)).unwrap());
    assert!(
        left.iter().all(|file| file.starts_with(&[0; 64])),
        "it is empty"
    );
}

#[tokio::test]
async fn a_database_that_is_put_back_gets_what_the_journal_still_has() {
    let home = tempfile::tempdir().unwrap();
    let (file, backup) = (home.path().join(FILE_NAME), home.path().join("backup"));
    let mut ledger = SqliteLedger::open(home.path()).await.unwrap();
    ledger.append(group(0, &[b"a"])).await.unwrap();
    Box::new(ledger).close().await.unwrap();
    fs::copy(&file, &backup).unwrap();
    let mut ledger = SqliteLedger::open(home.path()).await.unwrap();
    ledger.append(group(1, &[b"b"])).await.unwrap();
    drop(database(&mut ledger).await);
    ledger.append(group(2, &[b"c"])).await.unwrap();
    // As after a crash: the journal is not empty.
    drop(ledger);
    fs::copy(&backup, &file).unwrap();
    for name in ["log.sqlite-wal", "log.sqlite-shm"] {
        fs::remove_file(home.path().join(name)).ok();
    }
    // It has both groups, and goes on where the database ends: nothing is lost.
    let mut ledger = SqliteLedger::open(home.path()).await.unwrap();
    assert_eq!(ledger.head().await.unwrap().size, 3);
}
