//! What the tagger looks at for one word: itself, its neighbours, and pairs of them.
//!
//! Each feature is hashed to one row of the model and to a tag of eight bits. A row belongs to one
//! feature, the most frequent of those that fall on it, and bears its tag: what was never seen in
//! training then hardly ever speaks. The same code runs when the model is trained, so
//! the two cannot differ; a change here needs a new model.

use super::gazetteer::Lists;
use super::token::{Gap, Shape, Token};

/// Features of one word.
pub const FEATURES: usize = 27;
/// Binary logarithm of the rows of the model.
pub const ROW_BITS: u32 = 17;
/// Words to either side of one that its features look at.
pub const REACH: usize = 2;

/// The rows of the model that speak for the middle of five words.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "part of a function compiled for more instructions"
)]
#[must_use]
pub fn rows(window: [&Token; 2 * REACH + 1]) -> [u32; FEATURES] {
    let [_, a, w, b, _] = window;
    let words = window.map(|token| u64::from(token.word));
    let shapes = window.map(|token| shape(token.shape));
    let lists = window.map(|token| u64::from(token.lists.0));
    let [w2, w1, w0, x1, x2] = words;
    let [s2, s1, s0, t1, t2] = shapes;
    let [_, l1, l0, m1, _] = lists;
    let (gap, next) = (u64::from(w.gap.0), u64::from(b.gap.0));
    let starts = u64::from(w.gap.has(Gap::START | Gap::STOP | Gap::LINE));
    let before = u64::from(a.gap.0);
    let names = u64::from(w.lists.has(Lists::GIVEN | Lists::FAMILY));
    let mut rows = [0; FEATURES];
    let features = [
        w0,
        w1,
        x1,
        w2,
        x2,
        pair(w1, w0),
        pair(w0, x1),
        pair(u64::from(w.suffix), s0),
        pair(u64::from(w.prefix), s0),
        pair(s0, gap),
        pair(s1, pair(s0, t1)),
        pair(l0, s0),
        pair(l1, pair(l0, gap)),
        pair(l0, pair(m1, next)),
        pair(l0 << 8 | s0, gap << 16 | next),
        pair(w1, s0 << 16 | gap),
        pair(w1, l0),
        pair(x1, s0 << 16 | next),
        pair(x1, l0),
        pair(pair(w2, w1), s0),
        pair(pair(x1, x2), s0),
        pair(gap << 16 | next, s0 << 8 | t1),
        pair(pair(l1, l0), m1 << 8 | s0),
        pair(s2 << 24 | s1 << 16 | s0 << 8 | t1, t2),
        pair(l0, starts << 8 | s0),
        pair(w1, names << 17 | gap << 1 | starts),
        pair(s1 << 8 | s0, gap << 16 | before),
    ];
    for ((row, feature), kind) in rows.iter_mut().zip(features).zip(1..) {
        *row = row_of(feature, kind);
    }
    rows
}

fn shape(shape: Shape) -> u64 {
    u64::from(shape as u8)
}

#[inline]
fn pair(first: u64, second: u64) -> u64 {
    (first ^ second.rotate_left(29)).wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ second
}

/// A row of the model, and above it the tag of the feature that asks for it.
#[inline]
fn row_of(feature: u64, kind: u64) -> u32 {
    let mixed = (feature ^ kind << 56).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let row = (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> (64 - ROW_BITS - 8);
    u32::try_from(row).unwrap_or(0)
}

/// The row of the model, and the tag that the row must bear to speak for this feature.
#[inline]
#[must_use]
pub fn row_and_tag(row: u32) -> (usize, u8) {
    let [tag, ..] = row.to_le_bytes();
    (usize::try_from(row >> 8).unwrap_or(0), tag)
}
