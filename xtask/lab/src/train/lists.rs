//! The table of lists that `classifiers::prose` looks words up in.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, ensure};
use classifiers::prose::training::{Lists, PROBES_MAX, SLOT_BYTES, TAG, fold, hash, start};

use super::names::List;

/// Files, and the list each is.
const FILES: [(&str, u16); 12] = [
    ("given.txt", Lists::GIVEN),
    ("family.txt", Lists::FAMILY),
    ("cities.txt", Lists::CITY),
    ("regions.txt", Lists::REGION),
    ("street-words.txt", Lists::STREET),
    ("months.txt", Lists::MONTH),
    ("titles.txt", Lists::TITLE),
    ("words.txt", Lists::WORD),
    ("products.txt", Lists::PRODUCT),
    ("company-words.txt", Lists::COMPANY),
    ("peoples.txt", Lists::PEOPLE),
    ("particles.txt", Lists::PARTICLE),
];
/// Slots of the table: a power of two, of which two thirds are used.
const SLOTS: usize = 1 << 17;

/// The table.
pub(crate) fn table(data: &Path) -> Result<Vec<u8>> {
    let mut words: BTreeMap<u32, u16> = BTreeMap::new();
    for (file, bit) in FILES {
        let list = List::read(&data.join(file))?;
        for entry in list.iter() {
            for word in parts(entry, bit) {
                *words.entry(word).or_default() |= bit;
            }
            if bit == Lists::WORD {
                // Nouns in the plural, verbs of the third person.
                for word in parts(&format!("{entry}s"), bit) {
                    *words.entry(word).or_default() |= bit;
                }
            }
        }
    }
    let mut slots = vec![0u32; SLOTS];
    for (hash, bits) in &words {
        let mut at = start(*hash, SLOTS);
        let mut probes = 1;
        while slots.get(at).is_some_and(|slot| *slot != 0) {
            at = (at + 1) % SLOTS;
            probes += 1;
        }
        ensure!(probes < PROBES_MAX, "the table is too full");
        if let Some(slot) = slots.get_mut(at) {
            *slot = hash & TAG | u32::from(*bits);
        }
    }
    super::report(&format!("{} words on the lists", words.len()));
    ensure!(SLOT_BYTES == size_of::<u32>());
    Ok(slots.into_iter().flat_map(u32::to_le_bytes).collect())
}

/// The words of an entry. Short words of long names, `am` and `sur`, are nothing by themselves.
fn parts(entry: &str, bit: u16) -> Vec<u32> {
    let names = bit & (Lists::GIVEN | Lists::FAMILY | Lists::CITY | Lists::REGION) != 0;
    let words: Vec<&str> = entry
        .split([' ', '’'])
        .filter(|word| !word.is_empty())
        .collect();
    let single = words.len() == 1;
    let wanted = words.into_iter().filter(|word| {
        !names
            || single && word.chars().count() > 1
            || word.chars().count() > 3 && word.starts_with(char::is_uppercase)
    });
    wanted
        .map(|word| {
            let mut small = [0; 68];
            hash(fold(word.trim_end_matches('.').as_bytes(), &mut small))
        })
        .collect()
}
