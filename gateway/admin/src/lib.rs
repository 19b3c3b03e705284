//! Health, readiness and metrics, on an address that agents cannot reach.
//!
//! `/livez` says that the process answers, `/readyz` names each part and why it is not ready (503
//! then), `/metrics` is for Prometheus, `/flows`, `/budgets` and `/risk` for the command line and the
//! console.

mod lines;

use std::{collections::BTreeMap, future::Future, io, sync::Arc};

use axum::{
    Json, Router,
    body::Body,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// The media type of Prometheus' text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

use lines::Lines;

/// What the daemon can tell about itself.
pub trait Status: Send + Sync + 'static {
    /// Every part and whether it is ready. Must not block: it is asked on the runtime.
    fn parts(&self) -> Vec<Part>;

    /// The metrics as Prometheus' text.
    fn metrics(&self) -> String;

    /// What is used of the budgets, as JSON; none where there are none. Must not block for long.
    fn budgets(&self, _whose: &Whose) -> Option<String> {
        None
    }

    /// Which sessions are at risk, as JSON; none where nobody looks. Must not block for long.
    fn risk(&self, _whose: &Whose) -> Option<String> {
        None
    }

    /// Flows as JSON; none where they are not known. May block for a while.
    fn flows(&self, _which: &Which) -> Option<String> {
        None
    }

    /// Whether flows are known.
    fn knows_flows(&self) -> bool {
        false
    }

    /// Flows one by one, each as JSON, as they are read: there may be a million. `tell` says whether anybody still wants
    /// to hear. May block for a while.
    fn each_flow(&self, _which: &Which, _tell: &mut dyn FnMut(&str) -> bool) {}
}

/// Which flows are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a query may say, each by itself"
)]
pub struct Which {
    /// Only those of this agent.
    pub workload: Option<String>,
    /// Only those that went past the gateway, or tried to.
    #[serde(default)]
    pub bypass: bool,
    /// What agents' flows came to, instead of flows.
    #[serde(default)]
    pub totals: bool,
    /// Turns in the lives of processes, instead of flows.
    #[serde(default)]
    pub processes: bool,
    /// One a line, as they are read, instead of all in one answer; flows alone.
    #[serde(default)]
    pub lines: bool,
    /// Only what happened after this; the number is from an earlier answer.
    pub since: Option<u64>,
}

/// Whose budgets or risks are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whose {
    /// Only those of this agent.
    pub agent: Option<String>,
    /// Only those of this session.
    pub session: Option<String>,
}

/// One part of the gateway.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its name: `listener`, `audit`, `attestation`.
    pub name: &'static str,
    /// Whether it does its work, and how it stands.
    pub condition: Condition,
}

/// How a part stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "condition", content = "detail")]
pub enum Condition {
    /// It does its work.
    Ready,
    /// It works with less than it should: attestation without the kernel, no collector.
    Degraded(String),
    /// It does not work yet, or any more: the gateway is not ready.
    Down(String),
}

/// Serves until `shutdown` is done, then lets open answers finish.
pub async fn serve(
    listener: TcpListener,
    status: Arc<dyn Status>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/flows", get(flows))
        .route("/budgets", get(budgets))
        .route("/risk", get(risk))
        .with_state(status);
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown)
        .await
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    parts: BTreeMap<&'static str, Condition>,
}

async fn ready(State(status): State<Arc<dyn Status>>) -> impl IntoResponse {
    let parts: BTreeMap<_, _> = status
        .parts()
        .into_iter()
        .map(|part| (part.name, part.condition))
        .collect();
    let ready = !parts
        .values()
        .any(|condition| matches!(condition, Condition::Down(_)));
    let code = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, Json(Readiness { ready, parts }))
}

async fn flows(State(status): State<Arc<dyn Status>>, Query(which): Query<Which>) -> Response {
    if which.lines && status.knows_flows() {
        let body = Body::new(Lines::read(status, which));
        return ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response();
    }
    let read = tokio::task::spawn_blocking(move || status.flows(&which)).await;
    match read {
        Ok(flows) => json(
            flows,
            "flows are not known: the kernel programs do not run\n",
        ),
        Err(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            [(header::CONTENT_TYPE, "text/plain")],
            "the flows could not be read\n",
        )
            .into_response(),
    }
}

async fn budgets(State(status): State<Arc<dyn Status>>, Query(whose): Query<Whose>) -> Response {
    json(
        status.budgets(&whose),
        "the configuration names no budgets\n",
    )
}

async fn risk(State(status): State<Arc<dyn Status>>, Query(whose): Query<Whose>) -> Response {
    json(
        status.risk(&whose),
        "the configuration has nobody look at behaviour\n",
    )
}

/// What is told, or why there is nothing.
fn json(told: Option<String>, lacking: &'static str) -> Response {
    let Some(told) = told else {
        let kind = [(header::CONTENT_TYPE, "text/plain")];
        return (StatusCode::NOT_FOUND, kind, lacking).into_response();
    };
    ([(header::CONTENT_TYPE, "application/json")], told).into_response()
}

async fn metrics(State(status): State<Arc<dyn Status>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], status.metrics())
}

#[cfg(test)]
mod tests;
