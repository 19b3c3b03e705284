//! In whose words a caller is told that something is refused: a library of the protocol then raises
//! its own error.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

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
}

impl Dialect {
    /// The status that goes to the caller.
    ///
    /// A refused JSON-RPC request is answered, and answers come with 200: the libraries raise their own
    /// error for the error in it, while another status is a failed transport to some, and a 403 asks
    /// others to log in anew. A header mismatch keeps the status that MCP 2026-07-28 names, and what
    /// has no id keeps its own.
    pub(crate) fn status(&self, why: &Interruption) -> StatusCode {
        match self {
            Self::JsonRpc(Value::Null) | Self::Problem => why.status,
            Self::JsonRpc(_) if why.status.is_client_error() && why.reason != "header_mismatch" => {
                StatusCode::OK
            }
            Self::JsonRpc(_) => why.status,
        }
    }

    /// The response that the caller gets.
    pub(crate) fn response(&self, why: &Interruption, about: About<'_>) -> Response<Bytes> {
        let problem = why.response(about);
        let Self::JsonRpc(id) = self else {
            return problem;
        };
        let (mut parts, body) = problem.into_parts();
        let data = serde_json::from_slice(&body).unwrap_or_default();
        parts.status = self.status(why);
        let json = HeaderValue::from_static("application/json");
        parts.headers.insert(header::CONTENT_TYPE, json);
        Response::from_parts(parts, jsonrpc::error(id, why, &data))
    }

    /// The last event of a stream that is broken off, if the protocol is known by the request.
    pub(crate) fn error_event(&self, why: &Interruption, about: About<'_>) -> Option<Bytes> {
        let Self::JsonRpc(id) = self else {
            return None;
        };
        let data = serde_json::from_slice(&why.response(about).into_body()).unwrap_or_default();
        let error = jsonrpc::error(id, why, &data);
        // MCP 2025-03-26, Streamable HTTP: messages are events of the default type.
        let event = [b"event: message\ndata: ", error.as_ref(), b"\n\n"].concat();
        Some(event.into())
    }
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
}
