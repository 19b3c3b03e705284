//! What decides while the gateway serves: policies that somebody brings, or that come in bundles.

use std::sync::Arc;

use miette::{IntoDiagnostic as _, Result};
use proxy::Gateway;
use rustls::ClientConfig;
use telemetry::Watched;
use tokio::sync::watch;

use crate::{
    bundles::{Beginning, Keeper},
    cli::check,
    config::Config,
    policies::Force,
};

/// Who puts policies in force, and who looks for bundles of them, if they come so.
pub(super) fn keep(
    config: &Config,
    beginning: Beginning,
    gateway: &Arc<Gateway>,
    (tls, stopped): (&Arc<ClientConfig>, &watch::Receiver<bool>),
) -> Result<(Force, Option<Arc<Keeper>>)> {
    let force = Force::of(gateway);
    let Some(bundles) = config.bundles.clone() else {
        return Ok((force, None));
    };
    let began_with = beginning.bundled.as_ref().map(|(revision, _)| *revision);
    let keeper = Keeper::new(
        (bundles, config.data.clone()),
        beginning,
        check::names(config),
        (gateway, tls, force.clone()),
    )?;
    let keeper = Arc::new(keeper);
    let (standing, amiss) = (keeper.standing(), keeper.standing());
    let metrics = &gateway.metrics;
    let revision = move || standing.revision();
    metrics
        .watch(Watched::BundleRevision, revision)
        .into_diagnostic()?;
    let withheld = move || amiss.amiss().is_some().into();
    metrics
        .watch(Watched::BundleWithheld, withheld)
        .into_diagnostic()?;
    tokio::spawn(Arc::clone(&keeper).run(began_with, stopped.clone()));
    Ok((force, Some(keeper)))
}
