//! Anthropic: messages (<https://docs.anthropic.com/en/api/messages>, `/messages-streaming`, `/errors`).

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    middleware::from_fn,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{
    KEY, Once, Wish, compress::compress, events, is_streamed, pieces, reads, too_much, wish, words,
};

/// The service.
pub fn router() -> Router {
    Router::new()
        .route("/v1/messages", post(message))
        .route(
            "/v1/models",
            get(async || Json(json!({"data": [], "has_more": false}))),
        )
        .with_state(Arc::default())
        .layer(from_fn(compress))
}

fn error(status: StatusCode, kind: &str, message: &str) -> Response {
    let error = json!({"type": "error", "request_id": "req_7", "error": {"type": kind, "message": message}});
    (status, [("request-id", "req_7")], Json(error)).into_response()
}

/// Whether the caller shows its key, in the field of today or in that of before, and a version.
fn is_known(headers: &HeaderMap) -> bool {
    let bearer = format!("Bearer {KEY}");
    let known = reads(headers, "x-api-key", KEY) || reads(headers, "authorization", &bearer);
    known && headers.contains_key("anthropic-version")
}

async fn message(State(once): State<Arc<Once>>, headers: HeaderMap, body: Bytes) -> Response {
    let wish = wish(&body);
    match wish {
        _ if !is_known(&headers) => {
            return error(
                StatusCode::UNAUTHORIZED,
                "authentication_error",
                "invalid API key",
            );
        }
        Wish::Limit => {
            let why = "This request would exceed your rate limit.";
            return error(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", why);
        }
        Wish::Flaky if once.is_first() => {
            let overloaded = StatusCode::from_u16(529).unwrap_or_default();
            let mut refused = error(overloaded, "overloaded_error", "Overloaded");
            refused.headers_mut().extend(
                "1".parse()
                    .map(|after| ("retry-after-ms".parse().ok(), after)),
            );
            return refused;
        }
        Wish::Fail => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return error(status, "api_error", "Internal server error");
        }
        _ => {}
    }
    let text = if wish == Wish::Overshare {
        too_much()
    } else {
        words()
    };
    if is_streamed(&body) {
        return events(stream(wish, &text));
    }
    let block = match wish {
        Wish::Tool => {
            json!({"type": "tool_use", "id": "toolu_7", "name": "note", "input": {"text": text}})
        }
        _ => json!({"type": "text", "text": text}),
    };
    let reason = if wish == Wish::Tool {
        "tool_use"
    } else {
        "end_turn"
    };
    Json(begun(&json!([block]), Some(reason))).into_response()
}

/// A message with this content.
fn begun(content: &Value, reason: Option<&str>) -> Value {
    json!({
        "id": "msg_7", "type": "message", "role": "assistant", "model": "claude-tests", "content": content,
        "stop_reason": reason, "stop_sequence": null,
        "usage": {"input_tokens": 9, "output_tokens": 12, "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0, "service_tier": "standard"},
    })
}

/// The events of a message, a ping among them.
fn stream(wish: Wish, text: &str) -> Vec<String> {
    let tool = wish == Wish::Tool;
    let (text, block, reason) = if tool {
        let block = json!({"type": "tool_use", "id": "toolu_7", "name": "note", "input": {}});
        (
            json!({"text": text, "urgent": true}).to_string(),
            block,
            "tool_use",
        )
    } else {
        (
            text.to_owned(),
            json!({"type": "text", "text": ""}),
            "end_turn",
        )
    };
    let delta = |piece: &str| {
        if tool {
            json!({"type": "input_json_delta", "partial_json": piece})
        } else {
            json!({"type": "text_delta", "text": piece})
        }
    };
    let mut events = vec![
        json!({"type": "message_start", "message": begun(&json!([]), None)}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "ping"}),
    ];
    events
        .extend(pieces(&text).map(
            |piece| json!({"type": "content_block_delta", "index": 0, "delta": delta(piece)}),
        ));
    events.extend([
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
            "usage": {"output_tokens": 12}}),
        json!({"type": "message_stop"}),
    ]);
    let written = |event: &Value| {
        let kind = event["type"].as_str().unwrap_or_default();
        format!("event: {kind}\ndata: {event}\n\n")
    };
    events.iter().map(written).collect()
}
