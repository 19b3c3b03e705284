//! What the record of a start says.

use ::authority::Authority;
use audit::Lifecycle;

use super::now;
use crate::{authority, config::Config, handover::Who};

/// The hosts that agents are not answered for.
pub(super) fn unvouched(authority: Option<&Authority>, config: &Config) -> Vec<String> {
    let uncovered = authority.map(|authority| authority::uncovered(authority, config));
    let note =
        |host: String| format!("authority: no certificate for `{host}`: `tidegate ca rotate`");
    uncovered.into_iter().flatten().map(note).collect()
}

/// Whose place it took.
pub(super) fn took_over(from: &Who) -> String {
    format!("handover: from {from} to {}", Who::here())
}

/// What the start record says is missing.
pub(super) fn weaknesses(
    opened: &flows::Opened,
    confined: Vec<String>,
    unvouched: Vec<String>,
) -> Vec<String> {
    let attestation = opened.note.iter();
    let mut notes: Vec<String> = attestation
        .map(|note| format!("attestation: {note}"))
        .collect();
    notes.extend(confined);
    notes.extend(unvouched);
    for note in &notes {
        tracing::warn!(note, "running with less than there could be");
    }
    notes
}

pub(super) fn lifecycle(config: &Config, policy: &str, mut notes: Vec<String>) -> Lifecycle {
    if config.otlp.is_none() {
        notes.push("telemetry: off".to_owned());
    }
    if config.country == policy::Country::UNKNOWN {
        notes.push("country: not known, so that this host is in no region".to_owned());
    }
    Lifecycle {
        at: now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config: config.digest.clone(),
        policy: policy.to_owned(),
        notes,
        country: Some(config.country.code().to_owned()),
    }
}
