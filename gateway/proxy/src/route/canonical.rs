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
    let pairs = raw_pairs(query).map(|pair| {
        let (key, value) = pair?;
        Ok((key.into_owned(), decode(value, true)?.into_owned()))
    });
    pairs.collect()
}

/// The value of a form's field, if no other field may be taken for it; other fields may hold what a
/// parameter may not, such as the end of a line.
pub(crate) fn form_field(form: &str, name: &str) -> Result<Option<String>, Unroutable> {
    let mut found = None;
    for pair in raw_pairs(form) {
        let (key, value) = pair?;
        if is_like(&key, name) {
            if key != name || found.is_some() {
                return Err(Unroutable::Ambiguous);
            }
            found = Some(decode(value, true)?.into_owned());
        }
    }
    Ok(found)
}

/// Names, decoded, with values that are not.
fn raw_pairs(text: &str) -> impl Iterator<Item = Result<(Cow<'_, str>, &str), Unroutable>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        // Old servers part pairs by semicolons too, and so would read another query.
        if pair.contains(';') {
            return Err(Unroutable::Ambiguous);
        }
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(key, true)?, value))
    })
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

/// Whether some server may take `key` for `name`: `Customer`, `customer[]`, `customer.id`,
/// `%63ustomer` where it decodes twice, `customer id` for `customer_id` where it is PHP.
pub fn is_like(key: &str, name: &str) -> bool {
    if key == name {
        return true;
    }
    let (key, name) = (folded(&decoded_again(key)), folded(name));
    let stem = key.split(['[', '.']).next().unwrap_or_default();
    let underscored = |c: char| if ". [".contains(c) { '_' } else { c };
    stem == name || key == name || key.chars().map(underscored).eq(name.chars())
}

/// A name without what some parsers do not tell apart: case (Go folds `ſ` and the Kelvin sign with
/// it), blanks and marks of byte order around it, and what is invisible.
pub(crate) fn folded(name: &str) -> String {
    let invisible = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    let plain: String = name
        .chars()
        .filter(|c| !invisible(*c) && !c.is_control())
        .collect();
    plain.trim().to_uppercase().to_lowercase()
}

/// The name as a server reads it that decodes once more than it should.
fn decoded_again(key: &str) -> Cow<'_, str> {
    if !key.contains('%') {
        return Cow::Borrowed(key);
    }
    percent_encoding::percent_decode_str(key).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_may_take_for_a_name_is_like_it() {
        for key in [
            "customer",
            "Customer",
            "CUSTOMER",
            "cu\u{17f}tomer",
            "customer[]",
            "customer[0]",
            "customer[id]",
            "customer.id",
            " customer",
            "customer ",
            "\u{feff}customer",
            "%63ustomer",
            "cust\u{200b}omer",
        ] {
            assert!(is_like(key, "customer"), "{key:?}");
        }
        for key in ["customer.id", "customer id", "customer[id", "Customer_ID"] {
            assert!(is_like(key, "customer_id"), "{key:?}");
        }
        for key in ["custom", "customers", "id", ""] {
            assert!(!is_like(key, "customer"), "{key:?}");
        }
    }

    #[test]
    fn a_field_of_a_form_is_read_in_one_way_or_refused() {
        let field = |form| form_field(form, "customer");
        let found = |value: &str| Ok(Some(value.to_owned()));
        assert_eq!(field("a=1&customer=C-771"), found("C-771"));
        assert_eq!(field("note=a%0Ab&customer=C%2D771"), found("C-771"));
        assert_eq!(field("a=1"), Ok(None));
        for odd in [
            "customer=C-771&customer=C-332",
            "customer=C-771&Customer=C-332",
            "customer[]=C-771",
            "a=1;customer=C-332",
            "customer=C-771%00",
            "customer=%zz",
        ] {
            assert_eq!(field(odd), Err(Unroutable::Ambiguous), "{odd}");
        }
    }
}
