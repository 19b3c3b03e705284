//! From what was typed to what runs; every fault is told, not only the first.

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::hir::Hir;

use super::scan::{Detector, Operator};
use super::validator::{self, VALIDATORS};
use super::{
    DETECTORS_MAX, ENTRIES_MAX, Fault, LITERAL_BYTES_MIN, NAME_BYTES_MAX, PATTERN_BYTES_MAX, Rule,
    UNSCOPED_BYTES_MAX, literal,
};
use crate::DataClass;

/// Most memory that a compiled pattern may take, and as much again for what it remembers, in bytes.
const PATTERN_MEMORY_MAX: usize = 1024 * 1024;
/// Deepest nesting of a pattern.
const NESTING_MAX: u32 = 32;
/// How sure a match is, if the detector does not say.
const CONFIDENCE: u8 = 85;

/// Compiles and checks the detectors.
pub fn compile(rules: &[Rule]) -> Result<Operator, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut detectors = Vec::new();
    for (number, rule) in rules.iter().enumerate() {
        let checked = Checked { number, rule };
        let taken = rules
            .iter()
            .take(number)
            .any(|other| other.name == rule.name);
        match checked.detector(taken) {
            Ok(detector) => detectors.push(detector),
            Err(fault) => faults.push(fault),
        }
    }
    if rules.len() > DETECTORS_MAX {
        let last = rules.len() - 1;
        let rule = rules.last().cloned().unwrap_or_default();
        let checked = Checked {
            number: last,
            rule: &rule,
        };
        faults.push(checked.fault(
            "name",
            format!("there are more than {DETECTORS_MAX} classifiers"),
            "join patterns of one class with `|`",
        ));
    }
    if faults.is_empty() {
        Operator::new(detectors).ok_or(faults)
    } else {
        Err(faults)
    }
}

/// A detector with its place.
struct Checked<'a> {
    number: usize,
    rule: &'a Rule,
}

