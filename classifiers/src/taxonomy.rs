//! The tree of data classes, one row each: what a value is, and which law names it.

use std::fmt;

/// A class of data: a row of the taxonomy. Two bytes, so that findings stay small.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DataClass(u16);

/// The most classes a taxonomy may hold; tables indexed by class have this length.
pub const CLASSES_MAX: usize = 128;

const NAMES: &[&str] = &[
    "pii",
    "phi",
    "pci",
    "secret",
    "pii.person",
    "pii.email",
    "pii.phone",
    "pii.address",
    "pii.dob",
    "pii.us_ssn",
    "pii.iban",
    "pci.pan",
    "pii.ip",
    "phi.mrn",
    "phi.npi",
    "phi.icd10",
];

impl DataClass {
    /// The class with this dotted name, `pii.email`.
    pub fn named(name: &str) -> Option<Self> {
        let index = NAMES.iter().position(|known| *known == name)?;
        u16::try_from(index).ok().map(Self)
    }

    /// The dotted name.
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    /// The class above: `pii` of `pii.email`; none at the top.
    pub fn parent(self) -> Option<Self> {
        self.name()
            .rsplit_once('.')
            .and_then(|(parent, _)| Self::named(parent))
    }

    /// Its row number, below [`CLASSES_MAX`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Every class, parents before children.
    pub fn all() -> impl Iterator<Item = Self> {
        (0u16..).take(NAMES.len()).map(Self)
    }
}

impl fmt::Display for DataClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for DataClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
