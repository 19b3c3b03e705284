use std::fs;

use audit::Row;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A group of records of these lengths behind the first `first`.
fn group(first: u64, lengths: &[usize]) -> Group {
    let rows: Vec<_> = lengths
        .iter()
        .zip(first..)
        .map(|(length, index)| Row {
            index,
            leaf: vec![index.to_le_bytes()[0]; *length],
            nodes: vec![7; 32],
        })
        .collect();
    let size = first + rows.len() as u64;
    Group {
        rows,
        size,
        checkpoints: vec![(size, note(size))],
    }
}

fn note(size: u64) -> String {
    format!("note over {size}")
}

/// Where a database is that has so many records.
fn head(size: u64) -> Head {
    Head {
        size,
        checkpoint: (size > 0).then(|| (size, note(size))),
        // Leaves here are nothing that was sealed.
        key: u32::MAX,
    }
}

fn journal(home: &TempDir, size: u64) -> Journal {
    Journal::open(home.path(), head(size)).unwrap()
}

/// Appends what must have room.
fn keep(journal: &mut Journal, group: Group, fed: u64) -> u64 {
    match journal.append(group, fed).unwrap() {
        Appended::Kept(kept) => kept.size,
        Appended::Later(size, _) => panic!("no room until the database has {size}"),
        Appended::Past(_) => panic!("it is not for the journal"),
    }
}

/// What there is beyond a database with so many records.
fn found(home: &TempDir, size: u64) -> Vec<Row> {
    match beyond(home.path(), &head(size)).unwrap() {
        Beyond::Groups(groups) => groups.into_iter().flat_map(|it| it.rows).collect(),
        Beyond::Apart(why) => panic!("{why}"),
    }
}

/// Why it does not continue a database that ends so.
fn apart_from(home: &TempDir, head: &Head) -> String {
    match beyond(home.path(), head).unwrap() {
        Beyond::Groups(groups) => panic!("{} groups continue it", groups.len()),
        Beyond::Apart(why) => why,
    }
}

/// The file that is written first.
fn first_file(home: &TempDir) -> std::path::PathBuf {
    home.path().join(FILE_NAMES[1])
}

#[test]
fn what_the_database_does_not_have_is_found() {
    let home = tempfile::tempdir().unwrap();
    let mut journal = journal(&home, 0);
    assert_eq!(found(&home, 0), []);
    let groups = [group(0, &[3, 0]), group(2, &[70_000]), group(3, &[1])];
    let all: Vec<_> = groups.iter().flat_map(|it| it.rows.clone()).collect();
    for group in groups {
        keep(&mut journal, group, 0);
    }
    assert_eq!(found(&home, 0), all);
    assert_eq!(found(&home, 2), all[2..]);
    assert_eq!(found(&home, 4), []);
    // It ends in the middle of a group, which no database of this log does.
    assert!(apart_from(&home, &head(1)).contains("records 0 to 2"));
    journal.empty().unwrap();
    assert_eq!(found(&home, 0), []);
    assert_eq!(keep(&mut journal, group(4, &[5]), 4), 5);
    assert_eq!(found(&home, 4).len(), 1);
}

#[test]
fn a_file_is_begun_anew_only_when_the_database_has_what_is_in_it() {
    let home = tempfile::tempdir().unwrap();
    let mut journal = journal(&home, 0);
    let (mut size, mut fed, mut waits) = (0, 0, 0);
    // Ten times what both files hold.
    while size < 1_000 {
        match journal.append(group(size, &[90_000]), fed).unwrap() {
            Appended::Kept(kept) => size = kept.size,
            Appended::Later(needed, _) => {
                waits += 1;
                assert!(fed < needed && needed <= size, "{fed} {needed} {size}");
                let there: Vec<_> = found(&home, fed).iter().map(|row| row.index).collect();
                assert_eq!(there, (fed..size).collect::<Vec<_>>());
                fed = needed;
            }
            Appended::Past(_) => panic!("it has room"),
        }
    }
    assert!(waits > 10, "{waits}");
    assert_eq!(found(&home, fed).len() as u64, size - fed);
    let files = FILE_NAMES.map(|name| fs::metadata(home.path().join(name)).unwrap().len());
    assert_eq!(files, [FILE_BYTES as u64; 2], "no more than its room");
}

#[test]
fn a_journal_that_nobody_waits_for_stays_short() {
    let home = tempfile::tempdir().unwrap();
    let mut journal = journal(&home, 0);
    for size in 0..2_000 {
        keep(&mut journal, group(size, &[1_000]), size);
        assert!(journal.at <= ANEW_BYTES + 2_000, "{}", journal.at);
    }
}

