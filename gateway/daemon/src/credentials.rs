//! The services' credentials, as the gateway presents them: those of the vault, and files that somebody
//! else keeps (systemd's `LoadCredential`, a secret store's agent).
//!
//! They are looked at again whenever their file is another one, so that a new version is in use within
//! a second, without a restart; exchanges under way end with the one that they were presented with.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use miette::{IntoDiagnostic as _, Result};
use proxy::credential::CredentialSource;
use tokio::sync::watch;
use vault::{CREDENTIALS_FILE, Credential, Credentials, KeyProvider, Keyring, VaultError};

use crate::config::{Config, CredentialPlace};

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// All credentials that the configuration names.
pub(crate) struct Held {
    places: Vec<(Arc<str>, CredentialPlace)>,
    vault: PathBuf,
    provider: Box<dyn KeyProvider>,
    opened: RwLock<HashMap<Arc<str>, Opened>>,
}

struct Opened {
    stamp: Option<Stamp>,
    credential: Option<Arc<Credential>>,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

impl Held {
    pub(crate) fn open(config: &Config, keyring: &Keyring) -> Result<Arc<Self>> {
        let held = Self {
            places: config.credentials.clone(),
            vault: config.data.join(CREDENTIALS_FILE),
            provider: Box::new(keyring.provider().into_diagnostic()?),
            opened: RwLock::default(),
        };
        held.look();
        Ok(Arc::new(held))
    }

    /// Looks for changes until told to stop.
    pub(crate) async fn watch(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        if self.places.is_empty() {
            return;
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stop.wait_for(|stopped| *stopped) => return,
            }
            let held = Arc::clone(&self);
            if let Err(error) = tokio::task::spawn_blocking(move || held.look()).await {
                tracing::error!(%error, "credentials could not be looked at");
            }
        }
    }

    /// The names of those that cannot be presented.
    pub(crate) fn missing(&self) -> Vec<Arc<str>> {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        let missing = opened.iter().filter(|(_, it)| it.credential.is_none());
        missing.map(|(name, _)| Arc::clone(name)).collect()
    }

    fn look(&self) {
        for (name, place) in &self.places {
            let path = match place {
                CredentialPlace::Vault => &self.vault,
                CredentialPlace::File(path) => path,
            };
            let stamp = Stamp::of(path);
            let known = self.opened.read().unwrap_or_else(PoisonError::into_inner);
            if known.get(name).is_some_and(|known| known.stamp == stamp) {
                continue;
            }
            drop(known);
            let credential = self.read(name, place).unwrap_or_else(|error| {
                tracing::error!(credential = &**name, %error, "a credential cannot be opened");
                None
            });
            if let Some(credential) = &credential {
                tracing::info!(credential = &**name, version = credential.version, "in use");
            } else {
                tracing::warn!(credential = &**name, "there is no such credential");
            }
            let credential = credential.map(Arc::new);
            let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
            opened.insert(Arc::clone(name), Opened { stamp, credential });
        }
    }

    fn read(&self, name: &str, place: &CredentialPlace) -> Result<Option<Credential>, VaultError> {
        match place {
            CredentialPlace::Vault => {
                Credentials::open(&self.vault)?.credential(name, &*self.provider)
            }
            CredentialPlace::File(path) if !path.exists() => Ok(None),
            CredentialPlace::File(path) => Credential::from_file(path).map(Some),
        }
    }
}

impl CredentialSource for Held {
    fn credential(&self, name: &str) -> Option<Arc<Credential>> {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        opened.get(name)?.credential.clone()
    }
}
