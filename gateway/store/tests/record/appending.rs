//! What the trail promises while all is well, and when it is not.

use std::{collections::BTreeSet, fs, path::Path, thread, time::Duration};

use audit::{Event, Kind, Trail, TrailError};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use tokio::{runtime, task::JoinSet};

use crate::{
    events::{opening, outcome, stop},
    home::{Home, reader, refusal, start, verify},
};

const THREADS: u64 = 4;
const EXCHANGES: u64 = 60;

async fn callers_on_many_threads_get_unique_and_dense_indices(home: Home) {
    let trail = start(home.path()).await.unwrap();
    let indices: BTreeSet<u64> = thread::scope(|scope| {
        let callers: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| exchanges(&trail)))
            .collect();
        callers
            .into_iter()
            .flat_map(|it| it.join().unwrap())
            .collect()
    });
    let records = THREADS * EXCHANGES * 2;
    assert_eq!(indices, (0..records).collect());
    let status = trail.status();
    assert_eq!(
        (status.size, status.open, status.healthy),
        (records, 0, true)
    );
    assert!(status.commits <= records);
    trail.stop(&stop()).await.unwrap();

    let report = verify(home.path(), &[]).await;
    assert_eq!(report.findings, []);
    assert_eq!(report.size, records + 1);
    assert_eq!(report.checkpoints, status.commits + 1);
    assert_eq!(report.records[&Kind::Close], THREADS * EXCHANGES);
    assert_eq!(report.open, Vec::<u64>::new());
}

/// One core of the data plane: its own runtime, many exchanges at once.
fn exchanges(trail: &Trail) -> Vec<u64> {
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut exchanges = JoinSet::new();
        for _ in 0..EXCHANGES {
            let trail = trail.clone();
            exchanges.spawn(async move {
                let receipt = trail.open(&opening("C-771")).await.unwrap();
                let opened = receipt.index();
                [opened, trail.close(receipt, &mut outcome()).await.unwrap()]
            });
        }
        exchanges.join_all().await.concat()
    })
}

async fn a_log_goes_on_where_it_stopped(home: Home) {
    for run in 0..3_u64 {
        let trail = start(home.path()).await.unwrap();
        assert_eq!(trail.status().size, run * 2);
        assert_eq!(trail.note(&refusal("x")).await.unwrap(), run * 2);
        trail.stop(&stop()).await.unwrap();
    }
    let report = verify(home.path(), &[]).await;
    assert_eq!((report.size, report.is_intact()), (6, true));
}

async fn a_dropped_connection_is_closed_without_waiting(home: Home) {
    let trail = start(home.path()).await.unwrap();
    let gone = trail.open(&opening("x")).await.unwrap();
    let forgotten = trail.open(&opening("x")).await.unwrap().index();
    trail.close_detached(gone, &mut outcome());
    trail.clone().stop(&stop()).await.unwrap();
    assert_eq!(trail.status().open, 1);
    assert_eq!(verify(home.path(), &[]).await.open, [forgotten]);
}

async fn a_caller_that_goes_between_commit_and_waking_up_leaves_nothing_open(home: Home) {
    let trail = start(home.path()).await.unwrap();
    let opening = opening("x");
    let mut waiting = Box::pin(trail.open(&opening));
    assert!(poll_once(&mut waiting).await.is_pending(), "it is queued");
    // The writer has a thread of its own, so this one may wait for its commit without polling.
    while trail.status().commits == 0 {
        thread::yield_now();
    }
    drop(waiting);
    trail.clone().stop(&stop()).await.unwrap();
    assert_eq!(trail.status().open, 0);
    assert!(verify(home.path(), &[]).await.open.is_empty());
}

async fn a_courier_brings_every_answer_and_closes_what_nobody_waits_for_any_more(home: Home) {
    let trail = start(home.path()).await.unwrap();
    let courier = tokio::spawn(audit::hand_out(trail.clone()));
    tokio::task::yield_now().await;
    let mut exchanges = JoinSet::new();
    for _ in 0..EXCHANGES {
        let trail = trail.clone();
        exchanges.spawn(async move {
            let receipt = trail.open(&opening("x")).await.unwrap();
            let opened = receipt.index();
            [opened, trail.close(receipt, &mut outcome()).await.unwrap()]
        });
    }
    let indices: BTreeSet<u64> = exchanges.join_all().await.into_iter().flatten().collect();
    assert_eq!(indices, (0..2 * EXCHANGES).collect());

    let opening = opening("x");
    let mut waiting = Box::pin(trail.open(&opening));
    assert!(poll_once(&mut waiting).await.is_pending(), "it is queued");
    // The courier takes it away, once no other follows.
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
    while trail.status().size <= 2 * EXCHANGES {
        thread::yield_now();
    }
    // Its answer is on the way, and the courier goes as well.
    drop(waiting);
    courier.abort();
    assert!(courier.await.unwrap_err().is_cancelled());
    trail.clone().stop(&stop()).await.unwrap();
    assert_eq!(trail.status().open, 0);
    assert!(verify(home.path(), &[]).await.open.is_empty());
}

