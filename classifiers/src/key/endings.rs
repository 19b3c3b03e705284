//! How nouns end, so that most texts are known to hold none without being split into words.
//!
//! Titles and labels are read as names too, since `{"name": "ssn"}` tells what the value beside it
//! is, and there is a new one in every record. Their last three letters rule out most of them.

use std::sync::LazyLock;

use crate::words::KEYS;

/// Letters of the alphabet.
const LETTERS: usize = 26;
/// Endings of three letters, and the words of 64 bits that hold a bit for each.
const ENDING_WORDS: usize = (LETTERS * LETTERS * LETTERS).div_ceil(64);

/// A bit for each ending of three letters that a noun of the table has.
static ENDINGS: LazyLock<[u64; ENDING_WORDS]> = LazyLock::new(|| {
    let mut endings = [0; ENDING_WORDS];
    for noun in KEYS.keys() {
        // As `lookup` takes them: also with a plural ending.
        for plural in ["", "s", "es"] {
            mark(&mut endings, format!("{noun}{plural}").as_bytes());
        }
    }
    endings
});

/// Whether a noun of the table may end this name. Says yes of whatever is not plain letters at its
/// end, and of what folding could shorten or lengthen.
pub(crate) fn may_end_a_noun(name: &[u8]) -> bool {
    let Some(place) = name.last_chunk::<3>().copied().and_then(place_of) else {
        return true;
    };
    let (word, bit) = (place / 64, place % 64);
    ENDINGS.get(word).is_none_or(|word| word >> bit & 1 == 1) || !name.is_ascii()
}

/// Marks the last three letters of a noun; before a shorter one stands any letter, as the `r` of
/// `userId`.
fn mark(endings: &mut [u64; ENDING_WORDS], noun: &[u8]) {
    if noun.len() < 3 {
        for letter in b'a'..=b'z' {
            mark(endings, &[&[letter], noun].concat());
        }
        return;
    }
    let place = noun.last_chunk::<3>().copied().and_then(place_of);
    if let Some(place) = place
        && let Some(word) = endings.get_mut(place / 64)
    {
        *word |= 1 << (place % 64);
    }
}

/// The number of an ending, if it is letters.
fn place_of(ending: [u8; 3]) -> Option<usize> {
    ending.iter().try_fold(0, |place, byte| {
        let letter = byte.to_ascii_lowercase().wrapping_sub(b'a');
        (usize::from(letter) < LETTERS).then_some(place * LETTERS + usize::from(letter))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_noun_may_end_a_name_in_each_of_its_forms() {
        for noun in KEYS.keys() {
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
        }
        assert!(!may_end_a_noun(b"steel bolt, zinc"));
    }
}
