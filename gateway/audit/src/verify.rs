//! Judges a log with nothing but its public key, as [`proof::verify`] does.

pub use proof::verify::*;

#[cfg(test)]
mod tests;
