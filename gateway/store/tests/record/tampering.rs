//! Whoever changes the log is found out, and told apart, without any secret.

use std::{fs, io::Cursor, path::Path};

use audit::{
    Finding, Kind, Report,
    checkpoint::{Authority, Forgery},
    export,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use proptest::prelude::*;
use serde_json::Value;
use store::SqliteLedger;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::{
    events::{opening, outcome, stop},
    home::{public_key, refusal, start, verify},
    sabotage::Saboteur,
};

/// Records in the log, the closing stop among them.
const SIZE: u64 = 41;

/// A log with single commits, then with groups, and one open record, 39.
async fn log() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let trail = start(home.path()).await.unwrap();
    for _ in 0..8 {
        let receipt = trail.open(&opening("C-771")).await.unwrap();
        trail.close(receipt, &mut outcome()).await.unwrap();
    }
    let mut notes = JoinSet::new();
    for _ in 0..23 {
        let trail = trail.clone();
        notes.spawn(async move { trail.note(&refusal("C-332")).await.unwrap() });
    }
    notes.join_all().await;
    drop(trail.open(&opening("C-771")).await.unwrap());
    trail.stop(&stop()).await.unwrap();
    home
}

async fn export(directory: &Path) -> String {
    let mut ledger = SqliteLedger::open_to_read(directory).await.unwrap();
    let mut out = Vec::new();
    let written = export::write(&mut ledger, &public_key(directory), &mut out).await;
    assert_eq!(written.unwrap(), SIZE);
    String::from_utf8(out).unwrap()
}

fn judge(export: &str, key: &str) -> Report {
    judge_bytes(export.as_bytes(), key, &[])
}

fn judge_bytes(export: &[u8], key: &str, anchors: &[Vec<u8>]) -> Report {
    export::verify(Cursor::new(export), Authority::parse(key).unwrap(), anchors).unwrap()
}

/// An export as lines that can be changed.
struct Lines(Vec<Value>);

impl Lines {
    fn parse(export: &str) -> Self {
        Self(
            export
                .lines()
                .map(|it| serde_json::from_str(it).unwrap())
                .collect(),
        )
    }

    fn text(&self) -> String {
        let lines: Vec<_> = self.0.iter().map(Value::to_string).collect();
        lines.join("\n") + "\n"
    }

    fn place(&self, record: u64) -> usize {
        self.0
            .iter()
            .position(|line| line["index"] == record)
            .unwrap()
    }

    fn record(&mut self, record: u64) -> &mut Value {
        let place = self.place(record);
        &mut self.0[place]
    }

    /// Flips one bit of a leaf; gives the leaf.
    fn flip(&mut self, record: u64, byte: usize) -> Vec<u8> {
        let line = self.record(record);
        let mut leaf = BASE64_STANDARD
            .decode(line["leaf"].as_str().unwrap())
            .unwrap();
        leaf[byte] ^= 1;
        line["leaf"] = BASE64_STANDARD.encode(&leaf).into();
        leaf
    }

    fn checkpoint(&mut self, size: u64) -> &mut Value {
        let found = self.0.iter_mut().find(|line| line["size"] == size);
        &mut found.unwrap()["checkpoint"]
    }
}

/// An export, changed by `change`, must give exactly these findings.
async fn check(change: impl FnOnce(&mut Lines), expected: &[Finding]) {
    let home = log().await;
    let mut lines = Lines::parse(&export(home.path()).await);
    change(&mut lines);
    let report = judge(&lines.text(), &public_key(home.path()));
    assert_eq!(report.findings, expected);
    assert_eq!(report.is_intact(), expected.is_empty());
}

#[tokio::test]
async fn an_intact_export_verifies_with_the_public_key_alone() {
    let home = log().await;
    let (export, key) = (export(home.path()).await, public_key(home.path()));
    fs::remove_dir_all(home.path()).unwrap();
    let report = judge(&export, &key);
    assert_eq!(report.findings, []);
    assert_eq!((report.size, report.signed), (SIZE, SIZE));
    assert_eq!(report.records[&Kind::Refuse], 23);
    assert_eq!(report.open, [39]);
}

#[tokio::test]
async fn one_flipped_bit_of_a_record_is_an_edit() {
    // In the header's index, in the nonce, in the ciphertext; in a group and alone.
    for (index, byte) in [(5, 13), (5, 31), (5, 200), (25, 60), (40, 50), (0, 0)] {
        let expected = [Finding::Edited { index }];
        check(|lines| drop(lines.flip(index, byte)), &expected).await;
    }
}

#[tokio::test]
async fn an_edit_with_its_hash_made_to_fit_does_not_have_the_signed_root() {
    let edit = |lines: &mut Lines| {
        let leaf = lines.flip(5, 99);
        let hash = audit::tree::leaf_hash(&leaf);
        lines.record(5)["hash"] = BASE64_STANDARD.encode(hash).into();
    };
    check(edit, &[Finding::Rewritten { from: 5, to: 6 }]).await;
}

