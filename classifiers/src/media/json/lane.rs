//! The fast lane: goes from token to token by what is expected there, and never byte by byte.
//!
//! A document repeats its members record by record, so that the next name is mostly known: one
//! comparison takes it, and where its value begins follows from that without looking. Where a string
//! ends, and whether a detector could find anything in it, is seen in one look; a number and a
//! literal are compared as machine words.
//!
//! The lane goes only as far as everything is in order and whole. What a chunk's end cuts through,
//! what has escapes or is long, and whatever the grammar refuses, it leaves to the walker, which goes
//! on from the same place and names the flaw. So the lane decides nothing that the walker would
//! decide otherwise.

#![expect(
    clippy::inline_always,
    reason = "all of it must be compiled for the instructions of the one function it is part of"
)]

use super::{
    AHEAD_BYTES, DEPTH_MAX, Expect, Scalar, Token, VALUE_BYTES_MAX, Visitor, Walker, number, text,
};
use crate::scan::{self, Glance};
use crate::vector::{Half, Sight, Work};

/// Shorter rests of a chunk are not worth the lane.
pub(super) const LANE_BYTES_MIN: usize = 16;
/// Bytes of a string that are looked at together.
const HALF_BYTES: usize = size_of::<Half>();

const _: () = assert!(AHEAD_BYTES == HALF_BYTES);

/// A walk of a chunk from `at`, where it stands in a container and between two tokens.
pub(super) struct Ride<'a, V> {
    pub(super) chunk: &'a [u8],
    pub(super) at: usize,
    pub(super) walker: &'a mut Walker,
    pub(super) visitor: &'a mut V,
}

impl<V: Visitor> Work for Ride<'_, V> {
    /// The first byte that the lane did not walk.
    type Done = usize;

    #[inline(always)]
    fn run(self, sight: impl Fn(&Half) -> Sight) -> usize {
        // Anew, so that it is taken apart into registers.
        let mut course = Course {
            chunk: self.chunk,
            at: self.at,
            expect: self.walker.expect,
            in_object: self.walker.in_object(),
            walker: self.walker,
            visitor: self.visitor,
        };
        loop {
            let expect = course.expect;
            let goes_on = match expect {
                Expect::CommaOrEnd if course.member() => course.value(&sight),
                Expect::CommaOrEnd => course.behind(),
                Expect::Name | Expect::NameOrEnd => course.name(&sight),
                Expect::Value | Expect::ValueOrEnd => course.value(&sight),
                Expect::Colon => course.colon(),
                Expect::Document | Expect::End => false,
            };
            if !goes_on {
                break;
            }
        }
        course.walker.expect = course.expect;
        course.at
    }
}

/// Where the walk stands. What happens seldom is not part of it but a function of its own, so that
/// the rest stays in registers.
struct Course<'a, V> {
    chunk: &'a [u8],
    at: usize,
    expect: Expect,
    in_object: bool,
    walker: &'a mut Walker,
    visitor: &'a mut V,
}

impl<'a, V: Visitor> Course<'a, V> {
    /// Takes what follows a value. Returns whether the lane goes on, as all of these do.
    #[inline(always)]
    fn behind(&mut self) -> bool {
        match self.chunk.get(self.at) {
            Some(b',') => {
                self.expect = if self.in_object {
                    Expect::Name
                } else {
                    Expect::Value
                };
                self.pass(1)
            }
            Some(byte @ (b'}' | b']')) => self.close(*byte == b'}'),
            _ => self.space(),
        }
    }

    #[inline(always)]
    fn colon(&mut self) -> bool {
        if self.chunk.get(self.at) != Some(&b':') {
            return self.space();
        }
        self.expect = Expect::Value;
        self.pass(1)
    }

    /// Takes a comma and the name of the next member, if that is foreseen: the way that most go.
    #[inline(always)]
    fn member(&mut self) -> bool {
        let Some([b',', written @ ..]) = self.rest(self.at).first_chunk::<{ 1 + AHEAD_BYTES }>()
        else {
            return false;
        };
        if !self.in_object {
            return false;
        }
        let place = self.at.wrapping_add(2);
        let Some(length) = self.visitor.foresees(place, written) else {
            return false;
        };
        self.expect = Expect::Value;
        self.pass(length.wrapping_add(4))
    }

    #[inline(always)]
    fn name(&mut self, sight: impl Fn(&Half) -> Sight) -> bool {
        let padding;
        let written = if let Some(written) = self.rest(self.at).first_chunk() {
            written
        } else {
            padding = padded(self.rest(self.at));
            &padding
        };
        let [first, ..] = written;
        if *first == b'"'
            && let Some(length) = self.visitor.foresees(self.at.wrapping_add(1), written)
        {
            self.expect = Expect::Value;
            return self.pass(length.wrapping_add(3));
        }
        match self.chunk.get(self.at) {
            Some(b'"') => {}
            Some(b'}') if self.expect == Expect::NameOrEnd => return self.close(true),
            _ => return self.space(),
        }
        let Some(text) = self.body(sight) else {
            return false;
        };
        tell_name(self.string(text.length), self.visitor);
        self.expect = Expect::Colon;
        self.pass(text.length.wrapping_add(2))
    }

