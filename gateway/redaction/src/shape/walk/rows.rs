//! Rows: held until they say whose they are, let go on or taken back.
//!
//! Where several rules name one place, each judges its rows as if it were alone, and a row goes on only if
//! all of them let it: no order of rules, and none of the members of a row, changes what goes on. Only
//! where it is not known of which kind a row is ([`Walk::of_kinds`]) may a rule that finds no binding leave
//! the row to those that do.

use classifiers::media::json::Flaw;

use super::{Walk, Whole, element, whole};
use crate::Interrupted;
use crate::shape::{Bound, HELD_BYTES_MAX, Rows, Unbound, path::Step};

const NOBODYS: Interrupted =
    Interrupted::Form("the document is a row that does not say whose it is");

/// An open element whose rule asks whose it is.
#[derive(Debug)]
pub(super) struct Row {
    /// The rules that ask whose it is; none of a block whose text repeats what stands elsewhere.
    asked: Vec<Asked>,
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

/// A rule that asks of a row.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// Its place in the plan.
    rule: usize,
    /// Whether it found its binding, which fits.
    is_found: bool,
}

impl Row {
    /// Whether it is a block whose text repeats what stands elsewhere.
    pub(super) fn is_block(&self) -> bool {
        self.asked.is_empty()
    }

    /// Whether all rules found their binding, which fits.
    pub(super) fn is_found(&self) -> bool {
        self.asked.iter().all(|asked| asked.is_found)
    }

