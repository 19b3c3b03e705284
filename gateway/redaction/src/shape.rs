//! What of a JSON document goes on at all: rows of others, more records than asked for, and fields
//! that nobody allowed stay behind. Every other byte passes as it came.
//!
//! A [`Shaper`] stands between the decoded body and the redactor: what it takes out is never
//! classified, and what it leaves still is. Members and array elements leave with the comma before
//! them. An element whose binding must be known first is held, up to [`HELD_BYTES_MAX`]; from there on
//! the rule's [`Unbound`] decides, and [`Withheld`] counts it.

mod answers;
mod events;
mod lines;
mod path;
mod table;
mod tokens;
mod walk;
mod xml;

use std::{any::Any, fmt, sync::Arc};

use classifiers::document::Media;
use json_event_parser::JsonEvent;

use crate::{Gaps, Interrupted, Opaque};
pub use answers::Answers;
use events::Events;
use lines::Lines;
pub(crate) use path::Step;
pub use path::{Fields, NoPath, Path};
use table::Table;
pub(crate) use tokens::Tokens;
use walk::Walk;
use xml::Xml;

/// An element is held until its binding is known, but no more bytes than this.
pub const HELD_BYTES_MAX: usize = 256 * 1024;

/// What happens to an element that does not say whose it is, or says it too late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unbound {
    /// It stays behind.
    #[default]
    Drop,
    /// It goes on, and is counted.
    Pass,
}

/// What the binding of a row must read.
#[derive(Clone, Debug)]
pub enum Bound {
    /// No row fits.
    Nobody,
    /// This.
    One(Arc<str>),
    /// What somebody says, who knows more.
    Admitted(Arc<dyn Admits>),
}

/// Says of a row by its binding whether it may go on.
pub trait Admits: fmt::Debug + Any + Send + Sync {
    /// Whether a row with this binding may.
    fn admits(&self, binding: &str) -> bool;
    /// Whether it must see such a row whole before it goes on. A row of more than [`HELD_BYTES_MAX`], or in
    /// another document than JSON, then stays behind.
    fn judges_whole(&self) -> bool {
        false
    }
    /// Whether this row may, which [`Admits::admits`] let on: its bytes as they came, whatever of them
    /// stays behind.
    fn admits_whole(&self, _row: &[u8]) -> bool {
        true
    }
    /// Whether `other` says the same of every row.
    fn is(&self, other: &dyn Admits) -> bool;
}

/// The rows that may go on: elements of an array that are bound to one value.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The array.
    pub array: Path,
    /// Where in an element its binding stands; empty if the element is it.
    pub member: Path,
    /// What the binding must read.
    pub bound: Bound,
    /// What happens to rows without a binding.
    pub unbound: Unbound,
}

/// Texts of a message that say in JSON what stands elsewhere in it, as `content` of a tool of MCP repeats
/// `structuredContent`: they are held to the same rules.
#[derive(Clone, Debug)]
pub struct Twin {
    /// The blocks that have such texts: `/result/content/*`.
    pub block: Path,
    /// Where in a block one may stand.
    pub texts: Vec<Path>,
    /// What they say again.
    pub of: Path,
}

/// What may go on of one message.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Whose rows.
    pub rows: Vec<Rows>,
    /// Who knows what answers on a stream are held to by their ids, in place of this plan.
    pub answers: Option<Arc<dyn Answers>>,
    /// Which texts are held to this plan as what they repeat is.
    pub twin: Option<Arc<Twin>>,
    /// What happens to such a text if nobody can say whose rows it tells.
    pub opaque: Opaque,
    /// Which fields: each list narrows the others.
    pub fields: Vec<Arc<Fields>>,
    /// How many records: elements of arrays that are objects, outermost ones.
    pub records_max: Option<u64>,
    /// How many fields: scalars, wherever they stand.
    pub fields_max: Option<u64>,
}

impl Plan {
    /// Whether everything may.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
            && self.answers.is_none()
            && self.fields.is_empty()
            && self.records_max.is_none()
            && self.fields_max.is_none()
    }
}

/// What stayed behind of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Withheld {
    /// Rows bound to another value.
    pub rows: u64,
    /// Rows that named no binding, or none within [`HELD_BYTES_MAX`], and were left out.
    pub unbound: u64,
    /// Rows of that kind that went on.
    pub unbound_passed: u64,
    /// Records beyond the most.
    pub records: u64,
    /// Fields beyond the most.
    pub fields: u64,
    /// Members and elements that no list of fields names.
    pub unlisted: u64,
}

