//! The keyring of a log, and whoever keeps its root.

use std::{path::Path, str::FromStr as _, sync::Arc, thread, time::Duration};

use http::{HeaderValue, Uri};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::{Upstream, secrets::RootKeeper};
use rustls::ClientConfig;
use vault::{
    Credential, KEYRING_FILE, Keyring, KeyringHold, LocalProvider, Place, Root, SealedKeyring,
    Stored, VaultError, is_credential,
};

use crate::{cli::block_on, config::is_loopback, private_folder};

/// How soon a provider that was away at the start is asked again; twice as long after each time.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Whoever keeps the root of a keyring.
pub(crate) enum Provider {
    /// On this host.
    Local(Arc<LocalProvider>),
    /// Elsewhere.
    Remote(Box<RootKeeper>, Arc<ClientConfig>, Place),
}

impl Provider {
    /// The one that `place` names. What it takes to ask it but its secret is read here, once: modules, certificates.
    pub(crate) fn new(place: &Place) -> Result<Self> {
        if let Some(local) = LocalProvider::new(place).into_diagnostic()? {
            return Ok(Self::Local(Arc::new(local)));
        }
        let (keeper, ca) = match place {
            Place::AwsKms {
                endpoint,
                region,
                key,
                ca,
                ..
            } => {
                let keeper = RootKeeper::Kms {
                    endpoint: address(endpoint)?,
                    region: region.clone(),
                    key: key.clone(),
                };
                (keeper, ca)
            }
            Place::Transit {
                address: at,
                mount,
                key,
                namespace,
                ca,
                ..
            } => {
                let namespace = namespace.as_deref().map(HeaderValue::from_str).transpose();
                let keeper = RootKeeper::Transit {
                    address: address(at)?,
                    mount: mount.clone(),
                    key: key.clone(),
                    namespace: namespace
                        .into_diagnostic()
                        .wrap_err("the namespace cannot be sent")?,
                };
                (keeper, ca)
            }
            Place::Passphrase { .. } | Place::Credential { .. } | Place::Pkcs11 { .. } => {
                return Err(miette!("`{place}` is no provider elsewhere"));
            }
        };
        let tls = Upstream::tls(ca.as_deref()).into_diagnostic()?;
        Ok(Self::Remote(Box::new(keeper), tls, place.clone()))
    }

    /// Has `root` wrapped for the log named `log`.
    pub(crate) async fn wrap(&self, root: &Root, log: &str) -> Result<Vec<u8>, VaultError> {
        match self {
            Self::Local(local) => local.wrap(root, log),
            Self::Remote(keeper, tls, place) => {
                let (client, shown) = (Upstream::new(tls), shown(place)?);
                let told = keeper.wrap(&client, &shown, root, log);
                told.await.map_err(away)
            }
        }
    }

    /// Opens a keyring by what its provider says now.
    pub(crate) async fn open(&self, sealed: &SealedKeyring) -> Result<Keyring, VaultError> {
        sealed.open(&self.root(sealed).await?)
    }

    /// The root that a keyring is sealed under, by what its provider says now.
    pub(crate) async fn root(&self, sealed: &SealedKeyring) -> Result<Root, VaultError> {
        let (wrapped, log) = (sealed.wrapped_root()?, sealed.log().to_owned());
        match self {
            Self::Local(local) => {
                let local = Arc::clone(local);
                // A passphrase takes its time, and so may a token.
                let opened = tokio::task::spawn_blocking(move || local.unwrap(&wrapped, &log));
                opened.await.map_err(|_| VaultError::Module)?
            }
            Self::Remote(keeper, tls, place) => {
                // A connection of its own: it is asked seldom.
                let (client, shown) = (Upstream::new(tls), shown(place)?);
                let told = keeper.unwrap(&client, &shown, &wrapped, &log);
                told.await.map_err(away)
            }
        }
    }
}

/// What a provider elsewhere is shown.
fn shown(place: &Place) -> Result<Credential, VaultError> {
    let line = place.secret().line()?;
    if !is_credential(&line) {
        let why = format!("`{}` holds no credential", place.secret());
        return Err(VaultError::Away { why });
    }
    Ok(Credential::new(0, &line))
}

fn away(fault: proxy::secrets::StoreFault) -> VaultError {
    let why = fault.to_string();
    VaultError::Away { why }
}

fn address(typed: &str) -> Result<Uri> {
    let uri = Uri::from_str(typed).into_diagnostic();
    let uri = uri.wrap_err_with(|| format!("`{typed}` is no address"))?;
    if uri.authority().is_none() || !(uri.scheme_str() == Some("https") || is_loopback(&uri)) {
        return Err(miette!(
            help = "write `https://`; only loopback may do without",
            "`{typed}`: roots of keyrings are not sent in the clear"
        ));
    }
    Ok(uri)
}

/// A keyring that is open, and how it is opened again.
pub(crate) struct Opened {
    pub(crate) keyring: Keyring,
    /// None if it lies there in clear.
    pub(crate) sealed: Option<(SealedKeyring, Arc<Provider>)>,
}

