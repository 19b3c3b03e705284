//! XML: elements and attributes are members, nested as objects are.

use super::desk::Raw;
use super::map::Map;
use super::units::{Cut, Judge, Out, Seen};
use super::{HELD_BYTES_MAX, Notation, UNIT_BYTES_MAX, Unreadable};
use crate::media::coding::Coding;
use crate::media::xml::{self, DEPTH_MAX, Flaw, Piece};
use crate::{Context, DISCRIMINATOR_BYTES_MAX, ValueKind};

/// A text may span so many bytes of the document, comments in it included.
const TEXT_SPAN_BYTES_MAX: u64 = HELD_BYTES_MAX / 2;
/// Where FHIR's XML form says so.
const FHIR: &[u8] = b"http://hl7.org/fhir";

/// What serializers call the elements of an array, which have no name of their own.
const ELEMENTS: [&[u8]; 7] = [
    b"item", b"element", b"li", b"row", b"record", b"string", b"i",
];

/// A document on its way.
pub(crate) struct Xml {
    levels: Vec<Level>,
    /// The text since the last tag: entities decoded, what comments part joined.
    text: Vec<u8>,
    map: Map,
    /// How the text is written; a part in a CDATA section makes all of it so.
    notation: Notation,
    /// Whether the elements are those of FHIR.
    fhir: bool,
}

#[derive(Clone, Copy)]
struct Level {
    context: Context,
    /// Whether attributes may have told what the text is.
    told: bool,
}

impl Xml {
    pub(crate) fn new() -> Self {
        Self {
            levels: Vec::new(),
            text: Vec::new(),
            map: Map::default(),
            notation: Notation::Entities,
            fhir: false,
        }
    }

    fn start(
        &mut self,
        tag: &[u8],
        start: u64,
        piece: (std::ops::Range<usize>, std::ops::Range<usize>, bool),
        mut out: Out<'_>,
    ) -> Result<(), Unreadable> {
        let (name, attributes, empty) = piece;
        if self.levels.len() >= DEPTH_MAX {
            return Err(flaw(start, Flaw::TooDeep));
        }
        let at = start + name.start as u64;
        let name = tag.get(name).unwrap_or_default();
        let context = self.enter(tag, name, attributes.clone(), &mut out);
        out.desk.markup(name, at, Notation::Name, out.sink);
        let told = !attributes.is_empty();
        self.levels.push(Level { context, told });
        let text = |range: std::ops::Range<usize>| tag.get(range).unwrap_or_default();
        let place = |range: &std::ops::Range<usize>| start + range.start as u64;
        let spaces =
            |attribute: &xml::Attribute| text(attribute.name.clone()).starts_with(b"xmlns");
        for xml::Attribute { name, value } in
            xml::attributes(tag, attributes.clone()).filter(spaces)
        {
            let (names, written) = (place(&name), Notation::Name);
            out.desk.markup(text(name), names, written, out.sink);
            let (values, written) = (place(&value), Notation::Entities);
            out.desk.markup(text(value), values, written, out.sink);
        }
        let attributes = xml::attributes(tag, attributes).filter(|attribute| !spaces(attribute));
        let alone = attributes.clone().count() == 1;
        for attribute in attributes {
            self.attribute(tag, start, &attribute, alone, &mut out);
        }
        if empty {
            self.levels.pop();
            out.desk.path.leave();
        }
        Ok(())
    }

    /// The context of an element, and the step to it.
    fn enter(
        &mut self,
        tag: &[u8],
        name: &[u8],
        attributes: std::ops::Range<usize>,
        out: &mut Out<'_>,
    ) -> Context {
        out.desk.path.enter();
        out.desk.path.name(name);
        if self.levels.is_empty() {
            let bytes = tag.get(attributes).unwrap_or_default();
            self.fhir = memchr::memmem::find(bytes, FHIR).is_some();
        }
        let parent = self
            .levels
            .last()
            .map_or(Context::ROOT, |level| level.context);
        let keys = &mut out.desk.keys;
        // A resource in FHIR's XML is an element of its name, where JSON has a member that says so.
        if self.fhir && name.first().is_some_and(u8::is_ascii_uppercase) {
            let mut resource = parent.element();
            let member = resource.member(b"resourceType", keys);
            resource.observe(&member, name, keys);
            return resource;
        }
        if !self.fhir && ELEMENTS.contains(&local(name)) {
            return parent.element();
        }
        let context = parent.member(local(name), keys);
        context.begin(keys);
        context
    }

