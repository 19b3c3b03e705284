//! What each byte of a block is, as bits.

/// Bytes to a word of a bitmap.
pub(crate) const BLOCK_BYTES: usize = 64;

pub(crate) type Block = [u8; BLOCK_BYTES];

/// The bytes as whole blocks, the last with zeros behind them, which are none of what a detector
/// looks for.
#[expect(
    clippy::inline_always,
    reason = "part of functions that are compiled for more instructions than the rest"
)]
#[inline(always)]
pub(crate) fn each_block(bytes: &[u8], mut visit: impl FnMut(&Block)) {
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    blocks.iter().for_each(&mut visit);
    if !rest.is_empty() {
        visit(&padded(rest));
    }
}

/// The first bytes, with zeros behind them up to a block.
#[inline]
pub(crate) fn padded(bytes: &[u8]) -> Block {
    let mut block = [0; BLOCK_BYTES];
    let length = bytes.len().min(BLOCK_BYTES);
    if let (Some(to), Some(from)) = (block.get_mut(..length), bytes.get(..length)) {
        to.copy_from_slice(from);
    }
    block
}

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
    /// `A` to `Z` and `a` to `z`.
    pub(crate) letter: u64,
    /// Tab to space: white space and the control characters between.
    pub(crate) blank: u64,
    pub(crate) space: u64,
    pub(crate) hyphen: u64,
    pub(crate) equals: u64,
    pub(crate) at: u64,
    pub(crate) digit: u64,
    /// `0` to `@`: digits, `:`, `@`, and what lies between them.
    pub(crate) mark: u64,
}
