//! Numbers: where one ends, and whether it is one.

/// Where the number that begins at `at` ends, and whether a byte is there that ends it.
#[inline]
pub(super) fn end(bytes: &[u8], at: usize) -> (usize, bool) {
    let rest = bytes.get(at..).unwrap_or_default();
    let foreign = |byte: &u8| !matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
    match rest.iter().position(foreign) {
        Some(length) => (at + length, true),
        None => (bytes.len(), false),
    }
}

/// Whether `raw` is a number by RFC 8259 section 6.
#[inline]
pub(super) fn is_valid(raw: &[u8]) -> bool {
    let raw = raw.strip_prefix(b"-").unwrap_or(raw);
    let (whole, rest) = digits(raw);
    if whole == 0 || (whole > 1 && raw.first() == Some(&b'0')) {
        return false;
    }
    rest.is_empty() || is_valid_tail(rest)
}

/// Fraction and exponent.
fn is_valid_tail(mut rest: &[u8]) -> bool {
    if let Some(fraction) = rest.strip_prefix(b".") {
        let (count, behind) = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = behind;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let unsigned = match exponent {
            [b'+' | b'-', unsigned @ ..] => unsigned,
            _ => exponent,
        };
        let (count, behind) = digits(unsigned);
        return count > 0 && behind.is_empty();
    }
    rest.is_empty()
}

/// How many digits lead, and what follows them.
#[inline]
fn digits(bytes: &[u8]) -> (usize, &[u8]) {
    let count = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    (count, bytes.get(count..).unwrap_or_default())
}
