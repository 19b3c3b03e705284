//! Names, addresses, places, dates and ages in free text.
//!
//! A small sequence tagger of our own (see [`model`]) and rules for what has a form. Both run only
//! for values of some words in which something may be named: see [`gate`].

mod feature;
mod gate;
mod gazetteer;
mod model;
mod tagger;
mod token;

pub use model::Entity;

/// What `lab train` shares with the tagger.
pub mod training {
    pub use super::feature::{FEATURES, REACH, ROW_BITS, rows};
    pub use super::gazetteer::{Lists, PROBES_MAX, SLOT_BYTES, TAG, start};
    pub use super::model::{ENTITIES, LABELS, LANES, WINDOW};
    pub use super::token::{Gap, Shape, Token, Tokens, fold, hash};
}
