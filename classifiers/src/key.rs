//! What a member name says of the value under it.
//!
//! A name is split into words (camel, snake, kebab, spaces), folded to lower-case ASCII, and read
//! from its end, where English and its like put the noun: `homePhone` is a phone, `phone_verified`
//! is not. What stands before the noun is read the same way, and [`inherit`] joins the two, as it
//! joins a member to the object around it: `card_number` is `card: { number }`.

mod cache;
mod endings;
mod fold;
mod join;
mod reading;
mod spelling;
mod steps;
mod tells;
mod written;

pub use cache::KeyCache;
pub(crate) use endings::may_end_a_noun as may_be_known;
pub use join::inherit;
pub use steps::{Mark, Name, Spot};
pub(crate) use tells::Tells;

use crate::DataClass;
use crate::scan::is_vendor;

/// What a member name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyClass {
    /// Nothing that is known.
    None,
    /// The value is of this class, or holds values that are.
    Leaf(DataClass),
    /// The value is of this class if the object around it is about someone: `race`, `pin`, `cell`.
    Hint(DataClass),
    /// The value is about a natural person: `customer`, `author`.
    Someone,
    /// The value is about a patient.
    Patient,
    /// The value is about a payment card.
    Card,
    /// The value is about no person: `company`, `file`.
    Thing,
    /// `location`: of a person, if the object is about one.
    Place,
    /// `country`: which country's numbers stand beside it.
    Country,
    /// `name`: of a person, if the object is about one.
    Name,
    /// `displayName`: persons have one, and so have things.
    Called,
    /// `first`, `given`: part of a name, if the object is a name or about a person.
    NamePart,
    /// `number`: whatever the object is about.
    Number,
    /// `id`: whatever the object is about.
    Id,
    /// `date`, `on`: of a treatment, if the object is about one.
    Date,
    /// `code`, `description`: how a diagnosis is told, if the object is one.
    Term,
    /// `notes`: on a patient, if the object is about one.
    Note,
    /// `value`, `text`, `formatted`: the value that the object is there for.
    Value,
    /// `data`, `attributes`: a wrapper that changes nothing.
    Wrapper,
    /// `is`, `has`, `max`: what follows names no value.
    Negative,
    /// Numbers and codes that look like personal data and are none: orders, tracking, hashes.
    Veto,
}

impl KeyClass {
    /// The class of a name that says nothing.
    pub const NONE: Self = Self::None;

    /// The data class of the value, where the name alone tells it.
    pub fn data_class(self) -> Option<DataClass> {
        match self {
            Self::Leaf(class) => Some(class),
            _ => None,
        }
    }
}

/// Longest part of a name that is read, in bytes, from its end.
pub const KEY_BYTES_MAX: usize = 64;

/// What this member name means by itself.
pub fn key_class(name: &[u8]) -> KeyClass {
    // JSON Schema and its like: `$ref`, `$id`.
    if name.starts_with(b"$") {
        return KeyClass::Veto;
    }
    if !endings::may_end_a_noun(name) {
        return KeyClass::None;
    }
    match reading::read(name) {
        // `heroku_api_key`: a policy may know the vendor.
        KeyClass::Leaf(DataClass::GENERIC) if is_vendor(name) => {
            KeyClass::Leaf(DataClass::VENDOR_TOKEN)
        }
        class => class,
    }
}

#[cfg(test)]
mod tests;