async fn what_the_tasks_of_a_thread_send_goes_off_together(home: Home) {
    let trail = start(home.path()).await.unwrap();
    let courier = tokio::spawn(audit::hand_out(trail.clone()));
    tokio::task::yield_now().await;
    // What waits too long goes off before, so that a thread that is held up may need more tries.
    let mut tries = 0..100;
    loop {
        assert!(
            tries.next().is_some(),
            "each record has a commit of its own"
        );
        let before = trail.status().commits;
        let mut tasks = JoinSet::new();
        for _ in 0..EXCHANGES {
            let trail = trail.clone();
            tasks.spawn(async move { trail.note(&refusal("x")).await.unwrap() });
        }
        tasks.join_all().await;
        if trail.status().commits == before + 1 {
            break;
        }
    }
    courier.abort();
}

async fn what_a_courier_has_not_taken_away_goes_off_when_it_leaves(home: Home) {
    let trail = start(home.path()).await.unwrap();
    let courier = tokio::spawn(audit::hand_out(trail.clone()));
    tokio::task::yield_now().await;
    let kept = trail.open(&opening("x")).await.unwrap();
    let opening = opening("x");
    let mut waiting = Box::pin(trail.open(&opening));
    assert!(poll_once(&mut waiting).await.is_pending(), "it is queued");
    trail.close_detached(kept, &mut outcome());
    courier.abort();
    assert!(courier.await.unwrap_err().is_cancelled());
    assert_eq!(waiting.await.unwrap().index(), 1);
    trail.clone().stop(&stop()).await.unwrap();
    assert_eq!(trail.status().closings_lost, 0);
    assert_eq!(verify(home.path(), &[]).await.open, [1]);
}

/// Polls once.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx)))
        .await
}

async fn after_the_end_nothing_is_taken_and_a_lost_closing_is_counted(home: Home) {
    let trail = start(home.path()).await.unwrap();
    let receipts = [
        trail.open(&opening("x")).await.unwrap(),
        trail.open(&opening("x")).await.unwrap(),
    ];
    trail.clone().stop(&stop()).await.unwrap();
    assert!(matches!(
        trail.note(&refusal("x")).await,
        Err(TrailError::Stopped)
    ));
    let [waiting, detached] = receipts;
    assert!(trail.close(waiting, &mut outcome()).await.is_err());
    trail.close_detached(detached, &mut outcome());
    assert_eq!(trail.status().closings_lost, 2);
    assert_eq!(verify(home.path(), &[]).await.open, [0, 1]);
}

async fn a_record_beyond_the_limit_is_refused_and_the_trail_goes_on(home: Home) {
    let trail = start(home.path()).await.unwrap();
    let long = "x".repeat(audit::RECORD_BYTES_MAX);
    assert!(matches!(
        trail.open(&opening(&long)).await,
        Err(TrailError::Unsealed(_))
    ));
    assert_eq!(trail.note(&refusal("x")).await.unwrap(), 0);
}

