//! A text as words, each with what the tagger asks of it.
//!
//! A word is a run of letters and digits, with what joins them inside: `O'Brien`, `Jean-Luc`,
//! `12/04/1999`, `end.next`. Everything between two words is the gap of the second.

use super::gazetteer::Lists;

/// One word. Fixed in size, so that a window of them stands on the stack.
#[derive(Clone, Copy, Debug, Default)]
pub struct Token {
    /// First byte in the text.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
    /// Hash of the word in small letters.
    pub word: u32,
    /// Hash of its first three letters.
    pub prefix: u32,
    /// Hash of its last three letters.
    pub suffix: u32,
    /// Which lists hold it.
    pub lists: Lists,
    /// How it is written.
    pub shape: Shape,
    /// What stands before it.
    pub gap: Gap,
}

impl Token {
    /// Its bytes in the text it was read from.
    pub(super) fn of(self, text: &[u8]) -> &[u8] {
        let range = usize::try_from(self.start)
            .ok()
            .zip(usize::try_from(self.end).ok());
        range
            .and_then(|(start, end)| text.get(start..end))
            .unwrap_or_default()
    }
}

/// How a word is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Outside the text.
    #[default]
    None,
    /// `word`
    Lower,
    /// `Word`
    Capital,
    /// `W`
    Initial,
    /// `WORD`, up to three letters
    Acronym,
    /// `WORDS`
    Upper,
    /// `McDonald`, `GitHub`
    Camel,
    /// `iPhone`, `eBay`
    LowerCamel,
    /// `Jean-Luc`, `O'Brien`
    Compound,
    /// `well-known`
    LowerCompound,
    /// `U.S`, `J.K`
    Dotted,
    /// `3rd`, `12b`
    Ordinal,
    /// `A4`, `x86`
    Mixed,
    /// `snake_case`, `a.b`, `me@x`
    Code,
    /// `1` to `9`
    Digit1,
    /// Two digits
    Digit2,
    /// Three digits
    Digit3,
    /// Four digits that may be a year
    Year,
    /// Four other digits
    Digit4,
    /// Five digits
    Digit5,
    /// More digits
    Digits,
    /// `12/04/1999`, `1999-04-12`
    Date,
    /// `11:34`
    Time,
    /// `12345-6789`, `3.14`, `10-12`
    Number,
    /// Letters of other scripts, or what is none of these
    Other,
}

/// What stands between two words, as bits; none for one space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gap(pub u16);

impl Gap {
    /// The text starts here.
    pub const START: u16 = 1;
    /// A line ends.
    pub const LINE: u16 = 1 << 1;
    /// A full stop, question or exclamation mark.
    pub const STOP: u16 = 1 << 2;
    /// A comma.
    pub const COMMA: u16 = 1 << 3;
    /// A colon, semicolon or equals sign.
    pub const COLON: u16 = 1 << 4;
    /// A quote or bracket.
    pub const QUOTE: u16 = 1 << 5;
    /// `'s` or an elision.
    pub const GENITIVE: u16 = 1 << 6;
    /// A dash or slash.
    pub const DASH: u16 = 1 << 7;
    /// Any other sign.
    pub const SIGN: u16 = 1 << 8;
    /// An empty line, a tab or a run of spaces.
    pub const WIDE: u16 = 1 << 9;

    /// Whether any of these stands in the gap.
    #[must_use]
    pub fn has(self, bits: u16) -> bool {
        self.0 & bits != 0
    }
}

/// Longest word that is read as one, in bytes.
const WORD_BYTES_MAX: usize = 64;

