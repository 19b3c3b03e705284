//! Detectors at work on one value.

use std::collections::HashMap;

use aho_corasick::AhoCorasick;
use regex::bytes::{Captures, Regex};

use super::DETECTORS_MAX;
use super::compile::folded;
use super::validator::Check;
use crate::DataClass;
use crate::context::Context;
use crate::finding::{Finding, ValueKind};

/// Longest field name that is compared, in bytes.
const FIELD_BYTES_MAX: usize = 256;
/// Most matches of one detector in one value.
const MATCHES_MAX: usize = 1024;
/// Most bytes before a match in which a word may stand.
const WINDOW_BYTES: usize = 64;
/// Longest match that a check is asked about, in bytes without separators.
const CHECKED_BYTES_MAX: usize = 64;

/// A detector that runs.
pub(super) struct Detector {
    pub(super) name: &'static str,
    pub(super) class: DataClass,
    /// Without one, the whole value under the field.
    pub(super) pattern: Option<Regex>,
    /// The value must hold one of these, if there are any.
    pub(super) literals: Vec<Vec<u8>>,
    pub(super) fields: Vec<Vec<u8>>,
    pub(super) words: Vec<String>,
    pub(super) validator: Option<Check>,
    pub(super) confidence: u8,
    /// Longest value that is looked at.
    pub(super) longest: usize,
}

/// Which detectors to try, a bit each.
type Chosen = [u64; DETECTORS_MAX / 64];

/// All detectors of an operator.
pub struct Operator {
    detectors: Vec<Detector>,
    /// All literals, and whose each is.
    literals: Option<AhoCorasick>,
    owners: Vec<usize>,
    /// Folded field names, and the number of the set of detectors that look under them.
    fields: HashMap<Vec<u8>, u16>,
    scopes: Vec<Vec<usize>>,
    /// Detectors bound by nothing but the value's length.
    unscoped: Vec<usize>,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.detectors.iter().map(|detector| detector.name);
        formatter.debug_list().entries(names).finish()
    }
}

impl Operator {
    pub(super) fn new(detectors: Vec<Detector>) -> Option<Self> {
        let mut operator = Self {
            detectors,
            literals: None,
            owners: Vec::new(),
            fields: HashMap::new(),
            scopes: Vec::new(),
            unscoped: Vec::new(),
        };
        let mut literals = Vec::new();
        for (number, detector) in operator.detectors.iter().enumerate() {
            for name in &detector.fields {
                let next = u16::try_from(operator.scopes.len() + 1).ok()?;
                let scope = *operator.fields.entry(name.clone()).or_insert(next);
                if scope == next {
                    operator.scopes.push(Vec::new());
                }
                let scope = operator.scopes.get_mut(usize::from(scope) - 1)?;
                if !scope.contains(&number) {
                    scope.push(number);
                }
            }
            if !detector.fields.is_empty() {
                continue;
            }
            if detector.literals.is_empty() {
                operator.unscoped.push(number);
            }
            let texts = detector.literals.iter();
            literals.extend(texts.map(|text| (text.clone(), number)));
        }
        if !literals.is_empty() {
            operator.literals = Some(AhoCorasick::new(literals.iter().map(|(text, _)| text)).ok()?);
        }
        operator.owners = literals.into_iter().map(|(_, owner)| owner).collect();
        Some(operator)
    }

    /// The number of the set of detectors that look under this field name; 0 for none.
    pub(crate) fn scope(&self, name: &[u8]) -> u16 {
        if self.fields.is_empty() || name.len() > FIELD_BYTES_MAX {
            return 0;
        }
        self.fields.get(&folded(name)).copied().unwrap_or(0)
    }

