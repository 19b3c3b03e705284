//! A client over pipes of a server that is reached over HTTP: what an agent starts in the server's place.

use std::{
    io::{self, BufReader, Write as _},
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
    Envelope, MESSAGE_BYTES_MAX, MESSAGES_WAITING_MAX, SESSION, VERSION, events::Events, next_line,
    on_one_line,
};

/// Requests that may be open at a time; more wait.
const REQUESTS_MAX: usize = 64;
/// Where the agent shows its token.
const TOKEN: HeaderName = HeaderName::from_static("tidegate-token");

/// Nothing can be said to the gateway.
#[derive(Debug, thiserror::Error)]
pub enum NotConnected {
    /// It would be said in the clear.
    #[error("the gateway is reached at `http://` and an address of this host alone")]
    Address,
    /// The token is no text of a header field.
    #[error("the token is no text that a header field can have")]
    Token,
}

/// The way to the gateway.
struct Bridge {
    client: Client<HttpConnector, Full<Bytes>>,
    uri: Uri,
    token: Option<HeaderValue>,
    /// The session, and what was agreed on in it.
    known: Mutex<HeaderMap>,
    to_say: mpsc::Sender<Vec<u8>>,
}

/// Carries messages from standard input to the gateway and back to standard output, until there are no more.
pub async fn connect(uri: Uri, token: Option<&str>) -> Result<(), NotConnected> {
    if !is_here(&uri) {
        return Err(NotConnected::Address);
    }
    let token = token.map(HeaderValue::from_str).transpose();
    let (to_say, said) = mpsc::channel(MESSAGES_WAITING_MAX);
    let (heard, mut messages) = mpsc::channel(MESSAGES_WAITING_MAX);
    thread::spawn(move || hear(&heard));
    let saying = thread::spawn(move || say(said));
    let bridge = Arc::new(Bridge {
        client: Client::builder(TokioExecutor::new()).build_http(),
        uri,
        token: token.map_err(|_| NotConnected::Token)?,
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
    fn request(&self, method: Method, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.clone();
        let fields = request.headers_mut();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        fields.extend(known.clone());
        fields.extend(self.token.clone().map(|token| (TOKEN, token)));
        let both = HeaderValue::from_static("application/json, text/event-stream");
        fields.insert(header::ACCEPT, both);
        let json = HeaderValue::from_static("application/json");
        fields.insert(header::CONTENT_TYPE, json);
        request
    }

    /// Says a message to the gateway, and what that answers to the agent.
    async fn post(self: Arc<Self>, message: Vec<u8>) {
        let envelope = Envelope::read(&message).unwrap_or_default();
        let asks = envelope.asks().map(str::to_owned);
        let begins = envelope.method.as_deref() == Some("initialize");
        let request = self.request(Method::POST, Bytes::from(message));
        let is_answered = match self.client.request(request).await {
            Ok(response) => {
                if let (true, Some(session)) = (begins, response.headers().get(SESSION)) {
                    self.know(SESSION, session.clone());
                }
                self.answer(response, (asks.as_deref(), begins)).await
            }
            Err(_) => Err("the gateway could not be reached".to_owned()),
        };
        if let (Some(id), Err(why)) = (asks, is_answered) {
            self.fail(&id, &why).await;
        }
    }

    fn know(&self, name: HeaderName, value: HeaderValue) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name, value);
    }

    /// Tells the agent what came; an error if who asked is not answered by that.
    async fn answer(
        &self,
        response: Response<Incoming>,
        (asks, begins): (Option<&str>, bool),
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
        if is_message && Envelope::read(&body).is_some_and(|it| it.answers() == asks) {
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
        (asks, begins): (Option<&str>, bool),
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
                let answers = envelope.is_some_and(|it| asks.is_some() && it.answers() == asks);
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
    async fn fail(&self, id: &str, why: &str) {
        let Ok(id) = RawValue::from_string(id.to_owned()) else {
            return;
        };
        let error = json!({ "code": -32603, "message": why });
        let message = json!({ "jsonrpc": "2.0", "id": id, "error": error });
        self.tell(message.to_string().as_bytes(), false).await;
    }

    /// Tells the agent what comes unasked.
    async fn listen(self: Arc<Self>) {
        let request = self.request(Method::GET, Bytes::new());
        if let Ok(response) = self.client.request(request).await
            && response.status().is_success()
        {
            // It has none to answer, and ends when the session does.
            let _ended = self.stream(response, (None, false)).await;
        }
    }

    /// Ends the session, if there is one.
    async fn end(&self) {
        let request = self.request(Method::DELETE, Bytes::new());
        if request.headers().contains_key(SESSION) {
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
