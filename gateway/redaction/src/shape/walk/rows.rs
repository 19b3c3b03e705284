//! Rows: held until they say whose they are, let go on or taken back.

use classifiers::media::json::Flaw;

use super::{Walk, element};
use crate::shape::{Bound, HELD_BYTES_MAX, Rows, Unbound, path::Step};

/// An open element whose rule asks whose it is.
#[derive(Debug)]
pub(super) struct Row {
    /// Its rule's place in the plan; none of a block whose text repeats what stands elsewhere.
    pub(super) rule: Option<usize>,
    /// How many containers are open within it, itself counted.
    pub(super) depth: usize,
    /// Where it begins in what is held.
    start: usize,
    /// Whether it may go on.
    pub(super) is_bound: bool,
    /// Whether it is one record too many, if it may go on.
    is_surplus: bool,
    /// Whether some of it went on.
    pub(super) is_released: bool,
    /// What to go back to if it may not.
    before: Counts,
}

/// What changes with every value that goes on.
#[derive(Clone, Copy, Debug)]
struct Counts {
    records: u64,
    fields: u64,
    /// Fields and members in it that stayed behind.
    withheld: (u64, u64),
    /// Of the array around a row.
    has_child: bool,
}

impl Walk {
    /// Holds what begins here until it says whose it is, if a rule asks.
    pub(super) fn await_binding(&mut self, is_array: bool, is_record: bool) {
        let lone = || self.lone_rule().filter(|_| !is_array);
        let rule = self.rule().or_else(lone);
        if rule.is_none() && (is_array || !self.begins_block()) {
            return;
        }
        self.rows.push(Row {
            rule,
            depth: self.frames.len() + 1,
            start: self.held.len(),
            is_bound: false,
            is_surplus: is_record && self.is_full(),
            is_released: false,
            before: Counts {
                records: self.records,
                fields: self.fields,
                withheld: (self.withheld.fields, self.withheld.unlisted),
                has_child: self.frames.last().is_some_and(|frame| frame.has_child),
            },
        });
    }

    /// Looks whether a scalar is the binding of the row around it. Returns whether the row, if there
    /// is one, may still go on.
    pub(super) fn binds(&mut self, text: Option<&str>, out: &mut Vec<u8>) -> Result<bool, Flaw> {
        let Some(row) = self.rows.last_mut() else {
            return Ok(true);
        };
        let rule = row.rule.and_then(|rule| self.plan.rows.get(rule));
        // The outermost container of JSON has no step of its own.
        let own = row.depth - usize::from(!self.is_named);
        let place = self.place.get(own..).unwrap_or_default();
        let is_binding = |rule: &&Rows| {
            if self.is_named {
                element::is_value_of(&rule.member, place)
            } else {
                rule.member.is(place)
            }
        };
        let Some(rule) = rule.filter(is_binding) else {
            return Ok(true);
        };
        self.knows_rows = true;
        if fits(rule, text) {
            row.is_bound = true;
            return Ok(self.admit(out));
        }
        // The whole document cannot be taken back, and some of the other was one's own already.
        if row.is_released || row.depth == 1 {
            return Err(Flaw::ByteOutOfPlace);
        }
        self.withheld.rows += 1;
        self.take_back(self.rows.len() - 1);
        Ok(false)
    }

    /// The innermost row may go on, unless it is one record too many.
    fn admit(&mut self, out: &mut Vec<u8>) -> bool {
        let at = self.rows.len().saturating_sub(1);
        let is_surplus = self.rows.get(at).is_some_and(|row| row.is_surplus);
        if is_surplus {
            self.withheld.records += 1;
            self.take_back(at);
        } else {
            self.release(out);
        }
        !is_surplus
    }

    /// A row did not say whose it is.
    pub(super) fn unbound(&mut self, at: usize, out: &mut Vec<u8>) {
        let Some(rule) = self.rows.get(at).map(|row| row.rule) else {
            return;
        };
        let Some(rule) = rule.map(|rule| self.plan.rows.get(rule)) else {
            return self.end_block(at, out);
        };
        // A document that is no array where one was due is most often an error.
        let is_document = self.rows.get(at).is_some_and(|row| row.depth == 1);
        let unbound = rule.map_or(Unbound::Drop, |rule| rule.unbound);
        match if is_document { Unbound::Pass } else { unbound } {
            Unbound::Drop => {
                self.withheld.unbound += 1;
                self.take_back(at);
            }
            Unbound::Pass => {
                let Some(row) = self.rows.get_mut(at) else {
                    return;
                };
                row.is_bound = true;
                if row.is_surplus {
                    self.withheld.records += 1;
                    self.take_back(at);
                } else {
                    self.withheld.unbound_passed += 1;
                    self.release(out);
                }
            }
        }
    }

    /// Forgets a row, all that it held, and the rows in it, and skips what is still to come of it.
    pub(super) fn take_back(&mut self, at: usize) {
        let Some(row) = self.rows.drain(at..).next() else {
            return;
        };
        self.held.truncate(row.start);
        self.records = row.before.records;
        self.fields = row.before.fields;
        (self.withheld.fields, self.withheld.unlisted) = row.before.withheld;
        self.skipped_to = Some(row.depth - 1);
        let around = self.frames.get_mut(row.depth.wrapping_sub(2));
        if let Some(around) = around {
            around.has_child = row.before.has_child;
        }
    }

    /// Lets go on what no row holds any more.
    pub(super) fn release(&mut self, out: &mut Vec<u8>) {
        if self.holds() {
            return;
        }
        out.append(&mut self.held);
        self.rows.iter_mut().for_each(|row| row.is_released = true);
    }

    pub(super) fn holds(&self) -> bool {
        self.rows.iter().any(|row| !row.is_bound)
    }

    pub(super) fn bound_what_is_held(&mut self, out: &mut Vec<u8>) {
        while self.held.len() > HELD_BYTES_MAX
            && let Some(at) = self.rows.iter().position(|row| !row.is_bound)
        {
            self.unbound(at, out);
        }
    }

    /// The rule whose row begins at this place.
    pub(super) fn rule(&self) -> Option<usize> {
        let (last, array) = self.place.split_last()?;
        let is_row = |rule: &Rows| {
            if self.is_named {
                rule.array.names(&self.place)
            } else {
                *last == Step::Element && rule.array.is(array)
            }
        };
        self.plan.rows.iter().position(is_row)
    }

    /// The rule whose array should stand at this place. Services that have one row give it without the
    /// array.
    pub(super) fn lone_rule(&self) -> Option<usize> {
        let is_here = |rule: &Rows| !self.is_named && rule.array.is(&self.place);
        self.plan.rows.iter().position(is_here)
    }
}

/// Whether a binding reads as the rule asks.
pub(in crate::shape) fn fits(rule: &Rows, text: Option<&str>) -> bool {
    text.is_some_and(|text| match &rule.bound {
        Bound::Nobody => false,
        Bound::One(bound) => **bound == *text,
        Bound::Admitted(who) => who.admits(text),
    })
}
