//! The one table from what went wrong to HTTP: problem documents (RFC 9457).
//!
//! What an agent reads says which rule refused and what to do; it never repeats anything of the
//! request or of the upstream's answer, so that an error cannot carry data out.

mod budgets;
mod credentials;
mod inbound;
mod mediated;
mod models;
mod pinned;
mod websocket;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use policy::Category;
use serde::Serialize;

use crate::websocket::handshake::VERSION;

/// Says to the libraries of OpenAI and Anthropic, and of Stripe, that asking again leads nowhere: they
/// ask three times after a status that begins with 5, and each of them would be a call on record.
const NO_RETRY: [HeaderName; 2] = [
    HeaderName::from_static("x-should-retry"),
    HeaderName::from_static("stripe-should-retry"),
];

/// The reason of who must show a fresh token.
const STEP_UP: &str = "step_up_required";

/// Why an exchange was refused or broken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interruption {
    /// The status that goes to the agent.
    pub status: StatusCode,
    /// The stable code, for programs, records and metrics.
    pub reason: &'static str,
    /// A sentence for people.
    pub detail: String,
    /// The deciding rule, where there is one.
    pub rule: Option<String>,
    /// The law or contract behind the rule.
    pub basis: Option<String>,
    /// Whether it is a security finding.
    pub finding: bool,
    /// Whether the same request may fare better a moment later.
    pub passing: bool,
    /// Seconds after which trying again may help.
    pub retry_after: Option<u32>,
}

/// What is said of the exchange beside the refusal itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    /// The index of the record that holds it.
    pub record: Option<u64>,
    /// The trace id.
    pub trace: &'a str,
}

impl Interruption {
    const fn new(status: StatusCode, reason: &'static str) -> Self {
        Self {
            status,
            reason,
            detail: String::new(),
            rule: None,
            basis: None,
            finding: false,
            passing: false,
            retry_after: None,
        }
    }

