//! A log that somebody hands over, as lines and as tiles.

use std::{
    collections::BTreeMap,
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use proof::{
    Header, Kind, Report, Verdict,
    checkpoint::{Authority, sign},
    export,
    leaf::tag,
    tree::{Tree, leaf_hash},
    verify::FINDINGS_MAX,
};
use serde_json::Value;
use signed_note::StandardSigner;
use tiles::{KeptNote, Piece, Publisher, Source, TilesError};

use crate::{edits::edited, keys};

/// Whose log it is.
pub(crate) const ORIGIN: &str = "log.example/1";

/// Records of a log that is exported.
const FEW: u64 = 5;
/// Records of a log that is published: a full tile, and one that is not.
const MANY: u64 = 260;

/// A log.
pub(crate) struct Log {
    pub(crate) key: String,
    pub(crate) leaves: Vec<Vec<u8>>,
    pub(crate) tree: Tree,
    /// Its newest checkpoint.
    pub(crate) head: String,
    signer: StandardSigner,
}

impl Log {
    pub(crate) fn of(records: u64) -> Self {
        let (signer, key) = keys::signer(ORIGIN, 1);
        let (mut tree, mut leaves) = (Tree::default(), Vec::new());
        for index in 0..records {
            let leaf = leaf(index);
            tree.append(leaf_hash(&leaf));
            leaves.push(leaf);
        }
        Self {
            key,
            leaves,
            head: sign(&tree, &signer).expect("a checkpoint"),
            tree,
            signer,
        }
    }

    pub(crate) fn authority(&self) -> Authority {
        Authority::parse(&self.key).expect("a key")
    }

    fn lines(&self) -> Vec<u8> {
        let (mut lines, mut tree) = (Vec::new(), Tree::default());
        export::begin(&mut lines, &self.key, Some(self.head.clone())).expect("memory takes it");
        for (index, leaf) in (0..).zip(&self.leaves) {
            let nodes = tree.append(leaf_hash(leaf));
            export::record(&mut lines, index, leaf, &nodes).expect("memory takes it");
            if index % 2 == 0 {
                let note = sign(&tree, &self.signer).expect("a checkpoint");
                export::checkpoint(&mut lines, tree.size(), note).expect("memory takes it");
            }
        }
        lines
    }
}

/// A sealed record, as far as its header tells: an opening, its closing, a refusal, and so on.
pub(crate) fn leaf(index: u64) -> Vec<u8> {
    let (kind, opening) = match index % 3 {
        0 => (Kind::Open, None),
        1 => (Kind::Close, Some(index - 1)),
        _ => (Kind::Refuse, None),
    };
    let log = tag(ORIGIN);
    let header = Header {
        kind,
        key: 1,
        index,
        at_us: 7,
        opening,
        log: Some(log),
    };
    [&header.bytes(log)[..], &[0; 28]].concat()
}

/// The log as lines: any, and its own with edits.
pub fn export(data: &[u8]) {
    static LOG: OnceLock<(Vec<Vec<u8>>, String, String, Vec<u8>)> = OnceLock::new();
    let (leaves, key, head, lines) = LOG.get_or_init(|| {
        let log = Log::of(FEW);
        let lines = log.lines();
        (log.leaves, log.key, log.head, lines)
    });
    for lines in [data, &edited(lines, data)] {
        let authority = Authority::parse(key).expect("a key");
        let anchors = [head.clone().into_bytes()];
        let report = export::verify(Cursor::new(lines), authority, &anchors);
        let report = report.expect("memory can be read");
        check(&report);
        if report.is_intact() {
            assert_eq!(told(lines), *leaves);
        }
    }
}

fn check(report: &Report) {
    assert_eq!(report.is_intact(), report.verdict == Verdict::Intact);
    assert!(report.findings.len() <= FINDINGS_MAX);
}

/// The records of an export, read by other means.
fn told(lines: &[u8]) -> Vec<Vec<u8>> {
    let lines = lines.split(|byte| *byte == b'\n');
    let leaves = lines.filter_map(|line| {
        let line: Value = serde_json::from_slice(line).ok()?;
        BASE64_STANDARD.decode(line.get("leaf")?.as_str()?).ok()
    });
    leaves.collect()
}

/// What is published of a log.
#[derive(Clone)]
struct Published {
    files: BTreeMap<String, Vec<u8>>,
}

impl Published {
    /// As the publisher writes it.
    fn of(log: &Log) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut publisher = Publisher::open(folder.path(), log.authority()).expect("a publisher");
        for (index, leaf) in (0..).zip(&log.leaves) {
            publisher.append(index, leaf).expect("room for a leaf");
        }
        publisher.publish(&log.head).expect("a publication");
        let mut files = BTreeMap::new();
        for path in within(folder.path()) {
            let name = path.strip_prefix(folder.path()).expect("it is within");
            let name = name.to_str().expect("plain names").to_owned();
            files.insert(name, fs::read(&path).expect("a file"));
        }
        // What the publisher holds on to is no part of it.
        files.retain(|name, _| name == CHECKPOINT || name.starts_with("tile/"));
        Self { files }
    }
}

const CHECKPOINT: &str = "checkpoint";

fn within(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let all = paths.flat_map(|path| {
        if path.is_dir() {
            within(&path)
        } else {
            vec![path]
        }
    });
    all.collect()
}

impl Source for Published {
    fn place(&self) -> String {
        "memory".to_owned()
    }

    fn newest(&self) -> Result<Option<Vec<u8>>, TilesError> {
        Ok(self.files.get(CHECKPOINT).cloned())
    }

    fn kept(&self, _: u64, _: u64) -> Result<Vec<KeptNote>, TilesError> {
        Ok(Vec::new())
    }

    fn tile(&self, piece: &Piece) -> Result<Option<Vec<u8>>, TilesError> {
        Ok(self.files.get(&piece.name()).cloned())
    }
}

/// The log as tiles, one of which is edited, or is not there: the first byte says which.
pub fn tiles(data: &[u8]) {
    static LOG: OnceLock<(String, String, Published)> = OnceLock::new();
    let (key, head, whole) = LOG.get_or_init(|| {
        let log = Log::of(MANY);
        let whole = Published::of(&log);
        (log.key, log.head, whole)
    });
    let Some((which, script)) = data.split_first() else {
        return;
    };
    let mut there = whole.clone();
    let which = usize::from(*which) % there.files.len();
    let name = there.files.keys().nth(which).expect("it is one").clone();
    if script.is_empty() {
        there.files.remove(&name);
    } else if let Some(file) = there.files.get_mut(&name) {
        *file = edited(file, script);
    }
    let manner = tiles::Manner {
        threads: 1,
        from: None,
        told: &mut |_, _, _| Ok(()),
    };
    let authority = Authority::parse(key).expect("a key");
    let anchors = [head.clone().into_bytes()];
    let Ok(report) = tiles::verify_source(manner, &there, authority, &anchors) else {
        return;
    };
    check(&report);
    if report.is_intact() {
        // Others may have signed the checkpoint as well.
        there.files.remove(CHECKPOINT);
        let mut expected = whole.clone();
        expected.files.remove(CHECKPOINT);
        assert!(there.files == expected.files, "`{name}` was altered");
    }
}
