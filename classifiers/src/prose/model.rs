//! The weights, and the best labels for a window of words.
//!
//! An averaged perceptron over a linear chain (Collins, "Discriminative Training Methods for Hidden
//! Markov Models", EMNLP 2002): each word's features choose rows of weights, one weight a label;
//! each pair of neighbouring labels has a weight; Viterbi finds the labels with the highest sum.

#![expect(
    clippy::inline_always,
    reason = "all of it must be compiled for the instructions of the one function it is part of"
)]

use std::cell::RefCell;
use std::sync::LazyLock;

use super::feature::{self, REACH};
use super::token::Token;
use crate::vector::{Half, Level, Sight, Work};

/// What a word is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    /// A person's name.
    Person,
    /// A street with its number, or a whole postal address.
    Address,
    /// A city, region or country.
    Location,
    /// A date.
    Date,
    /// A company or the like: learned to keep it from being taken for a name.
    Organization,
}

/// All entities, in the order of their labels.
pub const ENTITIES: [Entity; 5] = [
    Entity::Person,
    Entity::Address,
    Entity::Location,
    Entity::Date,
    Entity::Organization,
];

/// Labels: none, and two for each entity, for its first word and for the others.
pub const LABELS: usize = 1 + 2 * ENTITIES.len();
/// Weights of a row: labels, filled up to a power of two, so that a row is one vector register.
pub const LANES: usize = 16;
/// The lane of a row that holds no weight but the tag of its feature.
pub const TAG_LANE: usize = LANES - 1;
/// Most words that are labelled together.
pub const WINDOW: usize = 64;

/// One sum for each label, and unused ones.
pub(super) type Scores = [i32; LANES];

/// The weights as the tagger reads them.
#[derive(Debug)]
pub(super) struct Model {
    transitions: [Scores; LABELS],
    rows: &'static [[u8; LANES]],
}

/// The weights of this crate.
pub(super) static MODEL: LazyLock<Model> =
    LazyLock::new(|| Model::of(include_bytes!("../../data/prose.model")));

/// Bytes of the table of transitions, at the start of the file: two for each pair of lanes.
pub(super) const TRANSITION_BYTES: usize = 2 * LANES * LANES;

impl Model {
    /// Reads what `lab train` wrote: transitions, then rows.
    #[must_use]
    pub(super) fn of(bytes: &'static [u8]) -> Self {
        let (transitions, rows) = bytes.split_at_checked(TRANSITION_BYTES).unwrap_or_default();
        let (transitions, _) = transitions.as_chunks();
        Self {
            transitions: std::array::from_fn(|from| transition(transitions, from)),
            rows: rows.as_chunks().0,
        }
    }

    /// How much each label fits the middle of five words.
    #[inline(always)]
    fn emissions(&self, window: [&Token; 2 * REACH + 1]) -> Scores {
        let mut sums = [0i16; LANES];
        for row in feature::rows(window) {
            let (row, tag) = feature::row_and_tag(row);
            let Some(row) = self.rows.get(row) else {
                continue;
            };
            // All ones if the row is this feature's.
            let own = i16::from(row.get(TAG_LANE) == Some(&tag)).wrapping_neg();
            for (sum, weight) in sums.iter_mut().zip(row) {
                // A byte is a weight between -128 and 127, and there are few: no overflow.
                *sum = sum.wrapping_add(i16::from(weight.cast_signed()) & own);
            }
        }
        sums.map(i32::from)
    }

    /// The label of each word, and how far it is ahead of none.
    pub(super) fn decode(&self, words: &[Token], before: [Token; REACH], labels: &mut Labels) {
        LATTICE.with_borrow_mut(|lattice| {
            Level::best().work(Decoding {
                model: self,
                words: words.get(..WINDOW).unwrap_or(words),
                before,
                lattice,
            });
            lattice.trace(labels);
        });
    }
}

/// The transitions from a label, with what may not follow it far below all.
fn transition(transitions: &[[u8; 2 * LANES]], from: usize) -> Scores {
    let mut scores = [IMPOSSIBLE; LANES];
    if let Some(row) = transitions.get(from) {
        let weights = row.as_chunks::<2>().0.iter().take(LABELS);
        for ((to, score), bytes) in scores.iter_mut().enumerate().zip(weights) {
            if !continues(to) || may_follow(from, to) {
                *score = i32::from(i16::from_le_bytes(*bytes));
            }
        }
    }
    scores
}

