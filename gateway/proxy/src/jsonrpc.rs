//! The envelope of JSON-RPC 2.0 (<https://www.jsonrpc.org/specification>), as MCP narrows it: an id is
//! a string or an integer, and parameters have names.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{message::Unclear, refusal::Interruption, route::PARAMETER_BYTES_MAX, strict::member};

/// Up to here every integer is one of its own for all readers: 2^53 - 1.
const INTEGER_MAX: i64 = (1 << 53) - 1;

/// One message of a client.
#[derive(Debug, PartialEq)]
pub(crate) struct Message<'v> {
    /// What an answer to it must carry; none for what is not answered.
    pub(crate) id: Option<&'v Value>,
    pub(crate) kind: Kind<'v>,
}

/// What a message is.
#[derive(Debug, PartialEq)]
pub(crate) enum Kind<'v> {
    /// A request, or without an id a notification.
    Call {
        method: &'v str,
        params: Option<&'v Map<String, Value>>,
    },
    /// The answer to a request of the server.
    Answer,
}

/// Reads the envelope. A batch is refused: 2025-06-18 took them away, and one exchange is one
/// operation on record.
pub(crate) fn message(document: &Value) -> Result<Message<'_>, Unclear> {
    let envelope = match document {
        Value::Object(envelope) => envelope,
        Value::Array(_) => return Err(Unclear::Batch),
        _ => return Err(Unclear::NotAMessage),
    };
    if member(envelope, "jsonrpc")? != Some(&Value::from("2.0")) {
        return Err(Unclear::NotAMessage);
    }
    let id = member(envelope, "id")?;
    if !id.is_none_or(is_id) {
        return Err(Unclear::NotAMessage);
    }
    if id.is_some_and(is_rounded) {
        return Err(Unclear::Ambiguous);
    }
    let (method, params) = (member(envelope, "method")?, member(envelope, "params")?);
    let (result, error) = (member(envelope, "result")?, member(envelope, "error")?);
    let kind = match (method, params, result, error) {
        (Some(Value::String(method)), params, None, None) => Kind::Call {
            method: named(method)?,
            params: params.map(object).transpose()?,
        },
        (None, None, Some(_), None) | (None, None, None, Some(_)) => Kind::Answer,
        // A request to one reader, an answer to another.
        _ => return Err(Unclear::Ambiguous),
    };
    Ok(Message { id, kind })
}

fn is_id(id: &Value) -> bool {
    match id {
        Value::String(text) => text.len() <= PARAMETER_BYTES_MAX,
        Value::Number(number) => !number.is_f64(),
        _ => false,
    }
}

/// Whether some readers take an integer for another: those whose numbers are doubles (RFC 8259 section 6).
fn is_rounded(id: &Value) -> bool {
    let exact = -INTEGER_MAX..=INTEGER_MAX;
    id.is_number() && !id.as_i64().is_some_and(|id| exact.contains(&id))
}

fn object(value: &Value) -> Result<&Map<String, Value>, Unclear> {
    value.as_object().ok_or(Unclear::NotAMessage)
}

/// A name that is short enough to be on record.
pub(crate) fn named(name: &str) -> Result<&str, Unclear> {
    if name.len() > PARAMETER_BYTES_MAX {
        return Err(Unclear::ParameterTooLong);
    }
    Ok(name)
}

/// What an answer says that is no result.
pub(crate) fn error(id: &Value, why: &Interruption, data: &Value) -> Bytes {
    let error = json!({
        "jsonrpc": "2.0",
        "id": id,
        "error": { "code": code(why), "message": why.detail, "data": data },
    });
    Bytes::from(error.to_string())
}

/// The code of an error: what the protocols define where they define it (JSON-RPC 2.0 section 5.1,
/// MCP 2026-07-28 `HeaderMismatch`). All others are the HTTP status of the refusal, since MCP wants
/// codes of implementations outside -32768 to -32000.
fn code(why: &Interruption) -> i32 {
    match why.reason {
        "request_unreadable" => -32700,
        "message_ambiguous" | "batch_refused" | "not_a_message" => -32600,
        "operation_unknown" => -32601,
        "parameter_missing" | "parameter_too_long" => -32602,
        "header_mismatch" => -32020,
        _ => why.status.as_u16().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strict;

    fn check(text: &str, expected: Result<Option<&str>, Unclear>) {
        let document = strict::parse(text.as_bytes());
        let read = document.and_then(|document| {
            message(&document).map(|message| match message.kind {
                Kind::Call { method, .. } => Some(method.to_owned()),
                Kind::Answer => None,
            })
        });
        assert_eq!(read, expected.map(|name| name.map(str::to_owned)), "{text}");
    }

    #[test]
    fn an_envelope_is_one_thing_or_refused() {
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
            Ok(Some("ping")),
        );
        check(
            r#"{"jsonrpc":"2.0","method":"a/b","params":{}}"#,
            Ok(Some("a/b")),
        );
        check(
            r#"{"jsonrpc":"2.0","id":-9007199254740991,"method":"ping"}"#,
            Ok(Some("ping")),
        );
        check(r#"{"jsonrpc":"2.0","id":"x","result":{}}"#, Ok(None));
        check(r#"{"jsonrpc":"2.0","id":"x","error":{"code":1}}"#, Ok(None));
        check(
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            Err(Unclear::Batch),
        );
        for not in [
            r#"{"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#,
            "7",
        ] {
            check(not, Err(Unclear::NotAMessage));
        }
        for ambiguous in [
            r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"a","Method":"b"}"#,
            r#"{"jsonrpc":"2.0","id":1,"ID":2,"method":"a"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"a","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":9007199254740992,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":-9007199254740992,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":18446744073709551615,"method":"ping"}"#,
        ] {
            check(ambiguous, Err(Unclear::Ambiguous));
        }
        let long = format!(r#"{{"jsonrpc":"2.0","method":"{}"}}"#, "m".repeat(300));
        check(&long, Err(Unclear::ParameterTooLong));
    }
}
