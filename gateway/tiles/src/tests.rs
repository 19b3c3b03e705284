use std::{collections::BTreeMap, fs, io, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::SigningKey;
use proof::{
    Finding, Report, Verdict,
    checkpoint::{Authority, sign},
    tree::{Tree, leaf_hash},
};
use signed_note::StandardSigner;
use tempfile::TempDir;

use super::*;

mod succession;

/// A log in memory, with a key of Go's form.
struct Log {
    signer: StandardSigner,
    authority: Authority,
    leaves: Vec<Vec<u8>>,
}

impl Log {
    fn new(seed: u8) -> Self {
        let (name, seed) = ("log.example/1", [seed; 32]);
        let public = SigningKey::from_bytes(&seed).verifying_key();
        let key = signed_note::new_ed25519_verifier_key(name, &public);
        let id = signed_note::key_id(name, &[&[1], &public.to_bytes()[..]].concat());
        let secret = BASE64_STANDARD.encode([&[1], &seed[..]].concat());
        let secret = format!("PRIVATE+KEY+{name}+{id:08x}+{secret}");
        Self {
            signer: StandardSigner::new(&secret).unwrap(),
            authority: Authority::parse(&key).unwrap(),
            leaves: Vec::new(),
        }
    }

    fn grow(&mut self, to: usize, what: &str) {
        for index in self.leaves.len()..to {
            self.leaves.push(leaf(index as u64, what));
        }
    }

    fn note(&self, size: usize) -> String {
        let mut tree = Tree::default();
        for leaf in &self.leaves[..size] {
            tree.append(leaf_hash(leaf));
        }
        sign(&tree, &self.signer).unwrap()
    }

    fn publish(&self, root: &Path, size: usize) -> Result<(), TilesError> {
        let mut publisher = Publisher::open(root, self.authority.clone())?;
        let from = usize::try_from(publisher.size()).unwrap();
        for (index, leaf) in self.leaves.iter().enumerate().take(size).skip(from) {
            publisher.append(index as u64, leaf)?;
        }
        publisher.publish(&self.note(size))
    }

    fn judge(&self, root: &Path, anchors: &[Vec<u8>]) -> Report {
        let manner = Manner {
            threads: 3,
            from: None,
            told: &mut |_, _, _| Ok(()),
        };
        verify(manner, root, self.authority.clone(), anchors).unwrap()
    }
}

/// A leaf with a header: an opening.
fn leaf(index: u64, what: &str) -> Vec<u8> {
    let mut leaf = vec![1, 5];
    leaf.extend(1_u32.to_be_bytes());
    leaf.extend(index.to_be_bytes());
    leaf.extend(7_i64.to_be_bytes());
    leaf.extend(u64::MAX.to_be_bytes());
    leaf.extend([0; 28]);
    leaf.extend(what.as_bytes());
    leaf
}

/// Every file of a folder, but the lock.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name() != Some(".publishing".as_ref()) {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

fn published(size: usize) -> (TempDir, Log) {
    let (home, mut log) = (tempfile::tempdir().unwrap(), Log::new(1));
    log.grow(size, "a");
    log.publish(home.path(), size).unwrap();
    (home, log)
}

#[test]
fn a_log_of_every_size_verifies_and_continues_every_smaller_one() {
    let (home, mut log) = (tempfile::tempdir().unwrap(), Log::new(1));
    let mut kept = Vec::new();
    for size in [1, 2, 255, 256, 257, 511, 512, 700, 66_000] {
        log.grow(size, "a");
        log.publish(home.path(), size).unwrap();
        let report = log.judge(home.path(), &kept);
        assert_eq!(report.findings, [], "{size}");
        assert_eq!((report.size, report.signed), (size as u64, size as u64));
        kept.push(log.note(size).into_bytes());
    }
    let files = files(home.path());
    // 257 full tiles of leaves and one of 208; one full of those, one of 1; and one of that.
    assert_eq!(files["tile/0/256"].len(), 8192);
    assert_eq!(files["tile/0/257.p/208"].len(), 208 * 32);
    assert_eq!(files["tile/1/000"].len(), 8192);
    assert_eq!(files["tile/1/001.p/1"].len(), 32);
    assert_eq!(files["tile/2/000.p/1"].len(), 32);
    // What is full has no parts any more.
    assert!(!files.keys().any(|name| name.starts_with("tile/0/000.p")));
    assert!(
        !files
            .keys()
            .any(|name| name.starts_with("tile/entries/002.p"))
    );
}

#[test]
fn each_record_is_proven_from_a_few_tiles() {
    let (home, log) = published(700);
    let new = log.authority.check(log.note(700).as_bytes()).unwrap();
    for index in [0, 1, 255, 256, 511, 512, 699] {
        let proof = prove_record(home.path(), new, index).unwrap();
        assert!(proof.holds, "{index}");
        assert_eq!(proof.header.unwrap().index, index);
    }
    assert!(prove_record(home.path(), new, 700).is_err());
    for size in [1, 255, 256, 300, 512, 699, 700] {
        let old = log.authority.check(log.note(size).as_bytes()).unwrap();
        assert!(
            prove_consistency(home.path(), new, old).unwrap().holds,
            "{size}"
        );
    }
    let mut other = Log::new(1);
    other.grow(300, "b");
    let old = other.authority.check(other.note(300).as_bytes()).unwrap();
    assert!(!prove_consistency(home.path(), new, old).unwrap().holds);
}

#[test]
fn whatever_is_done_to_a_file_is_told() {
    let (home, log) = published(700);
    let all = files(home.path());
    for (name, content) in &all {
        let path = home.path().join(name);
        for at in [0, content.len() / 2, content.len() - 1] {
            let mut changed = content.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            assert!(
                !log.judge(home.path(), &[]).is_intact(),
                "{name}, byte {at}"
            );
        }
        fs::write(&path, &content[..content.len() - 1]).unwrap();
        assert!(!log.judge(home.path(), &[]).is_intact(), "{name}, cut");
        fs::write(&path, [&content[..], b"x"].concat()).unwrap();
        assert!(!log.judge(home.path(), &[]).is_intact(), "{name}, longer");
        if name != "checkpoint" {
            fs::remove_file(&path).unwrap();
            let report = log.judge(home.path(), &[]);
            let missing = Finding::Missing { name: name.clone() };
            assert!(report.findings.contains(&missing), "{name}: {report:?}");
        }
        fs::write(&path, content).unwrap();
    }
    assert!(log.judge(home.path(), &[]).is_intact());
}

#[test]
fn histories_are_told_apart() {
    let (home, log) = published(600);
    let kept = [log.note(600).into_bytes()];
    // An older copy of the folder, and then another history from there.
    let old = tempfile::tempdir().unwrap();
    log.publish(old.path(), 300).unwrap();
    assert_eq!(log.judge(old.path(), &[]).verdict, Verdict::Intact);
    assert_eq!(log.judge(old.path(), &kept).verdict, Verdict::RolledBack);
    let mut fork = Log::new(1);
    fork.grow(300, "a");
    fork.grow(700, "b");
    fork.publish(old.path(), 700).unwrap();
    assert_eq!(fork.judge(old.path(), &[]).verdict, Verdict::Intact);
    assert_eq!(fork.judge(old.path(), &kept).verdict, Verdict::Forked);
    // Somebody else's log.
    assert_eq!(
        Log::new(2).judge(home.path(), &[]).verdict,
        Verdict::WrongKey
    );
}

#[test]
fn what_was_published_is_never_replaced_by_another_history() {
    let (home, log) = published(600);
    let before = files(home.path());
    let mut fork = Log::new(1);
    fork.grow(590, "a");
    fork.grow(900, "b");
    // The publisher goes on at 600 and sees that the roots differ; a fork that began within full tiles is the same.
    let forked = fork.publish(home.path(), 900);
    assert!(
        matches!(forked, Err(TilesError::Forked { size: 900 })),
        "{forked:?}"
    );
    let short = {
        let mut publisher = Publisher::open(home.path(), log.authority.clone()).unwrap();
        publisher.publish(&log.note(300))
    };
    assert!(matches!(short, Err(TilesError::Forked { size: 300 })));
    let other = Publisher::open(home.path(), Log::new(2).authority);
    assert!(matches!(other, Err(TilesError::Foreign { .. })));
    let after = files(home.path());
    assert_eq!(after["checkpoint"], before["checkpoint"]);
    assert!(log.judge(home.path(), &[]).is_intact());
    // What the fork left there is in nobody's way.
    let mut log = log;
    log.grow(900, "a");
    log.publish(home.path(), 900).unwrap();
    assert_eq!(log.judge(home.path(), &[]).verdict, Verdict::Intact);
}

#[test]
fn one_folder_has_one_publisher() {
    let (home, log) = published(3);
    let first = Publisher::open(home.path(), log.authority.clone()).unwrap();
    let second = Publisher::open(home.path(), log.authority.clone());
    assert!(matches!(second, Err(TilesError::Locked { .. })));
    drop(first);
    assert!(Publisher::open(home.path(), log.authority.clone()).is_ok());
}

#[test]
fn damaged_tiles_are_not_continued() {
    let (home, mut log) = published(700);
    let at = home.path().join("tile/entries/002.p/188");
    let mut content = fs::read(&at).unwrap();
    content[60] ^= 1;
    fs::write(&at, content).unwrap();
    log.grow(701, "a");
    let damaged = log.publish(home.path(), 701);
    assert!(
        matches!(damaged, Err(TilesError::Damaged { .. })),
        "{damaged:?}"
    );
}

/// A crash leaves what was written before it: each prefix of the files in their order, the last one perhaps as a
/// draft only. Each verifies as what was published before, and goes on from there.
#[test]
fn a_crash_at_any_moment_leaves_what_was_published() {
    let (home, mut log) = published(300);
    let before = files(home.path());
    log.grow(800, "a");
    log.publish(home.path(), 800).unwrap();
    let after = files(home.path());
    let new: Vec<_> = after
        .iter()
        .filter(|(name, _)| !before.contains_key(*name))
        .collect();
    assert!(new.len() > 5);
    for written in 0..=new.len() {
        let crashed = tempfile::tempdir().unwrap();
        let put = |name: &str, content: &[u8]| {
            let path = crashed.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        for (name, content) in &before {
            put(name, content);
        }
        for (name, content) in &new[..written] {
            put(name, content);
        }
        if let Some((name, content)) = new.get(written) {
            put(&format!("{name}.new"), &content[..content.len() / 2]);
        }
        let report = log.judge(crashed.path(), &[]);
        assert_eq!((report.findings.len(), report.size), (0, 300));
        log.publish(crashed.path(), 800).unwrap();
        let report = log.judge(crashed.path(), &[log.note(300).into_bytes()]);
        assert_eq!((report.findings.len(), report.size), (0, 800));
    }
}

#[test]
fn an_interrupted_verification_goes_on_from_its_bookmark() {
    let (home, mut log) = published(20_000);
    let mut kept = None;
    let stopped = verify(
        Manner {
            threads: 2,
            from: None,
            told: &mut |_, size, bookmark| {
                assert_eq!(size, 20_000);
                kept = bookmark;
                Err(io::ErrorKind::Interrupted.into())
            },
        },
        home.path(),
        log.authority.clone(),
        &[],
    );
    assert!(stopped.is_err());
    let kept: Bookmark = kept.unwrap();
    // It survives a file, and the log may have grown meanwhile.
    let text = serde_json::to_string(&kept).unwrap();
    log.grow(20_300, "a");
    log.publish(home.path(), 20_300).unwrap();
    let resume = |of: &Log, anchors: &[Vec<u8>]| {
        let mut first = None;
        let manner = Manner {
            threads: 2,
            from: Some(serde_json::from_str(&text).unwrap()),
            told: &mut |progress, _, _| {
                first.get_or_insert(progress.records);
                Ok(())
            },
        };
        let report = verify(manner, home.path(), of.authority.clone(), anchors).unwrap();
        (report, first.unwrap())
    };
    let (report, first) = resume(&log, &[]);
    assert!(first > 8192, "it went on, not back");
    let whole = log.judge(home.path(), &[]);
    assert!(report.resumed.is_some());
    let report = Report {
        resumed: None,
        ..report
    };
    assert_eq!(report, whole);
    // With other checkpoints to hold it to, it begins anew.
    let (report, first) = resume(&log, &[log.note(100).into_bytes()]);
    assert_eq!((report.findings.len(), first), (0, 8192));
}

type Told<'a> = &'a mut dyn FnMut(proof::export::Progress, u64, Option<Bookmark>) -> io::Result<()>;

#[test]
fn a_bookmark_at_the_end_of_a_log_does_not_spare_it_its_checkpoint() {
    let (home, log) = published(512);
    // Whoever can write the folder rewrites every tile in agreement, and leaves the checkpoint that is signed.
    let mut forged = Log::new(1);
    forged.grow(512, "b");
    let rewritten = tempfile::tempdir().unwrap();
    forged.publish(rewritten.path(), 512).unwrap();
    fs::copy(
        home.path().join("checkpoint"),
        rewritten.path().join("checkpoint"),
    )
    .unwrap();
    let judge = |from: Option<Bookmark>, told: Told<'_>| {
        let manner = Manner {
            threads: 2,
            from,
            told,
        };
        verify(manner, rewritten.path(), log.authority.clone(), &[])
    };
    let mut kept = None;
    let stopped = judge(None, &mut |_, _, bookmark| {
        kept = bookmark;
        Err(io::ErrorKind::Interrupted.into())
    });
    assert!(stopped.is_err() && kept.is_some());
    let report = judge(kept, &mut |_, _, _| Ok(())).unwrap();
    assert!(!report.is_intact(), "{report:?}");
    assert!(log.judge(home.path(), &[]).is_intact());
}

/// Those of a folder of so many records that never change, and those that do.
fn pieces(size: u64) -> Vec<Piece> {
    full(0, size).chain(partial(size)).collect()
}

#[test]
fn what_is_kept_for_good_is_what_was_signed() {
    let (home, log) = published(66_000);
    let checked = |piece: &Piece| {
        let opened = Checked::open(home.path(), &log.authority)?;
        opened.unwrap().read(piece)
    };
    let mut all = Checked::open(home.path(), &log.authority).unwrap().unwrap();
    assert_eq!((all.head().size, all.note()), (66_000, &*log.note(66_000)));
    for piece in pieces(66_000) {
        let content = fs::read(home.path().join(piece.name())).unwrap();
        assert_eq!(all.read(&piece).unwrap(), content, "{}", piece.name());
    }
    for name in [
        "tile/entries/000",
        "tile/0/255",
        "tile/1/000",
        "tile/entries/257.p/208",
        "tile/0/257.p/208",
        "tile/1/001.p/1",
        "tile/2/000.p/1",
    ] {
        let piece = pieces(66_000).into_iter().find(|it| it.name() == name);
        let (path, piece) = (home.path().join(name), piece.unwrap());
        let content = fs::read(&path).unwrap();
        let mut changed = content.clone();
        changed[content.len() / 2] ^= 1;
        let longer = [&content[..], b"x"].concat();
        for damaged in [&changed[..], &content[..content.len() - 1], b"", &longer] {
            fs::write(&path, damaged).unwrap();
            let said = checked(&piece);
            let is_told = matches!(
                said,
                Err(TilesError::Altered { .. } | TilesError::Damaged { .. })
            );
            assert!(is_told, "{name}: {said:?}");
        }
        fs::write(&path, content).unwrap();
        checked(&piece).unwrap();
    }
}

/// As a bucket has it: what is kept beside the tiles.
fn keep(log: &Log, root: &Path, size: usize) {
    let path = root.join(kept_name(size as u64, None));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, log.note(size)).unwrap();
}

