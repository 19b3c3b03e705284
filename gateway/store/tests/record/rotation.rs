//! Another key-encryption key, while the log grows and subjects come and go.

use std::sync::Arc;

use audit::{
    Archive, BlindIndex, Copier, Filter, Keys, Ledger, Subject, SubjectStore as _, Subjects, Trail,
};
use store::SqliteSubjects;
use tokio::task::JoinSet;
use vault::{FileProvider, KEYRING_FILE, Keyring, wrapped_by};

use crate::{
    events::{opening, outcome, stop},
    home::{Home, keyring, reader, refusal, start, verify, writer},
};

/// A keyring whose provider is in use.
struct Ring {
    keyring: Keyring,
    provider: FileProvider,
}

impl Ring {
    fn of(home: &Home) -> Self {
        let keyring = keyring(home.path());
        let provider = keyring.provider();
        Self { keyring, provider }
    }

    fn becomes(&mut self, home: &Home, next: Keyring) {
        self.provider.learn(&next).unwrap();
        next.unseal(&home.path().join(KEYRING_FILE)).unwrap();
        self.provider.adopt(&next).unwrap();
        self.keyring = next;
    }

    fn rotate(&mut self, home: &Home) {
        let next = self.keyring.rotated().unwrap();
        self.becomes(home, next);
    }

    fn retire(&mut self, home: &Home) {
        let next = self.keyring.retired().unwrap();
        self.becomes(home, next);
    }

    fn keys(&self) -> Keys {
        Keys::from_keyring(&self.keyring).unwrap()
    }
}

/// Wraps all data keys anew; gives how many there were to wrap.
async fn rewrapped(trail: &Trail) -> u64 {
    let (mut after, mut changed) = (Some(0), 0);
    while let Some(from) = after {
        let batch = trail.rewrap(from).await.unwrap();
        changed += batch.changed;
        after = batch.last;
    }
    changed
}

/// Which keys wrap the log's data keys.
async fn wrapping(ledger: &mut dyn Ledger) -> Vec<Option<u32>> {
    let keys = ledger.keys(0, 512).await.unwrap();
    keys.iter().map(|key| wrapped_by(&key.wrapped)).collect()
}

async fn readable(home: &Home) -> usize {
    let keys = Keys::from_keyring(&keyring(home.path())).unwrap();
    let mut archive = Archive::new(reader(home.path()).await.unwrap(), keys).unwrap();
    let filter = Filter {
        from: Some(0),
        limit: usize::MAX,
        ..Filter::default()
    };
    archive.list(filter, |_| true).await.unwrap().len()
}

async fn data_keys_go_to_another_key_while_the_log_grows(home: Home) {
    for _ in 0..5 {
        let trail = start(home.path()).await.unwrap();
        trail.note(&refusal("x")).await.unwrap();
        trail.stop(&stop()).await.unwrap();
    }
    let mut ring = Ring::of(&home);
    let trail = Trail::start(writer(home.path()).await.unwrap(), ring.keys()).unwrap();
    trail.note(&refusal("x")).await.unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..300 {
        let trail = trail.clone();
        calls.spawn(async move {
            let receipt = trail.open(&opening("C-771")).await.unwrap();
            trail.close(receipt, &mut outcome()).await.unwrap();
        });
    }
    ring.rotate(&home);
    assert_eq!(rewrapped(&trail).await, 6);
    assert_eq!(rewrapped(&trail).await, 0);
    assert_eq!(trail.status().rewrapped, 6);
    ring.retire(&home);
    calls.join_all().await;
    trail.stop(&stop()).await.unwrap();

    let trail = start(home.path()).await.unwrap();
    trail.note(&refusal("x")).await.unwrap();
    trail.stop(&stop()).await.unwrap();
    let mut ledger = reader(home.path()).await.unwrap();
    assert_eq!(wrapping(ledger.as_mut()).await, [Some(2); 7]);
    let keys = ring.keys();
    let misplaced = audit::misplaced_keys(ledger.as_mut(), &keys).await;
    assert_eq!(misplaced.unwrap(), []);
    assert!(verify(home.path(), &[]).await.is_intact());
    assert_eq!(readable(&home).await, 10 + 602 + 2);
}

async fn a_crash_between_batches_leaves_a_log_that_opens(home: Home) {
    for _ in 0..3 {
        let trail = start(home.path()).await.unwrap();
        trail.note(&refusal("x")).await.unwrap();
        trail.stop(&stop()).await.unwrap();
    }
    let mut ring = Ring::of(&home);
    ring.rotate(&home);
    let mut ledger = writer(home.path()).await.unwrap();
    let keys = ledger.keys(1, 1).await.unwrap();
    assert_eq!(keys.len(), 1);
    // One that is not there is not made.
    let absent = (99, keys[0].wrapped.clone());
    let log = ring.keyring.log().to_owned();
    let terms = keys[0].terms.as_ref().unwrap();
    let (day, days, first) = (terms.day.0, terms.days.unwrap(), terms.first);
    let (class, basis) = (&terms.class, terms.basis.as_deref().unwrap());
    let terms = format!("{day}\n{days}\n{first}\n{class}\n{basis}");
    let context = format!("tidegate audit data key\n{log}\n2\n{terms}").into_bytes();
    let anew = vault::rewrapped(&ring.provider, &keys[0].wrapped, &context);
    let anew = (2, anew.unwrap().unwrap());
    ledger.replace_keys(vec![anew, absent]).await.unwrap();
    ledger.close().await.unwrap();

    assert_eq!(readable(&home).await, 6);
    let trail = start(home.path()).await.unwrap();
    assert_eq!(rewrapped(&trail).await, 2, "of four, two are new");
    trail.stop(&stop()).await.unwrap();
    Ring::of(&home).retire(&home);
    let mut ledger = reader(home.path()).await.unwrap();
    assert_eq!(wrapping(ledger.as_mut()).await, [Some(2); 4]);
    assert_eq!(readable(&home).await, 7);
    assert!(verify(home.path(), &[]).await.is_intact());
}

