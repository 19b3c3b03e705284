//! An analytics service in the US. It keeps what it was sent, so that everyone can see what
//! arrived there.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Value, json};

/// The most messages that are kept; the oldest go first.
const RECEIVED_MAX: usize = 1_000;

type Received = Arc<Mutex<VecDeque<Value>>>;

/// The service.
pub fn router() -> Router {
    Router::new()
        .route("/events", post(take))
        .route("/export", post(take))
        .route("/received", get(received))
        .with_state(Received::default())
}

async fn take(State(kept): State<Received>, body: Bytes) -> (StatusCode, Json<Value>) {
    let message = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() == RECEIVED_MAX {
        kept.pop_front();
    }
    kept.push_back(message);
    let receipt = json!({ "receipt": kept.len(), "bytes": body.len() });
    (StatusCode::ACCEPTED, Json(receipt))
}

async fn received(State(kept): State<Received>) -> Json<Value> {
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    Json(json!({ "received": kept.iter().collect::<Vec<_>>() }))
}
