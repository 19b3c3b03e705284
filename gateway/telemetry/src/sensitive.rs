//! A value that may be personal is a type.

use std::fmt;

/// Holds what must not be printed: no `Display`, and `Debug` says `[sensitive]`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Covers a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Looks at the value; every caller of this is a place to review.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// Gives the value up.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Sensitive<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[sensitive]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensitive_value_never_prints_itself() {
        let covered = Sensitive::new("alice@example.org");

        assert_eq!(
            format!("{covered:?} {:?}", Some(&covered)),
            "[sensitive] Some([sensitive])"
        );
        assert_eq!(covered.expose(), &"alice@example.org");
    }
}
