//! What a tool, a prompt or a template of resources is known by: SHA-256 of its whole element in a list, as
//! RFC 8785 writes JSON.
//!
//! Every member counts, also `_meta` and such that no revision of the protocol knows: hosts and models may
//! act by them. Only `annotations.lastModified` does not, a time that tells of content and instructs nobody.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{SHA256, digest};
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

    /// Its digest, and the text that it is of.
    pub(crate) fn digest(mut self) -> Option<(Digest, String)> {
        if let Some(Value::Object(annotations)) = self.0.get_mut("annotations") {
            annotations.remove("lastModified");
        }
        let text = serde_json_canonicalizer::to_string(&self.0).ok()?;
        let hash = digest(&SHA256, text.as_bytes());
        Some((Digest(hash.as_ref().try_into().ok()?), text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digested(element: &str) -> Option<(Digest, String)> {
        Element::read(element.as_bytes())?.digest()
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
        let at = |time: &str| {
            let element = format!(r#"{{"annotations":{{"lastModified":"{time}","priority":1}}}}"#);
            digested(&element).expect("a digest").0
        };
        assert_eq!(at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z"));
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