impl Opened {
    /// Who keeps its root, if anybody does.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.sealed.as_ref().map(|(sealed, _)| sealed.place())
    }

    /// Who keeps its root, to be asked, if anybody does.
    pub(crate) fn keeper(&self) -> Option<Arc<Provider>> {
        self.sealed.as_ref().map(|(_, keeper)| Arc::clone(keeper))
    }

    /// Waits until nobody else changes the keyring of the log in `data`, and sees that this is still what its file has: what
    /// is wrapped by a key that is gone is lost.
    pub(crate) fn hold(&self, data: &Path) -> Result<KeyringHold> {
        let hold = KeyringHold::wait(data).into_diagnostic()?;
        let stored = Keyring::stored(&data.join(KEYRING_FILE)).into_diagnostic()?;
        let is_current = match (&stored, &self.sealed) {
            (Stored::Clear(stored), None) => stored.wrapping_ids() == self.keyring.wrapping_ids(),
            (Stored::Sealed(stored), Some((sealed, _))) => stored == sealed,
            _ => false,
        };
        if is_current {
            return Ok(hold);
        }
        Err(miette!(
            help = "start it again",
            "the keyring was changed while the gateway started"
        ))
    }
}

/// Opens the keyring of a gateway that starts, if there is one or it is `needed` at once: its provider is asked until it
/// answers.
pub(crate) fn wait_for(data: &Path, needed: bool) -> Result<Option<Opened>> {
    let path = data.join(KEYRING_FILE);
    if !path.exists() && !needed {
        return Ok(None);
    }
    private_folder(data)?;
    let sealed = match Keyring::stored_or_created(&path).into_diagnostic()? {
        Stored::Clear(keyring) => {
            let sealed = None;
            return Ok(Some(Opened { keyring, sealed }));
        }
        Stored::Sealed(sealed) => sealed,
    };
    let provider = Provider::new(sealed.place()).wrap_err_with(|| unusable(&sealed))?;
    let mut retry = RETRY_FIRST;
    loop {
        match ask(&provider, &sealed) {
            Ok(keyring) => {
                let sealed = Some((sealed, Arc::new(provider)));
                return Ok(Some(Opened { keyring, sealed }));
            }
            Err(error) => {
                let provider = sealed.place().to_string();
                tracing::error!(provider, %error, "not serving: the keyring cannot be opened");
            }
        }
        thread::sleep(retry);
        retry = (retry * 2).min(RETRY_MAX);
    }
}

/// Opens the keyring of the log in `data`.
pub(crate) fn open(data: &Path) -> Result<Keyring> {
    Ok(with_keeper(data)?.keyring)
}

/// The same, with who keeps its root.
pub(crate) fn with_keeper(data: &Path) -> Result<Opened> {
    opened(Keyring::stored(&data.join(KEYRING_FILE)).into_diagnostic()?)
}

/// The same; one is made, in clear, if there is none.
pub(crate) fn open_or_create(data: &Path) -> Result<Keyring> {
    let stored = Keyring::stored_or_created(&data.join(KEYRING_FILE)).into_diagnostic()?;
    Ok(opened(stored)?.keyring)
}

/// The public key of the log in `data`; nobody is asked for it.
pub(crate) fn verifier_key(data: &Path) -> Result<String> {
    Ok(
        match Keyring::stored(&data.join(KEYRING_FILE)).into_diagnostic()? {
            Stored::Clear(keyring) => keyring.signer().into_diagnostic()?.verifier_key(),
            Stored::Sealed(sealed) => sealed.verifier_key().to_owned(),
        },
    )
}

fn opened(stored: Stored) -> Result<Opened> {
    let sealed = match stored {
        Stored::Clear(keyring) => {
            let sealed = None;
            return Ok(Opened { keyring, sealed });
        }
        Stored::Sealed(sealed) => sealed,
    };
    let provider = Provider::new(sealed.place()).wrap_err_with(|| unusable(&sealed))?;
    let opened = ask(&provider, &sealed).into_diagnostic();
    let keyring = opened.wrap_err_with(|| unusable(&sealed))?;
    let sealed = Some((sealed, Arc::new(provider)));
    Ok(Opened { keyring, sealed })
}

fn unusable(sealed: &SealedKeyring) -> String {
    format!(
        "the keyring of `{}` is sealed by `{}`; see to it that this answers (`tidegate keys status`)",
        sealed.log(),
        sealed.place()
    )
}

/// Asks once, from wherever that is: a thread of its own may wait.
pub(crate) fn ask(provider: &Provider, sealed: &SealedKeyring) -> Result<Keyring, VaultError> {
    let asked = || {
        let asked = block_on(async { Ok(provider.open(sealed).await) });
        asked.unwrap_or(Err(VaultError::Module))
    };
    thread::scope(|scope| scope.spawn(asked).join()).unwrap_or(Err(VaultError::Module))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyring_that_others_changed_is_not_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEYRING_FILE);
        let keyring = open_or_create(folder.path()).unwrap();
        let opened = with_keeper(folder.path()).unwrap();
        drop(opened.hold(folder.path()).unwrap());
        let next = keyring.rotated().unwrap();
        next.unseal(&path).unwrap();
        let refused = opened.hold(folder.path()).unwrap_err();
        assert!(refused.to_string().contains("was changed"), "{refused}");
        let opened = with_keeper(folder.path()).unwrap();
        assert_eq!(opened.keyring.provider().ids(), [1, 2]);
        drop(opened.hold(folder.path()).unwrap());
    }
}
