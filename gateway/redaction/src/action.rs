//! What may happen to a classified value before it is released.

use std::fmt;

/// What to do with a value of one data class, weakest first: of two, the greater wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Release the value as it is.
    Show,
    /// Put a stable keyed pseudonym (HMAC) in its place: equal values stay equal.
    Pseudonymize,
    /// Cover it, leaving what its class may keep (the last four digits of a card).
    Mask,
    /// Put a typed placeholder in its place: `[pii.email]`.
    Replace,
    /// Take the value out: `null` stands in its place, so that the shape holds.
    Drop,
    /// Refuse the whole message.
    Block,
}

impl Action {
    /// The action that an `@obligation` annotation names.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "pseudonymize" => Self::Pseudonymize,
            "mask" => Self::Mask,
            "replace" => Self::Replace,
            "drop" => Self::Drop,
            "block" => Self::Block,
            _ => return None,
        })
    }

    /// Its name in policies, records and telemetry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Pseudonymize => "pseudonymize",
            Self::Mask => "mask",
            Self::Replace => "replace",
            Self::Drop => "drop",
            Self::Block => "block",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