#[test]
fn what_is_kept_beside_the_tiles_is_held_against_them() {
    let (home, log) = published(9000);
    for size in [1, 200, 256, 300, 8192, 9000] {
        keep(&log, home.path(), size);
    }
    let report = log.judge(home.path(), &[]);
    assert_eq!(report.findings, []);
    assert_eq!(report.checkpoints, 7, "all, and the newest once more");
    // The newest may be the one before the last that is kept, and is put back if it is older.
    let newest = home.path().join("checkpoint");
    fs::write(&newest, log.note(8192)).unwrap();
    assert_eq!(log.judge(home.path(), &[]).findings, []);
    fs::write(&newest, log.note(300)).unwrap();
    let put_back = Finding::PutBack {
        size: 300,
        signed: 9000,
    };
    let report = log.judge(home.path(), &[]);
    assert_eq!(report.findings, [put_back]);
    assert_eq!((report.verdict, report.size), (Verdict::RolledBack, 9000));
    fs::remove_file(&newest).unwrap();
    assert_eq!(log.judge(home.path(), &[]).verdict, Verdict::Malformed);
    fs::write(&newest, log.note(9000)).unwrap();
    // One of another history, in between and at the end; one that nobody signed; one under another's name.
    let mut other = Log::new(1);
    other.grow(9500, "b");
    let kept = |size| home.path().join(kept_name(size, None));
    for (size, note, verdict) in [
        (4000, other.note(4000), Verdict::Forked),
        (9500, other.note(9500), Verdict::Truncated),
        (5000, "nothing".to_owned(), Verdict::Forged),
        (9600, "nothing".to_owned(), Verdict::Forged),
        (6000, log.note(6001), Verdict::Inconsistent),
    ] {
        fs::write(kept(size), note).unwrap();
        assert_eq!(log.judge(home.path(), &[]).verdict, verdict, "{size}");
        fs::remove_file(kept(size)).unwrap();
    }
    assert!(log.judge(home.path(), &[]).is_intact());
}

