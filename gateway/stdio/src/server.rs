//! A server of MCP over HTTP whose every session is a process that speaks over pipes.

use std::{
    collections::HashMap,
    convert::Infallible,
    ffi::OsString,
    future::Future,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use futures_util::stream;
use tokio::{net::TcpListener, sync::mpsc};

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

/// What is served.
struct Server {
    program: Vec<OsString>,
    key: Vec<u8>,
    sessions: Mutex<HashMap<String, Arc<Session>>>,
}

/// A server that listens.
pub struct Started {
    listener: TcpListener,
    router: Router,
}

/// Listens for whoever has the key: each of their sessions is a process of `program`.
pub async fn serve(address: SocketAddr, key: &[u8], program: Vec<OsString>) -> io::Result<Started> {
    let server = Arc::new(Server {
        program,
        key: key.to_vec(),
        sessions: Mutex::default(),
    });
    let router = Router::new()
        .route(ENDPOINT, post(message).get(listen).delete(end))
        .layer(DefaultBodyLimit::max(MESSAGE_BYTES_MAX))
        .with_state(server);
    Ok(Started {
        listener: TcpListener::bind(address).await?,
        router,
    })
}

impl Started {
    /// Where.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`; the processes of all sessions end with it.
    pub async fn until(self, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        // Streams may be open for as long as their clients are: nobody waits for these.
        let serving = axum::serve(self.listener, self.router).into_future();
        tokio::select! {
            served = serving => served,
            () = stop => Ok(()),
        }
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
        if !self.admits(headers) {
            return Err(StatusCode::UNAUTHORIZED);
        }
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

async fn message(
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, StatusCode> {
    if !server.admits(&headers) {
        return Err(StatusCode::UNAUTHORIZED);
    }
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

async fn listen(
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
) -> Result<Response, StatusCode> {
    let session = server.session(&headers)?;
    let stream = session.listen();
    Ok(events(session, stream))
}

async fn end(
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
) -> Result<StatusCode, StatusCode> {
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
