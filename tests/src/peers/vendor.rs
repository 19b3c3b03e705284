//! Vendors' APIs as far as their own libraries look: paths, credentials, bodies, streams and errors as
//! the vendors document them, with made-up content.
//!
//! What a model is told says what it does: see [`Wish`].

pub mod anthropic;
mod compress;
pub mod gemini;
pub mod openai;
pub mod stripe;
pub mod twilio;

use std::{
    convert::Infallible,
    sync::atomic::{AtomicBool, Ordering},
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

/// What every vendor takes for its key.
pub const KEY: &str = "key-of-the-tests";
/// Personal, and in what every vendor says.
pub const EMAIL: &str = "tamsel.wrenfold@example.org";
/// Personal too.
pub const SSN: &str = "536-22-8471";
/// Not personal, and in what every vendor says.
pub const CLEAN: &str = "The order ships on Tuesday.";

/// Bytes of one piece of a streamed text: what is personal is cut in many places.
const PIECE_BYTES: usize = 5;

/// A card's number, which policy blocks.
pub fn card() -> String {
    format!("4{}", "111 1".repeat(3)) + "111"
}

/// What a model says.
fn words() -> String {
    format!("Write to {EMAIL}; the SSN is {SSN}. {CLEAN}")
}

/// What a model says until it says too much.
fn too_much() -> String {
    format!(
        "{CLEAN} {CLEAN} The card is {}, valid until May. {CLEAN}",
        card()
    )
}

/// Text as a model streams it.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let ends = (PIECE_BYTES..text.len())
        .step_by(PIECE_BYTES)
        .chain([text.len()]);
    let mut from = 0;
    ends.map(move |end| {
        text.get(std::mem::replace(&mut from, end)..end)
            .unwrap_or_default()
    })
}

/// What a model is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// Say what is personal, beside what is not.
    Tell,
    /// The same in the arguments of a tool.
    Tool,
    /// Say too much, late.
    Overshare,
    /// Refuse, since too much was asked.
    Limit,
    /// Fail.
    Fail,
    /// Fail the first time.
    Flaky,
}

/// The wish that stands in a request.
fn wish(request: &[u8]) -> Wish {
    let has = |word: &str| {
        request
            .windows(word.len())
            .any(|part| part == word.as_bytes())
    };
    match () {
        () if has("use the tool") => Wish::Tool,
        () if has("overshare") => Wish::Overshare,
        () if has("be limited") => Wish::Limit,
        () if has("fail once") => Wish::Flaky,
        () if has("fail always") => Wish::Fail,
        () => Wish::Tell,
    }
}

/// Whether a request asks for a stream.
fn is_streamed(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body.get("stream") == Some(&Value::Bool(true))
}

/// Whether something has failed before.
#[derive(Debug, Default)]
struct Once(AtomicBool);

impl Once {
    /// Whether this is the first time.
    fn is_first(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }
}

/// Events, each in a write of its own.
fn events(events: Vec<String>) -> Response {
    let events = futures_util::stream::unfold(events.into_iter(), |mut events| async move {
        let event = Bytes::from(events.next()?);
        tokio::task::yield_now().await;
        Some((Ok::<_, Infallible>(event), events))
    });
    let head = [(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")];
    (head, Body::from_stream(events)).into_response()
}

/// Whether a field reads so.
fn reads(headers: &HeaderMap, name: &str, value: &str) -> bool {
    headers.get(name).is_some_and(|read| read == value)
}