    fn attribute(
        &mut self,
        tag: &[u8],
        start: u64,
        attribute: &xml::Attribute,
        alone: bool,
        out: &mut Out<'_>,
    ) {
        let raw = tag.get(attribute.value.clone()).unwrap_or_default();
        let name = tag.get(attribute.name.clone()).unwrap_or_default();
        let Some(level) = self.levels.last() else {
            return;
        };
        // `<city value="Rome"/>` is another way to write `<city>Rome</city>`.
        let scalar = alone && local(name).eq_ignore_ascii_case(b"value");
        let member = if scalar {
            level.context
        } else {
            level.context.member(local(name), &mut out.desk.keys)
        };
        out.desk.path.enter();
        out.desk.path.name(&[b"@", name].concat());
        let named_at = start + attribute.name.start as u64;
        out.desk.markup(name, named_at, Notation::Name, out.sink);
        let at = start + attribute.value.start as u64;
        let decoded = Coding::Entities.decode(raw);
        let origin = Raw::Coded(at, raw, Coding::Entities);
        out.desk.notation = Notation::Entities;
        out.desk
            .value(&member, ValueKind::Text, &decoded, origin, out.sink);
        if scalar {
            self.observe(&decoded, out);
        } else if let Some(level) = self.levels.last_mut()
            && member.is_discriminator()
            && decoded.len() <= DISCRIMINATOR_BYTES_MAX
        {
            level.context.observe(&member, &decoded, &mut out.desk.keys);
        }
        out.desk.path.leave();
    }

    /// Judges the text that a tag ends.
    fn flush(&mut self, out: &mut Out<'_>) {
        let text = std::mem::take(&mut self.text);
        let map = std::mem::take(&mut self.map);
        out.desk.notation = std::mem::replace(&mut self.notation, Notation::Entities);
        let blank = text.len() - text.trim_ascii_start().len();
        let value = text.trim_ascii();
        if value.is_empty() {
            return;
        }
        let level = self.levels.last().copied();
        let context = match level {
            Some(level) if level.told => level.context.member(b"value", &mut out.desk.keys),
            Some(level) => level.context,
            None => Context::ROOT,
        };
        let raw = Raw::Mapped(&map, blank as u64);
        out.desk
            .value(&context, ValueKind::Text, value, raw, out.sink);
        self.observe(value, out);
    }

    /// What an element's text tells of its siblings.
    fn observe(&mut self, value: &[u8], out: &mut Out<'_>) {
        if let [.., parent, level] = self.levels.as_mut_slice()
            && level.context.is_discriminator()
            && value.len() <= DISCRIMINATOR_BYTES_MAX
        {
            let member = level.context;
            parent.context.observe(&member, value, &mut out.desk.keys);
        }
    }

    /// Takes text that stands at `start`.
    fn add(&mut self, raw: &[u8], start: u64, entities: bool) -> Result<(), Unreadable> {
        let open = self.open().unwrap_or(start);
        if self.text.len() + raw.len() > UNIT_BYTES_MAX || start - open > TEXT_SPAN_BYTES_MAX {
            return Err(Unreadable::TooLong { offset: start });
        }
        if !entities {
            self.notation = Notation::Verbatim;
        }
        if entities && memchr::memchr(b'&', raw).is_some() {
            self.text.extend(Coding::Entities.decode(raw));
            self.map.append(&Coding::Entities.map(start, raw));
        } else {
            self.text.extend_from_slice(raw);
            self.map.copied(start, raw.len());
        }
        Ok(())
    }

