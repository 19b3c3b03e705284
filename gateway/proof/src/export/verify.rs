//! Judges an export.

use std::io::{self, BufRead, Seek, SeekFrom};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use super::{
    First, Line, VERSION,
    batch::{self, Batch},
};
use crate::{
    checkpoint::Authority,
    parallel,
    verify::{Examination, Item, Piece, Report, State, Verifier},
};

/// What is wrong with the first line of another log's export.
const OTHER: &str = "it names another log or key";

/// Lines that are read at once, at most.
const LINES: usize = 16 * 1024;

/// How far a verification is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file that were read.
    pub bytes: u64,
    /// Records that were judged.
    pub records: u64,
}

/// Where a verification is to go on later. It vouches for what stands before its place: keep it as you keep
/// the verdict.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bookmark {
    /// What is verified by which keys and checkpoints: a hash.
    of: String,
    offset: u64,
    line: u64,
    state: State,
}

/// How to verify.
pub struct Manner<'a> {
    /// With so many threads.
    pub threads: usize,
    /// Where an earlier verification ended.
    pub from: Option<Bookmark>,
    /// Told after every batch; with where to go on from, unless something is wrong.
    pub told: &'a mut dyn FnMut(Progress, Option<Bookmark>) -> io::Result<()>,
}

/// Judges an export by the public key and by checkpoints kept elsewhere. Nothing in the file is
/// trusted, and no line of it is held that is longer than [`LINE_BYTES_MAX`](super::LINE_BYTES_MAX).
pub fn verify(
    export: impl BufRead + Seek,
    authority: Authority,
    anchors: &[Vec<u8>],
) -> io::Result<Report> {
    let manner = Manner {
        threads: 1,
        from: None,
        told: &mut |_, _| Ok(()),
    };
    verify_in(manner, export, authority, anchors)
}

/// As [`verify`], by several threads and in several sittings. A bookmark of something else, or of another
/// state of the file's first line, is left aside.
pub fn verify_in(
    manner: Manner<'_>,
    mut export: impl BufRead + Seek,
    authority: Authority,
    anchors: &[Vec<u8>],
) -> io::Result<Report> {
    let mut batch = Batch::default();
    batch.read(&mut export, 1)?;
    let head = batch
        .lines()
        .first()
        .and_then(|it| it.ok())
        .map(<[u8]>::to_vec);
    let of = authority.purpose(head.as_deref(), anchors);
    let mut at = Place {
        offset: batch.length,
        line: 1,
    };
    let from = manner.from.filter(|from| from.of == of);
    let resumed = from.and_then(|from| {
        let verifier = Verifier::resume(authority.clone(), from.state)?;
        Some((
            verifier,
            Place {
                offset: from.offset,
                line: from.line,
            },
        ))
    });
    let mut verifier = match resumed {
        Some((verifier, place)) => {
            at = place;
            verifier
        }
        None => Verifier::new(authority.clone()),
    };
    for anchor in anchors {
        verifier.anchor(anchor);
    }
    let opened = match batch.lines().first() {
        Some(Ok(text)) => first(text, &mut verifier),
        Some(Err(fault)) => Err(*fault),
        None => Err("it is empty"),
    };
    let named = opened.unwrap_or_else(|what| {
        verifier.malformed(1, what);
        None
    });
    export.seek(SeekFrom::Start(at.offset))?;
    loop {
        batch.read(&mut export, LINES)?;
        let lines = batch.lines();
        if lines.is_empty() {
            if named.is_some_and(|key| !verifier.authority().knows(&key)) {
                verifier.malformed(1, OTHER);
            }
            return Ok(verifier.finish());
        }
        // With the keys that the log named so far.
        let authority = verifier.authority().clone();
        for piece in parallel::map(manner.threads, &lines, |line| later(*line, &authority)) {
            at.line += 1;
            verifier.pour_line(piece, at.line);
        }
        at.offset += batch.length;
        let progress = Progress {
            bytes: at.offset,
            records: verifier.size(),
        };
        let bookmark = verifier.state().map(|state| Bookmark {
            of: of.clone(),
            offset: at.offset,
            line: at.line,
            state,
        });
        (manner.told)(progress, bookmark)?;
    }
}

/// Where in the file.
struct Place {
    offset: u64,
    line: u64,
}

/// Takes the first line in; gives the key that it names, if that may still prove to be one of the log's.
fn first(text: &[u8], verifier: &mut Verifier) -> Result<Option<String>, &'static str> {
    let first: First = serde_json::from_slice(text).map_err(|_| "no head of an export")?;
    if first.tidegate_export != VERSION {
        return Err("an unknown version of the format");
    }
    if let Some(head) = first.head {
        verifier.checkpoint(head.as_bytes(), None);
    }
    let authority = verifier.authority();
    if first.origin != authority.origin() || !first.key.starts_with(&format!("{}+", first.origin)) {
        return Err(OTHER);
    }
    Ok(Some(first.key))
}

fn later(line: batch::Line<'_>, authority: &Authority) -> Piece {
    let text = match line {
        Ok(text) => text,
        Err(fault) => return Piece::Malformed(fault),
    };
    match serde_json::from_slice(text) {
        Ok(Line::Record { index, leaf, hash }) => {
            // What is no base64 any more was edited; its place in the log is known all the same.
            let leaf = BASE64_STANDARD.decode(leaf).unwrap_or_default();
            let hash = BASE64_STANDARD.decode(hash).unwrap_or_default();
            Piece::Record(Item::new(index, &leaf, &hash))
        }
        Ok(Line::Checkpoint { size, checkpoint }) => {
            let examination = Examination::of(authority, checkpoint.as_bytes());
            Piece::Checkpoint(examination, size)
        }
        Err(_) => Piece::Malformed("neither record nor checkpoint"),
    }
}
