//! The first event of HTTP+SSE names the path for messages, as the server knows it; the agent needs it
//! as the gateway does (MCP 2024-11-05, "HTTP with SSE").
//!
//! The session's id in it is the agent's own credential, like `Mcp-Session-Id` of later revisions, so
//! it passes as it is. An event that holds anything else is inspected as all others are.

use bytes::{Bytes, BytesMut};
use http::Uri;
use tokio::sync::mpsc::Receiver;

use super::sessions::Claim;

/// The first event is at most so long, in bytes; a longer one is no `endpoint`.
const EVENT_BYTES_MAX: usize = 4 * 1024;

/// The longest id of a session, in bytes.
const SESSION_BYTES_MAX: usize = 128;

/// What servers call the session in the query of the path for messages.
const SESSION_NAMES: [&str; 2] = ["session_id", "sessionId"];

/// A stream's first event, until it is there.
#[derive(Debug)]
pub(crate) struct EndpointEvent {
    /// The path for messages as the server has it.
    path: String,
    /// The same as the agent has it.
    here: String,
    authority: Option<String>,
    held: BytesMut,
    done: bool,
    /// Whose the session is that it names, and what comes for its stream.
    claim: Option<Claim>,
    told: Option<Receiver<Bytes>>,
}

/// What came of a stream's first bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parted {
    /// The event that names the path, which goes as it is.
    pub(crate) event: Option<Bytes>,
    /// What is inspected.
    pub(crate) rest: Option<Bytes>,
}

impl EndpointEvent {
    /// Of a server at `upstream` that agents reach under `prefix`, and which takes messages at
    /// `messages` behind both.
    pub(crate) fn new(upstream: &Uri, prefix: &str, messages: &str) -> Self {
        let base = upstream.path().trim_end_matches('/');
        Self {
            path: format!("{base}{messages}"),
            here: format!("{prefix}{messages}"),
            authority: upstream.authority().map(ToString::to_string),
            held: BytesMut::new(),
            done: false,
            claim: None,
            told: None,
        }
    }

    /// The same, of a session that is claimed once it is named.
    pub(crate) fn claiming(mut self, claim: Claim) -> Self {
        self.claim = Some(claim);
        self
    }

    /// What comes for the stream from elsewhere, once the session is named.
    pub(crate) fn take_told(&mut self) -> Option<Receiver<Bytes>> {
        self.told.take()
    }

    /// Takes the next bytes of the stream.
    pub(crate) fn push(&mut self, piece: Bytes) -> Parted {
        if self.done {
            return Parted {
                event: None,
                rest: Some(piece),
            };
        }
        self.held.extend_from_slice(&piece);
        if event_end(&self.held).is_none() && self.held.len() <= EVENT_BYTES_MAX {
            return Parted::default();
        }
        self.finish()
    }

    /// Ends the stream, or the wait for its first event.
    pub(crate) fn finish(&mut self) -> Parted {
        self.done = true;
        let mut rest = std::mem::take(&mut self.held);
        let end = event_end(&rest).unwrap_or_default();
        let event = std::str::from_utf8(rest.get(..end).unwrap_or_default())
            .ok()
            .and_then(|event| self.edited(event));
        if event.is_some() {
            drop(rest.split_to(end));
        }
        Parted {
            event,
            rest: (!rest.is_empty()).then(|| rest.freeze()),
        }
    }

