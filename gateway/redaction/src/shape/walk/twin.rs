//! Texts that say in JSON what stands elsewhere in the message: narrowed as that is.
//!
//! A server of MCP should repeat `structuredContent` in a block of text, and does it in several ways: the
//! whole of it, the rows alone, or each row in a block of its own. A block tells rows only where a rule
//! finds them in one of these ways; else nobody can say whose they are, and policy decides
//! ([`Gap::RowsUnknown`]). A block that has only others' rows leaves as a row does.

use std::{borrow::Cow, sync::Arc};

use classifiers::embedded::{self, Held};
use classifiers::media::json::Flaw;

use super::{Walk, rows::Row};
use crate::shape::{Fields, Path, Plan, Rows, Tokens, Twin, Withheld};
use crate::{Gap, Interrupted, Opaque};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    Text,
}

/// What becomes of a text.
enum Narrowed {
    Same,
    Edited(Vec<u8>),
    /// It has nothing that may go on.
    Nothing,
    /// Nobody knows whose it is.
    Unknown,
}

/// What counts towards caps, over all texts of one answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    records: u64,
    fields: u64,
}

/// A text, narrowed, and what was counted in it.
struct Outcome {
    narrowed: Narrowed,
    withheld: Withheld,
    /// How many records it had, before it was narrowed.
    records: u64,
    /// What counts with what went on of it.
    counted: Counted,
}

impl Outcome {
    fn of(narrowed: Narrowed, counted: Counted) -> Self {
        Self {
            narrowed,
            withheld: Withheld::default(),
            records: 0,
            counted,
        }
    }

    /// A document that is another's row as a whole.
    fn foreign(counted: Counted) -> Self {
        let mut outcome = Self::of(Narrowed::Nothing, counted);
        outcome.withheld.rows = 1;
        outcome
    }
}

impl Walk {
    /// Whether a block of such texts stands at this place.
    pub(super) fn begins_block(&self) -> bool {
        let twin = self.plan.twin.as_ref();
        twin.is_some_and(|twin| twin.block.is(&self.place))
    }

    /// Where among the rows the block around this place is, if a text of its stands here.
    fn block_of_text(&self) -> Option<usize> {
        let twin = self.plan.twin.as_ref()?;
        let at = self.rows.iter().rposition(Row::is_block)?;
        let place = self.place.get(self.rows.get(at)?.depth - 1..)?;
        twin.texts.iter().any(|text| text.is(place)).then_some(at)
    }

