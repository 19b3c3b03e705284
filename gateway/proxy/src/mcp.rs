//! MCP over HTTP, from 2024-11-05 to 2026-07-28: which operation a message of a client is.
//!
//! What is configured has a name: tools, prompts and resources. The protocol's own housekeeping needs
//! none. Everything else is unknown, and refused. The method with the name of what it is about is the
//! operation that policies decide on: `tools/call/customer_read`.

pub(crate) mod asked;
pub(crate) mod authorization;
mod endpoint;
pub(crate) mod listing;
pub(crate) mod mirror;
pub mod pins;
mod resource;
pub(crate) mod sessions;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use http::{HeaderMap, Method};
use policy::Effect;
use serde_json::{Map, Value};

pub use authorization::Protected;
pub(crate) use endpoint::{EndpointEvent, is_session};
use pins::{Digest, Pinning};
pub use resource::Resource;
pub use sessions::Sessions;

use crate::{
    call::{self, Call},
    governance::AnswerRules,
    jsonrpc::{self, Kind, Message},
    message::{self, Named, Refused, Spoken, Unclear},
    strict::member,
};

/// What the protocol itself asks for, none of which reaches what a rule protects: it reads no
/// resource, calls no tool and changes only the caller's own session with the server. Lists are
/// governed as answers are.
const HOUSEKEEPING: [&str; 14] = [
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "logging/setLevel",
    "subscriptions/listen",
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
    STREAM,
];

/// The stream of what the server sends unasked (GET).
const STREAM: &str = "stream";
/// The end of a session with the server (DELETE).
const SESSION_END: &str = "session/end";
/// An answer to a request of the server: what the agent samples or its user enters. It may make the
/// server do anything, so it counts as a write.
const ANSWER: &str = "answer";

/// What an MCP server offers.
#[derive(Debug)]
pub struct Mcp {
    /// Paths of the endpoints of streamable HTTP: `/mcp`.
    pub endpoints: Vec<Arc<str>>,
    /// The two paths of HTTP+SSE (2024-11-05), where that is spoken.
    pub legacy: Option<Legacy>,
    /// Whether what it lists is held to what was approved.
    pub pinning: Pinning,
    /// What it is to those who want a token for it, if that is told.
    pub protected: Option<Protected>,
    /// What the configuration approves, by the ids of operations.
    pub digests: Vec<(Arc<str>, Digest)>,
    tools: HashMap<String, Call>,
    prompts: HashMap<String, Call>,
    resources: Vec<Resource>,
    methods: HashMap<String, Call>,
}

/// The paths of HTTP+SSE.
#[derive(Debug, Clone)]
pub struct Legacy {
    /// Where the stream is asked for: `/sse`.
    pub stream: Arc<str>,
    /// Where messages are posted: `/messages`.
    pub messages: Arc<str>,
}

/// What a request to one of the paths is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Approach {
    /// It has a message.
    Message,
    /// It asks for the stream of what the server sends.
    Stream,
    /// The same, of HTTP+SSE: its first event names the path for messages.
    LegacyStream,
    /// It ends a session.
    End,
}

impl Mcp {
    /// A server of which only the protocol's own housekeeping is known.
    pub fn new(endpoints: Vec<Arc<str>>, legacy: Option<Legacy>) -> Self {
        let read = |name: &&str| ((*name).to_owned(), Call::new(name, Effect::Read));
        let mut methods: HashMap<String, Call> = HOUSEKEEPING.iter().map(read).collect();
        methods.insert(SESSION_END.into(), Call::new(SESSION_END, Effect::Read));
        methods.insert(ANSWER.into(), Call::new(ANSWER, Effect::Write));
        Self {
            endpoints,
            legacy,
            pinning: Pinning::default(),
            protected: None,
            digests: Vec::new(),
            tools: HashMap::new(),
            prompts: HashMap::new(),
            resources: Vec::new(),
            methods,
        }
    }

    /// With a tool; its call's id is `tools/call/` and its name.
    pub fn tool(&mut self, name: &str, call: Call) {
        self.tools.insert(name.to_owned(), call);
    }

    /// With a prompt; its call's id is `prompts/get/` and its name.
    pub fn prompt(&mut self, name: &str, call: Call) {
        self.prompts.insert(name.to_owned(), call);
    }

    /// With a resource.
    pub fn resource(&mut self, resource: Resource) {
        self.resources.push(resource);
    }

    /// With a method beyond those of the protocol's housekeeping, or one of these with another effect.
    pub fn method(&mut self, name: &str, call: Call) {
        self.methods.insert(name.to_owned(), call);
    }

    /// Holds to `rules` what answers calls of any tool elsewhere than in the answer to the call: the
    /// stream of HTTP+SSE, and what a server tells again there (`Last-Event-ID`).
    pub fn answers_elsewhere(&mut self, rules: &Arc<AnswerRules>) {
        if let Some(stream) = self.methods.get_mut(STREAM) {
            stream.answers = Arc::clone(rules);
        }
    }

