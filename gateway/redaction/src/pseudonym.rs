//! Stable stand-ins: equal values stay equal, so that joins and counts still work.

use classifiers::DataClass;

/// Who holds the keys of stand-ins. The vault does; this crate never sees key bytes.
///
/// Whoever has no key for a transform says so, and the value gets a placeholder instead.
pub trait Pseudonyms: Send + Sync {
    /// The keyed digest of a value (HMAC-SHA-256, cut short), which depends on its class too.
    fn pseudonym(&self, class: DataClass, value: &[u8]) -> [u8; 16];

    /// Seals a value for a token, always alike, so that only [`Pseudonyms::open`] gives it back.
    fn seal(&self, _class: DataClass, _value: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// The value that was sealed as one of `class`; none if it was forged or altered.
    fn open(&self, _class: DataClass, _sealed: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// Enciphers numerals of `radix` in place by FF1. Returns whether it did: a domain of fewer than
    /// a million texts is refused (NIST SP 800-38G revision 1, section 5.1).
    fn encipher(&self, _class: DataClass, _radix: u16, _numerals: &mut [u16]) -> bool {
        false
    }

    /// Fills `out` from a keyed stream that depends on use, class and value. Returns whether it did.
    fn fill(
        &self,
        _usage: &'static str,
        _class: DataClass,
        _value: &[u8],
        _out: &mut [u8],
    ) -> bool {
        false
    }

    /// Whom this message is about, where that is known: dates of one subject move together.
    fn subject(&self) -> Option<&str> {
        None
    }

    /// The present year, where it is known: births of more than 89 years ago are told as one group.
    fn year(&self) -> Option<i16> {
        None
    }
}

/// Digits of the longest number that is made; 128 bits hold no more.
const DIGITS_MAX: usize = 38;

/// Appends the pseudonym of a piece of text, in the shape that its class needs to stay usable.
pub(crate) fn write_text(id: [u8; 16], class: DataClass, out: &mut Vec<u8>) {
    out.extend_from_slice(b"p-");
    for byte in id.iter().take(8) {
        out.extend([byte >> 4, byte & 15].map(hexadecimal));
    }
    if class == DataClass::EMAIL {
        out.extend_from_slice(b"@pseudonym.invalid");
    }
}

/// Appends a number with as many digits as `number`, the first not zero.
pub(crate) fn write_number(id: [u8; 16], number: &[u8], out: &mut Vec<u8>) {
    let count = number.iter().filter(|byte| byte.is_ascii_digit()).count();
    let mut rest = u128::from_be_bytes(id);
    out.push(b'1' + digit(&mut rest, 9));
    out.extend((1..count.min(DIGITS_MAX)).map(|_| b'0' + digit(&mut rest, 10)));
}

/// Takes one digit below `base` off `rest`.
fn digit(rest: &mut u128, base: u128) -> u8 {
    let digit = *rest % base;
    *rest /= base;
    digit.to_le_bytes()[0]
}

fn hexadecimal(nibble: u8) -> u8 {
    if nibble < 10 {
        b'0' + nibble
    } else {
        b'a' + nibble - 10
    }
}
