//! By what means an exchange was made: the credential that a service was shown, and the mediator's part.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::CountRecord;

/// A credential that a service was shown; never the credential itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRecord {
    /// Its name in the vault, or its file.
    pub name: String,
    /// Its version there.
    pub version: u32,
    /// How often the service repeated it; the agent saw none of these.
    pub returned: u64,
}

/// What becomes of a value that policy shows and the mediator covers or counts, in a
/// [`FindingRecord`](crate::FindingRecord).
pub const MEDIATED: &str = "mediated";

/// What the mediator did with a call and its answer: names that the operator declared, and counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MediationRecord {
    /// The rule that says `mediate`.
    pub rule: Arc<str>,
    /// The template that was taken; none if none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Arc<str>>,
    /// What the answer looks like: `rows`, `masked`, `counts`, `yes_no`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Cow<'static, str>>,
    /// Who chose the template: `deterministic` or `model`.
    pub chosen_by: Cow<'static, str>,
    /// The fields that were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// The query parameters that the service was asked with, whatever the caller asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
    /// What was narrowed, by name: `parameters`, `headers` and `fields` of the request that did not go on,
    /// `page` where fewer rows were asked for, `rows` that stayed behind, `groups` if some were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrowed: Vec<CountRecord>,
    /// The model's part in the choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ChoiceRecord>,
    /// How long the mediator took, without the service and without the model, in microseconds.
    pub took_us: u64,
}

/// What a model that was asked for a choice said to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChoiceRecord {
    /// `chosen`, or why nothing was: `late`, `refused`, `unreadable`, `too_long`, `template_unknown`,
    /// `fields_unknown`.
    pub outcome: Cow<'static, str>,
    /// The record of the call to it, where that was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// Tokens that it was given, as it says.
    pub tokens_in: u64,
    /// Tokens that it gave, as it says.
    pub tokens_out: u64,
}
