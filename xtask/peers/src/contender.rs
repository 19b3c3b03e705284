//! Who reads, and how: each takes a document and says how much it found.

use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use bytes::Bytes;
use classifiers::DataClass;
use redaction::{Action, Output, Pseudonyms, Redactor, Workspace};
use regex::bytes::{Regex, RegexBuilder, RegexSetBuilder};
use serde::de::IgnoredAny;

use crate::samples::Fixed;

/// Reads a document once; how much it found.
pub type Contender = Box<dyn FnMut(&Bytes) -> Result<u64>>;

/// The patterns that Hyperscan and `regex` look for.
const PATTERNS: &str = include_str!("../patterns.txt");

/// The contender of this name.
pub fn named(name: &str) -> Result<Contender> {
    Ok(match name {
        "scan" => ours(Action::Show, Workspace::new()),
        "redact" => ours(Action::Mask, Workspace::new()),
        "scan-plain" => ours(Action::Show, Workspace::plain()),
        "redact-plain" => ours(Action::Mask, Workspace::plain()),
        "serde_json-skip" => Box::new(|document| {
            serde_json::from_slice::<IgnoredAny>(document)?;
            Ok(0)
        }),
        "serde_json-parse" => Box::new(|document| {
            serde_json::from_slice::<serde_json::Value>(document)?;
            Ok(0)
        }),
        "regex" => regex()?,
        "redact-core" => redact_core(),
        _ => bail!("no contender is named `{name}`"),
    })
}

/// Walked, classified with every detector, and edited as `action` says.
fn ours(action: Action, work: Workspace) -> Contender {
    let pseudonyms: Arc<dyn Pseudonyms> = Arc::new(Fixed);
    let mut work = Some(Box::new(work));
    Box::new(move |document| {
        let kept = work.take().unwrap_or_default();
        let mut redactor = Redactor::new(|_: DataClass| action, Arc::clone(&pseudonyms), kept);
        let mut out = Output::new();
        redactor.push(document, &mut out)?;
        redactor.finish(&mut out)?;
        std::hint::black_box(&out);
        let (summary, kept) = redactor.into_parts();
        work = Some(kept);
        Ok(summary.findings())
    })
}

/// One pass for all patterns that says which occur, and one more for each that does.
fn regex() -> Result<Contender> {
    let patterns: Vec<&str> = PATTERNS.lines().filter(|line| !line.is_empty()).collect();
    let any = RegexSetBuilder::new(&patterns).unicode(false).build()?;
    let each = patterns
        .iter()
        .map(|pattern| RegexBuilder::new(pattern).unicode(false).build())
        .collect::<Result<Vec<Regex>, _>>()?;
    Ok(Box::new(move |document| {
        let hits = any.matches(document);
        let hits = hits.iter().filter_map(|hit| each.get(hit));
        Ok(hits.map(|regex| regex.find_iter(document).count() as u64).sum())
    }))
}

fn redact_core() -> Contender {
    let engine = redact_core::AnalyzerEngine::new();
    Box::new(move |document| {
        let text = std::str::from_utf8(document)?;
        let found = engine.analyze(text, None).map_err(|error| anyhow!("{error}"))?;
        Ok(found.detected_entities.len() as u64)
    })
}
