//! A language model that says what it used: as much as the request says that it will.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

/// How often it was asked.
#[derive(Clone, Debug, Default)]
pub struct Asked(Arc<AtomicU64>);

impl Asked {
    /// So often.
    pub fn times(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The service.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/chat/completions", post(answer))
            .with_state(self.clone())
    }
}

/// `used` of the request is what it reads and writes; with `silent` it does not say so, with `fail` it
/// fails, with `stream` it answers in events.
async fn answer(State(asked): State<Asked>, Json(request): Json<Value>) -> Response {
    asked.0.fetch_add(1, Ordering::Relaxed);
    let said = |at: &str| request.pointer(at).cloned().unwrap_or_default();
    let is = |at: &str| said(at) == true;
    if is("/fail") {
        return (
            StatusCode::INTERNAL_SERVER_ERROR,
            Json(json!({ "error": {} })),
        )
            .into_response();
    }
    let usage = json!({ "prompt_tokens": said("/used/0"), "completion_tokens": said("/used/1") });
    let usage = if is("/silent") { Value::Null } else { usage };
    let model = said("/model");
    if !is("/stream") {
        let choices = json!([{ "message": { "role": "assistant", "content": "So be it." } }]);
        let whole = json!({ "object": "chat.completion", "model": model, "choices": choices,
            "usage": usage });
        return Json(whole).into_response();
    }
    let event = |choices: Value, usage: &Value| {
        let chunk = json!({ "object": "chat.completion.chunk", "model": model,
            "choices": choices, "usage": usage });
        format!("data: {chunk}\n\n")
    };
    let word = json!([{ "index": 0, "delta": { "content": "So be it." } }]);
    let events = [
        event(word, &Value::Null),
        event(json!([]), &usage),
        "data: [DONE]\n\n".to_owned(),
    ];
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    (kind, events.concat()).into_response()
}
