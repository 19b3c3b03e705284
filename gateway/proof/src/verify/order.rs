//! Which record stands where: tells removed, swapped and repeated records apart as they pass.

use std::{cmp::Ordering, collections::BTreeMap};

use super::{Finding, Item, Report};

/// Records that are not what their place says; more are reported at once, without pairing.
const ODD_MAX: usize = 4096;

/// What becomes of an item.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// It stands at the next place; `continuous` if all before it are there and in order.
    Place { continuous: bool },
    /// It is ahead of its turn: the item after it shows whether others are missing before it or
    /// it stands in another's place.
    Hold,
    /// It was there already.
    Repeated,
}

/// The state of the sequence.
#[derive(Default)]
pub(super) struct Order {
    next: u64,
    /// How many records were found missing.
    missing: u64,
    /// Places that hold what does not belong there.
    odd: BTreeMap<u64, Odd>,
}

#[derive(Clone, Copy)]
struct Odd {
    own: Option<u64>,
    sound: bool,
}

impl Order {
    /// The place that comes next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// As if so many records had come, each in its place.
    pub(super) fn after(next: u64) -> Self {
        Self {
            next,
            ..Self::default()
        }
    }

    /// Whether every item so far is what its place says, and none is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.is_regular() && self.missing == 0
    }

    /// Whether every item so far is what its place says.
    pub(super) fn is_regular(&self) -> bool {
        self.odd.is_empty()
    }

    /// Takes an item as it comes.
    pub(super) fn take(&mut self, item: &Item, report: &mut Report) -> Step {
        let key = item.key();
        match key.cmp(&self.next) {
            Ordering::Equal => self.fill(item, report),
            Ordering::Greater => Step::Hold,
            // Its place was taken by another, so it comes in that one's place.
            Ordering::Less if self.odd.contains_key(&key) => self.fill(item, report),
            Ordering::Less => {
                report.find(Finding::Repeated { index: key });
                Step::Repeated
            }
        }
    }

    /// Decides on the item that was held, now that `following` came after it.
    pub(super) fn resolve(&mut self, held: &Item, following: Option<&Item>, report: &mut Report) {
        let key = held.key();
        if following.is_none_or(|following| following.key() > key) {
            report.find(Finding::Removed {
                first: self.next,
                count: key - self.next,
            });
            self.missing += key - self.next;
            self.next = key;
        }
        self.fill(held, report);
    }

    /// Says of all that stood where it did not belong what had happened.
    pub(super) fn conclude(&self, report: &mut Report) {
        for (&place, odd) in &self.odd {
            let there = odd.own.and_then(|own| self.odd.get(&own));
            match odd.own {
                Some(own) if there.is_some_and(|it| it.own == Some(place)) && own != place => {
                    if place < own {
                        report.find(Finding::Swapped {
                            first: place,
                            second: own,
                        });
                    }
                }
                Some(index) if odd.sound => report.find(Finding::Misplaced { place, index }),
                _ => report.find(Finding::Edited { index: place }),
            }
        }
    }

    fn fill(&mut self, item: &Item, report: &mut Report) -> Step {
        let place = self.next;
        let (own, sound) = (item.own(), item.is_sound());
        if !sound || own != Some(place) {
            if self.odd.len() < ODD_MAX {
                self.odd.insert(place, Odd { own, sound });
            } else {
                report.find(Finding::Edited { index: place });
            }
        }
        // Whoever removed records may have renumbered what follows, or not.
        let filed = item.index == place || item.index.saturating_add(self.missing) == place;
        if own == Some(place) && !filed {
            let (place, index) = (item.index, place);
            report.find(Finding::Misplaced { place, index });
        }
        self.next = place.saturating_add(1);
        Step::Place {
            continuous: item.key() == place,
        }
    }
}
