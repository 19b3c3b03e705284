//! An endpoint of chat completions that says whatever it is told to say, whomever it serves by that: the
//! worst model that anybody may put there.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde_json::json;

/// The most requests that are kept.
const HEARD_MAX: usize = 10_000;

/// What it says.
#[derive(Clone, Debug)]
pub enum Says {
    /// This text, as a model does.
    Text(String),
    /// This body, whatever it is, under this status.
    Body(u16, String),
    /// A text that does not end.
    Endless,
    /// Nothing, ever.
    Nothing,
}

/// The endpoint.
#[derive(Clone)]
pub struct Chooser {
    says: Arc<Mutex<Says>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Default for Chooser {
    fn default() -> Self {
        Self {
            says: Arc::new(Mutex::new(Says::Nothing)),
            heard: Arc::default(),
        }
    }
}

impl Chooser {
    /// Says this from now on.
    pub fn says(&self, says: Says) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = says;
    }

    /// What it was asked since the last look.
    pub fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The service.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/v1/chat/completions", post(complete))
            .with_state(self.clone())
    }
}

async fn complete(State(chooser): State<Chooser>, body: Bytes) -> Response {
    let says = {
        let mut heard = chooser.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() < HEARD_MAX {
            heard.push(String::from_utf8_lossy(&body).into_owned());
        }
        chooser
            .says
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    };
    let json = [(header::CONTENT_TYPE, "application/json")];
    match says {
        Says::Text(text) => {
            let message = json!({ "role": "assistant", "content": text });
            let choices = json!([{ "index": 0, "finish_reason": "stop", "message": message }]);
            let usage = json!({ "prompt_tokens": 321, "completion_tokens": 17 });
            let reply = json!({ "object": "chat.completion", "choices": choices, "usage": usage });
            (json, reply.to_string()).into_response()
        }
        Says::Body(status, body) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
            (status, json, body).into_response()
        }
        Says::Endless => {
            let piece = Bytes::from(" ".repeat(16 * 1024));
            let pieces =
                futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(piece.clone()));
            (json, Body::from_stream(pieces)).into_response()
        }
        Says::Nothing => std::future::pending().await,
    }
}