/// The words of a text, in order.
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    /// The words of `text`.
    #[must_use]
    pub fn of(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    /// Walks over the gap.
    fn gap(&mut self) -> Gap {
        let mut bits = if self.at == 0 { Gap::START } else { 0 };
        let mut spaces = 0;
        while let Some(byte) = self.text.get(self.at) {
            let mut width = 1;
            if *byte == b'<' || *byte == b'&' {
                width = markup(self.text.get(self.at..).unwrap_or_default());
            }
            bits |= match byte {
                // A tag is no text, and ends what stands before it.
                b'<' if width > 1 => Gap::LINE,
                b'&' if width > 1 => Gap::SIGN,
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => break,
                0x80.. => match sign(self.text.get(self.at..).unwrap_or_default()) {
                    Some((bits, bytes)) => {
                        width = bytes;
                        bits
                    }
                    None => break,
                },
                b' ' => {
                    spaces += 1;
                    0
                }
                b'\n' if bits & Gap::LINE != 0 => Gap::WIDE,
                b'\n' | b'\r' => Gap::LINE,
                b'\t' | b'|' => Gap::WIDE,
                b'.' | b'!' | b'?' => Gap::STOP,
                b',' => Gap::COMMA,
                b':' | b';' | b'=' => Gap::COLON,
                b'"' | b'\'' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b'`'
                | b'*' => Gap::QUOTE,
                b'-' | b'/' => Gap::DASH,
                _ => Gap::SIGN,
            };
            self.at += width;
        }
        Gap(bits | if spaces > 2 { Gap::WIDE } else { 0 })
    }

    /// Where the word ends that starts here.
    fn word_end(&self, start: usize) -> usize {
        let mut end = start;
        while end - start < WORD_BYTES_MAX {
            let byte = self.byte(end);
            let is_part = byte.is_ascii_alphanumeric()
                || byte >= 0x80 && sign(self.text.get(end..).unwrap_or_default()).is_none();
            if is_part {
                end += 1;
            } else if let Some(width) = self.joint(start, end) {
                end += width;
            } else {
                break;
            }
        }
        end
    }

    /// How many bytes join what stands before `at` and after it to one word; none if it ends here.
    fn joint(&self, start: usize, at: usize) -> Option<usize> {
        let before = self.byte(at.checked_sub(1)?);
        let (width, byte) = match (self.byte(at), self.byte(at + 1), self.byte(at + 2)) {
            (0xE2, 0x80, 0x99) => (3, b'\''),
            (byte, ..) => (1, byte),
        };
        let after = self.byte(at + width);
        let digits = before.is_ascii_digit() && after.is_ascii_digit();
        let letters = is_letter(before) && is_letter(after);
        let joins = match byte {
            b'.' | b'_' | b'-' => digits || is_word(before) && is_word(after),
            b'@' => is_word(before) && is_word(after),
            b'/' | b':' | b',' => digits && byte != b',',
            // `'s` ends a word, and so does an elision before a capital: `d'Antoine`.
            b'\'' => {
                let genitive = matches!(after, b's' | b'S') && !is_word(self.byte(at + width + 1));
                letters && !genitive && !self.byte(start).is_ascii_lowercase()
            }
            _ => false,
        };
        joins.then_some(width)
    }
}

/// Longest tag or character reference of HTML and XML that is skipped, in bytes.
const MARKUP_BYTES_MAX: usize = 256;

/// How many bytes a tag or a character reference has that starts here; 1 if none does.
fn markup(rest: &[u8]) -> usize {
    let rest = rest.get(..rest.len().min(MARKUP_BYTES_MAX)).unwrap_or(rest);
    let (end, longest) = match rest {
        [b'<', b'/' | b'!' | b'?' | b'a'..=b'z' | b'A'..=b'Z', ..] => (b'>', MARKUP_BYTES_MAX),
        [b'&', b'#' | b'a'..=b'z', ..] => (b';', 10),
        _ => return 1,
    };
    let found = rest.iter().take(longest).position(|byte| *byte == end);
    found.map_or(1, |end| end + 1)
}

