//! Where messages of a service say what a model used: JSON Pointers (RFC 6901), of which the first that
//! leads to something counts.

use std::sync::Arc;

use serde_json::Value;

use super::Counts;

/// The longest name of a model that is kept, in bytes.
const MODEL_BYTES_MAX: usize = 96;

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

/// What an answer, or a part of it, says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
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
                output_max: owned(&[
                    "/max_completion_tokens",
                    "/max_output_tokens",
                    "/max_tokens",
                ]),
                choices: owned(&["/n"]),
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
    pub(super) fn model(&self, document: &Value) -> Option<Arc<str>> {
        model(&self.model, document)
    }

    /// The most tokens that are written, of all answers together.
    pub(super) fn output(&self, document: &Value) -> Option<u64> {
        // Of several limits a service may go by any.
        let limits = self.output_max.iter();
        let limits = limits.filter_map(|at| document.pointer(at)?.as_u64());
        let choices = number(&self.choices, document).unwrap_or(1);
        Some(limits.max()?.saturating_mul(choices.max(1)))
    }
}

impl AnswerPlaces {
    pub(super) fn told(&self, document: &Value) -> Told {
        Told {
            model: model(&self.model, document),
            input: number(&self.input, document),
            cached: number(&self.cached, document),
            cache_read: number(&self.cache_read, document),
            cache_write: number(&self.cache_write, document),
            output: number(&self.output, document),
        }
    }
}

impl Told {
    /// With what a later part says: sums of a stream grow, and the last ones hold.
    pub(super) fn then(&mut self, later: Self) {
        let Self {
            model,
            input,
            cached,
            cache_read,
            cache_write,
            output,
        } = later;
        self.model = model.or(self.model.take());
        self.input = input.or(self.input);
        self.cached = cached.or(self.cached);
        self.cache_read = cache_read.or(self.cache_read);
        self.cache_write = cache_write.or(self.cache_write);
        self.output = output.or(self.output);
    }

    /// All of it, if it says what was read or written.
    pub(super) fn counts(&self) -> Option<Counts> {
        if self.input.is_none() && self.output.is_none() {
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

fn number(places: &[String], document: &Value) -> Option<u64> {
    places.iter().find_map(|at| document.pointer(at)?.as_u64())
}

/// The name of a model, as a record may have it.
fn model(places: &[String], document: &Value) -> Option<Arc<str>> {
    let mut named = places
        .iter()
        .filter_map(|at| document.pointer(at)?.as_str());
    let named = named.next()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/@+".contains(&byte);
    let is_plain = (1..=MODEL_BYTES_MAX).contains(&named.len()) && named.bytes().all(plain);
    is_plain.then(|| named.into())
}