#[tokio::test]
async fn a_removed_record_is_missed() {
    for first in [0, 5, 25] {
        let expected = [Finding::Removed { first, count: 1 }];
        let remove = |lines: &mut Lines| drop(lines.0.remove(lines.place(first)));
        check(remove, &expected).await;
    }
    // Renumbering what follows hides nothing.
    let renumber = |lines: &mut Lines| {
        lines.0.remove(lines.place(7));
        for record in 8..SIZE {
            lines.record(record)["index"] = (record - 1).into();
        }
    };
    check(renumber, &[Finding::Removed { first: 7, count: 1 }]).await;
}

#[tokio::test]
async fn two_swapped_records_are_named() {
    for (first, second) in [(5, 9), (5, 6), (3, 25), (0, 40)] {
        let expected = [Finding::Swapped { first, second }];
        // Whole lines, lines with their numbers kept in order, leaves without their hashes.
        let lines = |lines: &mut Lines| {
            let (a, b) = (lines.place(first), lines.place(second));
            lines.0.swap(a, b);
        };
        check(lines, &expected).await;
        for fields in [&["leaf", "hash"][..], &["leaf"]] {
            let swap = |lines: &mut Lines| {
                for field in fields {
                    let one = lines.record(first)[*field].clone();
                    let other = lines.record(second)[*field].take();
                    lines.record(first)[*field] = other;
                    lines.record(second)[*field] = one;
                }
            };
            check(swap, &expected).await;
        }
    }
}

#[tokio::test]
async fn a_cut_tail_is_seen_wherever_the_cut_is() {
    let home = log().await;
    let (export, key) = (export(home.path()).await, public_key(home.path()));
    let lines: Vec<_> = export.split_inclusive('\n').collect();
    for kept in 1..lines.len() {
        let report = judge(&lines[..kept].concat(), &key);
        let size = report.size;
        let expected = match size {
            // Only the last checkpoint is gone, which the head of the export repeats.
            SIZE => vec![],
            _ => vec![Finding::Truncated { size, signed: SIZE }],
        };
        assert_eq!(report.findings, expected, "{kept} lines");
    }
    // In the middle of a line, too.
    assert!(!judge(&export[..export.len() - 1], &key).is_intact());
}

#[tokio::test]
async fn forged_checkpoints_are_told_apart() {
    let other = log().await;
    let theirs = Lines::parse(&export(other.path()).await)
        .checkpoint(6)
        .clone();
    let forged = |why| [Finding::ForgedCheckpoint { size: 6, why }];
    check(
        |lines| *lines.checkpoint(6) = theirs,
        &forged(Forgery::UnknownKey),
    )
    .await;
    let resize = |lines: &mut Lines| {
        let note = lines
            .checkpoint(6)
            .as_str()
            .unwrap()
            .replacen("\n6\n", "\n7\n", 1);
        *lines.checkpoint(6) = note.into();
    };
    check(resize, &forged(Forgery::BadSignature)).await;
    let garbage = |lines: &mut Lines| *lines.checkpoint(6) = "6".into();
    check(garbage, &forged(Forgery::Malformed)).await;
    let moved = |lines: &mut Lines| *lines.checkpoint(6) = lines.checkpoint(5).clone();
    check(moved, &[Finding::MisplacedCheckpoint { size: 5 }]).await;
}

#[tokio::test]
async fn another_key_accepts_nothing() {
    let (home, other) = (log().await, log().await);
    let report = judge(&export(home.path()).await, &public_key(other.path()));
    let unknown = |finding: &&Finding| {
        matches!(
            finding,
            Finding::ForgedCheckpoint {
                why: Forgery::UnknownKey,
                ..
            }
        )
    };
    assert!(report.findings.iter().filter(unknown).count() > 10);
}

#[tokio::test]
async fn a_repeated_record_and_a_foreign_line_are_found() {
    let repeat = |lines: &mut Lines| {
        let again = lines.record(5).clone();
        lines.0.insert(lines.place(6), again);
    };
    check(repeat, &[Finding::Repeated { index: 5 }]).await;
    let foreign = |lines: &mut Lines| lines.0.push(Value::from("x"));
    let home = log().await;
    let mut lines = Lines::parse(&export(home.path()).await);
    foreign(&mut lines);
    let report = judge(&lines.text(), &public_key(home.path()));
    assert!(matches!(report.findings[..], [Finding::Malformed { .. }]));
}

#[tokio::test]
async fn an_endless_line_is_not_held() {
    let home = log().await;
    let export = export(home.path()).await;
    let endless = "x".repeat(export::LINE_BYTES_MAX * 3);
    let (first, rest) = export.split_once('\n').unwrap();
    let report = judge(
        &format!("{first}\n{endless}\n{rest}"),
        &public_key(home.path()),
    );
    let [Finding::Malformed { line: 2, what }] = &report.findings[..] else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(what, "longer than any record");
    assert_eq!(report.size, SIZE);
}

