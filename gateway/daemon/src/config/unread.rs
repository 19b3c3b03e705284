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
        other => match other.location() {
            Some(location) if other.to_string().contains("invalid socket address") => {
                let help = "write an address and a port: `127.0.0.1:8440`, `[::1]:8440`";
                let fault = place.fault(&location, "this is no address to listen at", help);
                fault.into()
            }
            _ => to_miette_report(other, text, name),
        },
    }
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
