//! Calls that a profile would take for others: to `GET /customers/{customer}` a search is a customer called `search`.

use super::{
    Operation, Profile,
    description::{Described, shape},
};

/// The segments of a path, with a parameter for `{}`.
fn segments(path: &str) -> Vec<&str> {
    path.split('/').collect()
}

/// What of `described` is taken for operations of `profile`, though it is none of them.
pub(super) fn taken_for_others(
    name: &str,
    profile: &Profile,
    described: &Described,
) -> Vec<String> {
    let mut faults = Vec::new();
    for operation in &profile.operations {
        let own = shape(&operation.path);
        for other in described.paths(&operation.method) {
            let is_own = |it: &Operation| it.method == operation.method && shape(&it.path) == other;
            if other == own || profile.operations.iter().any(is_own) {
                continue;
            }
            if let Some(word) = taken(operation, other) {
                let Operation { id, method, .. } = operation;
                faults.push(format!(
                    "{name}: `{method} {other}` is taken for `{id}`: make it an operation, or write `except` with `{word}`"
                ));
            }
        }
    }
    faults
}

/// The word for which a call to `other` is taken for a value of a parameter of `operation`.
fn taken<'o>(operation: &Operation, other: &'o str) -> Option<&'o str> {
    let (own, other) = (segments(&operation.path), segments(other));
    if own.len() != other.len() {
        return None;
    }
    let mut word = None;
    for (own, other) in own.into_iter().zip(other) {
        let Some((parameter, ending)) = own.strip_prefix('{').and_then(|it| it.split_once('}'))
        else {
            if own != other {
                return None;
            }
            continue;
        };
        let value = other.strip_suffix(ending)?;
        if value == "{}" {
            continue;
        }
        let excepted = operation.except.get(parameter);
        if excepted.is_some_and(|words| words.iter().any(|it| it == value)) {
            return None;
        }
        word = Some(value);
    }
    word
}