    /// The rules that ask, by their place in the plan.
    pub(super) fn rules(&self) -> impl Iterator<Item = usize> {
        self.asked.iter().map(|asked| asked.rule)
    }
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
        let rules = 0..self.plan.rows.len();
        let asked: Vec<Asked> = rules
            .filter(|rule| self.is_row_of(*rule) || !is_array && self.is_array_of(*rule))
            .map(|rule| Asked {
                rule,
                is_found: false,
            })
            .collect();
        if asked.is_empty() && (is_array || !self.begins_block()) {
            return;
        }
        let is_judged = asked.iter().any(|asked| self.judges_whole(asked.rule));
        if is_judged && self.whole.is_none() {
            self.whole = Some(Whole::begin(
                self.frames.len() + 1,
                is_array,
                !self.is_named,
            ));
        }
        self.rows.push(Row {
            asked,
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

    /// Looks whether a scalar is the binding of a row around it. Returns whether the rows, if there are
    /// any, may still go on.
    pub(super) fn binds(&mut self, text: Option<&str>, out: &mut Vec<u8>) -> Result<bool, Flaw> {
        for at in 0..self.rows.len() {
            match self.says(at, text) {
                None => {}
                Some(true) => {
                    let is_settled = self
                        .rows
                        .get(at)
                        .is_some_and(|row| !row.is_bound && row.is_found() && !self.waits(row));
                    if is_settled && !self.admit(at, out) {
                        return Ok(false);
                    }
                }
                Some(false) => {
                    let row = self.rows.get(at);
                    // The whole document cannot be taken back, and some of the other was one's own already.
                    if row.is_none_or(|row| row.is_released || row.depth == 1) {
                        return Err(Flaw::ByteOutOfPlace);
                    }
                    self.withheld.rows += 1;
                    self.take_back(at);
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Whether a scalar fits all rules that find their binding in it, of those that ask of a row; none if
    /// there is no such rule.
    fn says(&mut self, at: usize, text: Option<&str>) -> Option<bool> {
        let row = self.rows.get_mut(at)?;
        // The outermost container of JSON has no step of its own.
        let own = row.depth - usize::from(!self.is_named);
        let place = self.place.get(own..).unwrap_or_default();
        let mut says = None;
        for asked in &mut row.asked {
            let Some(rule) = self.plan.rows.get(asked.rule) else {
                continue;
            };
            let is_binding = if self.is_named {
                element::is_value_of(&rule.member, place)
            } else {
                rule.member.is(place)
            };
            if is_binding {
                self.found.insert(asked.rule);
                asked.is_found = true;
                says = Some(says.unwrap_or(true) && fits(rule, text));
            }
        }
        says
    }

    /// A row may go on, unless it is one record too many.
    pub(super) fn admit(&mut self, at: usize, out: &mut Vec<u8>) -> bool {
        let Some(row) = self.rows.get_mut(at) else {
            return true;
        };
        row.is_bound = true;
        if row.is_surplus {
            self.withheld.records += 1;
            self.take_back(at);
            return false;
        }
        self.release(out);
        true
    }

    /// A row did not say whose it is to all who ask.
    pub(super) fn unbound(&mut self, at: usize, out: &mut Vec<u8>) {
        let Some(row) = self.rows.get(at) else {
            return;
        };
        if row.is_block() {
            return self.end_block(at, out);
        }
        // What is too long to be seen whole was seen by nobody.
        let left = if self.waits(row) {
            Some(Unbound::Drop)
        } else {
            self.left_open(row)
        };
        let is_document = row.depth == 1;
        // A document of JSON that is no array where one was due is most often an error; an element that a
        // rule names is a row, and so is what fits another rule.
        let is_row = self.is_named || row.asked.iter().any(|asked| asked.is_found);
        match left {
            Some(Unbound::Drop) if is_document && is_row => {
                self.stopped = Some(NOBODYS);
            }
            Some(Unbound::Drop) if !is_document => {
                self.withheld.unbound += 1;
                self.take_back(at);
            }
            Some(_) => {
                if self.admit(at, out) {
                    self.withheld.unbound_passed += 1;
                }
            }
            None => {
                self.admit(at, out);
            }
        }
    }

    /// What the strictest says of the rules that found no binding in a row; none if all of them leave it
    /// to others.
    fn left_open(&self, row: &Row) -> Option<Unbound> {
        let kind = |asked: &Asked| self.kinds.get(asked.rule);
        let found = || row.asked.iter().filter(|asked| asked.is_found);
        let leaves = |asked: &Asked| {
            kind(asked).is_some() && found().next().is_some() && {
                !found().any(|other| kind(other) == kind(asked))
            }
        };
        let open = row.asked.iter().filter(|asked| !asked.is_found);
        let mut open = open
            .filter(|asked| !leaves(asked))
            .map(|asked| self.plan.rows.get(asked.rule))
            .map(|rule| rule.map_or(Unbound::Drop, |rule| rule.unbound))
            .peekable();
        open.peek()?;
        Some(if open.all(|unbound| unbound == Unbound::Pass) {
            Unbound::Pass
        } else {
            Unbound::Drop
        })
    }

    /// Forgets a row, all that it held, and the rows in it, and skips what is still to come of it.
    pub(super) fn take_back(&mut self, at: usize) {
        let Some(row) = self.rows.drain(at..).next() else {
            return;
        };
        self.whole.take_if(|whole| whole.depth >= row.depth);
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
            && self.stopped.is_none()
            && let Some(at) = self.rows.iter().position(|row| !row.is_bound)
        {
            self.unbound(at, out);
        }
    }

    /// Whether a row of some rule begins at this place.
    pub(super) fn is_row(&self) -> bool {
        (0..self.plan.rows.len()).any(|rule| self.is_row_of(rule))
    }

    /// Whether a row of this rule begins at this place.
    pub(super) fn is_row_of(&self, rule: usize) -> bool {
        let (Some(rule), Some((last, array))) = (self.plan.rows.get(rule), self.place.split_last())
        else {
            return false;
        };
        if self.is_named {
            rule.array.names(&self.place)
        } else {
            *last == Step::Element && rule.array.is(array)
        }
    }

    /// Whether the array of this rule should stand at this place. Services that have one row give it
    /// without the array.
    pub(super) fn is_array_of(&self, rule: usize) -> bool {
        let rule = self.plan.rows.get(rule);
        !self.is_named && rule.is_some_and(|rule| rule.array.is(&self.place))
    }

    /// The same of any rule.
    pub(super) fn is_array_due(&self) -> bool {
        (0..self.plan.rows.len()).any(|rule| self.is_array_of(rule))
    }

    /// Whether a scalar that is a row by itself says to all rules that ask that it is one's own.
    pub(super) fn is_own_scalar(&mut self, text: Option<&str>) -> bool {
        let rules = 0..self.plan.rows.len();
        let asked: Vec<usize> = rules.filter(|rule| self.is_row_of(*rule)).collect();
        let by_itself = |rule: &&Rows| rule.member.is(&[]);
        let rule = |rule: &usize| self.plan.rows.get(*rule);
        // To a rule of another kind it is no row.
        let leaves = |at: &usize| {
            let kind = self.kinds.get(*at);
            kind.is_some()
                && !asked.iter().any(|other| {
                    self.kinds.get(*other) == kind && rule(other).as_ref().is_some_and(by_itself)
                })
        };
        let is_row = asked
            .iter()
            .any(|at| rule(at).as_ref().is_some_and(by_itself));
        let judges = asked.iter().filter(|at| !leaves(at));
        is_row
            && judges
                .filter_map(rule)
                .all(|rule| rule.member.is(&[]) && fits(rule, text))
    }
}

/// The same where nobody sees a row whole: one that must be is nobody's.
pub(in crate::shape) fn fits_unseen(rule: &Rows, text: Option<&str>) -> bool {
    !whole::is_judged(&rule.bound) && fits(rule, text)
}

/// Whether a binding reads as the rule asks.
fn fits(rule: &Rows, text: Option<&str>) -> bool {
    text.is_some_and(|text| match &rule.bound {
        Bound::Nobody => false,
        Bound::One(bound) => **bound == *text,
        Bound::Admitted(who) => who.admits(text),
    })
}
