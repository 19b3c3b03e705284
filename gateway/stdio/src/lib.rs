//! MCP over standard streams on one side, streamable HTTP on the other (MCP 2025-06-18, "Transports").
//!
//! Agents start most servers of MCP themselves and speak to them by pipes, which no gateway sees. Here the
//! server is started by somebody else: [`serve`] runs it, one process for each session, where only who has the
//! key reaches it, which is the gateway. [`connect`] is what the agent starts in its place: it has nothing of
//! the server's, and all that it is told goes through the gateway.

mod child;
mod client;
mod events;
mod group;
mod server;

use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;

pub use client::{NotConnected, connect};
pub use server::{NotServed, Started, listen, serve};

/// The longest message either way, in bytes; a longer one ends its session.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Messages that may wait for whoever reads them.
const MESSAGES_WAITING_MAX: usize = 64;

/// The header field that names a session.
const SESSION: http::HeaderName = http::HeaderName::from_static("mcp-session-id");
/// The revision of the protocol that was agreed on.
const VERSION: http::HeaderName = http::HeaderName::from_static("mcp-protocol-version");

/// What a message of JSON-RPC says of itself.
#[derive(Debug, Default, Deserialize)]
struct Envelope<'m> {
    #[serde(borrow)]
    id: Option<&'m RawValue>,
    method: Option<String>,
}

impl<'m> Envelope<'m> {
    fn read(message: &'m [u8]) -> Option<Self> {
        serde_json::from_slice(message).ok()
    }

    /// The id of a request.
    fn asks(&self) -> Option<Id> {
        self.method.as_ref().and(self.id).map(Id::of)
    }

    /// The id of an answer.
    fn answers(&self) -> Option<Id> {
        self.id.filter(|_| self.method.is_none()).map(Id::of)
    }
}

/// An id in the one form that all its spellings share (RFC 8785): a server may write it in another way than who
/// asked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Id(String);

impl Id {
    fn of(written: &RawValue) -> Self {
        let value = serde_json::from_str::<serde_json::Value>(written.get()).ok();
        let form = value.and_then(|value| serde_json_canonicalizer::to_string(&value).ok());
        // What has no such form (`1e999`) is itself alone.
        Self(form.unwrap_or_else(|| written.get().to_owned()))
    }
}

/// The next line of a stream without its end, at most [`MESSAGE_BYTES_MAX`]; none at its end, or where a line is
/// longer.
fn next_line(from: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let some = from.fill_buf().ok()?;
        if some.is_empty() {
            return (!line.is_empty()).then_some(line);
        }
        let end = some.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(some.len());
        line.extend_from_slice(some.get(..taken).unwrap_or_default());
        let used = taken + usize::from(end.is_some());
        from.consume(used);
        if line.len() > MESSAGE_BYTES_MAX {
            return None;
        }
        if end.is_some() && !line.trim_ascii().is_empty() {
            return Some(line);
        }
        if end.is_some() {
            line.clear();
        }
    }
}

/// A message on one line: what ends lines in it is space between its tokens.
fn on_one_line(message: &[u8]) -> Vec<u8> {
    let plain = message.iter().map(|byte| match byte {
        b'\n' | b'\r' => b' ',
        other => *other,
    });
    plain.chain([b'\n']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_whether_it_asks_or_answers() {
        let id = |form: &str| Some(Id(form.to_owned()));
        let read = |text: &'static str| Envelope::read(text.as_bytes());
        let asked = read(r#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#).expect("a message");
        assert_eq!((asked.asks(), asked.answers()), (id("\"a\""), None));
        let told = read(r#"{"id":7,"result":{"method":1}}"#).expect("a message");
        assert_eq!((told.asks(), told.answers()), (None, id("7")));
        let noted = read(r#"{"method":"notifications/initialized"}"#).expect("a message");
        assert_eq!((noted.asks(), noted.answers()), (None, None));
        assert!(read("[]").is_none() && read("").is_none());
    }

    #[test]
    fn an_id_is_the_same_however_it_is_written() {
        let id = |written: &str| {
            let written = RawValue::from_string(written.to_owned());
            Id::of(&written.expect("JSON"))
        };
        for (one, other) in [(r#""\u0061\/""#, r#""a/""#), ("1.0", "1"), ("1e2", "100")] {
            assert_eq!(id(one), id(other));
        }
        for (one, other) in [("1", r#""1""#), ("1e999", "1e998"), ("-1", "1")] {
            assert_ne!(id(one), id(other));
        }
    }

    #[test]
    fn lines_are_messages_and_long_ones_end_it() {
        let mut text = &b"{}\r\n\n  \n{\"a\":1}\n{\"b\""[..];
        let lines: Vec<_> = std::iter::from_fn(|| next_line(&mut text)).collect();
        assert_eq!(lines, [&b"{}\r"[..], b"{\"a\":1}", b"{\"b\""]);
        let long = vec![b'x'; MESSAGE_BYTES_MAX + 1];
        assert_eq!(next_line(&mut long.as_slice()), None);
        assert_eq!(on_one_line(b"{\n\"a\": 1}"), b"{ \"a\": 1}\n");
    }
}
