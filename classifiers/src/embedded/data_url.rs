//! Data URLs (RFC 2397): a media type, and behind a comma what it is, percent-encoded or in base64.

use super::{Held, Wrapped, Wrapping, base64};
use crate::media::form;

/// What every data URL begins with, in letters of either case.
const SCHEME: &[u8] = b"data:";
/// What stands behind the media type of one in base64.
const BASE64: &[u8] = b";base64";

/// How a data URL was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// Where the comma ends.
    head: usize,
    base64: Option<base64::Style>,
}

/// Whether a string begins as a data URL does.
#[inline]
pub(super) fn leads(value: &[u8]) -> bool {
    matches!(value.first(), Some(b'd' | b'D'))
        && value
            .get(..SCHEME.len())
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
}

/// What a data URL holds; nothing if it is none.
pub(super) fn unwrap(value: &[u8]) -> Option<Held> {
    let comma = memchr::memchr(b',', value)?;
    let head = value.get(..comma)?;
    let plain = percent_decoded(value.get(comma + 1..)?);
    let says_base64 = head
        .len()
        .checked_sub(BASE64.len())
        .and_then(|at| head.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case(BASE64));
    let (bytes, base64) = if says_base64 {
        let Some((bytes, style)) = base64::read(&plain) else {
            return Some(Held::Media);
        };
        (bytes, Some(style))
    } else {
        (plain, None)
    };
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Some(Held::Text(Wrapped {
            text,
            wrapping: Wrapping::DataUrl(Style {
                head: comma + 1,
                base64,
            }),
        })),
        _ => Some(Held::Media),
    }
}

/// Percent signs undone (RFC 3986 section 2.1). Here `+` is no space.
fn percent_decoded(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((byte, behind)) = rest.split_first() {
        let hex = (*byte == b'%').then(|| form::hex(behind)).flatten();
        out.push(hex.unwrap_or(*byte));
        rest = match hex {
            Some(_) => behind.get(2..).unwrap_or_default(),
            None => behind,
        };
    }
    out
}

impl Style {
    /// Writes a text in the place of what the data URL `value` holds.
    pub(super) fn write(&self, value: &[u8], text: &[u8]) -> Vec<u8> {
        let mut out = value.get(..self.head).unwrap_or_default().to_vec();
        if let Some(base64) = &self.base64 {
            out.extend_from_slice(&base64.write(text));
            return out;
        }
        for byte in text {
            if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(byte) {
                out.push(*byte);
            } else {
                let digit = |half: u8| {
                    char::from_digit(u32::from(half), 16)
                        .map_or(b'0', |it| it.to_ascii_uppercase() as u8)
                };
                out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
        out
    }
}
