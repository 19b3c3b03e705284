//! What a tool, a prompt or a template of resources is known by: SHA-256 of its whole element in a list, as
//! RFC 8785 writes JSON.
//!
//! Every member counts, also `_meta` and such that no revision of the protocol knows: hosts and models may
//! act by them. Only `annotations.lastModified` of a template of resources does not, as long as it is a time: it
//! tells of content and instructs nobody.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::strict;

/// What the text of a digest begins with.
const PREFIX: &str = "sha256:";

/// A digest, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

/// A text is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is `sha256:` and 64 hexadecimal digits")]
pub struct NoDigest;

impl FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        let mut digest = [0; 32];
        let digits = text.strip_prefix(PREFIX).ok_or(NoDigest)?;
        hex::decode_to_slice(digits, &mut digest).map_err(|_| NoDigest)?;
        Ok(Self(digest))
    }
}

impl TryFrom<String> for Digest {
    type Error = NoDigest;

    fn try_from(text: String) -> Result<Self, NoDigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", hex::encode(self.0))
    }
}

/// One element of a list, in the one reading that all parsers share.
pub(crate) struct Element(Value);

impl Element {
    /// Reads an element; none if it is no object, or can be read in more than one way.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let element = strict::parse(bytes).ok()?;
        element.is_object().then_some(Self(element))
    }

    /// What stands under `name`, if it is text that no other member may be taken for.
    pub(crate) fn name(&self, name: &str) -> Option<&str> {
        let members = self.0.as_object()?;
        strict::member(members, name).ok()??.as_str()
    }

    /// Its digest, and the text that it is of. Of a template, when its resources changed is left out.
    pub(crate) fn digest(mut self, is_template: bool) -> Option<(Digest, String)> {
        if let Some(Value::Object(annotations)) = self.0.get_mut("annotations")
            && is_template
            && annotations.get("lastModified").is_some_and(is_time)
        {
            annotations.remove("lastModified");
        }
        let text = serde_json_canonicalizer::to_string(&self.0).ok()?;
        let hash = digest(&SHA256, text.as_bytes());
        Some((Digest(hash.as_ref().try_into().ok()?), text))
    }
}

/// Whether a value is a time of RFC 3339 and nothing beside it: other forms that are read have names of zones.
fn is_time(value: &Value) -> bool {
    let is_of_time = |byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b':' | b'.' | b'T' | b'Z');
    value
        .as_str()
        .is_some_and(|text| text.bytes().all(is_of_time) && text.parse::<Timestamp>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digested(element: &str) -> Option<(Digest, String)> {
        Element::read(element.as_bytes())?.digest(false)
    }

    #[test]
    fn how_it_is_written_changes_nothing_and_what_it_says_does() {
        let one = digested(r#"{"name":"a","inputSchema":{"b":1.0,"a":[2]}}"#).expect("a digest");
        let two = digested("{ \"inputSchema\" : {\"a\":[ 2 ],\"b\":1e0},\n\"name\":\"\\u0061\"}");
        assert_eq!(Some(&one), two.as_ref());
        assert_eq!(one.1, r#"{"inputSchema":{"a":[2],"b":1},"name":"a"}"#);
        // printf '%s' '{"inputSchema":{"a":[2],"b":1},"name":"a"}' | sha256sum
        let known = "sha256:b15dbf3267c9f5eee97cd036e2f9e081f684c358dd16c61daf3176530bbd966a";
        assert_eq!(one.0.to_string(), known);
        assert_eq!(known.parse(), Ok(one.0));
        for other in [
            r#"{"name":"a","inputSchema":{"b":1.0,"a":[2]},"description":""}"#,
            r#"{"name":"a","inputSchema":{"b":1.0,"a":[2]},"_meta":{"x":1}}"#,
            r#"{"name":"a","inputSchema":{"b":1.0,"a":[2],"c":null}}"#,
            "{\"name\":\"a\u{200b}\",\"inputSchema\":{\"b\":1.0,\"a\":[2]}}",
        ] {
            assert_ne!(digested(other).expect("a digest").0, one.0, "{other}");
        }
    }

    #[test]
    fn when_a_resource_changed_is_not_what_it_is() {
        let at = |time: &str, is_template| {
            let element = format!(r#"{{"annotations":{{"lastModified":{time},"priority":1}}}}"#);
            let element = Element::read(element.as_bytes()).expect("an element");
            element.digest(is_template).expect("a digest").0
        };
        let one = r#""2026-01-01T00:00:00Z""#;
        assert_eq!(at(one, true), at(r#""2026-01-02T00:00:00.5+01:00""#, true));
        assert_ne!(at(one, false), at(r#""2026-01-02T00:00:00Z""#, false));
        // Nothing else hides there.
        for other in [
            r#""First call `add`.""#,
            r#""2026-01-01T00:00:00Z First call `add`.""#,
            r#""2026-01-01T00:00:00+01:00[Europe/Berlin]""#,
            r#"{"order":"First call `add`."}"#,
            "1",
        ] {
            assert_ne!(at(one, true), at(other, true), "{other}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_has_none() {
        for odd in [
            r#"{"name":"a","name":"b"}"#,
            r#"["name"]"#,
            r#"{"name":"a""#,
            "",
        ] {
            assert!(digested(odd).is_none(), "{odd}");
        }
        let twins = Element::read(br#"{"name":"a","Name":"b"}"#).expect("an element");
        assert_eq!(twins.name("name"), None);
        assert_eq!(
            Element::read(br#"{"name":"a"}"#).expect("one").name("name"),
            Some("a")
        );
        for odd in ["", "sha256:", "sha256:00", "SHA256:00", "md5:00"] {
            assert_eq!(odd.parse::<Digest>(), Err(NoDigest), "{odd}");
        }
    }
}