impl Checked<'_> {
    fn detector(&self, taken: bool) -> Result<Detector, Fault> {
        self.name(taken)?;
        self.entries()?;
        let rule = self.rule;
        let class = DataClass::named(&rule.class).ok_or_else(|| {
            self.fault(
                "class",
                format!("there is no class `{}`", rule.class),
                "`tidegate classify --list-classes` names them",
            )
        })?;
        let pattern = match &rule.pattern {
            Some(pattern) => Some(self.pattern(pattern)?),
            None => None,
        };
        let literals = self.literals(pattern.as_ref().map(|(_, hir)| hir))?;
        Ok(Detector {
            // As long as the process lives: at most 16 KB at each load.
            name: Box::leak(rule.name.clone().into_boxed_str()),
            class,
            pattern: pattern.map(|(regex, _)| regex),
            literals,
            fields: rule
                .fields
                .iter()
                .map(|name| folded(name.as_bytes()))
                .collect(),
            words: rule
                .words
                .iter()
                .map(|word| word.to_ascii_lowercase())
                .collect(),
            validator: self.validator()?,
            confidence: self.confidence()?,
            longest: rule.longest_value.unwrap_or(usize::MAX),
        })
    }

    fn name(&self, taken: bool) -> Result<(), Fault> {
        let name = &self.rule.name;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
            return Err(self.fault(
                "name",
                "it is no name".to_owned(),
                "use 1 to 64 small letters, digits and hyphens",
            ));
        }
        if taken {
            return Err(self.fault(
                "name",
                "another classifier has this name".to_owned(),
                "give each its own, since findings tell detectors by it",
            ));
        }
        Ok(())
    }

    fn entries(&self) -> Result<(), Fault> {
        let rule = self.rule;
        let lists = [
            ("fields", &rule.fields),
            ("words", &rule.words),
            ("match", &rule.matches),
            ("no_match", &rule.no_match),
        ];
        for (key, list) in lists {
            if list.len() > ENTRIES_MAX {
                let what = format!("there are more than {ENTRIES_MAX} entries");
                return Err(self.fault(key, what, "leave some out"));
            }
        }
        if rule
            .fields
            .iter()
            .any(|name| folded(name.as_bytes()).is_empty())
        {
            let what = "a field name has neither letters nor digits".to_owned();
            return Err(self.fault("fields", what, "write the name as in the data"));
        }
        if rule.words.iter().any(|word| word.trim().is_empty()) {
            let what = "a word is empty".to_owned();
            return Err(self.fault("words", what, "remove it"));
        }
        Ok(())
    }

    /// The pattern compiled, and its syntax.
    fn pattern(&self, pattern: &str) -> Result<(Regex, Hir), Fault> {
        if pattern.len() > PATTERN_BYTES_MAX {
            let what = format!("the pattern is longer than {PATTERN_BYTES_MAX} bytes");
            return Err(self.fault("pattern", what, "split it into several classifiers"));
        }
        let syntax = regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .nest_limit(NESTING_MAX)
            .build()
            .parse(pattern)
            .map_err(|error| self.fault("pattern", first_line(&error), "mend the pattern"))?;
        if syntax.properties().minimum_len().unwrap_or(0) == 0 {
            let what = "the pattern matches the empty text".to_owned();
            return Err(self.fault("pattern", what, "let it require at least one character"));
        }
        let regex = RegexBuilder::new(pattern)
            .unicode(false)
            .nest_limit(NESTING_MAX)
            .size_limit(PATTERN_MEMORY_MAX)
            .dfa_size_limit(PATTERN_MEMORY_MAX)
            .build()
            .map_err(|error| {
                self.fault("pattern", first_line(&error), "use smaller repetitions")
            })?;
        Ok((regex, syntax))
    }

    /// Texts of which the value must hold one; none if the fields or the length are the bound.
    fn literals(&self, syntax: Option<&Hir>) -> Result<Vec<Vec<u8>>, Fault> {
        let rule = self.rule;
        if let Some(text) = &rule.literal {
            if text.len() < LITERAL_BYTES_MIN {
                let what = format!("the literal is shorter than {LITERAL_BYTES_MIN} bytes");
                return Err(self.fault("literal", what, "take a longer one"));
            }
            return Ok(vec![text.as_bytes().to_vec()]);
        }
        if !rule.fields.is_empty() {
            return Ok(Vec::new());
        }
        let Some(syntax) = syntax else {
            let what = "there is neither a pattern nor a field name".to_owned();
            return Err(self.fault("pattern", what, "add `pattern` or `fields`"));
        };
        if let Some(literals) = literal::required(syntax) {
            return Ok(literals);
        }
        match rule.longest_value {
            Some(1..=UNSCOPED_BYTES_MAX) => Ok(Vec::new()),
            Some(_) => {
                let what = format!("the bound is not within 1 and {UNSCOPED_BYTES_MAX}");
                Err(self.fault("longest_value", what, "take a lower bound"))
            }
            None => Err(self.fault(
                "pattern",
                format!("no text of {LITERAL_BYTES_MIN} bytes or more is in every match, so the pattern would be tried on every value"),
                "add `fields`, `literal`, or `longest_value` as a bound",
            )),
        }
    }

    fn validator(&self) -> Result<Option<validator::Check>, Fault> {
        let Some(name) = &self.rule.validator else {
            return Ok(None);
        };
        let found = validator::named(name);
        found.map(Some).ok_or_else(|| {
            let names: Vec<&str> = VALIDATORS.iter().map(|(name, _)| *name).collect();
            self.fault(
                "validator",
                format!("there is no check `{name}`"),
                &format!("one of: {}", names.join(", ")),
            )
        })
    }

    fn confidence(&self) -> Result<u8, Fault> {
        match self.rule.confidence.unwrap_or(CONFIDENCE) {
            confidence @ 1..=100 => Ok(confidence),
            _ => Err(self.fault(
                "confidence",
                "it is no percentage".to_owned(),
                "use 1 to 100",
            )),
        }
    }

    fn fault(&self, key: &'static str, what: String, mend: &str) -> Fault {
        Fault {
            rule: self.number,
            name: self.rule.name.clone(),
            key,
            what,
            mend: mend.to_owned(),
        }
    }
}

/// The last line of an error that draws the pattern over several.
fn first_line(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default().trim();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// A field name as it is compared: letters and digits, small.
pub(super) fn folded(name: &[u8]) -> Vec<u8> {
    let letters = name
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric() || **byte >= 0x80);
    letters.map(u8::to_ascii_lowercase).collect()
}
