//! How an event stream that is broken off ends: in an error event of its own protocol, so that a
//! client's library raises its own error instead of losing a connection.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::refusal::Interruption;

/// As much of a stream as is looked at to tell whose it is, in bytes.
const HEAD_BYTES_MAX: usize = 4 * 1024;

/// Whose events a stream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Protocol {
    /// Nobody's that is known.
    #[default]
    Unknown,
    /// OpenAI chat completions, and what is compatible with them.
    OpenAiChat,
    /// OpenAI responses.
    OpenAiResponses,
    /// Anthropic messages.
    Anthropic,
    /// Gemini.
    Gemini,
}

/// What only events of a protocol hold.
const SIGNS: [(&[u8], Protocol); 4] = [
    (b"chat.completion.chunk", Protocol::OpenAiChat),
    (b"response.created", Protocol::OpenAiResponses),
    (b"message_start", Protocol::Anthropic),
    (b"\"candidates\"", Protocol::Gemini),
];

/// The head of a stream, until it tells its protocol.
#[derive(Debug, Default)]
pub(crate) struct Head {
    bytes: Vec<u8>,
    protocol: Protocol,
}

impl Head {
    /// Looks at the next bytes.
    pub(crate) fn see(&mut self, bytes: &[u8]) {
        let room = HEAD_BYTES_MAX - self.bytes.len();
        if self.protocol != Protocol::Unknown || room == 0 {
            return;
        }
        self.bytes.extend(bytes.iter().take(room));
        let stands = |sign: &[u8]| self.bytes.windows(sign.len()).position(|part| part == sign);
        let first = SIGNS
            .iter()
            .filter_map(|(sign, protocol)| Some((stands(sign)?, *protocol)))
            .min_by_key(|(at, _)| *at);
        self.protocol = first.map_or(Protocol::Unknown, |(_, protocol)| protocol);
    }

    /// Whose stream it is, as far as it is known.
    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }
}

impl Protocol {
    /// The last event of a stream that is broken off because of `why`.
    pub(crate) fn error_event(self, why: &Interruption) -> Bytes {
        let (reason, message) = (why.reason, why.detail.as_str());
        let status = why.status.as_u16();
        match self {
            // https://github.com/openai/openai-python, `_streaming.py`: a member `error` raises.
            Self::OpenAiChat => event(None, &json!({"error": openai(reason, message)})),
            Self::OpenAiResponses => event(
                Some("error"),
                &json!({"type": "error", "code": reason, "message": message, "param": null,
                    "sequence_number": 0, "error": openai(reason, message)}),
            ),
            // https://docs.anthropic.com/en/api/messages-streaming, error events.
            Self::Anthropic => event(
                Some("error"),
                &json!({"type": "error",
                    "error": {"type": "permission_error", "message": message}}),
            ),
            // google.rpc.Status, as Gemini answers errors.
            Self::Gemini => event(
                None,
                &json!({"error": {"code": status, "message": message,
                    "status": "PERMISSION_DENIED"}}),
            ),
            Self::Unknown => event(
                Some("error"),
                &json!({"type": format!("urn:tidegate:refusal:{reason}"), "status": status,
                    "detail": message, "reason": reason}),
            ),
        }
    }
}

fn openai(reason: &str, message: &str) -> Value {
    json!({"message": message, "type": "permission_error", "param": null, "code": reason})
}

fn event(name: Option<&str>, data: &Value) -> Bytes {
    let name = name.map_or_else(String::new, |name| format!("event: {name}\n"));
    Bytes::from(format!("{name}data: {data}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocol(stream: &str) -> Protocol {
        let mut head = Head::default();
        stream.as_bytes().chunks(7).for_each(|part| head.see(part));
        head.protocol()
    }

    #[test]
    fn a_stream_is_known_by_its_first_event() {
        let chat = "data: {\"object\": \"chat.completion.chunk\"}\n\n";
        assert_eq!(protocol(chat), Protocol::OpenAiChat);
        let messages = "event: message_start\ndata: {\"about\":\"response.created\"}\n\n";
        assert_eq!(protocol(messages), Protocol::Anthropic);
        assert_eq!(
            protocol("event: response.created\n"),
            Protocol::OpenAiResponses
        );
        assert_eq!(protocol("data: {\"candidates\":[]}"), Protocol::Gemini);
        assert_eq!(protocol(&": ping\n\n".repeat(9000)), Protocol::Unknown);
    }

    #[test]
    fn an_error_event_is_one_event_of_json() {
        let why = Interruption::upstream_failed();
        for (_, protocol) in SIGNS.iter().chain(&[(&b""[..], Protocol::Unknown)]) {
            let event = protocol.error_event(&why);
            let text = std::str::from_utf8(&event).expect("text");
            let data = text.lines().find_map(|line| line.strip_prefix("data: "));
            let data: Value = serde_json::from_str(data.expect("data")).expect("JSON");
            assert!(data.get("error").is_some() || *protocol == Protocol::Unknown);
            assert!(text.ends_with("\n\n") && text.trim_end().lines().count() <= 2);
        }
    }
}
