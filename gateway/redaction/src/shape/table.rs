//! Rows in tables: each record below the first is an element of one array at the empty path, and the
//! names in the first are its members. What may not go on leaves as a whole record, or as a whole
//! column; a field beyond the most becomes empty.
//!
//! Readers of CSV differ over quotes within fields and over records of another length. Where rows must be
//! told apart, such a table is not shaped but refused.

use std::ops::Range;

use classifiers::media::csv::{self, Place};

use super::walk::fits_unseen;
use super::{HELD_BYTES_MAX, Plan, Rows, Step, Unbound, Withheld};
use crate::Interrupted;

const TOO_LONG: Interrupted =
    Interrupted::Form("a record is too long to be told from others' rows");
const UNCLEAR: Interrupted =
    Interrupted::Form("a record of the table can be read in more than one way");

/// Shapes one table as it comes.
pub(super) struct Table {
    plan: Plan,
    delimiter: u8,
    /// The names of the columns, once they came, and whether each goes on.
    columns: Option<Vec<(String, bool)>>,
    record: Vec<u8>,
    /// How much of the open record was looked at, and where that stands.
    seen: usize,
    place: Place,
    records: u64,
    fields: u64,
    withheld: Withheld,
}

impl Table {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            delimiter: b',',
            columns: None,
            record: Vec::new(),
            seen: 0,
            place: Place::default(),
            records: 0,
            fields: 0,
            withheld: Withheld::default(),
        }
    }

    pub(super) fn withheld(&self) -> Withheld {
        self.withheld
    }

    pub(super) fn held(&self) -> usize {
        self.record.len()
    }

    pub(super) fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Interrupted> {
        self.record.extend_from_slice(chunk);
        loop {
            if self.columns.is_none() {
                let Some(end) = memchr::memchr(b'\n', &self.record) else {
                    break;
                };
                self.delimiter = csv::delimiter(self.record.get(..end).unwrap_or_default());
            }
            let rest = self.record.get(self.seen..).unwrap_or_default();
            let mut place = self.place;
            let Some(end) = csv::record_end(rest, self.delimiter, &mut place) else {
                (self.seen, self.place) = (self.record.len(), place);
                break;
            };
            // The last byte may be the first half of a line's end.
            let end = match (rest.get(end - 1), rest.get(end)) {
                (Some(b'\r'), None) => break,
                (Some(b'\r'), Some(b'\n')) => end + 1,
                _ => end,
            };
            let later = self.record.split_off(self.seen + end);
            let record = std::mem::replace(&mut self.record, later);
            (self.seen, self.place) = (0, Place::default());
            self.shape(&record, out)?;
        }
        if self.record.len() > HELD_BYTES_MAX {
            return Err(TOO_LONG);
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Interrupted> {
        let record = std::mem::take(&mut self.record);
        if self.columns.is_none() {
            self.delimiter = csv::delimiter(&record);
        }
        self.shape(&record, out)
    }

    fn shape(&mut self, record: &[u8], out: &mut Vec<u8>) -> Result<(), Interrupted> {
        if record.trim_ascii().is_empty() {
            out.extend_from_slice(record);
            return Ok(());
        }
        let fields = fields(record, self.delimiter)?;
        let Some(columns) = &self.columns else {
            let named = |(_, text): &(Range<usize>, String)| {
                let place = [Step::Element, Step::Member(text.clone())];
                let lists = &self.plan.fields;
                (
                    text.clone(),
                    lists.iter().all(|list| list.allow(&place, false)),
                )
            };
            let columns: Vec<(String, bool)> = fields.iter().map(named).collect();
            let kept: Vec<bool> = columns.iter().map(|(_, kept)| *kept).collect();
            self.withheld.unlisted += kept.iter().filter(|kept| !**kept).count() as u64;
            self.columns = Some(columns);
            write(
                record,
                &fields,
                self.delimiter,
                |at| (kept.get(at) == Some(&true)).then_some(true),
                out,
            );
            return Ok(());
        };
        if fields.len() != columns.len() {
            return Err(UNCLEAR);
        }
        let kept: Vec<bool> = columns.iter().map(|(_, kept)| *kept).collect();
        if !self.is_own(&fields) {
            return Ok(());
        }
        if self
            .plan
            .records_max
            .is_some_and(|most| self.records >= most)
        {
            self.withheld.records += 1;
            return Ok(());
        }
        self.records += 1;
        let (most, mut count, mut beyond) = (self.plan.fields_max, self.fields, 0);
        let keep = |at: usize| {
            if kept.get(at) != Some(&true) {
                return None;
            }
            let full = most.is_some_and(|most| count >= most);
            count += u64::from(!full);
            beyond += u64::from(full);
            Some(!full)
        };
        write(record, &fields, self.delimiter, keep, out);
        self.fields = count;
        self.withheld.fields += beyond;
        Ok(())
    }

    /// Whether a record is one's own by every rule.
    fn is_own(&mut self, fields: &[(Range<usize>, String)]) -> bool {
        let columns = self.columns.as_deref().unwrap_or_default();
        let (mut is_others, mut unbound) = (false, None);
        for rule in self.plan.rows.iter().filter(|rule| rule.array.is(&[])) {
            let bound = bindings(rule, columns, fields);
            if bound.iter().all(|text| text.is_empty()) {
                unbound = match (unbound, rule.unbound) {
                    (Some(Unbound::Drop), _) | (_, Unbound::Drop) => Some(Unbound::Drop),
                    (_, Unbound::Pass) => Some(Unbound::Pass),
                };
            } else {
                is_others |= !bound.iter().all(|text| fits_unseen(rule, Some(text)));
            }
        }
        match (is_others, unbound) {
            (true, _) => self.withheld.rows += 1,
            (_, Some(Unbound::Drop)) => self.withheld.unbound += 1,
            (_, Some(Unbound::Pass)) => self.withheld.unbound_passed += 1,
            (_, None) => {}
        }
        !is_others && unbound != Some(Unbound::Drop)
    }
}

/// What the columns say that bind a record by a rule: two of one name must both.
fn bindings<'f>(
    rule: &Rows,
    columns: &[(String, bool)],
    fields: &'f [(Range<usize>, String)],
) -> Vec<&'f str> {
    let binds = |name: &String| rule.member.is(&[Step::Member(name.clone())]);
    let named = columns.iter().zip(fields);
    named
        .filter(|((name, _), _)| binds(name))
        .map(|(_, (_, text))| text.as_str())
        .collect()
}

