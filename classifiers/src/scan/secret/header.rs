//! Credentials of HTTP: `Authorization`, `Cookie`, `curl -u`, and JSON Web Tokens.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::shape::{BASE64, TOKEN, TOKEN68};
use super::{BY_FORM, Place, TOKEN_BYTES_MAX, closes, finding, random};
use crate::DataClass;
use crate::finding::Finding;

/// Longest header of cookies that is read, in bytes.
const COOKIE_BYTES_MAX: usize = 1024;
/// Longest header of a JSON Web Token, in letters; most have some forty, one with keys some hundred.
const HEADER_LETTERS_MAX: usize = 1024;
/// Shortest bearer token, in bytes.
const BEARER_BYTES_MIN: usize = 16;
/// Least entropy of a bearer token, in tenths of a bit per byte.
const BEARER_ENTROPY_MIN: u32 = 30;
/// Fewest letters of a JWT's header; `{"alg":"none"}` has 19.
const HEADER_LETTERS_MIN: usize = 17;
/// Most of a token that is decoded, in letters of base64; a multiple of four.
const DECODED_LETTERS_MAX: usize = 512;

/// The token behind `Bearer ` (RFC 6750, section 2.1), unless it has a form of its own.
pub(super) fn bearer(value: &[u8], start: usize, after: usize) -> Option<Place> {
    let rest = value.get(after..)?;
    let length = TOKEN68.run(rest, TOKEN_BYTES_MAX);
    let token = rest.get(..length)?;
    let opens = !super::before(value, start, 1).is_ascii_alphanumeric();
    (opens
        && length >= BEARER_BYTES_MIN
        && token.iter().any(u8::is_ascii_digit)
        && random::entropy(token) >= BEARER_ENTROPY_MIN
        && !random::is_placeholder(token))
    .then_some((after, after + length, 92))
}

/// `user:password` in base64 behind `Basic ` (RFC 7617).
pub(super) fn basic(value: &[u8], after: usize) -> Option<Place> {
    let rest = value.get(after..)?;
    let length = BASE64.run(rest, TOKEN_BYTES_MAX);
    let mut plain = [0; DECODED_LETTERS_MAX];
    let plain = decode(rest.get(..length)?, &mut plain)?;
    let colon = memchr::memchr(b':', plain)?;
    let printed = plain.iter().all(|byte| !byte.is_ascii_control());
    (printed && colon + 1 < plain.len() && !random::is_placeholder(plain)).then_some((
        after,
        after + length,
        97,
    ))
}

/// The first cookie of a header that looks drawn by lot.
pub(super) fn cookie(value: &[u8], after: usize) -> Option<Place> {
    let rest = value.get(after..)?;
    let line = rest
        .iter()
        .take(COOKIE_BYTES_MAX)
        .take_while(|byte| !matches!(byte, b'\r' | b'\n' | b'"' | b'\''))
        .count();
    let mut at = after;
    for pair in rest.get(..line)?.split(|byte| *byte == b';') {
        let content = memchr::memchr(b'=', pair)
            .and_then(|equals| pair.get(equals + 1..))
            .unwrap_or_default();
        let end = at + pair.len();
        if content.len() >= BEARER_BYTES_MIN && random::is_random(content) {
            let start = end - content.len();
            return jwt(value, start).is_none().then_some((start, end, 90));
        }
        at = end + 1;
    }
    None
}

