//! Walkers: from the bytes of one media type to its values, in one pass and at any cut.

pub(crate) mod coding;
pub mod csv;
pub mod form;
pub mod json;
pub mod sse;
pub mod xml;
