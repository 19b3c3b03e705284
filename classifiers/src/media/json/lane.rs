//! The fast lane: walks whole windows by their index, token by token but never byte by byte.
//!
//! It goes only as far as everything is in order and whole. What a window's end cuts through, and
//! whatever the grammar refuses, it leaves to the walker, which goes on from the same place and
//! names the flaw. So the lane decides nothing that the walker would decide otherwise.

#![expect(
    clippy::inline_always,
    reason = "all of it must be compiled for the instructions of the one function it is part of"
)]

use super::bitmaps::{Index, Map, SPAN_BYTES, WINDOW_BYTES};
use super::text::{self, Seen};
use super::{DEPTH_MAX, Expect, Scalar, Token, Visitor, Walker, after_value, number};
use crate::packed;
use crate::scan::{self, Glance};
use crate::vector::{BLOCK_BYTES, Block, Lane, Level, Masks};

/// Shorter chunks are not worth an index.
pub(super) const LANE_BYTES_MIN: usize = BLOCK_BYTES;

/// Where the lane left off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    /// The first byte that it did not walk.
    pub(super) at: usize,
    /// From where it may be tried again.
    pub(super) lane_from: usize,
}

impl Walker {
    /// Walks the chunk from `at`, where the walk stands in a container and between two tokens, as far
    /// as the lane goes.
    #[inline]
    pub(super) fn take_lane<V: Visitor>(
        &mut self,
        level: Level,
        index: &mut Index,
        chunk: &[u8],
        mut at: usize,
        visitor: &mut V,
    ) -> Left {
        loop {
            let rest = chunk.get(at..).unwrap_or_default();
            let window = rest.get(..WINDOW_BYTES).unwrap_or(rest);
            let lane_from = at.wrapping_add(window.len());
            if window.len() < LANE_BYTES_MIN || self.depth == 0 {
                return Left { at, lane_from };
            }
            let expect = self.expect;
            let fill = Fill {
                index: &mut *index,
                window,
                expect,
            };
            let Some(count) = level.run(fill).flatten() else {
                return Left { at, lane_from };
            };
            let ride = Ride {
                sheet: Sheet {
                    window,
                    at,
                    base: self.base,
                    index,
                },
                count,
                in_object: self.in_object(),
                wants_name: self.in_object() && !matches!(expect, Expect::Colon | Expect::Value),
                walker: self,
                visitor,
            };
            let (taken, step) = level.run(ride).unwrap_or((0, Step::Stop));
            let walked = self.leave_lane(window, index, index.tokens(taken));
            at = at.wrapping_add(walked);
            if step == Step::Stop {
                return Left { at, lane_from };
            }
            if walked == 0 {
                // One token fills the window.
                let lane_from = at.wrapping_add(1);
                return Left { at, lane_from };
            }
        }
    }

    /// Goes on behind the last of the tokens that were taken.
    fn leave_lane(&mut self, window: &[u8], index: &Index, taken: &[u32]) -> usize {
        let Some(last) = taken.last() else {
            return 0;
        };
        let last = *last as usize;
        let in_object = self.in_object();
        let (expect, length) = match window.get(last) {
            Some(b'{') => (Expect::NameOrEnd, 1),
            Some(b'[') => (Expect::ValueOrEnd, 1),
            Some(b'"') => match colon_follows(window, last.wrapping_add(1)) {
                Some(true) if in_object => (Expect::Colon, 1),
                _ => (after_value(self.depth), 1),
            },
            Some(b'}' | b']') => (after_value(self.depth), 1),
            _ => (after_value(self.depth), index.scalar_length(last)),
        };
        self.expect = expect;
        last.wrapping_add(length)
    }
}

/// Makes the index of a window: see [`Index::fill`].
struct Fill<'a> {
    index: &'a mut Index,
    window: &'a [u8],
    expect: Expect,
}

impl Lane for Fill<'_> {
    type Done = Option<usize>;

    #[inline(always)]
    fn run(self, masks: impl Fn(&Block) -> Masks) -> Option<usize> {
        self.index.fill(self.window, self.expect, masks)
    }
}

/// How a token was taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It was.
    On,
    /// It is not whole.
    Cut,
    /// It is one that the walker must look at, or the document's last.
    Stop,
}

/// A window and its index.
#[derive(Clone, Copy)]
struct Sheet<'a> {
    window: &'a [u8],
    /// Where the window begins in the chunk.
    at: usize,
    /// Where the chunk begins in the document.
    base: u64,
    index: &'a Index,
}

