//! The only crate that speaks SQL.

mod budgets;
mod pack;
mod sqlite;

pub use budgets::{BUDGETS_FILE_NAME, SqliteBudgets};
pub use sqlite::{FILE_NAME, LOCK_NAME, SqliteLedger};
