//! Signed tree heads, as [`proof::checkpoint`] has them.

pub use proof::checkpoint::*;

#[cfg(test)]
mod tests;
