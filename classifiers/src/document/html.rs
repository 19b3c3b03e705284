//! HTML: its text in blocks, its attributes, and what a heading cell says of the next one.

use std::ops::Range;

use super::desk::Raw;
use super::map::Map;
use super::units::{Cut, Judge, Out, Seen};
use super::{HELD_BYTES_MAX, Notation, UNIT_BYTES_MAX, Unreadable, prose};
use crate::media::coding::Coding;
use crate::media::xml::{self, Piece};
use crate::{Context, KeyClass, ValueKind};

/// Elements that do not break a line (HTML section 4.5, phrasing).
const PHRASING: [&[u8]; 18] = [
    b"a", b"abbr", b"b", b"bdi", b"cite", b"code", b"em", b"font", b"i", b"kbd", b"mark", b"q",
    b"small", b"span", b"strong", b"sub", b"sup", b"wbr",
];
/// Elements whose text says what the next element's is.
const HEADINGS: [&[u8]; 3] = [b"th", b"dt", b"label"];
/// Elements whose content is no markup (HTML section 13.1.2), by the number that is kept between
/// looks.
const RAW: [&[u8]; 2] = [b"script", b"style"];
/// Attributes that say what the value of their tag is, and those that hold it.
const NAMES: [&[u8]; 4] = [b"name", b"itemprop", b"property", b"id"];
const VALUES: [&[u8]; 2] = [b"value", b"content"];
/// A longer heading is no name.
const NAME_BYTES_MAX: usize = 48;
/// A block of text longer than this is judged in parts.
const BLOCK_BYTES_MAX: usize = UNIT_BYTES_MAX / 4;

/// A block of text that spans more of the page, comments and tags included, is judged in parts.
const BLOCK_SPAN_BYTES_MAX: u64 = HELD_BYTES_MAX / 2;

/// A page on its way.
pub(crate) struct Html {
    text: Vec<u8>,
    map: Map,
    /// The element whose raw text is open.
    raw: Option<&'static [u8]>,
    /// Whether the open block is a heading.
    heading: bool,
    /// What the last heading said.
    told: Option<Context>,
}

impl Html {
    pub(crate) fn new() -> Self {
        Self {
            text: Vec::new(),
            map: Map::default(),
            raw: None,
            heading: false,
            told: None,
        }
    }

    fn add(&mut self, raw: &[u8], start: u64, out: &mut Out<'_>) {
        if self.text.len() + raw.len() > BLOCK_BYTES_MAX {
            self.flush(out);
        }
        if self.raw.is_none() && memchr::memchr(b'&', raw).is_some() {
            self.text.extend(Coding::Entities.decode(raw));
            self.map.append(&Coding::Entities.map(start, raw));
        } else {
            self.text.extend_from_slice(raw);
            self.map.copied(start, raw.len());
        }
    }

    /// Where the block begins that is not complete.
    pub(crate) fn open(&self) -> Option<u64> {
        self.map.raw_at(0)
    }

    /// Judges the block that is complete.
    pub(crate) fn flush(&mut self, out: &mut Out<'_>) {
        let text = std::mem::take(&mut self.text);
        let map = std::mem::take(&mut self.map);
        let value = text.trim_ascii();
        if value.is_empty() {
            return;
        }
        let blank = text.len() - text.trim_ascii_start().len();
        let raw = Raw::Mapped(&map, blank as u64);
        out.desk.notation = if self.raw.is_some() {
            Notation::Verbatim
        } else {
            Notation::Entities
        };
        let told = self.told.take();
        if std::mem::take(&mut self.heading) && value.len() <= NAME_BYTES_MAX {
            let name = value.strip_suffix(b":").unwrap_or(value);
            let context = Context::ROOT.member(name, &mut out.desk.keys);
            self.told = (context.key() != KeyClass::None).then_some(context);
        }
        if let Some(context) = told
            && out
                .desk
                .value(&context, ValueKind::Text, value, raw, out.sink)
        {
            return;
        }
        prose::paragraph(value, raw, out.again());
    }

    /// Judges all of a tag: what looks like one may be `Ann <ann@example.com>`.
    fn tag(tag: &[u8], start: u64, name: Range<usize>, out: &mut Out<'_>) {
        let text = |range: Range<usize>| tag.get(range).unwrap_or_default();
        let place = |range: &Range<usize>| start + range.start as u64;
        let inside = name.end..tag.len() - 1;
        let at = place(&name);
        out.desk.markup(text(name), at, Notation::Name, out.sink);
        let told = Self::named(tag, inside.clone(), out);
        for xml::Attribute { name, value } in xml::attributes(tag, inside) {
            let context = told.filter(|_| VALUES.contains(&lower(text(name.clone())).as_slice()));
            let at = place(&name);
            out.desk.markup(text(name), at, Notation::Name, out.sink);
            let (at, raw) = (place(&value), text(value));
            let decoded = Coding::Entities.decode(raw);
            let origin = Raw::Coded(at, raw, Coding::Entities);
            let context = context.unwrap_or(Context::ROOT);
            out.desk.notation = Notation::Entities;
            out.desk
                .value(&context, ValueKind::Text, &decoded, origin, out.sink);
        }
    }

