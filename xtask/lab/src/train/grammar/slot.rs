//! What stands in a slot: a name of a list, or a number.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::train::names::List;
use crate::train::random::Random;

/// Share of words that are of the language of the text, in percent.
const NATIVE: usize = 95;

/// The lists that slots are filled from.
#[derive(Debug)]
pub(super) struct Slots {
    lists: BTreeMap<&'static str, List>,
}

/// Slots that are filled from a list, the list, and whether names on no list are made too.
const LISTS: [(&str, &str); 8] = [
    ("given", "given.txt"),
    ("family", "family.txt"),
    ("city", "cities.txt"),
    ("region", "regions.txt"),
    ("people", "peoples.txt"),
    ("product", "products.txt"),
    ("word", "words.txt"),
    ("month", "months.txt"),
];

impl Slots {
    pub(super) fn read(data: &Path) -> Result<Self> {
        let lists = LISTS
            .into_iter()
            .map(|(slot, file)| Ok((slot, List::read(&data.join(file))?)))
            .collect::<Result<_>>()?;
        Ok(Self { lists })
    }

    /// Fills a slot. `d5` is five digits, `n1-99` a number, `x8` hexadecimal digits, `u3` three
    /// capitals, `Word` a word with a capital.
    pub(super) fn fill(&self, slot: &str, language: &str, random: &mut Random) -> Result<String> {
        if let Some(list) = self.lists.get(slot) {
            return Ok(match slot {
                "given" | "family" | "city" => list.invent(language, random),
                "word" => coin(list, language, random),
                _ => list.pick(language, NATIVE, random).to_owned(),
            });
        }
        let word = || self.lists.get("word").context("no words");
        if slot == "Word" {
            return Ok(capital(&coin(word()?, language, random)));
        }
        let (kind, rest) = slot.split_at_checked(1).context("an empty slot")?;
        let filled = match kind {
            "d" => letters(b"0123456789", count(rest)?, random),
            "x" => letters(b"0123456789abcdef", count(rest)?, random),
            "u" => letters(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", count(rest)?, random),
            "n" => {
                let (from, to) = rest.split_once('-').context("a range")?;
                let (from, to) = (count(from)?, count(to)?);
                (from + random.below(to + 1 - from)).to_string()
            }
            _ => anyhow::bail!("no slot `{slot}`"),
        };
        Ok(filled)
    }
}

/// A word, which in one of four cases is on no list: names must not be all that is unknown.
fn coin(words: &List, language: &str, random: &mut Random) -> String {
    const ENDINGS: [&str; 14] = [
        "er", "ing", "ed", "ation", "able", "ment", "ness", "ity", "ee", "or", "ly", "ism", "ize",
        "al",
    ];
    let word = words.pick(language, NATIVE, random);
    if !random.percent(25) {
        return word.to_owned();
    }
    let other = words.pick(language, NATIVE, random);
    match random.below(3) {
        0 => format!("{word}{other}"),
        1 => {
            let ending = random.one_of(&ENDINGS).copied().unwrap_or_default();
            let stem = word.trim_end_matches(['e', 'y']);
            format!("{stem}{ending}")
        }
        _ => {
            let kept = word.chars().count().div_ceil(2);
            let tail = other.chars().count() / 2;
            word.chars()
                .take(kept)
                .chain(other.chars().skip(tail))
                .collect()
        }
    }
}

fn count(text: &str) -> Result<usize> {
    text.parse()
        .with_context(|| format!("`{text}` is no number"))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .collect()
}

fn letters(from: &[u8], count: usize, random: &mut Random) -> String {
    (0..count)
        .filter_map(|_| random.one_of(from).map(|byte| char::from(*byte)))
        .collect()
}