    #[inline(always)]
    fn value(&mut self, sight: impl Fn(&Half) -> Sight) -> bool {
        match self.chunk.get(self.at) {
            Some(b'"') => self.text(sight),
            Some(b'0'..=b'9' | b'-') => self.number(),
            Some(byte @ (b'{' | b'[')) => self.open(*byte == b'{'),
            Some(b't' | b'f' | b'n') => self.literal(),
            Some(b']') if self.expect == Expect::ValueOrEnd => self.close(false),
            _ => self.space(),
        }
    }

    #[inline(always)]
    fn text(&mut self, sight: impl Fn(&Half) -> Sight) -> bool {
        let Some(text) = self.body(sight) else {
            return false;
        };
        let passes = text.bland
            && (self.visitor.skips_bland() || {
                let ahead = self.rest(self.at.wrapping_add(1)).first_chunk();
                ahead.is_some_and(|ahead| self.visitor.hears(text.length, ahead))
            });
        if !passes {
            tell_text(self.string(text.length), text.bland, self.visitor);
        }
        self.took(text.length.wrapping_add(2))
    }

    /// The body of the string that is here, if it is whole and means what it says.
    #[inline(always)]
    fn body(&self, sight: impl Fn(&Half) -> Sight) -> Option<Text> {
        let mut start = self.at.wrapping_add(1);
        let padding;
        let half = if let Some(half) = self.rest(start).first_chunk() {
            half
        } else {
            padding = padded(self.rest(start));
            &padding
        };
        let quotes = sight(half).quote;
        if quotes != 0 {
            return Text::of(half, quotes, sight);
        }
        loop {
            let seen = sight(self.rest(start).first_chunk()?);
            let body = (seen.quote & seen.quote.wrapping_neg()).wrapping_sub(1);
            if (seen.refused | seen.wide) & body != 0 {
                return None;
            }
            if seen.quote != 0 {
                start = start.wrapping_add(seen.quote.trailing_zeros() as usize);
                break;
            }
            start = start.wrapping_add(HALF_BYTES);
        }
        let length = start.wrapping_sub(self.at).wrapping_sub(1);
        (length < VALUE_BYTES_MAX - 1).then_some(Text {
            length,
            bland: false,
        })
    }

    #[inline(always)]
    fn number(&mut self) -> bool {
        let rest = self.rest(self.at);
        let Some(number) = Number::short(rest).or_else(|| Number::any(rest)) else {
            return false;
        };
        if !(scan::is_bland_number(number.digits) && self.visitor.skips_bland()) {
            tell_word(Scalar::Number, self.word(number.length), self.visitor);
        }
        self.took(number.length)
    }

    #[inline(always)]
    fn literal(&mut self) -> bool {
        let (kind, length) = match self.rest(self.at) {
            [b't', b'r', b'u', b'e', ..] => (Scalar::Boolean, 4),
            [b'n', b'u', b'l', b'l', ..] => (Scalar::Null, 4),
            [b'f', b'a', b'l', b's', b'e', ..] => (Scalar::Boolean, 5),
            _ => return false,
        };
        if !self.visitor.skips_bland() {
            tell_word(kind, self.word(length), self.visitor);
        }
        self.took(length)
    }

    #[inline(always)]
    fn open(&mut self, object: bool) -> bool {
        if self.walker.depth == DEPTH_MAX {
            return false;
        }
        self.walker.depth = self.walker.depth.wrapping_add(1);
        self.walker.objects = self.walker.objects << 1 | u128::from(object);
        self.in_object = object;
        if object {
            self.expect = Expect::NameOrEnd;
            self.visitor.object_start();
        } else {
            self.expect = Expect::ValueOrEnd;
            self.visitor.array_start();
        }
        self.pass(1)
    }

    #[inline(always)]
    fn close(&mut self, object: bool) -> bool {
        // The document's end is the walker's.
        if self.in_object != object || self.walker.depth == 1 {
            return false;
        }
        self.walker.depth = self.walker.depth.wrapping_sub(1);
        self.walker.objects >>= 1;
        self.in_object = self.walker.in_object();
        if object {
            self.visitor.object_end();
        } else {
            self.visitor.array_end();
        }
        self.took(1)
    }

    #[inline(always)]
    fn space(&mut self) -> bool {
        let Some(b' ' | b'\n' | b'\r' | b'\t') = self.chunk.get(self.at) else {
            return false;
        };
        self.at = text::skip_space(self.chunk, self.at.wrapping_add(1));
        true
    }

    /// Goes on behind so many bytes.
    #[inline(always)]
    fn pass(&mut self, bytes: usize) -> bool {
        self.at = self.at.wrapping_add(bytes);
        true
    }