    /// What a tag's name for its value says: `<input name=ssn value=…>`.
    fn named(tag: &[u8], inside: Range<usize>, out: &mut Out<'_>) -> Option<Context> {
        let text = |range: Range<usize>| tag.get(range).unwrap_or_default();
        let mut attributes = xml::attributes(tag, inside);
        let names =
            attributes.find(|it| NAMES.contains(&lower(text(it.name.clone())).as_slice()))?;
        let name = text(names.value);
        let context = Context::ROOT.member(name, &mut out.desk.keys);
        (name.len() <= NAME_BYTES_MAX && context.key() != KeyClass::None).then_some(context)
    }
}

impl Judge for Html {
    fn cut(&self, bytes: &[u8], seen: Seen) -> Cut {
        if let Some(name) = self.raw
            && !ends_raw(bytes, name)
        {
            return raw_end(bytes, seen.bytes, name);
        }
        // A lone `<` is text.
        if let [b'<', second, ..] = bytes
            && !second.is_ascii_alphabetic()
            && !b"/!?".contains(second)
        {
            return Cut::At(1);
        }
        if bytes == b"<" {
            return Cut::later(0);
        }
        let mut quote = seen.state;
        let window = bytes.get(..BLOCK_BYTES_MAX).unwrap_or(bytes);
        match xml::piece_end(window, seen.bytes.min(window.len()), &mut quote) {
            Some(end) => Cut::At(end),
            // Text and tags without end are cut: a page is never refused.
            None if window.len() == BLOCK_BYTES_MAX => Cut::At(prose::last_break(window)),
            None => Cut::Later(Seen {
                bytes: bytes.len(),
                state: quote,
            }),
        }
    }

    fn unit(&mut self, unit: &[u8], start: u64, mut out: Out<'_>) -> Result<(), Unreadable> {
        if let Some(name) = self.raw
            && !ends_raw(unit, name)
        {
            self.add(unit, start, &mut out);
            self.flush(&mut out);
            return Ok(());
        }
        self.raw = None;
        if start - self.open().unwrap_or(start) > BLOCK_SPAN_BYTES_MAX {
            self.flush(&mut out);
        }
        match xml::piece(unit) {
            Piece::Start { name: at, .. } if unit.ends_with(b">") => {
                let name = lower(unit.get(at.clone()).unwrap_or_default());
                let name = name.as_slice();
                if !PHRASING.contains(&name) {
                    self.flush(&mut out);
                    self.heading = HEADINGS.contains(&name);
                    self.raw = RAW.into_iter().find(|raw| *raw == name);
                }
                Self::tag(unit, start, at, &mut out);
            }
            Piece::End(name) if unit.ends_with(b">") => {
                let lower = lower(unit.get(name.clone()).unwrap_or_default());
                if !PHRASING.contains(&lower.as_slice()) {
                    self.flush(&mut out);
                }
                Self::tag(unit, start, name, &mut out);
            }
            Piece::Verbatim(inside) | Piece::Aside(inside) => {
                out.desk.notation = Notation::Verbatim;
                let at = Raw::At(start + inside.start as u64);
                let text = unit.get(inside).unwrap_or_default();
                prose::paragraph(text, at, out);
            }
            Piece::DocumentType => {
                // The identifiers of older types are addresses, and everybody's.
                if memchr::memmem::find(unit, b"\"-//W3C//DTD ").is_none() {
                    out.desk.notation = Notation::Verbatim;
                    let inside = unit.get(2..).unwrap_or_default();
                    prose::paragraph(inside, Raw::At(start + 2), out);
                }
            }
            Piece::Text | Piece::Start { .. } | Piece::End(_) | Piece::Broken => {
                self.add(unit, start, &mut out);
            }
        }
        Ok(())
    }
}

fn lower(name: &[u8]) -> Vec<u8> {
    name.to_ascii_lowercase()
}

/// Whether these bytes are the end tag of the element whose raw text was open.
fn ends_raw(bytes: &[u8], name: &[u8]) -> bool {
    bytes.starts_with(b"</")
        && bytes
            .get(2..2 + name.len())
            .is_some_and(|end| end.eq_ignore_ascii_case(name))
}

/// Where the raw text of an element ends: before its end tag, or where it gets too long.
fn raw_end(bytes: &[u8], seen: usize, name: &[u8]) -> Cut {
    let mut at = seen;
    let window = bytes.get(..BLOCK_BYTES_MAX).unwrap_or(bytes);
    while let Some(found) = memchr::memchr(b'<', window.get(at..).unwrap_or_default()) {
        at += found;
        let rest = window.get(at..).unwrap_or_default();
        if rest.len() < name.len() + 2 {
            break;
        }
        if at > 0 && ends_raw(rest, name) {
            return Cut::At(at);
        }
        at += 1;
    }
    if window.len() == BLOCK_BYTES_MAX {
        return Cut::At(prose::last_break(window));
    }
    // The end tag may have begun.
    Cut::later(
        at.max(seen)
            .min(window.len().saturating_sub(name.len() + 1)),
    )
}