impl Withheld {
    /// What it counts, by name, where there is any.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("rows", self.rows),
            ("unbound", self.unbound),
            ("unbound-passed", self.unbound_passed),
            ("records", self.records),
            ("fields", self.fields),
            ("unlisted", self.unlisted),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
    }

    /// The same, of what depends on the reader's own rows alone: how many others have is not told.
    pub fn tellable(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let told = |(name, _): &(&str, u64)| ["records", "fields", "unlisted"].contains(name);
        self.counts().filter(told)
    }

    /// What stayed behind of a document that also says it in another way: once counted, not twice.
    fn said_again(self, again: Self) -> Self {
        Self {
            rows: self.rows.max(again.rows),
            unbound: self.unbound.max(again.unbound),
            unbound_passed: self.unbound_passed.max(again.unbound_passed),
            records: self.records.max(again.records),
            fields: self.fields.max(again.fields),
            unlisted: self.unlisted.max(again.unlisted),
        }
    }

    fn add(&mut self, more: Self) {
        self.rows += more.rows;
        self.unbound += more.unbound;
        self.unbound_passed += more.unbound_passed;
        self.records += more.records;
        self.fields += more.fields;
        self.unlisted += more.unlisted;
    }

    /// Whether the document is another than it was.
    pub fn changed(&self) -> bool {
        self.counts().any(|(name, _)| name != "unbound-passed")
    }
}

/// Shapes one document as it streams: JSON, lines of it, events with it, a table, or XML.
pub struct Shaper(Kind);

enum Kind {
    Json(Box<(Tokens, Walk)>),
    Lines(Box<Lines>),
    Events(Box<Events>),
    Table(Box<Table>),
    Xml(Box<Xml>),
}

impl Shaper {
    /// Whether rows can be told apart in documents of this kind.
    pub fn reads(media: Media) -> bool {
        matches!(
            media,
            Media::Json | Media::Ndjson | Media::Sse | Media::Csv | Media::Xml
        )
    }

    /// For one JSON document.
    pub fn new(plan: Plan) -> Self {
        Self(Kind::Json(Box::new((Tokens::new(), Walk::new(plan)))))
    }

    /// For one document of this kind; none if it cannot be told from the rows of others.
    pub fn of(media: Media, plan: Plan) -> Option<Self> {
        Some(Self(match media {
            Media::Json => return Some(Self::new(plan)),
            Media::Ndjson => Kind::Lines(Box::new(Lines::new(plan))),
            Media::Sse => Kind::Events(Box::new(Events::new(plan))),
            Media::Csv => Kind::Table(Box::new(Table::new(plan))),
            Media::Xml => Kind::Xml(Box::new(Xml::new(plan))),
            Media::Form | Media::Html | Media::Text => return None,
        }))
    }

    /// Takes the next bytes, appends what goes on. After a failure every call repeats it.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Interrupted> {
        match &mut self.0 {
            Kind::Json(json) => advance(json, chunk, false, out),
            Kind::Lines(lines) => lines.push(chunk, out),
            Kind::Events(events) => events.push(chunk, out),
            Kind::Table(table) => table.push(chunk, out),
            Kind::Xml(xml) => xml.push(chunk, out),
        }
    }

    /// Ends the document.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Interrupted> {
        match &mut self.0 {
            Kind::Json(json) => advance(json, &[], true, out),
            Kind::Lines(lines) => lines.finish(out),
            Kind::Events(events) => events.finish(out),
            Kind::Table(table) => table.finish(out),
            Kind::Xml(xml) => xml.finish(out),
        }
    }

    /// What stayed behind so far.
    pub fn withheld(&self) -> Withheld {
        match &self.0 {
            Kind::Json(json) => json.1.withheld(),
            Kind::Lines(lines) => lines.withheld(),
            Kind::Events(events) => events.withheld(),
            Kind::Table(table) => table.withheld(),
            Kind::Xml(xml) => xml.withheld(),
        }
    }

    /// Which texts were not read, of those that may tell rows.
    pub fn gaps(&self) -> Gaps {
        match &self.0 {
            Kind::Json(json) => json.1.gaps,
            Kind::Events(events) => events.gaps(),
            Kind::Lines(_) | Kind::Table(_) | Kind::Xml(_) => Gaps::default(),
        }
    }

    /// The bytes that it holds back.
    pub fn held(&self) -> usize {
        match &self.0 {
            Kind::Json(json) => json.0.held() + json.1.held.len(),
            Kind::Lines(lines) => lines.held(),
            Kind::Events(events) => events.held(),
            Kind::Table(table) => table.held(),
            Kind::Xml(xml) => xml.held(),
        }
    }
}

fn advance(
    (tokens, walk): &mut (Tokens, Walk),
    chunk: &[u8],
    ended: bool,
    out: &mut Vec<u8>,
) -> Result<(), Interrupted> {
    let taken = |event: &JsonEvent<'_>, raw: &[u8]| walk.event(event, raw, out);
    let read = tokens.push(chunk, ended, taken);
    read.map_err(|error| walk.stopped.clone().unwrap_or(error))
}
