//! Where the shaper stands in a document, and what becomes of each value.

mod element;
mod rows;
mod twin;
mod whole;

use std::collections::BTreeSet;

use classifiers::media::json::Flaw;
use json_event_parser::JsonEvent;

use super::{Plan, Withheld, path::Step};
use crate::{Gaps, Interrupted};
pub(super) use element::{Attribute, Repeats};
use rows::Row;
pub(super) use rows::fits_unseen;
use twin::Kind;
use whole::Whole;

/// An open container.
#[derive(Debug)]
struct Frame {
    is_array: bool,
    /// Whether a child of it goes on, so that the next needs its comma.
    has_child: bool,
    /// Whether it is a record, or within one.
    in_record: bool,
}

/// The walk through one document.
#[derive(Debug)]
pub(super) struct Walk {
    plan: Plan,
    /// Whether each element has a name, as in XML: then a rule's array names the elements themselves.
    is_named: bool,
    frames: Vec<Frame>,
    place: Vec<Step>,
    /// A member's name that waits for its value: as it is written, and as it is meant.
    name: Option<(Vec<u8>, String)>,
    rows: Vec<Row>,
    /// The row that somebody must see whole.
    whole: Option<Whole>,
    /// Until so few containers are open, nothing goes on.
    skipped_to: Option<usize>,
    records: u64,
    fields: u64,
    /// The same of all texts that repeat what stands elsewhere. One without records counts as one.
    again: twin::Counted,
    /// Of which kind the rows of each rule are, where it is not known of which kind those here are.
    kinds: Vec<usize>,
    /// The rules that found a binding, and those that found their array.
    found: BTreeSet<usize>,
    arrays: BTreeSet<usize>,
    pub(super) held: Vec<u8>,
    withheld: Withheld,
    /// Of such texts.
    withheld_again: Withheld,
    /// Of the messages before, each of which says in its texts again what it says.
    withheld_before: Withheld,
    pub(super) gaps: Gaps,
    /// Why nothing more goes on, where it is not how the document is written.
    pub(super) stopped: Option<Interrupted>,
}

