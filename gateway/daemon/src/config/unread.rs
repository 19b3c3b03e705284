//! What is told where a file is no configuration: the place and the mend, in fewer words than the parser's.

use serde_saphyr::{Error, miette::to_miette_report};

use super::fault::Text;

/// How alike two words must be for one to be meant by the other.
const ALIKE_MIN: f64 = 0.8;

/// What is wrong with this text of the file `name`.
pub(super) fn unread(error: &Error, (name, text): (&str, &str)) -> miette::Report {
    let place = Text::new(name, text.to_owned());
    match error {
        Error::SerdeUnknownField {
            field,
            expected,
            location,
        } => {
            let message = format!("there is no key `{field}` here");
            let fault = place.fault(location, message, proposal(field, expected));
            fault.into()
        }
        Error::SerdeUnknownVariant {
            variant,
            expected,
            location,
        } => {
            let message = format!("`{variant}` is none of what may stand here");
            let fault = place.fault(location, message, proposal(variant, expected));
            fault.into()
        }
        other => match other.location().zip(mended(other)) {
            Some((location, (message, help))) => place.fault(&location, message, help).into(),
            None => to_miette_report(other, text, name),
        },
    }
}

/// What is wrong, and how it is mended, of what people get wrong most.
fn mended(error: &Error) -> Option<(String, &'static str)> {
    Some(match error {
        Error::SerdeMissingField { field, .. } => (
            format!("the key `{field}` is missing beside these"),
            "`tidegate help configuration` has what it may be, and an example",
        ),
        Error::Unexpected { expected, .. } => match *expected {
            "sequence start" => (
                "a list must stand here".to_owned(),
                "write each entry on a line of its own behind `- `, or all of them between `[` and `]`",
            ),
            "mapping start" => (
                "keys must stand here, each with what it says".to_owned(),
                "write each on a line of its own, `key: value`, indented below this one, or all of them between `{` and `}`",
            ),
            "scalar" | "string scalar" => (
                "one word or number must stand here".to_owned(),
                "write it behind the key; in quotes, if it holds `: ` or `#`",
            ),
            _ => return None,
        },
        Error::DuplicateMappingKey { key, .. } => (
            key.as_ref().map_or_else(
                || "this key stands here twice".to_owned(),
                |key| format!("the key `{key}` stands here twice"),
            ),
            "keep one of them",
        ),
        Error::Eof { .. } => (
            "nothing is configured here".to_owned(),
            "`tidegate init` asks a few questions and writes what works",
        ),
        // The parser has no kinds for these, only words.
        other => by_words(&other.to_string())?,
    })
}

fn by_words(told: &str) -> Option<(String, &'static str)> {
    let known = [
        (
            "invalid socket address",
            "this is no address to listen at",
            "write an address and a port: `127.0.0.1:8440`, `[::1]:8440`",
        ),
        (
            "tabs disallowed",
            "a tab stands where spaces must",
            "indent with spaces",
        ),
        (
            "found a tab",
            "a tab stands where spaces must",
            "indent with spaces",
        ),
        (
            "mapping values are not allowed",
            "a second `:` makes no sense here",
            "begin the line where those begin that it stands beside; put a value that holds `: ` in quotes",
        ),
        (
            "did not find expected key",
            "this line belongs to nothing above it",
            "begin it where the lines begin that it stands beside",
        ),
        (
            "did not find expected '-' indicator",
            "this line belongs to nothing above it",
            "begin it with `- ` where the other entries begin, or where the list's key begins",
        ),
    ];
    let found = known.into_iter().find(|(words, ..)| told.contains(words));
    found.map(|(_, message, help)| (message.to_owned(), help))
}

/// "did you mean ...?", or what there is to choose from.
fn proposal(given: &str, known: &[&str]) -> String {
    let alike = known
        .iter()
        .map(|name| (strsim::jaro_winkler(&given.to_lowercase(), name), name));
    let nearest = alike.max_by(|(a, _), (b, _)| a.total_cmp(b));
    match nearest.filter(|(likeness, _)| *likeness >= ALIKE_MIN) {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => format!("choose from `{}`", known.join("`, `")),
    }
}
