//! The files beside the log that the command line writes and a running gateway looks at.

use std::sync::Arc;

use identity::Revoked;
use proxy::Gateway;
use tokio::sync::watch;

use crate::{alerts::Alerts, authority, config::Config, credentials::Held, pins, revoked};

/// Looks at the files that the command line writes: credentials, who is revoked, the authority, what is approved of
/// tools; gives who keeps the last.
pub(super) fn look(
    config: &Config,
    (held, tell, authority): (
        Arc<Held>,
        watch::Sender<Arc<Revoked>>,
        Option<authority::Vouching>,
    ),
    gateway: &Gateway,
    (alerts, (retired, stopped)): (
        Arc<Alerts>,
        (&watch::Receiver<bool>, &watch::Receiver<bool>),
    ),
) -> pins::Keeper {
    let (data, trail, stop) = (&config.data, &gateway.trail, || stopped.clone());
    alerts.start(retired);
    let recovering = Arc::clone(&alerts).recover(data.clone(), trail.clone(), retired.clone());
    tokio::spawn(recovering);
    let keeping = pins::Keeping {
        pins: Arc::clone(&gateway.pins),
        data: data.clone(),
        trail: trail.clone(),
        alerts,
    };
    tokio::spawn(held.watch(stop()));
    tokio::spawn(revoked::watch(data.clone(), tell, trail.clone(), stop()));
    tokio::spawn(authority::watch(authority, stop()));
    keeping.start()
}
