//! Judges a log in its store, in one sitting or in several.

use std::io;

use proof::{parallel, verify::State};
use serde::{Deserialize, Serialize};

use crate::{
    ArchiveError, Ledger, LedgerError, Report,
    checkpoint::Authority,
    datakeys::{KeysThere, judge_keys},
    tree::{self, Tree},
    verify::{Examination, Finding, Item, Piece, Verifier},
    walk::{Step, Walk},
    writer::node,
};

/// Where a verification is to go on later. It vouches for what stands before its place: keep it as you keep
/// the verdict.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bookmark {
    /// What is verified, where, by which keys and checkpoints: a hash.
    of: String,
    state: State,
}

/// Hears how many records were judged, of how many; and where to go on from, unless something is wrong.
type Told<'a> = &'a mut (dyn FnMut(u64, u64, Option<Bookmark>) -> io::Result<()> + Send);

/// How to verify.
pub struct Sitting<'a> {
    /// With so many threads.
    pub threads: usize,
    /// What is verified: a bookmark is good for one place only. None if it is done in one sitting.
    pub place: Option<&'a str>,
    /// Where an earlier sitting ended.
    pub from: Option<Bookmark>,
    /// Told after some records.
    pub told: Told<'a>,
}

/// Judges the whole log in `ledger` by its public key and by checkpoints kept elsewhere; no
/// secret is needed.
pub async fn verify(
    ledger: &mut dyn Ledger,
    authority: Authority,
    anchors: &[Vec<u8>],
) -> Result<Report, ArchiveError> {
    verify_in(1, ledger, authority, anchors, &mut |_, _| ()).await
}

/// As [`verify`], by so many threads; `told` hears how many records were judged, of how many.
pub async fn verify_in(
    threads: usize,
    ledger: &mut dyn Ledger,
    authority: Authority,
    anchors: &[Vec<u8>],
    told: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Report, ArchiveError> {
    let sitting = Sitting {
        threads,
        place: None,
        from: None,
        told: &mut |judged, all, _| {
            told(judged, all);
            Ok(())
        },
    };
    verify_sitting(sitting, ledger, authority, anchors).await
}

/// As [`verify`], in several sittings. A bookmark of something else, or of a history that is not there any more, is left
/// aside.
pub async fn verify_sitting(
    mut sitting: Sitting<'_>,
    ledger: &mut dyn Ledger,
    authority: Authority,
    anchors: &[Vec<u8>],
) -> Result<Report, ArchiveError> {
    let place = sitting.place.map(str::as_bytes);
    let of = place.map(|place| authority.purpose(Some(place), anchors));
    let from = sitting.from.take().filter(|it| Some(&it.of) == of.as_ref());
    let mut judge = Judge {
        verifier: Verifier::new(authority),
        of,
        from: from.map(|it| it.state),
    };
    let walked = judge.walk(&mut sitting, ledger, anchors).await;
    let mut report = judge.verifier.finish();
    match walked {
        Err(ArchiveError::Ledger(LedgerError::Damaged(what))) => {
            report.find(Finding::Damaged { what });
            // What else there is may follow from it.
            report.findings.rotate_right(1);
            Ok(report)
        }
        Err(error) => Err(error),
        Ok(there) => {
            judge_keys(ledger, &there, &mut report).await?;
            Ok(report)
        }
    }
}

struct Judge {
    verifier: Verifier,
    /// What bookmarks are of, if there are to be any.
    of: Option<String>,
    from: Option<State>,
}

impl Judge {
    async fn walk(
        &mut self,
        sitting: &mut Sitting<'_>,
        ledger: &mut dyn Ledger,
        anchors: &[Vec<u8>],
    ) -> Result<KeysThere, ArchiveError> {
        ledger.check().await?;
        let there = KeysThere::of(ledger).await?;
        if let Some(state) = self.from.take()
            && is_there(ledger, &state).await?
        {
            let authority = self.verifier.authority().clone();
            let resumed = Verifier::resume(authority, state);
            if let Some(resumed) = resumed {
                self.verifier = resumed;
            }
        }
        for anchor in anchors {
            self.verifier.anchor(anchor);
        }
        self.pour(sitting, ledger).await?;
        Ok(there)
    }

    async fn pour(
        &mut self,
        sitting: &mut Sitting<'_>,
        ledger: &mut dyn Ledger,
    ) -> Result<(), ArchiveError> {
        let mut walk = Walk::from(ledger, self.verifier.size()).await?;
        let size = walk.head.size;
        loop {
            // With the keys that the log named so far.
            let authority = self.verifier.authority().clone();
            let steps = walk.steps(ledger).await?;
            if steps.is_empty() {
                return Ok(());
            }
            // To hash and to check signatures is most of the work, and needs no order.
            let pieces = parallel::map(sitting.threads, &steps, |step| match step {
                Step::Row(row) => Piece::Record(Item::new(row.index, &row.leaf, &row.nodes)),
                Step::Checkpoint(size, note) => {
                    Piece::Checkpoint(Examination::of(&authority, note.as_bytes()), *size)
                }
            });
            for piece in pieces {
                self.verifier.pour(piece);
            }
            let at = self.verifier.size();
            let mut bookmark = None;
            if let Some(of) = &self.of
                && walk.is_between(ledger, at).await?
            {
                let of = of.clone();
                let state = self.verifier.state();
                bookmark = state.map(|state| Bookmark { of, state });
            }
            (sitting.told)(at, size, bookmark).map_err(ArchiveError::Kept)?;
        }
    }
}

/// Whether the log in `ledger` has the tree that an earlier sitting judged.
async fn is_there(ledger: &mut dyn Ledger, state: &State) -> Result<bool, LedgerError> {
    if state.size() > ledger.head().await?.size {
        return Ok(false);
    }
    let mut roots = Vec::new();
    for place in tree::frontier(state.size()) {
        roots.extend(node(ledger, place).await?);
    }
    let tree = Tree::restore(state.size(), &roots);
    Ok(tree.is_some_and(|tree| Some(tree.root()) == state.root()))
}
