//! Compares what was found with what is there, exactly as the corpus' own `score.py` does.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::corpus::{Document, Label, Span};
use crate::predict::Prediction;
use crate::spans::{Bytes, common, length, merged, overlap, units};

/// A match covers at least half of what both cover together.
const OVERLAP_MIN: f64 = 0.5;

/// The subset of documents that hold nothing.
pub(crate) const NEGATIVES: &str = "negatives";

/// Labels on which scanners may differ in ordinary documents: counted apart in the negatives.
const SOFT: [&str; 12] = [
    "pii.date",
    "phi.date",
    "pii.location",
    "pii.city",
    "pii.nrp",
    "pii.person",
    "pii.age",
    "pii.gender",
    "pii.postal_code",
    "pii.address",
    "pii.ip",
    "pii.username",
];

/// What was right, wrong and missed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) right: u64,
    pub(crate) wrong: u64,
    pub(crate) missed: u64,
}

/// Precision, recall, F1 and F2.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rates {
    pub(crate) precision: f64,
    pub(crate) recall: f64,
    pub(crate) f1: f64,
    pub(crate) f2: f64,
}

/// Counts by label and by subset.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) labels: BTreeMap<String, Counts>,
    pub(crate) subsets: BTreeMap<String, Counts>,
}

/// How much of what is sensitive was found under any label.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cover {
    pub(crate) gold: u64,
    pub(crate) found: u64,
    pub(crate) predicted: u64,
    pub(crate) right: u64,
}

/// What was found where nothing is.
#[derive(Debug, Default)]
pub(crate) struct Negatives {
    pub(crate) documents: u64,
    pub(crate) bytes: u64,
    pub(crate) labels: BTreeMap<String, u64>,
}

/// Compares document by document.
pub(crate) struct Score<'a> {
    labels: &'a BTreeMap<String, Label>,
    /// Whether only the family of a label must match.
    coarse: bool,
    /// How many errors of a kind are kept.
    errors_max: usize,
    pub(crate) spans: Tally,
    pub(crate) fields: Tally,
    /// Bytes by subset.
    pub(crate) bytes: BTreeMap<String, Cover>,
    pub(crate) values: Cover,
    pub(crate) pointers: Cover,
    pub(crate) negatives: Negatives,
    /// Occurrences, and how many of them were found, by label and value.
    distinct: HashMap<(String, Vec<u8>), (u64, u64)>,
    pub(crate) errors: BTreeMap<String, Vec<(String, String)>>,
}

/// A value under comparison: its label as compared, its parts, its label.
struct Value<'a> {
    family: &'a str,
    parts: Vec<Bytes>,
    label: &'a str,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.missed += other.missed;
    }

    fn count(&mut self, found: bool) {
        if found {
            self.right += 1;
        } else {
            self.missed += 1;
        }
    }

    pub(crate) fn rates(self) -> Rates {
        let precision = ratio(self.right, self.right + self.wrong);
        let recall = ratio(self.right, self.right + self.missed);
        let f = |beta: f64| {
            let weighted = beta * beta * precision + recall;
            if precision + recall == 0.0 {
                0.0
            } else {
                (1.0 + beta * beta) * precision * recall / weighted
            }
        };
        Rates {
            precision,
            recall,
            f1: f(1.0),
            f2: f(2.0),
        }
    }
}

/// A share; nothing of nothing is none.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

impl Negatives {
    /// Findings per megabyte of the labels that `is` picks.
    fn per_megabyte(&self, is: impl Fn(&str) -> bool) -> f64 {
        let picked = self.labels.iter().filter(|(label, _)| is(label));
        ratio(
            picked.map(|(_, count)| count * 1_000_000).sum(),
            self.bytes.max(1),
        )
    }
}

