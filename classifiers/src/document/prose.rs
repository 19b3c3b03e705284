//! Text: paragraphs, in which a line may begin with the name of what it holds.

use std::ops::Range;

use super::desk::Raw;
use super::map::Map;
use super::units::{Cut, Judge, Out, Seen};
use super::{Notation, UNIT_BYTES_MAX, Unreadable, grid};
use crate::{Context, DISCRIMINATOR_BYTES_MAX, KeyClass, ValueKind};

/// A longer name is prose that has a colon in it.
const NAME_BYTES_MAX: usize = 48;
/// A name with more digits is looked at as prose too.
const NAME_DIGITS_MAX: usize = 3;
/// More words make no name.
const NAME_WORDS_MAX: usize = 5;
/// A longer paragraph is not looked at as numbers that stand alone.
const LONE_BYTES_MAX: usize = 256;
/// A paragraph longer than this is cut at white space.
const PARAGRAPH_BYTES_MAX: usize = UNIT_BYTES_MAX / 4;

/// Text on its way.
#[derive(Default)]
pub(crate) struct Text {
    /// What the name says under which all of it stands.
    name: Vec<u8>,
    /// Whether lines are folded, as in calendars and cards (RFC 5545 section 3.1, RFC 6350 section 3.2).
    folded: bool,
}

impl Text {
    pub(crate) fn named(name: &[u8]) -> Self {
        Self {
            name: name.to_vec(),
            folded: false,
        }
    }

    /// Judges a paragraph as the value of the name. Returns whether something was found.
    fn value(&self, text: &[u8], start: u64, out: Out<'_>) -> bool {
        let Out { desk, sink } = out;
        let context = Context::ROOT.member(&self.name, &mut desk.keys);
        let space = text.len() - text.trim_ascii_start().len();
        context.key() != KeyClass::None
            && desk.value(
                &context,
                ValueKind::Text,
                text.trim_ascii(),
                Raw::At(start + space as u64),
                sink,
            )
    }
}

impl Judge for Text {
    fn cut(&self, bytes: &[u8], seen: Seen) -> Cut {
        cut(bytes, seen.bytes)
    }

    fn unit(&mut self, unit: &[u8], start: u64, mut out: Out<'_>) -> Result<(), Unreadable> {
        out.desk.notation = Notation::Plain;
        self.folded |= start == 0 && unit.starts_with(b"BEGIN:V");
        if self.folded {
            let (text, map) = unfolded(unit, start);
            paragraph(&text, Raw::Mapped(&map, 0), out);
            return Ok(());
        }
        let found = !self.name.is_empty() && self.value(unit, start, out.again())
            || paragraph(unit, Raw::At(start), out.again());
        let text = unit.trim_ascii_end();
        if !found && text.len() <= LONE_BYTES_MAX {
            out.desk.lone(text, Raw::At(start), out.sink);
        }
        Ok(())
    }
}

/// A text without the line ends that only fold it, and the way back.
fn unfolded(unit: &[u8], start: u64) -> (Vec<u8>, Map) {
    let (mut text, mut map) = (Vec::with_capacity(unit.len()), Map::default());
    let ends = memchr::memchr_iter(b'\n', unit).map(|at| at + 1);
    let mut from = 0;
    for end in ends.chain([unit.len()]) {
        let goes_on = matches!(unit.get(end), Some(b' ' | b'\t'));
        let mut line = unit.get(from..end).unwrap_or_default();
        if goes_on {
            line = line.strip_suffix(b"\n").unwrap_or(line);
            line = line.strip_suffix(b"\r").unwrap_or(line);
        }
        text.extend_from_slice(line);
        map.copied(start + from as u64, line.len());
        from = end + usize::from(goes_on);
    }
    (text, map)
}

