//! An address over several lines, as its lines.
//!
//! In a letter's head the street, the city and the country stand in lines of their own, and each is
//! worth its own class. Inside a sentence an address is one thing, whatever breaks it.

use super::gazetteer::Lists;
use super::model::Entity;
use super::tagger::Span;
use super::token::{Gap, Shape, Token};

/// Hands the lines of an address to `found`; or the whole, if it is no block of lines.
pub(super) fn lines(span: Span, words: &[Token], mut found: impl FnMut(Span)) {
    let starts_line = words
        .first()
        .is_some_and(|word| word.gap.has(Gap::LINE | Gap::START));
    let has_lines = words.iter().skip(1).any(|word| word.gap.has(Gap::LINE));
    if span.entity != Entity::Address || !starts_line || !has_lines {
        found(span);
        return;
    }
    let mut rest = words;
    while let [first, after @ ..] = rest {
        let length = 1 + after
            .iter()
            .take_while(|word| !word.gap.has(Gap::LINE))
            .count();
        let (line, next) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        parts(span, *first, line, &mut found);
        rest = next;
    }
}

/// The parts of one line: a street is one, a city and its postcode are two.
fn parts(span: Span, first: Token, line: &[Token], found: &mut impl FnMut(Span)) {
    let is_street = line
        .iter()
        .any(|word| word.lists.has(Lists::STREET) && !word.lists.has(Lists::CITY))
        || matches!(line, [.., last] if is_short_number(last.shape));
    let mut part = |entity, words: &[Token]| {
        if let (Some(first), Some(last)) = (words.first(), words.last()) {
            found(Span {
                entity,
                start: first.start,
                end: last.end,
                ..span
            });
        }
    };
    if is_street || is_short_number(first.shape) {
        part(Entity::Address, line);
        return;
    }
    let codes = line.iter().rev().take_while(|word| is_code(word)).count();
    let (place, code) = line
        .split_at_checked(line.len() - codes)
        .unwrap_or((line, &[]));
    let leading = place.iter().take_while(|word| is_code(word)).count();
    let (lead, place) = place.split_at_checked(leading).unwrap_or((&[], place));
    part(Entity::Address, lead);
    part(Entity::Location, place);
    part(Entity::Address, code);
}

fn is_short_number(shape: Shape) -> bool {
    matches!(shape, Shape::Digit1 | Shape::Digit2 | Shape::Digit3)
}

/// Whether a word is part of a postcode.
fn is_code(word: &Token) -> bool {
    matches!(
        word.shape,
        Shape::Digit4 | Shape::Digit5 | Shape::Year | Shape::Number | Shape::Mixed | Shape::Ordinal
    )
}
