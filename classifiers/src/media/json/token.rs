//! What the walker hands out, and what it refuses.

use thiserror::Error;

/// What a scalar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// A string.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `null`.
    Null,
}

/// A name or a scalar.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    /// Where it begins in the document.
    pub start: u64,
    /// As written, quotes included.
    pub raw: &'a [u8],
    /// As meant: without quotes and escapes, always UTF-8.
    pub decoded: &'a [u8],
}

/// Who is told what the walker finds, in document order.
pub trait Visitor {
    /// `{`
    fn object_start(&mut self);
    /// `}`
    fn object_end(&mut self);
    /// `[`
    fn array_start(&mut self);
    /// `]`
    fn array_end(&mut self);
    /// The name of the member whose value comes next.
    fn name(&mut self, name: Token<'_>);
    /// A string, number, boolean or null.
    fn scalar(&mut self, kind: Scalar, value: Token<'_>);

    /// The length of the next name, if the visitor knew that it would come, and was told it herewith:
    /// `written` begins with it, with its quotes and the colon behind them, and it means what is
    /// written. It stands at `place` in the chunk. If nothing, [`Visitor::name`] follows.
    #[inline]
    fn foresees(&mut self, place: usize, written: &[u8; AHEAD_BYTES]) -> Option<usize> {
        let _ = (place, written);
        None
    }

    /// Whether scalars need not be told here in which [`crate::classify_value`] finds nothing by
    /// their look. Most values of an API are such, and the walker knows it before it has read them.
    #[inline]
    fn skips_bland(&self) -> bool {
        false
    }

    /// Whether a text in which nothing is found by its look, the first `length` bytes of `ahead`,
    /// tells only what was told before, so that it is heard herewith. If not, [`Visitor::bland`]
    /// follows.
    #[inline]
    fn hears(&mut self, length: usize, ahead: &[u8; AHEAD_BYTES]) -> bool {
        let _ = (length, ahead);
        false
    }

    /// As [`Visitor::scalar`], of one in which nothing is found by its look.
    #[inline]
    fn bland(&mut self, kind: Scalar, value: Token<'_>) {
        self.scalar(kind, value);
    }
}

/// How many bytes are at hand where a token begins: more than most names have.
pub const AHEAD_BYTES: usize = 32;

/// Not a JSON document, or not one within the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{flaw} at byte {offset}")]
pub struct Unreadable {
    /// The offending byte, counted from the document's first.
    pub offset: u64,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// What makes a document unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Flaw {
    /// Nothing but white space.
    #[error("empty document")]
    Empty,
    /// The document ends inside a value.
    #[error("document cut short")]
    Truncated,
    /// Something follows the document's value.
    #[error("bytes behind the document")]
    TrailingBytes,
    /// A byte that the grammar does not allow there; a byte order mark is one.
    #[error("byte out of place")]
    ByteOutOfPlace,
    /// A raw control character in a string.
    #[error("control character in a string")]
    ControlCharacter,
    /// A string that is not UTF-8.
    #[error("invalid utf-8")]
    Utf8,
    /// An unknown or incomplete escape.
    #[error("invalid escape")]
    Escape,
    /// Half of a surrogate pair: there is no such character, and receivers disagree about it.
    #[error("unpaired surrogate")]
    Surrogate,
    /// A number that RFC 8259 does not know: `01`, `1.`, `+1`.
    #[error("invalid number")]
    Number,
    /// More open containers than [`super::DEPTH_MAX`].
    #[error("nesting too deep")]
    TooDeep,
    /// A token longer than [`super::VALUE_BYTES_MAX`].
    #[error("value too long")]
    ValueTooLong,
}
