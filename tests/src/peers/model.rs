//! A language model as far as the wire shows one: it repeats what it was told, in words and in the
//! arguments of a tool call, which are JSON within a string of JSON.

use std::{fmt::Write as _, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

/// Bytes of one piece of a streamed answer: tokens are cut in many places.
const PIECE_BYTES: usize = 7;

/// The service.
pub fn router() -> Router {
    Router::new()
        .route("/answers", post(answer))
        .route("/streams", post(stream))
        .route("/events", post(events))
}

/// What it answers to a request.
fn reply(request: &Value) -> Value {
    let mut words = String::from("You said: ");
    for message in request["messages"].as_array().into_iter().flatten() {
        let content = message["content"].as_str().unwrap_or_default();
        write!(words, "{content}; ").ok();
    }
    let arguments = json!({ "note": words, "urgent": true }).to_string();
    json!({
        "content": words,
        "tool_calls": [{ "function": { "name": "note", "arguments": arguments } }],
    })
}

async fn answer(Json(request): Json<Value>) -> Json<Value> {
    Json(reply(&request))
}

/// The same as the events of OpenAI's chat completions: words and arguments a few letters at a time.
async fn events(Json(request): Json<Value>) -> Response {
    let said = reply(&request);
    let words = said
        .get("content")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let arguments = said
        .pointer("/tool_calls/0/function/arguments")
        .and_then(Value::as_str);
    let mut text = String::new();
    let mut event = |delta: Value| {
        let choices = json!([{ "index": 0, "delta": delta, "finish_reason": null }]);
        let data = json!({ "object": "chat.completion.chunk", "choices": choices });
        write!(text, "data: {data}\n\n").ok();
    };
    for piece in pieces(words) {
        event(json!({ "content": piece }));
    }
    for piece in pieces(arguments.unwrap_or_default()) {
        let call = json!({ "index": 0, "function": { "arguments": piece } });
        event(json!({ "tool_calls": [call] }));
    }
    text.push_str("data: [DONE]\n\n");
    ([(header::CONTENT_TYPE, "text/event-stream")], text).into_response()
}

fn pieces(text: &str) -> impl Iterator<Item = String> {
    let letters: Vec<char> = text.chars().collect();
    let pieces = letters
        .chunks(PIECE_BYTES)
        .map(|piece| piece.iter().collect());
    pieces.collect::<Vec<String>>().into_iter()
}

/// The same in small pieces, longer than what a gateway judges whole.
async fn stream(Json(request): Json<Value>) -> Response {
    let padding = "lorem ipsum ".repeat(8 * 1024);
    let text = json!({ "answer": reply(&request), "padding": padding }).to_string();
    let (small, rest) = text.split_at(text.find("padding").unwrap_or_default());
    let mut pieces: Vec<Bytes> = small
        .as_bytes()
        .chunks(PIECE_BYTES)
        .map(Bytes::copy_from_slice)
        .collect();
    pieces.push(Bytes::copy_from_slice(rest.as_bytes()));
    let pieces = futures_util::stream::unfold(pieces.into_iter(), |mut pieces| async move {
        // Each piece its own write.
        tokio::time::sleep(Duration::from_micros(50)).await;
        pieces
            .next()
            .map(|piece| (Ok::<_, std::convert::Infallible>(piece), pieces))
    });
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, Body::from_stream(pieces)).into_response()
}
