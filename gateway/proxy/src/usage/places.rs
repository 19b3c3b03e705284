//! Where messages of a service say what a model used: JSON Pointers (RFC 6901), of which the first that
//! leads to something counts.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::Counts;
use crate::{message::Unclear, refusal::Interruption, strict};

/// The longest name of a model that is kept, in bytes.
const MODEL_BYTES_MAX: usize = 96;

/// The most tokens that one answer may say it used; more is no count, whoever says it.
pub(super) const TOKENS_MAX: u64 = 1_000_000_000;

/// Where messages say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Of requests.
    pub request: RequestPlaces,
    /// Of answers, and of each event of a stream.
    pub answer: AnswerPlaces,
}

/// Where a request says what it asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestPlaces {
    /// The model.
    pub model: Vec<String>,
    /// The parameter of the operation that names the model: `model` of `/models/{model}:generateContent`.
    pub parameter: Option<String>,
    /// The most tokens that it may write.
    pub output_max: Vec<String>,
    /// How many answers it is to write, each of so many tokens.
    pub choices: Vec<String>,
}

/// Where an answer says what was used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerPlaces {
    /// The model.
    pub model: Vec<String>,
    /// Tokens that it read.
    pub input: Vec<String>,
    /// How many of these came from a cache.
    pub cached: Vec<String>,
    /// Tokens that came from a cache, beside those that it read.
    pub cache_read: Vec<String>,
    /// Tokens that went to a cache, beside those that it read.
    pub cache_write: Vec<String>,
    /// Tokens that it wrote.
    pub output: Vec<String>,
}

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AskedFor {
    /// The one model that it names, if it names one plainly.
    pub(super) model: Option<Arc<str>>,
    /// The most tokens of one answer, if it sets a limit.
    pub(super) output_max: Option<u64>,
    /// How many answers.
    pub(super) choices: u64,
}

/// What an answer, or a part of it, says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Whether something stands where a count should that is none: then nothing is known.
    pub(super) is_odd: bool,
    pub(super) model: Option<Arc<str>>,
    pub(super) input: Option<u64>,
    pub(super) cached: Option<u64>,
    pub(super) cache_read: Option<u64>,
    pub(super) cache_write: Option<u64>,
    pub(super) output: Option<u64>,
}

impl Places {
    /// What `OpenAI`'s interfaces say (chat completions, responses), and those that are made alike.
    pub fn openai() -> Self {
        let usage = |name: &str| {
            let within = ["/usage", "/response/usage"];
            within.map(|usage| format!("{usage}/{name}"))
        };
        let both = |one: &str, other: &str| [usage(one), usage(other)].concat();
        Self {
            request: RequestPlaces {
                model: owned(&["/model"]),
                parameter: None,
                output_max: owned(&[
                    "/max_completion_tokens",
                    "/max_output_tokens",
                    "/max_tokens",
                ]),
                choices: owned(&["/n", "/best_of"]),
            },
            answer: AnswerPlaces {
                model: owned(&["/model", "/response/model"]),
                input: both("prompt_tokens", "input_tokens"),
                cached: both(
                    "prompt_tokens_details/cached_tokens",
                    "input_tokens_details/cached_tokens",
                ),
                output: both("completion_tokens", "output_tokens"),
                ..AnswerPlaces::default()
            },
        }
    }

    /// What Anthropic's messages say. In a stream the first event has what was read, the last what was
    /// written.
    pub fn anthropic() -> Self {
        let usage = |name: &str| {
            let within = ["/usage", "/message/usage"];
            within.map(|usage| format!("{usage}/{name}")).to_vec()
        };
        Self {
            request: RequestPlaces {
                model: owned(&["/model"]),
                parameter: None,
                output_max: owned(&["/max_tokens"]),
                choices: Vec::new(),
            },
            answer: AnswerPlaces {
                model: owned(&["/model", "/message/model"]),
                input: usage("input_tokens"),
                cached: Vec::new(),
                cache_read: usage("cache_read_input_tokens"),
                cache_write: usage("cache_creation_input_tokens"),
                output: usage("output_tokens"),
            },
        }
    }
}

