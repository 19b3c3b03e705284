//! What is wrong with a log, in one word and as one exit code.

use serde::Serialize;

use super::Finding;
use crate::checkpoint::Forgery;

/// The kind of the gravest finding: where several are wrong, the greatest code. As an exit code it tells programs apart what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Verdict {
    /// Nothing is wrong.
    #[default]
    Intact = 0,
    /// In a bucket, what is to be kept is not locked for as long as it should be.
    Unlocked = 9,
    /// Too few witnesses signed the end of the log.
    Unwitnessed = 10,
    /// Records follow that no checkpoint covers.
    Unsigned = 11,
    /// Nodes, checkpoints or closings are not where they belong.
    Inconsistent = 12,
    /// A file is no export, or a line of it no record; a file of a folder of tiles is missing.
    Malformed = 13,
    /// Records, and the hashes with them, are not those that were signed.
    Rewritten = 14,
    /// A record is not the one whose hash is stored.
    Edited = 15,
    /// Records are of another log.
    Replayed = 16,
    /// Records stand in others' places.
    Reordered = 17,
    /// Records are missing.
    Removed = 18,
    /// Records were put in.
    Inserted = 19,
    /// The tail is missing that a checkpoint of the log covers.
    Truncated = 20,
    /// The log ends before a checkpoint that was kept elsewhere.
    RolledBack = 21,
    /// A checkpoint's signature is false.
    Forged = 22,
    /// The log's key signed two histories.
    Forked = 23,
    /// It is about another log.
    OtherLog = 24,
    /// Somebody else's key signed, or data keys were exchanged.
    WrongKey = 25,
    /// The store beneath the log is damaged.
    Damaged = 26,
    /// Data keys are gone, and no record says that their time was over.
    KeysLost = 27,
    /// In a bucket, what never changes was put again, or deleted.
    Overwritten = 28,
    /// A key that was superseded signed what came later: whoever has it may sign another history.
    Superseded = 29,
}

impl Verdict {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 22] = [
        Self::Intact,
        Self::Unlocked,
        Self::Unwitnessed,
        Self::Unsigned,
        Self::Inconsistent,
        Self::Malformed,
        Self::Rewritten,
        Self::Edited,
        Self::Replayed,
        Self::Reordered,
        Self::Removed,
        Self::Inserted,
        Self::Truncated,
        Self::RolledBack,
        Self::Forged,
        Self::Forked,
        Self::OtherLog,
        Self::WrongKey,
        Self::Damaged,
        Self::KeysLost,
        Self::Overwritten,
        Self::Superseded,
    ];

    /// The exit code of programs that verify; 0 for a log that is intact.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Intact => "nothing is wrong",
            Self::Unlocked => "what is to be kept is not locked for as long as it should be",
            Self::Unwitnessed => "too few witnesses signed the end of the log",
            Self::Unsigned => "records follow that no checkpoint covers",
            Self::Inconsistent => "nodes, checkpoints or closings are not where they belong",
            Self::Malformed => "what was given is no export, or files of it are missing",
            Self::Rewritten => "records, and the hashes with them, are not those that were signed",
            Self::Edited => "a record is not the one whose hash is stored",
            Self::Replayed => "records are of another log",
            Self::Reordered => "records stand in others' places",
            Self::Removed => "records are missing",
            Self::Inserted => "records were put in",
            Self::Truncated => "the tail is missing that a checkpoint of the log covers",
            Self::RolledBack => "the log ends before a checkpoint that was kept elsewhere",
            Self::Forged => "a checkpoint's signature is false",
            Self::Forked => "the log's key signed two histories",
            Self::OtherLog => "it is about another log",
            Self::WrongKey => "somebody else's key signed, or data keys were exchanged",
            Self::Damaged => "the store beneath the log is damaged",
            Self::KeysLost => "data keys are gone, and no record says that their time was over",
            Self::Overwritten => "what never changes was put again, or deleted",
            Self::Superseded => "a key that was superseded signed what came later",
        }
    }
}

impl From<&Finding> for Verdict {
    fn from(finding: &Finding) -> Self {
        match finding {
            Finding::Unwitnessed { .. } => Self::Unwitnessed,
            Finding::Uncovered { .. } => Self::Unsigned,
            Finding::MisplacedCheckpoint { .. }
            | Finding::WrongNodes { .. }
            | Finding::SealedAfterExpiry { .. }
            | Finding::Unopened { .. } => Self::Inconsistent,
            Finding::Malformed { .. } | Finding::Missing { .. } => Self::Malformed,
            Finding::Rewritten { .. } | Finding::Altered { .. } => Self::Rewritten,
            Finding::Edited { .. } => Self::Edited,
            Finding::Replayed { .. } => Self::Replayed,
            Finding::Swapped { .. } | Finding::Misplaced { .. } => Self::Reordered,
            Finding::Removed { .. } => Self::Removed,
            Finding::Repeated { .. } => Self::Inserted,
            Finding::Truncated { .. } => Self::Truncated,
            Finding::RolledBack { .. } | Finding::PutBack { .. } => Self::RolledBack,
            Finding::ForgedCheckpoint { why, .. } => Self::from(*why),
            Finding::Fork { .. } => Self::Forked,
            Finding::WrongKey { .. } | Finding::UnfoundedSuccession { .. } => Self::WrongKey,
            Finding::Damaged { .. } => Self::Damaged,
            Finding::KeyLost { .. } => Self::KeysLost,
            Finding::Overwritten { .. } => Self::Overwritten,
            Finding::Unlocked { .. } => Self::Unlocked,
        }
    }
}

impl From<Forgery> for Verdict {
    fn from(why: Forgery) -> Self {
        match why {
            Forgery::UnknownKey => Self::WrongKey,
            Forgery::WrongOrigin => Self::OtherLog,
            Forgery::Superseded => Self::Superseded,
            Forgery::BadSignature | Forgery::Malformed => Self::Forged,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::verify::{FINDINGS_MAX, Report};

    #[test]
    fn each_verdict_has_a_code_of_its_own_and_none_that_a_shell_uses() {
        let codes: BTreeSet<u8> = Verdict::ALL.into_iter().map(Verdict::code).collect();
        assert_eq!(codes.len(), Verdict::ALL.len());
        assert!(Verdict::ALL.is_sorted());
        assert!(
            codes
                .into_iter()
                .all(|it| it == 0 || (9..100).contains(&it))
        );
    }

    #[test]
    fn of_several_the_gravest_counts_listed_or_not() {
        let mut report = Report::default();
        assert_eq!(report.verdict, Verdict::Intact);
        for index in 0..FINDINGS_MAX as u64 {
            report.find(Finding::Edited { index });
        }
        assert_eq!(report.verdict, Verdict::Edited);
        report.find(Finding::Fork { size: 3 });
        report.find(Finding::Removed { first: 1, count: 1 });
        assert_eq!(
            (report.verdict, report.findings_unlisted),
            (Verdict::Forked, 2)
        );
    }
}