    /// Appends what the detectors find in a value at this place.
    pub(crate) fn scan(
        &self,
        context: &Context,
        kind: ValueKind,
        value: &[u8],
        findings: &mut Vec<Finding>,
    ) {
        if kind == ValueKind::Bool || value.is_empty() {
            return;
        }
        let scope = usize::from(context.scope()).checked_sub(1);
        let scoped = scope.and_then(|scope| self.scopes.get(scope));
        for number in scoped.into_iter().flatten() {
            self.run(*number, value, findings);
        }
        for number in &self.unscoped {
            self.run(*number, value, findings);
        }
        let Some(literals) = &self.literals else {
            return;
        };
        let mut chosen = Chosen::default();
        for found in literals.find_overlapping_iter(value) {
            let owner = self.owners.get(found.pattern().as_usize());
            if let Some(owner) = owner
                && let Some(word) = chosen.get_mut(owner / 64)
            {
                *word |= 1 << (owner % 64);
            }
        }
        for number in 0..self.detectors.len() {
            if chosen
                .get(number / 64)
                .is_some_and(|word| word >> (number % 64) & 1 == 1)
            {
                self.run(number, value, findings);
            }
        }
    }

    /// Whether one detector finds anything in a value under its field.
    pub(super) fn finds(&self, number: usize, value: &[u8]) -> bool {
        let mut findings = Vec::new();
        self.run(number, value, &mut findings);
        !findings.is_empty()
    }

    fn run(&self, number: usize, value: &[u8], findings: &mut Vec<Finding>) {
        if let Some(detector) = self.detectors.get(number) {
            detector.run(value, findings);
        }
    }
}

impl Detector {
    fn run(&self, value: &[u8], findings: &mut Vec<Finding>) {
        let held = |text: &Vec<u8>| memchr::memmem::find(value, text).is_some();
        if value.len() > self.longest
            || !self.literals.is_empty() && !self.literals.iter().any(held)
        {
            return;
        }
        let Some(pattern) = &self.pattern else {
            findings.extend(self.judge(value, 0, value.len()));
            return;
        };
        if pattern.captures_len() == 1 {
            let found = pattern.find_iter(value).take(MATCHES_MAX);
            findings
                .extend(found.filter_map(|found| self.judge(value, found.start(), found.end())));
        } else {
            let found = pattern.captures_iter(value).take(MATCHES_MAX);
            findings.extend(found.filter_map(|groups| {
                let (start, end) = place(&groups)?;
                self.judge(value, start, end)
            }));
        }
    }

    /// The finding, if a word stands before and the check holds.
    fn judge(&self, value: &[u8], start: usize, end: usize) -> Option<Finding> {
        let told = self.words.is_empty() || self.is_told(value, start);
        let checked = self.validator.is_none_or(|check| {
            let mut compact = [0; CHECKED_BYTES_MAX];
            let text = value.get(start..end).unwrap_or_default();
            compacted(text, &mut compact).is_some_and(check)
        });
        (told && checked && start < end).then(|| Finding {
            class: self.class,
            start: u32::try_from(start).unwrap_or(u32::MAX),
            end: u32::try_from(end).unwrap_or(u32::MAX),
            confidence: self.confidence,
            detector: self.name,
        })
    }

    /// Whether one of the words stands whole and shortly before.
    fn is_told(&self, value: &[u8], start: usize) -> bool {
        let head = value.get(..start).unwrap_or_default();
        let window = head
            .get(head.len().saturating_sub(WINDOW_BYTES)..)
            .unwrap_or(head);
        let window = window.to_ascii_lowercase();
        let is_letter = |byte: Option<&u8>| {
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80)
        };
        self.words.iter().any(|word| {
            memchr::memmem::find_iter(&window, word).any(|at| {
                let before = at.checked_sub(1).and_then(|before| window.get(before));
                !is_letter(before) && !is_letter(window.get(at + word.len()))
            })
        })
    }
}

/// Where the group `value` is, or else the whole match.
fn place(groups: &Captures<'_>) -> Option<(usize, usize)> {
    let found = groups.name("value").or_else(|| groups.get(0))?;
    Some((found.start(), found.end()))
}

/// The letters and digits of the text, capital.
fn compacted<'a>(text: &[u8], compact: &'a mut [u8; CHECKED_BYTES_MAX]) -> Option<&'a [u8]> {
    let mut length = 0;
    for byte in text.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        *compact.get_mut(length)? = byte.to_ascii_uppercase();
        length += 1;
    }
    compact.get(..length)
}
