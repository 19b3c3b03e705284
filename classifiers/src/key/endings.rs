//! How nouns end, so that most texts are known to hold none without being split into words.
//!
//! Titles and labels are read as names too, since `{"name": "ssn"}` tells what the value beside it
//! is, and there is a new one in every record. Their last four letters rule out most of them.

use std::sync::LazyLock;

use crate::bits::Bits;
use crate::words;

/// Letters of an ending.
const LETTERS: usize = 4;

/// Each ending that a noun of the table has. With some three thousand one bit in twenty is set.
static ENDINGS: LazyLock<Bits<1024>> = LazyLock::new(|| {
    // As they are looked up: also with a plural ending.
    let plurals = words::all().flat_map(|(noun, _)| {
        let stem = noun.strip_suffix('y').map(|stem| format!("{stem}ies"));
        ["", "s", "es"]
            .map(|plural| format!("{noun}{plural}"))
            .into_iter()
            .chain(stem)
    });
    // Shorter ones are words of their own, which are seen.
    Bits::of(plurals.filter_map(|noun| key_of(*noun.as_bytes().last_chunk::<LETTERS>()?)))
});

/// Whether a noun of the table may end this name. Says yes of whatever is not plain letters at its
/// end, of what folding could shorten or lengthen, and of a word that starts so late that it is
/// shorter than an ending: `userId`.
pub(crate) fn may_end_a_noun(name: &[u8]) -> bool {
    let Some(ending) = name.last_chunk::<LETTERS>().copied() else {
        return true;
    };
    let Some(key) = key_of(ending) else {
        return true;
    };
    ENDINGS.may_hold(key) || starts_a_word(ending) || !name.is_ascii()
}

/// Whether a capital stands behind the first letter, unless all are capitals.
fn starts_a_word(ending: [u8; LETTERS]) -> bool {
    let [_, rest @ ..] = ending;
    rest.iter().any(u8::is_ascii_uppercase) && !ending.iter().all(u8::is_ascii_uppercase)
}

/// What stands for an ending, if it is letters.
fn key_of(ending: [u8; LETTERS]) -> Option<u64> {
    let letters = u32::from_le_bytes(ending) | 0x2020_2020;
    ending
        .iter()
        .all(u8::is_ascii_alphabetic)
        .then_some(letters.into())
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
        let letters = || b'a'..=b'z';
        let all = letters().flat_map(|a| letters().map(move |b| [a, b]));
        let all: Vec<_> = all.collect();
        let held = all.iter().flat_map(|[a, b]| {
            let ends = |[c, d]: &[u8; 2]| may_end_a_noun(&[*a, *b, *c, *d]);
            all.iter().filter(move |tail| ends(tail))
        });
        let held = held.count();
        assert!(held < all.len().pow(2) / 10, "{held}");
    }
}