impl<'a> Score<'a> {
    pub(crate) fn new(
        labels: &'a BTreeMap<String, Label>,
        coarse: bool,
        errors_max: usize,
    ) -> Self {
        Self {
            labels,
            coarse,
            errors_max,
            spans: Tally::default(),
            fields: Tally::default(),
            bytes: BTreeMap::new(),
            values: Cover::default(),
            pointers: Cover::default(),
            negatives: Negatives::default(),
            distinct: HashMap::new(),
            errors: BTreeMap::new(),
        }
    }

    /// Whether findings of this label are never wrong and never missed.
    pub(crate) fn is_optional(&self, label: &str) -> bool {
        self.labels.get(label).is_some_and(|label| label.optional)
    }

    fn family<'b>(&self, label: &'b str) -> &'b str
    where
        'a: 'b,
    {
        match self.labels.get(label) {
            Some(known) if self.coarse => &known.family,
            _ => label,
        }
    }

    /// False findings per megabyte of the negatives: core, soft.
    pub(crate) fn false_per_megabyte(&self) -> (f64, f64) {
        let soft = |label: &str| SOFT.contains(&label);
        (
            self.negatives
                .per_megabyte(|label| !soft(label) && !self.is_optional(label)),
            self.negatives.per_megabyte(soft),
        )
    }

    /// How many distinct values there are, and how many were found wherever they stand.
    pub(crate) fn distinct(&self) -> (usize, usize) {
        let found = self.distinct.values().filter(|(all, found)| all == found);
        (self.distinct.len(), found.count())
    }

    /// Compares one document.
    pub(crate) fn document(&mut self, document: &Document, prediction: &Prediction) {
        if document.subset == NEGATIVES {
            self.negatives.documents += 1;
            self.negatives.bytes += document.text.len() as u64;
            for span in &prediction.spans {
                *self.negatives.labels.entry(span.label.clone()).or_default() += 1;
            }
            self.note_negatives(document, &prediction.spans);
            return;
        }
        if let Some(spans) = &document.spans {
            self.compare_spans(document, spans, &prediction.spans);
        }
        self.compare_fields(document, prediction);
    }

    fn note_negatives(&mut self, document: &Document, spans: &[Span]) {
        for span in spans {
            let text = excerpt(document, &[(span.start, span.end)]);
            self.note(format!("NEGATIVE {}", span.label), document, text);
        }
    }

    fn note(&mut self, kind: String, document: &Document, text: String) {
        if self.errors_max == 0 {
            return;
        }
        let noted = self.errors.entry(kind).or_default();
        if noted.len() < self.errors_max {
            noted.push((document.id.clone(), text));
        }
    }

    fn values<'b>(&self, spans: &'b [Span]) -> Vec<Value<'b>>
    where
        'a: 'b,
    {
        units(spans)
            .into_iter()
            .map(|(label, parts)| Value {
                family: self.family(label),
                parts,
                label,
            })
            .collect()
    }

    /// The labels that are judged in this document, if not all.
    fn judged<'b>(&self, document: &'b Document) -> Option<BTreeSet<&'b str>>
    where
        'a: 'b,
    {
        let scored = document.scored.as_ref().filter(|all| !all.is_empty())?;
        Some(scored.iter().map(|label| self.family(label)).collect())
    }

    fn compare_spans(&mut self, document: &Document, gold: &[Span], found: &[Span]) {
        let gold = self.values(gold);
        let judged = self.judged(document);
        let ignored = merged(
            document
                .ignore_spans
                .iter()
                .flatten()
                .map(|span| (span.start, span.end)),
        );
        let marked = merged(gold.iter().flat_map(|value| value.parts.iter().copied()));
        let mut found = self.values(found);
        found.retain(|value| {
            let own = merged(value.parts.iter().copied());
            let dropped = common(&own, &ignored) * 2 >= length(&value.parts)
                && !ignored.is_empty()
                && common(&own, &marked) == 0;
            judged
                .as_ref()
                .is_none_or(|judged| judged.contains(value.family))
                && !dropped
        });
        let (hits, right) = matched(&gold, &found);
        for (value, hit) in gold.iter().zip(hits) {
            self.count_gold(document, value, hit);
        }
        for (value, right) in found.iter().zip(right) {
            if !right && !self.is_optional(value.label) {
                self.count_wrong(document, value);
            }
        }
        if judged.is_none() {
            self.cover(document, &gold, &found, &ignored);
        }
    }

    fn count_gold(&mut self, document: &Document, value: &Value<'_>, hit: bool) {
        let optional = self.is_optional(value.label);
        self.spans
            .labels
            .entry(value.family.to_owned())
            .or_default()
            .count(hit);
        if !optional {
            let subset = self.spans.subsets.entry(document.subset.clone());
            subset.or_default().count(hit);
        }
        let bytes = bytes(document, &value.parts);
        let distinct = self
            .distinct
            .entry((value.family.to_owned(), bytes))
            .or_default();
        distinct.0 += 1;
        distinct.1 += u64::from(hit);
        if !hit {
            let text = excerpt(document, &value.parts);
            self.note(format!("FN {}", value.family), document, text);
        }
    }

    fn count_wrong(&mut self, document: &Document, value: &Value<'_>) {
        let tally = &mut self.spans;
        tally
            .labels
            .entry(value.family.to_owned())
            .or_default()
            .wrong += 1;
        tally
            .subsets
            .entry(document.subset.clone())
            .or_default()
            .wrong += 1;
        let text = excerpt(document, &value.parts);
        self.note(format!("FP {}", value.family), document, text);
    }

    fn cover(
        &mut self,
        document: &Document,
        gold: &[Value<'_>],
        found: &[Value<'_>],
        ignored: &[Bytes],
    ) {
        let hard: Vec<&Value<'_>> = gold
            .iter()
            .filter(|value| !self.is_optional(value.label))
            .collect();
        let all = |values: &[Value<'_>]| merged(values.iter().flat_map(|it| it.parts.clone()));
        let predicted = all(found);
        let sensitive = merged(hard.iter().flat_map(|value| value.parts.clone()));
        let told = merged(
            found
                .iter()
                .filter(|value| !self.is_optional(value.label))
                .flat_map(|value| value.parts.clone()),
        );
        let fine = merged(all(gold).into_iter().chain(ignored.iter().copied()));
        let cover = self.bytes.entry(document.subset.clone()).or_default();
        cover.gold += length(&sensitive);
        cover.found += common(&sensitive, &predicted);
        cover.predicted += length(&told);
        cover.right += common(&told, &fine);
        for value in hard {
            let parts = merged(value.parts.iter().copied());
            self.values.gold += 1;
            self.values.found += u64::from(common(&parts, &predicted) * 2 >= length(&value.parts));
        }
    }

    fn compare_fields(&mut self, document: &Document, prediction: &Prediction) {
        let Some(fields) = document.fields.as_ref().filter(|all| !all.is_empty()) else {
            return;
        };
        let pairs = |fields: &[crate::corpus::Field]| -> BTreeMap<(String, String), String> {
            let pair = |field: &crate::corpus::Field| {
                let family = self.family(&field.label).to_owned();
                ((field.pointer.clone(), family), field.label.clone())
            };
            fields.iter().map(pair).collect()
        };
        let (gold, found) = (pairs(fields), pairs(&prediction.fields));
        let ignored: BTreeSet<&str> = document
            .ignore
            .iter()
            .flatten()
            .map(String::as_str)
            .collect();
        let marked: BTreeSet<&str> = gold.keys().map(|(pointer, _)| pointer.as_str()).collect();
        for (pair, label) in &gold {
            let hit = found.contains_key(pair);
            let labels = &mut self.fields.labels;
            labels.entry(pair.1.clone()).or_default().count(hit);
            if !self.is_optional(label) {
                let subset = self.fields.subsets.entry(document.subset.clone());
                subset.or_default().count(hit);
            }
            if !hit {
                self.note(format!("FIELD-FN {}", pair.1), document, pair.0.clone());
            }
        }
        let judged: Option<BTreeSet<String>> = self
            .judged(document)
            .map(|judged| judged.into_iter().map(str::to_owned).collect());
        if judged.is_none() {
            self.cover_pointers(&gold, &found, &ignored);
        }
        for ((pointer, family), label) in &found {
            let pair = (pointer.clone(), family.clone());
            let free = ignored.contains(pointer.as_str()) && !marked.contains(pointer.as_str());
            let counts = judged.as_ref().is_none_or(|judged| judged.contains(family));
            if gold.contains_key(&pair) || free || self.is_optional(label) || !counts {
                continue;
            }
            self.fields.labels.entry(family.clone()).or_default().wrong += 1;
            let subset = self.fields.subsets.entry(document.subset.clone());
            subset.or_default().wrong += 1;
            self.note(format!("FIELD-FP {family}"), document, pointer.clone());
        }
    }

    fn cover_pointers(
        &mut self,
        gold: &BTreeMap<(String, String), String>,
        found: &BTreeMap<(String, String), String>,
        ignored: &BTreeSet<&str>,
    ) {
        let pointers = |pairs: &BTreeMap<(String, String), String>, hard: bool| {
            pairs
                .iter()
                .filter(|(_, label)| !(hard && self.is_optional(label)))
                .map(|((pointer, _), _)| pointer.clone())
                .collect::<BTreeSet<String>>()
        };
        let hard = pointers(gold, true);
        let mut told = pointers(found, true);
        told.retain(|pointer| !ignored.contains(pointer.as_str()));
        let count = |left: &BTreeSet<String>, right: &BTreeSet<String>| {
            left.intersection(right).count() as u64
        };
        let (any, marked) = (pointers(found, false), pointers(gold, false));
        self.pointers.gold += hard.len() as u64;
        self.pointers.found += count(&hard, &any);
        self.pointers.predicted += told.len() as u64;
        self.pointers.right += count(&told, &marked);
    }
}

/// Which values were found, and which findings are right: best overlap first, each used once.
fn matched(gold: &[Value<'_>], found: &[Value<'_>]) -> (Vec<bool>, Vec<bool>) {
    let mut by_family: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, value) in gold.iter().enumerate() {
        by_family.entry(value.family).or_default().push(at);
    }
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (right, value) in found.iter().enumerate() {
        for left in by_family.get(value.family).into_iter().flatten() {
            let Some(other) = gold.get(*left) else {
                continue;
            };
            let shared = overlap(&other.parts, &value.parts);
            let whole = length(&other.parts) + length(&value.parts) - shared;
            let part = ratio(shared, whole);
            if shared > 0 && part >= OVERLAP_MIN {
                pairs.push((part, *left, right));
            }
        }
    }
    pairs.sort_by(|a, b| {
        let parts = b.0.total_cmp(&a.0);
        parts.then_with(|| (b.1, b.2).cmp(&(a.1, a.2)))
    });
    let (mut hits, mut right) = (vec![false; gold.len()], vec![false; found.len()]);
    for (_, left, at) in pairs {
        if let (Some(hit), Some(used)) = (hits.get_mut(left), right.get_mut(at))
            && !*hit
            && !*used
        {
            (*hit, *used) = (true, true);
        }
    }
    (hits, right)
}

fn bytes(document: &Document, parts: &[Bytes]) -> Vec<u8> {
    let slice = |(start, end): &Bytes| {
        let range = usize::try_from(*start).ok()?..usize::try_from(*end).ok()?;
        document.text.as_bytes().get(range)
    };
    parts.iter().filter_map(slice).flatten().copied().collect()
}

/// A value as errors show it: the corpus holds no one's data.
fn excerpt(document: &Document, parts: &[Bytes]) -> String {
    let bytes = bytes(document, parts);
    String::from_utf8_lossy(&bytes).chars().take(60).collect()
}
