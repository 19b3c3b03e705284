//! A stand-in for Splunk's HTTP Event Collector, of which there is no package: what its documents say of
//! `/services/collector/event` and `/services/collector/ack`.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Result, bail};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};

/// A collector that indexes what it took when it is asked a second time.
#[derive(Clone)]
pub struct Splunk {
    token: Arc<str>,
    state: Arc<Mutex<Indexer>>,
}

#[derive(Default)]
struct Indexer {
    taken: Vec<Value>,
    batches: u64,
    asked: BTreeSet<u64>,
    wrong: Vec<String>,
}

impl Splunk {
    /// One that knows this token.
    pub fn new(token: &str) -> Self {
        Self {
            token: token.into(),
            state: Arc::default(),
        }
    }

    /// The service.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/services/collector/event", post(take))
            .route("/services/collector/ack", post(acknowledge))
            .with_state(self.clone())
    }

    /// What came, in order; an error if something came that a collector does not take.
    pub fn taken(&self) -> Result<Vec<Value>> {
        let state = self.lock();
        if let Some(wrong) = state.wrong.first() {
            bail!("{wrong}");
        }
        Ok(state.taken.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Indexer> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the token and a channel came.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let field = |name| headers.get(name).and_then(|it| it.to_str().ok());
        field("authorization") == Some(&format!("Splunk {}", self.token))
            && field("x-splunk-request-channel").is_some_and(|it| it.len() == 36)
    }
}

async fn take(
    State(splunk): State<Splunk>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    if !splunk.knows(&headers) {
        splunk.lock().wrong.push("a stranger came".to_owned());
        let refused = json!({ "text": "Invalid token", "code": 4 });
        return (StatusCode::FORBIDDEN, Json(refused));
    }
    let mut state = splunk.lock();
    for event in serde_json::Deserializer::from_slice(&body).into_iter::<Value>() {
        match event {
            Ok(event) => state.taken.push(event),
            Err(error) => state.wrong.push(format!("no event: {error}")),
        }
    }
    state.batches += 1;
    let taken = json!({ "text": "Success", "code": 0, "ackId": state.batches });
    (StatusCode::OK, Json(taken))
}

async fn acknowledge(
    State(splunk): State<Splunk>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    if !splunk.knows(&headers) {
        return (StatusCode::FORBIDDEN, Json(json!({ "code": 4 })));
    }
    let mut state = splunk.lock();
    let ids = body.get("acks").and_then(Value::as_array);
    let ids = ids.into_iter().flatten();
    let acks = ids.filter_map(Value::as_u64).map(|id| {
        let again = !state.asked.insert(id);
        (id.to_string(), Value::Bool(again))
    });
    let acks: serde_json::Map<_, _> = acks.collect();
    (StatusCode::OK, Json(json!({ "acks": acks })))
}
