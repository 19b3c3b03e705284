//! A mail service in the European Union: takes messages, hands them back.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Value, json};

/// The most messages that one run keeps.
const MESSAGES_MAX: usize = 1_000;

type Messages = Arc<Mutex<Vec<Value>>>;

/// The service.
pub fn router() -> Router {
    Router::new()
        .route("/messages", post(send))
        .route("/messages/{message}", get(read))
        .with_state(Messages::default())
}

async fn send(
    State(messages): State<Messages>,
    Json(message): Json<Value>,
) -> Result<(StatusCode, Json<Value>), StatusCode> {
    let mut messages = messages.lock().unwrap_or_else(PoisonError::into_inner);
    if messages.len() >= MESSAGES_MAX {
        return Err(StatusCode::INSUFFICIENT_STORAGE);
    }
    messages.push(message);
    Ok((
        StatusCode::ACCEPTED,
        Json(json!({ "message": messages.len(), "state": "queued" })),
    ))
}

async fn read(
    State(messages): State<Messages>,
    Path(message): Path<usize>,
) -> Result<Json<Value>, StatusCode> {
    let messages = messages.lock().unwrap_or_else(PoisonError::into_inner);
    let index = message.checked_sub(1).ok_or(StatusCode::NOT_FOUND)?;
    messages
        .get(index)
        .cloned()
        .map(Json)
        .ok_or(StatusCode::NOT_FOUND)
}
