//! Checkpoints that come before the records that they cover: at the head of an export, or kept elsewhere.
//!
//! Which key was in force for them is known when these records were read, so nothing is said of them before.

use super::{Verifier, has_room};
use crate::{
    checkpoint::{self, Authority, Examined, Forgery, NOTE_BYTES_MAX},
    tree::Tree,
};

/// A checkpoint, examined by the keys that were known then. To make one is most of the work, and needs no order.
pub struct Examination {
    note: Vec<u8>,
    /// How many keys were known.
    keys: usize,
    told: Result<Examined, Forgery>,
}

impl Examination {
    /// Of `note`, by the keys of `authority`.
    pub fn of(authority: &Authority, note: &[u8]) -> Self {
        // What is longer is none, whatever else is found out.
        let kept = note.get(..NOTE_BYTES_MAX.min(note.len()));
        Self {
            note: kept.unwrap_or_default().to_vec(),
            keys: authority.lineage().len(),
            told: authority.examine(note),
        }
    }

    /// What comes of it by the keys that are known now.
    fn told(&self, authority: &Authority) -> Result<Examined, Forgery> {
        let is_known =
            self.keys == authority.lineage().len() || self.told == Err(Forgery::Malformed);
        if is_known {
            self.told
        } else {
            authority.examine(&self.note)
        }
    }
}

/// A checkpoint that waits.
pub(super) struct Early {
    examination: Examination,
    anchor: bool,
    stored: Option<u64>,
}

impl Verifier {
    /// Takes a checkpoint, or has it wait for its last record.
    pub(super) fn offer(&mut self, examination: Examination, anchor: bool, stored: Option<u64>) {
        let early = Early {
            examination,
            anchor,
            stored,
        };
        let size = checkpoint::size(&early.examination.note);
        match size.filter(|size| *size > self.order.next()) {
            Some(size) if has_room(self.waiting) => {
                self.early.entry(size).or_default().push(early);
                self.waiting += 1;
            }
            _ => self.decide(early, true),
        }
    }

    /// Takes those whose last record has come.
    pub(super) fn reach(&mut self) {
        let next = self.order.next();
        while let Some(entry) = self.early.first_entry()
            && *entry.key() <= next
        {
            let (size, waiting) = entry.remove_entry();
            self.waiting -= waiting.len();
            for early in waiting {
                self.decide(early, size == next);
            }
        }
    }

    /// Takes those that are left, at the end of the log.
    pub(super) fn leave(&mut self) {
        self.waiting = 0;
        for early in std::mem::take(&mut self.early).into_values().flatten() {
            self.decide(early, true);
        }
    }

    /// `placed`: its records are all there, or it does not matter.
    fn decide(&mut self, early: Early, placed: bool) {
        let told = early.examination.told(&self.authority);
        if told == Err(Forgery::UnknownKey) {
            let (note, origin) = (&early.examination.note, self.authority.origin());
            let size = checkpoint::size(note);
            let is_here = placed && size == Some(self.order.next());
            let root = self.tree.as_ref().filter(|_| is_here).map(Tree::root);
            let waits = if early.anchor {
                self.strangers.keep(note, origin, root)
            } else {
                self.strangers.wait(note, origin)
            };
            if waits {
                return;
            }
        }
        let head = self.counted(told, early.anchor, early.stored);
        if let Some((size, head)) = head.filter(|_| placed) {
            self.head(size, head, early.stored);
        }
    }
}
