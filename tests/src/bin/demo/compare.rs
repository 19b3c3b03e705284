//! Two JSON documents side by side: what changed on the way.

use serde_json::Value;

use crate::page::{Page, Tone, fit};

/// The width of a column of values.
const VALUE_COLUMNS: usize = 34;
/// The width of the column of names.
const NAME_COLUMNS: usize = 24;
/// How much of what is equal stands before a difference.
const SHARED_CHARACTERS: usize = 6;

/// One field that differs.
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// The leaves that differ, and how many do not.
pub(crate) fn changes(before: &Value, after: &Value) -> (Vec<Change>, usize) {
    let mut changed = Vec::new();
    let mut equal = 0;
    for (path, old) in leaves(before) {
        let new = after
            .pointer(&path)
            .map_or_else(|| "(gone)".to_owned(), plain);
        let old = plain(old);
        if old == new {
            equal += 1;
        } else {
            changed.push(Change {
                path,
                before: old,
                after: new,
            });
        }
    }
    (changed, equal)
}

/// Prints the changes as two columns.
pub(crate) fn show(page: &Page, left: &str, right: &str, before: &Value, after: &Value) {
    let (changed, equal) = changes(before, after);
    page.toned(Tone::Quiet, &row("", left, right));
    for change in &changed {
        let (old, new) = from_difference(&change.before, &change.after);
        page.line(&row(change.path.trim_start_matches('/'), &old, &new));
    }
    page.toned(Tone::Quiet, &format!("   and {equal} fields as they were"));
}

fn row(name: &str, left: &str, right: &str) -> String {
    format!(
        "   {:<NAME_COLUMNS$} {:<VALUE_COLUMNS$} {}",
        fit(name, NAME_COLUMNS),
        fit(left, VALUE_COLUMNS),
        fit(right, VALUE_COLUMNS)
    )
}

/// Long texts begin a little before the place where they differ.
fn from_difference(before: &str, after: &str) -> (String, String) {
    if before.chars().count().max(after.chars().count()) <= VALUE_COLUMNS {
        return (before.to_owned(), after.to_owned());
    }
    let shared = before
        .chars()
        .zip(after.chars())
        .take_while(|(old, new)| old == new)
        .count();
    let skip = shared.saturating_sub(SHARED_CHARACTERS);
    let tail = |text: &str| {
        let rest: String = text.chars().skip(skip).collect();
        if skip == 0 {
            rest
        } else {
            format!("…{rest}")
        }
    };
    (tail(before), tail(after))
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn leaves(value: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    collect(value, String::new(), &mut found);
    found
}

fn collect<'a>(value: &'a Value, path: String, found: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(field, format!("{path}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{path}/{index}"), found);
            }
        }
        _ => found.push((path, value)),
    }
}
