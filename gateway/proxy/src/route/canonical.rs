//! Paths and queries in the one reading that all servers share, or refused (RFC 3986 section 6).

use std::borrow::Cow;

use super::Unroutable;

/// The most segments a path may have.
const SEGMENTS_MAX: usize = 64;

pub(crate) fn segments(path: &str) -> Result<Vec<Cow<'_, str>>, Unroutable> {
    let rest = path.strip_prefix('/').ok_or(Unroutable::Ambiguous)?;
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let mut segments = Vec::with_capacity(8);
    for raw in rest.split('/') {
        let segment = decode(raw, false)?;
        let odd = segment.is_empty()
            || segment == "."
            || segment == ".."
            || segment.contains(['/', '\\', ';']);
        if odd || segments.len() == SEGMENTS_MAX {
            return Err(Unroutable::Ambiguous);
        }
        segments.push(segment);
    }
    Ok(segments)
}

pub(crate) fn query_pairs(query: &str) -> Result<Vec<(String, String)>, Unroutable> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            // Old servers part pairs by semicolons too, and so would read another query.
            if pair.contains(';') {
                return Err(Unroutable::Ambiguous);
            }
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((
                decode(key, true)?.into_owned(),
                decode(value, true)?.into_owned(),
            ))
        })
        .collect()
}

/// Percent-decodes; control characters and bad encodings are refused.
fn decode(text: &str, form: bool) -> Result<Cow<'_, str>, Unroutable> {
    if !text
        .bytes()
        .any(|b| b == b'%' || b < 0x20 || b == 0x7f || (form && b == b'+'))
    {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => hex_pair(bytes.next(), bytes.next()).ok_or(Unroutable::Ambiguous)?,
            b'+' if form => b' ',
            plain => plain,
        };
        if byte < 0x20 || byte == 0x7f {
            return Err(Unroutable::Ambiguous);
        }
        decoded.push(byte);
    }
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| Unroutable::Ambiguous)
}

fn hex_pair(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16));
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Whether some server may take `key` for `name`: `Customer`, `customer[]`, `customer.id`.
pub(crate) fn is_like(key: &str, name: &str) -> bool {
    let stem = key.split(['[', '.']).next().unwrap_or_default().trim();
    stem.eq_ignore_ascii_case(name) || key.eq_ignore_ascii_case(name)
}
