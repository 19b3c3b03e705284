//! Every way in which whoever may write the whole store can lie, and what each is called.
//!
//! Two theories: what the store gives away by itself, and what it gives away to who kept one checkpoint
//! elsewhere. A row whose first list is empty is an attack that nothing inside of a log can tell.

use std::{fs, path::Path};

use audit::{Archive, Filter, Finding, Keys, Report, checkpoint::Forgery};

use crate::{
    events::stop,
    home::{Home, authority, keyring, reader, refusal, start},
};

/// Records of a log; each is committed by itself.
const SIZE: u64 = 12;

/// Every file of a log but its lock.
const FILES: [&str; 2] = ["log.sqlite", "keyring.json"];

/// What is done to a log.
enum Act {
    /// Statements; `other` is the log of another gateway.
    Sql(&'static [&'static str]),
    /// An old copy is put back.
    Rollback,
    /// An old copy is put back, and its gateway goes on, with its own keys.
    Fork,
    /// The other log stands in its place.
    Replaced,
    /// The other log and its keys stand in its place, and the reader has the right key.
    Impersonated,
}

struct Attack {
    name: &'static str,
    act: Act,
    alone: Vec<Finding>,
    kept: Vec<Finding>,
}

impl Attack {
    /// One that the store gives away by itself.
    fn told(name: &'static str, act: Act, findings: &[Finding]) -> Self {
        Self {
            name,
            act,
            alone: findings.to_vec(),
            kept: findings.to_vec(),
        }
    }

    /// One that only who kept a checkpoint can tell.
    fn silent(name: &'static str, act: Act, kept: Finding) -> Self {
        Self {
            name,
            act,
            alone: vec![],
            kept: vec![kept],
        }
    }

    /// As [`told`](Self::told), where the kept checkpoint proves one thing more.
    fn proven(mut self, more: Finding) -> Self {
        self.kept.push(more);
        self
    }
}

