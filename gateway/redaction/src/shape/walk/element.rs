//! Elements with names, attributes and text, as XML has them.
//!
//! The array of a rule names the elements that are rows: `/Bundle/entry`. A value is an attribute
//! (`@id`) or the text of an element; of an element that has both, a path that ends at the element means
//! its text and its attribute `value`, in which FHIR writes what others write as text.

use std::ops::Range;

use classifiers::media::json::Flaw;

use super::{Frame, Walk};
use crate::shape::{Plan, path::Path, path::Step};

/// The step to the text of an element.
const TEXT: &str = "#text";
const VALUE: &str = "@value";

/// Whether an element has the name of one before it in the same element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shape) enum Repeats {
    No,
    /// It is the second of them; in the first, so many records were counted.
    Second(u64),
    /// There are more.
    Again,
}

/// One attribute of a start tag.
pub(in crate::shape) struct Attribute {
    /// Its name without a prefix, `@` before it; none where it only declares a namespace.
    pub(in crate::shape) name: Option<String>,
    /// What it means.
    pub(in crate::shape) value: String,
    /// Where it stands in the tag, with the space before it.
    pub(in crate::shape) written: Range<usize>,
}

/// Whether `place` is the value of what `path` leads to.
pub(super) fn is_value_of(path: &Path, place: &[Step]) -> bool {
    let is_value =
        |step: &Step| matches!(step, Step::Member(name) if name == TEXT || name == VALUE);
    let element = place.split_last().filter(|(last, _)| is_value(last));
    path.names(place) || element.is_some_and(|(_, element)| path.names(element))
}

impl Walk {
    /// The walk through a document of such elements.
    pub(in crate::shape) fn named(plan: Plan) -> Self {
        let mut walk = Self::new(plan);
        walk.is_named = true;
        walk
    }

    /// Whether it asks which elements repeat.
    pub(in crate::shape) fn counts_records(&self) -> bool {
        self.plan.records_max.is_some()
    }

    /// How many records went on so far.
    pub(in crate::shape) fn records(&self) -> u64 {
        self.records
    }

    /// Begins an element, written as `tag`.
    pub(in crate::shape) fn element(
        &mut self,
        name: &str,
        repeats: Repeats,
        (tag, attributes): (&[u8], &[Attribute]),
        out: &mut Vec<u8>,
    ) -> Result<(), Flaw> {
        self.place.push(Step::Member(name.to_owned()));
        let within = self.frames.last().is_some_and(|frame| frame.in_record);
        let has_rule = self.is_row();
        let is_record = !within && (has_rule || repeats != Repeats::No);
        if let Repeats::Second(within_first) = repeats
            && is_record
            && !has_rule
            && self.skipped_to.is_none()
        {
            // What counted in the first stood in a record.
            self.records = self.records.saturating_sub(within_first) + 1;
        }
        if self.skipped_to.is_none() {
            if self.may_begin(is_record) {
                self.await_binding(false, is_record);
                self.records += u64::from(is_record);
            } else {
                self.skipped_to = Some(self.frames.len());
            }
        }
        self.frames.push(Frame {
            is_array: false,
            has_child: true,
            in_record: within || is_record,
        });
        let mut written = Vec::with_capacity(tag.len());
        let mut from = 0;
        for attribute in attributes {
            if let Some(name) = &attribute.name
                && !self.value(name, &attribute.value, out)?
            {
                written
                    .extend_from_slice(tag.get(from..attribute.written.start).unwrap_or_default());
                from = attribute.written.end;
            }
        }
        written.extend_from_slice(tag.get(from..).unwrap_or_default());
        if self.skipped_to.is_none() {
            self.emit(&written, out);
        }
        self.settle(out)
    }

    /// Ends the innermost element.
    pub(in crate::shape) fn element_end(
        &mut self,
        tag: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Flaw> {
        self.end(tag, out);
        self.settle(out)
    }

    /// A text of the innermost element, as it means and as it is written.
    pub(in crate::shape) fn text(
        &mut self,
        text: &str,
        written: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Flaw> {
        if self.value(TEXT, text.trim_ascii(), out)? {
            self.emit(written, out);
        }
        self.settle(out)
    }

    /// Space, which is no value.
    pub(in crate::shape) fn space(
        &mut self,
        written: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Flaw> {
        if self.skipped_to.is_none() {
            self.emit(written, out);
        }
        self.settle(out)
    }

    /// What stands between the elements and is none: no rule can name it, so that it stays behind.
    pub(in crate::shape) fn aside(&mut self) {
        if self.skipped_to.is_none() {
            self.withheld.unlisted += 1;
        }
    }

    /// Whether a value under `name` in the innermost element goes on.
    fn value(&mut self, name: &str, text: &str, out: &mut Vec<u8>) -> Result<bool, Flaw> {
        if self.skipped_to.is_some() {
            return Ok(false);
        }
        self.place.push(Step::Member(name.to_owned()));
        let judged = self.judge(Some(text), out);
        self.place.pop();
        let goes_on = judged?;
        self.fields += u64::from(goes_on);
        Ok(goes_on)
    }
}
