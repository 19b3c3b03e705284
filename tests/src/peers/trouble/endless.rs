//! Bodies that do not end, or not before long: one string of any length, events without number, an
//! event without end.

use anyhow::Result;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::STREAM_CHUNK_BYTES;
use crate::peers::formats::ADDRESS;

/// A kind of document with room for one long string: media type, what stands before it and behind.
const ROOMS: [(&str, &str, &str, &str); 9] = [
    ("json", "application/json", "{\"note\":\"", "\"}"),
    (
        "ndjson",
        "application/x-ndjson",
        "{\"n\":1}\n{\"note\":\"",
        "\"}\n",
    ),
    ("events", "text/event-stream", "data: ", "\n\n"),
    ("csv", "text/csv", "id,note\n1,", "\n"),
    ("xml", "application/xml", "<r><note>", "</note></r>"),
    ("page", "text/html", "<p>", "</p>"),
    ("plain", "text/plain", "", "\n"),
    ("form", "application/x-www-form-urlencoded", "n=1&note=", ""),
    (
        "parts",
        "multipart/form-data; boundary=frontier",
        "--frontier\r\ncontent-disposition: form-data; name=\"note\"; filename=\"note.txt\"\r\n\
         content-type: text/plain\r\n\r\n",
        "\r\n--frontier--\r\n",
    ),
];

/// The kinds that [`word`] knows.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    ROOMS.iter().map(|(kind, ..)| *kind)
}

/// A document of one string of so many millions of bytes: `kind-megabytes`.
pub(super) async fn word(stream: &mut TcpStream, rest: &str) -> Result<()> {
    let (kind, megabytes) = rest.split_once('-').unwrap_or((rest, "1"));
    let room = ROOMS.iter().find(|(name, ..)| *name == kind);
    let (_, media, before, behind) = room.unwrap_or(&ROOMS[0]);
    let mut left = megabytes.parse().unwrap_or(1) * 1_000_000_usize;
    head(stream, media).await?;
    chunk(stream, before.as_bytes()).await?;
    let letters = vec![b'x'; STREAM_CHUNK_BYTES];
    while left > 0 {
        chunk(stream, &letters).await?;
        left = left.saturating_sub(letters.len());
    }
    chunk(stream, behind.as_bytes()).await?;
    Ok(stream.write_all(b"0\r\n\r\n").await?)
}

/// A stream of events that ends when its reader goes: `events`, `event` (lines of one), `comment`.
pub(super) async fn endless(stream: &mut TcpStream, what: &str) -> Result<()> {
    head(stream, "text/event-stream").await?;
    let piece = match what {
        "events" => format!("data: {{\"email\":\"{ADDRESS}\"}}\n\n").repeat(1024),
        "event" => "data: more of the same\n".repeat(2048),
        _ => format!(": {}", "x".repeat(STREAM_CHUNK_BYTES)),
    };
    loop {
        chunk(stream, piece.as_bytes()).await?;
    }
}

async fn head(stream: &mut TcpStream, media: &str) -> Result<()> {
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ntransfer-encoding: chunked\r\n\r\n");
    Ok(stream.write_all(head.as_bytes()).await?)
}

async fn chunk(stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() {
        // An empty chunk would end the body.
        return Ok(());
    }
    stream
        .write_all(format!("{:x}\r\n", bytes.len()).as_bytes())
        .await?;
    stream.write_all(bytes).await?;
    Ok(stream.write_all(b"\r\n").await?)
}
