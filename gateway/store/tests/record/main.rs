//! The record from end to end: real files, real threads, real kills, real tampering.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod appending;
mod attacks;
mod crash;
mod events;
mod home;
mod reading;
mod tampering;
