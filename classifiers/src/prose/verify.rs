//! What a span must hold to be believed, whatever its words' weights say.
//!
//! The tagger sees five words at a time and guesses by their company. A name written small, a
//! place that is an abbreviation, a date without a day: these it would take too, and a document of
//! an API is full of them.

use super::gazetteer::Lists;
use super::model::Entity;
use super::tagger::Span;
use super::token::{Gap, Shape, Token};

/// Least lead of a single word that no list of names holds, in units of the model.
const STRANGER_LEAD_MIN: i16 = 300;
/// Least lead of several words of which no list of names holds one.
const STRANGERS_LEAD_MIN: i16 = 200;
/// Least lead of a place that is an ordinary word or on no list.
const PLACE_LEAD_MIN: i16 = 300;

const NAMES: u16 = Lists::GIVEN | Lists::FAMILY;
const OTHERS: u16 = Lists::WORD | Lists::PRODUCT | Lists::COMPANY | Lists::MONTH;

/// Whether these words can be what the tagger takes them for. In a text without any capital,
/// `is_small`, names are written small too.
pub(super) fn holds(span: &Span, words: &[Token], text: &[u8], is_small: bool) -> bool {
    match span.entity {
        Entity::Person => is_person(span, words, is_small),
        Entity::Address => is_address(words, is_small),
        Entity::Location => is_place(span, words, is_small),
        Entity::Date => is_date(words, text),
        Entity::Organization => false,
    }
}

fn is_person(span: &Span, words: &[Token], is_small: bool) -> bool {
    let spelled = words.iter().all(|word| {
        is_capital(word.shape) || is_small || word.lists.has(Lists::PARTICLE | Lists::TITLE)
    });
    if !spelled
        || words
            .iter()
            .skip(1)
            .any(|word| word.gap.has(Gap::LINE | Gap::WIDE))
    {
        return false;
    }
    let known = words
        .iter()
        .any(|word| word.lists.has(NAMES) && !word.lists.has(OTHERS));
    match words {
        [only] if known => is_small || is_name(only.shape),
        [only] => {
            matches!(only.shape, Shape::Capital | Shape::Compound) && span.lead >= STRANGER_LEAD_MIN
        }
        _ if is_small => known,
        _ => {
            let lead = if known { 0 } else { STRANGERS_LEAD_MIN };
            span.lead >= lead && words.iter().any(|word| is_name(word.shape))
        }
    }
}

/// Whether a word is written as a part of a name may be.
fn is_capital(shape: Shape) -> bool {
    is_name(shape) || matches!(shape, Shape::Initial | Shape::Acronym | Shape::Dotted)
}

/// Whether a word is written as a name, and is more than an initial.
fn is_name(shape: Shape) -> bool {
    matches!(
        shape,
        Shape::Capital | Shape::Upper | Shape::Camel | Shape::Compound
    )
}

fn is_place(span: &Span, words: &[Token], is_small: bool) -> bool {
    let spelled = words.iter().any(|word| {
        is_name(word.shape)
            || is_small
            || word.shape == Shape::Acronym && word.lists.has(Lists::REGION)
    });
    let known = words.iter().any(|word| {
        word.lists.has(Lists::CITY | Lists::REGION) && !word.lists.has(Lists::WORD | Lists::PRODUCT)
    });
    spelled && (known || !is_small && span.lead >= PLACE_LEAD_MIN)
}

/// An address has a number and a name, or a street.
fn is_address(words: &[Token], is_small: bool) -> bool {
    let street = words.iter().any(|word| word.lists.has(Lists::STREET));
    let numbered = words.iter().any(|word| is_number(word.shape));
    let named = words.iter().any(|word| is_capital(word.shape));
    if is_small {
        street && numbered
    } else {
        numbered && named || street && words.len() > 1
    }
}

fn is_number(shape: Shape) -> bool {
    matches!(
        shape,
        Shape::Digit1
            | Shape::Digit2
            | Shape::Digit3
            | Shape::Digit4
            | Shape::Year
            | Shape::Digit5
            | Shape::Ordinal
            | Shape::Mixed
            | Shape::Number
    )
}

/// A date has a day or a month with a name: a year alone is no element of 45 CFR
/// 164.514(b)(2)(i)(C).
fn is_date(words: &[Token], text: &[u8]) -> bool {
    words.iter().any(|word| match word.shape {
        Shape::Date => is_calendar_date(word.of(text)),
        _ => words.len() > 1 && word.lists.has(Lists::MONTH),
    })
}

/// Whether three numbers can be day, month and year in some order.
fn is_calendar_date(text: &[u8]) -> bool {
    let mut numbers = [0u32; 3];
    let groups = text.split(|byte| !byte.is_ascii_digit());
    for (slot, group) in numbers.iter_mut().zip(groups) {
        *slot = group
            .iter()
            .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    }
    match numbers {
        [1800..=2199, month, day] => (1..=12).contains(&month) && (1..=31).contains(&day),
        [first, second, 0..=99 | 1800..=2199] => {
            (1..=12).contains(&first.min(second)) && first.max(second) <= 31
        }
        _ => false,
    }
}
