//! Texts that say in JSON what stands elsewhere in the message: narrowed as that is.
//!
//! A server of MCP should repeat `structuredContent` in a block of text, and does it in several ways: the
//! whole of it, the rows alone, or each row in a block of its own. A block tells rows only where a rule
//! finds them in one of these ways; else nobody can say whose they are, and policy decides
//! ([`Gap::RowsUnknown`]). A block that has only others' rows leaves as a row does.

use std::borrow::Cow;

use classifiers::embedded::{self, Held};
use classifiers::media::json::Flaw;

use super::Walk;
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

/// A text, narrowed, and what was counted in it.
struct Outcome {
    narrowed: Narrowed,
    withheld: Withheld,
    records: u64,
}

impl Outcome {
    fn of(narrowed: Narrowed) -> Self {
        Self {
            narrowed,
            withheld: Withheld::default(),
            records: 0,
        }
    }

    /// A document that is another's row as a whole.
    fn foreign() -> Self {
        let mut outcome = Self::of(Narrowed::Nothing);
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
        let at = self.rows.iter().rposition(|row| row.rule.is_none())?;
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
        let outcome = narrow(&self.plan, &twin, text);
        self.withheld_again.add(outcome.withheld);
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
            Kind::Text => is_block() || is_around() || self.lone_rule().is_some(),
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
            .is_some_and(|most| self.blocks >= most);
        self.blocks += u64::from(!is_full);
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

impl Withheld {
    fn add(&mut self, more: Self) {
        self.rows += more.rows;
        self.unbound += more.unbound;
        self.unbound_passed += more.unbound_passed;
        self.records += more.records;
        self.fields += more.fields;
        self.unlisted += more.unlisted;
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

/// Holds one text to what `plan` says of what it repeats.
fn narrow(plan: &Plan, twin: &Twin, text: &str) -> Outcome {
    let plan = seen_from(plan, &twin.of);
    if plan.is_empty() {
        return Outcome::of(Narrowed::Same);
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
        return Outcome::of(if plan.rows.is_empty() {
            Narrowed::Same
        } else {
            Narrowed::Unknown
        });
    };
    let mut outcome = narrow_document(&plan, &document);
    if let (Narrowed::Edited(edited), Some(Held::Text(held)), false) =
        (&mut outcome.narrowed, &held, embedded::is_json(text))
    {
        *edited = held.wrap(text, edited);
    }
    outcome
}

fn narrow_document(plan: &Plan, document: &[u8]) -> Outcome {
    if let Some(outcome) = read(plan.clone(), document) {
        return outcome;
    }
    // The rows alone, or one of them.
    let as_rows = plan.rows.iter().map(|rule| {
        let is_array = document.trim_ascii_start().first() == Some(&b'[');
        let root = if is_array {
            rule.array.clone()
        } else {
            rule.array.element()
        };
        let fields = plan.fields.iter();
        let fields = fields.map(|list| list.seen_from(&root).unwrap_or_else(Fields::none).into());
        Plan {
            rows: vec![Rows {
                array: Path::default(),
                ..rule.clone()
            }],
            fields: fields.collect(),
            ..plan.clone()
        }
    });
    let mut read = as_rows.filter_map(|plan| read(plan, document));
    read.next()
        .unwrap_or_else(|| Outcome::of(Narrowed::Unknown))
}

/// Reads a document under `plan`; none if no rule finds its rows there.
fn read(plan: Plan, document: &[u8]) -> Option<Outcome> {
    let has_rules = !plan.rows.is_empty();
    let mut walk = Walk::new(plan);
    let mut left = Vec::with_capacity(document.len());
    let read = Tokens::new().push(document, true, |event, raw| {
        walk.event(event, raw, &mut left)
    });
    if read.is_err() {
        return Some(Outcome::foreign());
    }
    if has_rules && !walk.knows_rows {
        return None;
    }
    Some(Outcome {
        narrowed: if left == document {
            Narrowed::Same
        } else {
            Narrowed::Edited(left)
        },
        withheld: walk.withheld,
        records: walk.records + walk.withheld.records + walk.withheld.rows,
    })
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
        ..plan.clone()
    }
}