    /// Whether operations of this method are known by what they name, so that it is none by itself.
    pub fn decides_itself(&self, method: &str) -> bool {
        let named = ["tools/call", "prompts/get", "completion/complete"];
        named.contains(&method)
            || resource::METHODS.contains(&method)
            || [STREAM, SESSION_END].contains(&method)
    }

    /// Every operation that is known.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        let resources = self.resources.iter().flat_map(Resource::calls);
        let named = self.tools.values().chain(self.prompts.values());
        named.chain(self.methods.values()).chain(resources)
    }

    /// The operations that lists show, and that are held to what was approved of them.
    pub fn listed(&self) -> impl Iterator<Item = &Arc<str>> {
        let named = self.tools.values().chain(self.prompts.values());
        let resources = self.resources.iter();
        let templates = resources.filter(|resource| resource.parameters().next().is_some());
        let read = templates.filter_map(|resource| Some(resource.call("resources/read")?.1));
        named.chain(read).map(|call| &call.id)
    }

    /// What a request to this path behind the service's prefix is, with that path.
    pub(crate) fn approach(&self, method: &Method, path: &str) -> Option<(Approach, Arc<str>)> {
        if let Some(endpoint) = self.endpoints.iter().find(|known| is_path(known, path)) {
            let approach = match *method {
                Method::POST => Approach::Message,
                Method::GET => Approach::Stream,
                Method::DELETE => Approach::End,
                _ => return None,
            };
            return Some((approach, Arc::clone(endpoint)));
        }
        let legacy = self.legacy.as_ref()?;
        match *method {
            Method::GET if is_path(&legacy.stream, path) => {
                Some((Approach::LegacyStream, Arc::clone(&legacy.stream)))
            }
            Method::POST if is_path(&legacy.messages, path) => {
                Some((Approach::Message, Arc::clone(&legacy.messages)))
            }
            _ => None,
        }
    }

    /// The operation of a request that has no message.
    pub(crate) fn without_message(&self, approach: Approach) -> Option<Named<'_>> {
        let name = match approach {
            Approach::Message => return None,
            Approach::Stream | Approach::LegacyStream => STREAM,
            Approach::End => SESSION_END,
        };
        let call = self.methods.get(name)?;
        Some(named(call, name, BTreeMap::new()))
    }

    /// The operation that `message` names, if its header fields say the same.
    pub(crate) fn understand(
        &self,
        headers: &HeaderMap,
        message: &Message<'_>,
    ) -> Result<Named<'_>, Refused> {
        let Kind::Call { method, params } = message.kind else {
            mirror::check(headers, None, None)?;
            let call = self.methods.get(ANSWER).ok_or(Unclear::OperationUnknown)?;
            return Ok(named(call, ANSWER, BTreeMap::new()));
        };
        mirror::check(headers, Some(method), params)?;
        match method {
            "tools/call" => by_name("tools/call", &self.tools, params),
            "prompts/get" => by_name("prompts/get", &self.prompts, params),
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
                self.by_uri(method, params)
            }
            "completion/complete" => self.completion(params),
            "subscriptions/listen" if subscribes(params)? => Err(Unclear::OperationUnknown.into()),
            method => {
                let (name, call) = self.methods.get_key_value(method).ok_or_else(|| {
                    let bound = BTreeMap::from([("method".to_owned(), method.to_owned())]);
                    Refused {
                        why: Unclear::OperationUnknown,
                        operation: message::UNKNOWN,
                        bound,
                    }
                })?;
                // What stands for requests without a message is no method.
                if [STREAM, SESSION_END, ANSWER].contains(&method) {
                    return Err(Unclear::OperationUnknown.into());
                }
                Ok(named(call, name, call.bind(params)?))
            }
        }
    }

    fn by_uri(
        &self,
        method: &str,
        params: Option<&Map<String, Value>>,
    ) -> Result<Named<'_>, Refused> {
        let uri = required(params, "uri")?;
        for resource in &self.resources {
            if let Some(mut bound) = resource.bind(uri)? {
                let (method, call) = resource.call(method).ok_or(Unclear::OperationUnknown)?;
                bound.insert("uri".to_owned(), uri.to_owned());
                return Ok(named(call, method, bound));
            }
        }
        Err(Refused {
            why: Unclear::OperationUnknown,
            operation: "resources/read",
            bound: BTreeMap::from([("uri".to_owned(), uri.to_owned())]),
        })
    }

    /// Completion tells which values there are. It is decided as what it completes, and the values
    /// that it is given bind as they do there: who may read one customer may not ask for others.
    fn completion(&self, params: Option<&Map<String, Value>>) -> Result<Named<'_>, Refused> {
        let params = params.ok_or(Unclear::ParameterMissing)?;
        let asked = object(params, "ref")?.ok_or(Unclear::ParameterMissing)?;
        let given = given(params)?;
        let bind = |parameter: &str, argument: &str| {
            let value = given.get(argument)?;
            Some((parameter.to_owned(), value.clone()))
        };
        let (call, bound) = match required(Some(asked), "type")? {
            "ref/prompt" => {
                let name = required(Some(asked), "name")?;
                let call = self.prompts.get(name).ok_or(Unclear::OperationUnknown)?;
                let bindings = call.bindings.iter();
                let bound =
                    bindings.filter_map(|binding| bind(&binding.parameter, binding.path.last()?));
                (call, bound.collect())
            }
            "ref/resource" => {
                let uri = required(Some(asked), "uri")?;
                let known = self.resources.iter().find(|known| known.uri() == uri);
                let known = known.ok_or(Unclear::OperationUnknown)?;
                let (_, call) = known
                    .call("resources/read")
                    .ok_or(Unclear::OperationUnknown)?;
                (
                    call,
                    known
                        .parameters()
                        .filter_map(|name| bind(name, name))
                        .collect(),
                )
            }
            _ => return Err(Unclear::OperationUnknown.into()),
        };
        Ok(named(call, "completion/complete", bound))
    }
}

