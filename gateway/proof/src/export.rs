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

mod batch;
mod verify;

use std::io::{self, Write};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

pub use verify::{Bookmark, Manner, Progress, verify, verify_in};

use crate::{checkpoint::NOTE_BYTES_MAX, leaf::LEAF_BYTES_READ_MAX, tree::DIGEST_BYTES};

/// The version of the format.
const VERSION: u32 = 1;

/// A line holds a leaf in base64 or a note in JSON, and some names.
pub const LINE_BYTES_MAX: usize = LEAF_BYTES_READ_MAX / 3 * 4 + NOTE_BYTES_MAX * 2;

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

/// Writes the first line: whose log it is, and its newest checkpoint.
pub fn begin(out: &mut (dyn Write + Send), key: &str, head: Option<String>) -> io::Result<()> {
    let first = First {
        tidegate_export: VERSION,
        origin: key.split('+').next().unwrap_or_default().to_owned(),
        key: key.to_owned(),
        head,
    };
    put(out, &first)
}

/// Writes the line of a record; of its nodes the first, the leaf's own hash.
pub fn record(
    out: &mut (dyn Write + Send),
    index: u64,
    leaf: &[u8],
    nodes: &[u8],
) -> io::Result<()> {
    let hash = nodes.get(..DIGEST_BYTES).unwrap_or(nodes);
    let line = Line::Record {
        index,
        leaf: BASE64_STANDARD.encode(leaf),
        hash: BASE64_STANDARD.encode(hash),
    };
    put(out, &line)
}

/// Writes the line of a checkpoint.
pub fn checkpoint(out: &mut (dyn Write + Send), size: u64, note: String) -> io::Result<()> {
    let checkpoint = note;
    put(out, &Line::Checkpoint { size, checkpoint })
}

fn put(out: &mut (dyn Write + Send), line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    out.write_all(&text)
}

#[cfg(test)]
mod tests;
