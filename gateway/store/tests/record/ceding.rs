//! A log that changes hands loses nothing, whichever way it goes.

use std::time::Duration;

use audit::{Relay, Trail, TrailError};
use futures_util::FutureExt;
use tokio::time::timeout;

use crate::{
    events::{opening, outcome, stop},
    home::{Home, refusal, start, verify, writer},
};

const WAIT: Duration = Duration::from_millis(50);

/// Exchanges that are made while the log is nobody's.
async fn waiting(trail: &Trail, count: usize) -> Vec<tokio::task::JoinHandle<u64>> {
    let exchange = |_| {
        let trail = trail.clone();
        tokio::spawn(async move {
            let receipt = trail.open(&opening("C-771")).await.unwrap();
            trail.close(receipt, &mut outcome()).await.unwrap()
        })
    };
    let made: Vec<_> = (0..count).map(exchange).collect();
    tokio::task::yield_now().await;
    made
}

async fn a_log_that_is_had_back_goes_on_with_what_waited(home: Home) {
    let trail = start(home.path()).await.unwrap();
    let event = refusal("x");
    trail.note(&event).await.unwrap();
    let ceded = trail.cede().await.unwrap();
    let waiting = waiting(&trail, 40).await;
    // Nothing is acknowledged that nobody writes.
    assert!(timeout(WAIT, trail.note(&event)).await.is_err());
    let ledger = writer(home.path()).await.unwrap();
    tokio::task::spawn_blocking(move || ceded.resume(ledger))
        .await
        .unwrap()
        .unwrap();
    for made in waiting {
        made.await.unwrap();
    }
    assert_eq!(trail.status().open, 0);
    assert!(trail.status().healthy);
    trail.stop(&stop()).await.unwrap();
    let report = verify(home.path(), &[]).await;
    assert_eq!(report.findings, []);
    assert_eq!(report.size, 1 + 80 + 1 + 1);
}

/// Brings everything to `to`, as a socket between two processes does, until the trail has been stopped.
async fn drive(mut relay: Relay, to: Trail) {
    let (tell, mut told) = tokio::sync::mpsc::channel(64);
    let mut ended = false;
    while !ended || !relay.is_idle() {
        tokio::select! {
            Some((id, index)) = told.recv() => relay.told(id, index),
            handed = relay.next(), if !ended || relay.waits() => match handed {
                None => ended = true,
                Some(handed) => {
                    // As it travels.
                    let text = serde_json::to_string(&handed).unwrap();
                    let handed: audit::Handed = serde_json::from_str(&text).unwrap();
                    let (id, tell) = (handed.id, tell.clone());
                    let durable = to.adopt(&handed).await.unwrap();
                    tokio::spawn(async move { tell.send((id, durable.await)).await });
                }
            },
        }
    }
}

async fn what_is_relayed_is_on_record_where_the_log_is(home: Home) {
    let before = start(home.path()).await.unwrap();
    let receipt = before.open(&opening("C-1")).await.unwrap();
    let left = before.open(&opening("C-2")).await.unwrap();
    let open = before.status().open;
    assert_eq!(open, 2);
    let ceded = before.cede().await.unwrap();
    let after = start(home.path()).await.unwrap();
    after.inherit(open);
    let driven = tokio::spawn(drive(ceded.relay(), after.clone()));
    let opened = receipt.index();
    let closed = before.close(receipt, &mut outcome()).await.unwrap();
    assert!(closed > opened);
    // Both write.
    let (here, there) = (waiting(&before, 20).await, waiting(&after, 20).await);
    for made in here.into_iter().chain(there) {
        made.await.unwrap();
    }
    before.close_detached(left, &mut outcome());
    // Whoever goes away before it is told has its exchange closed. It is asked once: a time to
    // wait, however short, may be longer than the log takes.
    let opening = opening("C-3");
    let asked = before.open(&opening).now_or_never();
    assert!(asked.is_none());
    before.stop(&stop()).await.unwrap();
    driven.await.unwrap();
    assert_eq!(after.status().open, 0);
    after.stop(&stop()).await.unwrap();
    let report = verify(home.path(), &[]).await;
    assert_eq!(report.findings, []);
    assert_eq!(report.open, Vec::<u64>::new());
}

async fn a_relay_that_ends_leaves_nobody_waiting(home: Home) {
    let trail = start(home.path()).await.unwrap();
    let receipt = trail.open(&opening("C-1")).await.unwrap();
    let mut relay = trail.cede().await.unwrap().relay();
    let closing = tokio::spawn({
        let trail = trail.clone();
        async move { trail.close(receipt, &mut outcome()).await }
    });
    relay.next().await.unwrap();
    drop(relay);
    assert!(matches!(closing.await.unwrap(), Err(TrailError::Stopped)));
    let event = refusal("x");
    assert!(matches!(trail.note(&event).await, Err(TrailError::Stopped)));
    let report = verify(home.path(), &[]).await;
    assert_eq!(report.findings, []);
    assert_eq!(report.open, [0]);
}

crate::on_both! {
    a_log_that_is_had_back_goes_on_with_what_waited,
    what_is_relayed_is_on_record_where_the_log_is,
    a_relay_that_ends_leaves_nobody_waiting,
}
