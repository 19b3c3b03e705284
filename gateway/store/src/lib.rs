//! The only crate that speaks SQL.

mod aside;
mod budgets;
mod datakeys;
mod feed;
mod journal;
mod pack;
mod page;
mod postgres;
mod reader;
mod shown;
mod sqlite;
mod subjects;
mod writer;

pub use aside::{copy_budgets, copy_subjects, put_to_rest};
pub use budgets::{BUDGETS_FILE_NAME, SqliteBudgets, forget_seen};
pub use postgres::{NoPlace, PostgresLedger, PostgresPlace};
pub use shown::{SHOWN_FILE_NAME, keep_shown, shown};
pub use sqlite::{FILE_NAME, LOCK_NAME, SqliteLedger};
pub use subjects::{SUBJECTS_FILE_NAME, SqliteSubjects};
