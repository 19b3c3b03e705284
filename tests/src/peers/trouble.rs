//! A service that misbehaves on purpose, one path for each way to.
//!
//! It writes HTTP/1.1 by hand, because a server library refuses to do most of this.

pub mod endless;

use std::{io::Write as _, net::SocketAddr, time::Duration};

use anyhow::Result;
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{Peer, formats};

/// The most bytes of a request's head that are read.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How much of a big body is written at once.
const STREAM_CHUNK_BYTES: usize = 64 * 1024;

/// Starts it. The paths:
///
/// `/stall` half a body, then silence · `/reset` half a body, then RST · `/short` less than
/// promised · `/trickle/{milliseconds}` byte by byte with pauses · `/broken` not JSON · `/image`, `/binary` other media types ·
/// `/untyped` no media type · `/gzip` gzip · `/gzip-broken` cut off · `/lzw` a coding that is unknown here ·
/// `/ndjson`, `/csv` and so on a document of that kind · `/chat` what a model streams ·
/// `/word/{kind}-{megabytes}` a document of one string · `/endless/{what}` events for ever ·
/// `/big/{megabytes}` a long JSON array · `/echo/{text}` the text in header, body and status 500 ·
/// `/heard` the names of the request's fields · `/garbage` not HTTP · `/json` nothing wrong · `/silent` no answer at all.
pub fn start(address: &str) -> Result<Peer> {
    Peer::run(address, accept_all)
}

/// What `/json` answers, and `/gzip` once unpacked.
pub fn sample() -> String {
    json!({
        "customer": { "email": "tamsel.wrenfold@example.org", "plan": "delta" },
        "items": [1, 2.50, -3e4, true, null],
        "note": "nothing to see",
    })
    .to_string()
}

async fn accept_all(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            // The point of these connections is that they go wrong.
            serve(stream).await.ok();
        });
    }
}

async fn serve(mut stream: TcpStream) -> Result<()> {
    while let Some(Heard { path, fields, .. }) = read_request(&mut stream).await? {
        let (verb, rest) = path
            .trim_start_matches('/')
            .split_once('/')
            .unwrap_or((path.trim_start_matches('/'), ""));
        match verb {
            "stall" => return stall(&mut stream).await,
            "silent" => return wait_for_end(&mut stream).await,
            "reset" => return reset(stream).await,
            "short" => return promise(&mut stream, 1000).await,
            "garbage" => {
                return Ok(stream
                    .write_all(b"\x00\x01 not http at all\r\n\r\n")
                    .await?);
            }
            "trickle" => trickle(&mut stream, rest.parse().unwrap_or(1)).await?,
            "word" => endless::word(&mut stream, rest).await?,
            "endless" => endless::endless(&mut stream, rest).await?,
            "big" => big(&mut stream, rest.parse().unwrap_or(1)).await?,
            "echo" => echo(&mut stream, rest).await?,
            "heard" => heard(&mut stream, &fields).await?,
            "lie" => return lie(&mut stream).await,
            "chat" => chat(&mut stream).await?,
            "moved" => moved(&mut stream).await?,
            "switch" => return switch(&mut stream).await,
            _ => answer(&mut stream, verb).await?,
        }
    }
    Ok(())
}

/// A request's head.
pub(super) struct Heard {
    pub(super) path: String,
    /// The names of its fields, lower case.
    fields: Vec<String>,
    head: String,
}

impl Heard {
    /// What a field says.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = fields.find(|(it, _)| it.eq_ignore_ascii_case(name))?;
        Some(value.trim().to_owned())
    }
}

/// The next request, its body skipped; none when the caller is done.
pub(super) async fn read_request(stream: &mut TcpStream) -> Result<Option<Heard>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        let mut byte = [0u8];
        if stream.read(&mut byte).await? == 0 {
            return Ok(None);
        }
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<u64>().ok())
        .unwrap_or(0);
    let mut body = stream.take(length);
    tokio::io::copy(&mut body, &mut tokio::io::sink()).await?;
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let fields = fields.map(|(name, _)| name.to_ascii_lowercase()).collect();
    let path = head.split_whitespace().nth(1).map(str::to_owned);
    Ok(path.map(|path| Heard { path, fields, head }))
}

/// Tells which fields came.
async fn heard(stream: &mut TcpStream, fields: &[String]) -> Result<()> {
    let body = json!({ "heard": fields }).to_string();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).await?;
    Ok(())
}

