//! Authority, path and query → service and operation, with what the request binds.
//!
//! A path is matched in one canonical reading or refused: dot segments, empty segments, encoded
//! slashes and bad percent-encoding mean different things to different servers, and scope would be
//! checked on one reading while the upstream serves another (RFC 3986 section 6).

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use admission::Permit;
use classifiers::declared::{Declared, Operation as Described, Place};
use http::{HeaderMap, Method, StatusCode, Uri};
use policy::{Country, Effect, Operation, Towards};
use redaction::{Descriptors, Framing, MessageType, Pseudonyms};

use crate::governance::{AnswerRules, Restoration, Restoring};
use crate::media::{self, Media};

/// The longest parameter that a request may bind: it stands in the record and in decisions.
pub const PARAMETER_BYTES_MAX: usize = 256;

/// The most segments a path may have.
const SEGMENTS_MAX: usize = 64;

/// Where requests may go.
#[derive(Debug, Default)]
pub struct Routes {
    services: Vec<Arc<Service>>,
}

/// One upstream API.
#[derive(Debug)]
pub struct Service {
    /// Its name in the configuration, in policies and records.
    pub name: Arc<str>,
    /// How requests for it are told from others.
    pub matches: Match,
    /// Scheme, authority and base path of the upstream.
    pub upstream: Uri,
    /// Where it keeps its data.
    pub country: Country,
    /// Where tokens are turned back.
    pub restoring: Restoring,
    /// Its operations, in the order they are tried.
    pub operations: Vec<Template>,
    /// What its owner says of the bodies.
    pub declared: Option<Arc<Declared>>,
    /// What its messages of protobuf are.
    pub descriptors: Option<Descriptors>,
}

/// How a request names a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// By the first segments of the path, which are taken off.
    Prefix(String),
    /// By the `Host` header or `:authority`, without port.
    Host(String),
}

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
    segments: Vec<Segment>,
    query: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter(String),
}

/// Where a request goes once it is admitted.
#[derive(Debug)]
pub struct Way {
    /// The service.
    pub service: Arc<Service>,
    /// The position of the template in the service.
    template: usize,
    /// Path and query to ask the upstream for.
    pub target: String,
    /// The position of what the service's owner says of this operation.
    described: Option<usize>,
}

/// Why a request has no route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unroutable {
    /// No service has this prefix or host.
    #[error("no service has this path or host")]
    ServiceUnknown,
    /// The service has no operation with this method and path.
    #[error("the service has no operation with this method and path")]
    OperationUnknown,
    /// The path or query can be read in more than one way.
    #[error("the path, the query or the host can be read in more than one way")]
    Ambiguous,
    /// A query parameter that binds the call to a resource is not there.
    #[error("a query parameter that the operation is bound by is missing")]
    ParameterMissing,
    /// A parameter is longer than [`PARAMETER_BYTES_MAX`].
    #[error("a parameter of the path or query is too long")]
    ParameterTooLong,
}

/// Why a path template is refused at load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    /// It must begin with a slash.
    #[error("a path begins with `/`, `{0}` does not")]
    Relative(String),
    /// A segment is neither a literal nor `{name}`.
    #[error("segment `{0}` is neither a literal nor `{{name}}`")]
    Segment(String),
    /// A parameter is named twice.
    #[error("parameter `{0}` is bound twice")]
    Twice(String),
}

