//! Where the shaper stands in a document, and what becomes of each value.

use classifiers::media::json::Flaw;
use json_event_parser::JsonEvent;

use super::{HELD_BYTES_MAX, Plan, Rows, Unbound, Withheld, path::Step};

/// An open container.
#[derive(Debug)]
struct Frame {
    is_array: bool,
    /// Whether a child of it goes on, so that the next needs its comma.
    has_child: bool,
    /// Whether it is a record, or within one.
    in_record: bool,
}

/// An open element whose rule asks whose it is.
#[derive(Debug)]
struct Row {
    /// Its rule's place in the plan.
    rule: usize,
    /// How many containers are open within it, itself counted.
    depth: usize,
    /// Where it begins in what is held.
    start: usize,
    /// Whether it may go on.
    is_bound: bool,
    /// Whether some of it went on.
    is_released: bool,
    /// What to go back to if it may not.
    before: Counts,
}

/// What changes with every value that goes on.
#[derive(Clone, Copy, Debug)]
struct Counts {
    records: u64,
    fields: u64,
    /// Of the array around a row.
    has_child: bool,
}

/// The walk through one document.
#[derive(Debug)]
pub(super) struct Walk {
    plan: Plan,
    frames: Vec<Frame>,
    place: Vec<Step>,
    /// A member's name that waits for its value: as it is written, and as it is meant.
    name: Option<(Vec<u8>, String)>,
    rows: Vec<Row>,
    /// Until so few containers are open, nothing goes on.
    skipped_to: Option<usize>,
    records: u64,
    fields: u64,
    pub(super) held: Vec<u8>,
    pub(super) withheld: Withheld,
}

