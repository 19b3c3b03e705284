//! Masks: what a class may keep so that a person can still tell two entries apart.
//!
//! * cards, accounts, telephone and social security numbers keep their separators and the last
//!   four characters: `**** **** **** 1111` (PCI DSS 3.4.1 allows that much of a card);
//! * e-mail addresses keep the first character and the top-level domain: `j***@***.com`;
//! * everything else keeps ASCII punctuation and spaces: a date is `****-**-**`.

use classifiers::DataClass;

/// The classes that keep their last four.
const KEEP_LAST: &[DataClass] = &[
    DataClass::PAN,
    DataClass::IBAN,
    DataClass::PHONE,
    DataClass::US_SSN,
];
/// How many characters those keep.
const KEPT: usize = 4;
/// A shorter value keeps nothing: four characters would be most of it.
const CHARACTERS_MIN: usize = 9;

/// Appends the mask of `value`.
pub(crate) fn write(class: DataClass, value: &[u8], out: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(value);
    let hidden = match class {
        DataClass::EMAIL if write_email(&text, out) => return,
        _ if KEEP_LAST.contains(&class) => {
            let count = text.chars().filter(|it| !is_separator(*it)).count();
            if count < CHARACTERS_MIN {
                count
            } else {
                count - KEPT
            }
        }
        _ => usize::MAX,
    };
    let mut seen = 0;
    for character in text.chars() {
        let separates = is_separator(character);
        if separates || seen >= hidden {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            out.push(b'*');
        }
        seen += usize::from(!separates);
    }
}

fn is_separator(character: char) -> bool {
    character == ' ' || character.is_ascii_punctuation()
}

/// Whether it was an address that could be masked as one. The stars are always three, so that they
/// do not tell a length.
fn write_email(text: &str, out: &mut Vec<u8>) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let mut characters = local.chars();
    // A local part of one character would be kept whole.
    if let (Some(first), Some(_)) = (characters.next(), characters.next()) {
        out.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes());
    }
    out.extend_from_slice(b"***@***");
    if let Some((_, top)) = domain.rsplit_once('.') {
        out.push(b'.');
        out.extend_from_slice(top.as_bytes());
    }
    true
}
