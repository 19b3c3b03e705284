//! What the name or the FHIR element says, if the value does not contradict it.
//!
//! A name alone is not enough: `phone: "verified"` is no phone. Each class has one test of what its
//! values look like, loose where leaking would be worse than hiding.

use super::{finding, network, secret};
use crate::DataClass;
use crate::check;
use crate::context::Context;
use crate::finding::{Finding, ValueKind};
use crate::key::KeyClass;
use crate::taxonomy::CLASSES_MAX;

/// How sure a FHIR element makes, in percent.
const BY_ELEMENT: u8 = 98;
/// How sure a field name makes whose value has the right look.
const BY_NAME: u8 = 90;
/// How sure a field name makes whose value fails its check digit.
const BY_NAME_ONLY: u8 = 70;
/// How sure a name like `author` makes of two capitalised words.
const BY_OWNER: u8 = 60;

/// The class that FHIR or the name gives this value.
#[inline]
pub(super) fn told(context: &Context, value: &[u8]) -> Option<DataClass> {
    context
        .fhir(value)
        .or_else(|| context.key().data_class())
        .or_else(|| {
            matches!(context.key(), KeyClass::Someone | KeyClass::Patient)
                .then_some(DataClass::PERSON)
                .filter(|_| two_names(value))
        })
}

/// Whether [`told`] says nothing of any value in this context.
pub(crate) fn is_untold(context: &Context) -> bool {
    context.is_silent_in_fhir()
        && context.key().data_class().is_none()
        && !matches!(context.key(), KeyClass::Someone | KeyClass::Patient)
}

/// The finding for the whole value, if it looks like what it is said to be, or like the class above:
/// an `icd10` that holds words is a condition.
pub(super) fn judge(
    class: DataClass,
    context: &Context,
    kind: ValueKind,
    value: &[u8],
) -> Option<Finding> {
    if is_empty(value) {
        return None;
    }
    let class = std::iter::successors(Some(class), |class| class.parent()).find(|class| {
        rule_of(*class)
            .is_some_and(|rule| (kind != ValueKind::Number || rule.numbers) && (rule.looks)(value))
    })?;
    let (confidence, detector) = match context.fhir(value) {
        Some(_) => (BY_ELEMENT, "fhir"),
        None if context.key().data_class().is_none() => (BY_OWNER, "owner"),
        None if !checked(class, value) => (BY_NAME_ONLY, "key"),
        None => (BY_NAME, "key"),
    };
    Some(finding(class, 0, value.len(), confidence, detector))
}

/// The finding for the whole value because of where it stands in a FHIR resource, whatever it
/// looks like.
pub(super) fn by_element(context: &Context, value: &[u8]) -> Option<Finding> {
    let class = context.fhir(value).filter(|_| !is_empty(value))?;
    Some(finding(class, 0, value.len(), BY_NAME_ONLY, "fhir"))
}

/// Whether the text looks like a value of this class.
pub(super) fn looks(class: DataClass, value: &[u8]) -> bool {
    rule_of(class).is_some_and(|rule| (rule.looks)(value))
}

fn rule_of(class: DataClass) -> Option<&'static Rule> {
    RULES.get(class.index())?.as_ref()
}

/// What the values of a class look like, and whether they come as JSON numbers too.
#[derive(Clone, Copy)]
struct Rule {
    looks: fn(&[u8]) -> bool,
    numbers: bool,
}

/// A value as text only.
const fn text(class: DataClass, looks: fn(&[u8]) -> bool) -> (DataClass, Rule) {
    (
        class,
        Rule {
            looks,
            numbers: false,
        },
    )
}

/// A value as text or as a number.
const fn either(class: DataClass, looks: fn(&[u8]) -> bool) -> (DataClass, Rule) {
    (
        class,
        Rule {
            looks,
            numbers: true,
        },
    )
}

