//! What the hosts of a fleet share, in a Redis or Valkey that somebody else runs.
//!
//! The rules are in the scripts beside this, which the server runs one at a time: `join.lua`, `lend.lua`. What a host
//! may spend is never more than it was told that it may, and what it is told is of its own claim alone; so a server
//! that is away, slow, or has lost what it had makes hosts refuse, and never lets them spend what is not there.

mod condition;
mod connection;
mod hosts;
mod ledger;

pub use condition::{Condition, SKEW, examine};
pub use connection::{Login, LoginSource, Place};
pub use hosts::{Host, hosts};
pub use ledger::{Ledger, Member, list_digest};

#[cfg(test)]
mod tests;

/// The server cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FleetError(pub String);
