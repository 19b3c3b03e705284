//! Detectors of an operator's own: patterns with a check, words and field names, compiled and
//! bounded when they are loaded.
//!
//! A pattern is linear in the value (`regex` has no backtracking) and is only tried where it can
//! pay: in values that hold its literal, under its field names, or in values up to a stated length.
//! What is found is of a class of the taxonomy, so that policies need nothing new, and names its
//! detector, so that the record tells operators' findings from ours.

mod compile;
mod literal;
mod scan;
mod validator;

use serde::Deserialize;
use thiserror::Error;

pub use compile::compile;
pub use scan::Operator;
pub use validator::{Check, VALIDATORS};

/// Most detectors that are loaded.
pub const DETECTORS_MAX: usize = 256;
/// Longest pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 1024;
/// Longest name of a detector, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Shortest literal that a pattern may be looked for by, in bytes.
pub const LITERAL_BYTES_MIN: usize = 3;
/// Longest value that a pattern without literal and field names may be tried on, in bytes.
pub const UNSCOPED_BYTES_MAX: usize = 4096;
/// Most words, field names or examples of one detector.
pub const ENTRIES_MAX: usize = 256;

/// A file of detectors, as it is typed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File<R = Rule> {
    /// The detectors.
    pub classifiers: Vec<R>,
}

/// One detector, as it is typed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What findings call it: small letters, digits and hyphens.
    pub name: String,
    /// The class of what it finds: a name of the taxonomy.
    pub class: String,
    /// A regular expression over the decoded value; `\d`, `\w` and `\b` know ASCII. A group called
    /// `value` is what is found; without one, the whole match.
    pub pattern: Option<String>,
    /// A text that the value must hold, if the pattern does not show one.
    pub literal: Option<String>,
    /// Field names that the value must stand under; capitals, `_` and `-` do not count.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Words of which one must stand shortly before the match.
    #[serde(default)]
    pub words: Vec<String>,
    /// A check of the match without its separators: a name of [`VALIDATORS`].
    pub validator: Option<String>,
    /// How sure a match is, in percent; 85 if absent.
    pub confidence: Option<u8>,
    /// Tries a pattern without literal and field names on values up to so many bytes.
    pub longest_value: Option<usize>,
    /// Values in which something must be found.
    #[serde(default, rename = "match")]
    pub matches: Vec<String>,
    /// Values in which nothing may be found.
    #[serde(default)]
    pub no_match: Vec<String>,
}

/// What is wrong with a detector: which, under which key, and the mend.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("classifier `{name}`, `{key}`: {what}")]
pub struct Fault {
    /// The place of the detector among those given.
    pub rule: usize,
    /// The detector's name.
    pub name: String,
    /// The key that is wrong.
    pub key: &'static str,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

/// An example that did not come out as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The place of the detector among those given.
    pub rule: usize,
    /// The detector's name.
    pub name: String,
    /// The example, which operators write: not a value of anybody.
    pub example: String,
    /// Whether something had to be found in it.
    pub expected: bool,
}

/// Tries the examples of all detectors, each with its own detector and under its first field name.
pub fn test(rules: &[Rule]) -> Result<Vec<Failure>, Vec<Fault>> {
    let operator = compile(rules)?;
    let mut failures = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        let cases = rule.matches.iter().map(|example| (example, true));
        let cases = cases.chain(rule.no_match.iter().map(|example| (example, false)));
        for (example, expected) in cases {
            if operator.finds(number, example.as_bytes()) != expected {
                failures.push(Failure {
                    rule: number,
                    name: rule.name.clone(),
                    example: example.clone(),
                    expected,
                });
            }
        }
    }
    Ok(failures)
}

#[cfg(test)]
mod tests;
