//! A server of MCP over HTTP whose every session is a process that speaks over pipes.

use std::{
    collections::HashMap,
    convert::Infallible,
    ffi::OsString,
    future::Future,
    io,
    net::{self, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, FromRequest as _, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response, Result},
    routing::post,
};
use futures_util::stream;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    Envelope, MESSAGE_BYTES_MAX, SESSION,
    child::{Refused, Session},
    on_one_line,
};

/// Sessions at a time. A new one ends the one that was idle the longest, if it was for [`IDLE_MIN`].
const SESSIONS_MAX: usize = 64;
/// A session that was spoken to since is not ended for another.
const IDLE_MIN: Duration = Duration::from_mins(5);
/// The path of the endpoint.
const ENDPOINT: &str = "/mcp";

/// After an accept that failed; most fail because there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// How much is taken from whoever connects.
const LIMITS: Limits = Limits {
    connections: 512,
    head: Duration::from_secs(30),
    head_bytes: 32 * 1024,
    body: Duration::from_secs(30),
};

#[derive(Clone, Copy)]
struct Limits {
    /// Connections at a time; more wait to be accepted.
    connections: usize,
    /// How long the head of a request may take, and how long a connection may be without one.
    head: Duration,
    /// The longest head, in bytes.
    head_bytes: usize,
    /// How long a message may take that comes in.
    body: Duration,
}

/// What is served.
struct Server {
    program: Vec<OsString>,
    key: Vec<u8>,
    body_deadline: Duration,
    sessions: Mutex<HashMap<String, Arc<Session>>>,
}

/// Nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum NotServed {
    /// The key and all messages would go in the clear.
    #[error(
        "a server is reached in the clear, at an address of this host alone; `{0}` is none: use \
         one of 127.0.0.0/8, or `::1`"
    )]
    Address(SocketAddr),
    /// The system refuses.
    #[error("it cannot be listened there")]
    Io(#[from] io::Error),
}

/// A server that listens.
pub struct Started {
    listener: TcpListener,
    router: Router,
    server: Arc<Server>,
    limits: Limits,
}

/// A socket for [`serve`].
pub fn listen(address: SocketAddr) -> Result<net::TcpListener, NotServed> {
    here(address)?;
    Ok(net::TcpListener::bind(address)?)
}

/// Listens for whoever has the key: each of their sessions is a process of `program`.
pub fn serve(
    listener: net::TcpListener,
    key: &[u8],
    program: Vec<OsString>,
) -> Result<Started, NotServed> {
    serve_within(listener, key, program, LIMITS)
}

fn serve_within(
    listener: net::TcpListener,
    key: &[u8],
    program: Vec<OsString>,
    limits: Limits,
) -> Result<Started, NotServed> {
    here(listener.local_addr()?)?;
    listener.set_nonblocking(true)?;
    let server = Arc::new(Server {
        program,
        key: key.to_vec(),
        body_deadline: limits.body,
        sessions: Mutex::default(),
    });
    let router = Router::new()
        .route(ENDPOINT, post(message).get(stream_of).delete(end))
        .layer(DefaultBodyLimit::max(MESSAGE_BYTES_MAX))
        // Outermost: of who has no key nothing is read but the head.
        .layer(from_fn_with_state(Arc::clone(&server), admit))
        .with_state(Arc::clone(&server));
    Ok(Started {
        listener: TcpListener::from_std(listener)?,
        router,
        server,
        limits,
    })
}

fn here(address: SocketAddr) -> Result<(), NotServed> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    Err(NotServed::Address(address))
}

impl Started {
    /// Where.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`; the processes of all sessions end with it.
    pub async fn until(self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_) = open.join_next() => {}
                stream = accept(&self.listener), if open.len() < self.limits.connections => {
                    open.spawn(converse(stream, self.router.clone(), self.limits));
                }
            }
        }
        // Streams may be open for as long as their clients are: nobody waits for these. Once none is, no session
        // is opened any more.
        open.shutdown().await;
        for (_, session) in self.server.known().drain() {
            session.end();
        }
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, router: Router, limits: Limits) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

