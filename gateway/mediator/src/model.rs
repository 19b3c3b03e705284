//! A language model that takes part in the choice: asked with names alone, believed only as far as it
//! chooses among what is offered, or less of it.
//!
//! Whatever it says, the template that is taken is one of those that the deterministic mediator would
//! take for this purpose, with the same fields or fewer. So nothing that it is told, by whomever, can
//! make an answer wider.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Choice, Field, Form, Template};

/// The longest answer of a model that is read, in bytes.
pub const REPLY_BYTES_MAX: u64 = 64 * 1024;

/// The longest text in it that is read as a choice, in bytes.
const CONTENT_BYTES_MAX: usize = 4 * 1024;

/// The most tokens that a model is asked for.
const TOKENS_MAX: u64 = 512;

/// What a model is told before all else.
const INSTRUCTIONS: &str = "You choose how a data request is answered. You are given an operation, the \
templates that are declared for the purpose of the request, and what the request names; you see no data. \
Choose the one template, and of its fields the fewest, that the purpose needs. Answer with one JSON object \
and nothing else: {\"template\": NAME, \"fields\": [FIELD, ...]}. Names that are not listed are refused.";

/// What a model is shown of a request. All of it are words of the operator's.
#[derive(Clone, Debug)]
pub struct Shown<'a> {
    /// The service and its operation.
    pub operation: &'a str,
    /// Method and path, as declared.
    pub route: &'a str,
    /// The purpose, which is one that the templates are for.
    pub purpose: &'a str,
    /// The names of declared query parameters that the request has.
    pub parameters: Vec<&'a str>,
    /// How many others it has, which are not shown.
    pub parameters_unknown: u64,
}

/// Why nothing was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoChoice {
    /// It is not the answer of such an endpoint, or no choice stands in it.
    #[error("the model's answer is no choice")]
    Unreadable,
    /// It is longer than is read.
    #[error("the model's answer is too long")]
    TooLong,
    /// A template is chosen that is not offered.
    #[error("the model chose a template that is not offered")]
    TemplateUnknown,
    /// A field is chosen that the template does not hold, or that was not asked for, or none is.
    #[error("the model chose fields that are not offered")]
    FieldsUnknown,
}

impl NoChoice {
    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::TooLong => "too_long",
            Self::TemplateUnknown => "template_unknown",
            Self::FieldsUnknown => "fields_unknown",
        }
    }
}

/// What the model used up, as it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens that it was given.
    pub tokens_in: u64,
    /// Tokens that it gave.
    pub tokens_out: u64,
}

/// The body of a request to an endpoint that is compatible with OpenAI's chat completions.
pub fn request(model: &str, shown: &Shown<'_>, offered: &[Choice]) -> Value {
    let question = json!({
        "operation": shown.operation,
        "route": shown.route,
        "purpose": shown.purpose,
        "parameters": shown.parameters,
        "parameters_unknown": shown.parameters_unknown,
        "templates": offered.iter().map(described).collect::<Vec<_>>(),
    });
    json!({
        "model": model,
        "temperature": 0,
        "max_tokens": TOKENS_MAX,
        "stream": false,
        "response_format": { "type": "json_object" },
        "messages": [
            { "role": "system", "content": INSTRUCTIONS },
            { "role": "user", "content": question.to_string() },
        ],
    })
}

fn described(choice: &Choice) -> Value {
    let template: &Arc<Template> = &choice.template;
    let fields: Vec<&str> = choice.fields.iter().map(Field::text).collect();
    let by: Vec<&str> = match &template.form {
        Form::Counts(counts) => counts.by.iter().map(Field::text).collect(),
        Form::Rows | Form::Masked(_) | Form::YesNo { .. } => Vec::new(),
    };
    json!({
        "name": &*template.name,
        "answer": template.form.name(),
        "fields": fields,
        "by": by,
        "rows_max": template.page.as_ref().map(|page| page.rows_max),
    })
}

/// What such an endpoint answers; more may be there.
#[derive(Deserialize)]
struct Reply {
    choices: Vec<Candidate>,
    #[serde(default)]
    usage: Option<Used>,
}

#[derive(Deserialize)]
struct Candidate {
    message: Message,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<String>,
    /// It is offered no tools.
    #[serde(default)]
    tool_calls: Option<Value>,
}

#[derive(Deserialize)]
struct Used {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

/// What a choice is, and nothing beside.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    template: String,
    fields: Vec<String>,
}

/// What the model chose among `offered`, and what it used up, as far as that can be read.
pub fn read(reply: &[u8], offered: &[Choice]) -> (Result<Choice, NoChoice>, Usage) {
    if reply.len() as u64 > REPLY_BYTES_MAX {
        return (Err(NoChoice::TooLong), Usage::default());
    }
    let Ok(reply) = serde_json::from_slice::<Reply>(reply) else {
        return (Err(NoChoice::Unreadable), Usage::default());
    };
    let used = reply.usage.as_ref();
    let usage = used.map_or_else(Usage::default, |used| Usage {
        tokens_in: used.prompt_tokens,
        tokens_out: used.completion_tokens,
    });
    (chosen(reply, offered), usage)
}

fn chosen(reply: Reply, offered: &[Choice]) -> Result<Choice, NoChoice> {
    let Ok([only]) = <[Candidate; 1]>::try_from(reply.choices) else {
        return Err(NoChoice::Unreadable);
    };
    let has_tools = match &only.message.tool_calls {
        None | Some(Value::Null) => false,
        Some(Value::Array(calls)) => !calls.is_empty(),
        Some(_) => true,
    };
    let is_whole = only
        .finish_reason
        .as_deref()
        .is_none_or(|why| why == "stop");
    let content = only.message.content.filter(|_| !has_tools && is_whole);
    let content = content.ok_or(NoChoice::Unreadable)?;
    if content.len() > CONTENT_BYTES_MAX {
        return Err(NoChoice::TooLong);
    }
    // An array of the members would be read as well.
    if !content.trim_start().starts_with('{') {
        return Err(NoChoice::Unreadable);
    }
    let chosen: Chosen = serde_json::from_str(&content).map_err(|_| NoChoice::Unreadable)?;
    let mut known = offered.iter();
    let known = known.find(|choice| *choice.template.name == *chosen.template);
    let known = known.ok_or(NoChoice::TemplateUnknown)?;
    let held = |name: &String| known.fields.iter().any(|field| field.text() == name);
    let shows = known.shows_rows();
    if shows && chosen.fields.is_empty() || !chosen.fields.iter().all(held) {
        return Err(NoChoice::FieldsUnknown);
    }
    // What counts or says yes shows no field that could be left out.
    if !shows {
        return Ok(known.clone());
    }
    let is_chosen = |field: &&Field| chosen.fields.iter().any(|name| name == field.text());
    Ok(Choice {
        fields: known.fields.iter().filter(is_chosen).cloned().collect(),
        ..known.clone()
    })
}