#[test]
fn what_is_too_large_goes_past_it() {
    let home = tempfile::tempdir().unwrap();
    let mut journal = journal(&home, 0);
    keep(&mut journal, group(0, &[1]), 0);
    let appended = journal.append(group(1, &[900_000; 5]), 1).unwrap();
    assert!(matches!(appended, Appended::Past(_)));
    // What no database takes is not durable either; nor is what says nothing.
    assert!(journal.append(group(6, &[1 << 20]), 6).is_err());
    assert!(journal.append(group(6, &[]), 6).is_err());
    // What comes behind it is found, by a database that has it.
    keep(&mut journal, group(6, &[1]), 6);
    assert_eq!(found(&home, 6).len(), 1);
}

#[test]
fn groups_follow_one_another() {
    let home = tempfile::tempdir().unwrap();
    let mut journal = journal(&home, 5);
    for wrong in [group(4, &[1]), group(6, &[1])] {
        assert!(journal.append(wrong, 5).is_err());
    }
    assert_eq!(keep(&mut journal, group(5, &[1]), 5), 6);
}

#[test]
fn another_database_is_not_continued() {
    let home = tempfile::tempdir().unwrap();
    let mut journal = journal(&home, 3);
    keep(&mut journal, group(3, &[1]), 3);
    let other = Head {
        checkpoint: Some((3, "note of another log".into())),
        ..head(3)
    };
    assert!(apart_from(&home, &other).contains("another checkpoint"));
    // One that ends before it.
    assert!(apart_from(&home, &head(2)).contains("ends at 2"));
}

#[test]
fn a_file_that_is_no_journal_is_named_and_left() {
    let home = tempfile::tempdir().unwrap();
    fs::write(first_file(&home), "something else").unwrap();
    let refused = Journal::open(home.path(), head(0)).err().unwrap();
    let said = format!("{:?}", chain(&refused));
    assert!(said.contains(FILE_NAMES[1]), "{said}");
    let kept = fs::read(first_file(&home)).unwrap();
    assert!(kept.starts_with(b"something else"));
}

fn chain(error: &LedgerError) -> Vec<String> {
    let mut chain = Vec::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        chain.push(error.to_string());
        next = error.source();
    }
    chain
}

#[test]
fn what_could_not_be_written_is_written_before_anything_else() {
    let home = tempfile::tempdir().unwrap();
    let mut journal = journal(&home, 0);
    for stuck in [group(0, &[1, 2]), group(3, &[3])] {
        let first = stuck.first().unwrap();
        // A descriptor that nothing can be written by.
        let whole = std::mem::replace(
            &mut journal.halves[1].file,
            File::open(first_file(&home)).unwrap(),
        );
        assert!(journal.append(stuck.clone(), first).is_err());
        assert!(journal.is_stuck());
        assert_eq!(found(&home, first), []);
        assert!(journal.append(group(stuck.size, &[9]), first).is_err());
        assert!(journal.settle().is_err());
        journal.halves[1].file = whole;
        assert_eq!(journal.settle().unwrap().unwrap().rows, stuck.rows);
        assert!(!journal.is_stuck() && journal.settle().unwrap().is_none());
        assert_eq!(found(&home, first), stuck.rows);
        keep(&mut journal, group(stuck.size, &[9]), stuck.size);
    }
}

#[test]
fn what_an_emptied_journal_had_is_nothing_in_another_history() {
    let home = tempfile::tempdir().unwrap();
    let mut before = journal(&home, 0);
    for size in 0..4 {
        keep(&mut before, group(size, &[50]), 0);
    }
    before.empty().unwrap();
    // As long as what stood there; its checkpoints say the same, too.
    let mut after = journal(&home, 0);
    let mut other = group(0, &[50]);
    other.rows[0].leaf.fill(0xaa);
    let rows = other.rows.clone();
    keep(&mut after, other, 0);
    assert_eq!(found(&home, 0), rows);
}

