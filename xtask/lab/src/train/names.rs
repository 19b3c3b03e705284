//! Lists of names by language, and names that are on no list.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::random::Random;

/// Share of names that are of the language of the text, in percent.
const NATIVE: usize = 60;

/// Entries of one file, by the language of the section they stand in.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    sections: BTreeMap<String, Vec<String>>,
    names: Vec<String>,
}

impl List {
    /// Reads a file: `#` starts a comment, `[de]` a section, all else is one entry a line.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let mut list = Self::default();
        let mut section = "any".to_owned();
        for line in text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            match line
                .strip_prefix('[')
                .and_then(|line| line.strip_suffix(']'))
            {
                Some(name) => name.clone_into(&mut section),
                None => list
                    .sections
                    .entry(section.clone())
                    .or_default()
                    .push(line.to_owned()),
            }
        }
        list.names = list.sections.keys().cloned().collect();
        Ok(list)
    }

    /// All entries.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.sections.values().flatten().map(String::as_str)
    }

    /// An entry: in so many of a hundred cases of this language.
    pub(crate) fn pick(&self, language: &str, share: usize, random: &mut Random) -> &str {
        let own = self
            .sections
            .get(language)
            .filter(|_| random.percent(share));
        let section = own.or_else(|| {
            random
                .one_of(&self.names)
                .and_then(|name| self.sections.get(name))
        });
        section
            .and_then(|entries| random.one_of(entries))
            .map_or("", String::as_str)
    }

    /// An entry that in one of five cases is put together from two, so that it is on no list.
    pub(crate) fn invent(&self, language: &str, random: &mut Random) -> String {
        let name = self.pick(language, NATIVE, random).to_owned();
        if !random.percent(22) {
            return name;
        }
        let other: Vec<char> = self.pick(language, NATIVE, random).chars().collect();
        let kept = name.chars().count().div_ceil(2).max(2);
        let tail = other.len() / 2;
        let blend: String = name
            .chars()
            .take(kept)
            .chain(other.into_iter().skip(tail))
            .collect();
        if blend.contains([' ', '-', '\'', '.']) {
            name
        } else {
            blend
        }
    }
}