/// The operation that `params` name among `known`.
fn by_name<'c>(
    method: &'static str,
    known: &'c HashMap<String, Call>,
    params: Option<&Map<String, Value>>,
) -> Result<Named<'c>, Refused> {
    let name = required(params, "name")?;
    let refused = |why| Refused {
        why,
        operation: method,
        bound: BTreeMap::from([("name".to_owned(), name.to_owned())]),
    };
    let (name, call) = known
        .get_key_value(name)
        .ok_or_else(|| refused(Unclear::OperationUnknown))?;
    let bound = call.bind(params).map_err(refused)?;
    let mut named = named(call, method, bound);
    if let (Some(spoken), "tools/call") = (&mut named.spoken, method) {
        spoken.tool = Some(name.as_str().into());
    }
    Ok(named)
}

/// The values that a completion is given: of the argument it completes, and of those before it.
fn given(params: &Map<String, Value>) -> Result<BTreeMap<String, String>, Unclear> {
    let argument = object(params, "argument")?.ok_or(Unclear::ParameterMissing)?;
    let context = object(params, "context")?;
    let before = context
        .map(|context| object(context, "arguments"))
        .transpose()?;
    let before = before.flatten().into_iter().flatten();
    let before = before.map(|(name, value)| Ok((name.clone(), call::text(value)?)));
    let mut given = before.collect::<Result<BTreeMap<_, _>, Unclear>>()?;
    let value = member(argument, "value")?.ok_or(Unclear::ParameterMissing)?;
    let name = required(Some(argument), "name")?.to_owned();
    if given.insert(name, call::text(value)?).is_some() {
        return Err(Unclear::Ambiguous);
    }
    Ok(given)
}

/// The object under `name`, if there is one.
fn object<'v>(
    within: &'v Map<String, Value>,
    name: &str,
) -> Result<Option<&'v Map<String, Value>>, Unclear> {
    let found = member(within, name)?;
    found
        .map(|value| value.as_object().ok_or(Unclear::Ambiguous))
        .transpose()
}

fn named<'c>(call: &'c Call, method: &str, bound: BTreeMap<String, String>) -> Named<'c> {
    Named {
        call,
        bound,
        spoken: Some(Spoken {
            method: method.into(),
            tool: None,
        }),
    }
}

/// The text under `name`, which must be there.
fn required<'v>(params: Option<&'v Map<String, Value>>, name: &str) -> Result<&'v str, Unclear> {
    let params = params.ok_or(Unclear::ParameterMissing)?;
    match member(params, name)? {
        Some(Value::String(text)) => jsonrpc::named(text),
        Some(_) => Err(Unclear::Ambiguous),
        None => Err(Unclear::ParameterMissing),
    }
}

/// Whether a filter of subscriptions names resources, whose changes would tell of them.
fn subscribes(params: Option<&Map<String, Value>>) -> Result<bool, Unclear> {
    let Some(params) = params else {
        return Ok(false);
    };
    let Some(filter) = object(params, "notifications")? else {
        return Ok(false);
    };
    let resources = member(filter, "resourceSubscriptions")?;
    Ok(!resources.is_none_or(|named| named.as_array().is_some_and(Vec::is_empty)))
}

/// Servers take a path with and without a slash at its end for one.
fn is_path(known: &str, path: &str) -> bool {
    known.trim_end_matches('/') == path.trim_end_matches('/')
}

#[cfg(test)]
mod tests;
