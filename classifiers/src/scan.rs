//! One value in, its findings out: first by where it stands, then by what it looks like.
//!
//! Most values of an API are short words under harmless names. They are told apart in one
//! pass over a few machine words (see `profile`); only a value that could hold
//! something reaches a detector. Every detector is linear: it looks a bounded number of bytes to
//! either side of what it stands on.

mod email;
mod field;
mod geo;
mod identifier;
mod instant;
mod link;
mod network;
mod phone;
mod profile;
mod secret;
mod view;
mod weak;

use crate::DataClass;
use crate::context::Context;
use crate::declared::Says;
use crate::finding::{Finding, ValueKind};
use crate::hl7;
use crate::key::KeyClass;
use crate::operator::Operator;
use crate::prose;
use profile::{
    CODE_BYTES_MIN, CODE_DIGITS_MIN, NUMBER_DIGITS_MIN, Profile, SECRET_BYTES_MIN, WALLET_BYTES_MIN,
};
pub(crate) use secret::is_vendor;

pub(crate) use field::is_untold;
pub(crate) use profile::{Glance, is_bland_number};

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
        // A flag has no look, but its owner may say what it tells.
        if let Says::Class(class) = context.says() {
            findings.extend(field::by_declaration(class, value));
        }
        return;
    }
    if kind == ValueKind::Text && view::may_show(value) {
        return see_through(context, value, findings);
    }
    classify_plain(context, kind, value, findings);
}

/// Finds what [`classify_value`] finds and what the operator's own detectors do.
pub fn classify_value_with(
    operator: &Operator,
    context: &Context,
    kind: ValueKind,
    value: &[u8],
    findings: &mut Vec<Finding>,
) {
    let from = findings.len();
    classify_value(context, kind, value, findings);
    operator.scan(context, kind, value, findings);
    settle(findings, from);
}

/// Finds what stands in another form of its characters.
#[cold]
fn see_through(context: &Context, value: &[u8], findings: &mut Vec<Finding>) {
    let from = findings.len();
    let view = view::View::of(value);
    classify_plain(context, ValueKind::Text, &view.text, findings);
    view.lead_back(findings.get_mut(from..).unwrap_or_default());
}

#[inline]
fn classify_plain(context: &Context, kind: ValueKind, value: &[u8], findings: &mut Vec<Finding>) {
    match context.says() {
        Says::Nothing => {}
        Says::Class(class) => return findings.extend(field::by_declaration(class, value)),
        Says::Harmless => return secret::scan_certain(value, findings),
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
        // FHIR says what stands here, even if it looks like nothing of the kind: hide it.
        findings.extend(
            field::judge(class, context, kind, value).or_else(|| field::by_element(context, value)),
        );
    }
    if findings.len() == from && !look_first {
        look(context.key(), kind, value, findings);
    }
    surer_part(class, context, value, from, findings);
}

/// Puts the number in the place of the value around it: `IBAN: DE89... until May`.
fn surer_part(
    class: DataClass,
    context: &Context,
    value: &[u8],
    from: usize,
    findings: &mut Vec<Finding>,
) {
    let unsure = findings
        .get(from)
        .is_some_and(|finding| finding.class == class && finding.confidence <= field::BY_NAME_ONLY);
    if !unsure || !value.contains(&b' ') {
        return;
    }
    let part = findings.len();
    look(context.key(), ValueKind::Text, value, findings);
    let parts = findings.get(part..).unwrap_or_default();
    let is_first = parts.first().is_some_and(|first| first.class == class);
    // Beside the one number there may be another, which fails its check.
    if is_first && digits_beside(parts, value) < NUMBER_DIGITS_MIN as usize {
        findings.drain(from..part);
    } else {
        findings.truncate(part);
    }
}

/// How many digits of a value stand outside these findings.
fn digits_beside(findings: &[Finding], value: &[u8]) -> usize {
    let digits = |bytes: &[u8]| bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let within = |finding: &Finding| {
        let part = value.get(finding.start as usize..finding.end as usize);
        digits(part.unwrap_or_default())
    };
    digits(value).saturating_sub(findings.iter().map(within).sum())
}

/// Whether a value passes the check of its class; none if the class has no check.
pub(crate) fn passes(class: DataClass, value: &[u8]) -> Option<bool> {
    identifier::passes(class, value)
}

/// Finds what hides in a member name itself: `{"alice@example.com": ...}`.
pub fn classify_key(name: &[u8], findings: &mut Vec<Finding>) {
    if view::may_show(name) {
        return see_through(&Context::ROOT, name, findings);
    }
    look(KeyClass::None, ValueKind::Text, name, findings);
}

/// Finds what a short text is that holds nothing beside it, of which [`classify_value`] found nothing.
pub(crate) fn classify_lone(text: &[u8], findings: &mut Vec<Finding>) {
    identifier::lone::scan(text, findings);
    if findings.is_empty() {
        findings.extend(phone::lone(text));
    }
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
    // The numbers of a date are no telephone's.
    let key = match key {
        KeyClass::Date => KeyClass::Veto,
        key => key,
    };
    let least = match kind {
        ValueKind::Number => NUMBER_BYTES_MIN,
        _ => STRONG_BYTES_MIN,
    };
    if value.len() < least || instant::is_instant(value) {
        return;
    }
    look_closely(key, kind, value, findings);
}

