//! What was found where, and what was done: classes, places and counts, never a value.

use classifiers::DataClass;

use crate::Action;

/// The most places a summary lists; findings at others are only counted.
pub const PLACES_MAX: usize = 64;

/// Findings of one class, at one place, with one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What was found.
    pub class: DataClass,
    /// Where: a JSON Pointer with `*` for array positions and `?` for names that could themselves
    /// be data. `/customers/*/email`
    pub path: String,
    /// What was done with it.
    pub action: Action,
    /// How often.
    pub count: u64,
}

/// The findings of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Where they stand, in order of first sight. At most [`PLACES_MAX`].
    pub places: Vec<Place>,
    /// Findings at places beyond those listed.
    pub unlisted: u64,
}

impl Summary {
    /// All findings, shown or not.
    pub fn findings(&self) -> u64 {
        self.places.iter().map(|place| place.count).sum::<u64>() + self.unlisted
    }

    /// Adds the findings of a part of the message, at places behind `place`.
    pub(crate) fn absorb(&mut self, part: Self, place: &str) {
        self.unlisted += part.unlisted;
        for mut found in part.places {
            found.path.insert_str(0, place);
            let same = |known: &&mut Place| {
                (known.class, known.action) == (found.class, found.action)
                    && known.path == found.path
            };
            if let Some(known) = self.places.iter_mut().find(same) {
                known.count += found.count;
            } else if self.places.len() < PLACES_MAX {
                self.places.push(found);
            } else {
                self.unlisted += found.count;
            }
        }
    }

    /// Counts a finding at the place that `trail` is at, which has the path `path` writes.
    pub(crate) fn count(
        &mut self,
        class: DataClass,
        action: Action,
        order: &mut Order,
        is_here: impl Fn(&str) -> bool,
        path: impl FnOnce() -> String,
    ) {
        let same =
            |place: &Place| place.class == class && place.action == action && is_here(&place.path);
        let at = order.place_after_last();
        if let Some(place) = self.places.get_mut(at)
            && same(place)
        {
            place.count += 1;
            order.last = at;
            return;
        }
        let at = self.places.iter().position(same).or_else(|| {
            let at = self.places.len();
            (at < PLACES_MAX).then(|| {
                self.places.push(Place {
                    class,
                    path: path(),
                    action,
                    count: 0,
                });
                at
            })
        });
        match at.and_then(|at| Some((at, self.places.get_mut(at)?))) {
            Some((at, place)) => {
                place.count += 1;
                order.follow(at);
            }
            None => self.unlisted += 1,
        }
    }
}

/// Which place of a summary came after which: records repeat their places in order, and a place
/// that is expected is compared once.
#[derive(Debug)]
pub(crate) struct Order {
    last: usize,
    after: [u8; PLACES_MAX],
}

impl Default for Order {
    fn default() -> Self {
        Self {
            last: 0,
            after: [0; PLACES_MAX],
        }
    }
}

impl Order {
    fn place_after_last(&self) -> usize {
        self.after.get(self.last).copied().map_or(0, usize::from)
    }

    fn follow(&mut self, at: usize) {
        if let (Some(after), Ok(at)) = (self.after.get_mut(self.last), u8::try_from(at)) {
            *after = at;
        }
        self.last = at;
    }
}
