//! Findings and obligations in, edited bytes out.

mod action;
mod body;
pub mod census;
mod coding;
mod document;
mod editor;
mod mask;
pub mod media_type;
mod multipart;
mod notation;
mod output;
mod protobuf;
mod pseudonym;
mod redactor;
mod restore;
pub mod shape;
mod summary;
pub mod token;
mod trail;
mod transform;
mod uninspected;

pub use action::{
    Action, DECIMALS, DECIMALS_MAX, KEPT_MAX, NoAction, OBLIGATIONS, SHIFT_DAYS, SHIFT_DAYS_MAX,
};
pub use body::{Body, Format};
pub use classifiers::document::Media;
pub use coding::{Coding, EXPANSION_FREE_BYTES, EXPANSION_RATIO_MAX, Encoder, Undecodable};
pub use document::DocumentRedactor;
pub use multipart::{BOUNDARY_BYTES_MAX, Boundary, HEAD_BYTES_MAX, PARTS_MAX};
pub use output::Output;
pub use protobuf::{Descriptors, Framing, MESSAGE_BYTES_MAX, MessageType, Method, ending};
pub use pseudonym::Pseudonyms;
pub use redactor::{Disclose, Interrupted, Redactor, Workspace};
pub use restore::{DocumentRestorer, Restore, Restored, Restorer};
pub use summary::{PLACES_MAX, Place, Summary};
pub use uninspected::{Gap, Gaps, Opaque};
