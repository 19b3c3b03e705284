//! Asks the upstreams of a service whether they work, before a call finds out.

use std::{sync::Arc, time::Duration};

use http::Uri;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{Destination, Upstream, standing::Agreement};
use crate::route::Service;

/// How upstreams are asked: GET, without the service's credential; a status of 2xx says that one works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checks {
    /// The path, whole: the base path is not put before it.
    pub path: String,
    /// From one answer to the next question.
    pub every: Duration,
    /// For an answer.
    pub timeout: Duration,
    /// How many must agree.
    pub agreement: Agreement,
}

/// Asks `destination`, an upstream of `service`, until `stop` turns true; returns at once if it is not to be
/// asked.
pub async fn watch(
    service: Arc<Service>,
    destination: Arc<Destination>,
    client: Upstream,
    mut stop: watch::Receiver<bool>,
) {
    let Some(checks) = &service.upstreams.checks else {
        return;
    };
    loop {
        let works = ask(&client, &destination, checks).await;
        if destination.standing().checked(works, checks.agreement) {
            let (service, upstream) = (&*service.name, &**destination.authority());
            if works {
                tracing::info!(service, upstream, "an upstream works again");
            } else {
                tracing::warn!(service, upstream, "an upstream does not work");
            }
        }
        tokio::select! {
            () = sleep(checks.every) => {}
            _ = stop.wait_for(|stopped| *stopped) => return,
        }
    }
}

async fn ask(client: &Upstream, destination: &Destination, checks: &Checks) -> bool {
    let mut parts = destination.uri.clone().into_parts();
    parts.path_and_query = checks.path.parse().ok();
    let Ok(uri) = Uri::from_parts(parts) else {
        return false;
    };
    let asked = timeout(checks.timeout, client.get(uri)).await;
    matches!(asked, Ok(Ok(answer)) if answer.status().is_success())
}