    /// The event for the agent, if it names the path for messages and nothing else.
    fn edited(&mut self, event: &str) -> Option<Bytes> {
        let lines: Vec<&str> = event.lines().filter(|line| !line.is_empty()).collect();
        let (target, name) = match lines.as_slice() {
            [one, two] => field(two, "data")
                .zip(field(one, "event"))
                .or_else(|| field(one, "data").zip(field(two, "event")))?,
            _ => return None,
        };
        let authority = self.authority.as_deref().unwrap_or_default();
        let target = ["http://", "https://"]
            .iter()
            .find_map(|scheme| target.strip_prefix(scheme)?.strip_prefix(authority))
            .unwrap_or(target);
        let (path, query) = target.split_once('?')?;
        let slash = path.strip_prefix(&self.path)?;
        if name != "endpoint" || !["", "/"].contains(&slash) || !is_session(query) {
            return None;
        }
        let id = query.split_once('=').map_or("", |(_, id)| id);
        self.told = self.claim.as_ref().map(|claim| claim.listen(id));
        let here = &self.here;
        Some(format!("event: endpoint\ndata: {here}{slash}?{query}\n\n").into())
    }
}

/// Whether a query is the id of a session and nothing else.
pub(crate) fn is_session(query: &str) -> bool {
    query.split_once('=').is_some_and(|(name, id)| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        SESSION_NAMES.contains(&name)
            && (1..=SESSION_BYTES_MAX).contains(&id.len())
            && id.bytes().all(plain)
    })
}

/// Behind the blank line that ends the first event.
fn event_end(bytes: &[u8]) -> Option<usize> {
    let after = |blank: &[u8]| {
        let at = bytes.windows(blank.len()).position(|part| part == blank)?;
        Some(at + blank.len())
    };
    [after(b"\n\n"), after(b"\r\n\r\n")]
        .into_iter()
        .flatten()
        .min()
}

/// The value of a line's field, if it is this one (WHATWG HTML section 9.2.6).
fn field<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let value = line.strip_prefix(name)?.strip_prefix(':')?;
    Some(value.strip_prefix(' ').unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes as it is and what is inspected, however the stream is cut.
    fn check(prefix: &str, stream: &str, event: Option<&str>, rest: &str) {
        let upstream = Uri::from_static("http://up:9001/base/");
        for cut in 0..=stream.len() {
            let mut first = EndpointEvent::new(&upstream, prefix, "/messages");
            let (one, two) = stream.as_bytes().split_at(cut);
            let mut events = Vec::new();
            let mut inspected = Vec::new();
            let pieces = [one, two].map(|piece| first.push(Bytes::copy_from_slice(piece)));
            for parted in pieces.into_iter().chain([first.finish()]) {
                events.extend(parted.event);
                inspected.extend(parted.rest.unwrap_or_default());
            }
            let told = events.first().map(|event| String::from_utf8_lossy(event));
            assert_eq!(told.as_deref(), event, "{cut}");
            assert_eq!(String::from_utf8_lossy(&inspected), rest, "{cut}");
        }
    }

    #[test]
    fn the_path_for_messages_is_the_gateways() {
        let rest = "event: message\r\ndata: {}\r\n\r\n";
        let told = |path: &str| format!("event: endpoint\ndata: {path}\n\n");
        let first = |path: &str| format!("event: endpoint\r\ndata: {path}\r\n\r\n{rest}");
        let here = told("/tools/messages/?session_id=a-1");
        check(
            "/tools",
            &first("/base/messages/?session_id=a-1"),
            Some(&here),
            rest,
        );
        let here = told("/messages?sessionId=a");
        check(
            "",
            &first("http://up:9001/base/messages?sessionId=a"),
            Some(&here),
            rest,
        );
    }

    #[test]
    fn what_says_anything_else_is_inspected() {
        let first = |path: &str| format!("event: endpoint\ndata: {path}\n\n");
        for odd in [
            first("/base/messages"),
            first("/base/other?session_id=a"),
            first("/base/messages/more?session_id=a"),
            first("http://other/base/messages?session_id=a"),
            first("/base/messages?session_id=a&note=b"),
            first("/base/messages?session_id=a@b"),
            first(&format!("/base/messages?session_id={}", "a".repeat(200))),
            first("/base/messages?session_id=a\nid: 7"),
            format!("data: {}\n\n", "x".repeat(2 * EVENT_BYTES_MAX)),
        ] {
            check("/tools", &odd, None, &odd);
        }
    }
}
