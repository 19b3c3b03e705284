//! Header fields in which nothing was found, kept by each worker: most messages of a service and of a
//! client have the same fields as the ones before, and to look at a line costs more than to know it.
//!
//! What a text holds does not depend on who asks, so that what is kept holds for every caller. A worker
//! serves one gateway, whose operator's detectors are the same for its life.

use std::{
    cell::RefCell,
    hash::{BuildHasher as _, RandomState},
};

/// Texts that are kept.
const KEPT_MAX: usize = 128;

/// A longer text is looked at each time, in bytes.
const KEPT_BYTES_MAX: usize = 1024;

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::new(Kept::default());
}

/// Texts, each where its hash says; a new one takes the place of the old.
struct Kept {
    hash: RandomState,
    texts: Vec<Option<Box<str>>>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            hash: RandomState::new(),
            texts: vec![None; KEPT_MAX],
        }
    }
}

impl Kept {
    fn slot(&mut self, text: &str) -> Option<&mut Option<Box<str>>> {
        let place = self.hash.hash_one(text) % KEPT_MAX as u64;
        self.texts.get_mut(usize::try_from(place).ok()?)
    }
}

/// Whether nothing was found in this very text before.
pub(super) fn is_known(text: &str) -> bool {
    text.len() <= KEPT_BYTES_MAX
        && KEPT.with_borrow_mut(|kept| {
            let slot = kept.slot(text);
            slot.is_some_and(|known| known.as_deref() == Some(text))
        })
}

/// Keeps a text in which nothing was found.
pub(super) fn keep(text: String) {
    if text.len() <= KEPT_BYTES_MAX {
        KEPT.with_borrow_mut(|kept| {
            if let Some(slot) = kept.slot(&text) {
                *slot = Some(text.into_boxed_str());
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_text_is_known_and_few_are_kept() {
        assert!(!is_known("server: nginx\n\n"));
        keep("server: nginx\n\n".to_owned());
        assert!(is_known("server: nginx\n\n"));
        assert!(!is_known("server: nginx \n\n"));
        keep("x".repeat(KEPT_BYTES_MAX + 1));
        assert!(!is_known(&"x".repeat(KEPT_BYTES_MAX + 1)));
        for number in 0..10_000 {
            keep(number.to_string());
        }
        let known = (0..10_000).filter(|number| is_known(&number.to_string()));
        assert!(known.count() <= KEPT_MAX);
    }
}
