//! Data keys, as headers name them: what each sealed, and which record says that it is destroyed.
//!
//! Nobody needs a key for this: a record's data key stands in its clear header, and so does the one that an expiry
//! destroys. Whether the store still has them is for whoever has the store.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Finding, Report};
use crate::leaf::Header;

/// So many data keys are followed; a log that names more of them has its further ones not counted.
const KEYS_MAX: usize = 1 << 20;

/// What is known of a log's data keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataKeys {
    /// How many records each sealed, by its id.
    sealed: BTreeMap<u32, u64>,
    /// The record that says that it is destroyed, by the key's id.
    expired: BTreeMap<u32, u64>,
}

impl DataKeys {
    /// How many records this key sealed.
    pub fn sealed(&self, id: u32) -> u64 {
        self.sealed.get(&id).copied().unwrap_or_default()
    }

    /// The keys that sealed records, in order.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        self.sealed.keys().copied()
    }

    /// The keys that records say are destroyed, in order.
    pub fn all_expired(&self) -> impl Iterator<Item = u32> {
        self.expired.keys().copied()
    }

    /// The first record that says that this key is destroyed.
    pub fn expired(&self, id: u32) -> Option<u64> {
        self.expired.get(&id).copied()
    }

    /// How many records are sealed by keys that records say are destroyed.
    pub(super) fn records_expired(&self) -> u64 {
        self.expired.keys().map(|id| self.sealed(*id)).sum()
    }

    pub(super) fn keys_expired(&self) -> u64 {
        self.expired.len() as u64
    }

    /// Takes a record in, and says if its key should not be there any more.
    pub(super) fn take(&mut self, header: &Header, report: &mut Report) {
        if let Some(expiry) = self.expired(header.key) {
            report.find(Finding::SealedAfterExpiry {
                index: header.index,
                key: header.key,
                expiry,
            });
        }
        if self.sealed.len() < KEYS_MAX || self.sealed.contains_key(&header.key) {
            *self.sealed.entry(header.key).or_default() += 1;
        }
        if let Some(key) = header.destroyed()
            && self.expired.len() < KEYS_MAX
        {
            self.expired.entry(key).or_insert(header.index);
        }
    }
}
