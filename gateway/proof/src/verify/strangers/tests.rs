use proptest::prelude::*;
use signed_note::{Signer, StandardSigner};

use super::*;
use crate::{
    checkpoint::{Authority, sign_by},
    leaf::{Header, stating, tag},
    testing::{leaf, signer},
    tree::{Tree, leaf_hash},
    verify::{Examination, Verdict},
};

const ORIGIN: &str = "log.example/1";

/// A log whose keys succeed each other, as pieces.
struct Log {
    tree: Tree,
    /// The seed of the key that signs.
    by: u8,
    pieces: Vec<Piece>,
}

#[derive(Clone)]
enum Piece {
    Record(Vec<u8>, Vec<u8>),
    Checkpoint(u64, String),
}

fn key(seed: u8) -> Authority {
    signer(seed).1
}

fn statement(index: u64, old: u8, new: u8) -> String {
    let ((old, before), (new, after)) = (signer(old), signer(new));
    succession::sign(index, (before.key(), &old), (after.key(), &new)).unwrap()
}

/// The leaf of a succession, as far as anybody can read it.
fn stated(index: u64, statement: &str) -> Vec<u8> {
    let log = tag(ORIGIN);
    let header = Header {
        kind: Kind::Succeed,
        key: 1,
        index,
        at_us: 7,
        opening: None,
        log: Some(log),
    };
    let mut leaf = stating(&header.bytes(log), statement.as_bytes()).unwrap();
    leaf.extend([0; 40]);
    leaf
}

impl Log {
    fn new() -> Self {
        Self {
            tree: Tree::default(),
            by: 1,
            pieces: Vec::new(),
        }
    }

    fn put(&mut self, leaf: Vec<u8>) {
        let nodes = self.tree.append(leaf_hash(&leaf));
        self.pieces.push(Piece::Record(leaf, nodes));
    }

    /// So many records, and a checkpoint over each.
    fn grow(mut self, records: u64) -> Self {
        for _ in 0..records {
            self.put(leaf(self.tree.size()));
            self.sign(&[self.by]);
        }
        self
    }

    fn sign(&mut self, by: &[u8]) {
        let note = self.note(by);
        self.pieces.push(Piece::Checkpoint(self.tree.size(), note));
    }

    fn note(&self, by: &[u8]) -> String {
        let signers: Vec<StandardSigner> = by.iter().map(|seed| signer(*seed).0).collect();
        let signers: Vec<&dyn Signer> = signers.iter().map(|it| it as &dyn Signer).collect();
        sign_by(&self.tree, &signers).unwrap()
    }

    /// Another key signs from the next record on.
    fn succeed(mut self, to: u8) -> Self {
        let index = self.tree.size();
        self.put(stated(index, &statement(index, self.by, to)));
        self.sign(&[self.by, to]);
        self.by = to;
        self
    }

    /// The log, taken in by whoever has this key; what `early` has comes first, as kept elsewhere.
    fn judge(&self, authority: Authority, early: &[String]) -> Report {
        let mut verifier = Verifier::new(authority);
        for note in early {
            verifier.anchor(note.as_bytes());
        }
        pour(&mut verifier, &self.pieces);
        verifier.finish()
    }
}

fn pour(verifier: &mut Verifier, pieces: &[Piece]) {
    for piece in pieces {
        match piece {
            Piece::Record(leaf, nodes) => verifier.record(verifier.size(), leaf, nodes),
            Piece::Checkpoint(size, note) => verifier.checkpoint(note.as_bytes(), Some(*size)),
        }
    }
}

#[test]
fn who_has_the_first_key_follows_the_others() {
    let log = Log::new().grow(3).succeed(2).grow(2).succeed(3).grow(1);
    let kept = [log.note(&[3]), Log::new().grow(2).note(&[1])];
    let report = log.judge(key(1), &kept);
    assert_eq!(report.findings, []);
    assert_eq!((report.size, report.signed, report.since), (8, 8, None));
    let expected = [(3, 2), (6, 3)].map(|(index, seed)| Succeeded {
        index,
        key: key(seed).key().to_owned(),
    });
    assert_eq!(report.successions, expected);
    let told = report.lines().join("\n");
    assert!(told.contains("by record 6"), "{told}");
}

