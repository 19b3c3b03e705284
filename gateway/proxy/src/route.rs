//! Authority, path and query → service and operation, with what the request binds.
//!
//! A path is matched in one canonical reading or refused: dot segments, empty segments, encoded
//! slashes and bad percent-encoding mean different things to different servers, and scope would be
//! checked on one reading while the upstream serves another (RFC 3986 section 6).

mod canonical;
mod facts;
mod services;
mod template;

use std::{borrow::Cow, sync::Arc};

use admission::Permit;
use classifiers::declared::{Declared, Operation as Described, Place};
use http::{HeaderMap, Method, StatusCode, Uri, header, uri::Scheme};
use identity::Caller;
use policy::{Effect, Towards};
use redaction::{Descriptors, Framing, MessageType};

pub use self::canonical::is_like;
pub use self::facts::{Facts, Groups};
pub use self::template::{Template, TemplateFault};
pub(crate) use self::{
    canonical::{folded, form_field, query_pairs, segments},
    template::Segment,
};

use crate::{
    arguments::Arguments,
    bindings::Elsewhere,
    call::Call,
    credential::Presented,
    governance::{Allowed, AnswerRules, Restoring},
    graphql::GraphQl,
    inbound::Inbound,
    limits::Timeouts,
    mcp::{
        Approach, EndpointEvent, Mcp, Sessions,
        asked::Named,
        is_session,
        pins::Pins,
        sessions::{Claim, Owner},
    },
    media::{self, Media},
    message::Asked,
    refusal::Interruption,
    upstream::{Destination, Upstreams},
    usage::Metering,
    websocket::WebSocket,
};

/// The longest parameter that a request may bind: it stands in the record and in decisions.
pub const PARAMETER_BYTES_MAX: usize = 256;

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
    /// Where requests for it can go.
    pub upstreams: Upstreams,
    /// Where tokens are turned back.
    pub restoring: Restoring,
    /// The credential that is put on requests to it, instead of any that the agent has.
    pub presented: Option<Presented>,
    /// How requests say which operation they ask for.
    pub speaks: Speaks,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// Whether its answers are encoded again where they came encoded.
    pub encodes: bool,
    /// What its owner says of the bodies.
    pub declared: Option<Arc<Declared>>,
    /// What its messages of protobuf are.
    pub descriptors: Option<Descriptors>,
    /// How it says what a model used.
    pub usage: Option<Arc<Metering>>,
    /// What else policies may ask of it.
    pub facts: Facts,
    /// Whose messages it takes, if third parties call it and nobody else does.
    pub inbound: Option<Arc<Inbound>>,
}

/// How requests say which operation they ask for.
#[derive(Debug)]
pub enum Speaks {
    /// By method and path: templates in the order they are tried.
    Paths(Vec<Template>),
    /// By a message of the Model Context Protocol.
    Mcp(Box<Mcp>),
    /// By a document of GraphQL.
    GraphQl(Box<GraphQl>),
}

/// How a request names a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// By the first segments of the path, which are taken off.
    Prefix(String),
    /// By the `Host` header or `:authority`, without port.
    Host(String),
}

/// Where a request goes once it is admitted.
#[derive(Clone, Debug)]
pub struct Way {
    /// The service.
    pub service: Arc<Service>,
    /// The upstream of it.
    pub destination: Arc<Destination>,
    /// The path template that matched, as configured.
    pub route: Arc<str>,
    /// What is declared of its arguments.
    pub arguments: Arc<Arguments>,
    /// What the answer is held to.
    pub answers: Arc<AnswerRules>,
    /// Path and query to ask the upstream for.
    pub target: String,
    /// What is declared of it, if it is a WebSocket.
    pub(crate) websocket: Option<Arc<WebSocket>>,
    /// The position of what the service's owner says of this operation.
    described: Option<usize>,
    /// Whether the answer is a stream whose first event names a path.
    names_endpoint: bool,
}

