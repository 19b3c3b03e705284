//! Numbers that say what they were counted from, in memory that has a limit.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashSet},
    fmt,
    hash::{DefaultHasher, Hash, Hasher as _},
    sync::Arc,
};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::document::{Cell, Table};

/// Records that a figure lists; of the others it has the number and a digest.
pub(crate) const LISTED_MAX: usize = 50;

/// Rows of a table that counts.
pub(crate) const GROUPS_MAX: usize = 4096;

/// Rows of a table that lists.
pub(crate) const LINES_MAX: usize = 50_000;

/// Values that the figures of one report tell apart, all together; one that there was no room for makes its figure
/// say "at least".
const DISTINCT_MAX: usize = 1 << 22;

/// Rows without room that are told apart, to say how many there are.
const OMITTED_MAX: usize = 1 << 16;

/// A record, by what leads to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Its leaf index: `tidegate audit show` tells all of it, with its inclusion proof.
    pub record: u64,
    /// Its W3C trace id, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Arc<str>>,
}

/// What a figure was counted from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// How many records.
    pub records: u64,
    /// SHA-256 over their indexes, each as eight bytes, big-endian, in the order in which the
    /// exchanges ended; hexadecimal.
    pub digest: String,
    /// The first of them, [`LISTED_MAX`] at most.
    pub listed: Vec<Source>,
}

/// A number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// The number.
    pub value: u64,
    /// Whether it may be more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// What it was counted from.
    pub evidence: Evidence,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.at_least { "≥ " } else { "" };
        write!(f, "{sign}{}", self.value)
    }
}

/// A number that grows.
#[derive(Clone, Default)]
pub(crate) struct Tally {
    value: u64,
    records: u64,
    last: Option<u64>,
    digest: Sha256,
    listed: Vec<Source>,
}

impl Tally {
    /// Counts `many` more, of which the record `source` tells.
    pub(crate) fn add(&mut self, many: u64, source: &Source) {
        if many == 0 {
            return;
        }
        self.value = self.value.saturating_add(many);
        // Matters come one after the other, so a record that was counted is the last one.
        if self.last.replace(source.record) == Some(source.record) {
            return;
        }
        self.records += 1;
        self.digest.update(source.record.to_be_bytes());
        if self.listed.len() < LISTED_MAX {
            self.listed.push(source.clone());
        }
    }

    /// The number now.
    pub(crate) fn figure(self) -> Figure {
        Figure {
            value: self.value,
            at_least: false,
            evidence: Evidence {
                records: self.records,
                digest: hex::encode(self.digest.finalize()),
                listed: self.listed,
            },
        }
    }
}

impl From<Tally> for Cell {
    fn from(tally: Tally) -> Self {
        tally.figure().into()
    }
}

/// Room for what a report tells apart.
#[derive(Debug)]
pub(crate) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(DISTINCT_MAX)
    }
}

/// How many there are of something; its figure names the records where each came first.
#[derive(Clone, Default)]
pub(crate) struct Distinct {
    seen: HashSet<u64>,
    full: bool,
    tally: Tally,
}

impl Distinct {
    pub(crate) fn add(&mut self, parts: &[&str], source: &Source, room: &mut Room) {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let digest = digest.finalize();
        // Of 2^22 values, two share these eight bytes with a chance of 2^-21.
        let item = digest.first_chunk().map_or(0, |it| u64::from_be_bytes(*it));
        if room.0 == 0 {
            self.full |= !self.seen.contains(&item);
        } else if self.seen.insert(item) {
            room.0 -= 1;
            self.tally.add(1, source);
        }
    }
}

impl From<Distinct> for Cell {
    fn from(distinct: Distinct) -> Self {
        let at_least = distinct.full;
        let figure = distinct.tally.figure();
        Self::Figure(Figure { at_least, ..figure })
    }
}

/// Rows that count, by what they have in common.
pub(crate) struct Groups<K, V> {
    rows: BTreeMap<K, V>,
    omitted: HashSet<u64>,
}

impl<K, V> Default for Groups<K, V> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            omitted: HashSet::new(),
        }
    }
}

impl<K: Ord + Hash, V: Default> Groups<K, V> {
    /// The row of `key`; none if there is no room for another.
    pub(crate) fn at(&mut self, key: K) -> Option<&mut V> {
        if self.rows.len() >= GROUPS_MAX && !self.rows.contains_key(&key) {
            if self.omitted.len() < OMITTED_MAX {
                let mut hasher = DefaultHasher::new();
                key.hash(&mut hasher);
                self.omitted.insert(hasher.finish());
            }
            return None;
        }
        Some(self.rows.entry(key).or_default())
    }

    /// The row of `key`, which is then no longer here.
    pub(crate) fn take<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.rows.remove(key)
    }

    /// Whether there was no room for some.
    pub(crate) fn is_cut(&self) -> bool {
        !self.omitted.is_empty()
    }

    /// Fills `table` with them, in the order of their keys.
    pub(crate) fn fill(self, mut table: Table, row: impl Fn(K, V) -> Vec<Cell>) -> Table {
        table.omitted = self.omitted.len() as u64;
        table.rows = self
            .rows
            .into_iter()
            .map(|(key, it)| row(key, it))
            .collect();
        table
    }
}

/// Rows that list, by the record that each is about.
#[derive(Default)]
pub(crate) struct Lines {
    rows: BTreeMap<(u64, u32), Vec<Cell>>,
    omitted: u64,
}

impl Lines {
    /// Adds one about `record`.
    pub(crate) fn add(&mut self, record: u64, row: Vec<Cell>) {
        if self.rows.len() >= LINES_MAX {
            self.omitted += 1;
            return;
        }
        let mut before = self.rows.range((record, 0)..=(record, u32::MAX));
        let next = before
            .next_back()
            .map_or(0, |((_, at), _)| at.saturating_add(1));
        self.rows.insert((record, next), row);
    }

    /// Fills `table` with them, in the order of the log.
    pub(crate) fn fill(self, mut table: Table) -> Table {
        table.omitted = self.omitted;
        table.rows = self.rows.into_values().collect();
        table
    }
}