#[test]
fn every_flipped_bit_of_an_export_is_noticed() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (export, key) = runtime.block_on(async {
        let home = log().await;
        (
            export(home.path()).await.into_bytes(),
            public_key(home.path()),
        )
    });
    proptest!(|(place: prop::sample::Index, bit in 0..8_u32)| {
        let mut changed = export.clone();
        let at = place.index(changed.len());
        changed[at] ^= 1 << bit;
        prop_assert!(!judge_bytes(&changed, &key, &[]).is_intact(), "byte {}, bit {}", at, bit);
    });
    proptest!(|(bytes: Vec<u8>)| {
        prop_assert!(!judge_bytes(&bytes, &key, &[]).is_intact());
    });
}

/// The database, changed by `statements`, must give exactly these findings.
async fn check_database(statements: &[&str], expected: &[Finding]) {
    let home = log().await;
    let mut saboteur = Saboteur::new(home.path()).await;
    for statement in statements {
        saboteur.run(statement).await;
    }
    let report = verify(home.path(), &[]).await;
    assert_eq!(report.findings, expected, "{statements:?}");
}

#[tokio::test]
async fn a_changed_database_is_judged_like_an_export() {
    check_database(&[], &[]).await;
    check_database(
        &["UPDATE record SET leaf = CAST(substr(leaf, 1, 99) || x'0000' || substr(leaf, 102) AS BLOB) WHERE idx = 5"],
        &[Finding::Edited { index: 5 }],
    )
    .await;
    check_database(
        &["DELETE FROM record WHERE idx = 5"],
        &[Finding::Removed { first: 5, count: 1 }],
    )
    .await;
    let swapped = [Finding::Swapped {
        first: 5,
        second: 9,
    }];
    check_database(
        &[
            "UPDATE record SET idx = 999 WHERE idx = 5",
            "UPDATE record SET idx = 5 WHERE idx = 9",
            "UPDATE record SET idx = 9 WHERE idx = 999",
        ],
        &swapped,
    )
    .await;
    check_database(
        &[
            "INSERT INTO record SELECT 999, leaf, nodes FROM record WHERE idx = 5",
            "UPDATE record SET leaf = (SELECT leaf FROM record WHERE idx = 9) WHERE idx = 5",
            "UPDATE record SET leaf = (SELECT leaf FROM record WHERE idx = 999) WHERE idx = 9",
            "DELETE FROM record WHERE idx = 999",
        ],
        &swapped,
    )
    .await;
    check_database(
        &["DELETE FROM record WHERE idx >= 30"],
        &[Finding::Truncated {
            size: 30,
            signed: SIZE,
        }],
    )
    .await;
    check_database(
        &["UPDATE checkpoint SET note = replace(note, char(10) || '6' || char(10), char(10) || '7' || char(10))
           WHERE size = 6"],
        &[Finding::ForgedCheckpoint {
            size: 6,
            why: Forgery::BadSignature,
        }],
    )
    .await;
    check_database(
        &["DELETE FROM checkpoint WHERE size = 41"],
        &[Finding::Uncovered { from: 40, size: 41 }],
    )
    .await;
    check_database(
        &["UPDATE record SET nodes = CAST(substr(nodes, 1, 32) || zeroblob(32) AS BLOB) WHERE idx = 1"],
        &[Finding::WrongNodes { index: 1 }],
    )
    .await;
}

#[tokio::test]
async fn a_database_damaged_beneath_the_records_is_said_to_be() {
    let home = log().await;
    let file = home.path().join(store::FILE_NAME);
    let mut bytes = fs::read(&file).unwrap();
    // The second page on are B-trees: break every page's header.
    bytes[4096..]
        .chunks_mut(4096)
        .for_each(|page| page[0] ^= 0x55);
    fs::write(&file, bytes).unwrap();
    let report = verify(home.path(), &[]).await;
    assert!(matches!(report.findings[0], Finding::Damaged { .. }));
}

#[tokio::test]
async fn a_log_rolled_back_as_a_whole_is_caught_by_a_checkpoint_kept_elsewhere() {
    let home = log().await;
    let kept = Lines::parse(&export(home.path()).await)
        .checkpoint(SIZE)
        .as_str()
        .unwrap()
        .as_bytes()
        .to_vec();
    let anchors = [kept];
    assert!(verify(home.path(), &anchors).await.is_intact());
    let mut saboteur = Saboteur::new(home.path()).await;
    saboteur.run("DELETE FROM record WHERE idx >= 6").await;
    saboteur.run("DELETE FROM checkpoint WHERE size > 6").await;
    assert!(
        verify(home.path(), &[]).await.is_intact(),
        "nothing inside tells"
    );
    let signed = SIZE;
    let expected = [Finding::RolledBack { size: 6, signed }];
    assert_eq!(verify(home.path(), &anchors).await.findings, expected);

    // The key's owner then writes another history over the same places.
    let trail = start(home.path()).await.unwrap();
    for _ in 6..SIZE + 3 {
        trail.note(&refusal("another")).await.unwrap();
    }
    trail.stop(&stop()).await.unwrap();
    assert!(verify(home.path(), &[]).await.is_intact());
    let report = verify(home.path(), &anchors).await;
    assert_eq!(report.findings, [Finding::Fork { size: SIZE }]);
    let report = verify(home.path(), &[b"no checkpoint".to_vec()]).await;
    assert!(!report.is_intact());
}
