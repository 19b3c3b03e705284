//! Stripe: customers, as forms in and JSON out (<https://docs.stripe.com/api/customers>, `/errors`).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, Uri},
    middleware::from_fn,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{CLEAN, EMAIL, KEY, SSN, compress::compress, reads};

/// The last form that came.
type Last = Arc<Mutex<String>>;

/// The service; what it was sent last is at `/received`.
pub fn router() -> Router {
    Router::new()
        .route("/v1/customers", get(list).post(create))
        .route(
            "/v1/charges",
            get(async || Json(json!({"object": "list", "data": []}))),
        )
        .route("/v1/refunds", post(refund))
        .route("/received", get(received))
        .with_state(Last::default())
        .layer(from_fn(compress))
}

fn customer(id: &str, email: &str) -> Value {
    json!({
        "id": id, "object": "customer", "address": null, "balance": 0, "created": 1_760_000_000,
        "currency": "eur", "default_source": null, "delinquent": false, "discount": null, "email": email,
        "description": format!("{CLEAN} SSN {SSN}"), "invoice_prefix": "T7", "livemode": false,
        "metadata": {"tier": "gold"}, "name": null, "phone": null, "preferred_locales": [],
        "shipping": null, "tax_exempt": "none", "test_clock": null,
    })
}

fn error(status: StatusCode, error: Value) -> Response {
    (
        status,
        [("request-id", "req_7")],
        Json(json!({"error": error})),
    )
        .into_response()
}

fn unknown_key(headers: &HeaderMap) -> Option<Response> {
    let known = reads(headers, "authorization", &format!("Bearer {KEY}"));
    let refused = || {
        let why = json!({"type": "invalid_request_error", "message": "Invalid API Key provided"});
        error(StatusCode::UNAUTHORIZED, why)
    };
    (!known).then(refused)
}

/// Two pages of one customer each.
async fn list(headers: HeaderMap, Query(query): Query<Vec<(String, String)>>) -> Response {
    if let Some(refused) = unknown_key(&headers) {
        return refused;
    }
    let second = query.iter().any(|(name, _)| name == "starting_after");
    let id = if second { "cus_second" } else { "cus_first" };
    Json(json!({"object": "list", "url": "/v1/customers", "has_more": !second, "data": [customer(id, EMAIL)]}))
        .into_response()
}

async fn create(State(last): State<Last>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refused) = unknown_key(&headers) {
        return refused;
    }
    let form = String::from_utf8_lossy(&body).into_owned();
    let is_form = reads(
        &headers,
        "content-type",
        "application/x-www-form-urlencoded",
    );
    if !is_form || !headers.contains_key("idempotency-key") {
        let why = json!({"type": "invalid_request_error", "message": "not a form, or no idempotency key"});
        return error(StatusCode::BAD_REQUEST, why);
    }
    *last.lock().unwrap_or_else(PoisonError::into_inner) =
        String::from_utf8_lossy(&body).into_owned();
    match () {
        () if form.contains("decline") => error(
            StatusCode::PAYMENT_REQUIRED,
            json!({"type": "card_error", "code": "card_declined", "decline_code": "generic_decline",
                "message": "Your card was declined.", "param": "source"}),
        ),
        () if form.contains("broken") => error(
            StatusCode::BAD_REQUEST,
            json!({"type": "invalid_request_error", "code": "parameter_unknown", "param": "tier",
                "message": "Received unknown parameter: tier"}),
        ),
        () if form.contains("limited") => error(
            StatusCode::TOO_MANY_REQUESTS,
            json!({"type": "invalid_request_error", "code": "rate_limit", "message": "Too many requests"}),
        ),
        () => Json(customer("cus_new", EMAIL)).into_response(),
    }
}

/// What was refunded, as the form says.
async fn refund(headers: HeaderMap, body: String) -> Response {
    if let Some(refused) = unknown_key(&headers) {
        return refused;
    }
    // A form reads as a query does.
    let form = format!("/?{body}").parse::<Uri>().ok();
    let form = form.and_then(|it| Query::<BTreeMap<String, String>>::try_from_uri(&it).ok());
    let form = form.map(|Query(form)| form).unwrap_or_default();
    let amount = form.get("amount").and_then(|it| it.parse::<u64>().ok());
    Json(json!({
        "id": "re_7", "object": "refund", "amount": amount, "charge": form.get("charge"), "currency": "eur",
        "created": 1_760_000_000, "metadata": {}, "status": "succeeded",
    }))
    .into_response()
}

async fn received(State(last): State<Last>) -> String {
    last.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