    /// Holds a text that repeats what stands elsewhere to what that is held to, and `written` with it.
    /// Returns whether it goes on.
    pub(super) fn repeats(
        &mut self,
        text: Option<&str>,
        written: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<bool, Flaw> {
        let (Some(at), Some(text)) = (self.block_of_text(), text) else {
            return Ok(true);
        };
        let Some(twin) = self.plan.twin.clone() else {
            return Ok(true);
        };
        let outcome = narrow(&self.plan, &twin, text, self.again);
        self.withheld_again.add(outcome.withheld);
        self.again = outcome.counted;
        let narrowed = match outcome.narrowed {
            Narrowed::Nothing => return self.drop_block(at),
            _ if outcome.records == 0 && self.is_block_too_many() => return self.drop_block(at),
            Narrowed::Unknown => {
                self.rows_unknown()?;
                None
            }
            Narrowed::Same => None,
            Narrowed::Edited(edited) => Some(edited),
        };
        if let Some(edited) = narrowed {
            // What stands before a value are separators and space.
            let lead = written.len() - written_value(written);
            written.truncate(lead);
            let edited = String::from_utf8(edited).map_err(|_| Flaw::ByteOutOfPlace)?;
            let quoted = serde_json::to_vec(&edited).map_err(|_| Flaw::ByteOutOfPlace)?;
            written.extend_from_slice(&quoted);
        }
        if let Some(row) = self.rows.get_mut(at) {
            row.is_bound = true;
        }
        self.release(out);
        Ok(true)
    }

    /// Nobody can say whose it is that stands here: policy decides.
    pub(super) fn rows_unknown(&mut self) -> Result<(), Flaw> {
        self.gaps.note(Gap::RowsUnknown);
        if self.plan.opaque == Opaque::Refuse {
            self.stopped = Some(Interrupted::Uninspected(Gap::RowsUnknown));
            return Err(Flaw::ByteOutOfPlace);
        }
        Ok(())
    }

    /// Whether what stands here must not: where rows have an owner, a message is one object, its blocks are
    /// objects in an array, and what should be an array of rows is no text. Anything else could hold rows
    /// that no rule finds.
    pub(super) fn is_misplaced(&self, kind: Kind) -> bool {
        let Some(twin) = &self.plan.twin else {
            return false;
        };
        let is_block = || twin.block.is(&self.place);
        let is_around = || twin.block.is_element_of(&self.place);
        let is_misplaced = match kind {
            Kind::Array => self.frames.is_empty() || is_block(),
            Kind::Object => is_around(),
            Kind::Text => is_block() || is_around() || self.is_array_due(),
        };
        is_misplaced && self.has_twin_rows()
    }

    /// Whether a rule asks whose the rows are that a text may repeat.
    fn has_twin_rows(&self) -> bool {
        let Some(twin) = &self.plan.twin else {
            return false;
        };
        let mut rules = self.plan.rows.iter();
        rules.any(|rule| rule.array.seen_from(&twin.of).is_some())
    }

    /// A block ended, or is too long to be held, without a text: a picture, a link, or something that hides
    /// one.
    pub(super) fn end_block(&mut self, at: usize, out: &mut Vec<u8>) {
        if self.has_twin_rows() && self.rows_unknown().is_err() {
            return;
        }
        if self.is_block_too_many() {
            self.take_back(at);
        } else if let Some(row) = self.rows.get_mut(at) {
            row.is_bound = true;
            self.release(out);
        }
    }

    /// Counts a block without records, which is one itself.
    fn is_block_too_many(&mut self) -> bool {
        let is_full = self
            .plan
            .records_max
            .is_some_and(|most| self.again.records >= most);
        self.again.records += u64::from(!is_full);
        self.withheld_again.records += u64::from(is_full);
        is_full
    }

    fn drop_block(&mut self, at: usize) -> Result<bool, Flaw> {
        if self.rows.get(at).is_some_and(|row| row.is_released) {
            return Err(Flaw::ByteOutOfPlace);
        }
        self.take_back(at);
        Ok(false)
    }
}

/// How many bytes at the end of `written` are a string, with its quotes.
fn written_value(written: &[u8]) -> usize {
    // A member's name is written before a colon, which no string that follows it hides: what is between
    // two values is space, `:` and `,`.
    let mut quotes = written
        .iter()
        .enumerate()
        .rev()
        .filter(|(at, byte)| **byte == b'"' && !is_escaped(written, *at))
        .map(|(at, _)| at);
    let _end = quotes.next();
    quotes.next().map_or(0, |start| written.len() - start)
}

fn is_escaped(written: &[u8], at: usize) -> bool {
    let before = written.get(..at).unwrap_or_default();
    let slashes = before.iter().rev().take_while(|byte| **byte == b'\\');
    slashes.count() % 2 == 1
}

/// Holds one text to what `plan` says of what it repeats, where so much `counted` before it.
fn narrow(plan: &Plan, twin: &Twin, text: &str, counted: Counted) -> Outcome {
    let plan = seen_from(plan, &twin.of);
    if plan.is_empty() {
        return Outcome::of(Narrowed::Same, counted);
    }
    let text = text.as_bytes();
    let held = embedded::unwrap(text);
    let document = match &held {
        _ if embedded::is_json(text) => Some(Cow::Borrowed(text)),
        Some(Held::Text(held)) if embedded::is_json(held.text()) => {
            Some(Cow::Borrowed(held.text()))
        }
        _ => None,
    };
    let Some(document) = document else {
        let narrowed = if plan.rows.is_empty() {
            Narrowed::Same
        } else {
            Narrowed::Unknown
        };
        return Outcome::of(narrowed, counted);
    };
    let mut outcome = narrow_document(&plan, &document, counted);
    if let (Narrowed::Edited(edited), Some(Held::Text(held)), false) =
        (&mut outcome.narrowed, &held, embedded::is_json(text))
    {
        *edited = held.wrap(text, edited);
    }
    outcome
}

/// A document may be what `plan` is about, or rows of it alone: those of some array, of which it does not say
/// which, or one row. Where it can be judged in both ways, it must pass in both.
fn narrow_document(plan: &Plan, document: &[u8], counted: Counted) -> Outcome {
    let foreign = || Outcome::foreign(counted);
    let Some(whole) = read(Walk::new(plan.clone()).counting(counted), document) else {
        return foreign();
    };
    let is_known =
        |rule: &usize| whole.walk.found.contains(rule) || whole.walk.arrays.contains(rule);
    let all: Vec<usize> = (0..plan.rows.len()).collect();
    let unknown: Vec<usize> = all.iter().copied().filter(|rule| !is_known(rule)).collect();
    let is_array = document.trim_ascii_start().first() == Some(&b'[');
    let is_whole = unknown.len() < all.len();
    if unknown.is_empty() {
        return whole.outcome(document);
    }
    if is_whole && !is_array {
        let as_row = read(Walk::of_kinds(plan, &unknown), document);
        return as_row.map_or_else(foreign, |_| whole.outcome(document));
    }
    let of_whole = Plan {
        rows: plan.rows.clone(),
        ..Plan::default()
    };
    let Some(whole) = read(Walk::new(of_whole), document) else {
        return foreign();
    };
    let Some(rows) = read(Walk::of_kinds(plan, &all), &whole.left) else {
        return foreign();
    };
    if rows.walk.found.is_empty() && rows.walk.arrays.is_empty() {
        return Outcome::of(Narrowed::Unknown, counted);
    }
    let rest = Plan {
        rows: Vec::new(),
        fields: lists_of_rows(plan, &rows.walk, is_array),
        ..plan.clone()
    };
    let Some(rest) = read(Walk::new(rest).counting(counted), &rows.left) else {
        return foreign();
    };
    let mut outcome = rest.outcome(document);
    for walk in [whole.walk, rows.walk] {
        let others = walk.withheld();
        outcome.records += others.rows;
        outcome.withheld.add(others);
    }
    outcome
}

/// The lists of fields of a document that is rows alone, or one: those of every kind that it may be of.
fn lists_of_rows(plan: &Plan, rows: &Walk, is_array: bool) -> Vec<Arc<Fields>> {
    let rules = plan.rows.iter().enumerate();
    let rules = rules.filter(|(at, _)| rows.found.is_empty() || rows.found.contains(at));
    let lists = rules.flat_map(|(_, rule)| {
        let root = if is_array {
            rule.array.clone()
        } else {
            rule.array.element()
        };
        let fields = plan.fields.iter();
        fields.map(move |list| list.seen_from(&root).unwrap_or_else(Fields::none).into())
    });
    lists.collect()
}

impl Walk {
    /// A walk through the rows of some of these rules alone, of which it is not known of which. Rules on one
    /// array are of one kind.
    fn of_kinds(plan: &Plan, rules: &[usize]) -> Self {
        let rules: Vec<&Rows> = rules.iter().filter_map(|at| plan.rows.get(*at)).collect();
        let kind = |rule: &&Rows| rules.iter().position(|other| other.array == rule.array);
        let rows = rules.iter().map(|rule| Rows {
            array: Path::default(),
            ..(*rule).clone()
        });
        let mut walk = Self::new(Plan {
            rows: rows.collect(),
            ..Plan::default()
        });
        walk.kinds = rules.iter().filter_map(kind).collect();
        walk
    }