/// What a request's head says of its operation.
#[derive(Debug)]
pub(crate) enum Resolved {
    /// All.
    Whole(Box<Asked>),
    /// The operation; header fields or the body bind the rest.
    Bound(Box<Asked>, Arc<Elsewhere>),
    /// That its body says it.
    Message(Endpoint),
}

impl Resolved {
    /// The service, and the path that matched.
    pub(crate) fn service(&self) -> (&Arc<Service>, &Arc<str>) {
        match self {
            Self::Whole(asked) | Self::Bound(asked, _) => (&asked.way.service, &asked.way.route),
            Self::Message(endpoint) => (&endpoint.service, &endpoint.route),
        }
    }

    /// Whether the service's key is held here.
    pub(crate) fn holds_key(&self) -> bool {
        self.service().0.presented.is_some()
    }
}

/// Where messages of a protocol are sent to.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) service: Arc<Service>,
    pub(crate) route: Arc<str>,
    pub(crate) target: String,
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

impl Routes {
    /// Routes to `services`; longer prefixes are tried first.
    pub fn new(mut services: Vec<Arc<Service>>) -> Self {
        services.sort_by_key(|service| match &service.matches {
            Match::Host(_) => usize::MIN,
            Match::Prefix(prefix) => usize::MAX - prefix.len(),
        });
        Self { services }
    }

    /// What `method` and `uri` say of the operation, and the way there; `host` is what [`host`] tells.
    /// `led`: the request was not sent to the gateway, so its path is its own, and only its host
    /// names a service.
    pub(crate) fn resolve(
        &self,
        method: &Method,
        uri: &Uri,
        host: Option<&str>,
        led: bool,
    ) -> Result<Resolved, Unroutable> {
        let path = uri.path();
        // Servers of messages mount their paths with a slash at the end; no template has one.
        let bare = path.strip_suffix('/').filter(|bare| !bare.is_empty());
        let segments = segments(bare.unwrap_or(path))?;
        let service = self.service(&segments, host, led);
        let service = service.ok_or(Unroutable::ServiceUnknown)?;
        let taken = service.matches.segments();
        let rest = segments.get(taken..).unwrap_or_default();
        match &service.speaks {
            Speaks::Paths(_) if bare.is_some() => Err(Unroutable::Ambiguous),
            Speaks::Paths(templates) => service.by_path(templates, method, uri, rest),
            Speaks::Mcp(mcp) => service.by_message(mcp, method, uri, rest),
            Speaks::GraphQl(graphql) => {
                let path = format!("/{}", rest.join("/"));
                let route = graphql.endpoint(method, &path);
                Ok(Resolved::Message(Endpoint {
                    service: Arc::clone(service),
                    route: route.ok_or(Unroutable::OperationUnknown)?,
                    target: service.target(uri),
                }))
            }
        }
    }
}

impl Way {
    /// Which tokens are turned back in a message that goes `towards` the agent or the service, if any
    /// are.
    pub(crate) fn restores(&self, permit: &Permit, towards: Towards) -> Option<Allowed> {
        let covers = self.service.restoring.covers(towards);
        covers.then(|| Allowed::new(permit.restorations(towards)))
    }

    /// Whether what a server of MCP says of an operation is what was approved.
    pub(crate) fn pinned(&self, pins: &Pins, operation: &Arc<str>) -> Result<(), Interruption> {
        let Speaks::Mcp(mcp) = &self.service.speaks else {
            return Ok(());
        };
        let bar = pins.bar(mcp.pinning, &self.service.name, operation);
        bar.map_or(Ok(()), |bar| Err(Interruption::pinned(bar)))
    }

