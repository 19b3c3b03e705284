//! How a value's bytes are written in a document, and the way back from what they mean.

use super::json;
use crate::document::map::Map;

/// How bytes are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// The body of a JSON string.
    Json,
}

impl Coding {
    /// Which of the raw bytes at `start` made which decoded ones.
    pub(crate) fn map(self, start: u64, raw: &[u8]) -> Map {
        let mut map = Map::default();
        match self {
            Self::Json => json_map(start, raw, &mut map),
        }
        map
    }
}

fn json_map(start: u64, raw: &[u8], map: &mut Map) {
    let mut at = 0;
    while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        map.copied(start + at as u64, plain);
        at += plain;
        let Some(escape) = raw.get(at..).filter(|rest| !rest.is_empty()) else {
            return;
        };
        let Some((character, length)) = json::unescape(escape) else {
            // The walker refuses such strings.
            map.copied(start + at as u64, escape.len());
            return;
        };
        map.escaped(start + at as u64, length, character.len_utf8());
        at += length;
    }
}
