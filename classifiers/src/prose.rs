//! Names, addresses, places, dates and ages in free text.
//!
//! A small sequence tagger of our own (see [`model`]) and rules for what has a form. Both run only
//! for values of some words in which something may be named: see [`gate`].

mod age;
mod block;
mod feature;
mod gate;
mod gazetteer;
mod model;
mod person;
mod tagger;
mod token;
mod verify;

pub use model::Entity;

use crate::DataClass;
use crate::finding::Finding;
pub(crate) use gate::{SPACES_MIN, TEXT_BYTES_MIN};
use model::MODEL;
pub(crate) use person::is_full_name;
use tagger::{Span, tag};

/// What `lab train` shares with the tagger.
pub mod training {
    pub use super::feature::{FEATURES, REACH, ROW_BITS, row_and_tag, rows};
    pub use super::gazetteer::{Lists, PROBES_MAX, SLOT_BYTES, TAG, start};
    pub use super::model::{ENTITIES, LABELS, LANES, TAG_LANE, WINDOW};
    pub use super::token::{Gap, Shape, Token, Tokens, fold, hash};
}

/// Finds what is named in a text, beside what is already found in it from `from` on.
#[inline]
pub(crate) fn scan(text: &[u8], from: usize, findings: &mut Vec<Finding>) {
    let signs = gate::signs(text);
    if signs.digits {
        age::scan(text, findings);
    }
    if signs.names {
        name(text, from, findings);
    }
}

fn name(text: &[u8], from: usize, findings: &mut Vec<Finding>) {
    let known = findings.len();
    let is_small = !text.iter().any(u8::is_ascii_uppercase);
    tag(&MODEL, text, |span, words| {
        if !verify::holds(&span, words, text, is_small) {
            return;
        }
        block::lines(span, words, |part| {
            let taken = findings.get(from..known).unwrap_or_default();
            let free = !taken
                .iter()
                .any(|other| other.start < part.end && part.start < other.end);
            findings.extend(finding(part, text).filter(|_| free));
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
        .all(|finding| finding.class == DataClass::DATE_TIME)
    {
        findings.truncate(known);
    }
}

/// What stands before a date of birth.
const BIRTH: [&str; 22] = [
    "born",
    "born on",
    "dob",
    "date of birth",
    "birthday",
    "birthdate",
    "geb",
    "geboren",
    "geboren am",
    "geboren op",
    "geburtsdatum",
    "geboortedatum",
    "né le",
    "née le",
    "date de naissance",
    "nacido el",
    "nacida el",
    "fecha de nacimiento",
    "nato il",
    "nata il",
    "nascido em",
    "nascida em",
];
/// Most bytes looked at before a date.
const BEFORE_BYTES_MAX: usize = 32;

fn is_birth(text: &[u8], start: u32) -> bool {
    let start = usize::try_from(start).unwrap_or(0);
    let head = text
        .get(start.saturating_sub(BEFORE_BYTES_MAX)..start)
        .unwrap_or_default();
    let end = head
        .iter()
        .rposition(u8::is_ascii_alphanumeric)
        .map_or(0, |last| last + 1);
    let head = head.get(..end).unwrap_or_default();
    BIRTH.iter().any(|cue| {
        head.len()
            .checked_sub(cue.len())
            .and_then(|at| head.get(at..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(cue.as_bytes()))
    })
}

fn finding(span: Span, text: &[u8]) -> Option<Finding> {
    let (class, most, detector) = match span.entity {
        Entity::Person => (DataClass::PERSON, 75, "prose-name"),
        Entity::Address => (DataClass::ADDRESS, 75, "prose-address"),
        Entity::Location => (DataClass::LOCATION, 65, "prose-place"),
        Entity::Date if is_birth(text, span.start) => (DataClass::DOB, 75, "prose-birth"),
        Entity::Date => (DataClass::DATE_TIME, 55, "prose-date"),
        Entity::Organization => return None,
    };
    Some(Finding {
        class,
        start: span.start,
        end: span.end,
        confidence: confidence(span.lead).min(most),
        detector,
    })
}

/// How sure a lead over no label makes, in percent: a name of a hundred that leads by a thousand is
/// wrong, of three that lead by two hundred one is.
fn confidence(lead: i16) -> u8 {
    u8::try_from(50 + lead.clamp(0, 1000) / 40).unwrap_or(50)
}

#[cfg(test)]
mod tests;