#[test]
fn who_has_a_later_key_judges_what_it_signed() {
    let log = Log::new().grow(3).succeed(2).grow(2).succeed(3).grow(1);
    for (seed, since, unjudged) in [(2, 3, 3), (3, 6, 6)] {
        let report = log.judge(key(seed), &[]);
        assert_eq!(report.findings, [], "{seed}");
        assert_eq!((report.since, report.unjudged), (Some(since), unjudged));
        assert_eq!(report.successions.len(), 2);
        assert_eq!((report.size, report.signed), (8, 8));
    }
    let report = log.judge(key(9), &[]);
    assert_eq!(report.verdict, Verdict::WrongKey);
    assert_eq!(report.since, None);
}

#[test]
fn who_has_the_newest_of_many_keys_accuses_none_of_the_others() {
    const KEYS: u8 = 150;
    let log = (2..=KEYS).fold(Log::new().grow(1), |log, seed| log.succeed(seed).grow(1));
    let report = log.judge(key(KEYS), &[]);
    assert_eq!(report.findings, []);
    // Behind the first record come two for each succession, of which the newest key signed the last ones.
    assert_eq!((report.since, report.unjudged), (Some(297), 297));
    assert_eq!(report.successions.len(), 149);
}

#[test]
fn what_was_kept_of_older_keys_is_judged_by_who_has_a_later_one() {
    let log = Log::new().grow(3).succeed(2).grow(2).succeed(3).grow(1);
    let kept = [
        Log::new().grow(2).note(&[1]),
        Log::new().grow(3).succeed(2).grow(1).note(&[2]),
    ];
    let report = log.judge(key(3), &kept);
    assert_eq!((&report.findings[..], report.since), (&[][..], Some(6)));
    // Of another history, of as many records.
    let mut other = Log::new().grow(1);
    other.put(leaf(99));
    let report = log.judge(key(3), &[other.note(&[1])]);
    assert_eq!(report.findings, [Finding::Fork { size: 2 }]);
    // By a key that nobody named, or that came later.
    for by in [9, 2] {
        let report = log.judge(key(3), &[Log::new().grow(2).note(&[by])]);
        assert_eq!(report.verdict, Verdict::WrongKey);
    }
    // And nobody vouches for any of them where the key that was given is not of the log.
    let report = log.judge(key(9), &kept);
    assert_eq!(report.verdict, Verdict::WrongKey);
}

#[test]
fn a_key_that_nobody_announced_is_the_wrong_one() {
    let mut log = Log::new().grow(3).succeed(2).grow(2);
    log.put(leaf(6));
    log.sign(&[3]);
    for seed in [1, 2] {
        let report = log.judge(key(seed), &[]);
        assert_eq!(report.verdict, Verdict::WrongKey, "{seed}");
    }
    // Nor is one that is announced later.
    let mut log = Log::new().grow(2);
    log.put(leaf(2));
    log.sign(&[2]);
    let log = log.succeed(2).grow(1);
    assert_eq!(log.judge(key(1), &[]).verdict, Verdict::WrongKey);
}

#[test]
fn a_key_that_was_superseded_signs_nothing_more() {
    let why = Forgery::Superseded;
    let mut log = Log::new().grow(3).succeed(2).grow(2);
    let kept = log.note(&[1]);
    let expected = [Finding::ForgedCheckpoint { size: 6, why }];
    for (seed, anchors) in [(1, vec![kept.clone()]), (2, vec![kept])] {
        let report = log.judge(key(seed), &anchors);
        assert_eq!(report.findings, expected, "{seed}");
        assert_eq!(report.verdict, Verdict::Superseded);
    }
    log.put(leaf(6));
    log.sign(&[1]);
    let expected = [Finding::ForgedCheckpoint { size: 7, why }];
    for seed in [1, 2] {
        assert_eq!(log.judge(key(seed), &[]).findings, expected, "{seed}");
    }
}