/// The fields of a record with their bytes, quotes included, and what they say.
fn fields(record: &[u8], delimiter: u8) -> Result<Vec<(Range<usize>, String)>, Interrupted> {
    let mut fields = Vec::new();
    for field in csv::fields(record, delimiter) {
        let raw = record.get(field.raw.clone()).unwrap_or_default();
        let text = std::str::from_utf8(raw).map_err(|_| UNCLEAR)?;
        let behind = record.get(field.raw.end + usize::from(field.quoted));
        let is_end = |byte: &u8| [delimiter, b'\r', b'\n'].contains(byte);
        // Bytes behind a closing quote, or none that closes.
        let is_open = field.quoted && record.get(field.raw.end) != Some(&b'"');
        if is_open || !behind.is_none_or(is_end) || !field.quoted && text.contains('"') {
            return Err(UNCLEAR);
        }
        let range = if field.quoted {
            field.raw.start - 1..field.raw.end + 1
        } else {
            field.raw.clone()
        };
        let text = if field.quoted {
            text.replace("\"\"", "\"")
        } else {
            text.to_owned()
        };
        let text = text.trim_start_matches('\u{feff}').trim().to_owned();
        fields.push((range, text));
    }
    Ok(fields)
}

/// Writes the fields of a record that `keep` keeps: as they are, or empty. Where all are kept, the record
/// goes on as it came.
fn write(
    record: &[u8],
    fields: &[(Range<usize>, String)],
    delimiter: u8,
    mut keep: impl FnMut(usize) -> Option<bool>,
    out: &mut Vec<u8>,
) {
    let mut is_first = true;
    for (at, (range, _)) in fields.iter().enumerate() {
        let Some(shown) = keep(at) else {
            continue;
        };
        if !std::mem::replace(&mut is_first, false) {
            out.push(delimiter);
        }
        if shown {
            out.extend_from_slice(record.get(range.clone()).unwrap_or_default());
        }
    }
    let end = fields.last().map_or(0, |(range, _)| range.end);
    out.extend_from_slice(record.get(end..).unwrap_or_default());
}
