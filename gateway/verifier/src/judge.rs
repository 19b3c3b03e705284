//! The judgement itself.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read as _},
    path::{Path, PathBuf},
};

use proof::{
    Report, Verdict,
    bookmark::{BookmarkError, Kept},
    checkpoint::{Authority, Examined, Forgery, MalformedKey, NOTE_BYTES_MAX},
    export, parallel,
    witness::{MalformedWitness, WitnessKey, Witnesses, WitnessesError},
};
use serde::Serialize;
use tiles::{Proof, TilesError};

use crate::{
    arguments::{By, Later, Long},
    progress::Bar,
};

/// Why there is no judgement.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("`{}` cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "`--key` is no public key; it is the line that `tidegate audit key` prints, or a file that holds it"
    )]
    Key(#[source] MalformedKey),
    #[error(
        "`--witness` is no public key of a witness; it is the line that `tidegate witness key` prints, or a file that holds it"
    )]
    Witness(#[source] MalformedWitness),
    #[error("`--witness` and `--quorum` do not go together")]
    Witnesses(#[source] WitnessesError),
    #[error("`--successor` is a key of another log than `--key`")]
    Successor,
    #[error("the tiles cannot be judged")]
    Tiles(#[from] TilesError),
    #[error("where it ended cannot be told")]
    Bookmark(#[from] BookmarkError),
    #[error("the bookmark `{}` cannot be removed", path.display())]
    Afresh { path: PathBuf, source: io::Error },
    #[error("`--checkpoint` is missing: which one must the log continue?")]
    NoCheckpoint,
    #[error(
        "one checkpoint does not show that it continues another; the tiles do: use `consistency`"
    )]
    Tileless,
    #[error("the answer cannot be written")]
    Said { source: io::Error },
}

impl Fault {
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }
}

/// What few tiles and signatures show.
#[derive(Serialize)]
pub(crate) struct Shown {
    pub(crate) verdict: Verdict,
    log: String,
    size: u64,
    /// The root, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Forgery>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cosigned: Option<proof::witness::Cosigned>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    proofs: Vec<Proof>,
}

impl Shown {
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("log          {}", self.log),
            format!("records      {}", self.size),
        ];
        lines.extend(
            self.root
                .as_ref()
                .map(|root| format!("root         {root}")),
        );
        lines.extend(self.cosigned.map(|it| {
            format!(
                "witnessed    by {}, at {} by their clocks",
                it.witnesses, it.at
            )
        }));
        for proof in &self.proofs {
            let header = proof.header.map(|header| {
                let at = header.at_us / 1_000_000;
                format!(
                    "record       {}, {}, at {at}",
                    header.index,
                    header.kind.name()
                )
            });
            lines.extend(header);
            lines.extend(proof.hashes.iter().map(|it| format!("proof        {it}")));
        }
        lines.push(match (self.verdict, &self.why) {
            (Verdict::Intact, _) => "intact".to_owned(),
            (verdict, None) => format!("NOT INTACT: {}", verdict.meaning()),
            (verdict, Some(why)) => format!("NOT INTACT: {}: {why}", verdict.meaning()),
        });
        lines
    }
}

pub(crate) fn export(file: &Path, by: &By, long: &Long) -> Result<Report, Fault> {
    let (authority, anchors) = (authority(by)?, anchors(by)?);
    let opened = File::open(file).map_err(Fault::read(file))?;
    let length = opened.metadata().map_err(Fault::read(file))?.len();
    let (bar, mut kept) = (Bar::new(length, true), kept(long)?);
    let manner = export::Manner {
        threads: threads(long),
        from: kept.read()?,
        told: &mut |progress, bookmark| {
            bar.at(progress.bytes, progress.records);
            kept.write(bookmark)
        },
    };
    let report = export::verify_in(manner, BufReader::new(opened), authority, &anchors);
    let report = report.map_err(Fault::read(file))?;
    kept.done();
    Ok(report)
}

pub(crate) fn tiles(folder: &Path, by: &By, long: &Long) -> Result<Report, Fault> {
    let (authority, anchors) = (authority(by)?, anchors(by)?);
    let (bar, mut kept) = (Bar::new(0, false), kept(long)?);
    let manner = tiles::Manner {
        threads: threads(long),
        from: kept.read()?,
        told: &mut |progress, size, bookmark| {
            bar.of(size);
            bar.at(progress.records, progress.records);
            kept.write(bookmark)
        },
    };
    let report = tiles::verify(manner, folder, authority, &anchors)?;
    kept.done();
    Ok(report)
}

pub(crate) fn record(folder: &Path, index: u64, by: &By, later: &Later) -> Result<Shown, Fault> {
    let (keys, anchors) = (Keys::of(by, later)?, anchors(by)?);
    let (mut shown, new) = head(&folder.join("checkpoint"), &keys)?;
    if let Some(new) = new {
        let proof = tiles::prove_record(folder, new.checkpoint, index)?;
        shown.settle(proof, Verdict::Rewritten);
        shown.continues(folder, &keys, new.checkpoint, &anchors)?;
    }
    Ok(shown)
}

