//! What stands where a value should: no value, a placeholder, or an example's mark.

use crate::packed::{PACK_BYTES_MAX, pack, within};

/// Longest text that stands for "no value", in bytes.
const MARK_BYTES_MAX: usize = PACK_BYTES_MAX;

/// In lower case, without what brackets them.
static MARKS: phf::Set<&'static str> = phf::phf_set! {
    "null", "none", "n/a", "na", "nil", "nan", "unknown", "unspecified", "undefined", "undisclosed", "not specified",
    "not provided", "not available", "not applicable", "not given", "empty", "blank", "missing", "tbd", "tba", "todo",
    "string", "text", "value", "example", "sample", "test", "dummy", "placeholder", "redacted", "masked", "hidden",
    "removed", "anonymous", "anonymised", "anonymized", "deleted", "default", "other", "optional", "required", "true",
    "false", "yes", "no", "on", "off", "unbekannt", "keine", "keine angabe", "k.a.", "inconnu", "aucun", "non renseigne",
    "desconocido", "ninguno", "sconosciuto", "nessuno", "onbekend", "geen", "desconhecido", "nenhum",
};

/// Texts that mean "no value" under names of persons and places, and an answer under others: a
/// gender may be `other`, a condition `none`.
pub(super) fn is_empty(value: &[u8]) -> bool {
    let trimmed = value.trim_ascii();
    let Some(first) = trimmed.first() else {
        return true;
    };
    // One mark over and over: `-`, `***`, `xxx`, `???`. One digit over and over is a number.
    let same = trimmed.iter().all(|byte| byte.eq_ignore_ascii_case(first));
    let mark = !first.is_ascii_alphanumeric() || matches!(first, b'x' | b'X');
    if same && mark && first.is_ascii() {
        return true;
    }
    is_bracketed(trimmed) || is_mark(trimmed)
}

/// `<name>`, `{{name}}`, `${name}`, `%name%`, `[REDACTED]`: for whoever fills it in.
fn is_bracketed(value: &[u8]) -> bool {
    match value {
        [b'<', inner @ .., b'>'] => !inner.iter().any(|byte| matches!(byte, b'<' | b'@')),
        [b'{', b'{', .., b'}', b'}'] | [b'$', b'{', .., b'}'] => true,
        [b'%', inner @ .., b'%'] => inner
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'),
        [b'[', inner @ .., b']'] | [b'(', inner @ .., b')'] => is_mark(inner),
        _ => false,
    }
}

fn is_mark(value: &[u8]) -> bool {
    // None holds a digit or an at sign, and most values do that are no mark.
    let is_other = |word| within(word, b'0', b'9') | within(word, b'@', b'@') != 0;
    let mut kept = [0; MARK_BYTES_MAX];
    let Some(lower) = kept.get_mut(..value.len()) else {
        return false;
    };
    if pack(value).into_iter().any(is_other) {
        return false;
    }
    lower.copy_from_slice(value);
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).is_ok_and(|lower| MARKS.contains(lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_one() {
        for mark in &MARKS {
            assert!(is_mark(mark.as_bytes()), "{mark}");
        }
    }

    #[test]
    fn placeholders_are_no_values() {
        for empty in [
            "",
            "  ",
            "-",
            "--",
            "N/A",
            "Unknown",
            "string",
            "<name>",
            "{{email}}",
            "${USER}",
            "%NAME%",
            "[REDACTED]",
            "xxx",
            "XXXX",
            "***",
            "(none)",
        ] {
            assert!(is_empty(empty.as_bytes()), "{empty}");
        }
        for value in [
            "Ann",
            "0",
            "000",
            "<ann@example.com>",
            "Nana",
            "Xu",
            "other people",
            "é",
        ] {
            assert!(!is_empty(value.as_bytes()), "{value}");
        }
    }
}
