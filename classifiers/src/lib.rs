//! Bytes in, findings out: where personal, health, payment and secret data stands in a document.
//!
//! A walker keeps one [`Context`] per nesting level, moves it with [`Context::member`] and
//! [`Context::element`], and hands each scalar to [`classify_value`]. Nothing here performs I/O,
//! reads a clock, or keeps a value.

mod bits;
pub mod check;
mod context;
pub mod declared;
pub mod document;
pub mod embedded;
mod explain;
mod fhir;
mod finding;
mod hl7;
mod jurisdiction;
mod key;
pub mod media;
pub mod operator;
mod packed;
pub mod prose;
mod scan;
mod taxonomy;
mod vector;
mod words;

pub use context::{Context, DISCRIMINATOR_BYTES_MAX};
pub use explain::{Explanation, explain};
pub use finding::{Finding, ValueKind};
pub use key::{KEY_BYTES_MAX, KeyCache, KeyClass, Mark, Name, Spot, inherit, key_class};
pub use scan::{classify_key, classify_value, classify_value_with};
pub use taxonomy::{CLASSES_MAX, Ccpa, DataClass, Severity};
