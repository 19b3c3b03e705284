//! A third party's API that wants a key: it says whether the right one came, counts who asked, and
//! repeats the key where real services have been seen to.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use futures_util::stream;
use serde_json::json;

/// What the service knows, for the test to look at and change.
#[derive(Clone, Default)]
pub struct Keyed(Arc<Known>);

#[derive(Default)]
struct Known {
    /// What must come for a key, as a whole field `authorization`.
    wanted: Mutex<String>,
    asked: AtomicU64,
    /// What came instead, the last time.
    came: Mutex<Vec<(String, String)>>,
}

impl Keyed {
    /// Demands this field from now on.
    pub fn want(&self, field: &str) {
        let mut wanted = self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        field.clone_into(&mut wanted);
    }

    /// How many requests came at all.
    pub fn asked(&self) -> u64 {
        self.0.asked.load(Ordering::Relaxed)
    }

    /// The fields of the last request.
    pub fn came(&self) -> Vec<(String, String)> {
        self.0
            .came
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The service.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/things/{thing}", get(thing))
            .route("/leak", get(leak))
            .route("/things", post(thing_of_body))
            .with_state(self.clone())
    }

    fn take(&self, fields: &HeaderMap) -> Result<String, StatusCode> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let came = fields
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)));
        *self.0.came.lock().unwrap_or_else(PoisonError::into_inner) = came.collect();
        let wanted = self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = fields.get(header::AUTHORIZATION).map(text);
        shown
            .filter(|shown| *shown == *wanted)
            .ok_or(StatusCode::UNAUTHORIZED)
    }
}

async fn thing(
    State(keyed): State<Keyed>,
    Path(thing): Path<String>,
    fields: HeaderMap,
) -> Result<Response, StatusCode> {
    keyed.take(&fields)?;
    Ok(Json(json!({ "id": thing, "colour": "green" })).into_response())
}

async fn thing_of_body(
    State(keyed): State<Keyed>,
    fields: HeaderMap,
    body: Bytes,
) -> Result<Response, StatusCode> {
    keyed.take(&fields)?;
    Ok(Json(json!({ "bytes": body.len() })).into_response())
}

/// Repeats the key: in a field, in a link, and in a body that comes in pieces of three bytes.
async fn leak(
    State(keyed): State<Keyed>,
    uri: Uri,
    fields: HeaderMap,
) -> Result<Response, StatusCode> {
    let shown = keyed.take(&fields)?;
    let key = shown.rsplit(' ').next().unwrap_or_default().to_owned();
    let body =
        json!({ "error": format!("key {key} is fine"), "asked": uri.to_string() }).to_string();
    let pieces: Vec<Result<Bytes, std::io::Error>> = body
        .as_bytes()
        .chunks(3)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    let mut response = Response::new(Body::from_stream(stream::iter(pieces)));
    let fields = response.headers_mut();
    fields.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    for (name, text) in [
        ("x-debug", key.clone()),
        ("location", format!("/things?key={key}")),
    ] {
        if let Ok(value) = HeaderValue::try_from(text) {
            fields.insert(name, value);
        }
    }
    Ok(response)
}