/// A JSON Web Token (RFC 7519): three parts, of which the first two are JSON objects in base64url.
/// One whose header says its algorithm is one for sure.
pub(super) fn jwt(value: &[u8], start: usize) -> Option<Place> {
    let part = |at: usize, least: usize, most: usize| {
        let rest = value.get(at..)?;
        let length = rest
            .iter()
            .take(most)
            .take_while(|byte| TOKEN.has(**byte) || matches!(byte, b'/' | b'\\'))
            .count();
        (length >= least).then_some(length)
    };
    let header = part(start, HEADER_LETTERS_MIN, HEADER_LETTERS_MAX)?;
    let payload_at = start + header + 1;
    let payload = value
        .get(payload_at - 1..)
        .filter(|rest| rest.starts_with(b".ey"))
        .and_then(|_| part(payload_at, 2, TOKEN_BYTES_MAX))?;
    let dot = payload_at + payload;
    if value.get(start..)?.first_chunk::<2>() != Some(b"ey") || value.get(dot) != Some(&b'.') {
        return None;
    }
    let rest = value.get(dot + 1..)?;
    let signature = part(dot + 1, 1, TOKEN_BYTES_MAX).unwrap_or(0);
    let padding = rest.get(signature..)?.iter().take(2);
    let end = dot + 1 + signature + padding.take_while(|byte| **byte == b'=').count();
    let mut plain = [0; DECODED_LETTERS_MAX];
    let named = decode(value.get(start..start + header)?, &mut plain).is_some_and(|plain| {
        plain.starts_with(b"{") && memchr::memmem::find(plain, b"\"alg\"").is_some()
    });
    let long = payload >= HEADER_LETTERS_MIN;
    (named || long).then_some((start, end, if named { 99 } else { 85 }))
}

/// What base64 or base64url says, of its first bytes if it is long.
fn decode<'a>(letters: &[u8], plain: &'a mut [u8; DECODED_LETTERS_MAX]) -> Option<&'a [u8]> {
    let trimmed = letters.iter().rposition(|byte| *byte != b'=')? + 1;
    let letters = letters.get(..trimmed.min(DECODED_LETTERS_MAX))?;
    let length = STANDARD_NO_PAD
        .decode_slice(letters, plain)
        .or_else(|_| URL_SAFE_NO_PAD.decode_slice(letters, plain))
        .ok()?;
    plain.get(..length)
}

/// `curl -u user:password`: how shells write HTTP Basic credentials.
pub(super) fn curl(value: &[u8], findings: &mut Vec<Finding>) {
    let Some(command) = memchr::memmem::find(value, b"curl ") else {
        return;
    };
    for option in [&b" -u"[..], b" --user"] {
        let rest = value.get(command..).unwrap_or_default();
        for mark in memchr::memmem::find_iter(rest, option) {
            let at = command + mark + option.len();
            findings.extend(user(value, at));
        }
    }
}

/// The credentials behind `-u`, with the quotes around them.
fn user(value: &[u8], at: usize) -> Option<Finding> {
    let rest = value.get(at..)?;
    let blanks = rest
        .iter()
        .take(8)
        .take_while(|byte| matches!(byte, b' ' | b'='))
        .count();
    let text = rest.get(blanks..)?;
    let mut quote = None;
    let length = text
        .iter()
        .take(256)
        .take_while(|byte| {
            match quote {
                Some(open) if **byte == open => quote = None,
                None if matches!(byte, b'"' | b'\'') => quote = Some(**byte),
                _ => {}
            }
            quote.is_some() || !byte.is_ascii_whitespace()
        })
        .count();
    let pair = text.get(..length)?;
    let colon = memchr::memchr(b':', pair)?;
    let password = pair.get(colon + 1..)?;
    let password = trimmed(password);
    let shown = pair.contains(&b'$') && (pair.contains(&b'{') || trimmed(pair).starts_with(b"$"))
        || password.starts_with(b"$")
        || random::is_placeholder(pair);
    let drawn = password.iter().any(u8::is_ascii_digit) && password.len() >= 6;
    (blanks > 0 && !shown && drawn && closes(value, at + blanks + length)).then(|| {
        let start = at + blanks;
        finding(
            DataClass::BASIC_AUTH,
            start,
            start + length,
            BY_FORM - 7,
            "curl-user",
        )
    })
}

/// The text without quotes and braces around it.
fn trimmed(text: &[u8]) -> &[u8] {
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b'{' | b'}');
    let start = text
        .iter()
        .position(|byte| !is_quote(byte))
        .unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|byte| !is_quote(byte))
        .map_or(start, |end| end + 1);
    text.get(start..end).unwrap_or_default()
}
