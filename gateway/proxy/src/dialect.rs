//! In whose words a caller is told that something is refused: a library of the protocol then raises
//! its own error.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    jsonrpc,
    refusal::{About, Interruption},
};

/// The form of a refusal.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Dialect {
    /// A problem document (RFC 9457).
    #[default]
    Problem,
    /// A JSON-RPC error that answers the request with this id; `null` where it could not be read.
    JsonRpc(Value),
    /// The errors of a GraphQL response; `true` where the client knows its own media type.
    GraphQl(bool),
}

/// The media type of GraphQL responses, whose status says what is wrong.
const GRAPHQL: &str = "application/graphql-response+json";

impl Dialect {
    /// That of GraphQL, as a client with these header fields understands it.
    pub(crate) fn graphql(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter();
        let mut accepted = accepted.filter_map(|accepted| accepted.to_str().ok());
        Self::GraphQl(accepted.any(|accepted| accepted.contains(GRAPHQL)))
    }

    /// The status that goes to the caller.
    ///
    /// A refused JSON-RPC request is answered, and answers come with 200: the libraries raise their own
    /// error for the error in it, while another status is a failed transport to some, and a 403 asks
    /// others to log in anew. A header mismatch keeps the status that MCP 2026-07-28 names, and what
    /// has no id keeps its own.
    pub(crate) fn status(&self, why: &Interruption) -> StatusCode {
        let is_answered = match self {
            Self::Problem | Self::JsonRpc(Value::Null) | Self::GraphQl(true) => false,
            Self::JsonRpc(_) => why.reason != "header_mismatch",
            // GraphQL over HTTP, section 6.4.1: of `application/json`, other statuses may come from
            // anybody on the way, so that clients read no errors in them.
            Self::GraphQl(false) => true,
        };
        if is_answered && why.status.is_client_error() {
            StatusCode::OK
        } else {
            why.status
        }
    }

    /// The response that the caller gets.
    pub(crate) fn response(&self, why: &Interruption, about: About<'_>) -> Response<Bytes> {
        let problem = why.response(about);
        let (mut parts, body) = problem.into_parts();
        let data = || serde_json::from_slice::<Value>(&body).unwrap_or_default();
        let (kind, body) = match self {
            Self::Problem => return Response::from_parts(parts, body),
            Self::JsonRpc(id) => ("application/json", jsonrpc::error(id, why, &data())),
            Self::GraphQl(true) => (GRAPHQL, errors(why, data())),
            Self::GraphQl(false) => ("application/json", errors(why, data())),
        };
        parts.status = self.status(why);
        let kind = HeaderValue::from_static(kind);
        parts.headers.insert(header::CONTENT_TYPE, kind);
        Response::from_parts(parts, body)
    }

    /// The last event of a stream that is broken off, if the protocol is known by the request.
    pub(crate) fn error_event(&self, why: &Interruption, about: About<'_>) -> Option<Bytes> {
        let data = || serde_json::from_slice(&why.response(about).into_body()).unwrap_or_default();
        let event = match self {
            Self::Problem => return None,
            Self::JsonRpc(id) => {
                let error = jsonrpc::error(id, why, &data());
                // MCP 2025-03-26, Streamable HTTP: messages are events of the default type.
                [b"event: message\ndata: ", error.as_ref(), b"\n\n"].concat()
            }
            // GraphQL over SSE, "Distinct connections mode": a result that has errors, and the end.
            Self::GraphQl(_) => {
                let result = errors(why, data());
                let end = b"\n\nevent: complete\ndata:\n\n";
                [b"event: next\ndata: ", result.as_ref(), end].concat()
            }
        };
        Some(event.into())
    }
}

/// The errors of a response without data (GraphQL, section 7.1.2). Their code is the one that clients of
/// persisted queries look for, or our reason.
fn errors(why: &Interruption, mut data: Value) -> Bytes {
    let code = match why.reason {
        "persisted_query_refused" => "PERSISTED_QUERY_NOT_SUPPORTED",
        reason => reason,
    };
    if let Some(members) = data.as_object_mut() {
        members.insert("code".to_owned(), code.into());
    }
    let error = json!({ "message": why.detail, "extensions": data });
    Bytes::from(json!({ "errors": [error] }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_request_is_answered_and_what_has_no_id_is_not() {
        let why = Interruption::unclear(crate::message::Unclear::OperationUnknown);
        let told = |dialect: Dialect| {
            let response = dialect.response(&why, About::default());
            let status = response.status().as_u16();
            let kind = response.headers().get(header::CONTENT_TYPE);
            let kind = kind.and_then(|kind| kind.to_str().ok().map(str::to_owned));
            let body: Value = serde_json::from_slice(response.body()).expect("JSON");
            (status, kind.unwrap_or_default(), body)
        };
        let (status, kind, body) = told(Dialect::JsonRpc("a".into()));
        assert_eq!((status, kind.as_str()), (200, "application/json"));
        assert_eq!(
            (&body["id"], &body["error"]["code"]),
            (&"a".into(), &(-32601).into())
        );
        assert_eq!(body["error"]["data"]["reason"], "operation_unknown");
        let (status, _, body) = told(Dialect::JsonRpc(Value::Null));
        assert_eq!((status, &body["id"]), (403, &Value::Null));
        let (status, kind, _) = told(Dialect::Problem);
        assert_eq!((status, kind.as_str()), (403, "application/problem+json"));
    }

    #[test]
    fn a_stream_of_graphql_ends_in_a_result_with_errors_and_its_end() {
        let why = Interruption::unclear(crate::message::Unclear::OperationUnknown);
        let event = Dialect::GraphQl(false).error_event(&why, About::default());
        let event = String::from_utf8(event.expect("an event").to_vec()).expect("text");
        let mut events = event.split("\n\n");
        let data = events
            .next()
            .and_then(|next| next.strip_prefix("event: next\ndata: "));
        let result: Value = serde_json::from_str(data.expect("a result")).expect("JSON");
        assert_eq!(
            result["errors"][0]["extensions"]["code"],
            "operation_unknown"
        );
        assert_eq!(events.next(), Some("event: complete\ndata:"));
    }

    #[test]
    fn a_graphql_client_reads_errors_in_the_media_type_that_it_knows() {
        let why = Interruption::unclear(crate::message::Unclear::Persisted);
        for (accept, status) in [("application/json", 200), (GRAPHQL, 400), ("*/*", 200)] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            let response = Dialect::graphql(&headers).response(&why, About::default());
            assert_eq!(response.status().as_u16(), status, "{accept}");
            let body: Value = serde_json::from_slice(response.body()).expect("JSON");
            let error = &body["errors"][0];
            assert_eq!(error["message"], "PersistedQueryNotSupported");
            assert_eq!(error["extensions"]["code"], "PERSISTED_QUERY_NOT_SUPPORTED");
            assert_eq!(error["extensions"]["reason"], "persisted_query_refused");
        }
    }
}
