//! Another key signs the log from a record amid it on, and what is kept beside the tiles is by either.

use proof::{
    Header, Kind,
    checkpoint::Forgery,
    leaf::{stating, tag},
    succession,
};
use signed_note::Signer as _;

use super::*;

const SIZE: usize = 40_000;
/// The record by which the second key comes: in the third piece of a verification.
const AT: usize = 20_100;
const EVERY: usize = 1000;

/// The same records by the key that signs before it, and by the one after.
struct Succeeded {
    home: TempDir,
    first: Log,
    second: Log,
}

impl Succeeded {
    fn new() -> Self {
        let (home, mut first, mut second) =
            (tempfile::tempdir().unwrap(), Log::new(1), Log::new(2));
        first.grow(AT, "a");
        first.leaves.push(stated(&first, &second));
        first.grow(SIZE, "a");
        second.leaves.clone_from(&first.leaves);
        let log = Self {
            home,
            first,
            second,
        };
        let (root, by) = (log.home.path(), log.first.authority.clone());
        log.first.publish(root, AT).unwrap();
        let by = by.succeeded(AT as u64, log.second.authority.key()).unwrap();
        let mut publisher = Publisher::open(root, by).unwrap();
        for (index, leaf) in log.first.leaves.iter().enumerate().skip(AT) {
            publisher.append(index as u64, leaf).unwrap();
        }
        publisher.publish(&log.second.note(SIZE)).unwrap();
        // None is by both, as in a bucket that is not put into while they change.
        for size in (EVERY..=SIZE).step_by(EVERY) {
            keep(log.signing(size), root, size);
        }
        log
    }

    /// Whose checkpoint of so many records is true.
    fn signing(&self, size: usize) -> &Log {
        if size > AT { &self.second } else { &self.first }
    }

    /// What whoever has the first key finds.
    fn judged(&self) -> Report {
        self.first.judge(self.home.path(), &[])
    }

