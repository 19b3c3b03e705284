//! How nouns end, so that most texts are known to hold none without being split into words.
//!
//! Titles and labels are read as names too, since `{"name": "ssn"}` tells what the value beside it
//! is, and there is a new one in every record. Their last four letters rule out most of them.

use std::sync::LazyLock;

use crate::words;

/// Bits of the filter; a power of two. With some three thousand endings one in ten is set.
const BITS: u32 = 1 << 15;
/// The words of 64 bits that hold them.
const WORDS: usize = (BITS / u64::BITS) as usize;
/// Letters of an ending.
const LETTERS: usize = 4;

/// A bit for each ending that a noun of the table has, by its hash.
static ENDINGS: LazyLock<[u64; WORDS]> = LazyLock::new(|| {
    let mut endings = [0; WORDS];
    for (noun, _) in words::all() {
        // As they are looked up: also with a plural ending.
        for plural in ["", "s", "es"] {
            mark(&mut endings, format!("{noun}{plural}").as_bytes());
        }
        if let Some(stem) = noun.strip_suffix('y') {
            mark(&mut endings, format!("{stem}ies").as_bytes());
        }
    }
    endings
});

/// Whether a noun of the table may end this name. Says yes of whatever is not plain letters at its
/// end, of what folding could shorten or lengthen, and of a word that starts so late that it is
/// shorter than an ending: `userId`.
pub(crate) fn may_end_a_noun(name: &[u8]) -> bool {
    let Some(ending) = name.last_chunk::<LETTERS>().copied() else {
        return true;
    };
    let Some(place) = place_of(ending) else {
        return true;
    };
    is_set(&ENDINGS, place) || starts_a_word(ending) || !name.is_ascii()
}

/// Whether a capital stands behind the first letter, unless all are capitals.
fn starts_a_word(ending: [u8; LETTERS]) -> bool {
    let [_, rest @ ..] = ending;
    rest.iter().any(u8::is_ascii_uppercase) && !ending.iter().all(u8::is_ascii_uppercase)
}

/// Marks the last letters of a noun; shorter ones are words of their own, which are seen.
fn mark(endings: &mut [u64; WORDS], noun: &[u8]) {
    if let Some(place) = noun.last_chunk::<LETTERS>().copied().and_then(place_of)
        && let Some(word) = endings.get_mut((place / u64::BITS) as usize)
    {
        *word |= 1 << (place % u64::BITS);
    }
}

fn is_set(endings: &[u64; WORDS], place: u32) -> bool {
    endings
        .get((place / u64::BITS) as usize)
        .is_none_or(|word| word >> (place % u64::BITS) & 1 == 1)
}

/// The place of an ending's bit, if it is letters: a product's high bits, which all letters reach.
fn place_of(ending: [u8; LETTERS]) -> Option<u32> {
    if !ending.iter().all(u8::is_ascii_alphabetic) {
        return None;
    }
    let letters = u32::from_le_bytes(ending) | 0x2020_2020;
    Some(letters.wrapping_mul(0x9E37_79B9) / (u32::MAX / BITS + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_noun_may_end_a_name_in_each_of_its_forms() {
        for (noun, _) in words::all() {
            for form in [
                noun.to_string(),
                format!("{noun}s"),
                format!("old_{noun}es"),
            ] {
                assert!(may_end_a_noun(form.as_bytes()), "{form}");
                assert!(
                    may_end_a_noun(form.to_ascii_uppercase().as_bytes()),
                    "{form}"
                );
            }
            let (first, rest) = noun.split_at(1);
            let camel = format!("user{}{rest}", first.to_ascii_uppercase());
            assert!(may_end_a_noun(camel.as_bytes()), "{camel}");
        }
        assert!(!may_end_a_noun(b"steel bolt, zinc"));
    }

    #[test]
    fn most_endings_are_no_nouns() {
        let set: u32 = ENDINGS.iter().map(|word| word.count_ones()).sum();
        assert!(set < BITS / 5, "{set} of {BITS}");
    }
}
