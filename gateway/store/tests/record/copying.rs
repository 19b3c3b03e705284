//! A log goes from store to store, there and back, and stays what it is.

use audit::{Archive, Copier, CopyError, Filter, Keys, Ledger};

use crate::{
    events::{opening, outcome, stop},
    home::{Home, keyring, reader, refusal, start, verify, writer},
};

/// A log of some hundred records, in groups and one by one.
async fn log(home: &Home) {
    let trail = start(home.path()).await.unwrap();
    for _ in 0..20 {
        let receipt = trail.open(&opening("C-771")).await.unwrap();
        trail.close(receipt, &mut outcome()).await.unwrap();
    }
    let mut notes = tokio::task::JoinSet::new();
    for _ in 0..3000 {
        let trail = trail.clone();
        notes.spawn(async move { trail.note(&refusal("C-332")).await.unwrap() });
    }
    notes.join_all().await;
    trail.stop(&stop()).await.unwrap();
}

async fn copied(from: &mut dyn Ledger, to: &mut dyn Ledger) -> u64 {
    let mut copier = Copier::begin(from, to).await.unwrap();
    loop {
        let step = copier.step(from, to).await.unwrap();
        if step.size == step.of {
            return step.size;
        }
    }
}

/// A home whose keys are those of `home`.
fn heir(home: &Home, heir: Home) -> Home {
    let keys = "keyring.json";
    std::fs::copy(home.path().join(keys), heir.path().join(keys)).unwrap();
    heir
}

async fn all(ledger: &mut dyn Ledger) -> (Vec<audit::Row>, Vec<(u64, String)>) {
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    loop {
        let from = rows.last().map_or(0, |row: &audit::Row| row.index + 1);
        let more = ledger.read(from, 512).await.unwrap();
        if more.is_empty() {
            break;
        }
        rows.extend(more);
    }
    loop {
        let from = notes.last().map_or(0, |(size, _): &(u64, String)| size + 1);
        let more = ledger.checkpoints(from).await.unwrap();
        if more.is_empty() {
            break;
        }
        notes.extend(more);
    }
    (rows, notes)
}

#[tokio::test]
async fn there_and_back_it_is_the_same_log() {
    let first = Home::sqlite();
    log(&first).await;
    let there = heir(&first, Home::postgres());
    let back = heir(&first, Home::sqlite());
    let mut from = reader(first.path()).await.unwrap();
    let mut to = writer(there.path()).await.unwrap();
    let size = copied(from.as_mut(), to.as_mut()).await;
    assert_eq!(size, 3041);
    to.close().await.unwrap();
    assert!(verify(there.path(), &[]).await.is_intact());
    let mut copy = reader(there.path()).await.unwrap();
    let mut end = writer(back.path()).await.unwrap();
    assert_eq!(copied(copy.as_mut(), end.as_mut()).await, size);
    assert_eq!(all(end.as_mut()).await, all(from.as_mut()).await);
    end.close().await.unwrap();
    assert!(verify(back.path(), &[]).await.is_intact());
    // It can be read, by its keys, and goes on.
    let keys = Keys::from_keyring(&keyring(there.path())).unwrap();
    let mut archive = Archive::new(copy, keys).unwrap();
    let listed = archive
        .list(
            Filter {
                limit: 5,
                ..Filter::default()
            },
            |_| true,
        )
        .await;
    assert_eq!(listed.unwrap().len(), 5);
    let trail = start(there.path()).await.unwrap();
    assert_eq!(trail.note(&refusal("x")).await.unwrap(), size);
}

#[tokio::test]
async fn a_copy_goes_on_where_it_was_and_only_with_its_log() {
    let first = Home::sqlite();
    log(&first).await;
    let there = heir(&first, Home::postgres());
    let mut from = reader(first.path()).await.unwrap();
    let mut to = writer(there.path()).await.unwrap();
    let mut copier = Copier::begin(from.as_mut(), to.as_mut()).await.unwrap();
    let once = copier.step(from.as_mut(), to.as_mut()).await.unwrap();
    assert!(once.size < once.of && once.size > 0, "{once:?}");
    to.close().await.unwrap();
    // As far as it came, it is whole.
    assert!(verify(there.path(), &[]).await.is_intact());
    let mut to = writer(there.path()).await.unwrap();
    assert_eq!(copied(from.as_mut(), to.as_mut()).await, 3041);
    let trail = start(first.path()).await.unwrap();
    trail.note(&refusal("x")).await.unwrap();
    trail.stop(&stop()).await.unwrap();
    assert_eq!(copied(from.as_mut(), to.as_mut()).await, 3043);

    let stranger = Home::sqlite();
    log(&stranger).await;
    let mut another = reader(stranger.path()).await.unwrap();
    let refused = Copier::begin(another.as_mut(), to.as_mut()).await.err();
    assert!(
        matches!(refused, Some(CopyError::Apart { size: 3043 })),
        "{refused:?}"
    );
}
