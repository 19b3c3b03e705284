//! Answers for people: what happened in, documents out.
//!
//! Pure. A [`Report`] takes [`Matter`]s one by one, in memory that has a limit whatever the length of
//! the log, and gives a [`Document`]; that becomes HTML, CSV or JSON ([`Form`]). The same matters make
//! the same bytes. Every figure names the records that it was counted from, and the document the
//! checkpoint that holds them, so whoever has an export of the log can count again.
//!
//! A document is evidence of what the gateway saw. Whether that satisfies a law is nothing that it says.

mod beside;
mod document;
mod figure;
mod form;
mod kind;
mod kinds;
mod view;

use std::collections::BTreeSet;

use audit::{Anchor, Matter};

pub use beside::{Beside, Grant, Grants, Outcome, Proof, Proofs};
pub use document::{Cell, Chart, Covered, Document, Scope, Table};
pub use figure::{Evidence, Figure, Source};
pub use form::{Form, FormError};
pub use kind::Kind;

/// Records of expiries that a report names.
const EXPIRIES_MAX: usize = 20;

/// A report that cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// It is about one person.
    #[error("`{0}` is about one data subject: name them")]
    Subject(&'static str),
    /// It cannot be about one person.
    #[error(
        "`{0}` cannot be about one data subject: whom a destroyed key was about, nobody can tell any more"
    )]
    Nobody(&'static str),
}

impl Unanswerable {
    /// What to do about it.
    pub fn help(self) -> &'static str {
        match self {
            Self::Subject(_) => "add `--subject NAME=VALUE`, as operations bind it",
            Self::Nobody(_) => {
                "narrow it with `--from` and `--to`; `audit erase` said which record its act is"
            }
        }
    }
}

/// A report in the making.
pub struct Report {
    kind: Kind,
    scope: Scope,
    covered: Option<Covered>,
    /// Exchanges in which more was found than their records list.
    unlisted: u64,
    /// Records of this time that are destroyed, and those that say so.
    expired: u64,
    expiries: BTreeSet<u64>,
    fold: Box<dyn kinds::Fold>,
}

impl Report {
    /// Begins a report of this kind. Its matters must all lie in `scope`.
    pub fn new(kind: Kind, scope: Scope) -> Result<Self, Unanswerable> {
        if kind == Kind::Subject && scope.subject.is_none() {
            return Err(Unanswerable::Subject(kind.name()));
        }
        if kind == Kind::Erasure && scope.subject.is_some() {
            return Err(Unanswerable::Nobody(kind.name()));
        }
        let fold = kinds::fold(kind);
        Ok(Self {
            kind,
            scope,
            covered: None,
            unlisted: 0,
            expired: 0,
            expiries: BTreeSet::new(),
            fold,
        })
    }

    /// Takes one matter in. One that expired is counted: whatever it was, it may have been asked for.
    pub fn take(&mut self, matter: &Matter) {
        if let Some(expired) = matter.expired() {
            // What was in force before is not of this time.
            if matter.closing.is_none() && self.scope.from.is_some_and(|from| expired.at < from) {
                return;
            }
            self.expired += 1 + u64::from(matter.closing.is_some());
            if self.expiries.len() < EXPIRIES_MAX {
                self.expiries.insert(expired.expiry);
            }
            return;
        }
        let at = matter.entry.event.at();
        // What was in force before, and what was open then, is not of this time.
        if self.scope.from.is_none_or(|from| at >= from) {
            let covered = self.covered.get_or_insert(Covered { from: at, to: at });
            covered.from = covered.from.min(at);
            covered.to = covered.to.max(at);
        }
        let bodies = matter.outcome().map(|it| [&it.request, &it.response]);
        let mut bodies = bodies.into_iter().flatten();
        self.unlisted += u64::from(bodies.any(|body| body.findings_unlisted > 0));
        self.fold.take(matter);
    }

    /// The document, with what its kind wants beside the log.
    pub fn finish(self, anchor: Anchor, beside: Beside<'_>) -> Document {
        let kinds::Answer { tables, mut notes } = self.fold.answer(beside);
        if self.unlisted > 0 {
            notes.push(format!(
                "In {} exchanges more was found than a record has room to list: figures of values are at least \
                 what they say, and classes may be missing.",
                self.unlisted
            ));
        }
        if self.expired > 0 {
            let says: Vec<String> = self.expiries.iter().map(ToString::to_string).collect();
            let more = if says.len() < EXPIRIES_MAX {
                ""
            } else {
                " and later ones"
            };
            notes.push(format!(
                "{} records of this time have expired, and are in no figure: their keys were destroyed, as records {}{more} \
                 say.",
                self.expired,
                says.join(", ")
            ));
        }
        notes.extend(self.kind.limits().iter().map(|&it| it.to_owned()));
        Document {
            kind: self.kind.name(),
            controls: self.kind.controls(),
            title: self.kind.title(),
            law: self.kind.law(),
            scope: self.scope,
            covered: self.covered,
            anchor,
            notes,
            tables,
        }
    }
}

#[cfg(test)]
mod tests;
