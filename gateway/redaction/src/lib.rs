//! Findings and obligations in, edited bytes out.

mod action;

pub use action::Action;
