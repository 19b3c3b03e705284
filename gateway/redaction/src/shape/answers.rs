//! Which rules an answer is held to where many stand on one stream, by the id of the request that it
//! answers (JSON-RPC 2.0 section 5): each as its operation says, caps counted for each anew.

use std::fmt;

use json_event_parser::JsonEvent;
use serde_json::Value;

use super::{Plan, Tokens};

/// Knows what was asked.
pub trait Answers: fmt::Debug + Send + Sync {
    /// What the answer to the request of this id is held to, the id as JSON writes it: `7`, `"a"`; none if
    /// nobody asked with it.
    fn plan(&self, id: &str) -> Option<Plan>;
}

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// An answer, with its id; none where it has none that all readers share.
    Answer(Option<String>),
    /// A request or a notification.
    Call,
}

impl Message {
    /// Reads which of both a document is. What could be an answer to some reader is one.
    pub(super) fn of(document: &[u8]) -> Self {
        let mut envelope = Envelope::default();
        let read = Tokens::new().push(document, true, |event, _| {
            envelope.event(event);
            Ok(())
        });
        match envelope.id {
            _ if read.is_ok() && envelope.calls && !envelope.answers => Self::Call,
            Id::One(id) if read.is_ok() => Self::Answer(Some(id)),
            Id::None | Id::One(_) | Id::Unclear => Self::Answer(None),
        }
    }
}

#[derive(Debug, Default)]
struct Envelope {
    depth: usize,
    /// Whether the value that comes is the message's id.
    is_id: bool,
    id: Id,
    calls: bool,
    answers: bool,
}

#[derive(Debug, Default)]
enum Id {
    #[default]
    None,
    One(String),
    Unclear,
}

impl Envelope {
    fn event(&mut self, event: &JsonEvent<'_>) {
        let text = match event {
            JsonEvent::ObjectKey(name) if self.depth == 1 => {
                self.is_id = name.eq_ignore_ascii_case("id");
                self.calls |= name == "method";
                self.answers |= ["result", "error"]
                    .iter()
                    .any(|told| name.eq_ignore_ascii_case(told));
                return;
            }
            JsonEvent::StartObject | JsonEvent::StartArray => {
                self.depth += 1;
                None
            }
            JsonEvent::EndObject | JsonEvent::EndArray => {
                self.depth = self.depth.saturating_sub(1);
                return;
            }
            JsonEvent::String(text) => Some(Value::from(&**text).to_string()),
            JsonEvent::Number(text) => Some(text.to_string()),
            _ => None,
        };
        if std::mem::take(&mut self.is_id) {
            let is_first = matches!(self.id, Id::None);
            self.id = text.filter(|_| is_first).map_or(Id::Unclear, Id::One);
        }
    }
}

impl Plan {
    /// What may go on of what is held to both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        let least = |one: Option<u64>, two: Option<u64>| one.into_iter().chain(two).min();
        self.rows.extend(other.rows.iter().cloned());
        self.fields.extend(other.fields.iter().cloned());
        self.records_max = least(self.records_max, other.records_max);
        self.fields_max = least(self.fields_max, other.fields_max);
        self.twin = self.twin.or_else(|| other.twin.clone());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_an_answer_is_one() {
        let answer = |id: Option<&str>| Message::Answer(id.map(str::to_owned));
        for (document, expected) in [
            (r#"{"id":7,"result":{"id":8}}"#, answer(Some("7"))),
            (
                r#"{"result":{"method":"x"},"id":"\u0061"}"#,
                answer(Some("\"a\"")),
            ),
            (r#"{"id":7,"error":{}}"#, answer(Some("7"))),
            (r#"{"id":7,"method":"ping"}"#, Message::Call),
            (r#"{"method":"n","params":{"result":1}}"#, Message::Call),
            (r#"{"id":7,"method":"ping","result":{}}"#, answer(Some("7"))),
            (r#"{"id":7,"id":7,"result":{}}"#, answer(None)),
            (r#"{"id":7,"ID":8,"result":{}}"#, answer(None)),
            (r#"{"id":null,"error":{}}"#, answer(None)),
            (r#"{"id":[7],"result":{}}"#, answer(None)),
            (r#"[{"id":7,"method":"ping"}]"#, answer(None)),
            (r#"{"structuredContent":{}}"#, answer(None)),
            (r#"{"id":7,"result":"#, answer(None)),
        ] {
            assert_eq!(Message::of(document.as_bytes()), expected, "{document}");
        }
    }
}