    /// Where the text begins that no tag has ended.
    pub(crate) fn open(&self) -> Option<u64> {
        self.map.raw_at(0)
    }

    /// Ends the document.
    pub(crate) fn finish(&mut self, end: u64, mut out: Out<'_>) -> Result<(), Unreadable> {
        self.flush(&mut out);
        if self.levels.is_empty() {
            Ok(())
        } else {
            Err(flaw(end, Flaw::Truncated))
        }
    }
}

impl Judge for Xml {
    fn cut(&self, bytes: &[u8], seen: Seen) -> Cut {
        let mut quote = seen.state;
        match xml::piece_end(bytes, seen.bytes, &mut quote) {
            Some(end) => Cut::At(end),
            None => Cut::Later(Seen {
                bytes: bytes.len(),
                state: quote,
            }),
        }
    }

    fn unit(&mut self, unit: &[u8], start: u64, mut out: Out<'_>) -> Result<(), Unreadable> {
        if unit.starts_with(b"<") && !unit.ends_with(b">") {
            return Err(flaw(start, Flaw::Truncated));
        }
        match xml::piece(unit) {
            Piece::Text => self.add(unit, start, true),
            Piece::Verbatim(inside) => {
                let at = start + inside.start as u64;
                self.add(unit.get(inside).unwrap_or_default(), at, false)
            }
            Piece::Start {
                name,
                attributes,
                empty,
            } => {
                self.flush(&mut out);
                self.start(unit, start, (name, attributes, empty), out)
            }
            Piece::End(name) => {
                self.flush(&mut out);
                let behind = unit.get(name.end..unit.len() - 1).unwrap_or_default();
                let at = start + name.start as u64;
                let name = unit.get(name).unwrap_or_default();
                let same = out.desk.path.is_at(name) && behind.trim_ascii().is_empty();
                if self.levels.pop().is_none() || !same {
                    return Err(flaw(start, Flaw::EndTag));
                }
                out.desk.markup(name, at, Notation::Name, out.sink);
                out.desk.path.leave();
                Ok(())
            }
            Piece::Aside(inside) => {
                // Between two texts that are one, it is held with them.
                if start - self.open().unwrap_or(start) > TEXT_SPAN_BYTES_MAX {
                    return Err(Unreadable::TooLong { offset: start });
                }
                if unit.starts_with(b"<?xml") && !is_ascii_compatible(unit) {
                    return Err(flaw(start, Flaw::Encoding));
                }
                out.desk.notation = Notation::Verbatim;
                let at = Raw::At(start + inside.start as u64);
                let text = unit.get(inside).unwrap_or_default();
                out.desk
                    .value(&Context::ROOT, ValueKind::Text, text, at, out.sink);
                Ok(())
            }
            Piece::DocumentType => Err(flaw(start, Flaw::DocumentType)),
            Piece::Broken => Err(flaw(start, Flaw::Markup)),
        }
    }
}

/// Whether a declaration leaves ASCII bytes what they are: it names no encoding (XML 1.0 section
/// 4.3.3), or UTF-8, or one that only adds to ASCII.
fn is_ascii_compatible(declaration: &[u8]) -> bool {
    let Some(at) = memchr::memmem::find(declaration, b"encoding") else {
        return true;
    };
    let value = declaration.get(at + b"encoding".len()..);
    let value = value.unwrap_or_default().to_ascii_lowercase();
    let name = value
        .split(|byte| matches!(byte, b'"' | b'\''))
        .nth(1)
        .unwrap_or_default();
    let adds = [&b"iso-8859-"[..], b"windows-125", b"utf-8", b"us-ascii"];
    adds.iter().any(|known| name.starts_with(known))
}

fn flaw(offset: u64, flaw: Flaw) -> Unreadable {
    Unreadable::Xml { offset, flaw }
}

/// A name without its namespace prefix.
fn local(name: &[u8]) -> &[u8] {
    memchr::memrchr(b':', name)
        .and_then(|at| name.get(at + 1..))
        .unwrap_or(name)
}
