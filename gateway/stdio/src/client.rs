//! A client over pipes of a server that is reached over HTTP: what an agent starts in the server's place.

use std::{
    fs::File,
    io::{self, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json, value::RawValue};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    Envelope, Id, MESSAGE_BYTES_MAX, MESSAGES_WAITING_MAX, SESSION, VERSION, events::Events,
    next_line, on_one_line,
};

/// Requests that may be open at a time; more wait.
const REQUESTS_MAX: usize = 64;
/// The longest token, in bytes.
const TOKEN_BYTES_MAX: u64 = 16 * 1024;
/// Where the agent shows its token.
const TOKEN: HeaderName = HeaderName::from_static("tidegate-token");

/// Nothing can be said to the gateway.
#[derive(Debug, thiserror::Error)]
pub enum NotConnected {
    /// It would be said in the clear.
    #[error("the gateway is reached at `http://` and an address of this host alone")]
    Address,
    /// There is no reading the token.
    #[error("the token of the agent cannot be read from `{path}`")]
    File {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The token is no text of a header field.
    #[error(
        "the token of the agent is no text of at most {TOKEN_BYTES_MAX} bytes that a header field can have"
    )]
    Token,
}

/// The way to the gateway.
struct Bridge {
    client: Client<HttpConnector, Full<Bytes>>,
    uri: Uri,
    /// The file of the token, which somebody may renew: each request has what it holds then.
    token: Option<PathBuf>,
    /// The session, and what was agreed on in it.
    known: Mutex<HeaderMap>,
    to_say: mpsc::Sender<Vec<u8>>,
}

/// Carries messages from standard input to the gateway and back to standard output, until there are no more.
pub async fn connect(uri: Uri, token: Option<&Path>) -> Result<(), NotConnected> {
    if !is_here(&uri) {
        return Err(NotConnected::Address);
    }
    token.map(read_token).transpose()?;
    let (to_say, said) = mpsc::channel(MESSAGES_WAITING_MAX);
    let (heard, mut messages) = mpsc::channel(MESSAGES_WAITING_MAX);
    thread::spawn(move || hear(&heard));
    let saying = thread::spawn(move || say(said));
    let bridge = Arc::new(Bridge {
        client: Client::builder(TokioExecutor::new()).build_http(),
        uri,
        token: token.map(Path::to_owned),
        known: Mutex::default(),
        to_say,
    });
    let mut open = JoinSet::new();
    let mut listening = JoinSet::new();
    while let Some(message) = messages.recv().await {
        while open.len() >= REQUESTS_MAX {
            open.join_next().await;
        }
        let envelope = Envelope::read(&message).unwrap_or_default();
        let is_request = envelope.asks().is_some();
        let method = envelope.method.clone().unwrap_or_default();
        let posting = Arc::clone(&bridge).post(message);
        // What is no request is said before what follows it; a session must be open before it is used.
        if is_request && method != "initialize" {
            open.spawn(posting);
        } else {
            posting.await;
        }
        if method == "notifications/initialized" {
            listening.spawn(Arc::clone(&bridge).listen());
        }
    }
    // What was asked is still answered.
    while open.join_next().await.is_some() {}
    listening.shutdown().await;
    bridge.end().await;
    drop(bridge);
    // It ends with the last who says something.
    let _said = tokio::task::spawn_blocking(move || saying.join()).await;
    Ok(())
}

fn is_here(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    uri.scheme_str() == Some("http")
        && (host == "localhost" || address.is_ok_and(|address| address.is_loopback()))
}

/// The token that a file holds, without the end of its line.
fn read_token(path: &Path) -> Result<HeaderValue, NotConnected> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| {
        let mut some = file.take(TOKEN_BYTES_MAX + 1);
        some.read_to_end(&mut text)
    });
    read.map_err(|source| NotConnected::File {
        path: path.to_owned(),
        source,
    })?;
    let token = Some(text.trim_ascii_end()).filter(|it| it.len() as u64 <= TOKEN_BYTES_MAX);
    let token = token.and_then(|token| HeaderValue::from_bytes(token).ok());
    let mut token = token.ok_or(NotConnected::Token)?;
    token.set_sensitive(true);
    Ok(token)
}

/// Reads messages until there are no more.
fn hear(heard: &mpsc::Sender<Vec<u8>>) {
    let mut input = BufReader::new(io::stdin());
    while let Some(line) = next_line(&mut input) {
        if heard.blocking_send(line).is_err() {
            return;
        }
    }
}

/// Writes messages until nobody has any more.
fn say(mut said: mpsc::Receiver<Vec<u8>>) {
    let mut output = io::stdout();
    while let Some(line) = said.blocking_recv() {
        let written = output.write_all(&line).and_then(|()| output.flush());
        if written.is_err() {
            return;
        }
    }
}

impl Bridge {
    fn request(&self, method: Method, body: Bytes) -> Result<Request<Full<Bytes>>, NotConnected> {
        let token = self.token.as_deref().map(read_token).transpose()?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.clone();
        let fields = request.headers_mut();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        fields.extend(known.clone());
        fields.extend(token.map(|token| (TOKEN, token)));
        let both = HeaderValue::from_static("application/json, text/event-stream");
        fields.insert(header::ACCEPT, both);
        let json = HeaderValue::from_static("application/json");
        fields.insert(header::CONTENT_TYPE, json);
        Ok(request)
    }

    /// Says a message to the gateway, and what that answers to the agent.
    async fn post(self: Arc<Self>, message: Vec<u8>) {
        let envelope = Envelope::read(&message).unwrap_or_default();
        let (asks, written) = (envelope.asks(), envelope.id.map(RawValue::to_owned));
        let begins = envelope.method.as_deref() == Some("initialize");
        let answered = self.say(Bytes::from(message), (asks.as_ref(), begins));
        if let (Err(why), Some(_), Some(id)) = (answered.await, asks, written) {
            self.fail(&id, &why).await;
        }
    }