crate::on_both! {
    data_keys_go_to_another_key_while_the_log_grows,
    a_crash_between_batches_leaves_a_log_that_opens,
}

#[tokio::test]
async fn a_copy_takes_over_what_is_wrapped_anew_and_never_the_other_way() {
    let first = Home::sqlite();
    for _ in 0..3 {
        let trail = start(first.path()).await.unwrap();
        trail.note(&refusal("x")).await.unwrap();
        trail.stop(&stop()).await.unwrap();
    }
    let there = Home::postgres();
    let keys = KEYRING_FILE;
    std::fs::copy(first.path().join(keys), there.path().join(keys)).unwrap();
    let mut from = reader(first.path()).await.unwrap();
    let mut to = writer(there.path()).await.unwrap();
    let mut copier = Copier::begin(from.as_mut(), to.as_mut()).await.unwrap();
    copier.step(from.as_mut(), to.as_mut()).await.unwrap();

    let mut ring = Ring::of(&first);
    let trail = Trail::start(writer(first.path()).await.unwrap(), ring.keys()).unwrap();
    ring.rotate(&first);
    assert_eq!(rewrapped(&trail).await, 3);
    ring.retire(&first);
    std::fs::copy(first.path().join(keys), there.path().join(keys)).unwrap();
    trail.stop(&stop()).await.unwrap();
    // What the copy has is older: the log keeps its own.
    let mut log = writer(first.path()).await.unwrap();
    let back = copier.rewrap(to.as_mut(), log.as_mut()).await;
    assert_eq!(back.unwrap(), 0);
    assert_eq!(wrapping(log.as_mut()).await, [Some(2); 4]);
    log.close().await.unwrap();

    let taken = copier.rewrap(from.as_mut(), to.as_mut()).await;
    assert_eq!(taken.unwrap(), 3);
    while copier.step(from.as_mut(), to.as_mut()).await.unwrap().size < 7 {}
    assert_eq!(wrapping(to.as_mut()).await, [Some(2); 4]);
    to.close().await.unwrap();
    assert_eq!(readable(&there).await, 7);
    // A copier that begins sees it by itself.
    let mut to = writer(there.path()).await.unwrap();
    Copier::begin(from.as_mut(), to.as_mut()).await.unwrap();
    assert!(verify(there.path(), &[]).await.is_intact());
}

#[tokio::test]
async fn keys_of_subjects_go_to_another_key_and_who_is_erased_stays_so() {
    let home = Home::sqlite();
    let mut ring = Ring::of(&home);
    let store = SqliteSubjects::open(home.path()).await.unwrap();
    let index = BlindIndex::new(ring.keyring.pseudonymizer());
    let provider = Arc::new(ring.provider.clone());
    let log = ring.keyring.log().to_owned();
    let (subjects, keeper) = Subjects::new(Box::new(store), log, provider, index);
    let keeper = tokio::spawn(keeper);
    for at in 0..700 {
        subjects.sealed_one("customer", &format!("C-{at}")).unwrap();
    }
    let subject: Subject = "customer=C-7".parse().unwrap();
    let [gone] = subjects.handles(&subject).await.unwrap()[..] else {
        panic!("one key for each");
    };
    subjects.erase(&subject).await.unwrap();
    ring.rotate(&home);
    let (mut after, mut changed, mut batches) = (None, 0, 0);
    loop {
        let batch = subjects.rewrap(after).await.unwrap();
        changed += batch.changed;
        batches += 1;
        // Somebody who comes meanwhile is under the new key.
        subjects
            .sealed_one("customer", &format!("D-{changed}"))
            .unwrap();
        if batch.last.is_none() {
            break;
        }
        after = batch.last;
    }
    assert_eq!(changed, 699);
    assert!(batches > 2, "in batches: {batches}");
    ring.retire(&home);
    subjects.durable().await.unwrap();
    drop(subjects);
    keeper.await.unwrap();
    let mut store = SqliteSubjects::open(home.path()).await.unwrap();
    let wrapped = store.wrapped_by().await.unwrap();
    assert!(matches!(wrapped[..], [(Some(2), 702..)]), "{wrapped:?}");
    assert_eq!(store.key(gone).await.unwrap(), None);
    // An old row is not put back by whoever wraps it anew.
    store.replace(vec![(gone, vec![1; 65])]).await.unwrap();
    assert_eq!(store.key(gone).await.unwrap(), None);
}
