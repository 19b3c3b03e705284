use std::io::Cursor;

use super::*;
use crate::{
    Finding, Report, Verdict,
    checkpoint::{Authority, sign},
    testing::{leaf, signer},
    tree::{Tree, leaf_hash},
};

/// An export of so many records, a checkpoint after every tenth, and the log's authority.
fn exported(records: u64, seed: u8) -> (Vec<u8>, Authority) {
    let (signer, authority) = signer(seed);
    let (mut lines, mut tree) = (Vec::new(), Tree::default());
    for index in 0..records {
        let leaf = leaf(index);
        let nodes = tree.append(leaf_hash(&leaf));
        record(&mut lines, index, &leaf, &nodes).unwrap();
        if index % 10 == 9 || index + 1 == records {
            let note = sign(&tree, &signer).unwrap();
            checkpoint(&mut lines, index + 1, note).unwrap();
        }
    }
    let mut export = Vec::new();
    let head = sign(&tree, &signer).unwrap();
    begin(&mut export, authority.key(), Some(head)).unwrap();
    export.extend(lines);
    (export, authority)
}

#[test]
fn threads_and_sittings_change_nothing() {
    let (export, authority) = exported(40_000, 1);
    let whole = verify(Cursor::new(&export), authority.clone(), &[]).unwrap();
    assert_eq!((whole.verdict, whole.size), (Verdict::Intact, 40_000));
    let (mut kept, mut sittings) = (None, 0);
    let report = loop {
        sittings += 1;
        let mut told = 0;
        let manner = Manner {
            threads: 3,
            from: kept.take(),
            told: &mut |_, bookmark| {
                kept = bookmark;
                told += 1;
                // Each sitting ends after its second batch.
                if told > 1 {
                    Err(io::ErrorKind::Interrupted.into())
                } else {
                    Ok(())
                }
            },
        };
        match verify_in(manner, Cursor::new(&export), authority.clone(), &[]) {
            Ok(report) => break report,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Interrupted),
        }
        assert!(sittings < 40);
    };
    assert!(sittings > 1, "it was never interrupted");
    assert!(report.resumed.is_some_and(|it| it > 0 && it < 40_000));
    assert_eq!(
        Report {
            resumed: None,
            ..report
        },
        whole
    );
}

#[test]
fn a_bookmark_counts_for_nothing_else() {
    let (export, authority) = exported(40_000, 1);
    let mut kept = None;
    let manner = Manner {
        threads: 1,
        from: None,
        told: &mut |_, bookmark| {
            kept = kept.take().or(bookmark);
            Ok(())
        },
    };
    verify_in(manner, Cursor::new(&export), authority, &[]).unwrap();
    let (other, key) = exported(40_000, 2);
    let mut first = None;
    let manner = Manner {
        threads: 1,
        from: kept,
        told: &mut |progress, _| {
            first.get_or_insert(progress.records);
            Ok(())
        },
    };
    let report = verify_in(manner, Cursor::new(&other), key, &[]).unwrap();
    assert!(
        report.is_intact() && first.unwrap() <= 16_384,
        "it began anew"
    );
}

#[test]
fn what_is_wrong_is_found_in_parallel_as_alone() {
    let (export, authority) = exported(500, 1);
    let text = String::from_utf8(export).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let without = [&lines[..40], &lines[41..]].concat().concat();
    for threads in [1, 4] {
        let manner = Manner {
            threads,
            from: None,
            told: &mut |_, bookmark| {
                assert!(bookmark.is_none(), "nothing to go on from");
                Ok(())
            },
        };
        let report = verify_in(manner, Cursor::new(&without), authority.clone(), &[]).unwrap();
        let [Finding::Removed { count: 1, .. }] = report.findings[..] else {
            panic!("{:?}", report.findings);
        };
        assert_eq!(report.verdict, Verdict::Removed);
    }
}