impl Walk {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            is_named: false,
            frames: Vec::new(),
            place: Vec::new(),
            name: None,
            rows: Vec::new(),
            whole: None,
            skipped_to: None,
            records: 0,
            fields: 0,
            again: twin::Counted::default(),
            kinds: Vec::new(),
            found: BTreeSet::new(),
            arrays: BTreeSet::new(),
            held: Vec::new(),
            withheld: Withheld::default(),
            withheld_again: Withheld::default(),
            withheld_before: Withheld::default(),
            gaps: Gaps::default(),
            stopped: None,
        }
    }

    /// What stayed behind so far.
    pub(super) fn withheld(&self) -> Withheld {
        let mut withheld = self.withheld_before;
        withheld.add(self.withheld.said_again(self.withheld_again));
        withheld
    }

    /// A message ended: what the next says is not what this one said.
    fn end_message(&mut self) {
        self.withheld_before = self.withheld();
        self.withheld = Withheld::default();
        self.withheld_again = Withheld::default();
    }

    /// What comes are the elements of one array, without its brackets and commas.
    pub(super) fn within_array(&mut self) {
        self.frames.push(Frame {
            is_array: true,
            has_child: true,
            in_record: false,
        });
    }

    /// Takes a token, written as `raw` with all that stands before it.
    pub(super) fn event(
        &mut self,
        event: &JsonEvent<'_>,
        raw: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Flaw> {
        if let Some(whole) = &mut self.whole {
            whole.push(raw);
        }
        match event {
            JsonEvent::ObjectKey(name) => self.name = Some((raw.to_vec(), name.to_string())),
            JsonEvent::StartObject => self.begin(Kind::Object, raw, out)?,
            JsonEvent::StartArray => self.begin(Kind::Array, raw, out)?,
            JsonEvent::EndObject | JsonEvent::EndArray => self.end(raw, out),
            JsonEvent::String(text) => {
                let written = self.arrive(raw);
                self.stands(Kind::Text)?;
                self.scalar(Some(text), written, out)?;
            }
            JsonEvent::Number(text) => {
                let written = self.arrive(raw);
                self.scalar(Some(text), written, out)?;
            }
            JsonEvent::Boolean(_) | JsonEvent::Null => {
                let written = self.arrive(raw);
                self.scalar(None, written, out)?;
            }
            // What stands behind the last value.
            JsonEvent::Eof => {
                self.emit(raw, out);
                self.end_message();
            }
        }
        self.settle(out)
    }

    /// Decides on what is held too long; an error if nothing more may go on.
    fn settle(&mut self, out: &mut Vec<u8>) -> Result<(), Flaw> {
        self.bound_what_is_held(out);
        match self.stopped {
            Some(_) => Err(Flaw::ByteOutOfPlace),
            None => Ok(()),
        }
    }

    /// Looks whether a value of this kind may stand where it does.
    fn stands(&mut self, kind: Kind) -> Result<(), Flaw> {
        if self.skipped_to.is_none() && self.is_misplaced(kind) {
            return self.rows_unknown();
        }
        Ok(())
    }

    /// Lets bytes go on, or holds them with the row they belong to.
    fn emit(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let to = if self.holds() { &mut self.held } else { out };
        to.extend_from_slice(bytes);
    }

    fn begin(&mut self, kind: Kind, raw: &[u8], out: &mut Vec<u8>) -> Result<(), Flaw> {
        let written = self.arrive(raw);
        self.stands(kind)?;
        let is_array = kind == Kind::Array;
        let parent = self.frames.last();
        let within = parent.is_some_and(|parent| parent.in_record);
        let is_record = !within
            && !is_array
            && parent.is_some_and(|parent| parent.is_array)
            && !self.begins_block();
        if is_array {
            let rules = (0..self.plan.rows.len()).filter(|rule| self.is_array_of(*rule));
            let here: Vec<usize> = rules.collect();
            self.arrays.extend(here);
        }
        if self.skipped_to.is_none() {
            if self.may_begin(is_record) {
                self.await_binding(is_array, is_record);
                self.records += u64::from(is_record);
                self.write(&written, out);
            } else {
                self.skipped_to = Some(self.frames.len());
            }
        }
        self.frames.push(Frame {
            is_array,
            has_child: false,
            in_record: within || is_record,
        });
        Ok(())
    }

    /// Whether a container at this place may go on, as far as it can be told from its place.
    fn may_begin(&mut self, is_record: bool) -> bool {
        if !self.is_listed(true) {
            self.withheld.unlisted += 1;
            return false;
        }
        // A row is asked whose it is first: how many others have is nobody's business.
        if is_record && self.is_full() && !self.is_row() {
            self.withheld.records += 1;
            return false;
        }
        true
    }

    fn is_full(&self) -> bool {
        let most = self.plan.records_max;
        most.is_some_and(|most| self.records >= most)
    }

    fn end(&mut self, raw: &[u8], out: &mut Vec<u8>) {
        if self.skipped_to.is_none() {
            self.emit(raw, out);
        }
        let depth = self.frames.len();
        if let Some(row) = self.rows.last().filter(|row| row.depth == depth) {
            let is_bound = row.is_bound;
            let at = self.rows.len() - 1;
            match self.judged_whole(at) {
                Some(true) if !is_bound => {
                    self.admit(at, out);
                }
                Some(false) => {
                    self.withheld.rows += 1;
                    self.take_back(at);
                }
                _ if !is_bound => self.unbound(at, out),
                _ => {}
            }
            // It is gone already where it was taken back.
            self.rows.pop_if(|row| row.depth == depth);
        }
        self.frames.pop();
        self.leave();
    }

    /// Takes a value that has arrived, as it is written.
    fn scalar(
        &mut self,
        text: Option<&str>,
        mut written: Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), Flaw> {
        if self.skipped_to.is_none()
            && self.judge(text, out)?
            && self.repeats(text, &mut written, out)?
        {
            self.fields += 1;
            self.write(&written, out);
        }
        self.leave();
        Ok(())
    }

    /// Whether a scalar at this place goes on.
    fn judge(&mut self, text: Option<&str>, out: &mut Vec<u8>) -> Result<bool, Flaw> {
        // A scalar says only by itself whose it is.
        if self.is_row() && !self.is_own_scalar(text) {
            self.withheld.rows += 1;
            return Ok(false);
        }
        if !self.binds(text, out)? {
            return Ok(false);
        }
        if !self.is_listed(false) {
            self.withheld.unlisted += 1;
            if self.frames.is_empty() {
                self.emit(b"null", out);
            }
            return Ok(false);
        }
        if self.plan.fields_max.is_some_and(|most| self.fields >= most) {
            self.withheld.fields += 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// Moves on to the next value; gives what is written of it, with its name and separators.
    fn arrive(&mut self, raw: &[u8]) -> Vec<u8> {
        if let Some((mut written, name)) = self.name.take() {
            self.place.push(Step::Member(name));
            written.extend_from_slice(raw);
            return written;
        }
        if !self.frames.is_empty() {
            self.place.push(Step::Element);
        }
        raw.to_vec()
    }

    fn leave(&mut self) {
        self.place.pop();
        if self.skipped_to == Some(self.frames.len()) {
            self.skipped_to = None;
        }
    }

    /// Writes a child, with a comma only if another went before it.
    fn write(&mut self, written: &[u8], out: &mut Vec<u8>) {
        let frame = self.frames.last_mut();
        let first = frame.is_some_and(|frame| !std::mem::replace(&mut frame.has_child, true));
        let comma = written
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())
            .filter(|at| first && written.get(*at) == Some(&b','));
        let (before, after) = match comma {
            Some(at) => (written.get(..at), written.get(at + 1..)),
            None => (Some(written), None),
        };
        self.emit(before.unwrap_or_default(), out);
        self.emit(after.unwrap_or_default(), out);
    }

    fn is_listed(&self, is_container: bool) -> bool {
        let lists = &self.plan.fields;
        lists.iter().all(|fields| {
            if self.is_named {
                fields.allow_named(&self.place, is_container)
            } else {
                fields.allow(&self.place, is_container)
            }
        })
    }
}
