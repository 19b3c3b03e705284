//! What of a message could not be inspected, and what happens to it.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// What happens to a part of a message that cannot be inspected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opaque {
    /// It interrupts the message.
    #[default]
    Refuse,
    /// It passes, and [`crate::Body::gaps`] tells.
    Pass,
}

/// Why a part of a message was not inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// A part of a form is of a kind that nobody reads.
    PartUnknown,
    /// A string holds an image, a sound, an archive, or a data URL that is no text.
    EmbeddedMedia,
    /// A string holds many bytes in base64 that are no text and nothing that is known: an embedding, a
    /// signature, what is enciphered. It passes in any case: there is nothing to see.
    EmbeddedBinary,
    /// A string holds a document deeper than
    /// [`EMBEDDED_DEPTH_MAX`](classifiers::embedded::EMBEDDED_DEPTH_MAX).
    EmbeddedDepth,
    /// Nobody told what a protobuf message is.
    MessageUnknown,
    /// A protobuf message has fields, or holds a message, of which the descriptors say nothing.
    FieldUnknown,
    /// A text may tell rows of others in words.
    RowsUnknown,
}

impl Gap {
    const ALL: [Self; 7] = [
        Self::PartUnknown,
        Self::EmbeddedMedia,
        Self::EmbeddedBinary,
        Self::EmbeddedDepth,
        Self::MessageUnknown,
        Self::FieldUnknown,
        Self::RowsUnknown,
    ];

    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::PartUnknown => "part_unknown",
            Self::EmbeddedMedia => "embedded_media",
            Self::EmbeddedBinary => "embedded_binary",
            Self::EmbeddedDepth => "embedded_depth",
            Self::MessageUnknown => "message_unknown",
            Self::FieldUnknown => "field_unknown",
            Self::RowsUnknown => "rows_unknown",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::PartUnknown => 1,
            Self::EmbeddedMedia => 2,
            Self::EmbeddedBinary => 4,
            Self::EmbeddedDepth => 8,
            Self::MessageUnknown => 16,
            Self::FieldUnknown => 32,
            Self::RowsUnknown => 64,
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The gaps of one message, each once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gaps(u8);

impl Gaps {
    /// Whether everything was inspected.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Their names in records.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let noted = Gap::ALL
            .into_iter()
            .filter(move |gap| self.0 & gap.bit() != 0);
        noted.map(Gap::name)
    }

    /// Notes one.
    pub(crate) fn note(&mut self, gap: Gap) {
        self.0 |= gap.bit();
    }
}

impl BitOr for Gaps {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Gaps {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