impl Walk {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            frames: Vec::new(),
            place: Vec::new(),
            name: None,
            rows: Vec::new(),
            skipped_to: None,
            records: 0,
            fields: 0,
            held: Vec::new(),
            withheld: Withheld::default(),
        }
    }

    /// Takes a token, written as `raw` with all that stands before it.
    pub(super) fn event(
        &mut self,
        event: &JsonEvent<'_>,
        raw: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Flaw> {
        match event {
            JsonEvent::ObjectKey(name) => self.name = Some((raw.to_vec(), name.to_string())),
            JsonEvent::StartObject => self.begin(false, raw, out),
            JsonEvent::StartArray => self.begin(true, raw, out),
            JsonEvent::EndObject | JsonEvent::EndArray => self.end(raw, out),
            JsonEvent::String(text) | JsonEvent::Number(text) => {
                self.scalar(Some(text), raw, out)?;
            }
            JsonEvent::Boolean(_) | JsonEvent::Null => self.scalar(None, raw, out)?,
            JsonEvent::Eof => {}
        }
        self.bound_what_is_held(out);
        Ok(())
    }

    /// Lets bytes go on, or holds them with the row they belong to.
    pub(super) fn emit(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let to = if self.holds() { &mut self.held } else { out };
        to.extend_from_slice(bytes);
    }

    fn begin(&mut self, is_array: bool, raw: &[u8], out: &mut Vec<u8>) {
        let written = self.arrive(raw);
        let parent = self.frames.last();
        let in_record = parent.is_some_and(|parent| parent.in_record);
        let is_record = !in_record && !is_array && parent.is_some_and(|parent| parent.is_array);
        if self.skipped_to.is_none() {
            if self.may_begin(is_record) {
                self.await_binding();
                self.records += u64::from(is_record);
                self.write(&written, out);
            } else {
                self.skipped_to = Some(self.frames.len());
            }
        }
        self.frames.push(Frame {
            is_array,
            has_child: false,
            in_record: in_record || is_record,
        });
    }

    /// Whether a container at this place may go on, as far as it can be told from its place.
    fn may_begin(&mut self, is_record: bool) -> bool {
        if !self.is_listed(true) {
            self.withheld.unlisted += 1;
            return false;
        }
        let full = |most: u64| self.records >= most;
        if is_record && self.plan.records_max.is_some_and(full) {
            self.withheld.records += 1;
            return false;
        }
        true
    }

    /// Holds what begins here until it says whose it is, if a rule asks.
    fn await_binding(&mut self) {
        let Some(rule) = self.rule() else { return };
        self.rows.push(Row {
            rule,
            depth: self.frames.len() + 1,
            start: self.held.len(),
            is_bound: false,
            is_released: false,
            before: Counts {
                records: self.records,
                fields: self.fields,
                has_child: self.frames.last().is_some_and(|frame| frame.has_child),
            },
        });
    }

    fn end(&mut self, raw: &[u8], out: &mut Vec<u8>) {
        if self.skipped_to.is_none() {
            self.emit(raw, out);
        }
        let depth = self.frames.len();
        if let Some(row) = self.rows.last().filter(|row| row.depth == depth) {
            if !row.is_bound {
                self.unbound(self.rows.len() - 1, out);
            }
            // It is gone already where it was taken back.
            self.rows.pop_if(|row| row.depth == depth);
        }
        self.frames.pop();
        self.leave();
    }

    fn scalar(&mut self, text: Option<&str>, raw: &[u8], out: &mut Vec<u8>) -> Result<(), Flaw> {
        let written = self.arrive(raw);
        if self.skipped_to.is_none() && self.judge(text, out)? {
            self.fields += 1;
            self.write(&written, out);
        }
        self.leave();
        Ok(())
    }

    /// Whether a scalar at this place goes on.
    fn judge(&mut self, text: Option<&str>, out: &mut Vec<u8>) -> Result<bool, Flaw> {
        if let Some(rule) = self.rule().and_then(|rule| self.plan.rows.get(rule)) {
            // A scalar says only by itself whose it is.
            if !(rule.member.is(&[]) && fits(rule, text)) {
                self.withheld.rows += 1;
                return Ok(false);
            }
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

    /// Looks whether a scalar is the binding of the row around it. Returns whether the row, if there
    /// is one, may still go on.
    fn binds(&mut self, text: Option<&str>, out: &mut Vec<u8>) -> Result<bool, Flaw> {
        let Some(row) = self.rows.last_mut() else {
            return Ok(true);
        };
        let rule = self.plan.rows.get(row.rule);
        // The outermost container has no step of its own.
        let place = self.place.get(row.depth - 1..).unwrap_or_default();
        let Some(rule) = rule.filter(|rule| rule.member.is(place)) else {
            return Ok(true);
        };
        if fits(rule, text) {
            row.is_bound = true;
            self.release(out);
            return Ok(true);
        }
        if row.is_released {
            // It went on as one's own and now says that it is another's.
            return Err(Flaw::ByteOutOfPlace);
        }
        self.withheld.rows += 1;
        self.take_back(self.rows.len() - 1);
        Ok(false)
    }

    /// A row did not say whose it is.
    fn unbound(&mut self, at: usize, out: &mut Vec<u8>) {
        let rule = self
            .rows
            .get(at)
            .and_then(|row| self.plan.rows.get(row.rule));
        match rule.map_or(Unbound::Drop, |rule| rule.unbound) {
            Unbound::Drop => {
                self.withheld.unbound += 1;
                self.take_back(at);
            }
            Unbound::Pass => {
                self.withheld.unbound_passed += 1;
                if let Some(row) = self.rows.get_mut(at) {
                    row.is_bound = true;
                }
                self.release(out);
            }
        }
    }

    /// Forgets a row, all that it held, and the rows in it, and skips what is still to come of it.
    fn take_back(&mut self, at: usize) {
        let Some(row) = self.rows.drain(at..).next() else {
            return;
        };
        self.held.truncate(row.start);
        self.records = row.before.records;
        self.fields = row.before.fields;
        self.skipped_to = Some(row.depth - 1);
        let around = self.frames.get_mut(row.depth.wrapping_sub(2));
        if let Some(around) = around {
            around.has_child = row.before.has_child;
        }
    }

    /// Lets go on what no row holds any more.
    fn release(&mut self, out: &mut Vec<u8>) {
        if self.holds() {
            return;
        }
        out.append(&mut self.held);
        self.rows.iter_mut().for_each(|row| row.is_released = true);
    }

    fn holds(&self) -> bool {
        self.rows.iter().any(|row| !row.is_bound)
    }

    fn bound_what_is_held(&mut self, out: &mut Vec<u8>) {
        while self.held.len() > HELD_BYTES_MAX
            && let Some(at) = self.rows.iter().position(|row| !row.is_bound)
        {
            self.unbound(at, out);
        }
    }

    /// Moves on to the next value; gives what is written of it, with its name and separators.
    fn arrive(&mut self, raw: &[u8]) -> Vec<u8> {
        match self.name.take() {
            Some((mut written, name)) => {
                self.place.push(Step::Member(name));
                written.extend_from_slice(raw);
                written
            }
            None => {
                if !self.frames.is_empty() {
                    self.place.push(Step::Element);
                }
                raw.to_vec()
            }
        }
    }

    fn leave(&mut self) {
        self.place.pop();
        if self.skipped_to == Some(self.frames.len()) {
            self.skipped_to = None;
        }
    }

    /// Writes a child, with a comma only if another went before it.
    fn write(&mut self, written: &[u8], out: &mut Vec<u8>) {
        let first = match self.frames.last_mut() {
            Some(frame) => !std::mem::replace(&mut frame.has_child, true),
            None => false,
        };
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

    /// The rule whose row begins at this place.
    fn rule(&self) -> Option<usize> {
        let (last, array) = self.place.split_last()?;
        let is_row = |rule: &Rows| *last == Step::Element && rule.array.is(array);
        self.plan.rows.iter().position(is_row)
    }

    fn is_listed(&self, is_container: bool) -> bool {
        let lists = &self.plan.fields;
        lists
            .iter()
            .all(|fields| fields.allow(&self.place, is_container))
    }
}

fn fits(rule: &Rows, text: Option<&str>) -> bool {
    text.is_some() && rule.bound.as_deref() == text
}
