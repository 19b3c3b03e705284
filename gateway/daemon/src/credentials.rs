//! The services' credentials, as the gateway presents them: those of the vault, and files that somebody
//! else keeps (systemd's `LoadCredential`, a secret store's agent).
//!
//! Whoever asks for one gets what is in its file in that moment, so that a version which was revoked is in
//! no call that begins after that, and nobody has to restart anything. Exchanges under way end with the one
//! that they were presented with; with the last of them it is wiped.

mod stores;

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use proxy::{Upstream, credential::CredentialSource};
use rustls::ClientConfig;
use tokio::sync::watch;
use vault::{CREDENTIALS_FILE, Credential, Credentials, KeyProvider, Keyring, VaultError};

use self::stores::Kept;
pub(crate) use self::stores::StorePlace;
use crate::{
    cli::now,
    config::{Config, CredentialPlace},
};

/// How often files are looked at while nobody asks.
const LOOK: Duration = Duration::from_millis(500);

/// All credentials that the configuration names.
pub(crate) struct Held {
    places: HashMap<Arc<str>, CredentialPlace>,
    vault: PathBuf,
    provider: Box<dyn KeyProvider>,
    opened: RwLock<HashMap<Arc<str>, Opened>>,
    /// What stores of others said last.
    kept: HashMap<Arc<str>, Arc<Kept>>,
    /// Every version that was opened, while anybody has it.
    alive: Mutex<Vec<Weak<Credential>>>,
    /// How often one was asked for.
    reads: AtomicU64,
}

struct Opened {
    stamp: Option<Stamp>,
    credential: Option<Arc<Credential>>,
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

impl Held {
    pub(crate) fn open(config: &Config, keyring: &Keyring) -> Arc<Self> {
        let stored = config.credentials.iter();
        let stored = stored.filter(|(_, place)| matches!(place, CredentialPlace::Store(_)));
        let held = Self {
            places: config.credentials.iter().cloned().collect(),
            vault: config.data.join(CREDENTIALS_FILE),
            provider: Box::new(keyring.provider()),
            opened: RwLock::default(),
            kept: stored
                .map(|(name, _)| (Arc::clone(name), Arc::default()))
                .collect(),
            alive: Mutex::default(),
            reads: AtomicU64::default(),
        };
        held.look();
        Arc::new(held)
    }

    /// Looks for changes, and destroys what has retired, until told to stop.
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
            let looked = tokio::task::spawn_blocking(move || {
                held.retire();
                held.look();
            });
            if let Err(error) = looked.await {
                tracing::error!(%error, "credentials could not be looked at");
            }
        }
    }

    /// Asks the stores of others, each until told to stop.
    pub(crate) fn ask_stores(
        self: &Arc<Self>,
        tls: &Arc<ClientConfig>,
        stop: &watch::Receiver<bool>,
    ) {
        let stores = self.places.iter().filter_map(|(name, place)| match place {
            CredentialPlace::Store(place) => Some((name, place)),
            CredentialPlace::Vault | CredentialPlace::File(_) => None,
        });
        let at = stores.clone();
        let at = at.map(|(_, place)| (place.store.address(), &*place.networks));
        let client = Upstream::guarded_to(tls, at);
        for (name, place) in stores {
            let (held, name, place) = (Arc::clone(self), Arc::clone(name), Arc::clone(place));
            let kept = stores::keep(held, name, place, client.clone(), stop.clone());
            tokio::spawn(kept);
        }
    }

    /// The names of those that cannot be presented.
    pub(crate) fn missing(&self) -> Vec<Arc<str>> {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        let missing = opened.iter().filter(|(_, it)| it.credential.is_none());
        let away = self.kept.iter().filter(|(_, it)| it.current().is_none());
        let away = away.map(|(name, _)| name);
        missing.map(|(name, _)| name).chain(away).cloned().collect()
    }

    /// How often one was asked for, to be presented.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// How many versions are in memory: those in use, and those that calls end with.
    pub(crate) fn in_memory(&self) -> u64 {
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        alive.retain(|it| it.strong_count() > 0);
        alive.len() as u64
    }

    /// Destroys what has retired.
    fn retire(&self) {
        let now = now().as_second();
        let due = Credentials::open(&self.vault)
            .is_ok_and(|it| it.next_retirement().is_some_and(|retires| retires <= now));
        if !due {
            return;
        }
        match Credentials::change(&self.vault, |credentials| Ok(credentials.retire(now))) {
            Ok(versions) => tracing::info!(versions, "versions of credentials have retired"),
            Err(error) => tracing::error!(%error, "versions of credentials cannot be destroyed"),
        }
    }

    fn look(&self) {
        for (name, place) in &self.places {
            self.current(name, place);
        }
    }

    /// What is in the file of a credential now.
    fn current(&self, name: &Arc<str>, place: &CredentialPlace) -> Option<Arc<Credential>> {
        let path = match place {
            CredentialPlace::Vault => &self.vault,
            CredentialPlace::File(path) => path,
            CredentialPlace::Store(_) => return self.kept.get(name)?.current(),
        };
        let stamp = Stamp::of(path);
        let same = |known: &&Opened| known.stamp == stamp;
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = opened.get(name).filter(same) {
            return known.credential.clone();
        }
        drop(opened);
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have been here in between.
        if let Some(known) = opened.get(name).filter(same) {
            return known.credential.clone();
        }
        let known = opened.remove(name).and_then(|known| known.credential);
        let credential = self.renewed(name, place, known);
        let known = Opened {
            stamp,
            credential: credential.clone(),
        };
        opened.insert(Arc::clone(name), known);
        credential
    }

    /// The credential as it is now: the `known` one, where it is that.
    fn renewed(
        &self,
        name: &str,
        place: &CredentialPlace,
        known: Option<Arc<Credential>>,
    ) -> Option<Arc<Credential>> {
        let read = self.read(name, place).unwrap_or_else(|error| {
            tracing::error!(credential = name, %error, "a credential cannot be opened");
            None
        });
        let Some(read) = read else {
            tracing::warn!(credential = name, "there is no such credential");
            return None;
        };
        // The file may have changed for the sake of another.
        Some(self.same_or_new(name, known, read))
    }

    /// The `known` credential, if what was `read` is that; else what was read, which is counted from now on.
    fn same_or_new(
        &self,
        name: &str,
        known: Option<Arc<Credential>>,
        read: Credential,
    ) -> Arc<Credential> {
        let is_same = |known: &Arc<Credential>| {
            known.version == read.version && known.expose() == read.expose()
        };
        if let Some(known) = known.filter(is_same) {
            return known;
        }
        tracing::info!(credential = name, version = read.version, "in use");
        let read = Arc::new(read);
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        alive.retain(|it| it.strong_count() > 0);
        alive.push(Arc::downgrade(&read));
        read
    }

    fn read(&self, name: &str, place: &CredentialPlace) -> Result<Option<Credential>, VaultError> {
        match place {
            CredentialPlace::Vault => {
                Credentials::open(&self.vault)?.credential(name, &*self.provider)
            }
            CredentialPlace::File(path) if !path.exists() => Ok(None),
            CredentialPlace::File(path) => Credential::from_file(path).map(Some),
            CredentialPlace::Store(_) => Ok(None),
        }
    }
}

impl CredentialSource for Held {
    fn credential(&self, name: &str) -> Option<Arc<Credential>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let (name, place) = self.places.get_key_value(name)?;
        self.current(name, place)
    }

    fn was_refused(&self, name: &str) {
        if let Some(kept) = self.kept.get(name) {
            kept.was_refused();
        }
    }
}