    fn says(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    fn passes(mut self) -> Self {
        self.passing = true;
        self
    }

    /// The caller's identity is not proven.
    pub fn unproven(unproven: &identity::Unproven) -> Self {
        let status = StatusCode::from_u16(unproven.status()).unwrap_or(StatusCode::FORBIDDEN);
        // Who the candidates are is nothing for somebody who is neither of them for sure.
        let detail = match &unproven.cause {
            identity::Cause::AgentAmbiguous(..) => {
                "the process fits more than one agent".to_owned()
            }
            cause => cause.to_string(),
        };
        let mut refusal = Self::new(status, unproven.reason()).says(detail);
        refusal.finding = unproven.is_finding();
        refusal
    }

    /// No route.
    pub fn unroutable(unroutable: crate::route::Unroutable) -> Self {
        use crate::route::Unroutable;
        let (status, reason) = match unroutable {
            Unroutable::ServiceUnknown => (StatusCode::NOT_FOUND, "service_unknown"),
            Unroutable::OperationUnknown => (StatusCode::FORBIDDEN, "operation_unknown"),
            Unroutable::Ambiguous => (StatusCode::BAD_REQUEST, "path_ambiguous"),
            Unroutable::ParameterMissing => (StatusCode::BAD_REQUEST, "parameter_missing"),
            Unroutable::ParameterTooLong => (StatusCode::URI_TOO_LONG, "parameter_too_long"),
        };
        Self::new(status, reason).says(unroutable.to_string())
    }

    /// An argument is not of the type that rules compare it as.
    pub fn ill_typed(ill: &crate::arguments::IllTyped) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "argument_ill_typed").says(ill.to_string())
    }

    /// The token is good for other operations.
    pub fn beyond_token() -> Self {
        Self::new(StatusCode::FORBIDDEN, "token_scope")
            .says("the token that was shown is not good for this operation")
            .found()
    }

    /// A static key for the gateway stands where the service would get it.
    pub fn key_misplaced() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "key_misplaced")
            .says(
                "a key for the gateway stands in a field that goes on to the service: show it as \
                 `Authorization: Bearer` or in `tidegate-token`, and nowhere else",
            )
            .found()
    }

    /// Whoever asks on behalf of others is not the one that may.
    pub fn asker_unknown() -> Self {
        Self::new(StatusCode::FORBIDDEN, "asker_unknown")
            .says("the process that asks is not the proxy that may ask here")
            .found()
    }

    /// A proxy asks about a service whose requests it does not serve.
    pub fn not_served_there() -> Self {
        Self::new(StatusCode::FORBIDDEN, "service_not_asked")
            .says("the proxy that asks may not serve requests for this service")
    }

    /// A rule wants something done to a message that whoever serves it cannot do.
    pub fn unmet(what: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "obligation_unmet").says(format!(
            "{what}, which only the gateway does: send the request through it"
        ))
    }

    /// A body is coded for its transfer in another way than by chunks, once (RFC 9112 section 6.1).
    pub fn transfer_coding_refused() -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "transfer_coding_refused")
            .says("`transfer-encoding` must be `chunked`, once, and nothing else")
    }

    /// What a pass is asked for cannot be given.
    pub fn pass_refused(why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "pass_refused").says(why)
    }

    /// The connection was opened for one host, and the request names another (RFC 9110 section 15.5.20).
    pub fn misdirected() -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, "host_mismatch")
            .says("the request names another host than its connection was opened for")
            .found()
    }

    /// The target of a tunnel cannot be read, or its request can be read in more than one way.
    pub fn target_ambiguous() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "target_ambiguous")
            .says("a tunnel is asked for as `CONNECT host:port`, with the same `Host` and no body")
    }

    /// There is no such service, and tunnels to others are refused.
    pub fn host_unlisted() -> Self {
        Self::new(StatusCode::FORBIDDEN, "host_unlisted")
            .says("no service has this host, and tunnels to others are refused here")
    }

    /// Tunnels lead to few ports.
    pub fn port_refused() -> Self {
        Self::new(StatusCode::FORBIDDEN, "port_refused").says("tunnels do not lead to this port")
    }

    /// A tunnel would lead to where only this host may go.
    pub fn address_refused() -> Self {
        Self::new(StatusCode::FORBIDDEN, "address_refused")
            .says("the host is at an address that is not public, and not listed")
            .found()
    }

    /// Within a tunnel there is something else than was asked for.
    pub fn greeting_refused() -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, "sni_mismatch")
            .says("what goes through a tunnel must be TLS for the host that was asked for")
            .found()
    }

    /// There are too many tunnels.
    pub fn tunnels_full() -> Self {
        let mut refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "tunnels_full")
            .says("too many tunnels are open")
            .passes();
        refusal.retry_after = Some(1);
        refusal
    }

    /// A tunnel was quiet for too long, or is as old as it may become.
    pub fn tunnel_timeout() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "tunnel_timeout")
            .says("the tunnel was quiet for too long, or open for too long")
    }

    /// The gateway stops.
    pub fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping")
            .says("the gateway stops")
            .passes()
    }

    /// As a proxy says it (RFC 9110 section 15.5.8).
    pub(crate) fn at_proxy(mut self) -> Self {
        if self.status == StatusCode::UNAUTHORIZED {
            self.status = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        }
        self
    }

    fn found(mut self) -> Self {
        self.finding = true;
        self
    }

    /// Policy says no to the call.
    pub fn not_permitted(refused: &admission::Refused) -> Self {
        let first = refused.decision.policies.first();
        let category = first.map_or(Category::Access, |policy| policy.category);
        let reason = match (first, category) {
            (None, _) => "not_permitted",
            (_, Category::Access) => "access_refused",
            (_, Category::Scope) => "scope_mismatch",
            (_, Category::Residency) => "residency_refused",
        };
        let detail = refused.decision.sentence();
        let mut refusal = Self::new(category_status(category), reason).says(detail);
        refusal.rule = first.map(|policy| policy.id.to_string());
        refusal.basis = first.and_then(|policy| policy.basis.as_deref().map(str::to_owned));
        refusal
    }

    /// Policy says that a data class may not be released, and that the message goes with it.
    pub fn blocked(class: classifiers::DataClass, policy: Option<&policy::PolicyRef>) -> Self {
        let category = policy.map_or(Category::Access, |policy| policy.category);
        let reason = match category {
            Category::Residency => "residency_refused",
            Category::Access | Category::Scope => "disclosure_refused",
        };
        let detail = match policy.and_then(|policy| policy.reason.as_deref()) {
            Some(sentence) => format!("{class}: {sentence}"),
            None => format!("{class} may not be released here"),
        };
        let mut refusal = Self::new(category_status(category), reason).says(detail);
        refusal.rule = policy.map(|policy| policy.id.to_string());
        refusal.basis = policy.and_then(|policy| policy.basis.as_deref().map(str::to_owned));
        refusal
    }

    /// The session of MCP is another caller's.
    pub fn session_foreign() -> Self {
        let mut refusal = Self::new(StatusCode::FORBIDDEN, "session_foreign")
            .says("this session was opened by another caller: open one of your own");
        refusal.finding = true;
        refusal
    }

    /// The agent, the session or the token was revoked.
    pub fn revoked() -> Self {
        let mut refusal = Self::new(StatusCode::FORBIDDEN, "revoked")
            .says("an operator has revoked this agent, session or token");
        refusal.finding = true;
        refusal
    }

    /// Its behaviour makes calls dearer, and it cannot pay for this one yet.
    pub fn throttled(detector: &str, retry_after: u32) -> Self {
        let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "throttled")
            .says("calls of this workload are slowed down after what it did")
            .passes();
        refusal.rule = Some(format!("behaviour/{detector}"));
        refusal.retry_after = Some(retry_after);
        refusal
    }

    /// Its behaviour asks for a token that was issued after it.
    pub fn step_up(detector: &str) -> Self {
        let mut refusal = Self::new(StatusCode::UNAUTHORIZED, STEP_UP)
            .says("after what this workload did it needs a fresh token, for no wider a task");
        refusal.rule = Some(format!("behaviour/{detector}"));
        refusal
    }

    /// The token expired while its stream was under way.
    pub fn expired() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "token_expired")
            .says("what was shown to prove who calls expired while the answer was under way")
    }

    /// The lease of the record's keys ended while the answer was under way.
    pub fn keys_withheld() -> Self {
        Self {
            detail: "nobody vouches for the keys of the audit record any more, so this ends here"
                .to_owned(),
            ..Self::audit_unavailable()
        }
    }

    /// The record cannot be made durable, so nothing is served.
    pub fn audit_unavailable() -> Self {
        let mut refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "audit_unavailable")
            .says("the audit record could not be made durable, so nothing was sent");
        refusal.passing = true;
        refusal.retry_after = Some(1);
        refusal
    }

    /// The request's body is not the document it says it is.
    pub fn request_unreadable(what: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "request_unreadable")
            .says(format!("the request body could not be read: {what}"))
    }

    /// The request's body is of a kind that cannot be inspected.
    pub fn request_uninspected(gap: &'static str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "request_uninspected").says(format!(
            "the request body cannot be inspected ({gap}) and policy refuses what it cannot see"
        ))
    }

    /// The message says nothing that can be decided on.
    pub fn unclear(unclear: crate::message::Unclear) -> Self {
        let (status, reason) = unclear.refusal();
        Self::new(status, reason).says(unclear.to_string())
    }

    /// A message that must be read whole is longer than that is done for.
    pub fn message_too_long() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "message_too_long").says(format!(
            "a message is at most {} bytes long",
            crate::limits::MESSAGE_BYTES_MAX
        ))
    }

    /// The agent's body broke off.
    pub fn request_incomplete() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "request_incomplete")
            .says("the request body ended early")
    }

    /// The agent's body comes too slowly.
    pub fn request_timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "request_timeout")
            .says("the request body did not come in time")
    }

    /// The response's body is not the document it says it is.
    pub fn response_unreadable(what: &str) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "response_unreadable")
            .says(format!("the service's answer could not be read: {what}"))
    }

    /// The response's body is of a kind that cannot be inspected.
    pub fn response_uninspected(gap: &'static str) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "response_uninspected").says(format!(
            "the service's answer cannot be inspected ({gap}) and policy refuses what it cannot see"
        ))
    }

    /// The upstream could not be reached or broke off.
    pub fn upstream_failed() -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "upstream_failed")
            .says("the service could not be reached or broke off")
            .passes()
    }

    /// The upstream took too long.
    pub fn upstream_timeout() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout")
            .says("the service did not answer in time")
            .passes()
    }

    /// What another proof must be (RFC 6750 section 3, RFC 9470 section 3).
    fn challenge(&self) -> Option<HeaderValue> {
        let of_identity = ["token_", "workload_", "key_"]
            .iter()
            .any(|kind| self.reason.starts_with(kind));
        match self.status {
            StatusCode::UNAUTHORIZED if self.reason == STEP_UP => Some(HeaderValue::from_static(
                "Bearer realm=\"tidegate\", error=\"insufficient_user_authentication\", max_age=0",
            )),
            // RFC 9449 section 7.1.
            StatusCode::UNAUTHORIZED if self.reason == "proof_required" => {
                Some(HeaderValue::from_static(
                    "DPoP realm=\"tidegate\", algs=\"ES256 EdDSA RS256 PS256\"",
                ))
            }
            StatusCode::UNAUTHORIZED if self.reason == "proof_invalid" => {
                Some(HeaderValue::from_static(
                    "DPoP realm=\"tidegate\", error=\"invalid_dpop_proof\", \
                     algs=\"ES256 EdDSA RS256 PS256\"",
                ))
            }
            StatusCode::UNAUTHORIZED if self.reason == "certificate_mismatch" => Some(
                HeaderValue::from_static("Bearer realm=\"tidegate\", error=\"invalid_token\""),
            ),
            StatusCode::UNAUTHORIZED if of_identity => {
                Some(HeaderValue::from_static("Bearer realm=\"tidegate\""))
            }
            _ => None,
        }
    }

    /// Whether it is that the host is where it may not be.
    pub(crate) fn is_of_address(&self) -> bool {
        self.reason == "address_refused"
    }

    /// Whether it is the upstream that failed, and not a rule that refused.
    pub(crate) fn is_of_upstream(&self) -> bool {
        matches!(self.reason, "upstream_failed" | "upstream_timeout")
    }

    /// The request asks for a tunnel.
    pub fn tunnel_refused() -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "tunnel_refused")
            .says("what goes through a tunnel cannot be inspected here")
    }

    /// The upstream was called, and the outcome could not be made durable.
    pub fn outcome_unrecorded() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "outcome_unrecorded").says(
            "the service was called, but the outcome could not be put on record, so its answer is withheld",
        )
    }

    /// The response that the agent gets.
    pub fn response(&self, about: About<'_>) -> Response<Bytes> {
        let problem = Problem {
            kind: format!("urn:tidegate:refusal:{}", self.reason),
            title: title(self.status),
            status: self.status.as_u16(),
            detail: &self.detail,
            reason: self.reason,
            rule: self.rule.as_deref(),
            basis: self.basis.as_deref(),
            record: about.record,
            trace_id: about.trace,
            message: &self.detail,
            error: ClientError {
                kind: self.kind(),
                code: self.reason,
                message: &self.detail,
            },
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = self.challenge() {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if self.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            headers.insert(
                header::PROXY_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"tidegate\""),
            );
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, VERSION);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if !self.passing {
            for name in NO_RETRY {
                headers.insert(name, HeaderValue::from_static("false"));
            }
        }
        response
    }

    /// The kind of error, by the names that OpenAI, Anthropic and Stripe share as far as they do.
    fn kind(&self) -> &'static str {
        match self.status.as_u16() {
            401 | 407 => "authentication_error",
            403 | 451 => "permission_error",
            404 => "not_found_error",
            400..500 => "invalid_request_error",
            _ => "api_error",
        }
    }
}

