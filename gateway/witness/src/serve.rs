//! A witness over HTTP.

use std::{future::Future, io, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use proof::witness::{REQUEST_BYTES_MAX, SIZE_MEDIA_TYPE};
use tokio::net::TcpListener;

use crate::{Answer, Witness};

/// Where it is asked, below the prefix that whoever asks is configured with.
const PATH: &str = "/add-checkpoint";

#[derive(Clone)]
struct Server {
    witness: Arc<Witness>,
    now: fn() -> u64,
}

/// Serves `witness` until `stop` ends. `now` gives seconds since 1970.
pub async fn serve(
    listener: TcpListener,
    witness: Arc<Witness>,
    now: fn() -> u64,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let routes = Router::new()
        .route(PATH, post(add_checkpoint))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(Server { witness, now });
    axum::serve(listener, routes)
        .with_graceful_shutdown(stop)
        .await
}

async fn add_checkpoint(State(server): State<Server>, body: Bytes) -> Response {
    let Server { witness, now } = server;
    // It waits for the disk.
    let judged = tokio::task::spawn_blocking(move || witness.add_checkpoint(&body, now()));
    judged.await.unwrap_or(Answer::Failed).into_response()
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let told = |status, why: &str| (status, format!("{why}\n")).into_response();
        match self {
            Self::Signed(lines) => (StatusCode::OK, lines).into_response(),
            Self::Malformed(why) => told(StatusCode::BAD_REQUEST, &why),
            Self::Unsigned => told(StatusCode::FORBIDDEN, "no key of this log signed it"),
            Self::Unknown => told(StatusCode::NOT_FOUND, "this log is not known here"),
            Self::Conflict(size) | Self::Fork(size) => {
                let kind = [(header::CONTENT_TYPE, SIZE_MEDIA_TYPE)];
                (StatusCode::CONFLICT, kind, format!("{size}\n")).into_response()
            }
            Self::Unproven => told(
                StatusCode::UNPROCESSABLE_ENTITY,
                "the proof does not show that it continues what was signed last",
            ),
            Self::Failed => told(
                StatusCode::INTERNAL_SERVER_ERROR,
                "it cannot be written down, so it is not signed",
            ),
        }
    }
}
