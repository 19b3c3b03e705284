//! What the classifiers are meant to reach, and whether they do.

use crate::score::{Counts, Score, ratio};

/// One goal on some subsets.
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    subsets: &'static [&'static str],
    measure: Measure,
    least: f64,
}

#[derive(Clone, Copy)]
enum Measure {
    SpansF2,
    SpansRecall,
    FieldsF2,
    /// F2 with any label of the family counted right.
    FamilyF2,
    BytesCovered,
}

/// A goal and what was reached: none where the corpus part that it is about was left out.
pub(crate) struct Reached {
    pub(crate) name: &'static str,
    pub(crate) least: f64,
    pub(crate) value: Option<f64>,
}

const IDS: &[&str] = &[
    "recognizer",
    "checksum_table",
    "ids_text",
    "ids_struct",
    "ids_nocontext",
    "ids_negative",
];
const API: &[&str] = &["api_example", "api_populated", "api_synth"];
const FORMATS: &[&str] = &["fmt_ndjson", "fmt_sse", "fmt_csv", "fmt_xml", "fmt_text"];

const GOALS: [Goal; 13] = [
    goal("ids and checksums, F2", IDS, Measure::SpansF2, 0.95),
    goal("ids and checksums, recall", IDS, Measure::SpansRecall, 0.95),
    goal("API JSON, fields", API, Measure::FieldsF2, 0.85),
    goal(
        "API JSON, unseen schemas",
        &["api_synth"],
        Measure::FieldsF2,
        0.75,
    ),
    goal(
        "FHIR, fields",
        &["fhir_bundle", "fhir_resource"],
        Measure::FieldsF2,
        0.95,
    ),
    goal(
        "CSV, XML, NDJSON, SSE, text",
        FORMATS,
        Measure::SpansF2,
        0.85,
    ),
    goal(
        "values split over SSE events",
        &["sse_split"],
        Measure::SpansF2,
        0.90,
    ),
    goal(
        "secrets (the rules' own cases)",
        &["secret"],
        Measure::FamilyF2,
        0.97,
    ),
    goal(
        "secrets in structures",
        &["secret_struct"],
        Measure::FamilyF2,
        0.90,
    ),
    goal(
        "clinical notes",
        &["healthcare_notes"],
        Measure::SpansF2,
        0.75,
    ),
    goal("sentences, F2", &["sentences"], Measure::SpansF2, 0.60),
    goal(
        "sentences, bytes covered",
        &["sentences"],
        Measure::BytesCovered,
        0.85,
    ),
    goal("encoded values", &["encoded"], Measure::SpansF2, 0.90),
];

const fn goal(
    name: &'static str,
    subsets: &'static [&'static str],
    measure: Measure,
    least: f64,
) -> Goal {
    Goal {
        name,
        subsets,
        measure,
        least,
    }
}

/// The most false findings per megabyte of the negatives: core, soft.
pub(crate) const FALSE_MAX: (f64, f64) = (5.0, 20.0);

/// Every goal with what was reached.
pub(crate) fn reached(exact: &Score<'_>, family: &Score<'_>) -> Vec<Reached> {
    let reach = |goal: &Goal| Reached {
        name: goal.name,
        least: goal.least,
        value: goal.value(exact, family),
    };
    GOALS.iter().map(reach).collect()
}

impl Goal {
    fn value(&self, exact: &Score<'_>, family: &Score<'_>) -> Option<f64> {
        let tally = match self.measure {
            Measure::SpansF2 | Measure::SpansRecall => &exact.spans,
            Measure::FieldsF2 => &exact.fields,
            Measure::FamilyF2 => &family.spans,
            Measure::BytesCovered => {
                let covers = self.subsets.iter().filter_map(|it| exact.bytes.get(*it));
                let (found, gold) = covers.fold((0, 0), |(found, gold), cover| {
                    (found + cover.found, gold + cover.gold)
                });
                return (gold > 0).then(|| ratio(found, gold));
            }
        };
        let mut counts = Counts::default();
        let known = self.subsets.iter().filter_map(|it| tally.subsets.get(*it));
        known.for_each(|subset| counts.add(*subset));
        let rates = counts.rates();
        let value = match self.measure {
            Measure::SpansRecall => rates.recall,
            _ => rates.f2,
        };
        (counts.right + counts.missed > 0).then_some(value)
    }
}
