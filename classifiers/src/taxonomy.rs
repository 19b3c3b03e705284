//! The tree of data classes, one row each: what a value is, and which law names it.
//!
//! HIPAA letters are the identifiers of 45 CFR 164.514(b)(2)(i)(A) to (R); GDPR articles are of
//! Regulation (EU) 2016/679; CCPA categories of Cal. Civ. Code 1798.140(v)(1) and (ae). A row with
//! none of them is kept because policies ask for it by name.

mod rows;

use std::fmt;

use phf::phf_map;

/// A class of data: a row of the taxonomy. Two bytes, so that findings stay small.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DataClass(u16);

/// The most classes a taxonomy may hold; tables indexed by class have this length.
pub const CLASSES_MAX: usize = 256;

/// One row of the taxonomy.
struct Row {
    name: &'static str,
    parent: Option<DataClass>,
    hipaa: &'static str,
    gdpr: &'static str,
    ccpa: Ccpa,
    severity: Severity,
    about: &'static str,
}

/// A category of personal information in Cal. Civ. Code 1798.140(v)(1), by its letter there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ccpa {
    /// Not personal information by itself.
    None,
    /// (A) Identifiers.
    A,
    /// (B) Customer records (Cal. Civ. Code 1798.80(e)).
    B,
    /// (C) Characteristics of protected classifications.
    C,
    /// (E) Biometric information.
    E,
    /// (H) Audio, electronic, visual, thermal, olfactory or similar information.
    H,
    /// (I) Professional or employment-related information.
    I,
    /// (L) Sensitive personal information, as 1798.140(ae) lists it.
    Sensitive,
}

impl Ccpa {
    /// What it is called there; empty for none.
    pub fn title(self) -> &'static str {
        match self {
            Self::None => "",
            Self::A => "identifiers",
            Self::B => "customer records",
            Self::C => "characteristics of protected classifications",
            Self::E => "biometric information",
            Self::H => "audio, visual or similar information",
            Self::I => "professional or employment-related information",
            Self::Sensitive => "sensitive personal information",
        }
    }

    /// How reports cite it; empty for none.
    pub fn citation(self) -> &'static str {
        match self {
            Self::None => "",
            Self::A => "1798.140(v)(1)(A)",
            Self::B => "1798.140(v)(1)(B)",
            Self::C => "1798.140(v)(1)(C)",
            Self::E => "1798.140(v)(1)(E)",
            Self::H => "1798.140(v)(1)(H)",
            Self::I => "1798.140(v)(1)(I)",
            Self::Sensitive => "1798.140(ae)",
        }
    }
}

/// How much harm a disclosure does, unless policy says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Of little use alone.
    Low,
    /// Reaches or describes a person.
    Moderate,
    /// Identifies a person for good, or is of a special category.
    High,
    /// Opens an account by itself.
    Critical,
}

impl Severity {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Names by which a class is also known, beside its own.
static ALIASES: phf::Map<&'static str, DataClass> = phf_map! {
    "phi.npi" => DataClass::US_NPI,
};

const _: () = assert!(rows::COUNT <= CLASSES_MAX);

impl DataClass {
    /// The class with this dotted name, `pii.email`. For use at load: it searches the table.
    pub fn named(name: &str) -> Option<Self> {
        Self::all()
            .find(|class| class.name() == name)
            .or_else(|| ALIASES.get(name).copied())
    }

    /// The dotted name.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// The class above: `pii` of `pii.email`, `phi.condition` of `phi.icd10`; none at the top.
    pub fn parent(self) -> Option<Self> {
        self.row().and_then(|row| row.parent)
    }

    /// Whether this class is `other` or stands anywhere below it.
    pub fn is_within(self, other: Self) -> bool {
        std::iter::successors(Some(self), |class| class.parent()).any(|class| class == other)
    }

    /// The letter of 45 CFR 164.514(b)(2)(i) under which the value must go; none where it may stay.
    pub fn hipaa(self) -> Option<&'static str> {
        self.row()
            .map(|row| row.hipaa)
            .filter(|letter| !letter.is_empty())
    }

    /// The GDPR article that makes the value personal or special.
    pub fn gdpr(self) -> Option<&'static str> {
        self.row()
            .map(|row| row.gdpr)
            .filter(|article| !article.is_empty())
    }

    /// The CCPA category it falls under.
    pub fn ccpa(self) -> Ccpa {
        self.row().map_or(Ccpa::None, |row| row.ccpa)
    }

    /// How much harm a disclosure does by default.
    pub fn severity(self) -> Severity {
        self.row().map_or(Severity::Low, |row| row.severity)
    }

    /// What the class is, in words.
    pub fn about(self) -> &'static str {
        self.row().map_or("", |row| row.about)
    }

    /// Its row number, below [`CLASSES_MAX`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// [`DataClass::index`] where tables are built.
    pub(crate) const fn number(self) -> usize {
        self.0 as usize
    }

    /// Every class, parents before children.
    pub fn all() -> impl Iterator<Item = Self> {
        (0u16..).take(Self::ROWS.len()).map(Self)
    }

    fn row(self) -> Option<&'static Row> {
        Self::ROWS.get(self.index())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_own_row_and_parents_come_first() {
        for class in DataClass::all() {
            assert_eq!(DataClass::named(class.name()), Some(class));
            if let Some(parent) = class.parent() {
                assert!(
                    parent.index() < class.index(),
                    "{class} stands before {parent}"
                );
            }
        }
    }

    #[test]
    fn the_tree_is_walked_upwards() {
        assert!(DataClass::ICD10.is_within(DataClass::CONDITION));
        assert!(DataClass::ICD10.is_within(DataClass::PHI));
        assert!(!DataClass::PHI.is_within(DataClass::ICD10));
        assert_eq!(DataClass::named("phi.npi"), Some(DataClass::US_NPI));
        assert_eq!(DataClass::named("pii.nothing"), None);
    }

    #[test]
    fn every_safe_harbor_letter_is_one_of_the_eighteen() {
        for letter in DataClass::all().filter_map(DataClass::hipaa) {
            assert!(matches!(letter.as_bytes(), [b'A'..=b'R']), "{letter}");
        }
        for letter in 'A'..='R' {
            assert!(
                DataClass::all().any(|class| class.hipaa() == Some(&letter.to_string())),
                "no class stands for ({letter})"
            );
        }
    }
}
