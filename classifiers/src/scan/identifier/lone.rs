//! Numbers that are all there is of a text: a body `44051401458` has no word that could tell its
//! number, nor one that says it is something else.

use super::layout::TREE;
use super::{Plain, finding};
use crate::DataClass;
use crate::finding::Finding;

/// Those that count: of random texts of their form one in twenty or fewer pass the check, by a date,
/// a table of prefixes or two check digits. The surer first.
static CLASSES: [DataClass; 18] = [
    DataClass::TR_TCKN,
    DataClass::BR_CPF,
    DataClass::NO_FNR,
    DataClass::AU_ABN,
    DataClass::RO_CNP,
    DataClass::KR_RRN,
    DataClass::KR_FRN,
    DataClass::PL_PESEL,
    DataClass::EE_IK,
    DataClass::GR_AMKA,
    DataClass::SE_PERSONNUMMER,
    DataClass::BG_EGN,
    DataClass::US_NPI,
    DataClass::US_ABA_ROUTING,
    DataClass::DE_KVNR,
    DataClass::DE_PASSPORT,
    DataClass::US_DEA,
    DataClass::SG_UEN,
];

/// How sure a check makes of a number that stands alone, in percent.
const LONE: u8 = 60;
/// More numbers are a list of something.
const NUMBERS_MAX: usize = 16;

/// Finds the numbers of a text that is nothing but numbers of one class.
pub(in crate::scan) fn scan(text: &[u8], findings: &mut Vec<Finding>) {
    let numbers = || {
        text.split(|byte| is_between(*byte))
            .filter(|part| !part.is_empty())
    };
    if numbers().count() > NUMBERS_MAX {
        return;
    }
    let is_all = |class: &&DataClass| numbers().all(|number| is_one(**class, number));
    let Some(class) = CLASSES
        .iter()
        .find(is_all)
        .filter(|_| numbers().next().is_some())
    else {
        return;
    };
    let mut from = 0;
    for part in text.split(|byte| is_between(*byte)) {
        if !part.is_empty() {
            findings.push(finding(
                *class,
                from,
                from + part.len(),
                LONE,
                "lone number",
            ));
        }
        from += part.len() + 1;
    }
}

fn is_between(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b';')
}

/// Whether a word is a number of this class in a form without separators, and passes its check.
fn is_one(class: DataClass, word: &[u8]) -> bool {
    let Some(plain) = Plain::of(word).filter(|plain| plain.length == word.len()) else {
        return false;
    };
    let layouts = TREE.all().iter();
    !is_instant(word)
        && layouts
            .filter(|layout| layout.row.class == class && !layout.row.form)
            .any(|layout| {
                layout.fits_plain(plain.length, plain.digits) && (layout.row.check)(plain.text())
            })
}

/// Whether the digits are seconds or milliseconds of the years 2017 to 2033, as clocks tell them.
fn is_instant(digits: &[u8]) -> bool {
    matches!(digits.len(), 10 | 13)
        && digits.iter().all(u8::is_ascii_digit)
        && matches!(digits, [b'1', b'5'..=b'9', ..])
}