static LOOKS: &[(DataClass, Rule)] = &[
    text(DataClass::PERSON, words),
    text(DataClass::CARDHOLDER, words),
    text(DataClass::USERNAME, |value| token(value, 2, 64, 0)),
    text(DataClass::EMAIL, |value| {
        value.contains(&b'@') && token(value, 3, 320, 0)
    }),
    either(DataClass::PHONE, phone),
    either(DataClass::FAX, phone),
    either(DataClass::ADDRESS, address),
    text(DataClass::CITY, words),
    either(DataClass::POSTAL_CODE, |value| code(value, 3, 12, 1)),
    either(DataClass::GEO, geo),
    either(DataClass::DOB, date),
    either(DataClass::DATE, date),
    either(DataClass::AGE, |value| digits_only(value, 1, 3)),
    text(DataClass::GENDER, |value| value.len() <= 32 && words(value)),
    text(DataClass::ETHNICITY, prose),
    text(DataClass::NRP, words),
    text(DataClass::MARITAL_STATUS, |value| {
        value.len() <= 40 && words(value)
    }),
    text(DataClass::IP, network::is_address),
    text(DataClass::MAC, |value| {
        code(value, 12, 17, 1) && value.iter().filter(|byte| byte.is_ascii_hexdigit()).count() == 12
    }),
    either(DataClass::IMEI, |value| digits_only(value, 14, 16)),
    text(DataClass::VIN, |value| code(value, 17, 17, 1)),
    text(DataClass::VEHICLE_PLATE, |value| code(value, 2, 12, 0)),
    text(DataClass::PHOTO, |value| value.len() >= 8),
    either(DataClass::CUSTOMER_ID, |value| token(value, 2, 64, 1)),
    text(DataClass::IBAN, |value| {
        code(value, 15, 44, 8) && value.iter().take(2).all(u8::is_ascii_alphabetic)
    }),
    either(DataClass::US_BANK_ACCOUNT, |value| code(value, 4, 34, 4)),
    either(DataClass::US_ABA_ROUTING, |value| numeric(value, 8, 11)),
    either(DataClass::US_SSN, ssn),
    either(DataClass::US_PASSPORT, |value| code(value, 6, 14, 1)),
    either(DataClass::US_DRIVER_LICENSE, |value| code(value, 4, 24, 1)),
    either(DataClass::NATIONAL_ID, |value| code(value, 5, 24, 4)),
    either(DataClass::CA_SIN, |value| numeric(value, 9, 9)),
    either(DataClass::BR_CPF, |value| numeric(value, 10, 11)),
    text(DataClass::UK_NINO, |value| code(value, 8, 13, 6)),
    either(DataClass::DE_TAX_ID, |value| numeric(value, 10, 13)),
    text(DataClass::DE_ID_CARD, |value| code(value, 8, 12, 1)),
    either(DataClass::FR_NIR, |value| code(value, 13, 21, 11)),
    text(DataClass::ES_NIF, |value| code(value, 8, 12, 7)),
    text(DataClass::IT_FISCAL_CODE, |value| code(value, 16, 16, 5)),
    either(DataClass::NL_BSN, |value| numeric(value, 8, 9)),
    either(DataClass::IN_AADHAAR, |value| numeric(value, 12, 12)),
    either(DataClass::MRN, |value| token(value, 2, 64, 1)),
    either(DataClass::PATIENT_ID, |value| token(value, 1, 256, 0)),
    text(DataClass::PATIENT_REF, |value| token(value, 1, 256, 0)),
    either(DataClass::HEALTH_PLAN_ID, |value| token(value, 3, 64, 1)),
    text(DataClass::US_MBI, |value| code(value, 11, 13, 4)),
    either(DataClass::US_NPI, |value| numeric(value, 1, 10)),
    text(DataClass::US_DEA, |value| code(value, 9, 10, 7)),
    either(DataClass::CONDITION, prose),
    text(DataClass::ICD10, icd10),
    either(DataClass::PROCEDURE, prose),
    either(DataClass::MEDICATION, prose),
    either(DataClass::OBSERVATION, prose),
    either(DataClass::ALLERGY, prose),
    either(DataClass::IMMUNIZATION, prose),
    either(DataClass::ENCOUNTER, prose),
    text(DataClass::DEVICE_ID, prose),
    text(DataClass::NARRATIVE, prose),
    either(DataClass::PAN, |value| numeric(value, 12, 19)),
    either(DataClass::PAN_TRUNCATED, |value| {
        value.len() <= 24 && digits(value) == 4
    }),
    either(DataClass::CVV, |value| digits_only(value, 3, 4)),
    either(DataClass::EXPIRY, |value| {
        value.len() <= 10 && numeric(value, 1, 8)
    }),
    text(DataClass::TRACK_DATA, |value| {
        value.len() >= 20 && digits(value) >= 12
    }),
    either(DataClass::PIN, |value| {
        (4..=16).contains(&value.len()) && value.iter().all(u8::is_ascii_hexdigit)
    }),
    either(DataClass::PASSWORD, |value| {
        value.len() >= 4 && !secret::is_placeholder(value)
    }),
    text(DataClass::GENERIC, |value| {
        token(value, 8, 8192, 1) && !value.starts_with(b"http") && !secret::is_placeholder(value)
    }),
    text(DataClass::BEARER_TOKEN, |value| {
        value.len() >= 16 && !secret::is_placeholder(value)
    }),
    text(DataClass::PRIVATE_KEY, |value| {
        value.len() >= 32 && !secret::is_placeholder(value)
    }),
    text(DataClass::CONNECTION_STRING, connection),
];

