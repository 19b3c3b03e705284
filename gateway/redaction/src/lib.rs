//! Findings and obligations in, edited bytes out.

mod action;
mod body;
mod coding;
mod document;
mod mask;
mod notation;
mod output;
mod pseudonym;
mod redactor;
mod summary;
mod trail;
mod transform;

pub use action::Action;
pub use body::Body;
pub use classifiers::document::Media;
pub use coding::{Coding, EXPANSION_FREE_BYTES, EXPANSION_RATIO_MAX, Undecodable};
pub use document::DocumentRedactor;
pub use output::Output;
pub use pseudonym::Pseudonyms;
pub use redactor::{Disclose, Interrupted, Redactor, Workspace};
pub use summary::{PLACES_MAX, Place, Summary};
