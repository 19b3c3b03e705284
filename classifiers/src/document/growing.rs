//! How much of a text that still grows may be judged for good: all but the longest end that what
//! comes next could make a finding.
//!
//! A finding is a run without white space, or a few words of which every second or third shows a
//! digit or a capital: a number in groups, a date, a name, an address. So the last words are held,
//! and before them those that look like more of it, up to a limit.

/// Words at the end that are always held: a term of several words has no other sign.
const WORDS_HELD: usize = 4;
/// Words without a sign that a finding may have between two with one: `Rua dos Anjos`.
const PLAIN_WORDS_MAX: usize = 2;
/// Words are held up to so many bytes.
const WORDS_BYTES_MAX: usize = 256;
/// A run without white space or a key in PEM is held up to so many bytes.
pub(super) const RUN_BYTES_MAX: usize = 8 * 1024;

/// How many bytes of `text` may be judged for good, of which `judged` were.
pub(super) fn settled(text: &[u8], judged: usize) -> usize {
    let open = text.get(judged..).unwrap_or_default();
    let longest = text.len().saturating_sub(RUN_BYTES_MAX);
    let mut held = held_words(open);
    if let Some(key) = memchr::memmem::rfind(open, b"-----BEGIN")
        && memchr::memmem::find(open.get(key..).unwrap_or_default(), b"-----END").is_none()
    {
        held = held.max(open.len() - key);
    }
    (text.len() - held).max(longest)
}

/// How many bytes at the end are words to be held.
fn held_words(text: &[u8]) -> usize {
    let mut held = 0;
    let (mut words, mut plain) = (0, 0);
    let mut rest = text;
    loop {
        let word = last_word(rest);
        let length = rest.len() - word;
        let is_long = held + length > WORDS_BYTES_MAX;
        if words > 0 && is_long {
            return held;
        }
        let shows = shows(rest.get(word..).unwrap_or_default());
        plain = if shows { 0 } else { plain + 1 };
        words += 1;
        if words > WORDS_HELD && plain > PLAIN_WORDS_MAX {
            return held;
        }
        if words <= WORDS_HELD || shows {
            held = text.len() - word;
        }
        if word == 0 {
            return held;
        }
        rest = rest.get(..word).unwrap_or_default();
    }
}

/// Where the last word begins; the white space behind it belongs to it.
fn last_word(text: &[u8]) -> usize {
    let word = text.trim_ascii_end();
    word.iter()
        .rposition(u8::is_ascii_whitespace)
        .map_or(0, |space| space + 1)
}

/// Whether a word looks like a part of a finding.
fn shows(word: &[u8]) -> bool {
    word.iter().any(|byte| {
        byte.is_ascii_digit()
            || byte.is_ascii_uppercase()
            || *byte >= 0x80
            || b"@+=:".contains(byte)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(text: &str) -> &str {
        let from = settled(text.as_bytes(), 0);
        text.get(from..).unwrap_or_default()
    }

    #[test]
    fn ordinary_words_pass_and_what_may_grow_is_held() {
        assert_eq!(
            held("the weather is fine today, and so"),
            "fine today, and so"
        );
        assert_eq!(
            held("send it to Maria de la Cruz at once and then"),
            "Maria de la Cruz at once and then"
        );
        assert_eq!(held("pay with 4111 1111 1111 11"), "4111 1111 1111 11");
        assert_eq!(
            held("one two three four -----BEGIN X\nabc d"),
            "-----BEGIN X\nabc d"
        );
    }

    #[test]
    fn no_more_is_held_than_the_bound() {
        for text in [
            "A1 ".repeat(9000),
            "x".repeat(90_000),
            "{\"a\":[".repeat(9000),
        ] {
            let held = held(&text).len();
            assert!(held <= RUN_BYTES_MAX, "{held}");
        }
        assert!(held(&"A1 ".repeat(900)).len() <= WORDS_BYTES_MAX);
    }
}