/// Finds in a value what is known by its look, whatever it is as a whole.
#[inline]
fn look_closely(key: KeyClass, kind: ValueKind, value: &[u8], findings: &mut Vec<Finding>) {
    let from = findings.len();
    if let Some(profile) = Profile::of(value) {
        detect(key, kind, value, &profile, findings);
    }
    if kind == ValueKind::Text {
        let looked = findings.len();
        prose::scan(value, from, findings);
        if findings.len() > looked {
            settle(findings, from);
        }
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
            identifier::scan(key, value, findings);
        }
        return;
    }
    if hl7::is_message(value) {
        message(value, findings);
    } else {
        detect_in_text(key, value, profile, findings);
    }
}

/// Asks the detectors that look at any text.
fn detect_in_text(key: KeyClass, value: &[u8], profile: &Profile, findings: &mut Vec<Finding>) {
    let from = findings.len();
    secrets(value, profile, findings);
    contacts(value, profile, findings);
    machines(key, value, profile, findings);
    if may_identify(profile, value.len()) {
        identifier::scan(key, value, findings);
    }
    if profile.digits >= NUMBER_DIGITS_MIN {
        phone::scan(key, value, findings);
    }
    settle(findings, from);
    if profile.spaces > 0 && profile.digits > 2 {
        weak::scan(value, from, findings);
        settle(findings, from);
    }
}

/// Finds what opens a door. A secret has a digit or an underscore, and what names one stands before
/// a colon or an equals sign.
fn secrets(value: &[u8], profile: &Profile, findings: &mut Vec<Finding>) {
    if value.len() < SECRET_BYTES_MIN {
        return;
    }
    if profile.digits + profile.underscores > 0 {
        secret::scan(value, findings);
    }
    if profile.colons + profile.equals > 0 {
        secret::scan_names(value, findings);
        secret::scan_credentials(value, profile.ats > 0, findings);
    }
}

/// Finds how to reach a person, but for the telephone.
fn contacts(value: &[u8], profile: &Profile, findings: &mut Vec<Finding>) {
    if profile.ats > 0 {
        email::scan(value, findings);
    }
    if profile.dots > 1 && profile.digits > 7 {
        geo::scan(value, findings);
    }
    // The first byte of a degree sign.
    if profile.digits > 3 && memchr::memchr(0xC2, value).is_some() {
        geo::scan_degrees(value, findings);
    }
    if profile.colons > 0 && profile.dots > 0 && value.len() >= SECRET_BYTES_MIN {
        link::scan(value, findings);
    }
}

/// Finds addresses of machines.
fn machines(key: KeyClass, value: &[u8], profile: &Profile, findings: &mut Vec<Finding>) {
    if profile.colons > 1 {
        network::scan_colons(value, findings);
    }
    if profile.digits > 0 && (profile.hyphens > 4 || profile.dots > 1) {
        network::scan_macs(value, findings);
    }
    if profile.dots > 2 && profile.digits > 3 && !matches!(key, KeyClass::Veto | KeyClass::Id) {
        network::scan_dots(value, findings);
    }
}

/// Whether an identifier may stand here: a code with its digits, or behind its name or as long as a
/// wallet's address with few of them.
fn may_identify(profile: &Profile, length: usize) -> bool {
    match length {
        0..CODE_BYTES_MIN => false,
        CODE_BYTES_MIN..WALLET_BYTES_MIN => profile.digits >= CODE_DIGITS_MIN,
        _ => profile.digits > 0,
    }
}

/// Finds what an HL7 v2 message holds: by position where the segment is known, else by its look.
fn message(value: &[u8], findings: &mut Vec<Finding>) {
    for (start, line) in hl7::segments(value) {
        let from = findings.len();
        if !hl7::segment(line, findings) {
            // A line is no message in its turn, whatever it begins with.
            if let Some(profile) = Profile::of(line) {
                detect_in_text(KeyClass::None, line, &profile, findings);
            }
            prose::scan(line, from, findings);
            settle(findings, from);
        }
        let shift = u32::try_from(start).unwrap_or(u32::MAX);
        for finding in findings.iter_mut().skip(from) {
            finding.start = finding.start.saturating_add(shift);
            finding.end = finding.end.saturating_add(shift);
        }
    }
}

/// Puts the findings from `from` on in order; of two that overlap, a secret stays before the surer
/// one, and of two as sure the one that starts first, then the longer.
fn settle(findings: &mut Vec<Finding>, from: usize) {
    let Some(new) = findings.get_mut(from..).filter(|new| new.len() > 1) else {
        return;
    };
    new.sort_by_key(|finding| (finding.start, u32::MAX - finding.end));
    let mut kept = from;
    for next in from..findings.len() {
        let Some(finding) = findings.get(next).cloned() else {
            break;
        };
        let last = kept.checked_sub(1).filter(|last| *last >= from);
        let overlapped = last
            .and_then(|last| findings.get_mut(last))
            .filter(|last| last.end > finding.start);
        match overlapped {
            Some(last) if weight(&finding) > weight(last) => *last = finding,
            Some(_) => {}
            None => {
                if let Some(slot) = findings.get_mut(kept) {
                    *slot = finding;
                    kept += 1;
                }
            }
        }
    }
    findings.truncate(kept);
}

/// What decides between findings that overlap. A password may hold what looks like an address.
fn weight(finding: &Finding) -> (bool, u8) {
    (
        finding.class.is_within(DataClass::SECRET),
        finding.confidence,
    )
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
mod complaints;
#[cfg(test)]
mod tests;
