//! A service of customers that tells all it has of each, and more rows than it was asked for: what it was
//! asked stays with it, what goes on is for whoever stands between.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};

/// The most requests that are kept.
const HEARD_MAX: usize = 10_000;

/// How many customers there are.
pub const CUSTOMERS: u64 = 40;

/// What it does in place of what it should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// It answers.
    #[default]
    Well,
    /// It answers with something that is no JSON.
    Broken,
    /// It answers with another kind of document.
    Other,
    /// It answers with more than anybody reads.
    Huge,
    /// It begins an answer and says no more.
    Silent,
    /// It never begins one.
    Stuck,
    /// It answers with an error that tells a customer.
    Failing,
    /// It has no time for anybody.
    Busy,
}

/// The service.
#[derive(Clone, Default)]
pub struct Roster {
    mood: Arc<Mutex<Mood>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Roster {
    /// Behaves so from now on.
    pub fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// What came since the last look: path, query and fields.
    pub fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The service.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/customers", get(list))
            .route("/customers/{id}", get(one))
            .with_state(self.clone())
    }

    fn hear(&self, uri: &Uri, fields: &HeaderMap) -> Mood {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() < HEARD_MAX {
            let fields = fields.iter().map(|(name, value)| {
                format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
            });
            heard.push(format!("{uri}\n{}", fields.collect::<Vec<_>>().join("\n")));
        }
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One customer, with what no purpose needs.
pub fn customer(number: u64) -> Value {
    // Three of the last plan are too few to be told.
    let plan = match number {
        0..=2 => "platinum",
        3..=17 => "gold",
        _ => "free",
    };
    json!({
        "id": format!("C-{number:03}"),
        "plan": plan,
        "since": 2000 + number % 20,
        "email": format!("ada.{number}@mail.example"),
        "remark": format!("owes {number}00 to the heron"),
        "orders": [{ "total": number * 10, "card": "4111111111111111" }],
    })
}

async fn list(State(roster): State<Roster>, uri: Uri, fields: HeaderMap) -> Response {
    let mood = roster.hear(&uri, &fields);
    let customers: Vec<Value> = (0..CUSTOMERS).map(customer).collect();
    let all = json!({ "customers": customers, "total": CUSTOMERS, "next": "/customers?cursor=x" });
    answer(mood, &all).await
}

async fn one(
    State(roster): State<Roster>,
    Path(id): Path<String>,
    uri: Uri,
    fields: HeaderMap,
) -> Response {
    let mood = roster.hear(&uri, &fields);
    let number = id.strip_prefix("C-").and_then(|number| number.parse().ok());
    match number.filter(|number| *number < CUSTOMERS) {
        Some(number) => answer(mood, &customer(number)).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn answer(mood: Mood, document: &Value) -> Response {
    let json = [
        (header::CONTENT_TYPE, "application/json"),
        (header::LINK, "<C-001>; rel=next"),
    ];
    match mood {
        Mood::Well => (json, Json(document)).into_response(),
        Mood::Broken => (json, "{\"customers\":[{\"id\":\"C-001\"},").into_response(),
        Mood::Other => (json, Json(json!({ "people": document }))).into_response(),
        Mood::Huge => {
            let rows = vec![customer(1); 40_000];
            (json, Json(json!({ "customers": rows }))).into_response()
        }
        Mood::Silent => {
            let first = futures_util::stream::once(std::future::ready(Ok::<_, std::io::Error>(
                "{\"customers\":[",
            )));
            let rest = futures_util::stream::pending();
            let body = Body::from_stream(futures_util::StreamExt::chain(first, rest));
            (json, body).into_response()
        }
        Mood::Stuck => std::future::pending().await,
        Mood::Busy => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Mood::Failing => (StatusCode::CONFLICT, json, Json(document)).into_response(),
    }
}