    /// An error if who asked is not answered.
    async fn say(&self, message: Bytes, (asks, begins): (Option<&Id>, bool)) -> Result<(), String> {
        let request = self.request(Method::POST, message);
        let request = request.map_err(|error| error.to_string())?;
        let response = self.client.request(request).await;
        let response = response.map_err(|_| "the gateway could not be reached".to_owned())?;
        if let (true, Some(session)) = (begins, response.headers().get(SESSION)) {
            self.know(SESSION, session.clone());
        }
        self.answer(response, (asks, begins)).await
    }

    fn know(&self, name: HeaderName, value: HeaderValue) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name, value);
    }

    /// Tells the agent what came; an error if who asked is not answered by that.
    async fn answer(
        &self,
        response: Response<Incoming>,
        (asks, begins): (Option<&Id>, bool),
    ) -> Result<(), String> {
        let status = response.status();
        let kind = response.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            return self.stream(response, (asks, begins)).await;
        }
        let is_message = kind.starts_with("application/json");
        let body = Limited::new(response.into_body(), MESSAGE_BYTES_MAX);
        let body = body.collect().await;
        let body = body.map_err(|_| "the answer broke off, or is too long".to_owned())?;
        let body = body.to_bytes();
        if is_message && Envelope::read(&body).is_some_and(|it| it.answers().as_ref() == asks) {
            self.tell(&body, begins).await;
            return Ok(());
        }
        if status == StatusCode::ACCEPTED {
            return Ok(());
        }
        Err(why(status, &body))
    }

    /// Tells the agent the messages of a stream; an error if it ends before who asked is answered.
    async fn stream(
        &self,
        response: Response<Incoming>,
        (asks, begins): (Option<&Id>, bool),
    ) -> Result<(), String> {
        let mut body = response.into_body();
        let mut events = Events::default();
        let mut is_answered = asks.is_none();
        while let Some(Ok(frame)) = body.frame().await {
            let Some(piece) = frame.data_ref() else {
                continue;
            };
            let Ok(messages) = events.push(piece) else {
                break;
            };
            for message in messages {
                let envelope = Envelope::read(&message);
                let answers =
                    envelope.is_some_and(|it| asks.is_some() && it.answers().as_ref() == asks);
                is_answered |= answers;
                self.tell(&message, begins && answers).await;
            }
        }
        is_answered
            .then_some(())
            .ok_or_else(|| "the answer broke off".to_owned())
    }

    async fn tell(&self, message: &[u8], begins: bool) {
        if begins {
            let told = serde_json::from_slice::<Value>(message).unwrap_or_default();
            let version = told.pointer("/result/protocolVersion");
            let version = version.and_then(|it| HeaderValue::from_str(it.as_str()?).ok());
            if let Some(version) = version {
                self.know(VERSION, version);
            }
        }
        // Who reads nothing any more has ended.
        let _told = self.to_say.send(on_one_line(message.trim_ascii())).await;
    }

    /// Tells the agent that its request is not answered.
    async fn fail(&self, id: &RawValue, why: &str) {
        let error = json!({ "code": -32603, "message": why });
        let message = json!({ "jsonrpc": "2.0", "id": id, "error": error });
        self.tell(message.to_string().as_bytes(), false).await;
    }

    /// Tells the agent what comes unasked.
    async fn listen(self: Arc<Self>) {
        if let Ok(request) = self.request(Method::GET, Bytes::new())
            && let Ok(response) = self.client.request(request).await
            && response.status().is_success()
        {
            // It has none to answer, and ends when the session does.
            let _ended = self.stream(response, (None, false)).await;
        }
    }

    /// Ends the session, if there is one.
    async fn end(&self) {
        if let Ok(request) = self.request(Method::DELETE, Bytes::new())
            && request.headers().contains_key(SESSION)
        {
            // The server ends it by itself some time.
            let _ended = self.client.request(request).await;
        }
    }
}

/// Why the gateway does not answer with a message: what its problem document says.
fn why(status: StatusCode, body: &[u8]) -> String {
    let problem = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let said = |name: &str| problem.get(name).and_then(Value::as_str);
    match (said("reason"), said("detail")) {
        (Some(reason), Some(detail)) => format!("{reason}: {detail}"),
        _ => format!("the gateway answered with status {}", status.as_u16()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_has_the_token_that_its_file_holds_then() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("token");
        std::fs::write(&file, "one\n").expect("a file");
        let (to_say, _said) = mpsc::channel(1);
        let bridge = Bridge {
            client: Client::builder(TokioExecutor::new()).build_http(),
            uri: Uri::from_static("http://127.0.0.1:1/mcp"),
            token: Some(file.clone()),
            known: Mutex::default(),
            to_say,
        };
        let shown = || {
            let request = bridge.request(Method::POST, Bytes::new())?;
            Ok::<_, NotConnected>(request.headers().get(TOKEN).cloned())
        };
        assert_eq!(shown().expect("a token").expect("a token"), "one");
        std::fs::write(&file, "two\n").expect("a file");
        assert_eq!(shown().expect("a token").expect("a token"), "two");
        std::fs::write(&file, [b'x'; 16 * 1024 + 1]).expect("a file");
        assert!(matches!(shown(), Err(NotConnected::Token)));
        std::fs::remove_file(&file).expect("it is there");
        assert!(matches!(shown(), Err(NotConnected::File { .. })));
    }
}
