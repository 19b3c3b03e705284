//! What is typed of the mediator.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

/// What stands between where policy says `mediate`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mediator {
    /// How long a mediated exchange may take; ten seconds if absent.
    pub(crate) deadline: Option<Spanned<String>>,
    /// How many bytes of a service's answer are read; a MiB if absent.
    pub(crate) answer_bytes_max: Option<Spanned<u64>>,
    pub(crate) templates: Vec<MediationTemplate>,
    /// The model that takes part in the choice of a template.
    pub(crate) model: Option<MediationModel>,
}

/// What may be asked for and answered for some purposes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MediationTemplate {
    pub(crate) name: Spanned<String>,
    /// `crm/customer.list`.
    pub(crate) operation: Spanned<String>,
    pub(crate) purposes: Spanned<Vec<String>>,
    /// The array of rows: `/customers`; the document is the one row if absent.
    pub(crate) rows: Option<Spanned<String>>,
    /// The fields of a row: `/id`, `/orders/*/total`.
    #[serde(default)]
    pub(crate) fields: Vec<Spanned<String>>,
    /// Query parameters that the service is always asked with.
    #[serde(default)]
    pub(crate) filters: BTreeMap<String, Spanned<String>>,
    /// Query parameters of the caller that go on.
    #[serde(default)]
    pub(crate) pass: Vec<Spanned<String>>,
    pub(crate) page: Option<MediationPage>,
    #[serde(default)]
    pub(crate) answer: AnswerForm,
    /// The fields that are covered; all if absent.
    pub(crate) mask: Option<Vec<Spanned<String>>>,
    pub(crate) counts: Option<MediationCounts>,
    /// How many rows are a yes; one if absent.
    pub(crate) at_least: Option<Spanned<u64>>,
}

/// How many rows may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MediationPage {
    /// The query parameter that says how many.
    pub(crate) parameter: Spanned<String>,
    pub(crate) max: Spanned<u64>,
}

/// What is counted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MediationCounts {
    pub(crate) by: Spanned<Vec<String>>,
    /// What tells individuals apart.
    pub(crate) individual: Option<Spanned<String>>,
    /// The fewest individuals of a group that is told.
    pub(crate) k: Spanned<u64>,
}

/// What an answer looks like.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AnswerForm {
    #[default]
    Rows,
    Masked,
    Counts,
    YesNo,
}

/// The model that takes part in the choice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MediationModel {
    /// The service of this configuration.
    pub(crate) service: Spanned<String>,
    /// The path behind the service's prefix: `/v1/chat/completions`.
    pub(crate) path: Spanned<String>,
    /// What the endpoint calls it.
    pub(crate) name: String,
    /// The SPIFFE id under which the gateway calls it.
    pub(crate) agent: Spanned<String>,
    /// How long it may take; two seconds if absent.
    pub(crate) deadline: Option<Spanned<String>>,
    /// What happens where it chooses nothing.
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
}

/// What happens where a model chooses nothing.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OnFailure {
    /// The deterministic choice is taken.
    #[default]
    Deterministic,
    /// The call is refused.
    Refuse,
}
