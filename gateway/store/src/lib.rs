//! The only crate that speaks SQL.

mod pack;
mod sqlite;

pub use sqlite::{FILE_NAME, LOCK_NAME, SqliteLedger};
