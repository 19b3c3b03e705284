//! Another key signs the log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The key that signs the log from the record of it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Successor {
    /// When.
    pub at: Timestamp,
    /// The user id of the asking process, by the kernel's word; of one that finishes what was begun its own.
    pub uid: u32,
    /// The verifier key so far (C2SP signed-note).
    pub before: String,
    /// The verifier key from here on.
    pub after: String,
}
