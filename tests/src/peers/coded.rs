//! A service whose answers are coded as their path says, and that sends events when it is told to.

use std::{convert::Infallible, io::Write as _, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use tokio::sync::Notify;

use super::formats::ADDRESS;

/// Events of one stream.
pub const EVENTS: usize = 4;

/// The service: `/clean`, `/personal` and `/short` are documents, `/heard` what the request asked for,
/// `/events` a stream of which `/next` sends one more.
pub fn router() -> Router {
    Router::new()
        .route("/{document}", get(document))
        .route("/heard", get(heard))
        .route("/events", get(events))
        .route(
            "/next",
            post(async |State(next): State<Next>| next.notify_one()),
        )
        .with_state(Next::default())
}

type Next = Arc<Notify>;

/// What a document reads once it is decoded.
pub fn plain(document: &str) -> String {
    let email = if document == "personal" {
        ADDRESS
    } else {
        "none"
    };
    let rows = if document == "short" { 1 } else { 200 };
    let rows: Vec<_> = (0..rows)
        .map(|n| json!({"row": n, "note": "nothing to see"}))
        .collect();
    json!({"email": email, "rows": rows}).to_string()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).ok();
    encoder.finish().unwrap_or_default()
}

async fn document(Path(document): Path<String>) -> Response {
    let head = [
        (header::CONTENT_TYPE.as_str(), "application/json"),
        (header::CONTENT_ENCODING.as_str(), "gzip"),
        (header::ETAG.as_str(), "\"seven\""),
        (header::VARY.as_str(), "origin"),
        ("repr-digest", "sha-256=:AAAA:"),
    ];
    (head, gzip(plain(&document).as_bytes())).into_response()
}

async fn heard(headers: HeaderMap) -> Response {
    let asked = headers.get(header::ACCEPT_ENCODING);
    let asked = asked.and_then(|asked| asked.to_str().ok());
    axum::Json(json!({ "asked": asked })).into_response()
}

/// Events under gzip, each once it was asked for.
async fn events(State(next): State<Next>) -> Response {
    let encoder = GzEncoder::new(Vec::new(), Compression::default());
    let pieces = futures_util::stream::unfold((0, Some(encoder)), move |(sent, mut encoder)| {
        let next = Arc::clone(&next);
        async move {
            if sent == EVENTS {
                let rest = encoder.take()?.finish().ok()?;
                return Some((Ok::<_, Infallible>(Bytes::from(rest)), (sent, encoder)));
            }
            next.notified().await;
            let gzip = encoder.as_mut()?;
            write!(gzip, "data: {{\"event\":{sent}}}\n\n").ok()?;
            gzip.flush().ok()?;
            let piece = Bytes::from(std::mem::take(gzip.get_mut()));
            Some((Ok(piece), (sent + 1, encoder)))
        }
    });
    let head = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CONTENT_ENCODING, "gzip"),
    ];
    (head, Body::from_stream(pieces)).into_response()
}
