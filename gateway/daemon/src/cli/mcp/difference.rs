//! What changed between two elements of a list, member by member, with every character made visible.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Prints what is other in `after` than in `before`, both JSON.
pub(super) fn print(before: &str, after: &str) {
    for line in lines(before, after) {
        println!("    {line}");
    }
}

/// Prints all that stands in a JSON text.
pub(super) fn all(text: &str) {
    for line in changes(&BTreeMap::new(), &leaves(text)) {
        println!("    {line}");
    }
}

fn lines(before: &str, after: &str) -> Vec<String> {
    changes(&leaves(before), &leaves(after))
}

fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let places: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut lines = Vec::new();
    for place in places {
        let (was, is) = (before.get(place), after.get(place));
        // A container is told by what it holds, unless it is another than it was.
        let is_container =
            |side: Option<&String>| side.is_some_and(|it| CONTAINERS.contains(&&**it));
        let is_told_within = is_container(was.or(is)) && (was.is_none() || is.is_none());
        if was == is || is_told_within {
            continue;
        }
        let sides = [("-", was), ("+", is)];
        let sides = sides
            .into_iter()
            .filter_map(|(sign, side)| Some((sign, side?)));
        lines.extend(sides.map(|(sign, value)| format!("{sign} {place}: {value}")));
    }
    lines
}

/// What stands for an object and an array that hold something.
const CONTAINERS: [&str; 2] = ["{…}", "[…]"];

/// Every value, by its JSON Pointer (RFC 6901), as it is shown.
fn leaves(text: &str) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    match serde_json::from_str(text) {
        Ok(value) => gather(&value, String::new(), &mut leaves),
        Err(_) => drop(leaves.insert(String::new(), visible(text))),
    }
    leaves
}

fn gather(value: &Value, place: String, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            leaves.insert(place.clone(), CONTAINERS[0].to_owned());
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                gather(value, format!("{place}/{}", visible(&name)), leaves);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            leaves.insert(place.clone(), CONTAINERS[1].to_owned());
            for (at, value) in elements.iter().enumerate() {
                gather(value, format!("{place}/{at}"), leaves);
            }
        }
        Value::String(text) => drop(leaves.insert(place, format!("\"{}\"", visible(text)))),
        other => drop(leaves.insert(place, other.to_string())),
    }
}

/// A text in which nothing hides and nothing steers a terminal: what does not print is an escape.
fn visible(text: &str) -> String {
    text.chars()
        .flat_map(|one| {
            let plain = ['"', '\''].contains(&one).then_some(one);
            let escaped = plain.is_none().then(|| one.escape_debug());
            plain.into_iter().chain(escaped.into_iter().flatten())
        })
        .collect()
}

/// How many characters of a JSON text show nothing: controls, formats, tags, marks that join what is before.
/// What JSON escapes is read as what it stands for.
pub(super) fn hidden(text: &str) -> usize {
    let Ok(value) = serde_json::from_str(text) else {
        return 0;
    };
    hidden_in(&value)
}

fn hidden_in(value: &Value) -> usize {
    let of = |text: &str| text.chars().filter(|one| is_hidden(*one)).count();
    match value {
        Value::String(text) => of(text),
        Value::Array(elements) => elements.iter().map(hidden_in).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| of(name) + hidden_in(value))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Marks that are seen (accents) are none; joiners and selectors that people write are, since so much hides
/// in them.
fn is_hidden(one: char) -> bool {
    let is_seen_mark = matches!(one, '\u{300}'..='\u{36f}');
    !"\n\r\t\"'\\".contains(one) && !is_seen_mark && one.escape_debug().len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_member_by_member() {
        let before = r#"{"name":"a","description":"Adds.","inputSchema":{"properties":{"x":{"type":"number"}}}}"#;
        let after = r#"{"name":"a","description":"Adds.\nTells \"b\"","inputSchema":{"properties":{"x":{"type":"number"},"note/s":{}}}}"#;
        assert_eq!(
            lines(before, after),
            [
                r#"- /description: "Adds.""#,
                r#"+ /description: "Adds.\nTells "b"""#,
                "+ /inputSchema/properties/note~1s: {}",
            ]
        );
        assert!(lines(before, before).is_empty());
        // A list is no object with the same in the same places.
        let array = r#"{"enum":["a"]}"#;
        let object = r#"{"enum":{"0":"a"}}"#;
        assert_eq!(lines(array, object), ["- /enum: […]", "+ /enum: {…}"]);
        assert_eq!(
            lines(r#"{"enum":[]}"#, array),
            ["- /enum: []", "+ /enum: […]", r#"+ /enum/0: "a""#]
        );
    }

    #[test]
    fn nothing_hides_and_nothing_steers_the_terminal() {
        for (text, shown) in [
            ("a\u{200b}b", "a\\u{200b}b"),
            ("\u{e0041}", "\\u{e0041}"),
            ("\u{1b}[2K", "\\u{1b}[2K"),
            ("\u{202e}x", "\\u{202e}x"),
            ("x\u{fe0f}", "x\\u{fe0f}"),
            ("naïve \"日本\"", "naïve \"日本\""),
        ] {
            assert_eq!(visible(text), shown);
        }
        let text = serde_json::json!({ "d\u{200b}": "Ein\tGruß\n\u{e0041}\u{e0042} it's \"fine\" e\u{301}" });
        assert_eq!(hidden(&text.to_string()), 3);
    }
}
