//! Names, addresses, places, dates and ages in free text.
//!
//! A small sequence tagger of our own (see [`model`]) and rules for what has a form. Both run only
//! for values of some words in which something may be named: see [`gate`].

mod block;
mod feature;
mod gate;
mod gazetteer;
mod model;
mod tagger;
mod token;
mod verify;

pub use model::Entity;

use crate::DataClass;
use crate::finding::Finding;
use gate::may_name;
pub(crate) use gate::{SPACES_MIN, TEXT_BYTES_MIN};
use model::Model;
use tagger::{Span, tag};

/// What `lab train` shares with the tagger.
pub mod training {
    pub use super::feature::{FEATURES, REACH, ROW_BITS, rows};
    pub use super::gazetteer::{Lists, PROBES_MAX, SLOT_BYTES, TAG, start};
    pub use super::model::{ENTITIES, LABELS, LANES, WINDOW};
    pub use super::token::{Gap, Shape, Token, Tokens, fold, hash};
}

/// The weights, made by `lab train`.
static WEIGHTS: &[u8] = include_bytes!("../data/prose.model");

/// Finds what is named in a text, beside what is already found in it from `from` on.
pub(crate) fn scan(text: &[u8], from: usize, findings: &mut Vec<Finding>) {
    if !may_name(text) {
        return;
    }
    let known = findings.len();
    let is_small = !text.iter().any(u8::is_ascii_uppercase);
    tag(&Model::of(WEIGHTS), text, |span, words| {
        if !verify::holds(&span, words, text, is_small) {
            return;
        }
        block::lines(span, words, |part| {
            let taken = findings.get(from..known).unwrap_or_default();
            let free = !taken
                .iter()
                .any(|other| other.start < part.end && part.start < other.end);
            findings.extend(finding(part).filter(|_| free));
        });
    });
    drop_dates_of_no_one(known, findings);
}

/// A date in a text is personal only beside a person or a place: the others are those of releases
/// and meetings.
fn drop_dates_of_no_one(known: usize, findings: &mut Vec<Finding>) {
    let new = findings.get(known..).unwrap_or_default();
    if new
        .iter()
        .any(|finding| finding.class != DataClass::DATE_TIME)
    {
        return;
    }
    findings.truncate(known);
}

fn finding(span: Span) -> Option<Finding> {
    let (class, detector) = match span.entity {
        Entity::Person => (DataClass::PERSON, "prose-name"),
        Entity::Address => (DataClass::ADDRESS, "prose-address"),
        Entity::Location => (DataClass::LOCATION, "prose-place"),
        Entity::Date => (DataClass::DATE_TIME, "prose-date"),
        Entity::Organization => return None,
    };
    Some(Finding {
        class,
        start: span.start,
        end: span.end,
        confidence: 60,
        detector,
    })
}

#[cfg(test)]
mod tests;
