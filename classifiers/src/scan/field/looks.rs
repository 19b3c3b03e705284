//! What the values of each class look like: loose where leaking would be worse than hiding, since
//! the name has said what they are.

use crate::DataClass;
use crate::DataClass as D;
use crate::scan::{network, secret};
use crate::taxonomy::CLASSES_MAX;

/// What the values of a class look like, and whether they come as JSON numbers too.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    pub(super) looks: fn(&[u8]) -> bool,
    pub(super) numbers: bool,
}

/// The rule of a class, if its values can be told at all.
pub(super) fn rule_of(class: DataClass) -> Option<&'static Rule> {
    RULES.get(class.index())?.as_ref()
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

#[rustfmt::skip]
static LOOKS: &[(DataClass, Rule)] = &[
    text(D::PERSON, person),
    text(D::CARDHOLDER, words),
    text(D::USERNAME, |value| token(value, 2, 64, 0)),
    text(D::EMAIL, |value| {
        value.contains(&b'@') && token(value, 3, 320, 0)
    }),
    either(D::PHONE, phone),
    either(D::FAX, phone),
    either(D::ADDRESS, address),
    text(D::CITY, words),
    either(D::POSTAL_CODE, |value| code(value, 3, 12, 1)),
    either(D::GEO, geo),
    either(D::DOB, date),
    either(D::DATE, date),
    either(D::AGE, |value| digits_only(value, 1, 3)),
    text(D::GENDER, |value| value.len() <= 32 && words(value)),
    text(D::ETHNICITY, prose),
    text(D::NRP, words),
    text(D::MARITAL_STATUS, |value| {
        value.len() <= 40 && words(value)
    }),
    text(D::IP, network::is_address),
    text(D::MAC, |value| {
        code(value, 12, 17, 1) && value.iter().filter(|byte| byte.is_ascii_hexdigit()).count() == 12
    }),
    either(D::IMEI, |value| digits_only(value, 14, 16)),
    text(D::VIN, |value| code(value, 17, 17, 1)),
    text(D::VEHICLE_PLATE, |value| code(value, 2, 12, 0)),
    text(D::PHOTO, |value| value.len() >= 8),
    either(D::CUSTOMER_ID, |value| token(value, 2, 64, 1)),
    text(D::IBAN, |value| {
        code(value, 15, 44, 2) && value.iter().take(2).all(u8::is_ascii_alphabetic)
    }),
    either(D::US_BANK_ACCOUNT, |value| code(value, 4, 34, 4)),
    either(D::US_ABA_ROUTING, |value| numeric(value, 8, 11)),
    either(D::US_SSN, ssn),
    either(D::US_PASSPORT, |value| code(value, 6, 14, 1)),
    either(D::US_DRIVER_LICENSE, |value| code(value, 4, 24, 1)),
    either(D::NATIONAL_ID, |value| code(value, 5, 24, 4)),
    either(D::MRN, |value| token(value, 2, 64, 1)),
    either(D::PATIENT_ID, |value| token(value, 1, 256, 0)),
    text(D::PATIENT_REF, |value| token(value, 1, 256, 0)),
    either(D::HEALTH_PLAN_ID, |value| token(value, 3, 64, 1)),
    text(D::US_MBI, |value| code(value, 11, 13, 4)),
    either(D::US_NPI, |value| numeric(value, 1, 10)),
    text(D::US_DEA, |value| code(value, 9, 10, 7)),
    either(D::CONDITION, prose),
    text(D::ICD10, icd10),
    either(D::PROCEDURE, prose),
    either(D::MEDICATION, prose),
    either(D::OBSERVATION, prose),
    either(D::ALLERGY, prose),
    either(D::IMMUNIZATION, prose),
    either(D::ENCOUNTER, prose),
    text(D::DEVICE_ID, prose),
    text(D::NARRATIVE, prose),
    either(D::PAN, |value| numeric(value, 12, 19)),
    either(D::PAN_TRUNCATED, |value| {
        value.len() <= 24 && digits(value) == 4
    }),
    either(D::CVV, |value| digits_only(value, 3, 4)),
    either(D::EXPIRY, |value| {
        value.len() <= 10 && numeric(value, 1, 8)
    }),
    text(D::TRACK_DATA, |value| {
        value.len() >= 20 && digits(value) >= 12
    }),
    either(D::PIN, |value| {
        (4..=16).contains(&value.len()) && value.iter().all(u8::is_ascii_hexdigit)
    }),
    either(D::PASSWORD, |value| {
        value.len() >= 4 && !secret::is_placeholder(value)
    }),
    text(D::GENERIC, secret::is_key),
    text(D::VENDOR_TOKEN, secret::is_key),
    text(D::BEARER_TOKEN, |value| {
        value.len() >= 16 && !secret::is_placeholder(value)
    }),
    text(D::PRIVATE_KEY, |value| {
        value.len() >= 32 && !secret::is_placeholder(value)
    }),
    text(D::CONNECTION_STRING, connection),
    text(D::LOCATION, words),
    text(D::TITLE, |value| value.len() <= 24 && words(value)),
    text(D::URL, |value| memchr::memmem::find(value, b"://").is_some() || value.starts_with(b"www.")),
    text(D::ORGANIZATION, words),
    text(D::BIOMETRIC, |value| value.len() >= 8),
    text(D::CRYPTO_WALLET, |value| token(value, 25, 110, 2)),
    either(D::CA_SIN, |value| numeric(value, 8, 9)),
    either(D::US_ITIN, |value| numeric(value, 9, 9)),
    either(D::US_EIN, |value| numeric(value, 8, 9)),
    text(D::MX_CURP, |value| code(value, 18, 18, 7)),
    either(D::BR_CPF, |value| numeric(value, 9, 11)),
    either(D::BR_CNPJ, |value| code(value, 12, 20, 2)),
    either(D::AR_CUIT, |value| numeric(value, 10, 11)),
    text(D::CL_RUT, |value| code(value, 8, 13, 7)),
    text(D::UK_NINO, |value| code(value, 8, 13, 6)),
    either(D::UK_PASSPORT, |value| code(value, 7, 12, 6)),
    text(D::UK_DRIVING_LICENCE, |value| code(value, 16, 22, 4)),
    text(D::IE_PPS, |value| code(value, 8, 11, 7)),
    either(D::DE_TAX_ID, |value| numeric(value, 10, 13)),
    either(D::DE_TAX_NUMBER, |value| numeric(value, 10, 13)),
    either(D::DE_ID_CARD, |value| code(value, 8, 12, 1)),
    text(D::DE_PASSPORT, |value| code(value, 8, 12, 1)),
    text(D::DE_SOCIAL_SECURITY, |value| code(value, 11, 17, 10)),
    text(D::DE_DRIVER_LICENSE, |value| code(value, 10, 13, 4)),
    text(D::DE_VAT_ID, |value| code(value, 9, 14, 8)),
    text(D::DE_HANDELSREGISTER, |value| code(value, 3, 40, 2)),
    either(D::AT_SVNR, |value| numeric(value, 9, 10)),
    either(D::CH_AHV, |value| numeric(value, 13, 13)),
    either(D::FR_NIR, |value| code(value, 13, 21, 11)),
    text(D::ES_NIF, |value| code(value, 8, 12, 7)),
    text(D::ES_NIE, |value| code(value, 8, 12, 7)),
    text(D::ES_PASSPORT, |value| code(value, 7, 11, 6)),
    text(D::IT_FISCAL_CODE, |value| code(value, 11, 20, 5)),
    either(D::IT_VAT, |value| code(value, 9, 14, 9)),
    text(D::IT_ID_CARD, |value| code(value, 7, 12, 5)),
    text(D::IT_PASSPORT, |value| code(value, 8, 11, 7)),
    text(D::IT_DRIVER_LICENSE, |value| code(value, 9, 12, 6)),
    either(D::PT_NIF, |value| code(value, 9, 13, 9)),
    either(D::NL_BSN, |value| numeric(value, 8, 9)),
    either(D::BE_NRN, |value| numeric(value, 9, 11)),
    either(D::SE_PERSONNUMMER, |value| code(value, 9, 13, 9)),
    either(D::SE_ORGNR, |value| numeric(value, 10, 10)),
    either(D::NO_FNR, |value| numeric(value, 10, 11)),
    either(D::DK_CPR, |value| numeric(value, 9, 10)),
    text(D::FI_HETU, |value| code(value, 10, 11, 8) || value.len() == 11 && digits(value) >= 8),
    either(D::EE_IK, |value| numeric(value, 11, 11)),
    either(D::PL_PESEL, |value| numeric(value, 9, 11)),
    either(D::CZ_RC, |value| numeric(value, 8, 10)),
    either(D::RO_CNP, |value| numeric(value, 13, 13)),
    either(D::BG_EGN, |value| numeric(value, 8, 10)),
    either(D::HR_OIB, |value| numeric(value, 10, 11)),
    either(D::GR_AMKA, |value| numeric(value, 9, 11)),
    either(D::TR_TCKN, |value| numeric(value, 11, 11)),
    either(D::IL_ID, |value| numeric(value, 7, 9)),
    either(D::ZA_ID, |value| numeric(value, 11, 13)),
    either(D::NG_NIN, |value| numeric(value, 11, 11)),
    either(D::IN_AADHAAR, |value| numeric(value, 12, 12)),
    text(D::IN_PAN, |value| code(value, 10, 12, 4)),
    text(D::IN_GSTIN, |value| code(value, 15, 18, 5)),
    text(D::IN_VOTER, |value| code(value, 10, 12, 7)),
    text(D::IN_PASSPORT, |value| code(value, 8, 10, 7)),
    text(D::SG_NRIC, |value| code(value, 9, 11, 7)),
    text(D::SG_UEN, |value| code(value, 9, 12, 6)),
    either(D::KR_RRN, |value| numeric(value, 12, 13)),
    either(D::KR_FRN, |value| numeric(value, 12, 13)),
    either(D::KR_BRN, |value| numeric(value, 10, 10)),
    text(D::KR_PASSPORT, |value| code(value, 8, 10, 7)),
    either(D::KR_DRIVER_LICENSE, |value| numeric(value, 10, 12)),
    either(D::JP_MYNUMBER, |value| numeric(value, 11, 12)),
    either(D::CN_RIC, |value| code(value, 15, 20, 15)),
    text(D::TW_ID, |value| code(value, 10, 12, 8)),
    either(D::TH_TNIN, |value| numeric(value, 13, 13)),
    either(D::PH_TIN, |value| numeric(value, 9, 14)),
    either(D::AU_TFN, |value| numeric(value, 8, 9)),
    either(D::AU_ABN, |value| numeric(value, 11, 11)),
    either(D::AU_ACN, |value| numeric(value, 8, 9)),
    either(D::UK_NHS, |value| numeric(value, 9, 10)),
    either(D::AU_MEDICARE, |value| numeric(value, 9, 11)),
    text(D::DE_KVNR, |value| code(value, 10, 12, 9)),
    either(D::DE_LANR, |value| numeric(value, 8, 9)),
    either(D::DE_BSNR, |value| numeric(value, 8, 9)),
    text(D::SESSION_COOKIE, |value| token(value, 8, 8192, 1) && !secret::is_placeholder(value)),
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

/// A person's name: words, and no path.
fn person(value: &[u8]) -> bool {
    words(value) && !value.iter().any(|byte| matches!(byte, b'/' | b'_'))
}

/// Two or three capitalised words, as a person is written.
pub(super) fn two_names(value: &[u8]) -> bool {
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
        && memchr::memmem::find(value, b":+").is_none()
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
