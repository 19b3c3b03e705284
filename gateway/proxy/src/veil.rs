//! Keeps a presented credential from coming back: a service that repeats it, in an error, an echo or a
//! link, tells the agent as many asterisks instead.
//!
//! It looks for the credential as it was presented, byte for byte, over all cuts. A service that
//! writes it in another way, reversed or encoded, is not kept from anything: services know their own
//! credentials, and could tell them by a thousand ways.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use audit::CredentialRecord;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};
use memchr::memmem::Finder;
use vault::Credential;
use zeroize::Zeroizing;

/// What stands where a credential stood.
const MASK: u8 = b'*';

/// What a credential is looked for by. Clones count together.
#[derive(Clone)]
pub(crate) struct Veil {
    name: Arc<str>,
    version: u32,
    needles: Vec<Needle>,
    tail: BytesMut,
    found: Arc<AtomicU64>,
}

#[derive(Clone)]
enum Needle {
    Whole(Arc<Credential>),
    Encoded(Arc<Zeroizing<Vec<u8>>>),
}

impl Needle {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Whole(credential) => credential.expose(),
            Self::Encoded(encoded) => encoded,
        }
    }
}

impl Veil {
    /// Over a credential of this name.
    pub(crate) fn over(name: &Arc<str>, credential: &Arc<Credential>) -> Self {
        Self {
            name: Arc::clone(name),
            version: credential.version,
            needles: vec![Needle::Whole(Arc::clone(credential))],
            tail: BytesMut::new(),
            found: Arc::default(),
        }
    }

    /// And over another way in which it was presented.
    pub(crate) fn and(&mut self, encoded: &[u8]) {
        let encoded = Arc::new(Zeroizing::new(encoded.to_vec()));
        self.needles.push(Needle::Encoded(encoded));
    }

    /// What the record says of it.
    pub(crate) fn record(&self) -> CredentialRecord {
        CredentialRecord {
            name: self.name.to_string(),
            version: self.version,
            returned: self.found.load(Ordering::Relaxed),
        }
    }

    /// Takes it out of header fields; a field's name cannot hold one.
    pub(crate) fn fields(&self, fields: &mut HeaderMap) {
        for value in fields.values_mut() {
            let mut bytes = value.as_bytes().to_vec();
            if self.mask(&mut bytes) {
                // What it could not be written back as is not told at all.
                *value = HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static(""));
            }
        }
    }

    /// Takes the next piece of a body, appends to `out` what may go on.
    pub(crate) fn push(&mut self, piece: Bytes, out: &mut VecDeque<Bytes>) {
        if self.tail.is_empty() && !self.is_in(&piece) && self.open(&piece) == 0 {
            out.push_back(piece);
            return;
        }
        let mut text = std::mem::take(&mut self.tail);
        text.extend_from_slice(&piece);
        self.mask(&mut text);
        let open = self.open(&text);
        self.tail = text.split_off(text.len() - open);
        if !text.is_empty() {
            out.push_back(text.freeze());
        }
    }

    /// What was held back at the end of a body.
    pub(crate) fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        if !self.tail.is_empty() {
            out.push_back(std::mem::take(&mut self.tail).freeze());
        }
    }

    fn is_in(&self, text: &[u8]) -> bool {
        let mut needles = self.needles.iter();
        needles.any(|needle| Finder::new(needle.bytes()).find(text).is_some())
    }

    /// Writes over it wherever it stands. Returns whether it did.
    fn mask(&self, text: &mut [u8]) -> bool {
        let mut found = 0;
        for needle in &self.needles {
            let finder = Finder::new(needle.bytes());
            let places: Vec<usize> = finder.find_iter(text).collect();
            for place in &places {
                let end = place + needle.bytes().len();
                if let Some(credential) = text.get_mut(*place..end) {
                    credential.fill(MASK);
                }
            }
            found += places.len() as u64;
        }
        self.found.fetch_add(found, Ordering::Relaxed);
        found > 0
    }

    /// How many bytes at the end may be the beginning of it.
    fn open(&self, text: &[u8]) -> usize {
        let open = |needle: &Needle| {
            let needle = needle.bytes();
            let most = text.len().min(needle.len().saturating_sub(1));
            let ends = |length: &usize| needle.get(..*length).is_some_and(|it| text.ends_with(it));
            (1..=most).rev().find(ends).unwrap_or(0)
        };
        self.needles.iter().map(open).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn veil(needles: &[&str]) -> Veil {
        let needles = needles
            .iter()
            .map(|needle| Needle::Encoded(Arc::new(Zeroizing::new(needle.as_bytes().to_vec()))));
        Veil {
            name: "one".into(),
            version: 1,
            needles: needles.collect(),
            tail: BytesMut::new(),
            found: Arc::default(),
        }
    }

    fn through(veil: &mut Veil, text: &[u8], cuts: &[usize]) -> Vec<u8> {
        let mut out = VecDeque::new();
        let mut from = 0;
        for &cut in cuts.iter().chain(&[text.len()]) {
            veil.push(Bytes::copy_from_slice(&text[from..cut]), &mut out);
            from = cut;
        }
        veil.finish(&mut out);
        out.into_iter().flatten().collect()
    }

    #[test]
    fn a_credential_that_comes_back_is_masked_wherever_it_is_cut() {
        let text = b"{\"k\":\"abacab-xyz\",\"again\":\"abacab-xyzabacab-xyz ababacab-xy\"}";
        let expected = "{\"k\":\"**********\",\"again\":\"******************** ababacab-xy\"}";
        for first in 0..text.len() {
            for second in first..text.len() {
                let mut veil = veil(&["abacab-xyz"]);
                let out = through(&mut veil, text, &[first, second]);
                assert_eq!(String::from_utf8(out).unwrap(), expected);
                assert_eq!(veil.record().returned, 3);
            }
        }
    }

    #[test]
    fn fields_are_masked_too() {
        let mut fields = HeaderMap::new();
        fields.insert("location", HeaderValue::from_static("/a?key=abacab-xyz"));
        let veil = veil(&["abacab-xyz"]);
        veil.fields(&mut fields);
        assert_eq!(fields["location"], "/a?key=**********");
    }

    proptest! {
        #[test]
        fn what_holds_none_passes_as_it_is(
            text in "[ab]{0,40}",
            cuts in proptest::collection::btree_set(0usize..40, 0..6),
        ) {
            let mut veil = veil(&["abbabbab", "bbbbbbbb"]);
            let cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < text.len()).collect();
            let out = through(&mut veil, text.as_bytes(), &cuts);
            prop_assert_eq!(out.len(), text.len());
            let out = String::from_utf8(out).unwrap();
            prop_assert!(!out.contains("abbabbab") && !out.contains("bbbbbbbb"));
            if veil.record().returned == 0 {
                prop_assert_eq!(out, text);
            }
        }
    }
}