/// The walk of one window. What happens seldom is not part of it but a function of its own, so that
/// the rest stays in registers.
struct Ride<'a, V> {
    sheet: Sheet<'a>,
    count: usize,
    in_object: bool,
    /// In an object names and values take turns.
    wants_name: bool,
    walker: &'a mut Walker,
    visitor: &'a mut V,
}

impl<V: Visitor> Lane for Ride<'_, V> {
    /// How many entries of the index were taken, and how the next token was.
    type Done = (usize, Step);

    #[inline(always)]
    fn run(self, _: impl Fn(&Block) -> Masks) -> (usize, Step) {
        // Anew, so that it is taken apart into registers.
        let mut ride = Ride {
            sheet: Sheet {
                window: self.sheet.window,
                index: self.sheet.index,
                ..self.sheet
            },
            count: self.count,
            in_object: self.in_object,
            wants_name: self.wants_name,
            walker: self.walker,
            visitor: self.visitor,
        };
        let tokens = ride.sheet.index.tokens(ride.count);
        let mut left = tokens;
        let step = loop {
            let [start, rest @ ..] = left else {
                break Step::Cut;
            };
            let (rest, step) = ride.token(*start as usize, rest);
            if step != Step::On {
                break step;
            }
            left = rest;
        };
        (tokens.len().wrapping_sub(left.len()), step)
    }
}

impl<V: Visitor> Ride<'_, V> {
    /// Takes the token that begins at `start`. That it may follow the one before, and that commas
    /// and colons stand between them, was seen when the index was made; what the open container
    /// allows is judged here.
    #[inline(always)]
    fn token<'t>(&mut self, start: usize, rest: &'t [u32]) -> (&'t [u32], Step) {
        let Some(first) = self.sheet.window.get(start) else {
            return (rest, Step::Cut);
        };
        if *first == b'"' {
            let [end, rest @ ..] = rest else {
                return (rest, Step::Cut);
            };
            let end = *end as usize;
            let start = start.wrapping_add(1);
            return if self.wants_name {
                self.name(start, end, rest)
            } else {
                (rest, self.text(start, end))
            };
        }
        let step = match *first {
            b'{' | b'[' => self.open(*first == b'{'),
            b'}' | b']' => self.close(*first == b'}'),
            _ => self.word(*first, start),
        };
        (rest, step)
    }

    #[inline(always)]
    fn name<'t>(&mut self, start: usize, end: usize, rest: &'t [u32]) -> (&'t [u32], Step) {
        let window = self.sheet.window;
        self.wants_name = false;
        if let Some(b':') = window.get(end.wrapping_add(1))
            && let Some(ahead) = window.get(start..).and_then(<[u8]>::first_chunk)
            && let Some(foreseen) = {
                let place = self.sheet.at.wrapping_add(start);
                self.visitor.foresees(place, end.wrapping_sub(start), ahead)
            }
        {
            let passed = if foreseen.skips_bland {
                self.passes(rest)
            } else {
                None
            };
            self.wants_name = passed.is_some();
            return (passed.unwrap_or(rest), Step::On);
        }
        (
            rest,
            odd_name(self.sheet, start, end, self.walker, self.visitor),
        )
    }

    /// What is left of the tokens behind the value of a member, if it is one of the kinds that most
    /// are and need not be told. Whatever it leaves is taken the long way.
    #[inline(always)]
    fn passes<'t>(&self, tokens: &'t [u32]) -> Option<&'t [u32]> {
        let Sheet { window, index, .. } = self.sheet;
        let [start, rest @ ..] = tokens else {
            return None;
        };
        let start = *start as usize;
        let first = *window.get(start)?;
        if first == b'"' {
            let [end, rest @ ..] = rest else {
                return None;
            };
            let end = *end as usize;
            let closed = matches!(window.get(end.wrapping_add(1))?, b',' | b'}' | b']');
            let bland = Text::of(index, start.wrapping_add(1), end).is_bland(index);
            return (closed && bland).then_some(rest);
        }
        match self.sheet.word(first, start)? {
            Word { bland: true, .. } => Some(rest),
            Word { .. } => None,
        }
    }

    #[inline(always)]
    fn text(&mut self, start: usize, end: usize) -> Step {
        let Sheet { window, index, .. } = self.sheet;
        self.wants_name = self.in_object;
        let behind = window.get(end.wrapping_add(1));
        if matches!(behind, Some(b',' | b'}' | b']'))
            && Text::of(index, start, end).is_bland(index)
            && (self.visitor.skips_bland() || self.is_heard(start, end))
        {
            return Step::On;
        }
        tell_text(self.sheet, start, end, self.walker, self.visitor)
    }

    /// Whether the visitor knows what a bland text tells of its siblings.
    #[inline(always)]
    fn is_heard(&self, start: usize, end: usize) -> bool {
        let rest = self.sheet.window.get(start..);
        rest.and_then(<[u8]>::first_chunk)
            .is_some_and(|ahead| self.visitor.has_heard(end.wrapping_sub(start), ahead))
    }

    #[inline(always)]
    fn open(&mut self, object: bool) -> Step {
        if self.wants_name || self.walker.depth == DEPTH_MAX {
            return Step::Stop;
        }
        self.walker.depth = self.walker.depth.wrapping_add(1);
        self.walker.objects = self.walker.objects << 1 | u128::from(object);
        self.in_object = object;
        self.wants_name = object;
        if object {
            self.visitor.object_start();
        } else {
            self.visitor.array_start();
        }
        Step::On
    }

    #[inline(always)]
    fn close(&mut self, object: bool) -> Step {
        if self.in_object != object {
            return Step::Stop;
        }
        if self.walker.depth == 1 {
            // The document's end is the walker's.
            return Step::Stop;
        }
        self.walker.depth = self.walker.depth.wrapping_sub(1);
        self.walker.objects >>= 1;
        self.in_object = self.walker.in_object();
        self.wants_name = self.in_object;
        if object {
            self.visitor.object_end();
        } else {
            self.visitor.array_end();
        }
        Step::On
    }

    /// A number or a literal.
    #[inline(always)]
    fn word(&mut self, first: u8, start: usize) -> Step {
        let Some(word) = self.sheet.word(first, start) else {
            let end = start.wrapping_add(self.sheet.index.scalar_length(start));
            return if end < self.sheet.window.len() {
                Step::Stop
            } else {
                Step::Cut
            };
        };
        if self.wants_name {
            return Step::Stop;
        }
        if !(word.bland && self.visitor.skips_bland()) {
            tell_word(self.sheet, start, word.length, self.visitor);
        }
        self.wants_name = self.in_object;
        Step::On
    }
}