/// Where the paragraph that begins with `bytes` ends: behind an empty line.
pub(crate) fn cut(bytes: &[u8], from: usize) -> Cut {
    let window = bytes.get(..PARAGRAPH_BYTES_MAX).unwrap_or(bytes);
    let mut at = from;
    while let Some(found) = memchr::memchr(b'\n', window.get(at..).unwrap_or_default()) {
        let line = at + found;
        match (window.get(line + 1), window.get(line + 2)) {
            (Some(b'\n'), _) => return Cut::At(line + 2),
            (Some(b'\r'), Some(b'\n')) => return Cut::At(line + 3),
            _ if line + 2 >= window.len() => {
                if window.len() < PARAGRAPH_BYTES_MAX {
                    return Cut::later(line);
                }
                break;
            }
            _ => at = line + 1,
        }
    }
    if window.len() < PARAGRAPH_BYTES_MAX {
        return Cut::later(window.len());
    }
    Cut::At(last_break(window))
}

/// Behind the last white space, or what else parts values, or the last whole character.
pub(super) fn last_break(window: &[u8]) -> usize {
    let space = window.iter().rposition(u8::is_ascii_whitespace);
    let mark = |byte: &u8| b",;|&<>\"'{}[]()".contains(byte);
    let space = space.or_else(|| window.iter().rposition(mark));
    let character = window.iter().rposition(|byte| !(0x80..0xC0).contains(byte));
    space
        .map(|at| at + 1)
        .or(character)
        .filter(|at| *at > 0)
        .unwrap_or(window.len())
}

/// Judges one paragraph. Returns whether something was found outside its tables.
pub(crate) fn paragraph(text: &[u8], raw: Raw<'_>, mut out: Out<'_>) -> bool {
    let lines: Vec<Range<usize>> = lines(text).collect();
    let mut objects = Objects::new();
    let mut from = 0;
    let mut open: Option<Named> = None;
    let mut at = 0;
    let mut found = false;
    while let Some(rest) = lines.get(at..).filter(|rest| !rest.is_empty()) {
        let line = rest.first().cloned().unwrap_or_default();
        if let Some(height) = grid::height(text, rest) {
            let table = rest.get(..height).unwrap_or(rest);
            let before = from..line.start;
            found |= settle(text, before, open.take(), raw, &mut objects, out.again());
            grid::judge(text, table, raw, out.again());
            at += height;
            from = lines.get(at).map_or(text.len(), |line| line.start);
            continue;
        }
        if let Some(named) = Named::of(text, line.clone()) {
            let before = from..line.start;
            found |= settle(text, before, open.take(), raw, &mut objects, out.again());
            from = line.start;
            open = Some(named);
        }
        at += 1;
    }
    found | settle(text, from..text.len(), open, raw, &mut objects, out)
}

/// A line that says what it holds: `SSN: 123`.
struct Named {
    name: Range<usize>,
    value: usize,
}

impl Named {
    fn of(text: &[u8], line: Range<usize>) -> Option<Self> {
        let bytes = text.get(line.clone())?;
        let name = name(bytes)?;
        let value = bytes.get(name.end + 1..)?;
        let blank = |byte: &&u8| matches!(**byte, b' ' | b'\t');
        let space = value.iter().take_while(blank).count();
        Some(Self {
            value: line.start + name.end + 1 + space,
            name: line.start + name.start..line.start + name.end,
        })
    }
}

/// What the lines so far tell of those that follow: as members of one object, apart from those
/// whose names share their first words, `owner name` and `owner email`.
struct Objects {
    plain: Context,
    shared: Context,
    /// The first words of `shared`.
    words: Vec<u8>,
}

impl Objects {
    fn new() -> Self {
        Self {
            plain: Context::ROOT,
            shared: Context::ROOT,
            words: Vec::new(),
        }
    }

    /// The object of which a line of this name is a member.
    fn of(&mut self, name: &[u8]) -> &mut Context {
        let separates = |byte: &u8| b" _./".contains(byte);
        let words = name.iter().rposition(separates).unwrap_or(0);
        let words = name.get(..words).unwrap_or_default();
        if words.is_empty() {
            return &mut self.plain;
        }
        if self.words != words {
            self.shared = Context::ROOT;
            self.words = words.to_vec();
        }
        &mut self.shared
    }
}

