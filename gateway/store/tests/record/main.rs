//! The record from end to end: real files, real threads, real kills, real tampering.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

/// Each of these tests on a log in a directory, and on one in a PostgreSQL.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::home::Home::sqlite()).await;
            })+
        }

        mod on_postgres {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::home::Home::postgres()).await;
            })+
        }
    };
}
pub(crate) use on_both;

mod appending;
mod attacks;
mod ceding;
mod cluster;
mod copying;
mod crash;
mod events;
mod home;
mod postgres;
mod reading;
mod retention;
mod rotation;
mod sabotage;
mod sittings;
mod succession;
mod tampering;
