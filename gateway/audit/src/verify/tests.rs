use jiff::Timestamp;
use vault::{DataKey, Keyring, LogSigner};

use super::*;
use crate::{
    BodyRecord, Event, Expiry, Lifecycle, Outcome, Retention,
    checkpoint::{Authority, sign},
    seal::{self, Draft},
    tree::{self, Tree},
};

/// A log in memory: its signer, its key and what it holds.
struct Log {
    signer: LogSigner,
    key: DataKey,
    key_id: u32,
    tree: Tree,
    verifier: Verifier,
}

impl Log {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let keyring = Keyring::open_or_create(&home.path().join("keyring.json")).unwrap();
        let signer = keyring.signer().unwrap();
        let provider = keyring.provider();
        Self {
            verifier: Verifier::new(Authority::parse(&signer.verifier_key()).unwrap()),
            signer,
            key: DataKey::generate(&provider, b"").unwrap().0,
            key_id: 1,
            tree: Tree::default(),
        }
    }

    fn append(&mut self, event: &Event) {
        let index = self.tree.size();
        let leaf = Draft::new(event, Retention::default().term(&event.into()))
            .unwrap()
            .seal(
                seal::tag(self.verifier.authority().origin()),
                index,
                self.key_id,
                &self.key,
            )
            .unwrap();
        let nodes = self.tree.append(tree::leaf_hash(&leaf));
        self.verifier.record(index, &leaf, &nodes);
    }

    fn finish(mut self) -> Report {
        let note = sign(&self.tree, &self.signer).unwrap();
        self.verifier
            .checkpoint(note.as_bytes(), Some(self.tree.size()));
        self.verifier.finish()
    }
}

fn start(seconds: i64) -> Event {
    Event::Start(Lifecycle {
        at: Timestamp::from_second(seconds).unwrap(),
        version: String::new(),
        config: String::new(),
        policy: String::new(),
        notes: vec![],
        country: None,
    })
}

fn close(opening: u64) -> Event {
    Event::Close(Box::new(Outcome {
        at: Timestamp::UNIX_EPOCH,
        opening,
        status: None,
        upstream_status: None,
        sent: false,
        result: "client_gone".into(),
        reason: None,
        request: BodyRecord::default(),
        response: BodyRecord::default(),
        credential: None,
        model: None,
        mediation: None,
        duration_us: 0,
    }))
}

#[test]
fn an_empty_log_is_intact_signed_or_not() {
    assert!(Log::new().finish().is_intact());
    assert!(Log::new().verifier.finish().is_intact());
}

#[test]
fn a_clock_that_went_back_is_reported_and_no_finding() {
    let mut log = Log::new();
    // Four seconds are callers that queued, thirty are not.
    for seconds in [1000, 996, 1000, 970, 971] {
        log.append(&start(seconds));
    }
    let report = log.finish();
    assert_eq!(report.clock_back, [3]);
    assert_eq!(report.findings, []);
}

#[test]
fn a_closing_without_an_opening_is_found() {
    let mut log = Log::new();
    log.append(&start(0));
    log.append(&close(0));
    let opening = Some(0);
    let expected = [Finding::Unopened { index: 1, opening }];
    assert_eq!(log.finish().findings, expected);
}

#[test]
fn the_heads_of_two_histories_are_told_apart() {
    let mut log = Log::new();
    log.append(&start(0));
    // The key signs a head of one record that this log never had; then it goes on.
    let mut other = Tree::default();
    other.append(tree::leaf_hash(b"another history"));
    let note = sign(&other, &log.signer).unwrap();
    log.verifier.checkpoint(note.as_bytes(), Some(1));
    log.append(&start(1));
    assert_eq!(log.finish().findings, [Finding::Fork { size: 1 }]);
}

fn expiry(key: u32) -> Event {
    Event::Expire(Box::new(Expiry {
        at: Timestamp::UNIX_EPOCH,
        uid: None,
        key,
        day: Timestamp::UNIX_EPOCH,
        class: "default".to_owned(),
        days: 30,
        basis: None,
        records: 2,
        first: Some(0),
        last: Some(1),
    }))
}

#[test]
fn what_expired_is_counted_without_any_key() {
    let mut log = Log::new();
    log.append(&start(0));
    log.append(&start(0));
    log.key_id = 2;
    log.append(&expiry(1));
    let report = log.finish();
    assert_eq!(report.findings, []);
    assert_eq!((report.expired, report.keys_expired), (2, 1));
    let lines = report.lines().join("\n");
    assert!(
        lines.contains("expired      2 records: 1 data keys"),
        "{lines}"
    );
}

#[test]
fn a_key_that_seals_after_its_end_is_found() {
    let mut log = Log::new();
    log.append(&start(0));
    log.key_id = 2;
    log.append(&expiry(1));
    log.key_id = 1;
    log.append(&start(0));
    let expected = [Finding::SealedAfterExpiry {
        index: 2,
        key: 1,
        expiry: 1,
    }];
    let report = log.finish();
    assert_eq!(report.findings, expected);
    assert_eq!(report.verdict, Verdict::Inconsistent);
}

#[test]
fn findings_beyond_the_limit_are_counted() {
    let mut log = Log::new();
    for _ in 0..FINDINGS_MAX + 7 {
        log.verifier.malformed(1, "x");
    }
    let report = log.finish();
    assert_eq!(report.findings.len(), FINDINGS_MAX);
    assert_eq!(report.findings_unlisted, 7);
}
