//! Strings and white space: eight bytes at a time until something needs a closer look.

use super::Flaw;

/// What a string was seen to hold, which decides how much work it still needs. One byte of flags:
/// three booleans would be written one by one and read together, for which a processor waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen(u8);

impl Seen {
    const ESCAPE: u8 = 1;
    /// Bytes above 127.
    const WIDE: u8 = 2;
    /// The last byte was a backslash, and what it escapes has not come yet.
    const PENDING: u8 = 4;

    /// Whether the string means what it says, byte for byte.
    #[inline]
    pub(super) fn plain(self) -> bool {
        !(self.has(Self::ESCAPE) || self.has(Self::WIDE))
    }

    #[inline]
    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }
}

/// How a look for the end of a string ended.
pub(super) enum End {
    /// Right behind its closing quote.
    Closed(usize),
    /// Not in these bytes.
    Open,
    /// At a control character.
    Control(usize),
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
const QUOTES: u64 = LOW * b'"' as u64;
const BACKSLASHES: u64 = LOW * b'\\' as u64;
const SPACES: u64 = LOW * b' ' as u64;

/// Looks for the end of the string that continues at `at`.
#[inline]
pub(super) fn end(bytes: &[u8], mut at: usize, seen: &mut Seen) -> End {
    if seen.has(Seen::PENDING) && !bytes.is_empty() {
        seen.0 &= !Seen::PENDING;
        at = 1;
    }
    loop {
        let wide;
        (at, wide) = special(bytes, at);
        if wide {
            seen.0 |= Seen::WIDE;
        }
        match bytes.get(at) {
            None => return End::Open,
            Some(b'"') => return End::Closed(at + 1),
            Some(b'\\') => {
                seen.0 |= Seen::ESCAPE;
                at += 2;
                if at > bytes.len() {
                    seen.0 |= Seen::PENDING;
                    return End::Open;
                }
            }
            Some(_) => return End::Control(at),
        }
    }
}

/// The first quote, backslash or control character from `at` on, and whether bytes above 127 stand
/// before it.
#[inline]
fn special(bytes: &[u8], mut at: usize) -> (usize, bool) {
    let mut high = 0;
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*word);
        // Each term marks the bytes that are zero or below a bound; a borrow can spoil only the
        // bytes behind the first that is marked rightly, so the lowest mark is always true.
        let quote = (word ^ QUOTES).wrapping_sub(LOW) & !(word ^ QUOTES);
        let backslash = (word ^ BACKSLASHES).wrapping_sub(LOW) & !(word ^ BACKSLASHES);
        let control = word.wrapping_sub(SPACES) & !word;
        let marks = (quote | backslash | control) & HIGH;
        if marks != 0 {
            let before = (marks & marks.wrapping_neg()) - 1;
            let wide = (high | (word & before)) & HIGH != 0;
            return (at + (marks.trailing_zeros() / 8) as usize, wide);
        }
        high |= word;
        at += 8;
    }
    let mut wide = high & HIGH != 0;
    while let Some(&byte) = bytes.get(at) {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        wide |= byte >= 0x80;
        at += 1;
    }
    (at, wide)
}

/// The first byte from `at` on that is not white space.
#[inline]
pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) == Some(b"        ") {
        at += 8;
    }
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// What the body of a string means. Uses `buffer` only if it has escapes; a flaw comes with its
/// place in `body`.
pub(super) fn decode<'a>(
    body: &'a [u8],
    seen: Seen,
    buffer: &'a mut Vec<u8>,
) -> Result<&'a [u8], (usize, Flaw)> {
    if seen.has(Seen::WIDE)
        && let Err(error) = std::str::from_utf8(body)
    {
        return Err((error.valid_up_to(), Flaw::Utf8));
    }
    if !seen.has(Seen::ESCAPE) {
        return Ok(body);
    }
    buffer.clear();
    let mut at = 0;
    while let Some(rest) = body.get(at..) {
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        buffer.extend_from_slice(rest.get(..plain).unwrap_or_default());
        at += plain;
        let Some(escape) = body.get(at..).filter(|rest| !rest.is_empty()) else {
            break;
        };
        let (character, length) = unescape(escape).map_err(|flaw| (at, flaw))?;
        buffer.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        at += length;
    }
    Ok(buffer)
}

/// The character that the escape at the front of `bytes` stands for, and how long the escape is.
pub(super) fn unescape(bytes: &[u8]) -> Result<(char, usize), Flaw> {
    let character = match bytes.get(1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unescape_unicode(bytes),
        _ => return Err(Flaw::Escape),
    };
    Ok((character, 2))
}

fn unescape_unicode(bytes: &[u8]) -> Result<(char, usize), Flaw> {
    let first = unit(bytes)?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, 6));
    }
    let second = match bytes.get(6..) {
        Some(rest @ [b'\\', b'u', ..]) => unit(rest)?,
        _ => return Err(Flaw::Surrogate),
    };
    if !(0xD800..0xDC00).contains(&first) || !(0xDC00..0xE000).contains(&second) {
        return Err(Flaw::Surrogate);
    }
    let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    char::from_u32(code)
        .map(|character| (character, 12))
        .ok_or(Flaw::Surrogate)
}

/// The UTF-16 unit of the `\uXXXX` at the front of `bytes`.
fn unit(bytes: &[u8]) -> Result<u32, Flaw> {
    let digits = bytes.get(2..6).ok_or(Flaw::Escape)?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16).ok_or(Flaw::Escape)?;
        Ok(unit << 4 | digit)
    })
}
