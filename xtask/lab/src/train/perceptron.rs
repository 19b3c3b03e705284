//! The averaged perceptron (Collins 2002; averaging as in Daumé, "Practical Structured Learning
//! Techniques", 2006, section 2.1.1).

use classifiers::prose::Entity;
use classifiers::prose::training::{
    ENTITIES, FEATURES, LABELS, LANES, REACH, ROW_BITS, TAG_LANE, Token, Tokens, WINDOW,
    row_and_tag, rows,
};

use super::Text;
use super::random::Random;

/// The words of one text as rows of the model, and their labels.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    rows: Vec<[u32; FEATURES]>,
    labels: Vec<usize>,
}

impl Example {
    /// Reads a text, as far as one window goes.
    pub(crate) fn of(text: &Text) -> Self {
        let words: Vec<Token> = Tokens::of(text.text.as_bytes()).take(WINDOW).collect();
        let none = Token::default();
        let at = |index: Option<usize>| index.and_then(|index| words.get(index)).unwrap_or(&none);
        let window =
            |index: usize| std::array::from_fn(|offset| at((index + offset).checked_sub(REACH)));
        Self {
            rows: (0..words.len()).map(|index| rows(window(index))).collect(),
            labels: labels(&words, &text.entities),
        }
    }
}

fn labels(words: &[Token], entities: &[(usize, usize, Entity)]) -> Vec<usize> {
    let mut last = None;
    let label = |word: &Token| {
        let start = usize::try_from(word.start).unwrap_or(usize::MAX);
        let found = entities
            .iter()
            .position(|(from, to, _)| (*from..*to).contains(&start));
        let goes_on = found.is_some() && found == last;
        last = found;
        let entity = found.and_then(|found| entities.get(found));
        let number = entity.and_then(|(.., entity)| ENTITIES.iter().position(|one| one == entity));
        number.map_or(0, |number| 1 + 2 * number + usize::from(goes_on))
    };
    words.iter().map(label).collect()
}

/// Which feature each row belongs to: the most frequent of those that fall on it, by its tag.
pub(crate) fn owners(examples: &[Example]) -> Vec<u8> {
    let mut counts = vec![0u32; 1 << (ROW_BITS + 8)];
    for row in examples
        .iter()
        .flat_map(|example| example.rows.iter().flatten())
    {
        if let Some(count) = usize::try_from(*row)
            .ok()
            .and_then(|row| counts.get_mut(row))
        {
            *count += 1;
        }
    }
    let (rows, _) = counts.as_chunks::<256>();
    rows.iter()
        .map(|counts| {
            let tagged = (0..=u8::MAX).zip(counts);
            tagged
                .max_by_key(|(_, count)| **count)
                .map_or(0, |(tag, _)| tag)
        })
        .collect()
}

/// Leaves each row to its owner: other features fall on a row beyond the last.
pub(crate) fn settle(examples: &mut [Example], owners: &[u8]) {
    for row in examples
        .iter_mut()
        .flat_map(|example| example.rows.iter_mut().flatten())
    {
        let (index, tag) = row_and_tag(*row);
        *row = match owners.get(index) {
            Some(owner) if *owner == tag => *row >> 8,
            _ => u32::MAX,
        };
    }
}

type Row = [i32; LABELS];

/// Weights, and what averaging takes off them.
#[derive(Debug)]
pub(crate) struct Perceptron {
    weights: Vec<Row>,
    transitions: [Row; LABELS],
    past_weights: Vec<[i64; LABELS]>,
    past_transitions: [[i64; LABELS]; LABELS],
    step: i64,
}

impl Default for Perceptron {
    fn default() -> Self {
        let rows = 1 << ROW_BITS;
        Self {
            weights: vec![[0; LABELS]; rows],
            transitions: [[0; LABELS]; LABELS],
            past_weights: vec![[0; LABELS]; rows],
            past_transitions: [[0; LABELS]; LABELS],
            step: 1,
        }
    }
}

impl Perceptron {
    /// Goes once through the examples, and returns how many words had a wrong label.
    pub(crate) fn learn(&mut self, examples: &[Example], random: &mut Random) -> usize {
        let mut order: Vec<&Example> = examples.iter().collect();
        random.shuffle(&mut order);
        let mut wrong = 0;
        for example in order {
            let guess = self.decode(&example.rows);
            if guess != example.labels {
                wrong += guess
                    .iter()
                    .zip(&example.labels)
                    .filter(|(a, b)| a != b)
                    .count();
                self.correct(example, &guess);
            }
            self.step += 1;
        }
        wrong
    }

    fn correct(&mut self, example: &Example, guess: &[usize]) {
        let mut before = (0, 0);
        for ((rows, right), wrong) in example.rows.iter().zip(&example.labels).zip(guess) {
            if right != wrong {
                for row in rows {
                    self.shift(*row, *right, 1);
                    self.shift(*row, *wrong, -1);
                }
            }
            if before != (*right, *wrong) || right != wrong {
                self.shift_transition(before.0, *right, 1);
                self.shift_transition(before.1, *wrong, -1);
            }
            before = (*right, *wrong);
        }
    }

