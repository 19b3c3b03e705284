//! What keeps the shape and nothing else: digits for digits, letters for letters, a date for a date.

use classifiers::DataClass;
use jiff::Span;

use super::date::Dated;
use crate::Pseudonyms;

/// The most bytes that are imitated; a longer value has no shape worth keeping.
const IMITATED_BYTES_MAX: usize = 1024;

/// Where invented addresses live (RFC 2606 section 3).
const DOMAINS: [&[u8]; 3] = [b"example.com", b"example.net", b"example.org"];

/// How far an invented date lies from the true one at most, in days: some twenty years.
const DAYS_MAX: u16 = 7300;

/// Appends an invented value of the same shape. Returns whether it could.
pub(super) fn synthesize(
    class: DataClass,
    value: &[u8],
    keys: &dyn Pseudonyms,
    out: &mut Vec<u8>,
) -> bool {
    let stream = drawn("synthesize", class, value, keys, 3);
    let Some([low, high, choice, stream @ ..]) = stream.as_deref() else {
        return false;
    };
    if let Some(dated) = Dated::parse(value) {
        let days = i64::from(u16::from_be_bytes([*high, *low]) % DAYS_MAX) + 1;
        let Ok(date) = dated.date.checked_sub(Span::new().days(days)) else {
            return false;
        };
        dated.write(date, out);
        return true;
    }
    if class == DataClass::EMAIL
        && let Some(at) = memchr::memrchr(b'@', value)
    {
        let (local, _) = value.split_at_checked(at).unwrap_or_default();
        imitate(local, stream, out);
        out.push(b'@');
        let domain = DOMAINS.get(usize::from(*choice) % DOMAINS.len());
        out.extend_from_slice(domain.copied().unwrap_or_default());
        return true;
    }
    imitate(value, stream, out);
    true
}

/// Appends an invented number with as many digits, the first not zero. Returns whether it could.
pub(super) fn number(
    class: DataClass,
    value: &[u8],
    keys: &dyn Pseudonyms,
    out: &mut Vec<u8>,
) -> bool {
    let plain = |byte: &u8| byte.is_ascii_digit() || b"-.".contains(byte);
    if !value.iter().all(plain) {
        return false;
    }
    let Some(stream) = drawn("synthesize", class, value, keys, 0) else {
        return false;
    };
    let start = out.len();
    imitate(value, &stream, out);
    lead(value, start, out);
    true
}

/// Appends the value with its digits and letters enciphered, where there are enough of them that FF1
/// hides which they were; an invented one where there are not. Returns whether it could.
pub(super) fn encipher(
    class: DataClass,
    value: &[u8],
    keys: &dyn Pseudonyms,
    out: &mut Vec<u8>,
) -> bool {
    let Some(stream) = drawn("encipher", class, value, keys, 0) else {
        return false;
    };
    let start = out.len();
    imitate(value, &stream, out);
    let Some(text) = out.get_mut(start..).filter(|_| value.is_ascii()) else {
        return true;
    };
    for (base, radix) in [(b'0', 10), (b'a', 26)] {
        let is_one = |byte: &u8| {
            let low = byte.to_ascii_lowercase();
            low >= base && u16::from(low - base) < radix
        };
        let numeral = |byte: &u8| u16::from(byte.to_ascii_lowercase() - base);
        let mut numerals: Vec<u16> = value.iter().filter(|b| is_one(b)).map(numeral).collect();
        if !keys.encipher(class, radix, &mut numerals) {
            continue;
        }
        let places = text.iter_mut().zip(value).filter(|(_, from)| is_one(from));
        for ((to, from), numeral) in places.zip(numerals) {
            let byte = base + numeral.to_le_bytes()[0];
            *to = if from.is_ascii_uppercase() {
                byte.to_ascii_uppercase()
            } else {
                byte
            };
        }
    }
    true
}

/// Appends a whole number with its digits enciphered, the first not zero. Returns whether it could.
pub(super) fn encipher_number(
    class: DataClass,
    value: &[u8],
    keys: &dyn Pseudonyms,
    out: &mut Vec<u8>,
) -> bool {
    let mut numerals: Vec<u16> = value
        .iter()
        .map(|byte| u16::from(byte.wrapping_sub(b'0')))
        .collect();
    if numerals.len() > IMITATED_BYTES_MAX || numerals.iter().any(|numeral| *numeral > 9) {
        return number(class, value, keys, out);
    }
    loop {
        if !keys.encipher(class, 10, &mut numerals) {
            return number(class, value, keys, out);
        }
        // Walking the cycle until the number may lead keeps distinct ones distinct; it ends,
        // because the number that was given may.
        if numerals.first() != Some(&0) {
            out.extend(
                numerals
                    .iter()
                    .map(|numeral| b'0' + numeral.to_le_bytes()[0]),
            );
            return true;
        }
    }
}

/// A byte drawn for each of the value's, and `more` before them; none if it has no shape to keep.
fn drawn(
    usage: &'static str,
    class: DataClass,
    value: &[u8],
    keys: &dyn Pseudonyms,
    more: usize,
) -> Option<Vec<u8>> {
    if value.len() > IMITATED_BYTES_MAX {
        return None;
    }
    let mut stream = vec![0; value.len() + more];
    keys.fill(usage, class, value, &mut stream)
        .then_some(stream)
}

/// Appends a letter for each letter and a digit for each digit, never the whole as it was.
fn imitate(value: &[u8], stream: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let mut inside = false;
    for (byte, drawn) in value.iter().zip(stream) {
        let letter = |base: u8| base + drawn % 26;
        match byte {
            b'0'..=b'9' => out.push(b'0' + drawn % 10),
            b'a'..=b'z' => out.push(letter(b'a')),
            b'A'..=b'Z' => out.push(letter(b'A')),
            // A letter beyond ASCII counts once, however many bytes it has.
            0x80.. => out.extend((byte & 0xC0 != 0x80 || !inside).then(|| letter(b'a'))),
            _ => out.push(*byte),
        }
        inside = *byte >= 0x80;
    }
    if out.get(start..) == Some(value) {
        let first = out
            .iter_mut()
            .skip(start)
            .find(|byte| byte.is_ascii_alphanumeric());
        if let Some(first) = first {
            *first = match *first {
                b'9' => b'0',
                b'z' => b'a',
                b'Z' => b'A',
                other => other + 1,
            };
        }
    }
}

/// Keeps a number written from `start` on from leading with a zero that JSON does not allow.
fn lead(value: &[u8], start: usize, out: &mut [u8]) {
    let at = start + usize::from(value.first() == Some(&b'-'));
    if let Some(first) = out.get_mut(at)
        && *first == b'0'
    {
        *first = if value.get(at - start) == Some(&b'1') {
            b'2'
        } else {
            b'1'
        };
    }
}