/// Judges the lines at `range`: as the value of the name they begin with, else as prose. Returns
/// whether something was found.
fn settle(
    text: &[u8],
    range: Range<usize>,
    named: Option<Named>,
    raw: Raw<'_>,
    objects: &mut Objects,
    mut out: Out<'_>,
) -> bool {
    if range.is_empty() {
        return false;
    }
    let whole = raw.skip(range.start);
    let lines = text.get(range.clone()).unwrap_or_default();
    // Indented lines are parts of their own: the name, the street and the town of an address.
    if is_hanging(lines)
        && out
            .desk
            .value(&Context::ROOT, ValueKind::Text, lines, whole, out.sink)
    {
        return true;
    }
    let value = named.as_ref().map_or(range.start, |named| named.value);
    let told = named.and_then(|named| member(text, &named, range.end, raw, objects, out.again()));
    // A name that has numbers may itself be a line of values: `SSN 123-45-6789 phone: 555-1234`.
    let name = text.get(range.start..value).unwrap_or_default();
    if told.is_some() && name.iter().filter(|byte| byte.is_ascii_digit()).count() > NAME_DIGITS_MAX
    {
        out.desk
            .value(&Context::ROOT, ValueKind::Text, name, whole, out.sink);
    }
    let rest = told.unwrap_or(range.start)..range.end;
    let raw = raw.skip(rest.start);
    let rest = text.get(rest).unwrap_or_default();
    let Out { desk, sink } = out;
    desk.value(&Context::ROOT, ValueKind::Text, rest, raw, sink) || told.is_some()
}

/// Whether a line is continued by indented ones.
fn is_hanging(lines: &[u8]) -> bool {
    let first = lines.first().is_some_and(u8::is_ascii_graphic);
    let second = memchr::memchr(b'\n', lines).and_then(|at| lines.get(at + 1..));
    let indented = |line: &[u8]| {
        let space = line
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        space > 0 && line.get(space).is_some_and(u8::is_ascii_graphic)
    };
    first && second.is_some_and(indented)
}

/// Judges what stands under a name. Returns where it ends, if something was found.
fn member(
    text: &[u8],
    named: &Named,
    end: usize,
    raw: Raw<'_>,
    objects: &mut Objects,
    out: Out<'_>,
) -> Option<usize> {
    let Out { desk, sink } = out;
    let slice = |range: Range<usize>| text.get(range).unwrap_or_default();
    let name = slice(named.name.clone());
    let object = objects.of(name);
    let context = object.member(name, &mut desk.keys);
    let lines = slice(named.value..end);
    let line = memchr::memchr(b'\n', lines).map_or(end, |at| named.value + at);
    let value = slice(named.value..line).trim_ascii_end();
    if context.is_discriminator() && value.len() <= DISCRIMINATOR_BYTES_MAX {
        object.observe(&context, value, &mut desk.keys);
    }
    if context.key() == KeyClass::None {
        return None;
    }
    desk.path.enter();
    desk.path.name(name);
    let raw = raw.skip(named.value);
    let mut judge = |value: &[u8]| desk.value(&context, ValueKind::Text, value, raw, sink);
    // A key in PEM and the like is one value over many lines.
    let told = if !value.ends_with(b"-----") && judge(value) {
        Some(line)
    } else {
        (line < end && judge(lines.trim_ascii_end())).then_some(end)
    };
    desk.path.leave();
    told
}

/// The lines of a text, without what ends them.
fn lines(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = at..at + length;
        at += length + 1;
        Some(line)
    })
}

/// Where the name stands that this line begins with: a few words before a colon or `=`.
fn name(line: &[u8]) -> Option<Range<usize>> {
    let start = line
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'-' | b'*' | b'#' | b'>'))
        .count();
    let rest = line.get(start..)?;
    let rest = rest.get(..=NAME_BYTES_MAX).unwrap_or(rest);
    let length = memchr::memchr2(b':', b'=', rest)?;
    let name = rest.get(..length)?.trim_ascii_end();
    let follows = line.get(start + length + 1);
    let separates =
        rest.get(length) == Some(&b'=') || matches!(follows, None | Some(b' ' | b'\t' | b'\r'));
    let is_name = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || *byte >= 0x80
            || matches!(byte, b' ' | b'_' | b'-' | b'.' | b'/' | b'(' | b')' | b'#')
    };
    let words = name.split(|byte| *byte == b' ').count();
    let fits = separates
        && words <= NAME_WORDS_MAX
        && name
            .first()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
        && name.iter().all(is_name);
    // The value begins right behind the colon, so that is where the name ends.
    fits.then_some(start..start + length)
}
