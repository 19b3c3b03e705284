//! Another key signs the log, while it grows and over crashes at every step.

use std::{io::Cursor, sync::Arc};

use audit::{
    Archive, Event, Filter, Keys, Kind, Report, Successor, Trail, TrailError, Verdict,
    checkpoint::Authority, export,
};
use jiff::Timestamp;
use tokio::task::JoinSet;
use vault::{KEYRING_FILE, Keyring};

use crate::{
    events::{opening, outcome, stop},
    home::{Home, keyring, reader, refusal, start, writer},
};

fn put(home: &Home, keyring: &Keyring) {
    keyring.unseal(&home.path().join(KEYRING_FILE)).unwrap();
}

fn first_key(home: &Home) -> String {
    keyring(home.path())
        .public_keys()
        .unwrap()
        .first()
        .to_owned()
}

/// Has the keyring's next key sign.
async fn succeed(home: &Home, trail: &Trail) -> Result<u64, TrailError> {
    let keyring = keyring(home.path());
    let next = keyring.next_signer().unwrap().unwrap();
    let said = Successor {
        at: Timestamp::UNIX_EPOCH,
        uid: 0,
        before: keyring.public_keys().unwrap().current,
        after: next.verifier_key(),
    };
    trail.succeed(&said, Arc::new(next)).await
}

/// All of a succession; gives its record.
async fn rotate(home: &Home, trail: &Trail) -> u64 {
    put(home, &keyring(home.path()).succeeding().unwrap());
    let record = succeed(home, trail).await.unwrap();
    put(home, &keyring(home.path()).succeeded(record).unwrap());
    record
}

async fn judged(home: &Home, authority: Authority) -> Report {
    let mut ledger = reader(home.path()).await.unwrap();
    let report = audit::verify_ledger(ledger.as_mut(), authority, &[]);
    report.await.unwrap()
}

async fn by(home: &Home, key: &str) -> Report {
    judged(home, Authority::parse(key).unwrap()).await
}

async fn archive(home: &Home) -> Archive {
    let keys = Keys::from_keyring(&keyring(home.path())).unwrap();
    Archive::new(reader(home.path()).await.unwrap(), keys).unwrap()
}

async fn successions(home: &Home) -> Vec<u64> {
    let filter = Filter {
        from: Some(0),
        limit: usize::MAX,
        kind: Some(Kind::Succeed),
        ..Filter::default()
    };
    let listed = archive(home).await.list(filter, |_| true).await.unwrap();
    listed.into_iter().map(|entry| entry.index).collect()
}

/// All checkpoints of the log.
async fn notes(home: &Home) -> Vec<(u64, String)> {
    let mut ledger = reader(home.path()).await.unwrap();
    let mut notes: Vec<(u64, String)> = Vec::new();
    loop {
        let from = notes.last().map_or(0, |(size, _)| size + 1);
        let more = ledger.checkpoints(from).await.unwrap();
        if more.is_empty() {
            return notes;
        }
        notes.extend(more);
    }
}

fn signatures(note: &str) -> usize {
    note.lines().filter(|line| line.starts_with('—')).count()
}

async fn keys_succeed_each_other_while_the_log_grows(home: Home) {
    let trail = start(home.path()).await.unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..300 {
        let trail = trail.clone();
        calls.spawn(async move {
            let receipt = trail.open(&opening("C-771")).await.unwrap();
            trail.close(receipt, &mut outcome()).await.unwrap();
        });
    }
    let mut records = Vec::new();
    for _ in 0..3 {
        records.push(rotate(&home, &trail).await);
        trail.note(&refusal("x")).await.unwrap();
    }
    calls.join_all().await;
    trail.stop(&stop()).await.unwrap();
    let trail = start(home.path()).await.unwrap();
    trail.note(&refusal("x")).await.unwrap();
    trail.stop(&stop()).await.unwrap();
    assert_eq!(successions(&home).await, records);

    // Each key finds it true, and knows since when it signs.
    let keys = keyring(home.path()).public_keys().unwrap();
    let report = by(&home, keys.first()).await;
    assert_eq!((report.findings, report.since), (vec![], None));
    let told: Vec<u64> = report.successions.iter().map(|it| it.index).collect();
    assert_eq!(told, records);
    let later = keys.former.iter().skip(1).map(|it| &it.verifier);
    for (key, since) in later.chain([&keys.current]).zip(&records) {
        let report = by(&home, key).await;
        assert_eq!((report.findings, report.since), (vec![], Some(*since)));
        assert_eq!(report.signed, report.size);
    }
    assert!(
        judged(&home, audit::authority(&keys).unwrap())
            .await
            .is_intact()
    );
    // One that nobody announced, of the same name.
    let other = keyring(home.path()).succeeding().unwrap();
    let other = other.next_signer().unwrap().unwrap().verifier_key();
    assert_eq!(by(&home, &other).await.verdict, Verdict::WrongKey);

    // Both keys sign where one succeeds the other, and one alone everywhere else.
    let notes = notes(&home).await;
    for record in &records {
        let (_, note) = notes.iter().find(|(size, _)| size > record).unwrap();
        assert_eq!(signatures(note), 2);
    }
    let double = notes.iter().filter(|(_, note)| signatures(note) == 2);
    assert_eq!(double.count(), records.len());

    // So it is in an export.
    let mut out = Vec::new();
    let mut ledger = reader(home.path()).await.unwrap();
    let written = export::write(ledger.as_mut(), &keys.current, &mut out);
    written.await.unwrap();
    for key in [keys.first(), &keys.current] {
        let authority = Authority::parse(key).unwrap();
        let report = export::verify(Cursor::new(&out), authority, &[]).unwrap();
        assert_eq!(report.findings, []);
    }
}