#[test]
fn what_was_examined_before_a_key_came_is_examined_again() {
    let log = Log::new().grow(3).succeed(2).grow(2);
    let mut verifier = Verifier::new(key(1));
    let later = Examination::of(verifier.authority(), log.note(&[1]).as_bytes());
    let newest = Examination::of(verifier.authority(), log.note(&[2]).as_bytes());
    pour(&mut verifier, &log.pieces);
    verifier.examined(newest, Some(6));
    verifier.examined(later, Some(6));
    let report = verifier.finish();
    assert_eq!(report.verdict, Verdict::Superseded);
    assert_eq!(report.findings.len(), 1);
}

#[test]
fn a_succession_that_is_not_signed_by_both_brings_no_key() {
    let whole = statement(3, 1, 2);
    let (text, lines) = whole.rsplit_once("\n\n").unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    let elsewhere = statement(2, 1, 2);
    let foreign = statement(3, 8, 2);
    for (statement, why) in [
        (format!("{text}\n\n{}\n", lines[0]), Unfounded::NoPossession),
        (format!("{text}\n\n{}\n", lines[1]), Unfounded::NoConsent),
        (elsewhere, Unfounded::OtherRecord),
        (foreign, Unfounded::NotInForce),
    ] {
        let mut log = Log::new().grow(3);
        log.put(stated(3, &statement));
        log.sign(&[2]);
        let report = log.judge(key(1), &[]);
        assert_eq!(report.verdict, Verdict::WrongKey, "{why}");
        let finding = Finding::UnfoundedSuccession { index: 3, why };
        assert!(report.findings.contains(&finding), "{:?}", report.findings);
        assert!(report.successions.is_empty());
    }
}

#[test]
fn without_the_record_the_key_is_unknown() {
    let mut log = Log::new().grow(3).succeed(2).grow(2);
    log.pieces.retain(|piece| match piece {
        Piece::Record(leaf, _) => crate::leaf::statement(leaf).is_none(),
        Piece::Checkpoint(..) => true,
    });
    let report = log.judge(key(1), &[]);
    assert_eq!(report.verdict, Verdict::WrongKey);
}

#[test]
fn another_succession_than_is_known_elsewhere_is_none() {
    let known = key(1).succeeded(3, key(2).key()).unwrap();
    let log = Log::new().grow(3).succeed(2).grow(2);
    assert!(log.judge(known.clone(), &[]).is_intact());
    // The first key was stolen: it names another successor.
    let log = Log::new().grow(3).succeed(5).grow(2);
    let report = log.judge(known, &[]);
    let why = Unfounded::Otherwise;
    let finding = Finding::UnfoundedSuccession { index: 3, why };
    assert!(report.findings.contains(&finding));
    assert_eq!(report.verdict, Verdict::Superseded);
}

proptest! {
    /// However often keys succeed each other, and wherever a verification is interrupted, each of them finds the log
    /// true; and the first one a fork by any that went.
    #[test]
    fn every_key_finds_it_true_in_any_sittings(
        steps in prop::collection::vec((0_u64..4, any::<bool>()), 1..6),
        cut: prop::sample::Index,
    ) {
        let (mut log, mut newest) = (Log::new().grow(1), 1);
        for (records, is_succession) in steps {
            log = log.grow(records);
            if is_succession {
                newest += 1;
                log = log.succeed(newest);
            }
        }
        log = log.grow(1);
        for seed in 1..=newest {
            let whole = log.judge(key(seed), &[]);
            prop_assert_eq!(&whole.findings, &[]);
            let (first, second) = log.pieces.split_at(cut.index(log.pieces.len()));
            let mut verifier = Verifier::new(key(seed));
            pour(&mut verifier, first);
            if let Some(state) = verifier.state() {
                let kept = serde_json::to_string(&state).unwrap();
                let state = serde_json::from_str(&kept).unwrap();
                let mut verifier = Verifier::resume(key(seed), state).unwrap();
                let before = verifier.size();
                pour(&mut verifier, second);
                let report = verifier.finish();
                prop_assert_eq!(report.resumed, Some(before));
                prop_assert_eq!(Report { resumed: None, ..report }, whole);
            }
            if seed < newest {
                let report = log.judge(key(1), &[log.note(&[seed])]);
                prop_assert_eq!(report.verdict, Verdict::Superseded);
            }
        }
    }
}
