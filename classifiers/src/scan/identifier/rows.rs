//! The identifiers that are known by their look, one row each: class, check, how they are printed.
//!
//! Of rows that fit the same digits the first wins, so those with stronger checks stand first.

mod america;
mod asia;
mod centre;
mod finance;
mod north;
mod pacific;
mod plate;
mod south;
mod west;

use crate::DataClass;

/// An identifier.
pub(super) struct Row {
    pub(super) class: DataClass,
    /// The check of the text without separators, in capital letters.
    pub(super) check: fn(&[u8]) -> bool,
    /// Whether the check knows the form only.
    pub(super) form: bool,
    /// How sure the look makes without a word, and with one, in percent.
    pub(super) alone: u8,
    pub(super) told: u8,
    /// Layouts that no other text has by chance.
    pub(super) strong: &'static [&'static str],
    /// Layouts that count without a word if they are the whole value.
    pub(super) whole: &'static [&'static str],
    /// Layouts that only a word tells.
    pub(super) weak: &'static [&'static str],
}

/// How sure a strong layout and its check make.
const ALONE: u8 = 90;
/// How sure a check and a word make.
const TOLD: u8 = 95;
/// How sure a word makes of a number whose check fails or that has none.
const TOLD_ONLY: u8 = 75;

impl Row {
    const fn new(class: DataClass, check: fn(&[u8]) -> bool) -> Self {
        Self {
            class,
            check,
            form: false,
            alone: ALONE,
            told: TOLD,
            strong: &[],
            whole: &[],
            weak: &[],
        }
    }

    /// An identifier of which only the form is known, so that a word must tell it.
    const fn form(
        class: DataClass,
        check: fn(&[u8]) -> bool,
        layouts: &'static [&'static str],
    ) -> Self {
        Self {
            form: true,
            ..Self::new(class, check).told(TOLD_ONLY).weak(layouts)
        }
    }

    const fn alone(self, alone: u8) -> Self {
        Self { alone, ..self }
    }

    const fn told(self, told: u8) -> Self {
        Self { told, ..self }
    }

    const fn strong(self, strong: &'static [&'static str]) -> Self {
        Self { strong, ..self }
    }

    const fn whole(self, whole: &'static [&'static str]) -> Self {
        Self { whole, ..self }
    }

    const fn weak(self, weak: &'static [&'static str]) -> Self {
        Self { weak, ..self }
    }
}

/// For forms whose layout says all.
fn any(_: &[u8]) -> bool {
    true
}

/// All rows.
pub(super) static ROWS: &[&[Row]] = &[
    finance::ROWS,
    america::ROWS,
    west::ROWS,
    centre::ROWS,
    south::ROWS,
    north::ROWS,
    asia::ROWS,
    pacific::ROWS,
    plate::ROWS,
];
