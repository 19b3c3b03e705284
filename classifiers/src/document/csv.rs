//! CSV: every record is an object whose names stand in the first.

use super::desk::Raw;
use super::units::{Cut, Judge, Out, Seen};
use super::{Notation, Unreadable};
use crate::media::coding::Coding;
use crate::media::csv::{self, Field, Place};
use crate::{Context, DISCRIMINATOR_BYTES_MAX, KeyClass, ValueKind};

/// A longer first field is no column's name.
const NAME_BYTES_MAX: usize = 64;
/// Columns beyond these have no name.
const COLUMNS_MAX: usize = 4096;
/// Records that may stand before the one that names the columns.
const TITLES_MAX: u64 = 16;

/// A file on its way.
pub(crate) struct Csv {
    /// Known from the first line on.
    delimiter: Option<u8>,
    /// Of the columns, if the first record names them.
    names: Vec<Vec<u8>>,
    /// Records after the names.
    records: u64,
}

impl Csv {
    pub(crate) fn new() -> Self {
        Self {
            delimiter: None,
            names: Vec::new(),
            records: 0,
        }
    }

    /// Takes what the first line may be: more than one record, where its quotes are not those of
    /// fields.
    fn begin(&mut self, text: &[u8], start: u64, mut out: Out<'_>) {
        if let Some(delimiter) = declared(text) {
            self.delimiter = Some(delimiter);
            return;
        }
        let delimiter = csv::delimiter(text);
        self.delimiter = Some(delimiter);
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let end = csv::record_end(rest, delimiter, &mut Place::default());
            let length = end.unwrap_or(rest.len());
            let record = rest.get(..length).unwrap_or(rest);
            self.record(record, start + at as u64, out.again());
            at += length;
        }
    }

    /// Takes a record: names, or else values. Where titles stand before the names, the record of names
    /// is judged too: it may be one of values.
    fn record(&mut self, record: &[u8], start: u64, mut out: Out<'_>) {
        if record.trim_ascii().is_empty() {
            return;
        }
        let names = if self.names.is_empty() && self.records < TITLES_MAX {
            self.header(record, &mut out)
        } else {
            Vec::new()
        };
        if names.is_empty() || self.records > 0 {
            self.values(record, start, out.again());
        }
        if !names.is_empty() {
            self.name(record, names, start, out);
        }
    }

    /// The fields of a record that names columns.
    fn header(&self, record: &[u8], out: &mut Out<'_>) -> Vec<Field> {
        let delimiter = self.delimiter.unwrap_or(b',');
        let fields: Vec<Field> = csv::fields(record, delimiter).collect();
        if is_header(record, &fields, self.records == 0, out) {
            fields
        } else {
            Vec::new()
        }
    }

    /// Takes the names of the columns.
    fn name(&mut self, record: &[u8], fields: Vec<Field>, start: u64, out: Out<'_>) {
        for field in fields.into_iter().take(COLUMNS_MAX) {
            let raw = record.get(field.raw.clone()).unwrap_or_default();
            let name = text(raw, field.quoted).trim_ascii().to_vec();
            let known = Context::ROOT.member(&name, &mut out.desk.keys);
            if !known.is_name_clean() || out.desk.seek.is_some() {
                out.desk.path.enter();
                out.desk.path.name(&name);
                out.desk.notation = notation(&field);
                out.desk.name(&name, place(raw, &field, start), out.sink);
                out.desk.path.leave();
            }
            self.names.push(name);
        }
    }

    fn values(&mut self, record: &[u8], start: u64, out: Out<'_>) {
        let delimiter = self.delimiter.unwrap_or(b',');
        let mut object = Context::ROOT;
        out.desk.path.enter();
        out.desk.path.index(self.records);
        self.records += 1;
        out.desk.path.enter();
        for (at, field) in csv::fields(record, delimiter).enumerate() {
            let raw = record.get(field.raw.clone()).unwrap_or_default();
            let value = text(raw, field.quoted);
            let name = self.names.get(at).map(Vec::as_slice);
            let member = if let Some(name) = name {
                out.desk.path.name(name);
                object.member(name, &mut out.desk.keys)
            } else {
                out.desk.path.index(at as u64);
                Context::ROOT
            };
            let origin = place(raw, &field, start);
            out.desk.notation = notation(&field);
            out.desk
                .value(&member, ValueKind::Text, &value, origin, out.sink);
            if member.is_discriminator() && value.len() <= DISCRIMINATOR_BYTES_MAX {
                object.observe(&member, &value, &mut out.desk.keys);
            }
        }
        out.desk.path.truncate(0);
    }
}

