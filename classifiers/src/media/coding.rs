//! How a value's bytes are written in a document, and the way back from what they mean.

use super::{csv, form, json, xml};
use crate::document::map::Map;

/// How bytes are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// The body of a JSON string.
    Json,
    /// A name or a value of a form.
    Form,
    /// A CSV field without its quotes, those inside doubled.
    Quoted,
    /// XML text or an attribute's value.
    Entities,
}

impl Coding {
    /// Which of the raw bytes at `start` made which decoded ones.
    pub(crate) fn map(self, start: u64, raw: &[u8]) -> Map {
        let mut map = Map::default();
        self.each(raw, |at, length, bytes| {
            let raw_start = start + at as u64;
            match bytes {
                Part::Same => map.copied(raw_start, length),
                Part::Means(bytes) => map.escaped(raw_start, length, bytes.len()),
            }
        });
        map
    }

    /// What the raw bytes mean.
    pub(crate) fn decode(self, raw: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(raw.len());
        self.each(raw, |at, length, part| match part {
            Part::Same => out.extend_from_slice(raw.get(at..at + length).unwrap_or_default()),
            Part::Means(bytes) => out.extend_from_slice(bytes),
        });
        out
    }

    /// Tells the parts of `raw`: where, how long, and what they mean.
    fn each(self, raw: &[u8], mut tell: impl FnMut(usize, usize, Part<'_>)) {
        let mut at = 0;
        while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
            let plain = self.plain(rest);
            if plain > 0 {
                tell(at, plain, Part::Same);
                at += plain;
                continue;
            }
            let mut buffer = [0; 4];
            let (length, meaning) = self.escape(rest, &mut buffer);
            match meaning {
                Some(length_decoded) => tell(
                    at,
                    length,
                    Part::Means(buffer.get(..length_decoded).unwrap_or_default()),
                ),
                None => tell(at, length, Part::Same),
            }
            at += length;
        }
    }

    /// How many bytes stand for themselves.
    fn plain(self, rest: &[u8]) -> usize {
        let found = match self {
            Self::Json => memchr::memchr(b'\\', rest),
            Self::Form => memchr::memchr2(b'%', b'+', rest),
            Self::Quoted => memchr::memchr(b'"', rest),
            Self::Entities => memchr::memchr(b'&', rest),
        };
        found.unwrap_or(rest.len())
    }

    /// How long the escape at the front is, and how many bytes it puts into `buffer`; none if it is
    /// no escape.
    fn escape(self, rest: &[u8], buffer: &mut [u8; 4]) -> (usize, Option<usize>) {
        let character = match self {
            Self::Json => json::unescape(rest),
            Self::Entities => xml::entity(rest),
            Self::Form => {
                let (byte, length) = form::next(rest);
                let means = (length > 1 || byte == b' ').then_some(1);
                if let Some(slot) = buffer.first_mut() {
                    *slot = byte;
                }
                return (length, means);
            }
            Self::Quoted => {
                let (byte, length) = csv::next_quoted(rest);
                if let (Some(byte), Some(slot)) = (byte, buffer.first_mut()) {
                    *slot = byte;
                }
                return (length, Some(usize::from(byte.is_some())));
            }
        };
        match character {
            Some((character, length)) => (length, Some(character.encode_utf8(buffer).len())),
            None => (1, None),
        }
    }
}

/// What a part of the raw bytes means.
enum Part<'a> {
    Same,
    Means(&'a [u8]),
}
