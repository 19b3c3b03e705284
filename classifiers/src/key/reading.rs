//! A name's words read from its end: the noun, and what stands before it.

use super::KeyClass;
use super::join::compound;
use super::spelling::Words;
use crate::DataClass;
use crate::jurisdiction::{self, Country};
use crate::words::noun;

/// Most words that make one entry of the table.
const ENTRY_WORDS_MAX: usize = 5;
/// Most nouns of one name that are read.
const NOUNS_MAX: usize = 4;
/// Shortest noun that ends a word written together: `Kundenadresse`.
const TAIL_BYTES_MIN: usize = 4;
/// Shortest noun that such a word starts with.
const HEAD_BYTES_MIN: usize = 3;

/// What the name means, all its words taken together.
pub(super) fn read(name: &[u8]) -> KeyClass {
    let words = Words::split(name);
    let count = words.count();
    let class = match noun_at_end(&words, count) {
        (KeyClass::None, _) => coded_paper(&words)
            .unwrap_or_else(|| joined(&words, count.saturating_sub(1), written_together(&words))),
        (class, rest) => {
            let class = joined(&words, rest, class);
            adjective(&words, rest).map_or(class, |country| of_country(class, country))
        }
    };
    match class {
        KeyClass::Negative => KeyClass::None,
        class => class,
    }
}

/// What a noun means behind the first `rest` words.
fn joined(words: &Words, rest: usize, noun: KeyClass) -> KeyClass {
    match noun {
        KeyClass::None => KeyClass::None,
        noun => compound(modifier(words, rest, NOUNS_MAX), noun),
    }
}

/// The meaning of a name that says which country's number it is: `german_tax_id`, `norwegian_id`.
fn of_country(class: KeyClass, country: Country) -> KeyClass {
    match class {
        KeyClass::Leaf(class) => KeyClass::Leaf(jurisdiction::paper(class, country)),
        KeyClass::Id => KeyClass::Leaf(jurisdiction::paper(DataClass::NATIONAL_ID, country)),
        other => other,
    }
}

/// The country that the word before the noun says.
fn adjective(words: &Words, rest: usize) -> Option<Country> {
    let word = rest.checked_sub(1)?;
    jurisdiction::of_adjective(words.joined(word, rest)?)
}

/// The paper of a name with a country's code at its end: `national_id_th`.
fn coded_paper(words: &Words) -> Option<KeyClass> {
    let last = words.count().checked_sub(1)?;
    let country = words
        .joined(last, words.count())
        .filter(|code| code.len() == 2)
        .map(|code| jurisdiction::of(code.as_bytes()))
        .filter(|country| *country != Country::NONE)?;
    let (class, rest) = noun_at_end(words, last);
    match joined(words, rest, class) {
        KeyClass::Leaf(class) if class.is_within(DataClass::GOVERNMENT_ID) => {
            Some(of_country(KeyClass::Leaf(class), country))
        }
        _ => None,
    }
}

/// What the first `count` words say of the noun behind them.
fn modifier(words: &Words, count: usize, nouns: usize) -> KeyClass {
    if nouns == 0 {
        return KeyClass::None;
    }
    let count = without_prepositions(words, count);
    if count == 0 {
        return KeyClass::None;
    }
    match noun_at_end(words, count) {
        // A word that says nothing stands between.
        (KeyClass::None, _) => modifier(words, count - 1, nouns - 1),
        (class, rest) => compound(modifier(words, rest, nouns - 1), class),
    }
}

/// Words that join two nouns in other languages' names: `nombre_del_cliente`.
fn without_prepositions(words: &Words, count: usize) -> usize {
    let joins = |word: &str| {
        matches!(
            word,
            "de" | "del"
                | "du"
                | "da"
                | "do"
                | "di"
                | "des"
                | "della"
                | "dello"
                | "dell"
                | "la"
                | "le"
                | "el"
                | "of"
                | "the"
                | "van"
                | "von"
                | "der"
                | "s"
                | "d"
                | "l"
                | "for"
                | "to"
        )
    };
    let mut count = count;
    while count > 1 && words.joined(count - 1, count).is_some_and(joins) {
        count -= 1;
    }
    count
}

/// The longest table entry that ends the first `count` words, and how many words stand before.
fn noun_at_end(words: &Words, count: usize) -> (KeyClass, usize) {
    let first = count.saturating_sub(ENTRY_WORDS_MAX);
    (first..count)
        .find_map(|word| lookup(words.joined(word, count)?).map(|class| (class, word)))
        .unwrap_or((KeyClass::None, 0))
}

/// A last word that is two nouns, as German writes them and people who hate underscores:
/// `Kundenadresse`, `homephonenumber`. Both halves must be known.
fn written_together(words: &Words) -> KeyClass {
    let count = words.count();
    let Some(word) = count
        .checked_sub(1)
        .and_then(|last| words.joined(last, count))
        .filter(|word| word.is_ascii())
    else {
        return KeyClass::None;
    };
    (HEAD_BYTES_MIN..=word.len().saturating_sub(TAIL_BYTES_MIN))
        .find_map(|at| {
            let (head, tail) = word.split_at_checked(at)?;
            let tail = lookup(tail)?;
            Some(compound(head_of(head)?, tail))
        })
        .unwrap_or(KeyClass::None)
}

/// The noun before the last one, without what German and Dutch put between.
fn head_of(head: &str) -> Option<KeyClass> {
    let bare = |link| {
        head.strip_suffix(link)
            .filter(|bare| bare.len() >= HEAD_BYTES_MIN)
    };
    [Some(head), bare("s"), bare("n"), bare("en"), bare("es")]
        .into_iter()
        .flatten()
        .find_map(noun)
}

/// Whether a plural of this ends in `es`: `addresses`, `conductores`, and not `Dobes`.
fn takes_es(stem: &str) -> bool {
    stem.len() > 4 || stem.ends_with(['s', 'x', 'z', 'h'])
}

/// The table's word for this noun, which may be numbered or plural: `line1`, `addresses`, `cities`.
fn lookup(entry: &str) -> Option<KeyClass> {
    let unnumbered = entry.trim_end_matches(|letter: char| letter.is_ascii_digit());
    [
        Some(entry),
        Some(unnumbered).filter(|bare| bare.len() < entry.len()),
        unnumbered.strip_suffix('s'),
        unnumbered.strip_suffix("es").filter(|stem| takes_es(stem)),
    ]
    .into_iter()
    .flatten()
    .find_map(noun)
    .or_else(|| noun(&format!("{}y", unnumbered.strip_suffix("ies")?)))
}
