//! This host among the others of its fleet: how it reaches their ledger, and what it says of itself there.

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock, atomic::Ordering},
    time::Duration,
};

use ::fleet::{Login, LoginSource, Member, Place};
use admission::budget::FleetStanding;
use audit::{EventRef, Gap, Trail};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::Gateway;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use serde::{Deserialize, Serialize};
use telemetry::{Metrics, TelemetryError, Watched};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use zeroize::Zeroizing;

use crate::{
    bundles,
    cli::now,
    config::{Config, Fleet, Shown},
    shipping::Lag,
};

/// How often it is looked how this host stands.
const LOOK: Duration = Duration::from_millis(250);
/// For how long nothing may be leased before that is put on record: a server that is started again takes less.
const GRACE: Duration = Duration::from_secs(2);
/// For what is not used to be given back, when the gateway ends.
const FAREWELL: Duration = Duration::from_secs(3);
/// The longest name or password, in bytes.
const LINE_BYTES_MAX: usize = 4096;

/// What a host says of itself, for `tidegate fleet list`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) version: String,
    /// Digest of the policies in force.
    pub(crate) policy: String,
    /// The revision of the bundle that they come from; 0 if they come from none.
    #[serde(default)]
    pub(crate) bundle: u64,
    /// Records of its log.
    pub(crate) records: u64,
    /// Records that the destination furthest behind has not taken.
    pub(crate) lag: u64,
}

/// What is said of this host, from now on.
pub(crate) type Said = Arc<RwLock<String>>;

/// Fails if a file of the server's login or roots cannot be used.
pub(crate) fn examine(config: &Config) -> Result<()> {
    let Some(fleet) = &config.fleet else {
        return Ok(());
    };
    let usable = login(fleet.redis.login.as_ref()).map(drop);
    let usable = usable.map_err(|why| miette!("{why}"));
    let usable = usable.and_then(|()| match &fleet.redis.ca {
        None => Ok(()),
        Some(ca) => roots(ca).map(drop),
    });
    usable.wrap_err("`fleet.redis` cannot be reached")
}

/// How the ledger is reached. `tls` trusts what everybody trusts here.
pub(crate) fn place(fleet: &Fleet, tls: &Arc<ClientConfig>) -> Result<(Place, LoginSource)> {
    let server = &fleet.redis;
    let tls = if server.tls {
        let mut config = match &server.ca {
            None => ClientConfig::clone(tls),
            Some(ca) => ClientConfig::builder()
                .with_root_certificates(roots(ca)?)
                .with_no_client_auth(),
        };
        // What is spoken there has no name for that.
        config.alpn_protocols.clear();
        Some(Arc::new(config))
    } else {
        None
    };
    let place = Place {
        host: server.host.clone(),
        port: server.port,
        database: server.database,
        tls,
        timeout: server.timeout,
    };
    let shown = server.login.clone();
    Ok((place, Box::new(move || login(shown.as_ref()))))
}

/// This host, for the ledger.
pub(crate) fn member(fleet: &Fleet, instance: String, said: &Said) -> Member {
    Member {
        fleet: fleet.name.clone(),
        host: fleet.host.clone(),
        hosts: fleet.hosts.clone(),
        instance,
        about: Arc::clone(said),
    }
}

/// Who we are for the server, as the file says it now.
fn login(shown: Option<&Shown>) -> Result<Option<Login>, String> {
    let Some(shown) = shown else { return Ok(None) };
    let file = shown.file();
    let text = vault::private(file).map_err(|error| error.to_string())?;
    let text = std::str::from_utf8(&text).unwrap_or_default();
    let line = text.trim_end_matches(['\r', '\n']);
    let is_line = (1..=LINE_BYTES_MAX).contains(&line.len()) && !line.contains(char::is_control);
    let line = Some(line).filter(|_| is_line);
    let (login, help) = match shown {
        Shown::User(_) => (
            line.and_then(|line| line.split_once(':'))
                .filter(|(user, password)| !user.is_empty() && !password.is_empty())
                .map(|(user, password)| (Some(user.to_owned()), password)),
            "one line, `USER:PASSWORD`",
        ),
        Shown::Password(_) => (line.map(|line| (None, line)), "one line, the password"),
    };
    let login = login.map(|(user, password)| Login {
        user,
        password: Zeroizing::new(password.to_owned()),
    });
    let login = login.ok_or_else(|| format!("`{}` holds no login: {help}", file.display()));
    login.map(Some)
}

/// The roots of trust in a file.
fn roots(file: &Path) -> Result<RootCertStore> {
    let read = || {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file).into_diagnostic()? {
            let certificate = certificate.into_diagnostic()?;
            roots.add(certificate).into_diagnostic()?;
        }
        if roots.is_empty() {
            return Err(miette!("it holds no certificate in PEM"));
        }
        Ok(roots)
    };
    read().wrap_err_with(|| format!("the roots of trust in `{}` cannot be used", file.display()))
}

