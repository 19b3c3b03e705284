//! What became of records whose time was over, and what must be kept beyond it.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Kind;

/// A data key is destroyed, and with it what it sealed: its time is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiry {
    /// When.
    pub at: Timestamp,
    /// The user id of who asked for it; none: it was due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The data key's id, which stands in the record's clear header, too.
    pub key: u32,
    /// The day of what it sealed, by its beginning (UTC).
    pub day: Timestamp,
    /// The retention rule.
    pub class: String,
    /// For how many days after that day it was kept.
    pub days: u32,
    /// The law or contract behind it, as it was said when the records were made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// How many records it sealed.
    pub records: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
}

/// The act by which records are held.
pub const HOLD: &str = "add";

/// Records must be kept beyond their time, or need not be any more (45 CFR 164.316(b)(2)(i) asks for the least; a claim
/// at law for more). Whom a hold of a data subject is about stands in no record: that one is an [`Erasure`](crate::Erasure).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// When.
    pub at: Timestamp,
    /// `add`, `remove`.
    pub act: Cow<'static, str>,
    /// The user id of the asking process.
    pub uid: u32,
    /// Its name, by which it is removed.
    pub name: String,
    /// Why, as the operator said.
    pub reason: String,
    /// The law or the case behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// What is held.
    #[serde(flatten)]
    pub scope: HoldScope,
}

/// What is held: all that is given must hold of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldScope {
    /// Of this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Of this session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Of this service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// From this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl HoldScope {
    /// Whether it says anything: a hold of everything is none that somebody means.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a time lies in it.
    pub(crate) fn covers(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.until.is_none_or(|until| at < until)
    }
}

/// What is left of a record whose data key is destroyed: what everybody can read. It is in no log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expired {
    /// When it happened.
    pub at: Timestamp,
    /// What kind of record it was.
    pub was: Kind,
    /// For an end of an exchange, its opening.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opening: Option<u64>,
    /// Its data key.
    pub key: u32,
    /// The record that says so.
    pub expiry: u64,
}