#[test]
fn what_is_damaged_before_something_whole_is_said_to_be() {
    let home = tempfile::tempdir().unwrap();
    let mut journal = journal(&home, 0);
    let mut ends = vec![HEADER_BYTES];
    for size in 0..3 {
        keep(&mut journal, group(size, &[50]), 0);
        ends.push(usize::try_from(journal.at).unwrap());
    }
    let whole = fs::read(first_file(&home)).unwrap();
    // In the header, in the first group, in the second; what is in the last may be a crash.
    for (at, is_torn) in [
        (3, true),
        (17, true),
        (ends[0] + 40, true),
        (ends[1] + 40, true),
        (ends[2] + 40, false),
    ] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(first_file(&home), bytes).unwrap();
        if is_torn {
            assert!(apart_from(&home, &head(0)).contains("damaged"), "{at}");
        } else {
            assert_eq!(found(&home, 0).len(), 2);
        }
    }
}

#[test]
fn records_whose_key_is_not_there_are_not_taken() {
    let home = tempfile::tempdir().unwrap();
    let mut journal = journal(&home, 0);
    let log = audit::seal::tag("test.example/log");
    let header = Header {
        kind: audit::Kind::Start,
        key: 6,
        index: 0,
        at_us: 0,
        opening: None,
        log: Some(log),
    };
    let mut group = group(0, &[0]);
    group.rows[0].leaf = header.bytes(log).to_vec();
    group.rows[0].leaf.resize(100, 0);
    keep(&mut journal, group, 0);
    let with = |key| Head { key, ..head(0) };
    assert!(apart_from(&home, &with(5)).contains("data key 6"));
    assert!(matches!(
        beyond(home.path(), &with(6)).unwrap(),
        Beyond::Groups(groups) if groups.len() == 1
    ));
}

#[test]
fn what_is_no_file_is_not_read() {
    let home = tempfile::tempdir().unwrap();
    let elsewhere = home.path().join("elsewhere");
    fs::write(&elsewhere, "something").unwrap();
    std::os::unix::fs::symlink(&elsewhere, first_file(&home)).unwrap();
    assert!(beyond(home.path(), &head(0)).is_err());
    assert!(Journal::open(home.path(), head(0)).is_err());
    assert_eq!(fs::read(&elsewhere).unwrap(), b"something");
    fs::remove_file(first_file(&home)).unwrap();
    fs::create_dir(first_file(&home)).unwrap();
    assert!(beyond(home.path(), &head(0)).is_err());
}

#[test]
fn a_journal_that_was_not_made_whole_is_made_whole() {
    let home = tempfile::tempdir().unwrap();
    fs::write(first_file(&home), [0; 700]).unwrap();
    let mut journal = journal(&home, 0);
    keep(&mut journal, group(0, &[1]), 0);
    assert_eq!(found(&home, 0).len(), 1);
}

proptest! {
    // Each makes two files with all their room.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a crash left of the end, what was synced before is there, and nothing else.
    #[test]
    fn what_is_cut_off_or_changed_does_not_count(
        lengths in prop::collection::vec(prop::collection::vec(0_usize..300, 1..4), 1..8),
        cut in any::<prop::sample::Index>(),
        flip in prop::option::of(1_u8..),
    ) {
        let home = tempfile::tempdir().unwrap();
        let mut journal = journal(&home, 0);
        let (mut all, mut ends, mut size) = (Vec::new(), vec![HEADER_BYTES], 0);
        for lengths in &lengths {
            let group = group(size, lengths);
            all.push(group.rows.clone());
            size = keep(&mut journal, group, 0);
            ends.push(usize::try_from(journal.at).unwrap());
        }
        let end = *ends.last().unwrap();
        let at = HEADER_BYTES + cut.index(end - HEADER_BYTES);
        let mut bytes = fs::read(first_file(&home)).unwrap();
        match flip {
            Some(flip) => bytes[at] ^= flip,
            None => bytes[at..].fill(0),
        }
        fs::write(first_file(&home), &bytes).unwrap();
        let whole = ends[1..].iter().filter(|end| **end <= at).count();
        let Beyond::Groups(groups) = beyond(home.path(), &head(0)).unwrap() else {
            // Something whole is behind it, which a crash does not leave so.
            prop_assert!(flip.is_some() && whole + 1 < lengths.len());
            return Ok(());
        };
        // Of what is zero from there on the last bytes may have been zero before.
        let found: Vec<_> = groups.into_iter().flat_map(|it| it.rows).collect();
        let all: Vec<_> = all.into_iter().flatten().collect();
        let kept: usize = lengths[..whole].iter().map(Vec::len).sum();
        prop_assert!(found.len() >= kept);
        prop_assert_eq!(&found[..], &all[..found.len()]);
        if flip.is_some() {
            prop_assert_eq!(found.len(), kept);
        }
    }
}