impl Server {
    fn admits(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(header::AUTHORIZATION);
        let shown = shown.and_then(|shown| shown.as_bytes().strip_prefix(b"Bearer "));
        shown.is_some_and(|shown| verify_slices_are_equal(shown, &self.key).is_ok())
    }

    /// The session that a request names.
    fn session(&self, headers: &HeaderMap) -> Result<Arc<Session>, StatusCode> {
        let id = headers.get(SESSION).ok_or(StatusCode::BAD_REQUEST)?;
        let id = id.to_str().map_err(|_| StatusCode::BAD_REQUEST)?;
        let known = self.known().get(id).cloned();
        let session = known.filter(|session| !session.is_over());
        session.ok_or(StatusCode::NOT_FOUND)
    }

    /// A session with a new process.
    fn open(&self) -> Result<(String, Arc<Session>), StatusCode> {
        let mut known = self.known();
        known.retain(|_, session| !session.is_over());
        if known.len() >= SESSIONS_MAX {
            let idle = known
                .iter()
                .filter_map(|(id, session)| Some((session.idle_since()?, id.clone())));
            let oldest = idle.min().filter(|(since, _)| since.elapsed() >= IDLE_MIN);
            let (_, id) = oldest.ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
            if let Some(session) = known.remove(&id) {
                session.end();
            }
        }
        let session = Session::start(&self.program).map_err(|error| {
            tracing::error!(%error, "the server does not start");
            StatusCode::BAD_GATEWAY
        })?;
        let session = Arc::new(session);
        let id = identifier().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
        known.insert(id.clone(), Arc::clone(&session));
        Ok((id, session))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 128 random bits, hexadecimal.
fn identifier() -> Option<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(hex::encode(bytes))
}

/// Lets nobody by without the key.
async fn admit(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    if !server.admits(request.headers()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

async fn message(State(server): State<Arc<Server>>, request: Request) -> Result<Response> {
    let headers = request.headers().clone();
    let body = timeout(server.body_deadline, Bytes::from_request(request, &())).await;
    let body = body.map_err(|_| StatusCode::REQUEST_TIMEOUT)??;
    let envelope = Envelope::read(&body).ok_or(StatusCode::BAD_REQUEST)?;
    let begins = envelope.method.as_deref() == Some("initialize");
    let (id, session) = if begins {
        let (id, session) = server.open()?;
        (Some(id), session)
    } else {
        (None, server.session(&headers)?)
    };
    let answer = session.say(&body, envelope.asks()).await;
    let answer = answer.map_err(|refused| match refused {
        Refused::Over => StatusCode::NOT_FOUND,
        Refused::Busy => StatusCode::CONFLICT,
    })?;
    let mut response = match answer {
        Some(answer) => events(session, answer),
        None => StatusCode::ACCEPTED.into_response(),
    };
    if let Some(id) = id.and_then(|id| id.parse().ok()) {
        response.headers_mut().insert(SESSION, id);
    }
    Ok(response)
}

async fn stream_of(State(server): State<Arc<Server>>, headers: HeaderMap) -> Result<Response> {
    let session = server.session(&headers)?;
    let stream = session.listen();
    Ok(events(session, stream))
}

async fn end(State(server): State<Arc<Server>>, headers: HeaderMap) -> Result<StatusCode> {
    let session = server.session(&headers)?;
    server
        .known()
        .retain(|_, known| !Arc::ptr_eq(known, &session));
    session.end();
    Ok(StatusCode::NO_CONTENT)
}

/// Messages as events, for as long as somebody says some; the session lives as long.
fn events(session: Arc<Session>, messages: mpsc::Receiver<Bytes>) -> Response {
    let events = stream::unfold((session, messages), |(session, mut messages)| async {
        let message = messages.recv().await?;
        let message = on_one_line(message.trim_ascii());
        let event = [b"event: message\ndata: ", &*message, b"\n"].concat();
        Some((Ok::<_, Infallible>(Bytes::from(event)), (session, messages)))
    });
    let kind = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (kind, Body::from_stream(events)).into_response()
}

#[cfg(test)]
mod tests;
