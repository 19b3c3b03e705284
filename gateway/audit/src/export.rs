//! A log as a file that anybody can check with its public key alone.
//!
//! JSON, one object a line, each line ended by a line feed:
//!
//! | line | fields |
//! |---|---|
//! | the first | `tidegate_export` (version, 1), `origin`, `key` (the public key, for information: trust the one you were given), `head` (the newest checkpoint: a file cut at its end is short of it) |
//! | a record | `index`, `leaf` (the sealed leaf, base64), `hash` (RFC 6962 leaf hash, base64) |
//! | a checkpoint | `size`, `checkpoint` (C2SP signed note) |
//!
//! Records stand in order, each checkpoint after the last record that it covers.

use std::io::{self, BufRead, Read as _, Write};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use crate::{
    ArchiveError, Ledger, Report,
    checkpoint::{Authority, NOTE_BYTES_MAX},
    query::{Step, Walk},
    seal::LEAF_BYTES_MAX,
    tree::DIGEST_BYTES,
    verify::Verifier,
};

/// The version of the format.
const VERSION: u32 = 1;

/// A line holds a leaf in base64 or a note in JSON, and some names.
pub const LINE_BYTES_MAX: usize = LEAF_BYTES_MAX / 3 * 4 + NOTE_BYTES_MAX * 2;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    tidegate_export: u32,
    origin: String,
    key: String,
    head: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    Record {
        index: u64,
        leaf: String,
        hash: String,
    },
    Checkpoint {
        size: u64,
        checkpoint: String,
    },
}

/// Writes the log in `ledger` as it is now; gives the number of records. `key` is the log's
/// public key.
pub async fn write(
    ledger: &mut dyn Ledger,
    key: &str,
    out: &mut (dyn Write + Send),
) -> Result<u64, ArchiveError> {
    let mut walk = Walk::start(ledger).await?;
    let first = First {
        tidegate_export: VERSION,
        origin: key.split('+').next().unwrap_or_default().to_owned(),
        key: key.to_owned(),
        head: walk.head.checkpoint.as_ref().map(|(_, note)| note.clone()),
    };
    put(out, &first)?;
    let mut records = 0;
    while let Some(step) = walk.step(ledger).await? {
        let line = match step {
            Step::Row(row) => {
                records += 1;
                let hash = row.nodes.get(..DIGEST_BYTES).unwrap_or(&row.nodes);
                Line::Record {
                    index: row.index,
                    leaf: BASE64_STANDARD.encode(&row.leaf),
                    hash: BASE64_STANDARD.encode(hash),
                }
            }
            Step::Checkpoint(size, checkpoint) => Line::Checkpoint { size, checkpoint },
        };
        put(out, &line)?;
    }
    out.flush()?;
    Ok(records)
}

fn put(out: &mut (dyn Write + Send), line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    out.write_all(&text)
}

/// Judges an export by the public key and by checkpoints kept elsewhere. Nothing in the file is
/// trusted, and no line of it is held that is longer than [`LINE_BYTES_MAX`].
pub fn verify(
    mut export: impl BufRead,
    authority: Authority,
    anchors: &[Vec<u8>],
) -> io::Result<Report> {
    let mut verifier = Verifier::new(authority);
    for anchor in anchors {
        verifier.anchor(anchor);
    }
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let limit = LINE_BYTES_MAX as u64 + 1;
        let read = export.by_ref().take(limit).read_until(b'\n', &mut line)?;
        number += 1;
        if read == 0 && number > 1 {
            return Ok(verifier.finish());
        }
        let whole = line.strip_suffix(b"\n");
        let taken = match whole {
            Some(text) if number == 1 => first(text, &mut verifier),
            Some(text) => later(text, &mut verifier),
            None if read > LINE_BYTES_MAX => {
                skip_line(&mut export)?;
                Err("longer than any record")
            }
            None => Err("it does not end"),
        };
        if let Err(what) = taken {
            verifier.malformed(number, what);
        }
    }
}

fn first(text: &[u8], verifier: &mut Verifier) -> Result<(), &'static str> {
    let first: First = serde_json::from_slice(text).map_err(|_| "no head of an export")?;
    if first.tidegate_export != VERSION {
        return Err("an unknown version of the format");
    }
    if let Some(head) = first.head {
        verifier.checkpoint(head.as_bytes(), None);
    }
    let authority = verifier.authority();
    if first.origin != authority.origin() || !authority.is(&first.key) {
        return Err("it names another log or key");
    }
    Ok(())
}

fn later(text: &[u8], verifier: &mut Verifier) -> Result<(), &'static str> {
    match serde_json::from_slice(text).map_err(|_| "neither record nor checkpoint")? {
        Line::Record { index, leaf, hash } => {
            // What is no base64 any more was edited; its place in the log is known all the same.
            let leaf = BASE64_STANDARD.decode(leaf).unwrap_or_default();
            let hash = BASE64_STANDARD.decode(hash).unwrap_or_default();
            verifier.record(index, &leaf, &hash);
        }
        Line::Checkpoint { size, checkpoint } => {
            verifier.checkpoint(checkpoint.as_bytes(), Some(size));
        }
    }
    Ok(())
}

/// Reads on to the end of the line without keeping it.
fn skip_line(export: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = export.fill_buf()?;
        let Some(end) = buffer.iter().position(|byte| *byte == b'\n') else {
            let length = buffer.len();
            export.consume(length);
            if length == 0 {
                return Ok(());
            }
            continue;
        };
        export.consume(end + 1);
        return Ok(());
    }
}
