//! Numbers in prose that only the words before them tell: `MRN: 48213`, `born 3 May 1971`.
//!
//! These have no form of their own, so a telling word must stand right before them, with nothing
//! between but words like `number` and `is`.

use std::sync::LazyLock;

use phf::{phf_map, phf_set};

use super::identifier::{Entries, Words};
use super::{field, finding};
use crate::DataClass as D;
use crate::finding::Finding;
use crate::packed;

/// Entries that give the number behind them a class, in lower-case ASCII without separators.
static TELLING: phf::Map<&'static str, D> = phf_map! {
    "mrn" | "medicalrecord" | "medicalrecordnumber" | "medrec" | "medrecord" | "medicalrec"
    | "chartnumber" | "chartno" | "hospitalnumber" | "patientnumber" | "patientno"
    | "patientennummer" | "fallnummer" | "dossierpatient" | "numerodossier" | "ipp"
    | "historiaclinica" | "nhc" | "cartellaclinica" | "patientnummer" | "prontuario" => D::MRN,
    "dob" | "born" | "birth" | "birthdate" | "birthday" | "dateofbirth" | "geburtsdatum"
    | "nascimento" | "nacimiento" | "naissance" | "nascita" | "geboortedatum" => D::DOB,
    "icd10" | "icd" | "icd10cm" | "dx" => D::ICD10,
    "passport" | "passportnumber" | "passportno" => D::US_PASSPORT,
    "driverslicense" | "driverlicense" | "drivinglicense" | "driverslicence" | "driverlicence"
    | "dl" | "dlnumber" | "dlno" | "licensenumber" | "driverslic" | "driverlic" => D::US_DRIVER_LICENSE,
    "bankaccount" | "bankaccountnumber" | "checkingaccount" | "checking" | "savingsaccount"
    | "accountnumber" | "accountno" | "acct" | "acctnumber" | "acctno" | "kontonummer"
    | "numerodecuenta" | "numerodecompte" | "rekeningnummer" | "directdeposit" => D::US_BANK_ACCOUNT,
    "cvv" | "cvc" | "cvv2" | "cvc2" | "csc" | "securitycode" | "prufnummer" | "cardverification"
    | "kartenprufnummer" | "cryptogramme" => D::CVV,
    "memberid" | "membernumber" | "subscriberid" | "policynumber" | "policyno" | "policyid"
    | "insuranceid" | "insurancenumber" | "healthplan" | "healthplanid" | "beneficiaryid"
    | "medicaid" | "medicaidid" | "insurancepolicy" | "mutuelle" | "numeroadherent" => D::HEALTH_PLAN_ID,
    "customerid" | "customernumber" | "customerno" | "clientnumber" | "clientid" | "kundennummer"
    | "kundennr" | "numeroclient" | "numerocliente" | "codicecliente" | "klantnummer"
    | "membershipnumber" | "loyaltynumber" | "frequentflyer" | "frequentflyernumber" => D::CUSTOMER_ID,
    "udi" | "deviceserial" | "pacemakerserial" | "implantserial" => D::DEVICE_ID,
};

static ENTRIES: LazyLock<Entries<D>> = LazyLock::new(|| Entries::of(&TELLING));

/// Words between the telling one and its number.
static FILLERS: phf::Set<&'static str> = phf_set! {
    "is", "no", "nr", "number", "num", "was", "of", "code", "on", "at", "date", "the", "id", "file",
    "to", "ist", "est", "es", "den", "nummer", "numero", "le", "il", "el", "em", "cm", "gave",
};

/// Most words looked at before a number.
const WORDS_MAX: usize = 5;
/// Most words that make one entry.
const ENTRY_WORDS_MAX: usize = 4;
/// Most bytes before a number that are read.
const BEFORE_BYTES_MAX: usize = 48;
/// Longest text that is judged behind a word, in bytes.
const CANDIDATE_BYTES_MAX: usize = 24;