thread_local! {
    /// Kept, because to clear one costs more than to fill it for a short text.
    static LATTICE: RefCell<Box<Lattice>> = RefCell::default();
}

/// The filling of a lattice.
struct Decoding<'a> {
    model: &'a Model,
    words: &'a [Token],
    before: [Token; REACH],
    lattice: &'a mut Lattice,
}

impl Work for Decoding<'_> {
    type Done = ();

    #[inline(always)]
    fn run(self, _: impl Fn(&Half) -> Sight) {
        let Self {
            model,
            words,
            before,
            lattice,
        } = self;
        let none = Token::default();
        let at = |index: usize| words.get(index).unwrap_or(&none);
        let [b2, b1] = &before;
        lattice.best = [0; LANES];
        lattice.length = 0;
        for index in 0..words.len() {
            let (w2, w1) = match index {
                0 => (b2, b1),
                1 => (b1, at(0)),
                _ => (at(index - 2), at(index - 1)),
            };
            let scores = model.emissions([w2, w1, at(index), at(index + 1), at(index + 2)]);
            lattice.step(&model.transitions, &scores);
        }
    }
}

/// The labels of a window, and the lead of each over no label, in units of the model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels {
    /// The labels: 0 is none, `1 + 2 * entity` starts an entity, the next goes on with it.
    pub(super) labels: [u8; WINDOW],
    /// By how much.
    pub(super) leads: [i16; WINDOW],
}

impl Default for Labels {
    fn default() -> Self {
        Self {
            labels: [0; WINDOW],
            leads: [0; WINDOW],
        }
    }
}

/// Viterbi's table.
struct Lattice {
    best: Scores,
    from: [[u8; LANES]; WINDOW],
    leads: [Scores; WINDOW],
    length: usize,
}

impl Default for Lattice {
    fn default() -> Self {
        Self {
            best: [0; LANES],
            from: [[0; LANES]; WINDOW],
            leads: [[0; LANES]; WINDOW],
            length: 0,
        }
    }
}

/// Far below any sum of weights.
const IMPOSSIBLE: i32 = i32::MIN / 8;

impl Lattice {
    #[inline(always)]
    fn step(&mut self, transitions: &[Scores; LABELS], scores: &Scores) {
        let mut best = [IMPOSSIBLE; LANES];
        let mut from = [0; LANES];
        // Before the first word stands no entity.
        let labels = if self.length == 0 { 1 } else { LABELS };
        for ((label, transitions), before) in (0..).zip(transitions).zip(&self.best).take(labels) {
            for (((slot, from), weight), to) in
                best.iter_mut().zip(&mut from).zip(transitions).zip(scores)
            {
                // Sums stay far from the bounds: 64 words of at most 2^13 each.
                let sum = before.wrapping_add(*weight).wrapping_add(*to);
                *from = if sum > *slot { label } else { *from };
                *slot = sum.max(*slot);
            }
        }
        // What is impossible must not sink below what can be held.
        self.best = best.map(|score| score.max(IMPOSSIBLE));
        if let Some(slot) = self.from.get_mut(self.length) {
            *slot = from.map(|label: i32| u8::try_from(label).unwrap_or(0));
        }
        if let Some(slot) = self.leads.get_mut(self.length) {
            let none = scores.first().copied().unwrap_or(0);
            *slot = scores.map(|score| score.wrapping_sub(none));
        }
        self.length += 1;
    }

    fn trace(&self, labels: &mut Labels) {
        let best = self
            .best
            .iter()
            .zip(0u8..)
            .max_by_key(|(score, label)| (**score, u8::MAX - label));
        let mut label = best.map_or(0, |(_, label)| label);
        for index in (0..self.length.min(WINDOW)).rev() {
            let lane = usize::from(label);
            if let Some(slot) = labels.labels.get_mut(index) {
                *slot = label;
            }
            if let Some(slot) = labels.leads.get_mut(index) {
                let lead = self.leads.get(index).and_then(|leads| leads.get(lane));
                *slot = i16::try_from(lead.copied().unwrap_or(0)).unwrap_or(i16::MAX);
            }
            label = self
                .from
                .get(index)
                .and_then(|from| from.get(lane))
                .copied()
                .unwrap_or(0);
        }
    }
}

/// Whether a label goes on with an entity.
fn continues(label: usize) -> bool {
    label > 0 && label.is_multiple_of(2)
}

/// Whether the second label, which goes on with an entity, may stand behind the first.
fn may_follow(first: usize, second: usize) -> bool {
    first == second || first + 1 == second
}
