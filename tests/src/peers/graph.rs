//! A stand-in for a GraphQL service: it answers every request with what it was given, keeping what it
//! was asked. Nothing in it reads queries, so that what arrives is what the gateway let through.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{RawQuery, State},
    routing::get,
};
use serde_json::Value;

/// The most requests that are kept.
const ASKED_MAX: usize = 1_000;

/// What it answers, and what it was asked.
#[derive(Clone, Default)]
pub struct Graph {
    answer: Arc<Mutex<Value>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Graph {
    /// Answers so from now on.
    pub fn answers(&self, answer: Value) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// What came since the last look.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The service.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/graphql", get(answer).post(answer))
            .with_state(self.clone())
    }
}

async fn answer(State(graph): State<Graph>, query: RawQuery, body: Bytes) -> Json<Value> {
    let mut asked = graph.asked.lock().unwrap_or_else(PoisonError::into_inner);
    if asked.len() < ASKED_MAX {
        let body = String::from_utf8_lossy(&body);
        asked.push(query.0.unwrap_or_default() + &body);
    }
    let answer = graph.answer.lock().unwrap_or_else(PoisonError::into_inner);
    Json(answer.clone())
}