/// Takes a name that was not foreseen. It has no colon behind it if it is none.
#[inline(never)]
fn odd_name<V: Visitor>(
    sheet: Sheet<'_>,
    start: usize,
    end: usize,
    walker: &mut Walker,
    visitor: &mut V,
) -> Step {
    match colon_follows(sheet.window, end.wrapping_add(1)) {
        None => return Step::Cut,
        Some(false) => return Step::Stop,
        Some(true) => {}
    }
    let text = Text::of(sheet.index, start, end);
    let Some(token) = sheet.string(text, &mut walker.decoded) else {
        return Step::Stop;
    };
    visitor.name(token);
    Step::On
}

/// Takes a text that the visitor may want to know, or that must be looked at first.
#[inline(never)]
fn tell_text<V: Visitor>(
    sheet: Sheet<'_>,
    start: usize,
    end: usize,
    walker: &mut Walker,
    visitor: &mut V,
) -> Step {
    match colon_follows(sheet.window, end.wrapping_add(1)) {
        None => return Step::Cut,
        Some(true) => return Step::Stop,
        Some(false) => {}
    }
    let text = Text::of(sheet.index, start, end);
    let Some(token) = sheet.string(text, &mut walker.decoded) else {
        return Step::Stop;
    };
    if text.is_bland(sheet.index) {
        visitor.bland(Scalar::Text, token);
    } else {
        visitor.scalar(Scalar::Text, token);
    }
    Step::On
}

#[inline(never)]
fn tell_word<V: Visitor>(sheet: Sheet<'_>, start: usize, length: usize, visitor: &mut V) {
    let raw = sheet
        .window
        .get(start..)
        .and_then(|rest| rest.get(..length));
    let raw = raw.unwrap_or_default();
    let kind = match raw.first() {
        Some(b'n') => Scalar::Null,
        Some(b't' | b'f') => Scalar::Boolean,
        _ => Scalar::Number,
    };
    let token = Token {
        start: sheet.offset(start),
        raw,
        decoded: raw,
    };
    visitor.scalar(kind, token);
}

/// A number or a literal.
struct Word {
    length: usize,
    /// Whether nothing can be found in it by its look.
    bland: bool,
}