/// Finds what a word tells. What was found from `known` on, in order, is not looked at again.
pub(super) fn scan(value: &[u8], known: usize, findings: &mut Vec<Finding>) {
    let until = findings.len();
    let mut known = known;
    let mut from = 0;
    while let Some(digit) = packed::next(value, from, b'0', b'9') {
        let start = word_start(value, digit, from);
        let end = digit + run(value, digit);
        from = end;
        let place = u32::try_from(digit).unwrap_or(u32::MAX);
        let found = |known: usize| findings.get(known).filter(|_| known < until);
        while found(known).is_some_and(|finding| finding.end <= place) {
            known += 1;
        }
        let is_found = found(known).is_some_and(|finding| finding.start <= place);
        if is_found || is_numeral(value, start) {
            continue;
        }
        let Some(class) = telling(value, start) else {
            continue;
        };
        if let Some(end) = candidate(class, value, start) {
            findings.push(finding(class, start, end, 75, "word"));
            from = end.max(from);
        }
    }
}

/// Whether the word before `start` ends in a digit: another group of the same number, mostly.
fn is_numeral(value: &[u8], start: usize) -> bool {
    super::before(value, start, 1) == b' ' && super::before(value, start, 2).is_ascii_digit()
}

/// The start of the token that holds this digit: `A48213`, `(202`, `+44`.
fn word_start(value: &[u8], digit: usize, floor: usize) -> usize {
    let head = value.get(floor..digit).unwrap_or_default();
    let length = head
        .iter()
        .rev()
        .take(CANDIDATE_BYTES_MAX)
        .take_while(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'(' | b'-' | b'*')
        })
        .count();
    digit - length
}

/// The class that the words right before `start` give.
fn telling(value: &[u8], start: usize) -> Option<D> {
    let from = start.saturating_sub(BEFORE_BYTES_MAX);
    let words = Words::read(value.get(from..start)?, from > 0);
    let last = words.count();
    for end in (last.saturating_sub(WORDS_MAX) + 1..=last).rev() {
        let told = (end.saturating_sub(ENTRY_WORDS_MAX)..end)
            .find_map(|first| ENTRIES.get(words.joined(first, end)));
        if told.is_some() {
            return told;
        }
        let filler = std::str::from_utf8(words.joined(end - 1, end)).unwrap_or_default();
        if !FILLERS.contains(filler) {
            return None;
        }
    }
    None
}

/// Where the longest text ends that starts here and looks like its class.
fn candidate(class: D, value: &[u8], start: usize) -> Option<usize> {
    let rest = value.get(start..)?;
    let rest = rest
        .get(..rest.len().min(CANDIDATE_BYTES_MAX))
        .unwrap_or(rest);
    let stops = rest
        .iter()
        .enumerate()
        .filter(|(_, byte)| byte.is_ascii_whitespace() || matches!(byte, b',' | b';' | b')' | b'"'))
        .map(|(stop, _)| stop);
    let mut longest = None;
    for stop in stops.chain(std::iter::once(rest.len())) {
        let cut = start + stop < value.len() && stop == CANDIDATE_BYTES_MAX;
        let text = rest.get(..stop)?;
        let text = text.strip_suffix(b".").unwrap_or(text);
        if !cut
            && !text.ends_with(b" ")
            && looks(class, text)
            && text.last().is_some_and(u8::is_ascii_alphanumeric)
            && text.iter().any(u8::is_ascii_digit)
        {
            longest = Some(start + text.len());
        }
    }
    longest
}

/// Whether a text behind its word looks like a number of the class.
fn looks(class: D, text: &[u8]) -> bool {
    match class {
        D::MRN => code(text, 4..=16, 3),
        D::US_PASSPORT => code(text, 6..=12, 5),
        D::US_DRIVER_LICENSE => code(text, 5..=18, 4),
        D::US_BANK_ACCOUNT => code(text, 6..=20, 6) && !text.iter().any(u8::is_ascii_alphabetic),
        D::CVV => matches!(text.len(), 3 | 4) && text.iter().all(u8::is_ascii_digit),
        D::HEALTH_PLAN_ID | D::CUSTOMER_ID | D::DEVICE_ID => code(text, 5..=20, 4),
        _ => field::looks(class, text),
    }
}

/// One word of capitals, digits and hyphens, so long and with so many digits.
fn code(text: &[u8], lengths: std::ops::RangeInclusive<usize>, digits_least: usize) -> bool {
    lengths.contains(&text.len())
        && text.iter().filter(|byte| byte.is_ascii_digit()).count() >= digits_least
        && text
            .iter()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase() || *byte == b'-')
}

fn run(value: &[u8], start: usize) -> usize {
    value
        .get(start..)
        .unwrap_or_default()
        .iter()
        .take_while(|byte| !byte.is_ascii_whitespace())
        .count()
}
