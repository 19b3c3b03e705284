//! One value in, its findings out: first by where it stands, then by what it looks like.
//!
//! Most values of an API are short words under harmless names. They are told apart in one
//! pass over a few machine words (see `profile`); only a value that could hold
//! something reaches a detector. Every detector is linear: it looks a bounded number of bytes to
//! either side of what it stands on.

mod email;
mod field;
mod network;
mod number;
mod profile;
mod secret;
mod weak;

use crate::DataClass;
use crate::context::Context;
use crate::finding::{Finding, ValueKind};
use crate::key::KeyClass;
use crate::prose;
use profile::{NUMBER_DIGITS_MIN, Profile, SECRET_BYTES_MIN};

/// Shortest value that holds anything known by its look alone: `a@b.co`.
const STRONG_BYTES_MIN: usize = 6;
/// Shortest number that holds anything known by its digits.
const NUMBER_BYTES_MIN: usize = 7;

/// Finds everything sensitive in one decoded scalar, and appends it to `findings`, in order and
/// without overlap. What the name tells covers the whole value.
#[inline]
pub fn classify_value(
    context: &Context,
    kind: ValueKind,
    value: &[u8],
    findings: &mut Vec<Finding>,
) {
    if kind == ValueKind::Bool || value.is_empty() {
        return;
    }
    match field::told(context, value) {
        Some(class) => weigh(class, context, kind, value, findings),
        None => look(context.key(), kind, value, findings),
    }
}

/// Weighs what the place says of a value against how it looks.
fn weigh(
    class: DataClass,
    context: &Context,
    kind: ValueKind,
    value: &[u8],
    findings: &mut Vec<Finding>,
) {
    let from = findings.len();
    // A secret's own look says more than the name `token`.
    let look_first = class.is_within(DataClass::SECRET);
    if look_first {
        look(context.key(), kind, value, findings);
    }
    if findings.len() == from {
        findings.extend(field::judge(class, context, kind, value));
    }
    if findings.len() == from && !look_first {
        look(context.key(), kind, value, findings);
    }
    // FHIR says what stands here, even if it looks like nothing of the kind: hide it.
    if findings.len() == from {
        findings.extend(field::by_element(context, value));
    }
}

/// Finds what hides in a member name itself: `{"alice@example.com": ...}`.
pub fn classify_key(name: &[u8], findings: &mut Vec<Finding>) {
    look(KeyClass::None, ValueKind::Text, name, findings);
}

/// Whether nothing hides in a member name.
pub(crate) fn is_clean(name: &[u8]) -> bool {
    let mut findings = Vec::new();
    classify_key(name, &mut findings);
    findings.is_empty()
}

/// Finds what is known by its look. Most values hold nothing that a detector would look at.
#[inline]
fn look(key: KeyClass, kind: ValueKind, value: &[u8], findings: &mut Vec<Finding>) {
    let least = match kind {
        ValueKind::Number => NUMBER_BYTES_MIN,
        _ => STRONG_BYTES_MIN,
    };
    if value.len() < least {
        return;
    }
    let from = findings.len();
    if let Some(profile) = Profile::of(value) {
        detect(key, kind, value, &profile, findings);
    }
    if kind == ValueKind::Text {
        prose::scan(value, from, findings);
        settle(findings, from);
    }
}

/// Asks the detectors that this profile gives something to find.
fn detect(
    key: KeyClass,
    kind: ValueKind,
    value: &[u8],
    profile: &Profile,
    findings: &mut Vec<Finding>,
) {
    if kind == ValueKind::Number {
        if profile.digits >= NUMBER_DIGITS_MIN {
            number::scan(key, value, findings);
        }
        return;
    }
    let from = findings.len();
    if profile.digits > 0 && value.len() >= SECRET_BYTES_MIN {
        secret::scan(value, findings);
    }
    if profile.ats > 0 {
        email::scan(value, findings);
    }
    if profile.colons > 1 {
        network::scan_colons(value, findings);
    }
    if profile.dots > 2 && profile.digits > 3 && key != KeyClass::Veto {
        network::scan_dots(value, findings);
    }
    if profile.digits >= NUMBER_DIGITS_MIN {
        number::scan(key, value, findings);
    }
    if profile.spaces > 0 && profile.digits > 2 {
        weak::scan(value, findings);
    }
    settle(findings, from);
}

/// Puts the findings from `from` on in order; of two that overlap, the one that starts first stays,
/// and of two that start together the longer.
fn settle(findings: &mut Vec<Finding>, from: usize) {
    let Some(new) = findings.get_mut(from..).filter(|new| new.len() > 1) else {
        return;
    };
    new.sort_by_key(|finding| (finding.start, u32::MAX - finding.end));
    let mut end = 0;
    let mut seen = 0;
    findings.retain(|finding| {
        seen += 1;
        let keep = seen <= from || finding.start >= end;
        if keep && seen > from {
            end = finding.end;
        }
        keep
    });
}

/// A finding for bytes `start..end`.
fn finding(
    class: DataClass,
    start: usize,
    end: usize,
    confidence: u8,
    detector: &'static str,
) -> Finding {
    Finding {
        class,
        start: u32::try_from(start).unwrap_or(u32::MAX),
        end: u32::try_from(end).unwrap_or(u32::MAX),
        confidence,
        detector,
    }
}

/// The byte at `at`; NUL outside the value, which no detector takes for part of anything.
fn byte(value: &[u8], at: usize) -> u8 {
    value.get(at).copied().unwrap_or(0)
}

/// The byte `back` places before `at`; NUL outside the value.
fn before(value: &[u8], at: usize, back: usize) -> u8 {
    at.checked_sub(back).map_or(0, |at| byte(value, at))
}

#[cfg(test)]
mod tests;