/// [`LOOKS`] by class.
static RULES: [Option<Rule>; CLASSES_MAX] = by_class();

#[expect(
    clippy::indexing_slicing,
    reason = "runs when compiled: out of bounds is a build error"
)]
const fn by_class() -> [Option<Rule>; CLASSES_MAX] {
    let mut rules = [None; CLASSES_MAX];
    let mut row = 0;
    while row < LOOKS.len() {
        rules[LOOKS[row].0.number()] = Some(LOOKS[row].1);
        row += 1;
    }
    rules
}

/// Whether the check digit holds, for classes that have one.
fn checked(class: DataClass, value: &[u8]) -> bool {
    let holds = match class {
        DataClass::US_NPI => check::npi,
        DataClass::US_SSN => check::us_ssn,
        DataClass::PAN | DataClass::IMEI => check::luhn,
        _ => return true,
    };
    let mut kept = [0u8; 20];
    let mut length = 0;
    for digit in value.iter().filter(|byte| byte.is_ascii_digit()) {
        if let Some(slot) = kept.get_mut(length) {
            *slot = *digit;
            length += 1;
        }
    }
    holds(kept.get(..length).unwrap_or_default())
}

/// Whether it is what stands for "no value" in APIs.
fn is_empty(value: &[u8]) -> bool {
    matches!(
        value,
        b"null"
            | b"none"
            | b"n/a"
            | b"N/A"
            | b"NA"
            | b"-"
            | b"--"
            | b"unknown"
            | b"Unknown"
            | b"UNKNOWN"
            | b"None"
            | b"nil"
            | b"undefined"
            | b"string"
            | b"[redacted]"
            | b"[REDACTED]"
    ) || value.iter().all(u8::is_ascii_whitespace)
}