#[expect(clippy::too_many_lines, reason = "one table, to be read as one")]
fn matrix() -> Vec<Attack> {
    use Act::{Fork, Impersonated, Replaced, Rollback, Sql};
    let forged = |size| Finding::ForgedCheckpoint {
        size,
        why: Forgery::UnknownKey,
    };
    // Its log has one record more.
    let replayed = Finding::Replayed {
        first: 0,
        count: SIZE + 1,
    };
    let foreign: Vec<Finding> = (1..=SIZE + 1).map(forged).chain([replayed]).collect();
    let fork = Finding::Fork { size: SIZE };
    // Each checkpoint that followed stands, as the places do, one too far.
    let late = (6..SIZE).map(|size| Finding::MisplacedCheckpoint { size });
    let removed = Finding::Removed { first: 4, count: 1 };
    let removed: Vec<Finding> = std::iter::once(removed).chain(late).collect();
    vec![
        Attack::told("nothing", Sql(&[]), &[]),
        Attack::told(
            "edit",
            Sql(&[
                "UPDATE record SET leaf = CAST(substr(leaf, 1, 60) || x'0000' || substr(leaf, 63) AS BLOB) WHERE idx = 4",
            ]),
            &[Finding::Edited { index: 4 }],
        ),
        Attack::told(
            "delete",
            Sql(&["DELETE FROM record WHERE idx = 4"]),
            &[Finding::Removed { first: 4, count: 1 }],
        ),
        Attack::told(
            "delete, and number what follows anew",
            Sql(&[
                "DELETE FROM record WHERE idx = 4",
                "UPDATE record SET idx = idx - 1 WHERE idx > 4",
            ]),
            &removed,
        ),
        Attack::told(
            "insert a copy",
            Sql(&["INSERT INTO record SELECT 12, leaf, nodes FROM record WHERE idx = 4"]),
            &[Finding::Repeated { index: 4 }],
        ),
        Attack::told(
            "insert what another log has there",
            Sql(&["INSERT INTO record SELECT idx, leaf, nodes FROM other.record WHERE idx = 12"]),
            &[
                Finding::Replayed {
                    first: 12,
                    count: 1,
                },
                Finding::Uncovered { from: 12, size: 13 },
            ],
        ),
        Attack::told(
            "reorder",
            Sql(&[
                "UPDATE record SET idx = 999 WHERE idx = 4",
                "UPDATE record SET idx = 4 WHERE idx = 7",
                "UPDATE record SET idx = 7 WHERE idx = 999",
            ]),
            &[Finding::Swapped {
                first: 4,
                second: 7,
            }],
        ),
        Attack::told(
            "truncate",
            Sql(&["DELETE FROM record WHERE idx >= 9"]),
            &[Finding::Truncated {
                size: 9,
                signed: SIZE,
            }],
        ),
        Attack::silent(
            "truncate, with the checkpoints",
            Sql(&[
                "DELETE FROM record WHERE idx >= 9",
                "DELETE FROM checkpoint WHERE size > 9",
            ]),
            Finding::RolledBack {
                size: 9,
                signed: SIZE,
            },
        ),
        Attack::silent(
            "roll back to an old backup",
            Rollback,
            Finding::RolledBack {
                size: 6,
                signed: SIZE,
            },
        ),
        Attack::silent("fork", Fork, Finding::Fork { size: SIZE }),
        Attack::told(
            "replay a record of another log in its place",
            Sql(&[
                "UPDATE record SET (leaf, nodes) = (SELECT leaf, nodes FROM other.record WHERE idx = 10) WHERE idx = 10",
            ]),
            &[
                Finding::WrongNodes { index: 11 },
                Finding::Replayed {
                    first: 10,
                    count: 1,
                },
                Finding::Rewritten { from: 10, to: 11 },
            ],
        ),
        Attack::told(
            "replay the record, and keep the hash of the one it replaces",
            Sql(&[
                "UPDATE record SET leaf = (SELECT leaf FROM other.record WHERE idx = 10) WHERE idx = 10",
            ]),
            &[Finding::Edited { index: 10 }],
        ),
        Attack::told(
            "replay a checkpoint of another log",
            Sql(&[
                "UPDATE checkpoint SET note = (SELECT note FROM other.checkpoint WHERE size = 8) WHERE size = 8",
            ]),
            &[forged(8)],
        ),
        Attack::told(
            "replay a checkpoint of this log at another size",
            Sql(&[
                "UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE size = 7) WHERE size = 8",
            ]),
            &[Finding::MisplacedCheckpoint { size: 7 }],
        ),
        Attack::told("replace by another log", Replaced, &foreign).proven(fork.clone()),
        Attack::told(
            "replace by another log, keys and all",
            Impersonated,
            &foreign,
        )
        .proven(fork),
    ]
}

/// A log of `size` records; an old copy of it stands beside it, as it was after six.
async fn log(home: Home, value: &str, size: u64) -> Home {
    for (from, to) in [(0, 6), (6, size)] {
        let trail = start(home.path()).await.unwrap();
        for _ in from + 1..to {
            trail.note(&refusal(value)).await.unwrap();
        }
        trail.stop(&stop()).await.unwrap();
        if to == 6 && home.cluster().is_none() {
            fs::create_dir(home.path().join("old")).unwrap();
            copy(home.path(), &home.path().join("old"));
        }
    }
    home
}

