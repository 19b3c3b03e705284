//! The keyring of a log, and whoever keeps its root.

use std::{
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use audit::checkpoint::Authority;
use http::{HeaderValue, Uri};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use proxy::{Upstream, secrets::RootKeeper};
use rustls::ClientConfig;
use vault::{
    Credential, KEYRING_FILE, Keyring, KeyringHold, LocalProvider, Place, PublicKeys, Root,
    SealedKeyring, Stored, VaultError, is_credential,
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
        self.unwrap(sealed.wrapped_root()?, sealed.log().to_owned())
            .await
    }

    /// The root that was wrapped for the log named `log`.
    pub(crate) async fn unwrap(&self, wrapped: Vec<u8>, log: String) -> Result<Root, VaultError> {
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
    if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
        return Err(miette!(
            help = "what it is shown stands in a file, which `--secret` names",
            "an address names no user and no password"
        ));
    }
    Ok(uri)
}

/// A keyring that is open, and how it is opened again.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) keyring: Arc<Keyring>,
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
            (Stored::Clear(stored), None) => {
                let signs = |keyring: &Keyring| keyring.public_keys().into_diagnostic();
                stored.wrapping_ids() == self.keyring.wrapping_ids()
                    && signs(stored)? == signs(&self.keyring)?
            }
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
pub(crate) fn wait_for(data: &Path, needed: bool, written: &[PathBuf]) -> Result<Option<Opened>> {
    let path = data.join(KEYRING_FILE);
    if !path.exists() && !needed {
        return Ok(None);
    }
    SERVES.store(true, Ordering::Release);
    private_folder(data)?;
    let sealed = match Keyring::stored_or_created(&path).into_diagnostic()? {
        Stored::Clear(keyring) => return Ok(Some(in_clear(keyring))),
        Stored::Sealed(sealed) => sealed,
    };
    is_foreign(sealed.place(), written)?;
    let provider = Provider::new(sealed.place()).wrap_err_with(|| unusable(&sealed))?;
    let mut retry = RETRY_FIRST;
    loop {
        match ask(&provider, &sealed) {
            Ok(keyring) => {
                return Ok(Some(remembered(keyring, sealed, provider)));
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
pub(crate) fn open(data: &Path) -> Result<Arc<Keyring>> {
    Ok(with_keeper(data)?.keyring)
}

/// The same; its provider is asked, also by whoever opened it before.
pub(crate) fn open_anew(data: &Path) -> Result<Arc<Keyring>> {
    let stored = Keyring::stored(&data.join(KEYRING_FILE)).into_diagnostic()?;
    Ok(asked(stored, data)?.keyring)
}

/// The same, with who keeps its root.
pub(crate) fn with_keeper(data: &Path) -> Result<Opened> {
    let stored = Keyring::stored(&data.join(KEYRING_FILE));
    opened(stored.into_diagnostic()?, data)
}

/// The same; one is made, in clear, if there is none.
pub(crate) fn open_or_create(data: &Path) -> Result<Arc<Keyring>> {
    let stored = Keyring::stored_or_created(&data.join(KEYRING_FILE)).into_diagnostic()?;
    Ok(opened(stored, data)?.keyring)
}

/// The public keys of the log in `data`; nobody is asked for them.
pub(crate) fn public_keys(data: &Path) -> Result<PublicKeys> {
    match Keyring::stored(&data.join(KEYRING_FILE)).into_diagnostic()? {
        Stored::Clear(keyring) => keyring.public_keys().into_diagnostic(),
        Stored::Sealed(sealed) => Ok(sealed.public_keys()),
    }
}

/// The one of them that signs.
pub(crate) fn verifier_key(data: &Path) -> Result<String> {
    public_keys(data).map(|keys| keys.current)
}

/// Whose checkpoints count of the log in `data`.
pub(crate) fn authority(data: &Path) -> Result<Authority> {
    audit::authority(&public_keys(data)?).into_diagnostic()
}

fn opened(stored: Stored, data: &Path) -> Result<Opened> {
    if let Stored::Sealed(sealed) = &stored {
        if WITHHELD.load(Ordering::Acquire) {
            return Err(miette!("the lease has ended")).wrap_err_with(|| unusable(sealed));
        }
        if let Some(last) = last(sealed) {
            return Ok(last);
        }
        if SERVES.load(Ordering::Acquire) {
            // Who rotates keys has just written it, and says so next.
            return Err(miette!("the keyring is being written; say it again"));
        }
    }
    asked(stored, data)
}

fn asked(stored: Stored, data: &Path) -> Result<Opened> {
    let sealed = match stored {
        Stored::Clear(keyring) => return Ok(in_clear(keyring)),
        Stored::Sealed(sealed) => sealed,
    };
    is_foreign(sealed.place(), &[data.to_owned()])?;
    let provider = Provider::new(sealed.place()).wrap_err_with(|| unusable(&sealed))?;
    let keyring = ask(&provider, &sealed).into_diagnostic();
    let keyring = keyring.wrap_err_with(|| unusable(&sealed))?;
    Ok(remembered(keyring, sealed, provider))
}

/// The sealed keyring that this process opened last, and when. A gateway that looks into its own log asks nobody for it: its
/// provider is asked for the lease, and when the file is another. Others ask again after a while.
static LAST: Mutex<Option<(Instant, Opened)>> = Mutex::new(None);

/// For how long that is done by who has no lease to ask for.
const REMEMBERED: Duration = Duration::from_mins(5);

/// Whether the lease of it has ended: then the log is not looked into either.
static WITHHELD: AtomicBool = AtomicBool::new(false);

/// Whether this process is a gateway, which asks its provider for the lease and by nobody else's wish: it would stand still
/// meanwhile, and may not load anything more.
static SERVES: AtomicBool = AtomicBool::new(false);

/// Says what this process itself made of the keyring's file in `data`.
pub(crate) fn rewritten(data: &Path, keyring: Keyring, keeper: &Arc<Provider>) -> Result<()> {
    let stored = Keyring::stored(&data.join(KEYRING_FILE)).into_diagnostic()?;
    if let Stored::Sealed(sealed) = stored {
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = Opened {
            keyring: Arc::new(keyring),
            sealed: Some((sealed, Arc::clone(keeper))),
        };
        *last = Some((Instant::now(), opened));
    }
    Ok(())
}

/// Says whether the lease of the keyring that was opened has ended.
pub(crate) fn withhold(withheld: bool) {
    WITHHELD.store(withheld, Ordering::Release);
}

fn last(sealed: &SealedKeyring) -> Option<Opened> {
    let last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let (since, opened) = last.as_ref()?;
    let is_it = opened.sealed.as_ref().is_some_and(|(it, _)| it == sealed);
    let holds = SERVES.load(Ordering::Acquire) || since.elapsed() < REMEMBERED;
    (is_it && holds).then(|| opened.clone())
}

fn remembered(keyring: Keyring, sealed: SealedKeyring, provider: Provider) -> Opened {
    let opened = Opened {
        keyring: Arc::new(keyring),
        sealed: Some((sealed, Arc::new(provider))),
    };
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    *last = Some((Instant::now(), opened.clone()));
    opened
}

fn in_clear(keyring: Keyring) -> Opened {
    let (keyring, sealed) = (Arc::new(keyring), None);
    Opened { keyring, sealed }
}

/// Refuses a module that whoever serves may have written: it is loaded before anything is given up.
fn is_foreign(place: &Place, written: &[PathBuf]) -> Result<()> {
    let Place::Pkcs11 { module, .. } = place else {
        return Ok(());
    };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let at = real(module);
    match written.iter().find(|folder| at.starts_with(real(folder))) {
        None => Ok(()),
        Some(folder) => Err(miette!(
            help = "keep it where only root writes",
            "the module `{}` is not loaded: a gateway may write in `{}`",
            module.display(),
            folder.display()
        )),
    }
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
    use vault::Source;

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

    #[test]
    fn no_module_is_loaded_from_where_a_gateway_writes() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("x.so"), b"").unwrap();
        std::os::unix::fs::symlink(&data, folder.path().join("elsewhere")).unwrap();
        let of = |module: &Path| {
            let place = Place::Pkcs11 {
                module: module.to_owned(),
                token: "gateway".to_owned(),
                key: "root".to_owned(),
                secret: Source::Systemd("pin".to_owned()),
                files: Vec::new(),
            };
            is_foreign(&place, std::slice::from_ref(&data))
        };
        for module in ["data/x.so", "elsewhere/x.so", "data/../data/x.so"] {
            let refused = of(&folder.path().join(module)).unwrap_err();
            assert!(refused.to_string().contains("is not loaded"), "{refused}");
        }
        of(Path::new("/usr/lib/softhsm/libsofthsm2.so")).unwrap();
    }

    #[test]
    fn an_address_is_private_and_tells_no_password() {
        for typed in [
            "http://bao.example",
            "https://gateway:word@bao.example",
            "bao",
        ] {
            address(typed).unwrap_err();
        }
        address("https://bao.example:8200").unwrap();
        address("http://127.0.0.1:8200").unwrap();
    }
}
