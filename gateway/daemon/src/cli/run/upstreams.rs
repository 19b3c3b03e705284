//! Asks upstreams whether they work, and tells metrics which are given calls.

use std::sync::Arc;

use miette::{IntoDiagnostic as _, Result};
use proxy::{Gateway, Upstream, upstream};
use rustls::ClientConfig;
use tokio::{sync::watch, time::Instant};

pub(super) fn watch(
    gateway: &Gateway,
    tls: &Arc<ClientConfig>,
    stopped: &watch::Receiver<bool>,
) -> Result<()> {
    let client = Upstream::guarded(tls, &gateway.routes);
    for service in gateway.routes.services() {
        for destination in service.upstreams.all() {
            let (service, destination) = (Arc::clone(service), Arc::clone(destination));
            if service.upstreams.are_several() {
                let known = Arc::clone(&destination);
                let is_fit = move || known.trouble(Instant::now()).is_none();
                let names = (&service.name, destination.authority());
                let watched = gateway.metrics.watch_upstream(names.0, names.1, is_fit);
                watched.into_diagnostic()?;
            }
            let (client, stop) = (client.clone(), stopped.clone());
            tokio::spawn(upstream::check::watch(service, destination, client, stop));
        }
    }
    Ok(())
}
