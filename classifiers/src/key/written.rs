//! A member name as it stands in a document, so that the next one is compared before it was read.

use super::cache::{KEEP, spread};
use crate::media::json::AHEAD_BYTES;

/// What is written about a name: two quotes and a colon.
const AROUND_BYTES: usize = 3;
/// Longest name that is compared so, in bytes.
const NAME_BYTES_MAX: usize = AHEAD_BYTES - AROUND_BYTES;

/// `"name":`, with zeros behind it, which no document has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    words: [u64; AHEAD_BYTES / 8],
    /// How many bytes that are.
    length: u8,
}

impl Written {
    /// The name as it is written, if it is not too long and is written as it is meant.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        let escaped = |byte: &u8| matches!(byte, ..b' ' | b'"' | b'\\');
        if name.len() > NAME_BYTES_MAX || name.iter().any(escaped) {
            return None;
        }
        let mut bytes = [0; AHEAD_BYTES];
        let written = [b'"'].iter().chain(name).chain(b"\":");
        bytes
            .iter_mut()
            .zip(written)
            .for_each(|(to, from)| *to = *from);
        let mut words = [0; AHEAD_BYTES / 8];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Some(Self {
            words,
            length: u8::try_from(name.len() + AROUND_BYTES).ok()?,
        })
    }

    /// How long the name is.
    #[inline]
    pub(super) fn length(&self) -> usize {
        usize::from(self.length).wrapping_sub(AROUND_BYTES)
    }

    /// Whether these bytes begin with it.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "done for every name, and with vectors only where it is part of the lane"
    )]
    pub(super) fn begins(&self, bytes: &[u8; AHEAD_BYTES]) -> bool {
        // The length is within the table as it is; this way it is also seen to be.
        let Some(keep) = KEEP.get(usize::from(self.length) % KEEP.len()) else {
            return false;
        };
        let (words, _) = bytes.as_chunks::<8>();
        let mut other = 0;
        for ((known, word), keep) in self.words.iter().zip(words).zip(keep) {
            other |= (u64::from_le_bytes(*word) ^ known) & keep;
        }
        other == 0
    }

    /// Whether both are the same name.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.words == other.words
    }

    /// Only speed hangs on its spread.
    pub(super) fn hash(&self) -> usize {
        spread(self.words, u64::from(self.length))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_is_taken_only_if_it_is_written_so(
            known in "[a-c\"\\\\\u{e9}]{0,31}", text in prop::collection::vec(
                prop::sample::select(b"abc\"\\:\xC3\xA9 ".to_vec()), AHEAD_BYTES
            ), same: bool
        ) {
            let written = serde_json::to_string(&known).unwrap() + ":";
            let mut text: [u8; AHEAD_BYTES] = text.try_into().unwrap();
            if same && written.len() <= AHEAD_BYTES {
                text[..written.len()].copy_from_slice(written.as_bytes());
            }
            let begins = Written::of(known.as_bytes()).is_some_and(|name| name.begins(&text));
            let meant = written.len() == known.len() + AROUND_BYTES;
            prop_assert_eq!(begins, meant && text.starts_with(written.as_bytes()));
        }
    }
}
