//! The first event of HTTP+SSE names the path for messages, as the server knows it; the agent needs it
//! as the gateway does (MCP 2024-11-05, "HTTP with SSE").

use bytes::Bytes;
use http::Uri;

/// The first event is at most so long, in bytes; a longer one is no `endpoint`.
const EVENT_BYTES_MAX: usize = 4 * 1024;

/// A stream's first event, until it is there.
#[derive(Debug)]
pub(crate) struct EndpointEvent {
    /// Where the server's paths begin.
    base: String,
    /// What the agent has in place of that.
    prefix: String,
    authority: Option<String>,
    held: Vec<u8>,
    done: bool,
}

impl EndpointEvent {
    /// Of a server at `upstream` that agents reach under `prefix`.
    pub(crate) fn new(upstream: &Uri, prefix: &str) -> Self {
        Self {
            base: upstream.path().trim_end_matches('/').to_owned(),
            prefix: prefix.to_owned(),
            authority: upstream.authority().map(ToString::to_string),
            held: Vec::new(),
            done: false,
        }
    }

    /// What of the stream may go on.
    pub(crate) fn push(&mut self, piece: Bytes) -> Option<Bytes> {
        if self.done {
            return Some(piece);
        }
        self.held.extend_from_slice(&piece);
        let end = event_end(&self.held);
        if end.is_none() && self.held.len() <= EVENT_BYTES_MAX {
            return None;
        }
        self.finish()
    }

    /// What was held of a stream that ends.
    pub(crate) fn finish(&mut self) -> Option<Bytes> {
        self.done = true;
        let held = String::from_utf8(std::mem::take(&mut self.held));
        let edited = match held {
            Ok(text) => Bytes::from(self.edit(&text)),
            Err(odd) => odd.into_bytes().into(),
        };
        (!edited.is_empty()).then_some(edited)
    }

    fn edit(&self, text: &str) -> String {
        let end = event_end(text.as_bytes()).unwrap_or(text.len());
        let (event, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        let is_endpoint = |line: &str| field(line, "event") == Some("endpoint");
        if !event.lines().any(is_endpoint) {
            return text.to_owned();
        }
        let mut edited = String::with_capacity(text.len() + self.prefix.len());
        for line in event.split_inclusive('\n') {
            match field(line.trim_end_matches(['\r', '\n']), "data") {
                Some(target) => {
                    edited.push_str("data: ");
                    edited.push_str(&self.here(target));
                    edited.push('\n');
                }
                None => edited.push_str(line),
            }
        }
        edited.push_str(rest);
        edited
    }

    /// The server's path as the agent has it. One that is not the server's own stays as it is, and
    /// leads nowhere.
    fn here(&self, target: &str) -> String {
        let authority = self.authority.as_deref().unwrap_or_default();
        let path = ["http://", "https://"]
            .iter()
            .find_map(|scheme| target.strip_prefix(scheme)?.strip_prefix(authority))
            .unwrap_or(target);
        match path.strip_prefix(&self.base) {
            Some(rest) if rest.starts_with('/') => format!("{}{rest}", self.prefix),
            _ => target.to_owned(),
        }
    }
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

    fn check(prefix: &str, stream: &str, expected: &str) {
        let upstream = Uri::from_static("http://up:9001/base/");
        for cut in 0..=stream.len() {
            let mut event = EndpointEvent::new(&upstream, prefix);
            let (one, two) = stream.as_bytes().split_at(cut);
            let mut out = Vec::new();
            for piece in [one, two] {
                out.extend(
                    event
                        .push(Bytes::copy_from_slice(piece))
                        .unwrap_or_default(),
                );
            }
            out.extend(event.finish().unwrap_or_default());
            assert_eq!(String::from_utf8_lossy(&out), expected, "{cut}");
        }
    }

    #[test]
    fn the_path_for_messages_is_the_gateways() {
        let rest = "event: message\r\ndata: {\"endpoint\":\"/base/x\"}\r\n\r\n";
        let first = |path: &str| format!("event: endpoint\ndata: {path}\n\n{rest}");
        check(
            "/tools",
            &first("/base/messages/?session_id=a"),
            &first("/tools/messages/?session_id=a"),
        );
        check(
            "/tools",
            &first("http://up:9001/base/m"),
            &first("/tools/m"),
        );
        check("", &first("/base/m"), &first("/m"));
        check(
            "/tools",
            &first("http://other/base/m"),
            &first("http://other/base/m"),
        );
        check("/tools", &first("/elsewhere"), &first("/elsewhere"));
        check("/tools", rest, rest);
        let crlf = "event: endpoint\r\ndata: /base/m\r\n\r\n";
        check("/t", crlf, "event: endpoint\r\ndata: /t/m\n\r\n");
    }

    #[test]
    fn a_long_first_event_is_no_endpoint() {
        let long = format!("data: {}\n\n", "x".repeat(2 * EVENT_BYTES_MAX));
        check("/tools", &long, &long);
    }
}
