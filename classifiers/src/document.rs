//! A whole document in, its findings out, each with its place and its raw bytes.
//!
//! This is the crate from the outside: [`Classifier::push`] takes the bytes as they arrive, cut
//! anywhere, and tells a [`Sink`] what it finds. The ranges of a finding are bytes of the document
//! as it was pushed, escapes and all, so that whoever replaces them leaves the rest as it is. Memory
//! is bounded by the longest piece that must be seen whole: a JSON token, a CSV record, a paragraph.

mod arguments;
mod csv;
mod desk;
mod form;
mod grid;
mod growing;
mod html;
mod joined;
mod json;
pub(crate) mod map;
mod nested;
mod notation;
mod path;
mod prose;
mod sse;
mod stream;
mod units;
mod xml;

use std::ops::Range;
use std::sync::Arc;

use thiserror::Error;

use crate::declared::{Declared, Place};
use crate::media::csv as csv_syntax;
use crate::media::form as form_syntax;
use crate::media::json::Unreadable as UnreadableJson;
pub use crate::media::xml::Flaw as FlawXml;
use crate::operator::Operator;
use crate::{Context, Explanation, Finding, ValueKind, explain};
use desk::Desk;
pub use notation::Notation;
use stream::Stream;
use units::Out;

/// What kind of document it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// RFC 8259.
    Json,
    /// A JSON document per line.
    Ndjson,
    /// Server-sent events (WHATWG HTML section 9.2), JSON in them included.
    Sse,
    /// RFC 4180, with any of the usual delimiters.
    Csv,
    /// XML 1.0 without a document type.
    Xml,
    /// `application/x-www-form-urlencoded` (WHATWG URL section 5).
    Form,
    /// HTML, read as its text and its attributes.
    Html,
    /// Anything that people read.
    Text,
}

impl Media {
    /// The kind that a `content-type` names, if it is one that is read; parameters do not matter.
    pub fn named(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        Some(match essence.as_str() {
            // The last two are how services of AWS name it.
            "application/json"
            | "text/json"
            | "application/x-amz-json-1.0"
            | "application/x-amz-json-1.1" => Self::Json,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines"
            | "application/json-seq" => Self::Ndjson,
            "text/event-stream" => Self::Sse,
            "text/csv" | "text/tab-separated-values" => Self::Csv,
            "application/xml" | "text/xml" => Self::Xml,
            "application/x-www-form-urlencoded" => Self::Form,
            "text/html" | "application/xhtml+xml" => Self::Html,
            // One type only: of two, some take the first and some the last.
            list if list.contains(',') => return None,
            json if json.ends_with("+json") => Self::Json,
            xml if xml.ends_with("+xml") => Self::Xml,
            json if json.starts_with("text/") && json.ends_with("json") => Self::Ndjson,
            text if text.starts_with("text/") => Self::Text,
            _ => return None,
        })
    }
}

impl Media {
    /// The kind that files with this extension are.
    pub fn of_extension(extension: &str) -> Option<Self> {
        Some(match extension.to_ascii_lowercase().as_str() {
            "json" => Self::Json,
            "ndjson" | "jsonl" => Self::Ndjson,
            "sse" => Self::Sse,
            "csv" | "tsv" => Self::Csv,
            "xml" | "svg" | "rss" | "atom" => Self::Xml,
            "html" | "htm" | "xhtml" => Self::Html,
            "txt" | "md" | "log" | "env" | "hl7" => Self::Text,
            _ => return None,
        })
    }

    /// The kind that a document looks like which begins so.
    pub fn of_content(head: &[u8]) -> Self {
        let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
        let head = head.trim_ascii_start();
        let mut lines = head.split(|byte| *byte == b'\n');
        let (first, second) = (lines.next().unwrap_or_default(), lines.next());
        let page = |name: &[u8]| {
            head.get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        let event = |name: &&[u8]| first.starts_with(name);
        match head.first() {
            Some(b'{') if nested::is_json(first) && second.is_some_and(is_object) => Self::Ndjson,
            Some(b'{' | b'[' | b'"') => Self::Json,
            Some(b'<') if page(b"<!doctype html") || page(b"<html") => Self::Html,
            Some(b'<') => Self::Xml,
            _ if EVENT_FIELDS.iter().any(event) => Self::Sse,
            _ if form_syntax::is_form(head) => Self::Form,
            _ if is_table(first, second) => Self::Csv,
            _ => Self::Text,
        }
    }
}

/// What the lines of an event stream begin with.
const EVENT_FIELDS: [&[u8]; 4] = [b"data:", b"event:", b"id:", b"retry:"];

fn is_object(line: &[u8]) -> bool {
    line.first() == Some(&b'{')
}

/// Whether two lines have the same fields, and more than one.
fn is_table(first: &[u8], second: Option<&[u8]>) -> bool {
    let delimiter = csv_syntax::delimiter(first);
    let count = |line: &[u8]| csv_syntax::fields(line, delimiter).count();
    count(first) > 1 && second.is_none_or(|second| count(second) == count(first))
}

/// What stands where. Never the value itself.
#[derive(Debug)]
pub struct Found<'a> {
    /// What it is. Its range is within the decoded value.
    pub finding: &'a Finding,
    /// A pointer (RFC 6901) to the value. Where a document is a sequence of lines, events or rows,
    /// the first token counts them.
    pub path: &'a str,
    /// A pointer within the document that the value's string is; empty if it is none.
    pub inner: &'a str,
    /// Whether it stands in the name itself, not in the value under it.
    pub in_name: bool,
    /// Its bytes in the document, in order and without overlap: more than one where other bytes
    /// stand between its parts.
    pub ranges: &'a [Range<u64>],
    /// What kind of value it is part of.
    pub kind: ValueKind,
    /// The bytes of the JSON token that the value is, quotes included; empty where it is none. Text
    /// that was joined has none, since it is many.
    pub token: &'a [Range<u64>],
    /// How its bytes are written, outermost first: a JSON string in a JSON string is that twice.
    pub notations: &'a [Notation],
    /// Of the value, to explain it.
    context: &'a Context,
    /// The decoded bytes of what was found.
    text: &'a [u8],
}

