//! Operations that a method and a path name, and what they bind.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use http::Method;
use policy::Effect;

use super::{PARAMETER_BYTES_MAX, Unroutable, canonical::is_like};
use crate::{
    arguments::Arguments, bindings::Elsewhere, governance::AnswerRules, websocket::WebSocket,
};

/// One operation: a method and a path with named parameters.
#[derive(Debug)]
pub struct Template {
    /// Unique within the service.
    pub id: Arc<str>,
    /// The method it answers to.
    pub method: Method,
    /// The path as configured, for records and telemetry.
    pub route: Arc<str>,
    /// What it does.
    pub effect: Effect,
    /// What its answers are held to.
    pub answers: Arc<AnswerRules>,
    /// What is declared of its arguments.
    pub arguments: Arc<Arguments>,
    /// What is declared of it, if it is a WebSocket.
    pub websocket: Option<Arc<WebSocket>>,
    segments: Vec<Segment>,
    /// Words that are no values of a parameter of the path: calls of their own.
    except: Vec<(String, String)>,
    /// Whether a colon in a path of this service begins a verb, so that no parameter has one.
    verbs: bool,
    query: Vec<Queried>,
    /// What header fields and the body bind, if they do.
    pub(super) elsewhere: Option<Arc<Elsewhere>>,
}

/// A parameter that a name in the query binds.
#[derive(Debug)]
struct Queried {
    parameter: String,
    name: String,
    /// What the service takes where it is not there; none: it must be.
    default: Option<String>,
}

/// One segment of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// This one.
    Literal(String),
    /// Any, under this name.
    Parameter(String),
    /// Any before this ending, which begins with a dot or a colon that the parameter does not have:
    /// `{sid}.json`, `{model}:generateContent`.
    Ending(String, String),
}

/// Why a path template is refused at load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    /// It must begin with a slash.
    #[error("a path begins with `/`, `{0}` does not")]
    Relative(String),
    /// A segment is neither a literal nor `{name}`.
    #[error(
        "segment `{0}` is neither a literal nor `{{name}}`, `{{name}}.json` or `{{name}}:verb`"
    )]
    Segment(String),
    /// A parameter is named twice.
    #[error("parameter `{0}` is bound twice")]
    Twice(String),
    /// A word is taken from what is no parameter of the path.
    #[error("`{0}` is no parameter of the path")]
    NoParameter(String),
}

impl Template {
    /// How much each segment leaves open: templates are tried in the order of this, so that
    /// `/customers/export` is found before `/customers/{customer}`.
    pub fn generality(&self) -> Vec<u8> {
        let open = |segment: &Segment| match segment {
            Segment::Literal(_) => 0,
            Segment::Ending(..) => 1,
            Segment::Parameter(_) => 2,
        };
        self.segments.iter().map(open).collect()
    }

    /// A template for `method` and `path`; `query` binds parameters to query names.
    pub fn new(
        id: &str,
        method: Method,
        path: &str,
        effect: Effect,
        query: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateFault> {
        let rest = path
            .strip_prefix('/')
            .ok_or_else(|| TemplateFault::Relative(path.into()))?;
        let segments = if rest.is_empty() {
            Vec::new()
        } else {
            rest.split('/')
                .map(Segment::parse)
                .collect::<Result<Vec<_>, _>>()?
        };
        let query = query.iter().map(|(parameter, name)| Queried {
            parameter: parameter.clone(),
            name: name.clone(),
            default: None,
        });
        let query: Vec<Queried> = query.collect();
        let mut names: Vec<&str> = query.iter().map(|it| it.parameter.as_str()).collect();
        names.extend(segments.iter().filter_map(Segment::parameter));
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair.first() == pair.last());
        if let Some(name) = twice.and_then(|pair| pair.first()) {
            return Err(TemplateFault::Twice((*name).to_owned()));
        }
        Ok(Self {
            id: Arc::from(id),
            method,
            route: Arc::from(path),
            effect,
            answers: Arc::default(),
            arguments: Arc::default(),
            websocket: None,
            segments,
            except: Vec::new(),
            verbs: false,
            query,
            elsewhere: None,
        })
    }

    /// The same, of which calls with one of these words for a parameter of the path are none: `search` is no
    /// customer, and to a server `Search` may be `search`.
    pub fn except(mut self, words: &BTreeMap<String, Vec<String>>) -> Result<Self, TemplateFault> {
        for (parameter, words) in words {
            let mut known = self.segments.iter().filter_map(Segment::parameter);
            if !known.any(|name| name == parameter) {
                return Err(TemplateFault::NoParameter(parameter.clone()));
            }
            let words = words.iter().map(|word| (parameter.clone(), word.clone()));
            self.except.extend(words);
        }
        Ok(self)
    }

    /// Whether its path ends in a verb: `/files/{file}:download`.
    pub fn has_verb(&self) -> bool {
        let is_verb =
            |it: &Segment| matches!(it, Segment::Ending(_, ending) if ending.starts_with(':'));
        self.segments.iter().any(is_verb)
    }

    /// Takes a colon in a parameter of the path for the beginning of a verb that this is not.
    pub fn know_verbs(&mut self) {
        self.verbs = true;
    }

