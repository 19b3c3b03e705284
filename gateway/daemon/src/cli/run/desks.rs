//! The desks where people ask the gateway that runs.

use std::sync::Arc;

use miette::{IntoDiagnostic, Result, WrapErr};
use proxy::Gateway;
use tokio::sync::watch;

use super::check;
use crate::{
    bundles::{self, Keeper},
    config::Config,
    desk,
    erasure::Eraser,
    expiry::Expirer,
    inquiries,
    policies::{self, Force},
    reveal,
    rotation::{self, Rotation},
    shipping::{Lag, status},
};

/// Opens the desks where people ask.
pub(super) fn open(
    config: &Config,
    gateway: &Arc<Gateway>,
    (force, keeper): (Force, Option<&Arc<Keeper>>),
    (rotation, expirer, lag): (Arc<Rotation>, Arc<Expirer>, Arc<Lag>),
    stopped: &watch::Receiver<bool>,
) -> Result<()> {
    keys(config, rotation, stopped)?;
    shipping(config, lag, stopped)?;
    reveals(config, gateway, stopped)?;
    inquiries(config, gateway, expirer, stopped)?;
    policies(config, force, stopped)?;
    bundles(config, keeper, stopped)
}

/// Opens the desk where keys are rotated.
fn keys(config: &Config, rotation: Arc<Rotation>, stopped: &watch::Receiver<bool>) -> Result<()> {
    let listener = desk::listen(&config.data, rotation::SOCKET).into_diagnostic();
    let listener = listener.wrap_err("the socket for `tidegate keys rotate` cannot be opened")?;
    let clerk = rotation::Clerk(rotation);
    tokio::spawn(desk::serve(clerk, listener, stopped.clone()));
    Ok(())
}

/// Opens the desk where it is told how far events are.
fn shipping(config: &Config, lag: Arc<Lag>, stopped: &watch::Receiver<bool>) -> Result<()> {
    let listener = desk::listen(&config.data, status::SOCKET).into_diagnostic();
    let listener =
        listener.wrap_err("the socket for `tidegate shipping status` cannot be opened")?;
    tokio::spawn(desk::serve(status::Clerk(lag), listener, stopped.clone()));
    Ok(())
}

/// Opens the desk where other policies are put in force.
fn policies(config: &Config, force: Force, stopped: &watch::Receiver<bool>) -> Result<()> {
    let listener = desk::listen(&config.data, policies::SOCKET).into_diagnostic();
    let listener = listener.wrap_err("the socket for `tidegate policy reload` cannot be opened")?;
    let clerk = policies::Clerk {
        force,
        names: check::names(config),
        config: config.digest.clone(),
        bundled: config.bundles.is_some(),
    };
    tokio::spawn(desk::serve(clerk, listener, stopped.clone()));
    Ok(())
}

/// Opens the desk where it is told which bundle is in force, if they come here.
fn bundles(
    config: &Config,
    keeper: Option<&Arc<Keeper>>,
    stopped: &watch::Receiver<bool>,
) -> Result<()> {
    let Some(keeper) = keeper else {
        return Ok(());
    };
    let listener = desk::listen(&config.data, bundles::SOCKET).into_diagnostic();
    let listener = listener.wrap_err("the socket for `tidegate bundle` cannot be opened")?;
    let clerk = bundles::Clerk(Arc::clone(keeper));
    tokio::spawn(desk::serve(clerk, listener, stopped.clone()));
    Ok(())
}

/// Opens the desk where who reads the log is put on record, and data subjects are erased.
fn inquiries(
    config: &Config,
    gateway: &Gateway,
    expirer: Arc<Expirer>,
    stopped: &watch::Receiver<bool>,
) -> Result<()> {
    let listener = desk::listen(&config.data, inquiries::SOCKET).into_diagnostic();
    let listener = listener.wrap_err("the socket for `tidegate audit` cannot be opened")?;
    let services = config.services.iter().map(|it| Arc::clone(&it.name));
    let eraser = Eraser {
        subjects: Arc::clone(&gateway.subjects),
        trail: gateway.trail.clone(),
        data: config.data.clone(),
        budgets: Some((Arc::clone(&gateway.pseudonyms), services.collect())),
    };
    let clerk = inquiries::Clerk { eraser, expirer };
    tokio::spawn(desk::serve(clerk, listener, stopped.clone()));
    Ok(())
}

/// Opens the desk where people ask what a token stands for, if anybody may.
fn reveals(config: &Config, gateway: &Gateway, stopped: &watch::Receiver<bool>) -> Result<()> {
    let Some(panel) = config.reveal.clone() else {
        return Ok(());
    };
    let listener = desk::listen(&config.data, reveal::SOCKET).into_diagnostic();
    let listener = listener.wrap_err("the socket for `tokens reveal` cannot be opened")?;
    let clerk = reveal::Desk {
        panel,
        keys: Arc::clone(&gateway.pseudonyms),
        trail: gateway.trail.clone(),
    };
    tokio::spawn(desk::serve(clerk, listener, stopped.clone()));
    Ok(())
}