impl Template {
    /// Whether each segment is a parameter: templates are tried in the order of this, so that
    /// `/customers/export` is found before `/customers/{customer}`.
    pub fn generality(&self) -> Vec<bool> {
        self.segments
            .iter()
            .map(|segment| segment.parameter().is_some())
            .collect()
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
        let query: Vec<_> = query.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        let mut names: Vec<&str> = query.iter().map(|(name, _)| name.as_str()).collect();
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
            segments,
            query,
        })
    }

    fn bind(
        &self,
        segments: &[Cow<'_, str>],
        query: &[(String, String)],
    ) -> Option<Result<BTreeMap<String, String>, Unroutable>> {
        if segments.len() != self.segments.len() {
            return None;
        }
        let mut bound = BTreeMap::new();
        for (segment, value) in self.segments.iter().zip(segments) {
            match segment {
                Segment::Literal(literal) if literal == value => {}
                Segment::Literal(_) => return None,
                Segment::Parameter(name) => {
                    bound.insert(name.clone(), value.clone().into_owned());
                }
            }
        }
        Some(self.bind_query(query, bound))
    }

    fn bind_query(
        &self,
        query: &[(String, String)],
        mut bound: BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Unroutable> {
        for (parameter, name) in &self.query {
            let mut values = query.iter().filter(|(key, _)| is_like(key, name));
            let (key, value) = values.next().ok_or(Unroutable::ParameterMissing)?;
            // Which of two an upstream takes, or whether `Customer` and `customer[]` are `customer`
            // to it, is its own affair: only one plain spelling is safe.
            if values.next().is_some() || key != name {
                return Err(Unroutable::Ambiguous);
            }
            bound.insert(parameter.clone(), value.clone());
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

impl Segment {
    fn parse(text: &str) -> Result<Self, TemplateFault> {
        let fault = || TemplateFault::Segment(text.into());
        if let Some(name) = text
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        {
            let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            return if plain && !name.is_empty() {
                Ok(Self::Parameter(name.into()))
            } else {
                Err(fault())
            };
        }
        if text.is_empty() || text.contains(['{', '}', '?', '#', '%']) {
            return Err(fault());
        }
        Ok(Self::Literal(text.into()))
    }

    fn parameter(&self) -> Option<&str> {
        match self {
            Self::Parameter(name) => Some(name),
            Self::Literal(_) => None,
        }
    }
}

impl Routes {
    /// Routes to `services`; longer prefixes are tried first.
    pub fn new(mut services: Vec<Arc<Service>>) -> Self {
        services.sort_by_key(|service| match &service.matches {
            Match::Host(_) => usize::MIN,
            Match::Prefix(prefix) => usize::MAX - prefix.len(),
        });
        Self { services }
    }

    /// The operation that `method` and `uri` name, and the way there; `host` is the `Host` header of HTTP/1.
    /// `led`: the request was not sent to the gateway, so its path is its own, and only its host
    /// names a service.
    pub fn resolve(
        &self,
        method: &Method,
        uri: &Uri,
        host: Option<&str>,
        led: bool,
    ) -> Result<(Operation, Way), Unroutable> {
        let segments = segments(uri.path())?;
        let host = uri
            .authority()
            .map(http::uri::Authority::host)
            .or_else(|| host.map(without_port));
        let service = self
            .services
            .iter()
            .filter(|service| !led || matches!(service.matches, Match::Host(_)))
            .find(|service| service.matches.holds(&segments, host));
        let service = service.ok_or(Unroutable::ServiceUnknown)?;
        let taken = service.matches.segments();
        let query = query_pairs(uri.query().unwrap_or_default())?;
        let rest = segments.get(taken..).unwrap_or_default();
        for (template, candidate) in service.operations.iter().enumerate() {
            if candidate.method != *method {
                continue;
            }
            if let Some(bound) = candidate.bind(rest, &query) {
                let operation = Operation {
                    service: Arc::clone(&service.name),
                    id: Arc::clone(&candidate.id),
                    effect: candidate.effect,
                    bound: Arc::new(bound?),
                    country: service.country,
                };
                let target = service.target(uri, taken);
                let described = service.described(method, rest);
                return Ok((
                    operation,
                    Way {
                        service: Arc::clone(service),
                        template,
                        target,
                        described,
                    },
                ));
            }
        }
        Err(Unroutable::OperationUnknown)
    }
}

impl Routes {
    /// Whether a service is reached by this host.
    pub(crate) fn has_host(&self, host: &str) -> bool {
        let named = |service: &Arc<Service>| matches!(service.matches, Match::Host(_));
        let mut named = self.services.iter().filter(|service| named(service));
        named.any(|service| service.matches.holds(&[], Some(host)))
    }
}

impl Way {
    /// What the answer is held to.
    pub fn answers(&self) -> Arc<AnswerRules> {
        let template = self.service.operations.get(self.template);
        template.map_or_else(Arc::default, |template| Arc::clone(&template.answers))
    }

    /// What turns tokens back in a message that goes `towards` the agent or the service, if anything
    /// does.
    pub(crate) fn restoration(
        &self,
        permit: &Permit,
        towards: Towards,
        keys: &Arc<dyn Pseudonyms>,
    ) -> Option<Restoration> {
        let covers = self.service.restoring.covers(towards);
        covers.then(|| Restoration::new(permit.restorations(towards), keys))
    }

    /// The path template that matched.
    pub fn route(&self) -> Arc<str> {
        self.service
            .operations
            .get(self.template)
            .map_or_else(|| Arc::from(""), |t| Arc::clone(&t.route))
    }

    /// What a body is once the service's descriptors were asked, and of which type its messages are.
    pub(crate) fn messages(
        &self,
        media: Media,
        headers: &HeaderMap,
        towards: Towards,
    ) -> (Media, Option<MessageType>) {
        let Media::Protobuf(framing, _) = media else {
            return (media, None);
        };
        match self.message(framing, headers, towards) {
            None => (Media::Opaque("message_unknown"), None),
            message => (media, message),
        }
    }

    /// The type that the method at the path takes or gives, or that the type of the body names.
    fn message(
        &self,
        framing: Framing,
        headers: &HeaderMap,
        towards: Towards,
    ) -> Option<MessageType> {
        let descriptors = self.service.descriptors.as_ref()?;
        let named = media::message_type(headers).filter(|_| framing == Framing::Whole);
        if let Some(name) = named {
            return descriptors.message(name);
        }
        let base = self.service.upstream.path().trim_end_matches('/');
        let path = self.target.split('?').next()?.strip_prefix(base)?;
        let method = descriptors.method(path)?;
        Some(match towards {
            Towards::Service => method.request,
            Towards::Agent => method.response,
        })
    }

    /// What the service's owner says of the request's body.
    pub(crate) fn declared_request(&self) -> Option<(&Arc<Declared>, Place)> {
        let (declared, operation) = self.described()?;
        Some((declared, operation.request?))
    }

    /// What the service's owner says of the body of a response with this status.
    pub(crate) fn declared_response(&self, status: StatusCode) -> Option<(&Arc<Declared>, Place)> {
        let (declared, operation) = self.described()?;
        Some((declared, operation.response(status.as_u16())?))
    }

    fn described(&self) -> Option<(&Arc<Declared>, &Described)> {
        let declared = self.service.declared.as_ref()?;
        Some((declared, declared.operations().get(self.described?)?))
    }
}

impl Match {
    fn holds(&self, path: &[Cow<'_, str>], host: Option<&str>) -> bool {
        match self {
            Self::Host(name) => {
                host.is_some_and(|host| bare(host).eq_ignore_ascii_case(bare(name)))
            }
            Self::Prefix(prefix) => {
                let mut path = path.iter();
                prefix
                    .split('/')
                    .filter(|s| !s.is_empty())
                    .all(|part| path.next().is_some_and(|s| s == part))
            }
        }
    }

    fn segments(&self) -> usize {
        match self {
            Self::Host(_) => 0,
            Self::Prefix(prefix) => prefix.split('/').filter(|s| !s.is_empty()).count(),
        }
    }
}

impl Service {
    /// Which of the declared operations this is; the segments are those behind the prefix.
    fn described(&self, method: &Method, segments: &[Cow<'_, str>]) -> Option<usize> {
        let declared = self.declared.as_ref()?;
        declared.position(method.as_str(), &segments.join("/"))
    }

    /// The upstream's path and query: its base path, then the request's own bytes after the prefix.
    fn target(&self, uri: &Uri, taken: usize) -> String {
        let base = self.upstream.path().trim_end_matches('/');
        let rest = uri
            .path()
            .splitn(taken + 2, '/')
            .nth(taken + 1)
            .unwrap_or_default();
        let mut target = String::with_capacity(base.len() + uri.path().len() + 1);
        target.push_str(base);
        target.push('/');
        target.push_str(rest);
        if let Some(query) = uri.query() {
            target.push('?');
            target.push_str(query);
        }
        target
    }
}

/// An IPv6 address without its brackets, any other host as it is.
fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host)
}

/// Whether some server may take `key` for `name`: `Customer`, `customer[]`, `customer.id`.
fn is_like(key: &str, name: &str) -> bool {
    let stem = key.split(['[', '.']).next().unwrap_or_default().trim();
    stem.eq_ignore_ascii_case(name) || key.eq_ignore_ascii_case(name)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn segments(path: &str) -> Result<Vec<Cow<'_, str>>, Unroutable> {
    let rest = path.strip_prefix('/').ok_or(Unroutable::Ambiguous)?;
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let mut segments = Vec::with_capacity(8);
    for raw in rest.split('/') {
        let segment = decode(raw, false)?;
        let odd = segment.is_empty()
            || segment == "."
            || segment == ".."
            || segment.contains(['/', '\\', ';']);
        if odd || segments.len() == SEGMENTS_MAX {
            return Err(Unroutable::Ambiguous);
        }
        segments.push(segment);
    }
    Ok(segments)
}

fn query_pairs(query: &str) -> Result<Vec<(String, String)>, Unroutable> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            // Old servers part pairs by semicolons too, and so would read another query.
            if pair.contains(';') {
                return Err(Unroutable::Ambiguous);
            }
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((
                decode(key, true)?.into_owned(),
                decode(value, true)?.into_owned(),
            ))
        })
        .collect()
}

/// Percent-decodes; control characters and bad encodings are refused.
fn decode(text: &str, form: bool) -> Result<Cow<'_, str>, Unroutable> {
    if !text
        .bytes()
        .any(|b| b == b'%' || b < 0x20 || b == 0x7f || (form && b == b'+'))
    {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => hex_pair(bytes.next(), bytes.next()).ok_or(Unroutable::Ambiguous)?,
            b'+' if form => b' ',
            plain => plain,
        };
        if byte < 0x20 || byte == 0x7f {
            return Err(Unroutable::Ambiguous);
        }
        decoded.push(byte);
    }
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| Unroutable::Ambiguous)
}

fn hex_pair(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16));
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests;