pub(crate) fn consistency(folder: &Path, by: &By, later: &Later) -> Result<Shown, Fault> {
    let (keys, anchors) = (Keys::of(by, later)?, anchors(by)?);
    if anchors.is_empty() {
        return Err(Fault::NoCheckpoint);
    }
    let (mut shown, new) = head(&folder.join("checkpoint"), &keys)?;
    if let Some(new) = new {
        shown.continues(folder, &keys, new.checkpoint, &anchors)?;
    }
    Ok(shown)
}

pub(crate) fn checkpoint(file: &Path, by: &By, later: &Later) -> Result<Shown, Fault> {
    if !by.checkpoint.is_empty() {
        return Err(Fault::Tileless);
    }
    Ok(head(file, &Keys::of(by, later)?)?.0)
}

/// The keys of one log that are given, as they succeed each other: where the records of that are is not known, so that
/// each counts for every size.
struct Keys {
    first: Authority,
    later: Vec<Authority>,
}

impl Keys {
    fn of(by: &By, Later { successor }: &Later) -> Result<Self, Fault> {
        let first = authority(by)?;
        let keys = successor.iter().map(|key| {
            let key = Authority::parse(&text(key)?).map_err(Fault::Key)?;
            if key.origin() != first.origin() {
                return Err(Fault::Successor);
            }
            Ok(key.with_witnesses(first.witnesses().clone()))
        });
        let later = keys.collect::<Result<_, _>>()?;
        Ok(Self { first, later })
    }

    /// The checkpoint in `note`, if one of them signed it.
    fn examine(&self, note: &[u8]) -> Result<Examined, Forgery> {
        let told = self.first.examine(note);
        let mut others = self.later.iter().map(|key| key.examine(note));
        match told {
            Err(Forgery::UnknownKey) => others
                .find(|told| told != &Err(Forgery::UnknownKey))
                .unwrap_or(told),
            told => told,
        }
    }
}

impl Shown {
    fn forged(&mut self, why: Forgery) {
        self.verdict = self.verdict.max(Verdict::from(why));
        self.why = Some(why);
    }

    /// Whether the log in `folder`, which ends in `new`, continues what was kept elsewhere.
    fn continues(
        &mut self,
        folder: &Path,
        keys: &Keys,
        new: proof::checkpoint::Checkpoint,
        anchors: &[Vec<u8>],
    ) -> Result<(), Fault> {
        for anchor in anchors {
            match keys.examine(anchor).map(|it| it.checkpoint) {
                Err(why) => self.forged(why),
                Ok(old) if old.size > new.size => {
                    self.verdict = self.verdict.max(Verdict::RolledBack);
                }
                Ok(old) => {
                    let proof = tiles::prove_consistency(folder, new, old)?;
                    self.settle(proof, Verdict::Forked);
                }
            }
        }
        Ok(())
    }

    fn settle(&mut self, proof: Proof, otherwise: Verdict) {
        if !proof.holds {
            self.verdict = self.verdict.max(otherwise);
        }
        self.proofs.push(proof);
    }
}

/// A checkpoint, and what it says.
fn head(file: &Path, keys: &Keys) -> Result<(Shown, Option<Examined>), Fault> {
    let note = note(file)?;
    let (examined, authority) = (keys.examine(&note), &keys.first);
    let mut shown = Shown {
        verdict: Verdict::Intact,
        log: authority.origin().to_owned(),
        size: 0,
        root: None,
        why: None,
        cosigned: None,
        proofs: Vec::new(),
    };
    match examined {
        Err(why) => shown.forged(why),
        Ok(it) => {
            shown.size = it.checkpoint.size;
            shown.root = Some(hex::encode(it.checkpoint.root));
            shown.cosigned = it.cosigned;
            if it.cosigned.is_none() && authority.witnesses().quorum() > 0 {
                shown.verdict = Verdict::Unwitnessed;
            }
        }
    }
    Ok((shown, examined.ok()))
}

/// Where an earlier sitting ended, if it is to go on from there.
fn kept(long: &Long) -> Result<Kept, Fault> {
    let path = long.bookmark.clone().unwrap_or_default();
    Kept::new(long.bookmark.as_deref(), long.afresh)
        .map_err(|source| Fault::Afresh { path, source })
}

fn threads(long: &Long) -> usize {
    long.threads.map_or_else(parallel::threads, usize::from)
}

fn authority(by: &By) -> Result<Authority, Fault> {
    let key = text(&by.key)?;
    let authority = Authority::parse(&key).map_err(Fault::Key)?;
    let keys = by
        .witness
        .iter()
        .map(|key| WitnessKey::parse(&text(key)?).map_err(Fault::Witness));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let quorum = by.quorum.unwrap_or(keys.len());
    let witnesses = Witnesses::new(keys, quorum).map_err(Fault::Witnesses)?;
    Ok(authority.with_witnesses(witnesses))
}

fn anchors(by: &By) -> Result<Vec<Vec<u8>>, Fault> {
    by.checkpoint.iter().map(|path| note(path)).collect()
}

fn note(path: &Path) -> Result<Vec<u8>, Fault> {
    let mut note = Vec::new();
    let limit = NOTE_BYTES_MAX as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut note));
    read.map_err(Fault::read(path))?;
    Ok(note)
}

/// The key itself, or what is in the file of this name.
fn text(key: &str) -> Result<String, Fault> {
    let path = Path::new(key);
    if path.is_file() {
        return fs::read_to_string(path).map_err(Fault::read(path));
    }
    Ok(key.to_owned())
}
