//! HL7 v2 segments by field position: `PID|1||10006579^^^MR||DOE^JANE||19640804|F`.
//!
//! After HL7 version 2.8.2, which only adds to 2.1 to 2.7: chapter 2A for the data types, chapters 3,
//! 4, 6 and 7 for the segments. The usual delimiters are taken for granted (`|^~\&`), which is what
//! chapter 2.5.4 recommends and every interface engine sends.

mod segments;

use crate::DataClass as D;
use crate::fhir;
use crate::finding::Finding;
use segments::SEGMENTS;

/// How sure a position makes, in percent.
const BY_POSITION: u8 = 95;

/// What a field holds, by its data type.
#[derive(Clone, Copy, Debug)]
enum Field {
    /// A primitive: the whole field.
    Of(D),
    /// XPN: family, given and further names.
    Name,
    /// XCN: an id, then the names.
    Person,
    /// XAD: street, other designation, city, state, postal code.
    Address,
    /// XTN: a number, an e-mail address, or the number in parts.
    Telecom,
    /// CX: an identifier, which its type may make another.
    Identifier(D),
    /// CWE: code and text, twice.
    Coded(D),
    /// OBX-5: whatever OBX-2 says, all of it.
    Any(D),
}

/// Whether a text is a message: its first segment is MSH, perhaps behind MLLP's start byte.
pub(crate) fn is_message(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"\x0B").unwrap_or(text);
    text.starts_with(b"MSH|")
}

/// The segments of a message, each with the place where it begins.
pub(crate) fn segments(message: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    pieces(message, |byte| matches!(byte, b'\r' | b'\n'))
}

/// Finds what the table knows of in one segment; ranges are of the line. False if the segment is
/// none that it knows.
pub(crate) fn segment(line: &[u8], findings: &mut Vec<Finding>) -> bool {
    let Some((id, [b'|', ..])) = line.split_at_checked(3) else {
        return false;
    };
    let Some((_, fields)) = SEGMENTS.iter().find(|(known, _)| known.as_bytes() == id) else {
        return false;
    };
    for (number, (start, field)) in pieces(line, |byte| byte == b'|').enumerate() {
        let Some((_, kind)) = fields.iter().find(|(known, _)| *known == number) else {
            continue;
        };
        for (offset, repetition) in pieces(field, |byte| byte == b'~') {
            kind.judge(repetition, start + offset, findings);
        }
    }
    true
}

impl Field {
    fn judge(self, value: &[u8], start: usize, findings: &mut Vec<Finding>) {
        match self {
            Self::Of(class) => found(class, value, start, findings),
            Self::Name => components(
                value,
                start,
                &[(1, D::PERSON), (2, D::PERSON), (3, D::PERSON)],
                findings,
            ),
            Self::Person => person(value, start, findings),
            Self::Address => components(value, start, ADDRESS, findings),
            Self::Telecom => telecom(value, start, findings),
            Self::Identifier(class) => {
                let typed = component(value, 5).and_then(fhir::identifier_type);
                components(value, start, &[(1, typed.unwrap_or(class))], findings);
            }
            Self::Coded(class) => {
                let parts = [(1, class), (2, class), (4, class), (5, class), (9, class)];
                components(value, start, &parts, findings);
            }
            Self::Any(class) => {
                for (offset, part) in pieces(value, |byte| byte == b'^') {
                    found(class, part, start + offset, findings);
                }
            }
        }
    }
}

/// Components of XAD (2A.3.97): street, other designation, city, postal code, county.
static ADDRESS: &[(usize, D)] = &[
    (1, D::ADDRESS),
    (2, D::ADDRESS),
    (3, D::CITY),
    (5, D::POSTAL_CODE),
    (9, D::CITY),
];

/// XCN (2A.3.94): the id is an NPI if its type or authority says so.
fn person(value: &[u8], start: usize, findings: &mut Vec<Finding>) {
    let authority = component(value, 9).unwrap_or_default();
    let national = component(value, 13) == Some(b"NPI") || authority.starts_with(b"NPI");
    if national {
        components(value, start, &[(1, D::US_NPI)], findings);
    }
    let names = [(2, D::PERSON), (3, D::PERSON), (4, D::PERSON)];
    components(value, start, &names, findings);
}

/// XTN (2A.3.99): what the first component is, the third tells; the fourth is an e-mail address, the
/// seventh the local number, the twelfth the number unformatted.
fn telecom(value: &[u8], start: usize, findings: &mut Vec<Finding>) {
    let class = match component(value, 3) {
        Some(b"FX") => D::FAX,
        Some(b"Internet" | b"X.400") => D::EMAIL,
        _ => D::PHONE,
    };
    let parts = [(1, class), (4, D::EMAIL), (7, class), (12, class)];
    components(value, start, &parts, findings);
}

fn components(value: &[u8], start: usize, classes: &[(usize, D)], findings: &mut Vec<Finding>) {
    for (place, (offset, part)) in pieces(value, |byte| byte == b'^').enumerate() {
        if let Some((_, class)) = classes.iter().find(|(number, _)| *number == place + 1) {
            found(*class, part, start + offset, findings);
        }
    }
}

fn component(value: &[u8], number: usize) -> Option<&[u8]> {
    pieces(value, |byte| byte == b'^')
        .nth(number.checked_sub(1)?)
        .map(|(_, part)| part)
}

/// Adds a finding, unless the value is empty or `""`, which deletes one (2.5.3).
fn found(class: D, value: &[u8], start: usize, findings: &mut Vec<Finding>) {
    if value.trim_ascii().is_empty() || value == b"\"\"" {
        return;
    }
    let end = start + value.len();
    findings.push(Finding {
        class,
        start: u32::try_from(start).unwrap_or(u32::MAX),
        end: u32::try_from(end).unwrap_or(u32::MAX),
        confidence: BY_POSITION,
        detector: "hl7",
    });
}

/// What stands between delimiters, each piece with its place.
fn pieces(text: &[u8], delimits: fn(u8) -> bool) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = 0;
    text.split(move |byte| delimits(*byte)).map(move |piece| {
        let place = start;
        start += piece.len() + 1;
        (place, piece)
    })
}

#[cfg(test)]
mod tests;
