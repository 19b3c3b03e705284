//! The vocabulary of member names: nouns, folded to lower-case ASCII without separators.
//!
//! English first; German, French, Spanish, Italian, Dutch, Portuguese, Polish, the Nordic languages,
//! Turkish, and romanised Japanese, Korean and Chinese for what every API has. Plurals and numbers at
//! the end (`addresses`, `line1`) need no entry; neither do compounds whose parts are entries
//! (`home_phone`, `Kundenadresse`). German and Nordic umlauts stand both folded and spelt out.

mod about;
mod health;
mod machines;
mod papers;
mod persons;
mod places;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use crate::key::KeyClass;

/// Nouns, separated by spaces, that all mean the same.
type Row = (KeyClass, &'static str);

/// Every row of every family.
static FAMILIES: &[&[Row]] = &[
    about::ROWS,
    persons::ROWS,
    places::ROWS,
    papers::ROWS,
    health::ROWS,
    machines::ROWS,
];

type Nouns = HashMap<&'static str, KeyClass, BuildHasherDefault<Fnv>>;

static NOUNS: LazyLock<Nouns> = LazyLock::new(|| all().collect());

/// What a noun means.
pub(crate) fn noun(word: &str) -> Option<KeyClass> {
    NOUNS.get(word).copied()
}

/// Every noun and what it means.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, KeyClass)> {
    FAMILIES
        .iter()
        .flat_map(|rows| rows.iter())
        .flat_map(|(class, nouns)| nouns.split_ascii_whitespace().map(|noun| (noun, *class)))
}

/// The FNV-1a hash: short for short words, and the same in every run.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_noun_is_folded_and_has_one_meaning() {
        let mut seen = HashMap::new();
        for (noun, class) in all() {
            assert!(
                noun.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
                "{noun}"
            );
            if let Some(other) = seen.insert(noun, class) {
                panic!("{noun} stands twice: {other:?} and {class:?}");
            }
        }
        assert_eq!(seen.len(), NOUNS.len());
    }
}