    /// The same with this in a file, or without the file.
    fn with(&self, name: &str, content: Option<&str>) -> Report {
        let path = self.home.path().join(name);
        let before = fs::read(&path).ok();
        match content {
            Some(content) => fs::write(&path, content).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let report = self.judged();
        match before {
            Some(before) => fs::write(&path, before).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        report
    }
}

/// The leaf of the record by which the key of `new` comes.
fn stated(old: &Log, new: &Log) -> Vec<u8> {
    let (index, log) = (old.leaves.len() as u64, tag(old.signer.name()));
    let before = (old.authority.key(), &old.signer as &dyn signed_note::Signer);
    let after = (new.authority.key(), &new.signer as &dyn signed_note::Signer);
    let statement = succession::sign(index, before, after).unwrap();
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

#[test]
fn who_has_the_first_key_follows_it_over_what_is_kept_and_over_sittings() {
    let log = Succeeded::new();
    let root = log.home.path();
    let whole = log.judged();
    assert_eq!(whole.findings, []);
    assert_eq!((whole.size, whole.signed), (SIZE as u64, SIZE as u64));
    assert_eq!(whole.checkpoints, (SIZE / EVERY + 1) as u64, "all of them");
    let came: Vec<_> = whole.successions.iter().map(|it| it.index).collect();
    assert_eq!((came, whole.since), (vec![AT as u64], None));
    // Before the record, and behind it: a bookmark has the keys that were named.
    let (mut before, mut behind) = (false, false);
    for stop in 1..=4 {
        let (report, resumed) = sittings(root, &log.first.authority, stop);
        assert_eq!(report, whole, "stopped at {stop}");
        let resumed = resumed.unwrap();
        before |= resumed < AT as u64;
        behind |= resumed > AT as u64;
    }
    assert!(before && behind);
    // As is told to whoever has both, by the keyring.
    let both = log.first.authority.clone();
    let both = both.succeeded(AT as u64, log.second.authority.key());
    let report = sitting(root, &both.unwrap(), None, usize::MAX).unwrap();
    assert_eq!(report, whole);
}

#[test]
fn who_has_the_second_key_is_told_since_when() {
    let log = Succeeded::new();
    let whole = log.second.judge(log.home.path(), &[]);
    assert_eq!(whole.findings, []);
    assert_eq!((whole.since, whole.size), (Some(AT as u64), SIZE as u64));
    assert_eq!(whole.unjudged, (AT / EVERY) as u64);
    for stop in 1..=4 {
        let (report, resumed) = sittings(log.home.path(), &log.second.authority, stop);
        assert_eq!(report, whole, "stopped at {stop}");
        // Nothing is decided before the record that vouches for older keys.
        assert!(resumed.is_none_or(|it| it > AT as u64));
    }
}

#[test]
fn the_end_is_found_though_its_key_is_not_known_yet() {
    let log = Succeeded::new();
    let Log { leaves, .. } = &log.first;
    let end = SIZE as u64;
    // Put back to what either key signed; the newest may be the one before the last that is kept.
    for (size, by, is_put_back) in [
        (300, &log.first, true),
        (AT + 300, &log.second, true),
        (SIZE - 1000, &log.second, false),
    ] {
        let report = log.with("checkpoint", Some(&by.note(size)));
        let size = size as u64;
        let expected = is_put_back.then_some(Finding::PutBack { size, signed: end });
        assert_eq!(report.findings, Vec::from_iter(expected), "{size}");
        assert_eq!((report.size, report.signed), (end, end), "{size}");
    }
    let report = log.with("checkpoint", None);
    assert_eq!(
        (report.verdict, report.size, report.signed),
        (Verdict::Malformed, end, end)
    );

    // The key that went signs on; somebody else's key, of what is there and of what is not.
    let mut more = leaves.clone();
    more.extend((SIZE..SIZE + 9000).map(|index| leaf(index as u64, "b")));
    let by = |seed| Log {
        leaves: more.clone(),
        ..Log::new(seed)
    };
    let kept = |size| kept_name(size as u64, None);
    let again = |size| kept_name(size as u64, Some(7));
    for (name, size, seed, verdict) in [
        (kept(AT + 50), AT + 50, 1, Verdict::Superseded),
        (again(SIZE), SIZE, 1, Verdict::Superseded),
        (kept(500), 500, 3, Verdict::WrongKey),
        (kept(SIZE - 500), SIZE - 500, 3, Verdict::WrongKey),
        (kept(SIZE + 9000), SIZE + 9000, 3, Verdict::WrongKey),
        (kept(SIZE + 9000), SIZE + 9000, 2, Verdict::Truncated),
        ("checkpoint".to_owned(), SIZE + 9000, 3, Verdict::WrongKey),
        ("checkpoint".to_owned(), SIZE + 9000, 2, Verdict::Truncated),
        (kept(SIZE - 500), SIZE - 400, 2, Verdict::Inconsistent),
    ] {
        let report = log.with(&name, Some(&by(seed).note(size)));
        assert_eq!(report.verdict, verdict, "{name} by {seed}: {report:?}");
        assert_eq!(report.size, end, "{name} by {seed}");
    }
    let forged = Finding::ForgedCheckpoint {
        size: end + 9000,
        why: Forgery::UnknownKey,
    };
    let report = log.with(&kept(SIZE + 9000), Some(&by(3).note(SIZE + 9000)));
    assert_eq!(report.findings, [forged]);
    assert!(log.judged().is_intact());
}

#[test]
fn of_many_that_are_kept_of_one_size_each_is_judged() {
    let log = Succeeded::new();
    let kept = |digest| kept_name(SIZE as u64 - 500, Some(digest));
    for digest in 0..6 {
        let path = log.home.path().join(kept(digest));
        fs::write(path, log.second.note(SIZE - 500)).unwrap();
    }
    assert_eq!(log.judged().findings, []);
    let mut other = Log::new(2);
    other.grow(SIZE, "b");
    for (note, verdict) in [
        (other.note(SIZE - 500), Verdict::Forked),
        (log.first.note(SIZE - 500), Verdict::Superseded),
        (
            Log {
                leaves: other.leaves.clone(),
                ..Log::new(3)
            }
            .note(SIZE - 500),
            Verdict::WrongKey,
        ),
    ] {
        let report = log.with(&kept(6), Some(&note));
        assert_eq!(report.verdict, verdict, "{report:?}");
    }
}