/// What a sign beyond ASCII is, and how many bytes it has; none for a letter.
fn sign(rest: &[u8]) -> Option<(u16, usize)> {
    match rest {
        // No-break space, and the signs of Latin-1 but the letters among them.
        [0xC2, 0xA0, ..] => Some((0, 2)),
        [0xC2, 0xAB | 0xBB, ..] => Some((Gap::QUOTE, 2)),
        [0xC2, 0x80..=0xA9 | 0xAC..=0xB4 | 0xB6..=0xB9, ..] => Some((Gap::SIGN, 2)),
        [0xE2, 0x80, 0x90..=0x95, ..] => Some((Gap::DASH, 3)),
        [0xE2, 0x80, 0x98..=0x9F | 0xB9 | 0xBA, ..] => Some((Gap::QUOTE, 3)),
        [0xE2, 0x80, 0xA6, ..] => Some((Gap::STOP, 3)),
        [0xE2, _, _, ..] => Some((Gap::SIGN, 3)),
        [0xF0..=0xF4, _, _, _, ..] => Some((Gap::SIGN, 4)),
        _ => None,
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let mut carried = 0;
        loop {
            let gap = Gap(self.gap().0 | carried);
            let start = self.at;
            let end = self.word_end(start);
            let word = self.text.get(start..end).filter(|word| !word.is_empty())?;
            self.at = end;
            // `'s` is no word, but says of the next that the one before it was a name or a noun.
            if word == b"s" && matches!(self.byte(start.wrapping_sub(1)), b'\'' | 0x99) {
                carried = Gap::GENITIVE;
                continue;
            }
            return Some(read(word, start, gap));
        }
    }
}

/// All that is asked of a word.
fn read(word: &[u8], start: usize, gap: Gap) -> Token {
    let mut small = [0u8; WORD_BYTES_MAX + 4];
    let small = fold(word, &mut small);
    let mut hash = hash(small);
    let lists = Lists::of(hash);
    // A name tells nothing by being this name and no other.
    if lists.is_name_only() {
        hash = u32::from(lists.0);
    }
    let head = small.get(..small.len().min(3)).unwrap_or(small);
    let tail = small.get(small.len().saturating_sub(3)..).unwrap_or(small);
    Token {
        start: narrow(start),
        end: narrow(start + word.len()),
        word: hash,
        prefix: self::hash(head),
        suffix: self::hash(tail) ^ 0x5555_5555,
        lists,
        shape: Shape::of(word, small),
        gap,
    }
}

fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The word in small letters, as far as Latin-1 and Latin Extended-A (U+00C0 to U+017F) go.
pub fn fold<'a>(word: &[u8], small: &'a mut [u8; WORD_BYTES_MAX + 4]) -> &'a [u8] {
    let length = word.len().min(small.len());
    let mut lead = 0;
    for (slot, byte) in small.iter_mut().zip(word) {
        *slot = match (lead, *byte) {
            (0xC3, 0x80..=0x9E) => byte | 0x20,
            (0xC4 | 0xC5, 0x80..=0xBF) if is_capital_of(lead, *byte) => byte + 1,
            _ => byte.to_ascii_lowercase(),
        };
        lead = *byte;
    }
    small.get(..length).unwrap_or_default()
}

/// Whether this two-byte letter of Latin Extended-A is a capital whose small letter comes next.
fn is_capital_of(lead: u8, second: u8) -> bool {
    let even = second.is_multiple_of(2);
    match (lead, second) {
        // From U+0139 to U+0148 and from U+0179 the capitals are odd.
        (0xC4, 0xB9..=0xBE) | (0xC5, 0x81..=0x87 | 0xB9..=0xBD) => !even,
        (0xC4, 0xB8 | 0xBF) | (0xC5, 0x80 | 0x88 | 0x89 | 0xB8 | 0xBE | 0xBF) => false,
        _ => even,
    }
}

/// FNV-1a with a last mix, because words are short and their hashes are cut.
pub fn hash(bytes: &[u8]) -> u32 {
    finish(bytes.iter().fold(HASH_SEED, |hash, byte| step(hash, *byte)))
}

/// The hash of no bytes, before [`finish`].
pub(super) const HASH_SEED: u32 = 0x811C_9DC5;

/// Adds a byte to a hash.
#[inline]
pub(super) fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

/// The hash, when all bytes were added.
#[inline]
pub(super) fn finish(hash: u32) -> u32 {
    (hash ^ hash >> 15).wrapping_mul(0x2C1B_3C6D) ^ hash >> 13
}

