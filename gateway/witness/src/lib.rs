//! Says of others' logs that they only grew (C2SP tlog-witness).
//!
//! A [`Witness`] keeps the newest checkpoint that it signed of each log it knows, and signs another only with a proof
//! that it continues that one. What it signed is on disk before its signature leaves, so that no crash makes it sign
//! two histories. [`serve`] answers over HTTP.

mod book;
mod serve;
mod witness;

pub use book::BookError;
pub use serve::serve;
pub use witness::{Answer, Seen, Witness};
