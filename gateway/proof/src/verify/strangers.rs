//! Keys that come and go: what records say of them, and checkpoints by keys that nobody named so far.
//!
//! Whoever has the first key follows the others through the log. Whoever has a later one meets checkpoints of older ones
//! first: they wait until the record comes by which that key succeeded, and are not judged, as nobody has vouched for
//! those keys but the one that came last.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{FINDINGS_MAX, Finding, Item, Report, Verifier};
use crate::{
    checkpoint::{self, Forgery, Place},
    leaf::Kind,
    succession::{self, SUCCESSIONS_MAX, Succession, Unfounded},
    tree::Digest,
};

/// So many keys that nobody named are told apart: as many as a log may have had before its newest.
const STRANGERS_MAX: usize = SUCCESSIONS_MAX;

/// So many checkpoints that were kept elsewhere wait for the record that vouches for their keys.
const KEPT_MAX: usize = 256;

/// A key that signs from a record on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Succeeded {
    /// The record.
    pub index: u64,
    /// The verifier key.
    pub key: String,
}

/// Checkpoints by one key that is not known.
#[derive(Default)]
struct Stranger {
    /// Over how many records.
    sizes: Vec<u64>,
    /// More of them.
    more: u64,
}

/// What waits for the record by which the key succeeded that was given, if there is one.
#[derive(Default)]
pub(super) struct Strangers {
    is_over: bool,
    by_key: BTreeMap<u32, Stranger>,
    /// Kept elsewhere, with the root of the tree as it was of that size, where it is known.
    kept: Vec<(Vec<u8>, Option<Digest>)>,
    /// Successions between keys that are not known.
    chain: Vec<Succession>,
}

impl Strangers {
    /// As they are behind the record by which that key succeeded.
    pub(super) fn after(since: Option<u64>) -> Self {
        Self {
            is_over: since.is_some(),
            ..Self::default()
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_decided(&self) -> bool {
        self.by_key.is_empty() && self.chain.is_empty() && self.kept.is_empty()
    }

    /// The same of one that was kept elsewhere, which is judged then; `root` is that of so many records.
    pub(super) fn keep(&mut self, note: &[u8], origin: &str, root: Option<Digest>) -> bool {
        let waits =
            !self.is_over && checkpoint::is_named(note, origin) && self.kept.len() < KEPT_MAX;
        if waits {
            self.kept.push((note.to_vec(), root));
        }
        waits
    }

    /// Has a checkpoint wait that is by no key that is known; false if it must not.
    pub(super) fn wait(&mut self, note: &[u8], origin: &str) -> bool {
        let id = checkpoint::signers(note, origin).pop();
        let size = checkpoint::size(note);
        let (Some(id), Some(size), false) = (id, size, self.is_over) else {
            return false;
        };
        if self.by_key.len() >= STRANGERS_MAX && !self.by_key.contains_key(&id) {
            return false;
        }
        let stranger = self.by_key.entry(id).or_default();
        if stranger.sizes.len() < FINDINGS_MAX {
            stranger.sizes.push(size);
        } else {
            stranger.more += 1;
        }
        true
    }

    /// Says of all that wait that nobody named their keys; gives whether there were any.
    pub(super) fn accuse(&mut self, report: &mut Report) -> bool {
        let accused = std::mem::take(&mut self.by_key);
        let kept = std::mem::take(&mut self.kept);
        let are_some = !accused.is_empty() || !kept.is_empty();
        for size in kept.iter().filter_map(|(note, _)| checkpoint::size(note)) {
            let why = Forgery::UnknownKey;
            report.find(Finding::ForgedCheckpoint { size, why });
        }
        for stranger in accused.into_values() {
            for size in stranger.sizes {
                let why = Forgery::UnknownKey;
                report.find(Finding::ForgedCheckpoint { size, why });
            }
            report.findings_unlisted += stranger.more;
        }
        let why = Unfounded::NotInForce;
        for Succession { index, .. } in std::mem::take(&mut self.chain) {
            report.find(Finding::UnfoundedSuccession { index, why });
        }
        are_some
    }
}

impl Verifier {
    /// Takes in what a record says of the log's keys.
    pub(super) fn succeed(&mut self, item: &Item) {
        let index = match item.header {
            Some(header) if header.kind == Kind::Succeed => header.index,
            _ => return,
        };
        let statement = item.statement.as_deref().unwrap_or_default();
        let read = succession::read(statement, self.authority.origin(), index);
        let taken = read.and_then(|said| self.take_succession(said));
        if let Err(why) = taken {
            self.report
                .find(Finding::UnfoundedSuccession { index, why });
        }
    }

    fn take_succession(&mut self, said: Succession) -> Result<(), Unfounded> {
        match self.authority.lineage_mut().take(&said)? {
            Place::Own => Ok(()),
            Place::Foreign if self.strangers.is_over => Err(Unfounded::NotInForce),
            Place::Foreign if self.strangers.chain.len() >= SUCCESSIONS_MAX => {
                Err(Unfounded::TooMany)
            }
            Place::Foreign => {
                self.strangers.chain.push(said);
                Ok(())
            }
            Place::First => self.arrive(said),
        }
    }

    /// The key that was given succeeds: what its forerunners signed is not judged, what others did is.
    fn arrive(&mut self, said: Succession) -> Result<(), Unfounded> {
        let index = said.index;
        self.strangers.chain.push(said);
        let chain = std::mem::take(&mut self.strangers.chain);
        let gone = self.authority.lineage_mut().precede(&chain)?;
        self.report.since = Some(index);
        for id in gone {
            if let Some(stranger) = self.strangers.by_key.remove(&id) {
                self.report.unjudged += stranger.sizes.len() as u64 + stranger.more;
            }
        }
        let authority = &self.authority;
        let others = chain.into_iter().filter(|it| !authority.knows(&it.after));
        self.strangers.chain = others.collect();
        self.strangers.is_over = true;
        for (note, root) in std::mem::take(&mut self.strangers.kept) {
            let examined = self.authority.examine(&note);
            let head = self.counted(examined, true, checkpoint::size(&note));
            if let Some((size, head)) = head
                && root.is_some_and(|root| root != head.root)
            {
                self.report.find(Finding::Fork { size });
            }
        }
        self.forged |= self.strangers.accuse(&mut self.report);
        Ok(())
    }

    /// The keys that are known by now.
    pub(super) fn lineage(&self) -> Vec<(Option<u64>, String)> {
        let keys = self.authority.lineage().keys();
        keys.map(|(from, key)| (from, key.to_owned())).collect()
    }

    /// Those of them that succeeded others.
    pub(super) fn successions(&self) -> Vec<Succeeded> {
        let keys = self.lineage().into_iter();
        keys.filter_map(|(from, key)| from.map(|index| Succeeded { index, key }))
            .collect()
    }
}

#[cfg(test)]
mod tests;