async fn a_crash_at_any_step_is_finished_or_taken_back(home: Home) {
    let trail = start(home.path()).await.unwrap();
    trail.note(&refusal("x")).await.unwrap();
    trail.stop(&stop()).await.unwrap();
    let alone = keyring(home.path());

    // The keyring has the next key, and the log does not say so: the one before signs.
    put(&home, &alone.succeeding().unwrap());
    let trail = start(home.path()).await.unwrap();
    trail.note(&refusal("x")).await.unwrap();
    trail.stop(&stop()).await.unwrap();
    assert!(successions(&home).await.is_empty());
    assert!(by(&home, &first_key(&home)).await.is_intact());

    // The log says so, and the keyring has both: the next one signs, and nothing is said twice.
    let trail = start(home.path()).await.unwrap();
    let record = succeed(&home, &trail).await.unwrap();
    assert_eq!(succeed(&home, &trail).await.unwrap(), record);
    for _ in 0..600 {
        trail.note(&refusal("x")).await.unwrap();
    }
    drop(trail);
    let trail = loop {
        // Whoever wrote is just letting go.
        match start(home.path()).await {
            Ok(trail) => break trail,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    trail.note(&refusal("x")).await.unwrap();
    assert_eq!(succeed(&home, &trail).await.unwrap(), record);
    trail.stop(&stop()).await.unwrap();
    assert_eq!(successions(&home).await, [record]);
    let shown = archive(&home).await.show(record).await.unwrap().unwrap();
    assert!(shown.proven, "the next key counts while the log says which");
    assert!(matches!(shown.entry.event, Event::Succeed(_)));
    let keys = keyring(home.path()).public_keys().unwrap();
    assert!(by(&home, keys.first()).await.is_intact());
    assert!(
        judged(&home, audit::authority(&keys).unwrap())
            .await
            .is_intact()
    );

    // Whoever has a keyring of before cannot go on by the older key.
    let ledger = writer(home.path()).await.unwrap();
    let refused = Trail::start(ledger, Keys::from_keyring(&alone).unwrap());
    assert!(matches!(refused.err(), Some(TrailError::Unverified(_))));

    put(&home, &keyring(home.path()).succeeded(record).unwrap());
    let trail = start(home.path()).await.unwrap();
    trail.note(&refusal("x")).await.unwrap();
    trail.stop(&stop()).await.unwrap();
    assert!(by(&home, &first_key(&home)).await.is_intact());
    assert_eq!(by(&home, &keys.next.unwrap()).await.since, Some(record));
}

async fn who_has_an_older_key_forks_nothing_unseen(home: Home) {
    let trail = start(home.path()).await.unwrap();
    trail.note(&refusal("x")).await.unwrap();
    let stolen = keyring(home.path());
    rotate(&home, &trail).await;
    trail.note(&refusal("x")).await.unwrap();
    trail.stop(&stop()).await.unwrap();
    let mut ledger = reader(home.path()).await.unwrap();
    let mut out = Vec::new();
    let key = first_key(&home);
    export::write(ledger.as_mut(), &key, &mut out)
        .await
        .unwrap();
    // The log's end, under a checkpoint of the key that went: of the same tree, or of another.
    let text = String::from_utf8(out).unwrap();
    let mut lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut tree = audit::tree::Tree::default();
    for line in lines.iter().filter(|line| line["leaf"].is_string()) {
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        let leaf = BASE64_STANDARD.decode(line["leaf"].as_str().unwrap());
        tree.append(audit::tree::leaf_hash(&leaf.unwrap()));
    }
    let signer = stolen.signer().unwrap();
    let note = audit::checkpoint::sign(&tree, &signer).unwrap();
    lines.last_mut().unwrap()["checkpoint"] = note.clone().into();
    let changed: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let changed = changed.join("\n") + "\n";
    for given in [&key, &keyring(home.path()).public_keys().unwrap().current] {
        let authority = Authority::parse(given).unwrap();
        let report = export::verify(Cursor::new(&changed), authority.clone(), &[]).unwrap();
        assert_eq!(report.verdict, Verdict::Superseded, "{:?}", report.findings);
        let kept = [note.clone().into_bytes()];
        let report = export::verify(Cursor::new(&text), authority, &kept).unwrap();
        assert_eq!(report.verdict, Verdict::Superseded, "{:?}", report.findings);
    }
}

crate::on_both! {
    keys_succeed_each_other_while_the_log_grows,
    a_crash_at_any_step_is_finished_or_taken_back,
    who_has_an_older_key_forks_nothing_unseen,
}
