//! Google's Gemini: `generateContent` and `streamGenerateContent`
//! (<https://ai.google.dev/api/generate-content>).

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    middleware::from_fn,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{KEY, Once, Wish, compress::compress, events, pieces, reads, too_much, wish, words};

/// The service.
pub fn router() -> Router {
    Router::new()
        .route("/v1/models/{call}", post(generate))
        .route("/v1/models", get(async || Json(json!({"models": []}))))
        .with_state(Arc::default())
        .layer(from_fn(compress))
}

fn error(code: StatusCode, status: &str, message: &str) -> Response {
    let error = json!({"error": {"code": code.as_u16(), "message": message, "status": status}});
    (code, Json(error)).into_response()
}

async fn generate(
    State(once): State<Arc<Once>>,
    Path(call): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let wish = wish(&body);
    match wish {
        _ if !reads(&headers, "x-goog-api-key", KEY) => {
            return error(
                StatusCode::FORBIDDEN,
                "PERMISSION_DENIED",
                "API key not valid.",
            );
        }
        Wish::Limit => {
            let why = "You exceeded your current quota.";
            return error(StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED", why);
        }
        Wish::Flaky if once.is_first() => {
            let why = "The model is overloaded.";
            return error(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", why);
        }
        Wish::Fail => {
            let why = "An internal error has occurred.";
            return error(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", why);
        }
        _ => {}
    }
    let text = if wish == Wish::Overshare {
        too_much()
    } else {
        words()
    };
    let tool = json!({"functionCall": {"name": "note", "args": {"text": words(), "urgent": true}}});
    if !call.ends_with(":streamGenerateContent") {
        let part = if wish == Wish::Tool {
            tool
        } else {
            json!({"text": text})
        };
        return Json(answer(&part, Some("STOP"))).into_response();
    }
    let parts: Vec<Value> = match wish {
        Wish::Tool => vec![tool],
        _ => pieces(&text).map(|piece| json!({"text": piece})).collect(),
    };
    let last = parts.len() - 1;
    let written = parts.iter().enumerate().map(|(number, part)| {
        // Lines end as Google ends them.
        format!(
            "data: {}\r\n\r\n",
            answer(part, (number == last).then_some("STOP"))
        )
    });
    events(written.collect())
}

/// One answer, or one event of a streamed one.
fn answer(part: &Value, reason: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"parts": [part], "role": "model"}, "index": 0});
    if let (Some(candidate), Some(reason)) = (candidate.as_object_mut(), reason) {
        candidate.insert("finishReason".to_owned(), reason.into());
    }
    json!({
        "candidates": [candidate], "modelVersion": "gemini-tests", "responseId": "r-7",
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 12, "totalTokenCount": 21},
    })
}