    /// The same, where so much counted before.
    fn counting(mut self, counted: Counted) -> Self {
        (self.records, self.fields) = (counted.records, counted.fields);
        self.again = counted;
        self
    }
}

/// A document, read to its end.
struct Read {
    walk: Walk,
    left: Vec<u8>,
}

/// Reads a document; none if it is another's row as a whole.
fn read(mut walk: Walk, document: &[u8]) -> Option<Read> {
    let mut left = Vec::with_capacity(document.len());
    let read = Tokens::new().push(document, true, |event, raw| {
        walk.event(event, raw, &mut left)
    });
    read.ok().map(|()| Read { walk, left })
}

impl Read {
    fn outcome(self, document: &[u8]) -> Outcome {
        let withheld = self.walk.withheld();
        Outcome {
            narrowed: if self.left == document {
                Narrowed::Same
            } else {
                Narrowed::Edited(self.left)
            },
            withheld,
            records: self.walk.records.saturating_sub(self.walk.again.records)
                + withheld.records
                + withheld.rows,
            counted: Counted {
                records: self.walk.records,
                fields: self.walk.fields,
            },
        }
    }
}

/// What a plan says of what is at `root`, for a document that stands for it.
fn seen_from(plan: &Plan, root: &Path) -> Plan {
    let rows = plan.rows.iter().filter_map(|rule| {
        Some(Rows {
            array: rule.array.seen_from(root)?,
            ..rule.clone()
        })
    });
    let fields = plan.fields.iter();
    Plan {
        rows: rows.collect(),
        fields: fields
            .filter_map(|list| Some(list.seen_from(root)?.into()))
            .collect(),
        twin: None,
        answers: None,
        ..plan.clone()
    }
}
