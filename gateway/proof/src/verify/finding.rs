//! What can be wrong with a log, each by its own name.

use serde::Serialize;

use crate::{checkpoint::Forgery, succession::Unfounded};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// A record's bytes are not those whose hash is stored beside it.
    #[error("record {index} was edited")]
    Edited {
        /// Its index.
        index: u64,
    },
    /// Records are missing.
    #[error("{count} record(s) from {first} on were removed")]
    Removed {
        /// The first of them.
        first: u64,
        /// How many.
        count: u64,
    },
    /// Two records stand in each other's place.
    #[error("records {first} and {second} were swapped")]
    Swapped {
        /// The earlier place.
        first: u64,
        /// The later place.
        second: u64,
    },
    /// A record stands in another's place, which is elsewhere or gone.
    #[error("record {index} stands at {place}")]
    Misplaced {
        /// Where it stands.
        place: u64,
        /// Where it belongs.
        index: u64,
    },
    /// A record stands there again.
    #[error("record {index} stands there twice")]
    Repeated {
        /// Its index.
        index: u64,
    },
    /// Records are of another log.
    #[error("{count} record(s) from {first} on are of another log")]
    Replayed {
        /// The first of them.
        first: u64,
        /// How many.
        count: u64,
    },
    /// A checkpoint covers more than there is.
    #[error("the tail was cut: {signed} records are signed, {size} are there")]
    Truncated {
        /// What is there.
        size: u64,
        /// What a checkpoint covers.
        signed: u64,
    },
    /// The log ends before a checkpoint of it that was kept elsewhere, and is whole in itself: an older copy, or
    /// cut back together with its checkpoints.
    #[error("the log was rolled back: {signed} records were signed once, {size} are there")]
    RolledBack {
        /// What is there.
        size: u64,
        /// What the kept checkpoint covers.
        signed: u64,
    },
    /// Too few witnesses signed the end of the log.
    #[error("records {from} to {to} are not witnessed by {quorum}", to = .size - 1)]
    Unwitnessed {
        /// The first of them.
        from: u64,
        /// How many records there are.
        size: u64,
        /// How many witnesses are demanded.
        quorum: usize,
    },
    /// A data key does not open with the log's keyring, for its id and this log.
    #[error("the data key {id} is not this log's, or not in its place")]
    WrongKey {
        /// Its id.
        id: u32,
    },
    /// A data key is gone, and no record says that its time was over: what it sealed was made unreadable.
    #[error(
        "the data key {id} is gone, and no record says why; {records} record(s) cannot be read any more"
    )]
    KeyLost {
        /// Its id.
        id: u32,
        /// How many records it sealed.
        records: u64,
    },
    /// A record is sealed by a key that was destroyed before, as the log says.
    #[error(
        "record {index} is sealed by the data key {key}, which was destroyed, as record {expiry} says"
    )]
    SealedAfterExpiry {
        /// The record.
        index: u64,
        /// The data key.
        key: u32,
        /// The record that says so.
        expiry: u64,
    },
    /// A checkpoint is not by this log's key.
    #[error("the checkpoint over {size} records is forged: {why}")]
    ForgedCheckpoint {
        /// Where it stands.
        size: u64,
        /// What is wrong with it.
        why: Forgery,
    },
    /// A record says that another key signs from there on, and does not prove it.
    #[error("record {index} brings no other key: {why}")]
    UnfoundedSuccession {
        /// The record.
        index: u64,
        /// What is wrong with it.
        why: Unfounded,
    },
    /// Records and their hashes agree with each other but not with what was signed.
    #[error("records {from} to {to} are not those that were signed", to = .to - 1)]
    Rewritten {
        /// The first that may differ.
        from: u64,
        /// One more than the last that may differ.
        to: u64,
    },
    /// The log's key signed another history.
    #[error("a checkpoint over {size} records was signed for another history")]
    Fork {
        /// What it covers.
        size: u64,
    },
    /// Records follow that no checkpoint covers.
    #[error("records {from} to {size} are covered by no checkpoint", size = .size - 1)]
    Uncovered {
        /// The first of them.
        from: u64,
        /// How many records there are.
        size: u64,
    },
    /// A checkpoint stands where it does not belong.
    #[error("the checkpoint over {size} records is out of place")]
    MisplacedCheckpoint {
        /// What it covers.
        size: u64,
    },
    /// The tree nodes that are stored beside a record are not those of the tree.
    #[error("the tree nodes stored with record {index} are wrong")]
    WrongNodes {
        /// The record.
        index: u64,
    },
    /// A closing closes nothing that is open.
    #[error("record {index} closes what is not open")]
    Unopened {
        /// The closing.
        index: u64,
        /// What it names.
        opening: Option<u64>,
    },
    /// A file that the log needs is not there.
    #[error("`{name}` is missing")]
    Missing {
        /// Its name in the folder.
        name: String,
    },
    /// A file says something else than what was signed.
    #[error("`{name}` is not what was signed")]
    Altered {
        /// Its name in the folder.
        name: String,
    },
    /// In a bucket, what never changes was put again, or hidden by a delete marker. Judged is the oldest version.
    #[error("`{name}` was put {versions} time(s) and deleted {markers} time(s) in the bucket")]
    Overwritten {
        /// Its name below the prefix.
        name: String,
        /// How many versions of it there are.
        versions: u64,
        /// How many delete markers.
        markers: u64,
    },
    /// In a bucket, what is to be kept can be taken away before its time.
    #[error("`{name}` is not locked for as long as it should be")]
    Unlocked {
        /// Its name below the prefix.
        name: String,
    },
    /// The newest checkpoint is older than one that is kept beside it.
    #[error("`checkpoint` was put back: it is of {size} records, and one of {signed} is kept")]
    PutBack {
        /// What it covers.
        size: u64,
        /// What a kept one covers.
        signed: u64,
    },
    /// A line of an export is not what an export is made of.
    #[error("line {line} is malformed: {what}")]
    Malformed {
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// The store beneath the log cannot be read.
    #[error("the store is damaged: {what}")]
    Damaged {
        /// What it said.
        what: String,
    },
}
