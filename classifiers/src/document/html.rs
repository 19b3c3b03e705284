//! HTML: its text in blocks, its attributes, and what a heading cell says of the next one.

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

    fn tag(tag: &[u8], start: u64, attributes: std::ops::Range<usize>, out: &mut Out<'_>) {
        for attribute in xml::attributes(tag, attributes) {
            let raw = tag.get(attribute.value.clone()).unwrap_or_default();
            let decoded = Coding::Entities.decode(raw);
            let at = start + attribute.value.start as u64;
            let origin = Raw::Coded(at, raw, Coding::Entities);
            out.desk.notation = Notation::Entities;
            out.desk
                .value(&Context::ROOT, ValueKind::Text, &decoded, origin, out.sink);
        }
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
        match xml::piece_end(bytes, seen.bytes, &mut quote) {
            Some(end) => Cut::At(end),
            // Text and tags without end are cut: a page is never refused.
            None if bytes.len() >= BLOCK_BYTES_MAX => Cut::At(BLOCK_BYTES_MAX),
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
            Piece::Start {
                name, attributes, ..
            } if unit.ends_with(b">") => {
                let name = unit.get(name).unwrap_or_default().to_ascii_lowercase();
                let name = name.as_slice();
                if !PHRASING.contains(&name) {
                    self.flush(&mut out);
                    self.heading = HEADINGS.contains(&name);
                    self.raw = RAW.into_iter().find(|raw| *raw == name);
                }
                Self::tag(unit, start, attributes, &mut out);
            }
            Piece::End(name) => {
                let name = unit.get(name).unwrap_or_default().to_ascii_lowercase();
                if !PHRASING.contains(&name.as_slice()) {
                    self.flush(&mut out);
                }
            }
            Piece::Verbatim(inside) | Piece::Aside(inside) => {
                out.desk.notation = Notation::Verbatim;
                let at = Raw::At(start + inside.start as u64);
                let text = unit.get(inside).unwrap_or_default();
                prose::paragraph(text, at, out);
            }
            Piece::DocumentType => {}
            Piece::Text | Piece::Start { .. } | Piece::Broken => self.add(unit, start, &mut out),
        }
        Ok(())
    }
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
        return Cut::At(window.len());
    }
    // The end tag may have begun.
    Cut::later(
        at.max(seen)
            .min(window.len().saturating_sub(name.len() + 1)),
    )
}
