//! Whether a value holds any word that tells or vetoes, asked once for all of its numbers.

use std::cell::OnceCell;

use super::AFTER_BYTES_MAX;
use super::signs::SIGNS;

/// Longest value that is asked as a whole, in bytes: of longer ones a number sees a small part.
const WHOLE_BYTES_MAX: usize = 256;

/// The words of a value, as far as they were asked for.
pub(in super::super) struct Signs<'value> {
    value: &'value [u8],
    is_silent: OnceCell<bool>,
}

impl<'value> Signs<'value> {
    pub(in super::super) fn of(value: &'value [u8]) -> Self {
        Self {
            value,
            is_silent: OnceCell::new(),
        }
    }

    /// Whether the words that [`super::Nearby`] reads about a number that starts here are known to tell
    /// nothing. A word that is cut off at its end may tell what the whole word does not; one that is cut
    /// off at its begin is not read.
    pub(in super::super) fn are_none_about(&self, start: usize) -> bool {
        let length = self.value.len();
        let is_whole = length <= WHOLE_BYTES_MAX && length.saturating_sub(start) <= AFTER_BYTES_MAX;
        is_whole && *self.is_silent.get_or_init(|| !SIGNS.may_tell(self.value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Nearby;
    use super::super::signs::tests::text;
    use super::*;

    proptest! {
        #[test]
        fn where_no_sign_is_nothing_is_told(before in text(), after in text()) {
            let value = format!("{before} 12345678 {after}");
            let (start, end) = (before.len() + 1, before.len() + 9);
            if Signs::of(value.as_bytes()).are_none_about(start) {
                let nearby = Nearby::read(None, value.as_bytes(), start, end);
                prop_assert!(nearby.is_silent() && !nearby.vetoed);
            }
        }
    }
}
