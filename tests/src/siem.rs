//! Those who are told of findings: a receiver of webhooks and a collector of syslog over TLS, each with
//! somebody else's library as its judge.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use standardwebhooks::Webhook;
use syslog_rfc5424::{SyslogMessage, parse_message};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    clock,
    gateway::{POLL, START_MAX},
    peers::{Peer, Tls},
};

/// A receiver of webhooks.
#[derive(Clone)]
pub struct Hook {
    state: Arc<Received>,
}

struct Received {
    secret: String,
    judge: Webhook,
    /// How many it refuses before it takes one.
    refuse: AtomicUsize,
    taken: Mutex<Vec<Value>>,
    ids: Mutex<HashSet<String>>,
    wrong: Mutex<Vec<String>>,
}

impl Hook {
    /// One that refuses the first so many.
    pub fn new(refuse: usize) -> Result<Self> {
        let mut key = [0_u8; 32];
        rustix::rand::getrandom(&mut key[..], rustix::rand::GetRandomFlags::empty())?;
        let secret = format!("whsec_{}", STANDARD.encode(key));
        let judge = Webhook::new(&secret).context("the key just made is none")?;
        Ok(Self {
            state: Arc::new(Received {
                secret,
                judge,
                refuse: AtomicUsize::new(refuse),
                taken: Mutex::default(),
                ids: Mutex::default(),
                wrong: Mutex::default(),
            }),
        })
    }

    /// The key that must sign.
    pub fn secret(&self) -> &str {
        &self.state.secret
    }

    /// The service.
    pub fn router(&self) -> Router {
        Router::new().fallback(take).with_state(self.clone())
    }

    /// What came and holds, in order; an error if something came that does not hold.
    pub fn taken(&self) -> Result<Vec<Value>> {
        if let Some(wrong) = lock(&self.state.wrong).first() {
            bail!("{wrong}");
        }
        Ok(lock(&self.state.taken).clone())
    }

    /// Waits for an alert like that.
    pub fn until(&self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + START_MAX;
        while Instant::now() < deadline {
            if let Some(found) = self.taken()?.into_iter().find(&wanted) {
                return Ok(found);
            }
            thread::sleep(POLL);
        }
        bail!("no such alert came; these did: {:?}", self.taken()?)
    }
}

async fn take(State(hook): State<Hook>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let state = &hook.state;
    if let Err(error) = state.judge.verify(&body, &headers) {
        lock(&state.wrong).push(format!("a signature does not hold: {error}"));
        return StatusCode::UNAUTHORIZED;
    }
    let one_less = |left: usize| left.checked_sub(1);
    let (set, fetch) = (Ordering::SeqCst, Ordering::SeqCst);
    if state.refuse.fetch_update(set, fetch, one_less).is_ok() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok());
    if !lock(&state.ids).insert(id.unwrap_or_default().to_owned()) {
        lock(&state.wrong).push("an alert came twice".to_owned());
    }
    match serde_json::from_slice(&body) {
        Ok(alert) => lock(&state.taken).push(alert),
        Err(error) => lock(&state.wrong).push(format!("an alert is not JSON: {error}")),
    }
    StatusCode::NO_CONTENT
}

/// A collector of syslog over TLS.
#[derive(Clone, Default)]
pub struct Collector {
    /// Whether it cuts connections, as rsyslog does, without `close_notify`.
    pub cuts: bool,
    taken: Arc<Mutex<Vec<SyslogMessage>>>,
    wrong: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    /// Listens with this certificate.
    pub fn serve(&self, tls: &Tls) -> Result<Peer> {
        let (collector, acceptor) = (self.clone(), TlsAcceptor::from(Arc::clone(tls)));
        Peer::run("127.0.0.1:0", move |listener| {
            collector.collect(listener, acceptor)
        })
    }

    /// What came, in order; an error if something came that is no message.
    pub fn taken(&self) -> Result<Vec<SyslogMessage>> {
        if let Some(wrong) = lock(&self.wrong).first() {
            bail!("{wrong}");
        }
        Ok(lock(&self.taken).clone())
    }

    async fn collect(self, listener: TcpListener, acceptor: TlsAcceptor) {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut text = String::new();
            if let Err(error) = stream.read_to_string(&mut text).await {
                lock(&self.wrong).push(error.to_string());
            }
            match messages(&text) {
                Ok(messages) => lock(&self.taken).extend(messages),
                Err(error) => lock(&self.wrong).push(format!("{error}: {text}")),
            }
            if !self.cuts {
                stream.shutdown().await.ok();
            }
        }
    }
}

/// The messages, whose octets are counted.
fn messages(mut text: &str) -> Result<Vec<SyslogMessage>> {
    let mut messages = Vec::new();
    while !text.is_empty() {
        let (count, rest) = text.split_once(' ').context("no count")?;
        let message = rest
            .get(..count.parse::<usize>()?)
            .context("the count is wrong")?;
        let parsed = parse_message(message)?;
        let seconds = parsed.timestamp.context("no time")?;
        if seconds.abs_diff(i64::try_from(clock::unix_seconds())?) > 3_600 {
            bail!("the time is wrong");
        }
        messages.push(parsed);
        text = rest.get(message.len()..).unwrap_or_default();
    }
    Ok(messages)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