    /// What reads the first event of the answer, if that names where messages go.
    pub(crate) fn endpoint_event(
        &self,
        sessions: &Arc<Sessions>,
        caller: &Caller,
        named: Named,
    ) -> Option<EndpointEvent> {
        let Speaks::Mcp(mcp) = &self.service.speaks else {
            return None;
        };
        let legacy = mcp.legacy.as_ref().filter(|_| self.names_endpoint)?;
        let prefix = match &self.service.matches {
            Match::Prefix(prefix) => prefix.as_str(),
            Match::Host(_) => "",
        };
        let upstream = &self.service.upstreams.first().uri;
        let event = EndpointEvent::new(upstream, prefix, &legacy.messages);
        Some(event.claiming(Claim {
            sessions: Arc::clone(sessions),
            service: Arc::clone(&self.service.name),
            owner: Owner::of(caller),
            named,
        }))
    }

    /// Whether the query is the agent's own credential: the session that such an event named.
    pub(crate) fn is_session(&self, query: &str) -> bool {
        matches!(&self.service.speaks, Speaks::Mcp(mcp)
            if mcp.legacy.as_ref().is_some_and(|legacy| legacy.messages == self.route))
            && is_session(query)
    }

    /// Whether there is nothing to read in an answer with this status, by the protocol; what servers
    /// write there all the same has no media type (MCP 2025-03-26, "Sending Messages to the Server").
    pub(crate) fn says_nothing(&self, status: StatusCode) -> bool {
        matches!(self.service.speaks, Speaks::Mcp(_)) && status == StatusCode::ACCEPTED
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

    /// Whether the answer may come before the last message of the request.
    pub(crate) fn request_streams(&self) -> bool {
        self.method().is_some_and(|method| method.request_streams)
    }

    /// The method of gRPC at the path.
    fn method(&self) -> Option<redaction::Method> {
        let descriptors = self.service.descriptors.as_ref()?;
        let base = self.service.upstreams.base();
        descriptors.method(self.target.split('?').next()?.strip_prefix(base)?)
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
        let method = self.method()?;
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

    /// What the service's owner says of the body of a response with this status. An OpenAPI document
    /// describes one `document`; messages are described whatever carries them.
    pub(crate) fn declared_response(
        &self,
        status: StatusCode,
        document: bool,
    ) -> Option<(&Arc<Declared>, Place)> {
        if !document && matches!(self.service.speaks, Speaks::Paths(_)) {
            return None;
        }
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
            Self::Host(name) => host.is_some_and(|host| is_host(host, name)),
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
    /// The ids of all its operations.
    pub fn operations(&self) -> Vec<&Arc<str>> {
        match &self.speaks {
            Speaks::Paths(templates) => templates.iter().map(|template| &template.id).collect(),
            Speaks::Mcp(mcp) => mcp.calls().map(|call| &call.id).collect(),
            Speaks::GraphQl(graphql) => graphql.calls().map(|call| &call.id).collect(),
        }
    }

    /// The operation with this id and what it does.
    pub fn effect(&self, id: &str) -> Option<(&Arc<str>, Effect)> {
        fn named<'c>(
            mut calls: impl Iterator<Item = &'c Call>,
            id: &str,
        ) -> Option<(&'c Arc<str>, Effect)> {
            let call = calls.find(|call| *call.id == *id)?;
            Some((&call.id, call.effect))
        }
        match &self.speaks {
            Speaks::Paths(templates) => {
                let template = templates.iter().find(|template| *template.id == *id)?;
                Some((&template.id, template.effect))
            }
            Speaks::Mcp(mcp) => named(mcp.calls(), id),
            Speaks::GraphQl(graphql) => named(graphql.calls(), id),
        }
    }

    /// The operation that a method and a path name.
    fn by_path(
        self: &Arc<Self>,
        templates: &[Template],
        method: &Method,
        uri: &Uri,
        rest: &[Cow<'_, str>],
    ) -> Result<Resolved, Unroutable> {
        let query = query_pairs(uri.query().unwrap_or_default())?;
        for candidate in templates {
            if candidate.method != *method {
                continue;
            }
            if let Some(bound) = candidate.bind(rest, &query) {
                let operation = self.operation(&candidate.id, candidate.effect, bound?);
                let way = Way {
                    service: Arc::clone(self),
                    destination: Arc::clone(self.upstreams.first()),
                    route: Arc::clone(&candidate.route),
                    arguments: Arc::clone(&candidate.arguments),
                    answers: Arc::clone(&candidate.answers),
                    target: self.target(uri),
                    websocket: candidate.websocket.clone(),
                    described: self.described(method, rest),
                    names_endpoint: false,
                };
                let asked = Box::new(Asked {
                    operation,
                    way,
                    spoken: None,
                });
                return Ok(match &candidate.elsewhere {
                    None => Resolved::Whole(asked),
                    Some(elsewhere) => Resolved::Bound(asked, Arc::clone(elsewhere)),
                });
            }
        }
        Err(Unroutable::OperationUnknown)
    }

    /// Where a message of the Model Context Protocol goes.
    fn by_message(
        self: &Arc<Self>,
        mcp: &Mcp,
        method: &Method,
        uri: &Uri,
        rest: &[Cow<'_, str>],
    ) -> Result<Resolved, Unroutable> {
        let path = format!("/{}", rest.join("/"));
        let (approach, route) = mcp
            .approach(method, &path)
            .ok_or(Unroutable::OperationUnknown)?;
        let endpoint = Endpoint {
            service: Arc::clone(self),
            route,
            target: self.target(uri),
        };
        let Some(named) = mcp.without_message(approach) else {
            return Ok(Resolved::Message(endpoint));
        };
        let mut way = endpoint.way(named.call);
        way.names_endpoint = approach == Approach::LegacyStream;
        Ok(Resolved::Whole(Box::new(Asked {
            operation: self.operation(&named.call.id, named.call.effect, named.bound),
            way,
            spoken: named.spoken,
        })))
    }

    /// Which of the declared operations this is; the segments are those behind the prefix.
    fn described(&self, method: &Method, segments: &[Cow<'_, str>]) -> Option<usize> {
        let declared = self.declared.as_ref()?;
        declared.position(method.as_str(), &segments.join("/"))
    }

    /// The upstream's path and query: its base path, then the request's own bytes after the prefix.
    fn target(&self, uri: &Uri) -> String {
        let taken = self.matches.segments();
        let base = self.upstreams.base();
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

impl Endpoint {
    /// The way of a call.
    pub(crate) fn way(&self, call: &Call) -> Way {
        Way {
            service: Arc::clone(&self.service),
            destination: Arc::clone(self.service.upstreams.first()),
            route: Arc::clone(&self.route),
            arguments: Arc::clone(&call.arguments),
            answers: Arc::clone(&call.answers),
            target: self.target.clone(),
            websocket: None,
            described: call.described,
            names_endpoint: false,
        }
    }
}

/// The host that a request names, without port. What names two has two readings (RFC 9112 section 3.2), and so
/// has a target of another scheme, which this host does not serve.
pub(crate) fn host<'a>(uri: &'a Uri, fields: &'a HeaderMap) -> Result<Option<&'a str>, Unroutable> {
    let mut hosts = fields.get_all(header::HOST).iter();
    let (field, second) = (hosts.next(), hosts.next());
    let field = field.map(|field| field.to_str().map_err(|_| Unroutable::Ambiguous));
    let field = field.transpose()?.map(without_port);
    let target = uri.authority();
    let is_bare = target.is_none_or(|target| !target.as_str().contains('@'));
    let target = target.map(http::uri::Authority::host);
    let agree = match (target, field) {
        (Some(target), Some(field)) => target.eq_ignore_ascii_case(field),
        _ => true,
    };
    let schemes = [Scheme::HTTP, Scheme::HTTPS];
    let is_served = uri.scheme().is_none_or(|scheme| schemes.contains(scheme));
    if second.is_some() || !agree || !is_bare || !is_served {
        return Err(Unroutable::Ambiguous);
    }
    Ok(target.or(field))
}

/// Whether two texts name one host.
pub(crate) fn is_host(one: &str, other: &str) -> bool {
    bare(one).eq_ignore_ascii_case(bare(other))
}

/// An IPv6 address without its brackets, any other host as it is.
fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests;
