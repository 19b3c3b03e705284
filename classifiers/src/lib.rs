//! Bytes in, findings out: where personal, health, payment and secret data stands in a document.

mod taxonomy;

pub use taxonomy::{CLASSES_MAX, DataClass};
