//! What a configuration needs of this host, and of others: looked at, and left as it is.

use std::{path::Path, sync::Arc};

use http::Uri;
use miette::{IntoDiagnostic as _, Result};
use proxy::{Upstream, jwks, tls, upstream::reach::reach};
use rustls::ClientConfig;
use vault::KEYRING_FILE;

use super::Check;
use crate::{
    bundles,
    cli::{check, now},
    config::{Config, CredentialPlace, JwksSource},
};

/// So little room left for the log is told.
const ROOM_BYTES_MIN: u64 = 1 << 30;
/// So many days before a certificate ends it is told.
const DAYS_MIN: i64 = 14;
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Everything that is on this host.
pub(super) fn here(config: &Config) -> Vec<Check> {
    let holds = check::holds(config).map(drop);
    let mut checks = vec![
        (
            "configuration".to_owned(),
            holds
                .err()
                .map(|why| format!("{why}; `tidegate check` says where")),
        ),
        ("log".to_owned(), log(&config.data)),
        ("keys".to_owned(), keys(&config.data)),
    ];
    let files = config.listen.iter().filter_map(|it| it.tls.as_ref());
    checks.extend(files.map(|files| {
        let shown = files.certificate.display();
        (format!("certificate `{shown}`"), ends(&files.certificate))
    }));
    checks.extend(config.agents.iter().map(|agent| {
        let programs = agent.selectors.iter().filter_map(|it| it.program());
        let missing = programs.into_iter().find(|program| !program.exists());
        let mend = missing.map(|program| {
            format!(
                "there is no `{}`, so that no process is this agent: name the file that runs (`readlink -f`)",
                program.display()
            )
        });
        (format!("agent {}", agent.id), mend)
    }));
    let files = config
        .credentials
        .iter()
        .filter_map(|(name, place)| match place {
            CredentialPlace::File(path) => Some((name, path)),
            CredentialPlace::Vault | CredentialPlace::Store(_) => None,
        });
    checks.extend(files.map(|(name, path)| {
        let read = vault::private(path).err().map(|why| why.to_string());
        (format!("credential {name}"), read)
    }));
    checks
}

/// Everything that others serve.
pub(super) async fn elsewhere(config: &Config) -> Result<Vec<Check>> {
    let tls = Upstream::tls(config.upstream_ca.as_deref()).into_diagnostic()?;
    let mut checks = Vec::new();
    for service in &config.services {
        for upstream in service.upstreams.all() {
            let name = format!("upstream {} at {}", service.name, upstream.authority());
            let help = "its address, the way there, or `upstream_ca`";
            checks.push((name, unreached(&tls, &upstream.uri, help).await));
        }
    }
    for issuer in &config.issuers {
        let fetched = match &issuer.source {
            JwksSource::Url(uri) => jwks::fetch(&tls, uri.clone()).await,
            JwksSource::Issuer(uri) => jwks::discover(&tls, uri).await,
            JwksSource::File(_) | JwksSource::TrustDomain(_) => continue,
        };
        let why = fetched.err().map(|why| why.to_string());
        checks.push((format!("tokens of {}", issuer.source), why));
    }
    if let Some(collector) = &config.otlp {
        let uri = collector.parse::<Uri>().into_diagnostic()?;
        let help = "spans are dropped and counted meanwhile";
        let why = unreached(&tls, &uri, help).await;
        checks.push((format!("collector {collector}"), why));
    }
    if let Some(followed) = &config.bundles {
        let names = check::names(config);
        let fetched = bundles::fetch(&followed.from, &tls, &mut None).await;
        let fit = fetched.and_then(|packed| {
            let packed = packed.unwrap_or_default();
            let bundle = bundle::open(&packed, &followed.keys).map_err(|why| why.to_string())?;
            bundles::compile(&bundle, &names).map(drop)
        });
        checks.push(("bundle".to_owned(), fit.err()));
    }
    Ok(checks)
}

async fn unreached(tls: &Arc<ClientConfig>, uri: &Uri, help: &str) -> Option<String> {
    let why = reach(tls, uri).await.err()?;
    Some(format!("{why}: {help}"))
}

/// Whether there is room for records.
fn log(data: &Path) -> Option<String> {
    if !data.exists() {
        return None;
    }
    let room = match rustix::fs::statvfs(data) {
        Ok(room) => room.f_bavail.saturating_mul(room.f_frsize),
        Err(why) => return Some(format!("`{}`: {why}", data.display())),
    };
    (room < ROOM_BYTES_MIN).then(|| {
        format!(
            "{} MiB are left in `{}`, and without room for records nothing is served: make room, or shorten `audit.retention`",
            room >> 20,
            data.display()
        )
    })
}

/// Whether the keys of the log are there, and their owner's.
fn keys(data: &Path) -> Option<String> {
    let file = data.join(KEYRING_FILE);
    // The first start makes them.
    if !file.exists() {
        return None;
    }
    vault::private(&file).err().map(|why| why.to_string())
}

/// When a certificate ends, if that is soon.
fn ends(certificate: &Path) -> Option<String> {
    let ends = match tls::ends(certificate) {
        Ok(ends) => ends,
        Err(why) => return Some(why.to_string()),
    };
    let days = (ends - now().as_second()).div_euclid(DAY_SECONDS);
    if days < 0 {
        return Some("it has ended, so that clients refuse it: put a new one there".to_owned());
    }
    (days < DAYS_MIN).then(|| format!("it ends in {days} days: put a new one there"))
}