async fn answer(stream: &mut TcpStream, verb: &str) -> Result<()> {
    let sample = sample();
    let (media, coding, body) = match verb {
        "broken" => (
            "application/json",
            "",
            sample.replace(':', " ").into_bytes(),
        ),
        "image" => ("image/png", "", sample.into_bytes()),
        "binary" => ("application/x-parcel", "", sample.into_bytes()),
        "untyped" => ("", "", sample.into_bytes()),
        "gzip" => ("application/json", "gzip", gzip(sample.as_bytes())?),
        "gzip-broken" => {
            let mut whole = gzip(sample.as_bytes())?;
            whole.truncate(whole.len() / 2);
            ("application/json", "gzip", whole)
        }
        "lzw" => ("application/json", "compress", sample.into_bytes()),
        _ => formats::document(verb)?.unwrap_or(("application/json", "", sample.into_bytes())),
    };
    let mut head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in [("content-type", media), ("content-encoding", coding)] {
        if !value.is_empty() {
            head = format!("{head}{name}: {value}\r\n");
        }
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    Ok(stream.write_all(&body).await?)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// A head that promises `length` bytes, and a part of a body.
async fn promise(stream: &mut TcpStream, length: usize) -> Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream
        .write_all(br#"{"email":"tamsel.wrenfold@example.org","orders":["#)
        .await?;
    Ok(stream.flush().await?)
}

async fn stall(stream: &mut TcpStream) -> Result<()> {
    promise(stream, 1000).await?;
    wait_for_end(stream).await
}

/// Says nothing until the other end goes.
pub(super) async fn wait_for_end(stream: &mut TcpStream) -> Result<()> {
    let mut ignored = [0u8; 64];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

async fn reset(mut stream: TcpStream) -> Result<()> {
    promise(&mut stream, 1000).await?;
    // Linger of zero turns the close into an RST.
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(())
}

async fn trickle(stream: &mut TcpStream, pause_ms: u64) -> Result<()> {
    let sample = sample();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        sample.len()
    );
    stream.write_all(head.as_bytes()).await?;
    for byte in sample.bytes() {
        stream.write_all(&[byte]).await?;
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
    }
    Ok(())
}

/// A JSON array of `megabytes` million bytes, of which only one chunk exists at a time.
async fn big(stream: &mut TcpStream, megabytes: u64) -> Result<()> {
    let row = format!("{},", sample());
    let mut chunk = Vec::with_capacity(STREAM_CHUNK_BYTES + row.len());
    while chunk.len() < STREAM_CHUNK_BYTES {
        chunk.extend_from_slice(row.as_bytes());
    }
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(b"1\r\n[\r\n").await?;
    let mut left = megabytes * 1_000_000;
    while left > 0 {
        stream
            .write_all(format!("{:x}\r\n", chunk.len()).as_bytes())
            .await?;
        stream.write_all(&chunk).await?;
        stream.write_all(b"\r\n").await?;
        left = left.saturating_sub(u64::try_from(chunk.len())?);
    }
    Ok(stream.write_all(b"5\r\nnull]\r\n0\r\n\r\n").await?)
}

/// The text everywhere an upstream may put it: reason phrase, header, body.
async fn echo(stream: &mut TcpStream, text: &str) -> Result<()> {
    let body = json!({ "error": format!("no such thing: {text}"), "ssn": text }).to_string();
    let head = format!(
        "HTTP/1.1 500 failed on {text}\r\ncontent-type: application/json\r\nx-debug: {text}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    Ok(stream.write_all(body.as_bytes()).await?)
}

/// Says one length and sends another (RFC 9112 section 6.3: the chunks count).
async fn lie(stream: &mut TcpStream) -> Result<()> {
    let body = sample();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let answer = format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    Ok(stream.write_all(answer.as_bytes()).await?)
}

/// A model that says where to write, event by event.
async fn chat(stream: &mut TcpStream) -> Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let text = format!(
        "You may write to {} at any time, of course.",
        formats::ADDRESS
    );
    for event in formats::chat(&text) {
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        stream.write_all(chunk.as_bytes()).await?;
        stream.flush().await?;
    }
    Ok(stream.write_all(b"0\r\n\r\n").await?)
}

async fn moved(stream: &mut TcpStream) -> Result<()> {
    let page = "<p>It went.</p>";
    let answer = format!(
        "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-type: image/svg\r\n\
         content-length: {}\r\n\r\n{page}",
        page.len()
    );
    Ok(stream.write_all(answer.as_bytes()).await?)
}

async fn switch(stream: &mut TcpStream) -> Result<()> {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n";
    Ok(stream.write_all(answer.as_bytes()).await?)
}

/// The address of a port that nobody listens on.
pub fn nobody() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
