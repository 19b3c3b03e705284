//! What each byte of a block is, as bits.

/// Bytes to a word of a bitmap.
pub(crate) const BLOCK_BYTES: usize = 64;

pub(crate) type Block = [u8; BLOCK_BYTES];

/// Which bytes of a block are what, in strings and outside: a bit for each byte, the first lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Masks {
    pub(crate) quote: u64,
    pub(crate) backslash: u64,
    /// Below `U+0020`.
    pub(crate) control: u64,
    /// Above 127.
    pub(crate) wide: u64,
    /// Space, tab, line feed, carriage return.
    pub(crate) white: u64,
    pub(crate) comma: u64,
    pub(crate) colon: u64,
    /// `{` and `[`.
    pub(crate) open: u64,
    /// `}` and `]`.
    pub(crate) close: u64,
    pub(crate) dot: u64,
    pub(crate) underscore: u64,
    /// `%` and `&`.
    pub(crate) coded: u64,
    /// `A` to `Z`.
    pub(crate) capital: u64,
    pub(crate) digit: u64,
    /// `0` to `@`: digits, `:`, `@`, and what lies between them.
    pub(crate) mark: u64,
}
