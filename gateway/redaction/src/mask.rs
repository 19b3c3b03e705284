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

/// Appends the mask of `value`.
pub(crate) fn write(class: DataClass, value: &[u8], out: &mut Vec<u8>) {
    if class == DataClass::EMAIL && write_email(value, out) {
        return;
    }
    let kept = if KEEP_LAST.contains(&class) { KEPT } else { 0 };
    write_keeping(kept, value, out);
}

/// Appends the mask of `value` that leaves its last `count` characters, whatever its class.
pub(crate) fn write_keeping(count: usize, value: &[u8], out: &mut Vec<u8>) {
    let characters = characters(value);
    // None may be kept where they would be half of the value.
    let kept = if characters > 2 * count { count } else { 0 };
    let mut hidden = characters - kept;
    if value.is_ascii() {
        // Byte for byte, and so without a look at each whether there is room.
        out.extend(value.iter().map(|byte| {
            let hides = hidden > 0 && kind(*byte) == Kind::Character;
            hidden -= usize::from(hides);
            if hides { b'*' } else { *byte }
        }));
        return;
    }
    let mut shown = true;
    for byte in value {
        match kind(*byte) {
            Kind::Separator => out.push(*byte),
            Kind::Character if hidden > 0 => {
                out.push(b'*');
                hidden -= 1;
                shown = false;
            }
            Kind::Character => {
                out.push(*byte);
                shown = true;
            }
            Kind::Rest if shown => out.push(*byte),
            Kind::Rest => {}
        }
    }
}

/// How many characters are no separators.
fn characters(value: &[u8]) -> usize {
    value
        .iter()
        .map(|byte| usize::from(kind(*byte) == Kind::Character))
        .sum()
}

/// What a byte of UTF-8 is to a mask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A space or ASCII punctuation.
    Separator,
    /// The first byte of any other character.
    Character,
    /// Another byte of it.
    Rest,
}

fn kind(byte: u8) -> Kind {
    KINDS.get(usize::from(byte)).copied().unwrap_or(Kind::Rest)
}

static KINDS: [Kind; 256] = kinds();

#[expect(
    clippy::indexing_slicing,
    reason = "runs when compiled: out of bounds is a build error"
)]
const fn kinds() -> [Kind; 256] {
    let mut kinds = [Kind::Character; 256];
    let mut byte = 0u8;
    loop {
        if byte == b' ' || byte.is_ascii_punctuation() {
            kinds[byte as usize] = Kind::Separator;
        } else if byte & 0xC0 == 0x80 {
            kinds[byte as usize] = Kind::Rest;
        }
        if byte == u8::MAX {
            return kinds;
        }
        byte += 1;
    }
}

/// Whether it was an address that could be masked as one. The stars are always three, so that they
/// do not tell a length.
fn write_email(value: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(at) = memchr::memrchr(b'@', value) else {
        return false;
    };
    let (local, domain) = value.split_at_checked(at).unwrap_or_default();
    let first = local
        .iter()
        .skip(1)
        .position(|byte| kind(*byte) != Kind::Rest)
        .map_or(0, |rest| rest + 1);
    // A local part of one character would be kept whole.
    out.extend_from_slice(local.get(..first).unwrap_or_default());
    out.extend_from_slice(b"***@***");
    if let Some(dot) = memchr::memrchr(b'.', domain) {
        out.extend_from_slice(domain.get(dot..).unwrap_or_default());
    }
    true
}