    fn shift(&mut self, row: u32, label: usize, by: i32) {
        let row = usize::try_from(row).unwrap_or(usize::MAX);
        if let Some(weight) = self.weights.get_mut(row).and_then(|row| row.get_mut(label)) {
            *weight += by;
        }
        if let Some(past) = self
            .past_weights
            .get_mut(row)
            .and_then(|row| row.get_mut(label))
        {
            *past += self.step * i64::from(by);
        }
    }

    fn shift_transition(&mut self, from: usize, to: usize, by: i32) {
        if let Some(weight) = self
            .transitions
            .get_mut(from)
            .and_then(|row| row.get_mut(to))
        {
            *weight += by;
        }
        if let Some(past) = self
            .past_transitions
            .get_mut(from)
            .and_then(|row| row.get_mut(to))
        {
            *past += self.step * i64::from(by);
        }
    }

    /// The best labels by the weights as they are now.
    fn decode(&self, rows: &[[u32; FEATURES]]) -> Vec<usize> {
        let mut best = [0; LABELS];
        let mut from = Vec::with_capacity(rows.len());
        for (index, rows) in rows.iter().enumerate() {
            let scores = self.scores(rows);
            let mut next = [i32::MIN / 4; LABELS];
            let mut back = [0; LABELS];
            for (to, ((next, back), score)) in
                next.iter_mut().zip(&mut back).zip(scores).enumerate()
            {
                for (label, (before, row)) in best.iter().zip(&self.transitions).enumerate() {
                    let goes_on = to > 0 && to % 2 == 0;
                    let may = !goes_on || label == to || label + 1 == to;
                    let sum = before + row.get(to).copied().unwrap_or(0);
                    if may && (index > 0 || label == 0) && sum > *next {
                        (*next, *back) = (sum, label);
                    }
                }
                *next += score;
            }
            best = next;
            from.push(back);
        }
        let last = best
            .iter()
            .enumerate()
            .max_by_key(|(label, score)| (**score, LABELS - label));
        let mut label = last.map_or(0, |(label, _)| label);
        let mut labels = Vec::with_capacity(rows.len());
        for back in from.iter().rev() {
            labels.push(label);
            label = back.get(label).copied().unwrap_or(0);
        }
        labels.reverse();
        labels
    }

    fn scores(&self, rows: &[u32; FEATURES]) -> Row {
        let mut sums = [0; LABELS];
        for row in rows {
            let row = usize::try_from(*row)
                .ok()
                .and_then(|row| self.weights.get(row));
            for (sum, weight) in sums.iter_mut().zip(row.into_iter().flatten()) {
                *sum += weight;
            }
        }
        sums
    }

    /// The mean of all weights that were, in bytes: transitions of two, weights of one.
    pub(crate) fn quantised(&self, owners: &[u8]) -> Vec<u8> {
        let sums = |row: &Row, past: &[i64; LABELS]| -> [i64; LABELS] {
            let mut sums = *past;
            for (sum, weight) in sums.iter_mut().zip(row) {
                *sum = i64::from(*weight) * self.step - *sum;
            }
            sums
        };
        let rows = self.weights.iter().zip(&self.past_weights);
        let rows: Vec<_> = rows.map(|(row, past)| sums(row, past)).collect();
        let transitions = self.transitions.iter().zip(&self.past_transitions);
        let transitions: Vec<_> = transitions.map(|(row, past)| sums(row, past)).collect();
        let full = full_scale(&rows);
        let lanes = |row: Option<&[i64; LABELS]>| -> [i64; LANES] {
            let mut lanes = [0; LANES];
            for (lane, sum) in lanes.iter_mut().zip(row.into_iter().flatten()) {
                *lane = (2 * 127 * sum + full).div_euclid(2 * full);
            }
            lanes
        };
        let transitions = (0..LANES).flat_map(|from| lanes(transitions.get(from)));
        let mut bytes: Vec<u8> = transitions
            .flat_map(|weight| saturated::<i16>(weight, i16::MIN, i16::MAX).to_le_bytes())
            .collect();
        for (row, owner) in rows.iter().zip(owners) {
            let weights = lanes(Some(row));
            let weight = |weight| saturated::<i8>(weight, i8::MIN, i8::MAX).cast_unsigned();
            let mut weights = weights.map(weight);
            if let Some(tag) = weights.get_mut(TAG_LANE) {
                *tag = *owner;
            }
            bytes.extend(weights);
        }
        bytes
    }
}

fn saturated<T: TryFrom<i64>>(weight: i64, least: T, most: T) -> T {
    T::try_from(weight).unwrap_or(if weight < 0 { least } else { most })
}

/// What all but one weight in two thousand are no larger than; the rest saturate.
fn full_scale(rows: &[[i64; LABELS]]) -> i64 {
    let sizes = rows.iter().flatten().map(|sum| sum.abs());
    let mut sizes: Vec<i64> = sizes.filter(|size| *size > 0).collect();
    sizes.sort_unstable();
    sizes
        .get(sizes.len() - sizes.len() / 2000 - 1)
        .copied()
        .unwrap_or(1)
}
