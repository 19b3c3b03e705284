//! What a server of MCP is to those who want a token for it: a protected resource of OAuth (RFC 9728, MCP
//! 2025-06-18 "Authorization").
//!
//! The gateway answers for the server: with the issuers that it believes, never with the server's own, since a
//! token of a caller ends here and the server gets a credential of the gateway's. Who asks need not be known,
//! for it asks before it can be; it learns nothing that a token would not say.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use serde_json::json;

use crate::{
    body::Inbound,
    exchange::{Peer, Worker},
    refusal::Interruption,
    route::{self, Match, Routes, Service, Speaks},
};

/// Where a resource's metadata are, before its path (RFC 9728 section 3).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// A server as a protected resource.
#[derive(Debug)]
pub struct Protected {
    /// Its own URI, which tokens for it name in `aud` (RFC 8707 section 2).
    resource: Box<str>,
    /// The path of that, without a slash at its end.
    path: Box<str>,
    /// What is told of it.
    metadata: Bytes,
    /// What a challenge says of it.
    challenge: Box<str>,
}

impl Protected {
    /// The server `name` as `resource`, for which these servers issue tokens; none if the URI has no
    /// authority, or a query.
    pub fn new(resource: &Uri, typed: &str, name: &str, servers: &[String]) -> Option<Self> {
        let (scheme, authority) = (resource.scheme_str()?, resource.authority()?);
        if resource.query().is_some() {
            return None;
        }
        let path = resource.path().trim_end_matches('/');
        let metadata = json!({
            "resource": typed,
            "resource_name": name,
            "authorization_servers": servers,
            "bearer_methods_supported": ["header"],
        });
        Some(Self {
            resource: typed.into(),
            path: path.into(),
            metadata: Bytes::from(metadata.to_string()),
            challenge: format!("resource_metadata=\"{scheme}://{authority}{WELL_KNOWN}{path}\"")
                .into(),
        })
    }

    /// Its own URI.
    pub fn resource(&self) -> &str {
        &self.resource
    }
}

impl Service {
    /// What it is to those who want a token for it.
    pub(crate) fn protected(&self) -> Option<&Protected> {
        match &self.speaks {
            Speaks::Mcp(mcp) => mcp.protected.as_ref(),
            Speaks::Paths(_) | Speaks::GraphQl(_) => None,
        }
    }
}

/// The metadata that are asked for; none if no server of MCP is reached by such a request. Where one alone is,
/// it is found without its path too, as clients try it.
fn metadata(routes: &Routes, path: &str, host: Option<&str>, led: bool) -> Option<Bytes> {
    // A slash at the end is nothing: servers mount their paths with one.
    let asked = path.strip_prefix(WELL_KNOWN)?.trim_end_matches('/');
    let by_host = led || host.is_some_and(|host| routes.has_host(host));
    let is_reached = |service: &&std::sync::Arc<Service>| match &service.matches {
        Match::Host(name) => host.is_some_and(|host| route::is_host(host, name)),
        Match::Prefix(_) => !by_host,
    };
    let reached = routes.services().iter().filter(is_reached);
    let protected: Vec<&Protected> = reached.filter_map(|service| service.protected()).collect();
    let found = match protected.as_slice() {
        [one] if asked.is_empty() => Some(*one),
        all => all.iter().copied().find(|one| *one.path == *asked),
    };
    found.map(|one| one.metadata.clone())
}

impl Worker {
    /// The answer to who asks what a server of MCP is; none if the request asks for something else.
    pub(crate) fn resource_metadata<B>(
        &self,
        peer: &Peer,
        request: &Request<B>,
    ) -> Option<Response<Inbound>> {
        if request.method() != Method::GET || !request.uri().path().starts_with(WELL_KNOWN) {
            return None;
        }
        let host = route::host(request.uri(), request.headers()).ok()?;
        let (routes, path) = (&self.gateway.routes, request.uri().path());
        let metadata = metadata(routes, path, host, peer.led)?;
        let mut response = Response::new(Inbound::full(metadata));
        let fields = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        fields.insert(header::CONTENT_TYPE, json);
        let no_store = HeaderValue::from_static("no-store");
        fields.insert(header::CACHE_CONTROL, no_store);
        Some(response)
    }
}

/// What is said to who must show another token for a server of MCP (RFC 6750 section 3, RFC 9728 section 5.1).
pub(crate) fn challenge<B>(protected: &Protected, why: &Interruption, response: &mut Response<B>) {
    let said = response.headers().get(header::WWW_AUTHENTICATE);
    let said = said.and_then(|said| said.to_str().ok());
    if response.status() != StatusCode::UNAUTHORIZED {
        return;
    }
    let error = match why.reason {
        "token_invalid" | "token_expired" | "token_audience" => ", error=\"invalid_token\"",
        _ => "",
    };
    let said = said.unwrap_or("Bearer realm=\"tidegate\"");
    let challenge = format!("{said}{error}, {}", protected.challenge);
    if let Ok(challenge) = HeaderValue::try_from(challenge) {
        let fields = response.headers_mut();
        fields.insert(header::WWW_AUTHENTICATE, challenge);
    }
}
