//! `application/x-www-form-urlencoded`, as the WHATWG URL Standard reads it (section 5.1).

use std::borrow::Cow;
use std::ops::Range;

/// Where a name and its value stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The name's bytes, as written.
    pub name: Range<usize>,
    /// The value's bytes, as written.
    pub value: Range<usize>,
}

/// The pairs of a form, empty ones left out. A pair without `=` has an empty value.
pub fn pairs(form: &[u8]) -> impl Iterator<Item = Pair> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = form.get(at..).filter(|rest| !rest.is_empty())?;
            let length = memchr::memchr(b'&', rest).unwrap_or(rest.len());
            let start = at;
            at += length + 1;
            if length > 0 {
                let pair = rest.get(..length)?;
                let equals = memchr::memchr(b'=', pair);
                let name = equals.unwrap_or(length);
                let value = equals.map_or(length, |equals| equals + 1);
                return Some(Pair {
                    name: start..start + name,
                    value: start + value..start + length,
                });
            }
        }
    })
}

/// What a name or a value means: `+` is a space, `%40` an `@`.
pub fn decode(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'%', b'+', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
        let (byte, length) = next(rest);
        out.push(byte);
        at += length;
    }
    Cow::Owned(out)
}

/// The first byte that `bytes` stand for, and how many of them make it. What is no escape stands
/// for itself.
pub(crate) fn next(bytes: &[u8]) -> (u8, usize) {
    match bytes {
        [b'+', ..] => (b' ', 1),
        [b'%', rest @ ..] => hex(rest).map_or((b'%', 1), |byte| (byte, 3)),
        [byte, ..] => (*byte, 1),
        [] => (0, 1),
    }
}

/// The byte that two hexadecimal digits give.
pub(crate) fn hex(bytes: &[u8]) -> Option<u8> {
    let [high, low] = *bytes.first_chunk::<2>()?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// Whether a text is a form of at least two pairs, each with a name of the usual characters.
pub(crate) fn is_form(text: &[u8]) -> bool {
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.[]%+$".contains(byte);
    let usual = |byte: &u8| byte.is_ascii_graphic() && !b"\"<>{}\\^`".contains(byte);
    memchr::memchr(b'&', text).is_some()
        && text.iter().all(usual)
        && pairs(text).all(|pair| {
            let named = text.get(pair.name.clone()).unwrap_or_default();
            !named.is_empty() && named.iter().all(name) && pair.value.start > pair.name.end
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str) -> Vec<(String, String)> {
        let text = |range: Range<usize>| {
            String::from_utf8_lossy(&decode(&form.as_bytes()[range])).into_owned()
        };
        pairs(form.as_bytes())
            .map(|pair| (text(pair.name), text(pair.value)))
            .collect()
    }

    #[test]
    fn a_form_is_read_as_the_standard_has_it() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            read("a=1&&b=&c&=d"),
            [pair("a", "1"), pair("b", ""), pair("c", ""), pair("", "d")]
        );
        assert_eq!(read("q=a+b%40c%4"), [pair("q", "a b@c%4")]);
        assert_eq!(read("a==b"), [pair("a", "=b")]);
    }

    #[test]
    fn prose_is_no_form() {
        assert!(is_form(b"a=1&b=2"));
        assert!(is_form(b"user[email]=a%40b.co&x="));
        assert!(!is_form(b"a=1"));
        assert!(!is_form(b"R&D = fun"));
        assert!(!is_form(b"R&D"));
    }
}
