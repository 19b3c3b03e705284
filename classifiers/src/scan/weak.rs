//! Numbers in prose that only the word before them tells: `MRN: 48213`, `born 3 May 1971`.

use phf::phf_map;

use super::{field, finding};
use crate::DataClass;
use crate::finding::Finding;

/// Words that give the number behind them a class.
static TELLING: phf::Map<&'static str, DataClass> = phf_map! {
    "ssn" => DataClass::US_SSN,
    "mrn" => DataClass::MRN,
    "dob" | "born" | "birth" | "birthdate" | "birthday" | "dateofbirth" | "date-of-birth"
    | "geburtsdatum" | "nascimento" => DataClass::DOB,
    "npi" => DataClass::US_NPI,
    "phone" | "phonenumber" | "tel" | "telephone" | "mobile" | "cell" | "telefon" | "whatsapp" => DataClass::PHONE,
    "fax" => DataClass::FAX,
    "icd10" | "icd" | "icd-10" | "icd-10-cm" | "dx" => DataClass::ICD10,
    "passport" => DataClass::US_PASSPORT,
    "cvv" | "cvc" => DataClass::CVV,
    "mbi" => DataClass::US_MBI,
};

/// Words between the telling one and its number.
static FILLERS: phf::Set<&'static str> = phf::phf_set! {
    "is", "no", "nr", "number", "num", "was", "of", "code", "on", "at", "date", "the",
};

/// Longest word that is looked up, in bytes.
const WORD_BYTES_MAX: usize = 16;
/// Most words looked at before a number.
const WORDS_MAX: usize = 3;
/// Most bytes between a number and the word before it.
const GAP_BYTES_MAX: usize = 32;
/// Longest text that is judged behind a word, in bytes.
const CANDIDATE_BYTES_MAX: usize = 24;

pub(super) fn scan(value: &[u8], findings: &mut Vec<Finding>) {
    let mut from = 0;
    while let Some(skip) = value
        .get(from..)
        .and_then(|rest| rest.iter().position(u8::is_ascii_digit))
    {
        let digit = from + skip;
        let start = word_start(value, digit, from);
        let end = digit + run(value, digit, |byte| !byte.is_ascii_whitespace());
        from = end;
        let Some(class) = telling(value, start) else {
            continue;
        };
        if let Some(end) = candidate(class, value, start) {
            findings.push(finding(class, start, end, 75, "word"));
            from = end.max(from);
        }
    }
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

/// The class the words before `start` give.
fn telling(value: &[u8], start: usize) -> Option<DataClass> {
    let mut end = start;
    for _ in 0..WORDS_MAX {
        let gap = back(value, end, GAP_BYTES_MAX, |byte| {
            matches!(
                byte,
                b' ' | b'\t' | b'|' | b':' | b'#' | b'=' | b'.' | b'(' | b'"' | b'\''
            )
        });
        let stop = end - gap;
        let length = back(value, stop, WORD_BYTES_MAX + 1, |byte| {
            byte.is_ascii_alphanumeric() || byte == b'-'
        });
        // Words of the tables begin with a letter; other numbers stand before most numbers.
        if !value
            .get(stop - length)
            .is_some_and(u8::is_ascii_alphabetic)
        {
            return None;
        }
        let mut word = [0u8; WORD_BYTES_MAX];
        let target = word.get_mut(..length).filter(|_| length > 0)?;
        target.copy_from_slice(value.get(stop - length..stop)?);
        target.make_ascii_lowercase();
        let word = std::str::from_utf8(word.get(..length)?).ok()?;
        if let Some(class) = TELLING.get(word) {
            return Some(*class);
        }
        if matches!(word, "record" | "rec") && medical(value, stop - length) {
            return Some(DataClass::MRN);
        }
        if !FILLERS.contains(word) {
            return None;
        }
        end = stop - length;
    }
    None
}

/// Whether `medical` or `med.` stands right before `end`.
fn medical(value: &[u8], end: usize) -> bool {
    let from = end.saturating_sub(WORD_BYTES_MAX);
    let words = value.get(from..end).unwrap_or_default();
    let mut word = words
        .trim_ascii_end()
        .rsplit(|byte| !byte.is_ascii_alphabetic());
    word.find(|word| !word.is_empty()).is_some_and(|word| {
        word.eq_ignore_ascii_case(b"medical") || word.eq_ignore_ascii_case(b"med")
    })
}

/// Where the longest text ends that starts here and looks like its class.
fn candidate(class: DataClass, value: &[u8], start: usize) -> Option<usize> {
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
            && field::looks(class, text)
            && text.last().is_some_and(u8::is_ascii_alphanumeric)
            && text.iter().any(u8::is_ascii_digit)
        {
            longest = Some(start + text.len());
        }
    }
    longest
}

fn run(value: &[u8], start: usize, is_part: impl Fn(u8) -> bool) -> usize {
    value
        .get(start..)
        .unwrap_or_default()
        .iter()
        .take_while(|byte| is_part(**byte))
        .count()
}

fn back(value: &[u8], end: usize, most: usize, is_part: impl Fn(u8) -> bool) -> usize {
    value
        .get(..end)
        .unwrap_or_default()
        .iter()
        .rev()
        .take(most)
        .take_while(|byte| is_part(**byte))
        .count()
}