async fn what_the_store_refuses_is_not_acknowledged_and_later_records_are(home: Home) {
    let trail = start(home.path()).await.unwrap();
    trail.note(&refusal("x")).await.unwrap();
    let mut saboteur = home.saboteur().await;
    saboteur.refuse_records().await;
    // What the journal of SQLite took before its database was asked is on record.
    let mut acknowledged = 0;
    let refused = loop {
        match trail.open(&opening("x")).await {
            Ok(receipt) => assert_eq!(receipt.index(), acknowledged + 1),
            Err(refused) => break refused,
        }
        acknowledged += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    assert!(acknowledged == 0 || home.cluster().is_none());
    assert!(matches!(refused, TrailError::Unavailable(_)));
    assert!(!trail.status().healthy);
    let report = verify(home.path(), &[]).await;
    assert_eq!(
        (report.findings, report.size),
        (Vec::new(), acknowledged + 1)
    );
    saboteur.relent().await;
    let next = trail.note(&refusal("x")).await.unwrap();
    assert_eq!(next, acknowledged + 1);
    let status = trail.status();
    assert_eq!(
        (status.healthy, status.size, status.open),
        (true, next + 1, acknowledged)
    );
    assert!(verify(home.path(), &[]).await.is_intact());
}

#[tokio::test]
async fn no_planted_value_is_in_any_file() {
    let home = tempfile::tempdir().unwrap();
    let canary = concat!("canary", "-4f1b9e-", "771");
    let trail = start(home.path()).await.unwrap();
    let receipt = trail.open(&opening(canary)).await.unwrap();
    let mut end = outcome();
    end.reason = Some(canary.into());
    trail.close(receipt, &mut end).await.unwrap();
    trail.note(&refusal(canary)).await.unwrap();
    // While the log is open, its WAL is there to be read as well.
    assert_absent(home.path(), canary);
    trail.stop(&stop()).await.unwrap();
    assert_absent(home.path(), canary);
}

pub(crate) fn assert_absent(directory: &Path, canary: &str) {
    // Base64 has three faces, one for each place modulo three; their inner parts do not change.
    let base64 = |shift: usize| {
        let text = BASE64_STANDARD.encode([&b"xx"[..shift], canary.as_bytes()].concat());
        text[4..text.len() - 4].to_owned()
    };
    let faces = [
        canary.to_owned(),
        hex::encode(canary),
        hex::encode_upper(canary),
        base64(0),
        base64(1),
        base64(2),
    ];
    let mut bytes_read = 0;
    for file in fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        bytes_read += bytes.len();
        for face in &faces {
            let found = memchr::memmem::find(&bytes, face.as_bytes()).is_some();
            assert!(!found, "`{face}` is in {}", path.display());
        }
    }
    assert!(bytes_read > 4096, "the log was looked at");
}

#[tokio::test]
async fn the_log_of_another_keyring_is_refused() {
    let home = Home::sqlite();
    let trail = start(home.path()).await.unwrap();
    trail.stop(&stop()).await.unwrap();
    fs::remove_file(home.path().join("keyring.json")).unwrap();
    let refused = start(home.path()).await.err().unwrap();
    assert!(
        refused.to_string().contains("signed by an unknown key"),
        "{refused}"
    );
}

async fn a_log_whose_end_was_changed_is_refused_by_name(of: Home) {
    for (tampering, said) in [
        (
            "DELETE FROM record WHERE idx = 4",
            "4 records are there, 5 are signed",
        ),
        (
            "DELETE FROM checkpoint WHERE size = 5",
            "5 records are there, 4 are signed",
        ),
        ("DELETE FROM checkpoint", "5 records and no checkpoint"),
        ("DELETE FROM record WHERE idx = 3", "record 3 is missing"),
        (
            "UPDATE record SET leaf = CAST(leaf || x'00' AS BLOB) WHERE idx = 2",
            "record 2 was changed",
        ),
        (
            "UPDATE record SET nodes = zeroblob(96) WHERE idx = 3",
            "do not have the signed root",
        ),
        (
            "UPDATE checkpoint SET note = 'x'",
            "the newest checkpoint: it is no signed checkpoint",
        ),
    ] {
        let home = of.another();
        let trail = start(home.path()).await.unwrap();
        for _ in 0..4 {
            trail.note(&refusal("x")).await.unwrap();
        }
        trail.stop(&stop()).await.unwrap();
        home.saboteur().await.run(tampering).await;
        let refused = start(home.path()).await.err().unwrap();
        assert!(matches!(refused, TrailError::Unverified(_)));
        assert!(refused.to_string().contains(said), "{tampering}: {refused}");
    }
}

async fn the_writer_stores_a_new_data_key_at_every_start(home: Home) {
    for run in 1..=2 {
        let trail = start(home.path()).await.unwrap();
        let event: Event = refusal("x");
        trail.note(&event).await.unwrap();
        trail.stop(&stop()).await.unwrap();
        let mut ledger = reader(home.path()).await.unwrap();
        assert_eq!(ledger.head().await.unwrap().key, run);
    }
}

crate::on_both! {
    callers_on_many_threads_get_unique_and_dense_indices,
    a_log_goes_on_where_it_stopped,
    a_dropped_connection_is_closed_without_waiting,
    a_caller_that_goes_between_commit_and_waking_up_leaves_nothing_open,
    a_courier_brings_every_answer_and_closes_what_nobody_waits_for_any_more,
    what_the_tasks_of_a_thread_send_goes_off_together,
    what_a_courier_has_not_taken_away_goes_off_when_it_leaves,
    after_the_end_nothing_is_taken_and_a_lost_closing_is_counted,
    a_record_beyond_the_limit_is_refused_and_the_trail_goes_on,
    what_the_store_refuses_is_not_acknowledged_and_later_records_are,
    the_writer_stores_a_new_data_key_at_every_start,
    a_log_whose_end_was_changed_is_refused_by_name,
}
