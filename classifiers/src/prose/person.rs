//! Whether a whole value is somebody's name: what a member `name` of an object holds that says of nobody whether it is
//! about a person.

use super::gazetteer::Lists;
use super::token::{Token, Tokens};

/// Most words of a name.
const WORDS_MAX: usize = 4;

/// What is spelled like a name and more often is none.
const OTHERS: u16 =
    Lists::PRODUCT | Lists::COMPANY | Lists::STREET | Lists::MONTH | Lists::REGION | Lists::PEOPLE;

/// Whether the text is a listed given name and what may be a family name, and nothing besides: `Mira Okafor`, not `Jordan
/// Lamp` or `Martin Maier GmbH`. That its words have capitals is for the caller to see.
pub(crate) fn is_full_name(text: &[u8]) -> bool {
    let mut words = [Token::default(); WORDS_MAX];
    let mut count = 0;
    for token in Tokens::of(text) {
        let Some(slot) = words.get_mut(count) else {
            return false;
        };
        *slot = token;
        count += 1;
    }
    let words = words.get(..count).unwrap_or_default();
    let [first, between @ .., last] = words else {
        return false;
    };
    let is_plain = |word: &Token| !word.lists.has(OTHERS);
    let is_given = first.lists.has(Lists::GIVEN);
    let is_family = last.lists.has(Lists::FAMILY) || last.lists.0 == 0;
    // Of an ordinary word on one side the other must be sure.
    let sure = |word: &Token, list: u16| word.lists.has(list) && !word.lists.has(Lists::WORD);
    let is_sure = sure(first, Lists::GIVEN) || sure(last, Lists::FAMILY);
    is_given
        && is_family
        && is_sure
        && words.iter().all(is_plain)
        && between.iter().all(|word| {
            word.lists.0 == 0
                || word
                    .lists
                    .has(Lists::GIVEN | Lists::FAMILY | Lists::PARTICLE)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_name_before_a_family_name_is_a_person() {
        for name in [
            "Mira Okafor",
            "Anna Schmidt",
            "John Smith",
            "Anna Maria Rossi",
            "Rose Miller",
        ] {
            assert!(is_full_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn what_is_named_otherwise_is_none() {
        for name in [
            "",
            "Anna",
            "Steel Bolt",
            "Jordan Lamp",
            "Martin Maier GmbH",
            "Google Chrome",
            "Rose Garden",
            "May Day",
            "Victoria Street",
            "Production Cluster",
            "Anna Maria Rossi Bianchi Verdi",
        ] {
            assert!(!is_full_name(name.as_bytes()), "{name}");
        }
    }
}
