//! A whole document in, its findings out, each with its place and its raw bytes.
//!
//! This is the crate from the outside: [`Classifier::push`] takes the bytes as they arrive, cut
//! anywhere, and tells a [`Sink`] what it finds. The ranges of a finding are bytes of the document
//! as it was pushed, escapes and all, so that whoever replaces them leaves the rest as it is. Memory
//! is bounded by the longest piece that must be seen whole: a JSON token, a CSV record, a paragraph.

#[expect(dead_code, reason = "the walkers to come use the rest")]
mod desk;
mod json;
#[expect(dead_code, reason = "the walkers to come use the rest")]
pub(crate) mod map;
#[expect(dead_code, reason = "the walkers to come use the rest")]
mod path;
mod prose;
mod stream;
mod units;

use std::ops::Range;

use thiserror::Error;

use crate::Finding;
use crate::media::json::Unreadable as UnreadableJson;
use desk::Desk;
use stream::Stream;

/// What kind of document it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// RFC 8259.
    Json,
    /// A JSON document per line.
    Ndjson,
    /// Anything that people read.
    Text,
}

impl Media {
    /// The kind that a `content-type` names, if it is one that is read; parameters do not matter.
    pub fn named(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        Some(match essence.as_str() {
            "application/json" | "text/json" => Self::Json,
            "application/x-ndjson" | "application/jsonl" | "application/x-jsonlines" => {
                Self::Ndjson
            }
            json if json.ends_with("+json") => Self::Json,
            "application/xml" | "application/x-www-form-urlencoded" => Self::Text,
            text if text.starts_with("text/") => Self::Text,
            _ => return None,
        })
    }
}

/// What stands where. Never the value itself.
#[derive(Debug)]
pub struct Found<'a> {
    /// What it is. Its range is within the decoded value.
    pub finding: &'a Finding,
    /// A pointer (RFC 6901) to the value. Where a document is a sequence of lines, events or rows,
    /// the first token counts them.
    pub path: &'a str,
    /// Whether it stands in the name itself, not in the value under it.
    pub in_name: bool,
    /// Its bytes in the document, in order and without overlap: more than one where other bytes
    /// stand between its parts.
    pub ranges: &'a [Range<u64>],
}

/// Who is told what is found, in the order in which it is known.
pub trait Sink {
    /// One finding.
    fn found(&mut self, found: &Found<'_>);
}

impl<F: FnMut(&Found<'_>)> Sink for F {
    fn found(&mut self, found: &Found<'_>) {
        self(found);
    }
}

/// Not a document of its kind, or not one within the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// Not JSON.
    #[error(transparent)]
    Json(#[from] UnreadableJson),
    /// A piece that must be seen whole is longer than [`UNIT_BYTES_MAX`].
    #[error("the piece that begins at byte {offset} is too long")]
    TooLong {
        /// Where it begins.
        offset: u64,
    },
}

/// A line, a record or an event is held whole while it is judged; longer ones are refused, and
/// longer paragraphs of text are cut at white space.
pub const UNIT_BYTES_MAX: usize = 256 * 1024;

/// Finds everything sensitive in one document.
pub struct Classifier {
    desk: Desk,
    stream: Stream,
    failed: Option<Unreadable>,
}

impl Classifier {
    /// A classifier for one document.
    pub fn new(media: Media) -> Self {
        Self {
            desk: Desk::new(),
            stream: Stream::new(media),
            failed: None,
        }
    }

    /// Starts over with the next document, keeping what was learned of names.
    pub fn reset(&mut self, media: Media) {
        self.desk.clear();
        self.stream = Stream::new(media);
        self.failed = None;
    }

    /// Takes the next bytes. After an error every call repeats it.
    pub fn push(&mut self, chunk: &[u8], sink: &mut dyn Sink) -> Result<(), Unreadable> {
        self.step(|stream, desk| stream.push(chunk, desk, sink))
    }

    /// Ends the document.
    pub fn finish(&mut self, sink: &mut dyn Sink) -> Result<(), Unreadable> {
        self.step(|stream, desk| stream.finish(desk, sink))
    }

    fn step(
        &mut self,
        step: impl FnOnce(&mut Stream, &mut Desk) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let stepped = step(&mut self.stream, &mut self.desk);
        self.failed = stepped.err();
        stepped
    }
}
