//! Keeps the keys of those who issue tokens fresh.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::Uri;
use identity::KeySet;
use miette::{IntoDiagnostic as _, Result};
use proxy::jwks;
use rustls::ClientConfig;
use tokio::{sync::watch, time::Instant};

use crate::{cli::check, config::JwksSource};

/// How often key sets are fetched again.
const JWKS_PERIOD: Duration = Duration::from_mins(5);
/// How soon a failed fetch is tried again, and a key that a token names and nobody has is looked for.
const JWKS_RETRY: Duration = Duration::from_secs(5);

/// Keeps every issuer's keys fresh; says whether each was fetched.
pub(super) fn kept(
    mut sources: check::KeySources,
    tls: &Arc<ClientConfig>,
    stopped: &watch::Receiver<bool>,
) -> Arc<AtomicBool> {
    // Bundles come by themselves.
    sources.retain(|(source, _)| !matches!(source, JwksSource::TrustDomain(_)));
    let ready = Arc::new(AtomicBool::new(false));
    let keeping = keep(
        sources,
        Arc::clone(tls),
        Arc::clone(&ready),
        stopped.clone(),
    );
    tokio::spawn(keeping);
    ready
}

/// Keeps every issuer's keys fresh; `ready` turns true once each was fetched.
async fn keep(
    sources: check::KeySources,
    tls: Arc<ClientConfig>,
    ready: Arc<AtomicBool>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let mut all = true;
        for (source, keys) in &sources {
            if let Err(error) = refresh(source, keys, &tls).await {
                tracing::warn!(%error, source = %source, "an issuer's keys could not be refreshed");
                all = all && !keys.is_empty();
            }
        }
        ready.store(all, Ordering::Relaxed);
        tokio::select! {
            () = due(&sources, all) => {}
            _ = stop.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// Waits until keys are to be fetched again: soon after one failed or was missed, which is how a new key
/// is told; never at once, since anyone can name a key that is not there.
async fn due(sources: &check::KeySources, all: bool) {
    let began = Instant::now();
    loop {
        tokio::time::sleep(JWKS_RETRY).await;
        let missed = sources.iter().filter(|(_, keys)| keys.was_missed()).count();
        if !all || missed > 0 || began.elapsed() >= JWKS_PERIOD {
            return;
        }
    }
}

async fn refresh(source: &JwksSource, keys: &KeySet, tls: &Arc<ClientConfig>) -> Result<()> {
    let text = match source {
        JwksSource::TrustDomain(_) => return Ok(()),
        JwksSource::Url(uri) => jwks::fetch(tls, Uri::clone(uri)).await.into_diagnostic()?,
        JwksSource::Issuer(issuer) => jwks::discover(tls, issuer).await.into_diagnostic()?,
        JwksSource::File(path) => {
            let path = path.clone();
            let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
            read.into_diagnostic()?.into_diagnostic()?
        }
    };
    keys.replace(&text).into_diagnostic()
}