/// Begins to say how this host stands, to the others, on record and in figures, until told to stop.
pub(crate) fn watch(
    gateway: &Arc<Gateway>,
    (said, lag, bundled): (Said, Arc<Lag>, Option<Arc<bundles::Standing>>),
    stopped: &watch::Receiver<bool>,
) -> Result<()> {
    let budgets = gateway.budgets.as_ref();
    let Some(standing) = budgets.and_then(|budgets| budgets.fleet()) else {
        return Ok(());
    };
    figures(&gateway.metrics, standing).into_diagnostic()?;
    tokio::spawn(look(
        Arc::clone(standing),
        gateway.trail.clone(),
        stopped.clone(),
    ));
    let (gateway, mut stopped) = (Arc::clone(gateway), stopped.clone());
    tokio::spawn(async move {
        loop {
            let about = About {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                policy: gateway.admission.policy_digest().to_string(),
                bundle: bundled.as_ref().map_or(0, |it| it.revision()),
                records: gateway.trail.status().size,
                lag: lag.records(),
            };
            let about = serde_json::to_string(&about).unwrap_or_default();
            *said.write().unwrap_or_else(PoisonError::into_inner) = about;
            if timeout(LOOK, stopped.wait_for(|stopped| *stopped))
                .await
                .is_ok()
            {
                return;
            }
        }
    });
    Ok(())
}

fn figures(metrics: &Metrics, standing: &Arc<FleetStanding>) -> Result<(), TelemetryError> {
    let counted = |read: fn(&FleetStanding) -> u64| {
        let standing = Arc::clone(standing);
        move || read(&standing)
    };
    let taken = counted(|it| it.counts.taken.load(Ordering::Relaxed));
    metrics.watch(Watched::LeasesTaken, taken)?;
    let returned = counted(|it| it.counts.returned.load(Ordering::Relaxed));
    metrics.watch(Watched::LeasesReturned, returned)?;
    let refused = counted(|it| it.counts.refused.load(Ordering::Relaxed));
    metrics.watch(Watched::LeasesRefused, refused)?;
    let lost = counted(|it| it.counts.lost.load(Ordering::Relaxed));
    metrics.watch(Watched::LedgersLost, lost)?;
    metrics.watch(
        Watched::LeasesClosed,
        counted(|it| it.closed().is_some().into()),
    )
}

/// Puts on record when budgets are not leased any more, when they are again, and when the ledger may have lost
/// something.
async fn look(standing: Arc<FleetStanding>, trail: Trail, mut stopped: watch::Receiver<bool>) {
    let (mut closed_since, mut told): (Option<Instant>, Option<u64>) = (None, None);
    let mut lost = 0;
    loop {
        if timeout(LOOK, stopped.wait_for(|stopped| *stopped))
            .await
            .is_ok()
        {
            return;
        }
        let lost_now = standing.counts.lost.load(Ordering::Relaxed);
        if lost_now > lost {
            tell(&trail, "ledger_lost", lost_now - lost).await;
            lost = lost_now;
        }
        if standing.closed().is_some() {
            let since = *closed_since.get_or_insert_with(Instant::now);
            if told.is_none() && since.elapsed() >= GRACE {
                told = Some(standing.counts.refused.load(Ordering::Relaxed));
                tell(&trail, "leases_withheld", 0).await;
            }
            continue;
        }
        closed_since = None;
        if let Some(before) = told.take() {
            let refused = standing.counts.refused.load(Ordering::Relaxed);
            tell(&trail, "leases_returned", refused.saturating_sub(before)).await;
        }
    }
}

/// Puts a gap on record.
pub(crate) async fn tell(trail: &Trail, reason: &'static str, lost: u64) {
    let gap = Gap {
        at: now(),
        reason: reason.into(),
        lost,
        recovered: 0,
    };
    if let Err(error) = trail.note(EventRef::Gap(&gap)).await {
        tracing::error!(reason, %error, "not on record");
    }
}

/// Gives back what is leased and not used, once nobody is served any more.
pub(crate) async fn farewell(gateway: &Gateway) {
    if let Some(budgets) = &gateway.budgets
        && timeout(FAREWELL, budgets.give_back()).await.is_err()
    {
        tracing::warn!("what was leased of budgets is not given back; it stays with this host");
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn read(kind: fn(std::path::PathBuf) -> Shown, text: &str, mode: u32) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("redis.login");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        login(Some(&kind(file))).map(drop)
    }

    #[test]
    fn a_login_is_what_its_file_has() {
        for (kind, text) in [
            (Shown::User as fn(_) -> _, "tidegate:a b:c\n"),
            (Shown::Password, "word:with colon\r\n"),
        ] {
            assert_eq!(read(kind, text, 0o600), Ok(()), "{text:?}");
        }
        for (kind, text, told) in [
            (Shown::User as fn(_) -> _, "tidegate\n", "USER:PASSWORD"),
            (Shown::User, ":word\n", "USER:PASSWORD"),
            (Shown::User, "tidegate:\n", "USER:PASSWORD"),
            (Shown::Password, "\n", "the password"),
            (Shown::Password, "one\ntwo\n", "the password"),
        ] {
            let why = read(kind, text, 0o600).unwrap_err();
            assert!(why.contains(told), "{text:?}: {why}");
            // What may be a secret is not repeated.
            assert!(
                text.trim().is_empty() || !why.contains(text.trim()),
                "{why}"
            );
        }
        let exposed = read(Shown::Password, "word", 0o644).unwrap_err();
        assert!(exposed.contains("644"), "{exposed}");
    }
}
