//! The labels of a whole text, window by window, as spans.

use super::feature::REACH;
use super::model::{ENTITIES, Entity, Labels, Model, WINDOW};
use super::token::{Token, Tokens};

/// Words of a window whose labels wait for the next one, which sees more of what follows.
pub(super) const OVERLAP: usize = 16;

/// An entity in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// What it is.
    pub(super) entity: Entity,
    /// First byte.
    pub(super) start: u32,
    /// Byte after the last.
    pub(super) end: u32,
    /// Mean lead of its labels over none.
    pub(super) lead: i16,
}

/// Hands the entities of a text to `found`, in order. Labels are settled once [`OVERLAP`] words
/// behind them were seen.
pub(super) fn tag(model: &Model, text: &[u8], mut found: impl FnMut(Span, &[Token])) {
    let mut tokens = Tokens::of(text);
    let mut words = [Token::default(); WINDOW];
    let mut before = [Token::default(); REACH];
    let mut held = 0;
    loop {
        let mut count = held;
        for slot in words.iter_mut().skip(held) {
            let Some(token) = tokens.next() else { break };
            *slot = token;
            count += 1;
        }
        let window = words.get(..count).unwrap_or_default();
        let mut labels = Labels::default();
        model.decode(window, before, &mut labels);
        let is_last = count < WINDOW;
        let settled = if is_last { count } else { WINDOW - OVERLAP };
        let end = spans(window, &labels, settled, &mut found);
        if is_last {
            return;
        }
        for (slot, back) in before.iter_mut().zip((1..=REACH).rev()) {
            *slot = words.get(end - back).copied().unwrap_or_default();
        }
        words.copy_within(end.., 0);
        held = WINDOW - end;
    }
}

/// Reads spans that start within the first `settled` words, and returns where reading goes on.
fn spans(
    words: &[Token],
    labels: &Labels,
    settled: usize,
    found: &mut impl FnMut(Span, &[Token]),
) -> usize {
    let mut at = 0;
    while at < settled {
        let label = labels.labels.get(at).copied().unwrap_or(0);
        let entity = usize::from(label)
            .checked_sub(1)
            .and_then(|label| ENTITIES.get(label / 2));
        let Some(entity) = entity else {
            at += 1;
            continue;
        };
        let rest = labels.labels.get(at + 1..words.len()).unwrap_or_default();
        let length = 1 + rest.iter().take_while(|next| **next == label + 1).count();
        let covered = words.get(at..at + length).unwrap_or_default();
        if let [first, ..] = covered
            && let [.., last] = covered
        {
            let span = Span {
                entity: *entity,
                start: first.start,
                end: last.end,
                lead: mean(labels.leads.get(at..at + length).unwrap_or_default()),
            };
            found(span, covered);
        }
        at += length;
    }
    at
}

fn mean(leads: &[i16]) -> i16 {
    let sum: i32 = leads.iter().map(|lead| i32::from(*lead)).sum();
    let count = i32::try_from(leads.len()).unwrap_or(1).max(1);
    i16::try_from(sum / count).unwrap_or(i16::MAX)
}
