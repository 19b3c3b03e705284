//! A data key as a row has it.

use audit::{Day, KeptDataKey, KeyTerms, LedgerError};

use crate::sqlite::{count, damaged, index};

/// A row: id, key, day, class, days, basis, first record.
pub(crate) type KeyRow = (
    i64,
    Vec<u8>,
    Option<i64>,
    Option<String>,
    Option<i64>,
    Option<String>,
    Option<i64>,
);

/// The columns of what a key is for.
pub(crate) struct Columns<'a> {
    pub(crate) day: Option<i64>,
    pub(crate) class: Option<&'a str>,
    pub(crate) days: Option<i64>,
    pub(crate) basis: Option<&'a str>,
    pub(crate) first: Option<i64>,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(terms: Option<&'a KeyTerms>) -> Result<Self, LedgerError> {
        let first = terms.map(|terms| index(terms.first)).transpose()?;
        Ok(Self {
            day: terms.map(|terms| terms.day.0),
            class: terms.map(|terms| terms.class.as_str()),
            days: terms.and_then(|terms| terms.days).map(i64::from),
            basis: terms.and_then(|terms| terms.basis.as_deref()),
            first,
        })
    }
}

/// The key of a row.
pub(crate) fn key(row: KeyRow) -> Result<KeptDataKey, LedgerError> {
    let (id, wrapped, day, class, days, basis, first) = row;
    let small = |value: i64, what: &str| u32::try_from(value).map_err(|_| damaged(what));
    // A row that says half of it is for nothing that any key was ever wrapped for.
    let terms = match (day, class, first) {
        (Some(day), Some(class), Some(first)) => Some(KeyTerms {
            day: Day(day),
            class,
            days: days
                .map(|days| small(days, "a data key's time"))
                .transpose()?,
            basis,
            first: count(first)?,
        }),
        _ => None,
    };
    Ok(KeptDataKey {
        id: small(id, "a data key's id")?,
        wrapped,
        terms,
    })
}