fn digits(value: &[u8]) -> usize {
    value.iter().filter(|byte| byte.is_ascii_digit()).count()
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

/// Names and places: letters, few digits, no address of a machine.
fn words(value: &[u8]) -> bool {
    value.len() <= 200
        && value.iter().any(|byte| is_letter(*byte))
        && digits(value) <= 3
        && !value
            .iter()
            .any(|byte| matches!(byte, b'@' | b'{' | b'<' | b'=' | b'\\'))
        && memchr::memmem::find(value, b"://").is_none()
}

/// Two or three capitalised words, as a person is written.
fn two_names(value: &[u8]) -> bool {
    let capitalised = |word: &[u8]| {
        word.first()
            .is_some_and(|byte| byte.is_ascii_uppercase() || *byte >= 0xC3)
            && word
                .iter()
                .all(|byte| is_letter(*byte) || matches!(byte, b'\'' | b'-' | b'.'))
    };
    value.len() <= 64
        && (2..=4).contains(&value.split(|byte| *byte == b' ').count())
        && value.split(|byte| *byte == b' ').all(capitalised)
}

fn prose(value: &[u8]) -> bool {
    value
        .iter()
        .any(|byte| is_letter(*byte) || byte.is_ascii_digit())
}

/// A code of so many bytes, with so many digits at least: letters, digits and what separates them.
fn code(value: &[u8], least: usize, most: usize, digits_least: usize) -> bool {
    (least..=most).contains(&value.len())
        && digits(value) >= digits_least
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b" -./:<*".contains(byte))
}

/// One word of so many bytes, with so many digits at least.
fn token(value: &[u8], least: usize, most: usize, digits_least: usize) -> bool {
    (least..=most).contains(&value.len())
        && digits(value) >= digits_least
        && !value
            .iter()
            .any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
}

/// Digits and what separates them.
fn numeric(value: &[u8], least: usize, most: usize) -> bool {
    value.len() <= 32
        && (least..=most).contains(&digits(value))
        && value
            .iter()
            .all(|byte| byte.is_ascii_digit() || b" -./".contains(byte))
}

fn digits_only(value: &[u8], least: usize, most: usize) -> bool {
    (least..=most).contains(&value.len()) && value.iter().all(u8::is_ascii_digit)
}

fn phone(value: &[u8]) -> bool {
    value.len() <= 32
        && (5..=17).contains(&digits(value))
        && value
            .iter()
            .all(|byte| byte.is_ascii_digit() || b" -./()+xX#,ext:".contains(byte))
}

fn ssn(value: &[u8]) -> bool {
    value.len() <= 16
        && (4..=9).contains(&digits(value))
        && value
            .iter()
            .all(|byte| byte.is_ascii_digit() || b" -.*xX".contains(byte))
}

fn address(value: &[u8]) -> bool {
    value.len() <= 400
        && prose(value)
        && !value.starts_with(b"0x")
        && !value.starts_with(b"+")
        && !value.iter().any(|byte| matches!(byte, b'@' | b'{'))
        && memchr::memmem::find(value, b"://").is_none()
        && !network::is_address(value)
}

/// Degrees, or two of them.
fn geo(value: &[u8]) -> bool {
    value.len() <= 64
        && digits(value) > 0
        && value
            .iter()
            .all(|byte| byte.is_ascii_digit() || b" -+.,;eENSW".contains(byte))
}

/// A date in digits or with the month's name, or part of one.
fn date(value: &[u8]) -> bool {
    value.len() <= 40
        && digits(value) > 0
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80 || b" -./:,+".contains(byte))
}

/// A code of ICD-10 or ICD-10-CM: letter, digit, digit or letter, and up to four behind a dot.
fn icd10(value: &[u8]) -> bool {
    let [letter, digit, third, rest @ ..] = value else {
        return false;
    };
    let extension = rest.strip_prefix(b".").unwrap_or(rest);
    letter.is_ascii_alphabetic()
        && digit.is_ascii_digit()
        && third.is_ascii_alphanumeric()
        && extension.len() <= 4
        && extension.iter().all(u8::is_ascii_alphanumeric)
}

fn connection(value: &[u8]) -> bool {
    let credentials: &[&[u8]] = &[b"@", b"password=", b"Password=", b"pwd=", b"AccountKey="];
    credentials
        .iter()
        .any(|mark| memchr::memmem::find(value, mark).is_some())
}