    /// With parameters that header fields and the body bind.
    pub fn binding(mut self, mut elsewhere: Elsewhere) -> Result<Self, TemplateFault> {
        let mut names: Vec<&str> = self.bound().collect();
        names.extend(elsewhere.parameters());
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair.first() == pair.last());
        if let Some(name) = twice.and_then(|pair| pair.first()) {
            return Err(TemplateFault::Twice((*name).to_owned()));
        }
        let defaults = self.query.iter().filter(|it| it.default.is_some());
        elsewhere.query = defaults
            .map(|it| (it.parameter.clone(), it.name.clone()))
            .collect();
        self.elsewhere = (!elsewhere.is_empty()).then(|| Arc::new(elsewhere));
        Ok(self)
    }

    /// The parameters that the query and the path bind.
    pub fn bound(&self) -> impl Iterator<Item = &str> {
        let query = self.query.iter().map(|it| it.parameter.as_str());
        query.chain(self.segments.iter().filter_map(Segment::parameter))
    }

    /// The same, whose parameters in the query need not be there where the service takes this.
    #[must_use]
    pub fn defaulting(mut self, defaults: &BTreeMap<String, String>) -> Self {
        for queried in &mut self.query {
            queried.default = defaults.get(&queried.parameter).cloned();
        }
        self
    }

    /// What a request binds, if it is of this form.
    pub(super) fn bind(
        &self,
        segments: &[Cow<'_, str>],
        query: &[(String, String)],
    ) -> Option<Result<BTreeMap<String, String>, Unroutable>> {
        if segments.len() != self.segments.len() {
            return None;
        }
        let mut bound = BTreeMap::new();
        let mut pairs = self.segments.iter().zip(segments);
        if !pairs.all(|(segment, value)| segment.bind(value, &mut bound)) {
            return None;
        }
        let is_excepted = |(parameter, word): &(String, String)| {
            let value = bound.get(parameter);
            value.is_some_and(|value| reads_as(value, word))
        };
        let has_verb = |value: &String| self.verbs && value.contains(':');
        if self.except.iter().any(is_excepted) || bound.values().any(has_verb) {
            return None;
        }
        Some(self.bind_query(query, bound))
    }

    fn bind_query(
        &self,
        query: &[(String, String)],
        mut bound: BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Unroutable> {
        for queried in &self.query {
            let Queried {
                parameter, name, ..
            } = queried;
            let mut values = query.iter().filter(|(key, _)| is_like(key, name));
            let (key, value) = match (values.next(), &queried.default) {
                (Some(found), _) => found,
                (None, Some(default)) => {
                    bound.insert(parameter.clone(), default.clone());
                    continue;
                }
                (None, None) => return Err(Unroutable::ParameterMissing),
            };
            // Which of two an upstream takes, or whether `Customer` and `customer[]` are `customer`
            // to it, is its own affair: only one plain spelling is safe.
            if values.next().is_some() || key != name {
                return Err(Unroutable::Ambiguous);
            }
            bound.insert(parameter.clone(), value.clone());
        }
        // A server that takes parameters from wherever they stand finds them in the query too.
        let own = |key: &str| self.query.iter().any(|it| key == it.name);
        for (key, value) in query.iter().filter(|(key, _)| !own(key)) {
            let mut alike = bound.iter().filter(|(name, _)| is_like(key, name));
            if alike.any(|(_, bound)| bound != value) {
                return Err(Unroutable::Ambiguous);
            }
        }
        if bound
            .values()
            .any(|value| value.len() > PARAMETER_BYTES_MAX)
        {
            return Err(Unroutable::ParameterTooLong);
        }
        Ok(bound)
    }
}

/// Whether some server may take a segment for a word: in other case, decoded once more, with what is invisible, or with
/// an ending that names a format.
fn reads_as(value: &str, word: &str) -> bool {
    let stem = value.split(['.', ' ']).next().unwrap_or_default();
    is_like(value, word) || is_like(stem, word)
}

impl Segment {
    /// A literal, or `{name}` with or without an ending.
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateFault> {
        let fault = || TemplateFault::Segment(text.into());
        if let Some((name, ending)) = text.strip_prefix('{').and_then(|it| it.split_once('}')) {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            let word = ending.strip_prefix(['.', ':']);
            let word = word.is_some_and(|word| !word.is_empty() && word.bytes().all(plain));
            return match ending {
                _ if name.is_empty() || !name.bytes().all(plain) => Err(fault()),
                "" => Ok(Self::Parameter(name.into())),
                _ if word => Ok(Self::Ending(name.into(), ending.into())),
                _ => Err(fault()),
            };
        }
        if text.is_empty() || text.contains(['{', '}', '?', '#', '%']) {
            return Err(fault());
        }
        Ok(Self::Literal(text.into()))
    }

    /// Whether a segment of a request is of this form; what it binds then is `bound` too.
    pub(crate) fn bind(&self, value: &str, bound: &mut BTreeMap<String, String>) -> bool {
        let (name, value) = match self {
            Self::Literal(literal) => return literal == value,
            Self::Parameter(name) => (name, value),
            Self::Ending(name, ending) => {
                let Some(value) = value.strip_suffix(ending.as_str()) else {
                    return false;
                };
                let mark = ending.chars().next();
                if value.is_empty() || mark.is_some_and(|mark| value.contains(mark)) {
                    return false;
                }
                (name, value)
            }
        };
        bound.insert(name.clone(), value.to_owned());
        true
    }

    /// Its name, if it is a parameter.
    pub(crate) fn parameter(&self) -> Option<&str> {
        match self {
            Self::Parameter(name) | Self::Ending(name, _) => Some(name),
            Self::Literal(_) => None,
        }
    }
}