impl Sheet<'_> {
    /// The number or literal that begins at `start`, if it is one, and whole.
    #[inline(always)]
    fn word(&self, first: u8, start: usize) -> Option<Word> {
        let length = self.index.scalar_length(start);
        if length > SPAN_BYTES || start.wrapping_add(length) >= self.window.len() {
            return None;
        }
        if first != b'-' && !first.is_ascii_digit() {
            let literal = is_literal(self.window, start, length);
            return literal.then_some(Word {
                length,
                bland: true,
            });
        }
        let every = lowest(length);
        let digits = self.index.bits(start, Map::Digit) & every;
        let plain = digits == every && (first != b'0' || length == 1);
        let bland = scan::is_bland_number(digits.count_ones());
        let valid = plain || is_number(self.window, start, length, digits);
        valid.then_some(Word { length, bland })
    }

    /// Where a byte of the window stands in the document.
    fn offset(&self, at: usize) -> u64 {
        self.base.wrapping_add(self.at.wrapping_add(at) as u64)
    }

    /// The string, if it means anything.
    fn string<'t>(&'t self, text: Text, buffer: &'t mut Vec<u8>) -> Option<Token<'t>> {
        let start = text.start.checked_sub(1)?;
        let raw = self
            .window
            .get(start..)?
            .get(..text.length.wrapping_add(2))?;
        let body = raw.get(1..)?.get(..text.length)?;
        let decoded = if text.attention != 0 && packed::needs_reading(body) {
            text::decode(body, Seen::ANYTHING, buffer).ok()?
        } else {
            body
        };
        Some(Token {
            start: self.offset(start),
            raw,
            decoded,
        })
    }
}

#[inline(always)]
fn is_literal(window: &[u8], start: usize, length: usize) -> bool {
    let rest = window.get(start..).unwrap_or_default();
    match length {
        4 => rest.starts_with(b"true") || rest.starts_with(b"null"),
        5 => rest.starts_with(b"false"),
        _ => false,
    }
}

/// Whether it is a number by the grammar. A decimal fraction is told by its digits alone.
#[inline(always)]
fn is_number(window: &[u8], start: usize, length: usize, digits: u64) -> bool {
    let others = lowest(length) & !digits;
    let point = others.trailing_zeros() as usize;
    let byte = |at: usize| window.get(start.wrapping_add(at));
    let whole = point == 1 || point > 1 && byte(0) != Some(&b'0');
    if others.is_power_of_two()
        && whole
        && point.wrapping_add(1) < length
        && byte(point) == Some(&b'.')
    {
        return true;
    }
    let raw = window.get(start..).and_then(|rest| rest.get(..length));
    number::is_valid(raw.unwrap_or_default())
}

/// So many bits, fewer than sixty-four, from the lowest on.
#[inline(always)]
fn lowest(count: usize) -> u64 {
    !(u64::MAX << count)
}

/// The body of a string in a window.
#[derive(Clone, Copy)]
struct Text {
    start: usize,
    length: usize,
    /// The bytes that could matter; of a long text, only whether there are any.
    attention: u64,
}

impl Text {
    #[inline(always)]
    fn of(index: &Index, start: usize, end: usize) -> Self {
        let mut text = Self {
            start,
            length: end.wrapping_sub(start),
            attention: 0,
        };
        text.attention = text.bits(index, Map::Attention);
        text
    }

    /// Whether nothing can be found in it by its look.
    #[inline(always)]
    fn is_bland(self, index: &Index) -> bool {
        // Without space and dot, a text as long as that may be base64.
        if self.length > SPAN_BYTES {
            return false;
        }
        let digits = self.bits(index, Map::Digit);
        let underscores = self.bits(index, Map::Underscore);
        let glance = Glance {
            length: self.length,
            digits: digits.count_ones(),
            marked: self.attention != digits,
            underscored: underscores != 0,
            numbered: digits & !(digits << 1 | underscores << 1) == 0,
            breaks: self.bits(index, Map::Break).count_ones(),
        };
        glance.is_bland()
    }

    /// The bits of the body in this map; of a long one, only whether there are any.
    #[inline(always)]
    fn bits(self, index: &Index, map: Map) -> u64 {
        if self.length <= SPAN_BYTES {
            index.bits(self.start, map) & lowest(self.length)
        } else {
            self.any(index, map)
        }
    }

    #[inline(never)]
    fn any(self, index: &Index, map: Map) -> u64 {
        let spans = (0..self.length).step_by(SPAN_BYTES);
        spans.fold(0, |any, at| {
            let left = self.length.wrapping_sub(at).min(SPAN_BYTES);
            any | index.bits(self.start.wrapping_add(at), map) & lowest(left)
        })
    }
}

/// Whether a colon comes at `at`, white space aside; nothing if the window ends before it shows.
#[inline(always)]
fn colon_follows(window: &[u8], at: usize) -> Option<bool> {
    match window.get(at)? {
        b' ' | b'\n' | b'\r' | b'\t' => {
            let at = text::skip_space(window, at);
            window.get(at).map(|byte| *byte == b':')
        }
        byte => Some(*byte == b':'),
    }
}