fn copy(from: &Path, to: &Path) {
    for file in FILES {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
}

async fn newest(home: &Path) -> Vec<u8> {
    let keys = Keys::from_keyring(&keyring(home)).unwrap();
    let mut archive = Archive::new(reader(home).await.unwrap(), keys).unwrap();
    archive.checkpoint().await.unwrap().unwrap().into_bytes()
}

async fn carry_out(act: &Act, home: &Home, other: &Home) {
    match act {
        Act::Sql(statements) => {
            let mut saboteur = home.saboteur().await.beside(other.path()).await;
            for statement in *statements {
                saboteur.run(statement).await;
            }
        }
        Act::Rollback => roll_back(home).await,
        Act::Fork => {
            roll_back(home).await;
            let trail = start(home.path()).await.unwrap();
            for _ in 6..SIZE {
                trail.note(&refusal("another")).await.unwrap();
            }
            trail.stop(&stop()).await.unwrap();
        }
        Act::Replaced if home.cluster().is_some() => {
            let mut saboteur = home.saboteur().await.beside(other.path()).await;
            for statement in [
                "DELETE FROM record",
                "DELETE FROM checkpoint",
                "DELETE FROM data_key",
                "INSERT INTO record SELECT idx, leaf, nodes FROM other.record",
                "INSERT INTO checkpoint SELECT size, note FROM other.checkpoint",
                "INSERT INTO data_key SELECT id, wrapped, day, class, days, basis, first_idx FROM other.data_key",
            ] {
                saboteur.run(statement).await;
            }
        }
        Act::Replaced => {
            fs::copy(other.path().join(FILES[0]), home.path().join(FILES[0])).unwrap();
        }
        // The keyring names the log.
        Act::Impersonated if home.cluster().is_some() => {
            fs::copy(other.path().join(FILES[1]), home.path().join(FILES[1])).unwrap();
        }
        Act::Impersonated => copy(other.path(), home.path()),
    }
}

/// Puts the log back to what it was after six records.
async fn roll_back(home: &Home) {
    if home.cluster().is_none() {
        return copy(&home.path().join("old"), home.path());
    }
    let mut saboteur = home.saboteur().await;
    for statement in [
        "DELETE FROM record WHERE idx >= 6",
        "DELETE FROM checkpoint WHERE size > 6",
        "DELETE FROM data_key WHERE id > 1",
        "UPDATE log SET size = 6 WHERE size = 12",
    ] {
        saboteur.run(statement).await;
    }
}

async fn each_attack_is_told_apart(of: Home) {
    let other = log(of.another(), "another", SIZE + 1).await;
    for attack in matrix() {
        let home = log(of.another(), "C-771", SIZE).await;
        let (key, kept) = (authority(home.path()), newest(home.path()).await);
        let public = keyring(home.path()).signer().unwrap().verifier_key();
        carry_out(&attack.act, &home, &other).await;
        let judged = async |authority, anchors: &[Vec<u8>]| -> Report {
            let mut ledger = reader(home.path()).await.unwrap();
            let report = audit::verify_ledger(ledger.as_mut(), authority, anchors);
            report.await.unwrap()
        };
        let alone = judged(key, &[]).await;
        assert_eq!(alone.findings, attack.alone, "{}", attack.name);
        let key = audit::checkpoint::Authority::parse(&public).unwrap();
        let report = judged(key, &[kept]).await;
        assert_eq!(report.findings, attack.kept, "{}, kept", attack.name);
    }
}

/// Proofs need no key, so swapped data keys are told by who reads: each is bound to its id and its log.
async fn swapped_data_keys_open_nothing(of: Home) {
    let other = log(of.another(), "another", SIZE).await;
    for statement in [
        "UPDATE data_key SET wrapped = (SELECT wrapped FROM other.data_key WHERE id = 1) WHERE id = 1",
        "UPDATE data_key SET wrapped = (SELECT wrapped FROM data_key WHERE id = 2) WHERE id = 1",
    ] {
        let home = log(of.another(), "C-771", SIZE).await;
        let keys = || Keys::from_keyring(&keyring(home.path())).unwrap();
        let read = async || {
            let ledger = reader(home.path()).await.unwrap();
            let mut archive = Archive::new(ledger, keys()).unwrap();
            let filter = Filter {
                from: Some(0),
                limit: 100,
                ..Filter::default()
            };
            archive.list(filter, |_| true).await
        };
        assert_eq!(read().await.unwrap().len() as u64, SIZE);
        let mut saboteur = home.saboteur().await.beside(other.path()).await;
        saboteur.run(statement).await;
        assert!(read().await.is_err(), "{statement}");
    }
}

crate::on_both! {
    each_attack_is_told_apart,
    swapped_data_keys_open_nothing,
}