/// What is found, or where it is to go on, if it is interrupted after so many looks.
fn sitting(
    root: &Path,
    authority: &Authority,
    from: Option<Box<Bookmark>>,
    stop: usize,
) -> Result<Report, Option<Box<Bookmark>>> {
    let (mut kept, mut told) = (None, 0);
    let manner = Manner {
        threads: 2,
        from: from.map(|it| *it),
        told: &mut |_, _, bookmark| {
            told += 1;
            kept = bookmark.or(kept.take());
            if told == stop {
                return Err(io::ErrorKind::Interrupted.into());
            }
            Ok(())
        },
    };
    let report = verify(manner, root, authority.clone(), &[]);
    report.map_err(|_| kept.map(Box::new))
}

/// What is found in two of them, and how many records the first one left behind it.
fn sittings(root: &Path, authority: &Authority, stop: usize) -> (Report, Option<u64>) {
    let kept = sitting(root, authority, None, stop).unwrap_err();
    let is_kept = kept.is_some();
    let report = sitting(root, authority, kept, usize::MAX).unwrap();
    assert!(is_kept || report.resumed.is_none());
    let resumed = report.resumed;
    let report = Report {
        resumed: None,
        ..report
    };
    (report, resumed)
}

/// Wherever it is interrupted, and wherever something is wrong, several sittings find what one finds.
#[test]
fn every_stop_gives_the_verdict_of_a_whole_sitting() {
    const SIZE: usize = 40_000;
    let (home, log) = published(SIZE);
    for size in (1000..=SIZE).step_by(1000) {
        keep(&log, home.path(), size);
    }
    let whole = || sitting(home.path(), &log.authority, None, usize::MAX).unwrap();
    let by_sittings = |stop| sittings(home.path(), &log.authority, stop).0;
    let damage = |name: &str| {
        let path = home.path().join(name);
        let content = fs::read(&path).unwrap();
        let mut changed = content.clone();
        changed[content.len() / 2] ^= 1;
        fs::write(&path, changed).unwrap();
        (path, content)
    };
    for name in [
        None,
        Some("tile/entries/003"),
        Some("tile/0/040"),
        Some("tile/entries/120"),
        Some("tile/1/000.p/156"),
        Some("checkpoints/00000000000000011000"),
        Some("checkpoints/00000000000000033000"),
    ] {
        let damaged = name.map(damage);
        let expected = whole();
        assert_eq!(expected.is_intact(), name.is_none(), "{name:?}");
        for stop in 1..=4 {
            assert_eq!(by_sittings(stop), expected, "{name:?}, stopped at {stop}");
        }
        if let Some((path, content)) = damaged {
            fs::write(path, content).unwrap();
        }
    }
}
