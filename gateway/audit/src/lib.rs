//! What happened, so that nobody can later say otherwise.
//!
//! An exchange makes two records: [`Trail::open`] before its upstream is called and
//! [`Trail::close`] before its last byte is released. A record is sealed ([`seal`]), becomes a
//! leaf of a Merkle tree ([`tree`]) whose root is signed with every commit ([`checkpoint`]), and
//! is on disk when the call returns. [`Archive`] reads records back for those who hold the keys, and
//! [`Matters`] joins them to what happened;
//! [`verify`] judges a log for those who hold only its public key.

mod backward;
mod call;
mod caller;
pub mod checkpoint;
mod copy;
mod courier;
mod criteria;
mod datakeys;
mod event;
mod expiry;
pub mod export;
mod follow;
mod judge;
mod ledger;
mod matter;
mod means;
mod model;
mod query;
mod readable;
mod retention;
mod rewrap;
pub mod seal;
mod signing;
mod subjects;
mod trail;
pub mod verify;
mod walk;
mod writer;
mod written;

pub use backward::Backward;
pub use call::Call;
pub use caller::*;
pub use copy::{Copied, Copier, CopyError};
pub use courier::hand_out;
pub use criteria::{Criteria, NoSubject, Subject, is_class};
pub use datakeys::misplaced_keys;
pub use event::*;
pub use expiry::{Due, Plan, Standing, standing};
pub use follow::{Cursor, Followed, OPEN_MAX};
pub use judge::{
    Bookmark, Sitting, verify as verify_ledger, verify_in as verify_ledger_in,
    verify_sitting as verify_ledger_sitting,
};
pub use ledger::{Group, Head, KeptDataKey, Ledger, LedgerError, READ_ROWS_MAX, Row};
pub use matter::{Anchor, Matter, Matters, Span};
pub use means::{ChoiceRecord, CredentialRecord, MEDIATED, MediationRecord};
pub use model::ModelRecord;
pub use proof::tree;
pub use query::{Archive, ArchiveError, Entry, Filter, Inclusion, Shown, consistency};
pub use readable::ERASED;
pub use retention::{
    DAYS_TRUSTED, Day, KeyTerms, LASTING, Retention, RetentionRule, Term, USUAL, USUAL_BASIS,
    USUAL_DAYS,
};
pub use rewrap::Rewrapped;
pub use seal::{Header, Kind, RECORD_BYTES_MAX};
pub use signing::{Keys, authority};
pub use subjects::{Blind, BlindIndex, HeldSubjects, KeptKey, SubjectStore, Subjects};
pub use trail::{Receipt, Trail, TrailError, TrailStatus};
pub use verify::{Finding, Report, Verdict};
pub use writer::{Ceded, Handed, Relay};
pub use written::Written;