/// A problem document (RFC 9457 section 3.1) with Tidegate's members.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    basis: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u64>,
    trace_id: &'a str,
    /// What an API's own errors look like to its library: without, `stripe` for one would not take a
    /// refusal for a lack of permission, and `twilio` would not tell why.
    message: &'a str,
    error: ClientError<'a>,
}

/// An error as OpenAI, Anthropic, Google and Stripe write theirs.
#[derive(Serialize)]
struct ClientError<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'a str,
    message: &'a str,
}

fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Refused")
}

fn category_status(category: Category) -> StatusCode {
    match category {
        Category::Access | Category::Scope => StatusCode::FORBIDDEN,
        Category::Residency => StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_in_every_dialect_why_and_whether_to_ask_again() {
        for (why, retry, kind) in [
            (
                Interruption::response_uninspected("media_unknown"),
                Some("false"),
                "api_error",
            ),
            (Interruption::tunnel_refused(), Some("false"), "api_error"),
            (
                Interruption::request_incomplete(),
                Some("false"),
                "invalid_request_error",
            ),
            (Interruption::upstream_failed(), None, "api_error"),
            (Interruption::audit_unavailable(), None, "api_error"),
        ] {
            let response = why.response(About::default());
            for name in NO_RETRY {
                let told = response.headers().get(&name);
                assert_eq!(
                    told.and_then(|it| it.to_str().ok()),
                    retry,
                    "{}",
                    why.reason
                );
            }
            let body: serde_json::Value = serde_json::from_slice(response.body()).expect("JSON");
            assert_eq!(body["error"]["type"], kind);
            assert_eq!(body["error"]["code"], why.reason);
            assert_eq!(body["error"]["message"], body["detail"]);
            assert_eq!(body["message"], body["detail"]);
        }
    }
}
