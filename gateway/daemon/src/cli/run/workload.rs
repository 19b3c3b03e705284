//! What comes from the SPIFFE Workload API, and is renewed by it: the gateway's own X.509-SVID, the bundles by
//! which those of agents are verified, and the keys of JWT-SVIDs.

use std::{path::Path, sync::Arc};

use identity::KeySet;
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::{Bound, svid};
use serde_json::{Value, json};
use spiffe::{JwtBundle, JwtSource, JwtSourceUpdates, TrustDomain, X509Source};
use tokio::{sync::watch, time::timeout};

use crate::{
    cli::check::KeySources,
    config::{Config, JwksSource},
};

/// How long the Workload API may take to answer at the start.
const ANSWER_MAX: std::time::Duration = std::time::Duration::from_secs(30);

/// Gets what is wanted of it, and keeps that fresh.
pub(super) async fn open(
    config: &Config,
    sources: &KeySources,
    bound: &mut Bound,
    stopped: &watch::Receiver<bool>,
) -> Result<()> {
    let Some(socket) = &config.workload_api else {
        return Ok(());
    };
    let endpoint = format!("unix:{}", socket.display());
    if config.listen.iter().any(|listen| listen.svid) {
        let source = X509Source::builder().endpoint(&endpoint).build();
        let source = answered(socket, source).await?;
        let tls = svid::server(source).into_diagnostic();
        bound.certify(&tls.wrap_err("the SVID cannot be served with")?);
    }
    let domains: Vec<_> = sources.iter().filter_map(domain).collect();
    if !domains.is_empty() {
        let source = JwtSource::builder().endpoint(&endpoint).build();
        let source = answered(socket, source).await?;
        // First, lest one be missed between.
        let updates = source.updated();
        renew(&source, &domains);
        tokio::spawn(follow((source, updates), domains, stopped.clone()));
    }
    Ok(())
}

type Domain = (TrustDomain, Arc<KeySet>);

fn domain((source, keys): &(JwksSource, Arc<KeySet>)) -> Option<Domain> {
    match source {
        JwksSource::TrustDomain(name) => {
            let name = TrustDomain::new(name).ok()?;
            Some((name, Arc::clone(keys)))
        }
        _ => None,
    }
}

async fn answered<T, E>(socket: &Path, asked: impl Future<Output = Result<T, E>>) -> Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let help = "is the SPIRE agent running, and is the gateway registered with it?";
    let context = || format!("the Workload API at `{}` gives no SVID", socket.display());
    match timeout(ANSWER_MAX, asked).await {
        Ok(answer) => answer.map_err(|error| miette!(help = help, "{}: {error}", context())),
        Err(_) => Err(miette!(help = help, "{} within half a minute", context())),
    }
}

/// Takes over each new set of bundles.
async fn follow(
    (source, mut updates): (JwtSource, JwtSourceUpdates),
    domains: Vec<Domain>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            renewed = updates.changed() => if let Err(error) = renewed {
                tracing::error!(%error, "the Workload API tells no bundles any more");
                for (_, keys) in &domains {
                    keys.clear();
                }
                return;
            },
            _ = stop.wait_for(|stopped| *stopped) => return,
        }
        renew(&source, &domains);
    }
}

fn renew(source: &JwtSource, domains: &[Domain]) {
    for (name, keys) in domains {
        let Some(bundle) = source.try_bundle_for_trust_domain(name) else {
            // Whoever is not vouched for any more is not believed any more.
            keys.clear();
            tracing::warn!(domain = %name, "the Workload API has no JWT bundle of this trust domain");
            continue;
        };
        if let Err(error) = keys.replace(&key_set(&bundle)) {
            keys.clear();
            tracing::warn!(%error, domain = %name, "a JWT bundle has no key that is of use");
        }
    }
}

/// The bundle as a key set. That its keys are for JWT-SVIDs is known by where they stand.
fn key_set(bundle: &JwtBundle) -> String {
    let keys = bundle.jwt_authorities().filter_map(|authority| {
        let mut key: Value = serde_json::from_slice(authority.jwk_json()).ok()?;
        key.as_object_mut()?.remove("use");
        Some(key)
    });
    json!({ "keys": keys.collect::<Vec<_>>() }).to_string()
}
