//! Why, in one sentence for the one who is refused.

use std::fmt::Write as _;

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

    /// The rules with their reasons, and for a rule of scope the values that differ:
    /// ``session-sees-only-its-customer: the session's customer is `C-771`, the call names
    /// `C-332` ``.
    ///
    /// It shows values of the scope, so it is for the answer to the agent and for the record,
    /// never for logs, spans or metrics.
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
    let ScopeMismatch { tag, session, call } = mismatch;
    let (tag, session, call) = (shown(tag), shown(session), shown(call));
    format!("the session's {tag} is `{session}`, the call names `{call}`")
}

/// The value without control characters, cut where it is long: a caller chose it.
fn shown(value: &str) -> String {
    let escaped = value.chars().flat_map(char::escape_debug);
    let mut shown: String = escaped.clone().take(SCOPE_VALUE_CHARS_MAX).collect();
    if escaped.count() > SCOPE_VALUE_CHARS_MAX {
        shown.push('…');
    }
    shown
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