impl RequestPlaces {
    /// What a document asks for. It must be readable in one way only, so a member that may be taken for
    /// one of these (`Max_Tokens`), or a number that is not whole, is refused.
    /// What the operation binds is a part of the request, too.
    pub(super) fn asked(
        &self,
        document: &Value,
        bound: &BTreeMap<String, String>,
    ) -> Result<AskedFor, Interruption> {
        let named = self.parameter.as_ref().and_then(|it| bound.get(it));
        let named = named.map(|model| Value::from(model.as_str()));
        let mut models = found(&self.model, document)?.chain(&named);
        let model = models.next();
        let is_one = models.all(|other| Some(other) == model);
        // Of several limits a service may go by any.
        let output_max = wholes(&self.output_max, document)?.into_iter().max();
        let choices = wholes(&self.choices, document)?.into_iter().max();
        Ok(AskedFor {
            model: model.filter(|_| is_one).and_then(plain_name),
            output_max,
            choices: choices.unwrap_or(1).max(1),
        })
    }
}

impl AnswerPlaces {
    pub(super) fn told(&self, document: &Value) -> Told {
        let mut is_odd = false;
        let mut count = |places: &[String]| {
            let mut values = places.iter().filter_map(|at| document.pointer(at));
            let value = values.find(|value| !value.is_null())?;
            let count = value.as_u64().filter(|count| *count <= TOKENS_MAX);
            is_odd |= count.is_none();
            count
        };
        let (input, cached) = (count(&self.input), count(&self.cached));
        let (cache_read, cache_write) = (count(&self.cache_read), count(&self.cache_write));
        let output = count(&self.output);
        let mut models = self.model.iter().filter_map(|at| document.pointer(at));
        Told {
            is_odd,
            model: models.next().and_then(plain_name),
            input,
            cached,
            cache_read,
            cache_write,
            output,
        }
    }
}

impl Told {
    /// With what a later part says: sums of a stream grow, and the last ones hold.
    pub(super) fn then(&mut self, later: Self) {
        let Self {
            is_odd,
            model,
            input,
            cached,
            cache_read,
            cache_write,
            output,
        } = later;
        self.is_odd |= is_odd;
        self.model = model.or(self.model.take());
        self.input = input.or(self.input);
        self.cached = cached.or(self.cached);
        self.cache_read = cache_read.or(self.cache_read);
        self.cache_write = cache_write.or(self.cache_write);
        self.output = output.or(self.output);
    }

    /// All of it, if it says what was read or written.
    pub(super) fn counts(&self) -> Option<Counts> {
        if self.is_odd || self.input.is_none() && self.output.is_none() {
            return None;
        }
        let input = self.input.unwrap_or_default();
        let cached = self.cached.unwrap_or_default().min(input);
        Some(Counts {
            input: input - cached,
            cache_read: self.cache_read.unwrap_or_default().saturating_add(cached),
            cache_write: self.cache_write.unwrap_or_default(),
            output: self.output.unwrap_or_default(),
        })
    }
}

fn owned(pointers: &[&str]) -> Vec<String> {
    pointers.iter().map(|&pointer| pointer.to_owned()).collect()
}

/// What stands at these places, where something does.
fn found<'v>(
    places: &[String],
    document: &'v Value,
) -> Result<impl Iterator<Item = &'v Value>, Interruption> {
    let values = places.iter().map(|pointer| at(document, pointer));
    let values = values.collect::<Result<Vec<_>, Unclear>>();
    let values = values.map_err(Interruption::unclear)?;
    Ok(values
        .into_iter()
        .flatten()
        .filter(|value| !value.is_null()))
}

/// The numbers there.
fn wholes(places: &[String], document: &Value) -> Result<Vec<u64>, Interruption> {
    let whole = |value: &Value| value.as_u64().ok_or_else(Interruption::limit_unreadable);
    found(places, document)?.map(whole).collect()
}

/// What a pointer leads to, past no member that may be taken for one on the way.
fn at<'v>(document: &'v Value, pointer: &str) -> Result<Option<&'v Value>, Unclear> {
    let mut at = document;
    for token in pointer.split('/').skip(1) {
        let name = token.replace("~1", "/").replace("~0", "~");
        let next = match at {
            Value::Object(object) => strict::member(object, &name)?,
            other => other.pointer(&format!("/{token}")),
        };
        let Some(next) = next else { return Ok(None) };
        at = next;
    }
    Ok(Some(at))
}

/// The name of a model, if it is one plainly.
fn plain_name(named: &Value) -> Option<Arc<str>> {
    let named = named.as_str()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/@+".contains(&byte);
    let is_plain = (1..=MODEL_BYTES_MAX).contains(&named.len()) && named.bytes().all(plain);
    is_plain.then(|| named.into())
}
