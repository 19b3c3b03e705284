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
                _ => list.pick(language, NATIVE, random).to_owned(),
            });
        }
        let word = || self.lists.get("word").context("no words");
        if slot == "Word" {
            return Ok(capital(word()?.pick(language, NATIVE, random)));
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

fn count(text: &str) -> Result<usize> {
    text.parse().with_context(|| format!("`{text}` is no number"))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

fn letters(from: &[u8], count: usize, random: &mut Random) -> String {
    (0..count)
        .filter_map(|_| random.one_of(from).map(|byte| char::from(*byte)))
        .collect()
}
