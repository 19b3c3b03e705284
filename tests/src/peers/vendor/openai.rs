//! OpenAI: chat completions and responses
//! (<https://platform.openai.com/docs/api-reference/chat>, `/responses`).

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
        .route("/v1/chat/completions", post(chat))
        .route("/v1/responses", post(respond))
        .route(
            "/v1/models",
            get(async || Json(json!({"object": "list", "data": []}))),
        )
        .with_state(Arc::default())
        .layer(from_fn(compress))
}

/// What is refused before anything is said.
fn refused(headers: &HeaderMap, wish: Wish, once: &Once) -> Option<Response> {
    let error = |status, kind: &str, code: &str, message: &str| {
        let error =
            json!({"error": {"message": message, "type": kind, "param": null, "code": code}});
        Some((status, [("x-request-id", "req_7")], Json(error)).into_response())
    };
    match wish {
        _ if !reads(headers, "authorization", &format!("Bearer {KEY}")) => error(
            StatusCode::UNAUTHORIZED,
            "invalid_request_error",
            "invalid_api_key",
            "Incorrect API key provided.",
        ),
        Wish::Limit => error(
            StatusCode::TOO_MANY_REQUESTS,
            "requests",
            "rate_limit_exceeded",
            "Rate limit reached for requests.",
        ),
        Wish::Flaky if once.is_first() => {
            let mut refused = StatusCode::SERVICE_UNAVAILABLE.into_response();
            let after = "1".parse().ok()?;
            refused.headers_mut().insert("retry-after-ms", after);
            Some(refused)
        }
        Wish::Fail => error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "server_error",
            "The server had an error.",
        ),
        _ => None,
    }
}

fn tool() -> Value {
    json!({"name": "note", "arguments": arguments()})
}

/// The arguments of a tool are JSON within a string of JSON.
fn arguments() -> String {
    json!({"text": words(), "urgent": true}).to_string()
}

async fn chat(State(once): State<Arc<Once>>, headers: HeaderMap, body: Bytes) -> Response {
    let wish = wish(&body);
    if let Some(refused) = refused(&headers, wish, &once) {
        return refused;
    }
    if is_streamed(&body) {
        return events(chunks(wish));
    }
    let calls = json!([{"id": "call_7", "type": "function", "function": tool()}]);
    let (content, more, reason) = match wish {
        Wish::Tool => (None, json!({"tool_calls": calls}), "tool_calls"),
        Wish::Overshare => (Some(too_much()), json!({}), "stop"),
        _ => (Some(words()), json!({}), "stop"),
    };
    let message =
        json!({"role": "assistant", "content": content, "refusal": null, "annotations": []});
    let message = with(&message, more);
    let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": reason});
    Json(json!({
        "id": "chatcmpl-7", "object": "chat.completion", "created": 1_760_000_000, "model": "gpt-tests",
        "choices": [choice],
        "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
        "service_tier": "default", "system_fingerprint": "fp_7",
    }))
    .into_response()
}

/// The events of a chat completion.
fn chunks(wish: Wish) -> Vec<String> {
    let chunk = |delta: Value, reason: Option<&str>| {
        let chunk = json!({
            "id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 1_760_000_000,
            "model": "gpt-tests", "system_fingerprint": "fp_7",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}],
        });
        format!("data: {chunk}\n\n")
    };
    let mut events = vec![chunk(
        json!({"role": "assistant", "content": "", "refusal": null}),
        None,
    )];
    let text = if wish == Wish::Overshare {
        too_much()
    } else {
        words()
    };
    if wish == Wish::Tool {
        let call = |function: Value| json!({"tool_calls": [{"index": 0, "function": function}]});
        let begun = json!({"index": 0, "id": "call_7", "type": "function",
            "function": {"name": "note", "arguments": ""}});
        events.push(chunk(json!({"tool_calls": [begun]}), None));
        events.extend(
            pieces(&arguments()).map(|piece| chunk(call(json!({"arguments": piece})), None)),
        );
        events.push(chunk(json!({}), Some("tool_calls")));
    } else {
        events.extend(pieces(&text).map(|piece| chunk(json!({"content": piece}), None)));
        events.push(chunk(json!({}), Some("stop")));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}

/// A response of the other interface.
fn response(status: &str, text: Option<&str>) -> Value {
    let message = |text: &str| {
        json!({"type": "message", "id": "msg_7", "status": "completed", "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]})
    };
    json!({
        "id": "resp_7", "object": "response", "created_at": 1_760_000_000, "status": status, "error": null,
        "incomplete_details": null, "instructions": null, "max_output_tokens": null, "model": "gpt-tests",
        "output": text.map(message).into_iter().collect::<Vec<_>>(), "parallel_tool_calls": true,
        "previous_response_id": null, "reasoning": {"effort": null, "summary": null}, "store": false,
        "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [],
        "top_p": 1.0, "truncation": "disabled", "user": null, "metadata": {},
        "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 12,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 21},
    })
}

async fn respond(State(once): State<Arc<Once>>, headers: HeaderMap, body: Bytes) -> Response {
    let wish = wish(&body);
    if let Some(refused) = refused(&headers, wish, &once) {
        return refused;
    }
    let text = if wish == Wish::Overshare {
        too_much()
    } else {
        words()
    };
    if !is_streamed(&body) {
        return Json(response("completed", Some(&text))).into_response();
    }
    let item = json!({"type": "message", "id": "msg_7", "status": "in_progress", "role": "assistant", "content": []});
    let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
    let at = json!({"item_id": "msg_7", "output_index": 0, "content_index": 0});
    let mut events = vec![
        (
            "response.created",
            json!({"response": response("in_progress", None)}),
        ),
        (
            "response.in_progress",
            json!({"response": response("in_progress", None)}),
        ),
        (
            "response.output_item.added",
            json!({"output_index": 0, "item": item}),
        ),
        (
            "response.content_part.added",
            with(&at, json!({"part": part("")})),
        ),
    ];
    events.extend(pieces(&text).map(|piece| {
        (
            "response.output_text.delta",
            with(&at, json!({"delta": piece, "logprobs": []})),
        )
    }));
    let whole = response("completed", Some(&text));
    events.extend([
        (
            "response.output_text.done",
            with(&at, json!({"text": text, "logprobs": []})),
        ),
        (
            "response.content_part.done",
            with(&at, json!({"part": part(&text)})),
        ),
        (
            "response.output_item.done",
            json!({"output_index": 0, "item": whole.pointer("/output/0")}),
        ),
        ("response.completed", json!({"response": whole})),
    ]);
    let events = events
        .into_iter()
        .enumerate()
        .map(|(number, (kind, event))| {
            let event = with(&event, json!({"type": kind, "sequence_number": number}));
            format!("event: {kind}\ndata: {event}\n\n")
        });
    super::events(events.collect())
}

/// Members of both.
fn with(one: &Value, other: Value) -> Value {
    let mut all = one.clone();
    if let (Some(all), Value::Object(other)) = (all.as_object_mut(), other) {
        all.extend(other);
    }
    all
}