impl Shape {
    /// How `word` is written, of which `small` is the word in small letters.
    fn of(word: &[u8], small: &[u8]) -> Self {
        let mut capitals = 0;
        let mut smalls = 0;
        let mut digits = 0;
        let mut marks = [0u8; 4];
        let mut seen = 0;
        let mut first_capital = false;
        for (at, (byte, small)) in word.iter().zip(small).enumerate() {
            match byte {
                b'0'..=b'9' => digits += 1,
                b'.' | b'_' | b'-' | b'@' | b'/' | b':' | b'\'' => {
                    if let Some(mark) = marks.get_mut(seen) {
                        *mark = *byte;
                    }
                    seen += 1;
                }
                // The second byte of a letter tells its case; the first is no letter of its own.
                0xC3..=0xC5 => {}
                _ if byte != small => {
                    capitals += 1;
                    first_capital |= at == 0 || at == 1 && !word.first().is_some_and(u8::is_ascii);
                }
                _ => smalls += 1,
            }
        }
        let counts = Counts {
            capitals,
            smalls,
            digits,
        };
        match marks {
            [0, ..] => counts.plain(word, first_capital),
            [mark, ..] if capitals + smalls == 0 => numeric(word, mark, seen),
            _ => counts.joined(word, marks, first_capital),
        }
    }
}

struct Counts {
    capitals: usize,
    smalls: usize,
    digits: usize,
}

impl Counts {
    fn plain(&self, word: &[u8], first_capital: bool) -> Shape {
        match (self.capitals, self.smalls, self.digits) {
            (0, 0, 1) => Shape::Digit1,
            (0, 0, 2) => Shape::Digit2,
            (0, 0, 3) => Shape::Digit3,
            (0, 0, 4) if word.starts_with(b"19") || word.starts_with(b"20") => Shape::Year,
            (0, 0, 4) => Shape::Digit4,
            (0, 0, 5) => Shape::Digit5,
            (0, 0, 1..) => Shape::Digits,
            (0, 0, 0) => Shape::Other,
            (0..=2, 0..=2, 1..=4) if word.first().is_some_and(u8::is_ascii_digit) => Shape::Ordinal,
            (_, _, 1..) => Shape::Mixed,
            (0, _, 0) => Shape::Lower,
            (1, 0, 0) => Shape::Initial,
            (1, _, 0) if first_capital => Shape::Capital,
            (2..=3, 0, 0) => Shape::Acronym,
            (_, 0, 0) => Shape::Upper,
            _ if first_capital => Shape::Camel,
            _ => Shape::LowerCamel,
        }
    }

    fn joined(&self, word: &[u8], marks: [u8; 4], first_capital: bool) -> Shape {
        let is = |wanted: &[u8]| marks.iter().all(|mark| *mark == 0 || wanted.contains(mark));
        if self.digits == 0 && is(b"-'") {
            return if first_capital {
                Shape::Compound
            } else {
                Shape::LowerCompound
            };
        }
        if self.digits == 0 && is(b".") && word.len() <= 7 && self.smalls == 0 {
            return Shape::Dotted;
        }
        if self.digits == 0 && is(b".") && word.len() <= 5 {
            return Shape::LowerCompound;
        }
        if is(b"-'") { Shape::Mixed } else { Shape::Code }
    }
}

/// What digits with signs between them are.
fn numeric(word: &[u8], mark: u8, seen: usize) -> Shape {
    if mark == b':' {
        return Shape::Time;
    }
    let mut lengths = [0usize; 3];
    let mut groups = 0;
    for group in word.split(|byte| *byte == mark) {
        if let Some(length) = lengths.get_mut(groups) {
            *length = group.len();
        }
        groups += 1;
    }
    let dated = matches!(lengths, [1..=2, 1..=2, 2 | 4] | [4, 1..=2, 1..=2]);
    if seen == 2 && groups == 3 && dated && mark != b'_' {
        Shape::Date
    } else {
        Shape::Number
    }
}
