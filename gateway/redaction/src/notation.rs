//! Replacements as the document around them writes its values.

use std::borrow::Cow;
use std::fmt::Write as _;

use classifiers::document::Notation;

/// How `text` is written within `notations`, outermost first.
pub(crate) fn write(text: &str, notations: &[Notation]) -> Vec<u8> {
    let written = notations
        .iter()
        .rev()
        .fold(Cow::Borrowed(text), |text, notation| {
            Cow::Owned(one(&text, *notation))
        });
    written.into_owned().into_bytes()
}

fn one(text: &str, notation: Notation) -> String {
    match notation {
        Notation::Plain => each(text, |character, out| match character {
            // It would end the line, or be read by a terminal.
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }),
        Notation::Json => json(text),
        Notation::Form => form(text),
        Notation::Quoted => text.replace('"', "\"\""),
        Notation::Bare => each(text, |character, out| match character {
            // Any of these may be what parts the fields.
            ',' | ';' | '|' | '"' => out.push(' '),
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }),
        Notation::Entities => each(text, |character, out| match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML 1.0 has no way to write the others.
            control if control.is_control() && !"\t\n\r".contains(control) => out.push(' '),
            other => out.push(other),
        }),
        Notation::Verbatim => each(text, |character, out| match character {
            '[' => out.push('('),
            ']' => out.push(')'),
            '<' | '>' | '&' | '"' | '\'' | '\\' | '`' => out.push('*'),
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }),
        Notation::Name => each(text, |character, out| match character {
            '-' | '.' => out.push(character),
            other if other.is_alphanumeric() => out.push(other),
            _ => out.push('_'),
        }),
    }
}

fn each(text: &str, mut write: impl FnMut(char, &mut String)) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars()
        .for_each(|character| write(character, &mut out));
    out
}

/// The body of a JSON string.
fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let body = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    body.unwrap_or_default().to_owned()
}

/// As the serializer of WHATWG URL section 5.2 has it.
fn form(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'*' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => {
                // Writing to a string does not fail.
                let _infallible = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, notations: &[Notation], expected: &str) {
        assert_eq!(write(text, notations), expected.as_bytes());
    }

    #[test]
    fn each_notation_has_its_escapes_and_they_nest() {
        check("a\nb", &[Notation::Plain], "a b");
        check("a\"b", &[Notation::Json], r#"a\"b"#);
        check("a\"b", &[Notation::Json, Notation::Json], r#"a\\\"b"#);
        check("[a] é", &[Notation::Form], "%5Ba%5D+%C3%A9");
        check("a\"b", &[Notation::Quoted], "a\"\"b");
        check("a,b", &[Notation::Bare], "a b");
        check(
            "<a&'\">",
            &[Notation::Entities],
            "&lt;a&amp;&#39;&quot;&gt;",
        );
        check("[pii.email]>", &[Notation::Verbatim], "(pii.email)*");
        check("[a]", &[Notation::Entities, Notation::Form], "%5Ba%5D");
        check("[pii.email]", &[Notation::Name], "_pii.email_");
    }
}
