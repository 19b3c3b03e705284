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

    pub(crate) fn count(&mut self, class: DataClass, action: Action, path: &str) {
        let same = |place: &&mut Place| {
            place.class == class && place.action == action && place.path == path
        };
        if let Some(place) = self.places.iter_mut().find(same) {
            place.count += 1;
        } else if self.places.len() < PLACES_MAX {
            let path = path.to_owned();
            self.places.push(Place {
                class,
                path,
                action,
                count: 1,
            });
        } else {
            self.unlisted += 1;
        }
    }
}