impl Found<'_> {
    /// What was found, decoded: for whoever writes something in its place, never for a record.
    pub fn value(&self) -> &[u8] {
        self.text
    }

    /// Which rule, which name and which check made this finding.
    pub fn explanation(&self) -> Explanation {
        explain(self.context, self.finding, self.text)
    }
}

/// A text that is base64 or a data URL, or one that stands too deep to be opened: see
/// [`crate::embedded`].
#[derive(Debug)]
pub struct Embedded<'a> {
    /// The text, decoded.
    pub text: &'a [u8],
    /// As [`Found::path`].
    pub path: &'a str,
    /// As [`Found::inner`].
    pub inner: &'a str,
    /// All its bytes in the document.
    pub ranges: &'a [Range<u64>],
    /// As [`Found::token`].
    pub token: &'a [Range<u64>],
    /// As [`Found::notations`].
    pub notations: &'a [Notation],
    /// What is known of the place where it stands.
    pub context: &'a Context,
    /// How many documents in strings are around it.
    pub depth: usize,
}

/// Who is told what is found, in the order in which it is known.
pub trait Sink {
    /// One finding.
    fn found(&mut self, found: &Found<'_>);

    /// A text that holds another. Returns whether the sink has looked into it; if it has not, it is
    /// told what is found there, as if every finding were all of the text.
    fn embedded(&mut self, _embedded: &Embedded<'_>) -> bool {
        false
    }
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
    /// Not XML.
    #[error("{flaw} at byte {offset}")]
    Xml {
        /// Where.
        offset: u64,
        /// What.
        flaw: FlawXml,
    },
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

/// Of a document so many bytes at most are held, before they may go as they are: a unit, a text with
/// its comments or an event with all its lines, and the events of a text that others continue.
pub const HELD_BYTES_MAX: u64 = 4 * UNIT_BYTES_MAX as u64;

/// What somebody looks for in a document instead of what is sensitive: words of their own.
#[derive(Clone, Copy, Debug)]
pub struct Seek {
    /// Finds them in a value.
    pub find: fn(&[u8], &mut Vec<Finding>),
    /// How many bytes at the end of a text may still become one, with more of it.
    pub growing: fn(&[u8]) -> usize,
}

/// Finds everything sensitive in one document.
pub struct Classifier {
    desk: Desk,
    stream: Stream,
    /// Bytes of the document so far.
    pushed: u64,
    failed: Option<Unreadable>,
}

impl Classifier {
    /// A classifier for one document.
    pub fn new(media: Media) -> Self {
        Self::of(media, None)
    }

    /// One that also finds what an operator's own detectors do.
    pub fn with_operator(media: Media, operator: Arc<Operator>) -> Self {
        Self::of(media, Some(operator))
    }

    /// One that looks for something else, in every value and with the same care for how it is written.
    pub fn seeking(media: Media, seek: Seek) -> Self {
        let mut this = Self::of(media, None);
        this.desk.seek = Some(seek);
        this
    }

    fn of(media: Media, operator: Option<Arc<Operator>>) -> Self {
        Self {
            desk: Desk::new(operator),
            stream: Stream::new(media),
            pushed: 0,
            failed: None,
        }
    }

    /// Starts over with the next document, keeping what was learned of names.
    pub fn reset(&mut self, media: Media) {
        self.desk.clear();
        self.stream = Stream::new(media);
        self.pushed = 0;
        self.failed = None;
    }

    /// Starts over with a text that stands under `name`, as the value of a form's field does.
    pub fn reset_named(&mut self, name: &[u8]) {
        self.reset(Media::Text);
        self.stream = Stream::named(name);
    }

    /// Says that the outermost value of each event of a stream is at this place, as the API's owner has
    /// described it. Call it before the first push; other documents have no such places.
    pub fn set_place(&mut self, declared: &Arc<Declared>, place: Place) {
        self.desk.declare(declared);
        self.stream.within(Context::declared(place, declared));
    }

    /// Takes the next bytes. After an error every call repeats it.
    pub fn push(&mut self, chunk: &[u8], sink: &mut dyn Sink) -> Result<(), Unreadable> {
        self.step(|stream, desk| stream.push(chunk, Out { desk, sink }))?;
        self.pushed += chunk.len() as u64;
        Ok(())
    }

    /// How many bytes at the end of what was pushed may still turn out to hold something: none
    /// before them will be in a finding that is yet to be told. At most [`HELD_BYTES_MAX`].
    pub fn held(&self) -> u64 {
        self.pushed.saturating_sub(self.stream.open(self.pushed))
    }

    /// How many bytes of the document were pushed.
    pub fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Judges texts that events continue as if they had ended, so that no more of them is held than
    /// an event that is not complete. For whoever may wait no longer.
    pub fn flush(&mut self, sink: &mut dyn Sink) -> Result<(), Unreadable> {
        self.step(|stream, desk| {
            stream.flush(Out { desk, sink });
            Ok(())
        })
    }

    /// Ends the document.
    pub fn finish(&mut self, sink: &mut dyn Sink) -> Result<(), Unreadable> {
        self.step(|stream, desk| stream.finish(Out { desk, sink }))
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

#[cfg(test)]
mod tests;
