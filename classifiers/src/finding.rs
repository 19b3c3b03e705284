//! A finding: what stands where, how sure that is, and who said so. Never the value itself.

use crate::DataClass;

/// A classified part of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub class: DataClass,
    /// First byte in the decoded value.
    pub start: u32,
    /// Byte after the last in the decoded value.
    pub end: u32,
    /// How sure the detector is, in percent.
    pub confidence: u8,
    /// Which rule found it.
    pub detector: &'static str,
}

/// What kind of scalar a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// A string, decoded.
    Text,
    /// A number, as written.
    Number,
    /// `true` or `false`.
    Bool,
}
