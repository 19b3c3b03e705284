//! Twilio: messages, as forms in and JSON out (<https://www.twilio.com/docs/messaging/api/message-resource>).

use axum::{
    Json, Router,
    body::Bytes,
    extract::Path,
    http::{HeaderMap, StatusCode},
    middleware::from_fn,
    response::{IntoResponse as _, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{CLEAN, EMAIL, KEY, SSN, compress::compress, reads};

/// The service.
pub fn router() -> Router {
    let account = "/2010-04-01/Accounts/{account}";
    Router::new()
        .route(&format!("{account}/Messages.json"), get(list).post(send))
        .route(
            &format!("{account}/Calls.json"),
            get(async || Json(json!({"calls": []}))),
        )
        .layer(from_fn(compress))
}

/// An account, which libraries know by its beginning.
pub fn account() -> String {
    format!("AC{}", "07".repeat(16))
}

fn error(status: StatusCode, code: u32, message: &str) -> Response {
    let link = format!("https://www.twilio.com/docs/errors/{code}");
    let error =
        json!({"code": code, "message": message, "more_info": link, "status": status.as_u16()});
    (status, Json(error)).into_response()
}

fn unknown_caller(headers: &HeaderMap, account: &str) -> Option<Response> {
    let basic = format!("Basic {}", STANDARD.encode(format!("{account}:{KEY}")));
    let known = reads(headers, "authorization", &basic);
    (!known).then(|| error(StatusCode::UNAUTHORIZED, 20003, "Authenticate"))
}

fn message(account: &str, body: &str) -> Value {
    let sid = format!("SM{}", "07".repeat(16));
    let uri = format!("/2010-04-01/Accounts/{account}/Messages/{sid}.json");
    json!({
        "account_sid": account, "api_version": "2010-04-01", "body": body,
        "date_created": "Thu, 24 Aug 2023 05:01:45 +0000", "date_sent": null,
        "date_updated": "Thu, 24 Aug 2023 05:01:45 +0000", "direction": "outbound-api",
        "error_code": null, "error_message": null, "from": "+14155550100", "messaging_service_sid": null,
        "num_media": "0", "num_segments": "1", "price": null, "price_unit": "USD", "sid": sid,
        "status": "queued", "subresource_uris": {"media": uri}, "to": "+14155550101", "uri": uri,
    })
}

async fn list(Path(account): Path<String>, headers: HeaderMap) -> Response {
    if let Some(refused) = unknown_caller(&headers, &account) {
        return refused;
    }
    let body = format!("{CLEAN} Write to {EMAIL}, SSN {SSN}.");
    let page = format!("/2010-04-01/Accounts/{account}/Messages.json?PageSize=50&Page=0");
    Json(json!({
        "messages": [message(&account, &body)], "page": 0, "page_size": 50, "start": 0, "end": 0, "uri": page,
        "first_page_uri": page, "next_page_uri": null, "previous_page_uri": null,
    }))
    .into_response()
}

async fn send(Path(account): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refused) = unknown_caller(&headers, &account) {
        return refused;
    }
    let form = String::from_utf8_lossy(&body);
    match () {
        () if !form.contains("To=%2B") => error(
            StatusCode::BAD_REQUEST,
            21211,
            "The 'To' number is not a valid phone number.",
        ),
        () if form.contains("fail") => error(
            StatusCode::INTERNAL_SERVER_ERROR,
            20500,
            "Internal server error",
        ),
        () => {
            let body = format!("{CLEAN} Write to {EMAIL}, SSN {SSN}.");
            (StatusCode::CREATED, Json(message(&account, &body))).into_response()
        }
    }
}