    /// Goes on behind a value of so many bytes.
    #[inline(always)]
    fn took(&mut self, bytes: usize) -> bool {
        self.expect = Expect::CommaOrEnd;
        self.pass(bytes)
    }

    #[inline(always)]
    fn rest(&self, at: usize) -> &'a [u8] {
        self.chunk.get(at..).unwrap_or_default()
    }

    /// The string here, which means what it says, and whose body has this length.
    #[inline(always)]
    fn string(&self, length: usize) -> Token<'a> {
        let raw = self.rest(self.at).get(..length.wrapping_add(2));
        let raw = raw.unwrap_or_default();
        Token {
            start: self.walker.base.wrapping_add(self.at as u64),
            raw,
            decoded: raw.get(1..length.wrapping_add(1)).unwrap_or_default(),
        }
    }

    /// The number or literal of this length that is here.
    #[inline(always)]
    fn word(&self, length: usize) -> Token<'a> {
        let raw = self.rest(self.at).get(..length).unwrap_or_default();
        Token {
            start: self.walker.base.wrapping_add(self.at as u64),
            raw,
            decoded: raw,
        }
    }
}

#[inline(never)]
fn tell_name<V: Visitor>(token: Token<'_>, visitor: &mut V) {
    visitor.name(token);
}

#[inline(never)]
fn tell_text<V: Visitor>(token: Token<'_>, bland: bool, visitor: &mut V) {
    if bland {
        visitor.bland(Scalar::Text, token);
    } else {
        visitor.scalar(Scalar::Text, token);
    }
}

#[inline(never)]
fn tell_word<V: Visitor>(kind: Scalar, token: Token<'_>, visitor: &mut V) {
    visitor.scalar(kind, token);
}

/// The last bytes of a chunk, with zeros behind them, which no string holds.
#[cold]
#[inline(never)]
fn padded(bytes: &[u8]) -> Half {
    let mut half = [0; HALF_BYTES];
    half.iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
    half
}

/// The body of a string that means what it says.
struct Text {
    length: usize,
    /// Whether nothing can be found in it by its look.
    bland: bool,
}

impl Text {
    /// The text that begins here and ends at the first of these quotes.
    #[inline(always)]
    fn of(half: &Half, quotes: u32, sight: impl Fn(&Half) -> Sight) -> Option<Self> {
        let body = (quotes & quotes.wrapping_neg()).wrapping_sub(1);
        let length = quotes.trailing_zeros() as usize;
        let seen = sight(half);
        if seen.odd & body == 0 {
            return Some(Self {
                length,
                bland: Glance::letters(length).is_bland(),
            });
        }
        if (seen.refused | seen.wide) & body != 0 {
            return None;
        }
        let bland = Glance::of(&seen, body).is_bland();
        Some(Self { length, bland })
    }
}

/// A number by the grammar, with a byte behind it that ends it.
struct Number {
    length: usize,
    digits: u32,
}

impl Number {
    /// A number like `12` or `0.25`, as most are, with what ends it in eight bytes.
    #[inline(always)]
    fn short(bytes: &[u8]) -> Option<Self> {
        let (ahead, first) = (bytes.first_chunk()?, *bytes.first()?);
        let mut others = no_digits(ahead);
        let whole = next(others)?;
        if whole == 0 || whole > 1 && first == b'0' {
            return None;
        }
        let (mut length, mut digits) = (whole, whole);
        if ahead.get(whole) == Some(&b'.') {
            others &= others.wrapping_sub(1);
            length = next(others)?;
            digits = length.wrapping_sub(1);
            if digits == whole {
                return None;
            }
        }
        let ends = matches!(
            ahead.get(length),
            Some(b',' | b'}' | b']' | b' ' | b'\n' | b'\r')
        );
        #[expect(clippy::cast_possible_truncation, reason = "fewer than eight")]
        ends.then_some(Self {
            length,
            digits: digits as u32,
        })
    }

    #[inline(never)]
    fn any(bytes: &[u8]) -> Option<Self> {
        let (length, closed) = number::end(bytes, 0);
        let raw = bytes
            .get(..length)
            .filter(|raw| raw.len() < VALUE_BYTES_MAX)?;
        let digits = raw.iter().filter(|byte| byte.is_ascii_digit()).count();
        (closed && number::is_valid(raw)).then_some(Self {
            length,
            digits: u32::try_from(digits).unwrap_or(u32::MAX),
        })
    }
}

/// The top bit of each byte that is no digit.
#[inline(always)]
fn no_digits(bytes: &[u8; 8]) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const LOW: u64 = EACH * 0x7F;
    const ZEROS: u64 = EACH * 0x30;
    let word = u64::from_le_bytes(*bytes) ^ ZEROS;
    // A digit is below ten now. Without their top bits, bytes carry nothing into each other.
    let others = (word & LOW).wrapping_add(EACH * (0x80 - 10)) | word;
    others & !LOW
}

/// The first of these bytes, if there is any.
#[inline(always)]
fn next(tops: u64) -> Option<usize> {
    (tops != 0).then(|| tops.trailing_zeros() as usize / 8)
}
