//! Why, in one sentence for the one who is refused.

use std::{collections::BTreeSet, fmt::Write as _};

use cedar_policy::Policy;
use serde_json::Value;

use crate::{Category, Decision, Operation, PolicyRef, Principal, ScopeMismatch};

/// The longest value of a scope that a sentence shows, in characters.
pub const SCOPE_VALUE_CHARS_MAX: usize = 64;

impl Decision {
    /// The rule that chooses the status of a refusal: the first by category, then by id.
    pub fn rule(&self) -> Option<&PolicyRef> {
        self.policies.first().map(|policy| &**policy)
    }

    /// What kind of refusal it is; access where nothing permits.
    pub fn category(&self) -> Category {
        self.rule().map_or(Category::Access, |rule| rule.category)
    }

    /// The rules with their reasons, and for a rule of scope what the task holds:
    /// ``session-sees-only-its-customer: the session's customer is `C-771`, the call names
    /// another``. What the call names is the caller's own text, so it is not repeated.
    pub fn sentence(&self) -> String {
        if self.policies.is_empty() {
            return "not_permitted: no rule permits this".to_owned();
        }
        let sentences: Vec<String> = self
            .policies
            .iter()
            .map(|policy| self.why(policy))
            .collect();
        sentences.join("; ")
    }

    fn why(&self, policy: &PolicyRef) -> String {
        let mut sentence = policy.id.to_string();
        if policy.category == Category::Scope && !self.mismatches.is_empty() {
            let differ: Vec<String> = self.mismatches.iter().map(differ).collect();
            let _infallible = write!(sentence, ": {}", differ.join(", "));
        } else if let Some(reason) = &policy.reason {
            let _infallible = write!(sentence, ": {reason}");
        }
        sentence
    }
}

fn differ(mismatch: &ScopeMismatch) -> String {
    let (tag, session) = (shown(&mismatch.tag), shown(&mismatch.session));
    format!("the session's {tag} is `{session}`, the call names another")
}

/// The value without control characters, cut where it is long.
fn shown(value: &str) -> String {
    let escaped = value.chars().flat_map(char::escape_debug);
    let mut shown: String = escaped.clone().take(SCOPE_VALUE_CHARS_MAX).collect();
    if escaped.count() > SCOPE_VALUE_CHARS_MAX {
        shown.push('…');
    }
    shown
}

/// The texts that a policy compares with, by its JSON form.
pub(crate) fn literals(json: &Value, found: &mut BTreeSet<String>) {
    match json {
        Value::Object(members) => {
            match members.get("Value") {
                Some(Value::String(text)) => found.insert(text.clone()),
                Some(Value::Number(number)) => found.insert(number.to_string()),
                _ => false,
            };
            // What a pattern says beside what may stand anywhere.
            if let Some(Value::Array(pattern)) =
                members.get("like").and_then(|it| it.get("pattern"))
            {
                let said = pattern
                    .iter()
                    .filter_map(|part| part.get("Literal")?.as_str());
                found.insert(said.collect());
            }
            members.values().for_each(|inner| literals(inner, found));
        }
        Value::Array(elements) => elements.iter().for_each(|inner| literals(inner, found)),
        _ => {}
    }
}

/// Whether a policy looks at arguments of calls.
pub(crate) fn speaks_of_arguments(policy: &Policy) -> bool {
    fn speaks(json: &Value) -> bool {
        match json {
            Value::Object(members) => is_arguments(json) || members.values().any(speaks),
            Value::Array(elements) => elements.iter().any(speaks),
            _ => false,
        }
    }
    // What cannot be read may speak of anything.
    policy.to_json().map_or(true, |json| speaks(&json))
}

/// The arguments that a policy names, by its JSON form.
pub(crate) fn arguments(json: &Value, found: &mut BTreeSet<String>) {
    match json {
        Value::Object(members) => {
            let named = [".", "has"].into_iter().filter_map(|key| members.get(key));
            for access in named {
                if access.get("left").is_some_and(is_arguments)
                    && let Some(name) = access.get("attr").and_then(Value::as_str)
                {
                    found.insert(name.to_owned());
                }
            }
            members.values().for_each(|inner| arguments(inner, found));
        }
        Value::Array(elements) => elements.iter().for_each(|inner| arguments(inner, found)),
        _ => {}
    }
}

/// Whether it is `context.argument`.
fn is_arguments(json: &Value) -> bool {
    let access = json.get(".");
    access.is_some_and(|access| {
        access.pointer("/left/Var") == Some(&Value::from("context"))
            && access.get("attr") == Some(&Value::from("argument"))
    })
}

/// Where `operation` leaves the scope of `principal`.
pub(crate) fn mismatches(principal: &Principal, operation: &Operation) -> Vec<ScopeMismatch> {
    principal
        .scope
        .iter()
        .filter_map(|(tag, session)| {
            let call = operation.bound.get(tag)?;
            (call != session).then(|| ScopeMismatch {
                tag: tag.clone(),
                session: session.clone(),
                call: call.clone(),
            })
        })
        .collect()
}
