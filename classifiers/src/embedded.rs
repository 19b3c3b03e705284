//! What a string may be besides text: a JSON document, base64, a data URL.
//!
//! Tools answer with documents in strings, and models call tools with them: `arguments` of OpenAI's
//! function calls, `text` and `blob` of MCP. Here it is told what a string holds and how it was put
//! there, so that whoever edits what it holds can put it back alike. Nothing is trusted that only says
//! so: base64 is what can be read as base64, whatever stands beside it.

mod base64;
mod data_url;

use crate::media::json::{Scalar, Token, Visitor, Walker};

/// Documents in strings of documents are opened to this depth; the document itself is not counted.
pub const EMBEDDED_DEPTH_MAX: usize = 3;

/// The shortest document that holds anything: `{"a":""}`.
const JSON_BYTES_MIN: usize = 8;

/// What a string holds that has to be unwrapped first.
#[derive(Debug, PartialEq, Eq)]
pub enum Held {
    /// Text.
    Text(Wrapped),
    /// An image, a sound, an archive: what is known to be no text by its first bytes, or is said to be
    /// base64 and holds no text.
    Media,
    /// Some other bytes, and many of them.
    Binary,
}

/// Text that was wrapped, and how.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrapped {
    text: String,
    wrapping: Wrapping,
}

#[derive(Debug, PartialEq, Eq)]
enum Wrapping {
    Base64(base64::Style),
    DataUrl(data_url::Style),
}

/// Whether a string is worth a closer look: by its first bytes, and of most it says no.
#[inline]
pub fn may_be(value: &[u8]) -> bool {
    if value.len() < JSON_BYTES_MIN {
        return false;
    }
    match value.first() {
        Some(b'{' | b'[' | b'"' | b' ' | b'\n' | b'\r' | b'\t') => true,
        Some(b'd' | b'D') if data_url::leads(value) => true,
        _ => base64::leads(value),
    }
}

/// Whether a string is a JSON document: a container, or a string again.
pub fn is_json(value: &[u8]) -> bool {
    let document = value.trim_ascii();
    let closes = match document.first() {
        Some(b'{') => b'}',
        Some(b'[') => b']',
        Some(b'"') => b'"',
        _ => return false,
    };
    document.len() >= JSON_BYTES_MIN && document.last() == Some(&closes) && is_document(document)
}

/// Whether all of a text is one JSON document.
pub(crate) fn is_document(text: &[u8]) -> bool {
    let mut walker = Walker::new();
    walker.push(text, &mut Nobody).is_ok() && walker.finish(&mut Nobody).is_ok()
}

/// What a string holds that is base64 or a data URL; nothing if it is neither.
pub fn unwrap(value: &[u8]) -> Option<Held> {
    if data_url::leads(value) {
        return data_url::unwrap(value);
    }
    if !base64::leads(value) {
        return None;
    }
    base64::unwrap(value)
}

impl Wrapped {
    /// What it holds.
    pub fn text(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Another text, wrapped as this one was in `value`.
    pub fn wrap(&self, value: &[u8], text: &[u8]) -> Vec<u8> {
        match &self.wrapping {
            Wrapping::Base64(style) => style.write(text),
            Wrapping::DataUrl(style) => style.write(value, text),
        }
    }
}

/// Reads JSON only to know that it is.
struct Nobody;

impl Visitor for Nobody {
    fn object_start(&mut self) {}
    fn object_end(&mut self) {}
    fn array_start(&mut self) {}
    fn array_end(&mut self) {}
    fn name(&mut self, _name: Token<'_>) {}
    fn scalar(&mut self, _kind: Scalar, _value: Token<'_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Option<String> {
        match unwrap(value.as_bytes())? {
            Held::Text(wrapped) => {
                let same = wrapped.wrap(value.as_bytes(), wrapped.text());
                assert_eq!(unwrap(&same), unwrap(value.as_bytes()));
                Some(String::from_utf8_lossy(wrapped.text()).into_owned())
            }
            Held::Media | Held::Binary => None,
        }
    }

    fn check(value: &str, expected: &str) {
        assert_eq!(text(value).as_deref(), Some(expected), "{value}");
    }

    #[test]
    fn base64_is_read_in_every_way_in_which_it_is_written() {
        check("eyJlbWFpbCI6ImEifQ==", r#"{"email":"a"}"#);
        check("eyJlbWFpbCI6ImEifQ", r#"{"email":"a"}"#);
        check("Pz8/Pj4+Pz8/Pj4+", "???>>>???>>>");
        check("Pz8_Pj4-Pz8_Pj4-", "???>>>???>>>");
        check("ZGVhciBhbm4s\nIGhlbGxv\n", "dear ann, hello");
        check("ZGVhciBhbm4s\r\nIGhlbGxv", "dear ann, hello");
        // Bits that stand for nothing, which readers differ on.
        check("eyJlbWFpbCI6ImEifR==", r#"{"email":"a"}"#);
    }

    #[test]
    fn what_is_no_base64_of_text_is_not_taken_for_it() {
        for value in [
            "subscription_cycle",
            "d41d8cd98f00b204e9800998ecf8427e",
            "550e8400-e29b-41d4-a716-446655440000",
            "a sentence of some words",
            "eyJlbWFpbCI6ImEifQ==eyJl",
            "123456789012",
            "data",
        ] {
            assert_eq!(text(value), None, "{value}");
        }
    }

    #[test]
    fn a_data_url_is_read_by_what_it_says_of_its_coding() {
        check("data:text/plain;base64,ZGVhciBhbm4=", "dear ann");
        check("DATA:;charset=utf-8;BASE64,ZGVhciBhbm4%3D", "dear ann");
        check("data:application/json,%7B%22a%22:1%7D", r#"{"a":1}"#);
        check("data:,dear%20ann", "dear ann");
        assert_eq!(text("data:no comma"), None);
    }

    #[test]
    fn what_is_no_text_is_told() {
        let image = b"\x89PNG\r\n\x1A\n".repeat(20);
        let image = base64::Style::PLAIN.write(&image);
        assert_eq!(unwrap(&image), Some(Held::Media));
        let url = [b"data:image/png;base64,", &*image].concat();
        assert_eq!(unwrap(&url), Some(Held::Media));
        assert_eq!(
            unwrap(b"data:image/png;base64,!!!!"),
            Some(Held::Media),
            "what cannot be read"
        );
        let noise: Vec<u8> = (0..2000u32).map(|n| (n * 151 % 255) as u8).collect();
        let noise = base64::Style::PLAIN.write(&noise);
        assert_eq!(unwrap(&noise), Some(Held::Binary));
        assert_eq!(unwrap(&noise[..100]), None);
    }

    #[test]
    fn json_in_a_string_is_a_container_or_a_string() {
        for value in [r#"{"a":"b"}"#, " [1, 2, 3, 4]\n", r#""{\"a\":1}""#] {
            assert!(may_be(value.as_bytes()) && is_json(value.as_bytes()));
        }
        for value in ["{{template}}", "[see below]", "\"so\" he said, \"be it\""] {
            assert!(!is_json(value.as_bytes()), "{value}");
        }
    }
}
