//! One place of a service that is at several: it says where it is, keeps count of what it was asked and with
//! which keys, streams until it is let go, and fails in the way that it is told to.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use anyhow::Result;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{
    Peer,
    trouble::{read_request, wait_for_end},
};

/// The path that it is asked at whether it works; not counted.
pub const HEALTH: &str = "/healthz";

/// What is personal in its things, and at the end of its streams.
const MAIL: &str = "tamsel.wrenfold@example.org";

/// What it does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It answers.
    Work,
    /// It says that it can do nothing.
    Busy,
    /// It hangs up without a word.
    BreakOff,
    /// It says nothing.
    Silence,
}

/// One place.
#[derive(Clone)]
pub struct Place(Arc<Known>);

struct Known {
    name: String,
    mode: Mutex<Mode>,
    asked: AtomicU64,
    open: AtomicU64,
    /// The path of each request and what came as `authorization`, in the order in which they came.
    keys: Mutex<Vec<(String, String)>>,
    go: watch::Sender<bool>,
}

impl Place {
    /// The place that calls itself so.
    pub fn new(name: &str) -> Self {
        Self(Arc::new(Known {
            name: name.to_owned(),
            mode: Mutex::new(Mode::Work),
            asked: AtomicU64::default(),
            open: AtomicU64::default(),
            keys: Mutex::default(),
            go: watch::Sender::new(false),
        }))
    }

    /// Serves it at `address`: `/healthz`, `/stream/…`, anything else is a thing.
    pub fn serve(&self, address: &str) -> Result<Peer> {
        let place = self.clone();
        Peer::run(address, move |listener| accept_all(place, listener))
    }

    /// What it does from now on.
    pub fn turn(&self, mode: Mode) {
        *lock(&self.0.mode) = mode;
    }

    /// How many requests came.
    pub fn asked(&self) -> u64 {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// How many streams are under way.
    pub fn streaming(&self) -> u64 {
        self.0.open.load(Ordering::SeqCst)
    }

    /// The path of each request, and the key that came with it.
    pub fn keys(&self) -> Vec<(String, String)> {
        lock(&self.0.keys).clone()
    }

    /// Lets all streams end, those to come too.
    pub fn let_go(&self) {
        self.0.go.send_replace(true);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept_all(place: Place, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let place = place.clone();
        tokio::spawn(async move {
            // Who calls may hang up.
            serve(place, stream).await.ok();
        });
    }
}

async fn serve(place: Place, mut stream: TcpStream) -> Result<()> {
    while let Some(heard) = read_request(&mut stream).await? {
        let mode = *lock(&place.0.mode);
        let is_check = heard.path == HEALTH;
        if !is_check {
            place.0.asked.fetch_add(1, Ordering::SeqCst);
            let key = heard.field("authorization").unwrap_or_default();
            lock(&place.0.keys).push((heard.path.clone(), key));
        }
        match mode {
            Mode::Work if heard.path.starts_with("/stream/") => flow(&place, &mut stream).await?,
            Mode::Work => thing(&place, &mut stream, 200).await?,
            Mode::Busy => thing(&place, &mut stream, 503).await?,
            Mode::BreakOff => return Ok(()),
            Mode::Silence => return wait_for_end(&mut stream).await,
        }
    }
    Ok(())
}

async fn thing(place: &Place, stream: &mut TcpStream, status: u16) -> Result<()> {
    let body = json!({ "place": place.0.name, "mail": MAIL }).to_string();
    let head = format!(
        "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Ok(stream.write_all((head + &body).as_bytes()).await?)
}

/// An event, then nothing until it is let go, then another. Their words are no text, which might be held to
/// see how it goes on.
async fn flow(place: &Place, stream: &mut TcpStream) -> Result<()> {
    place.0.open.fetch_add(1, Ordering::SeqCst);
    let _open = Open(place);
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    event(stream, r#"{"begins":1}"#).await?;
    let mut go = place.0.go.subscribe();
    let mut hung_up = [0];
    tokio::select! {
        _ = stream.read(&mut hung_up) => return Ok(()),
        gone = go.wait_for(|go| *go) => gone.map(drop)?,
    }
    event(stream, &format!(r#"{{"ends":1,"mail":"{MAIL}"}}"#)).await?;
    Ok(stream.write_all(b"0\r\n\r\n").await?)
}

async fn event(stream: &mut TcpStream, what: &str) -> Result<()> {
    let event = format!("data: {what}\n\n");
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    Ok(stream.write_all(chunk.as_bytes()).await?)
}

/// Counts a stream as under way until it goes.
struct Open<'p>(&'p Place);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}