impl Judge for Csv {
    fn cut(&self, bytes: &[u8], seen: Seen) -> Cut {
        let Some(delimiter) = self.delimiter else {
            let mut quoted = seen.state == 1;
            return match csv::first_line_end(bytes, seen.bytes, &mut quoted) {
                Some(end) => Cut::At(end),
                None => Cut::Later(Seen {
                    bytes: bytes.len(),
                    state: u8::from(quoted),
                }),
            };
        };
        let mut place = PLACES
            .get(usize::from(seen.state))
            .copied()
            .unwrap_or_default();
        let rest = bytes.get(seen.bytes..).unwrap_or_default();
        match csv::record_end(rest, delimiter, &mut place) {
            Some(end) => Cut::At(seen.bytes + end),
            None => Cut::Later(Seen {
                bytes: bytes.len(),
                state: place as u8,
            }),
        }
    }

    fn unit(&mut self, unit: &[u8], start: u64, out: Out<'_>) -> Result<(), Unreadable> {
        if unit.trim_ascii().is_empty() {
            return Ok(());
        }
        if self.delimiter.is_some() {
            self.record(unit, start, out);
            return Ok(());
        }
        let mark = if unit.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        let record = unit.get(mark..).unwrap_or_default();
        self.begin(record, start + mark as u64, out);
        Ok(())
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// By the number that is kept between looks.
const PLACES: [Place; 4] = [Place::FieldStart, Place::Field, Place::Quoted, Place::Quote];

/// What separates the fields, where the first line says only that, as spreadsheets write it.
fn declared(text: &[u8]) -> Option<u8> {
    match text.strip_prefix(b"sep=")?.trim_ascii_end() {
        [delimiter] => Some(*delimiter).filter(|byte| b",;|".contains(byte)),
        _ => None,
    }
}

/// What a field means.
fn text(raw: &[u8], quoted: bool) -> std::borrow::Cow<'_, [u8]> {
    if quoted && memchr::memchr(b'"', raw).is_some() {
        std::borrow::Cow::Owned(Coding::Quoted.decode(raw))
    } else {
        std::borrow::Cow::Borrowed(raw)
    }
}

fn notation(field: &Field) -> Notation {
    if field.quoted {
        Notation::Quoted
    } else {
        Notation::Bare
    }
}

fn place<'a>(raw: &'a [u8], field: &Field, start: u64) -> Raw<'a> {
    let at = start + field.raw.start as u64;
    if field.quoted && memchr::memchr(b'"', raw).is_some() {
        Raw::Coded(at, raw, Coding::Quoted)
    } else {
        Raw::At(at)
    }
}

/// Whether a record names columns: all of its fields look like names, and either one of them means
/// something or, in the first, none of them begins like a proper noun.
fn is_header(record: &[u8], fields: &[Field], is_first: bool, out: &mut Out<'_>) -> bool {
    let names: Vec<&[u8]> = fields
        .iter()
        .filter_map(|field| record.get(field.raw.clone()))
        .collect();
    let known = |name: &&[u8]| {
        let member = Context::ROOT.member(name, &mut out.desk.keys);
        member.key() != KeyClass::None
    };
    (is_first || names.len() > 1)
        && names.iter().all(|name| looks_like_name(name))
        && names.iter().any(|name| !name.is_empty())
        && (names.iter().any(known) || is_first && names.iter().all(|name| !is_proper(name)))
}

fn looks_like_name(field: &[u8]) -> bool {
    let field = field.trim_ascii();
    let starts = field
        .first()
        .is_none_or(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80 || b"_#$".contains(byte));
    let digits = field.iter().filter(|byte| byte.is_ascii_digit()).count();
    starts
        && field.len() <= NAME_BYTES_MAX
        && digits <= 4
        && !field.iter().any(|byte| b"@\"\\".contains(byte))
}

/// Whether a field begins like a name of a person or place: a capital before small letters.
fn is_proper(field: &[u8]) -> bool {
    matches!(field.trim_ascii(), [b'A'..=b'Z', b'a'..=b'z', ..])
}
