//! Credentials at rest, sealed.
//!
//! `credentials.json`, mode 0600, beside the keyring: by name the versions of a credential, each sealed by a
//! data key of its own that the key provider wraps. Both are bound to name and version, so that nothing
//! can be put in another's place. The last version is in use. The ones before it are live until they
//! retire: should the last one be revoked, the one before is in use again.

use std::{collections::BTreeMap, fs::File, io, path::Path};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Credential;
use crate::{
    DataKey, KeyProvider, NONCE_BYTES, VaultError,
    keyring::{malformed, private, replace_private, written},
    rewrapped, wrapped_by,
};

/// Versions of one credential that are kept: a rotation is a change from one to the next.
const VERSIONS_MAX: usize = 2;

/// The credentials of one file, all sealed.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    credentials: BTreeMap<String, Kept>,
}

/// One credential.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The greatest number that was ever given to a version of it.
    numbered: u32,
    /// Oldest first.
    versions: Vec<Sealed>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    version: u32,
    /// When it is destroyed, in seconds since the epoch; the last one never is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retires: Option<i64>,
    #[serde(with = "hex::serde")]
    wrapped: Vec<u8>,
    #[serde(with = "hex::serde")]
    nonce: [u8; NONCE_BYTES],
    #[serde(with = "hex::serde")]
    ciphertext: Vec<u8>,
}

/// What is known of one version without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version<'a> {
    /// The credential's name.
    pub name: &'a str,
    /// Its number.
    pub version: u32,
    /// When it is destroyed, in seconds since the epoch; none: it is in use.
    pub retires: Option<i64>,
}

impl Credentials {
    /// Reads the file; none yet are no credentials.
    ///
    /// # Errors
    /// If it cannot be read, may be read by others than its owner, or is malformed.
    pub fn open(path: &Path) -> Result<Self, VaultError> {
        match private(path) {
            Err(VaultError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(error) => Err(error),
            Ok(text) => {
                serde_json::from_slice(&text).map_err(|error| malformed(path, error.to_string()))
            }
        }
    }

    /// Changes the file, with nobody else at it; gives what `change` gives. Whoever reads the file finds the
    /// old one or the new one, whole.
    ///
    /// # Errors
    /// As [`open`](Self::open) and `change`, and if it cannot be written.
    pub fn change<T>(
        path: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let beside = path.with_extension("lock");
        let lock = File::create(&beside).map_err(written(&beside))?;
        lock.lock().map_err(written(&beside))?;
        let mut credentials = Self::open(path)?;
        let changed = change(&mut credentials)?;
        replace_private(path, &credentials).map_err(written(path))?;
        Ok(changed)
    }

    /// Seals a credential under `name`, in place of all versions before. Gives its version.
    ///
    /// # Errors
    /// If the key provider fails.
    pub fn put(
        &mut self,
        name: &str,
        secret: &[u8],
        provider: &dyn KeyProvider,
    ) -> Result<u32, VaultError> {
        let numbered = self.credentials.get(name).map_or(0, |it| it.numbered);
        let sealed = Sealed::new(name, numbered.saturating_add(1), secret, provider)?;
        let version = sealed.version;
        let kept = self.credentials.entry(name.to_owned()).or_default();
        kept.numbered = version;
        kept.versions = vec![sealed];
        Ok(version)
    }

    /// Seals a new version, and leaves the one before live until `retires`, in seconds since the epoch;
    /// older ones are destroyed. Gives the new version.
    ///
    /// # Errors
    /// If the key provider fails.
    pub fn rotate(
        &mut self,
        name: &str,
        secret: &[u8],
        retires: i64,
        provider: &dyn KeyProvider,
    ) -> Result<u32, VaultError> {
        let mut before = self
            .credentials
            .get_mut(name)
            .map_or_else(Vec::new, |it| std::mem::take(&mut it.versions));
        before.drain(..before.len().saturating_sub(VERSIONS_MAX - 1));
        for old in &mut before {
            old.retires = Some(retires);
        }
        let version = self.put(name, secret, provider)?;
        if let Some(kept) = self.credentials.get_mut(name) {
            before.append(&mut kept.versions);
            kept.versions = before;
        }
        Ok(version)
    }

    /// Destroys one version. If it was in use, the one before is from now on, and does not retire. Returns
    /// whether there was one.
    pub fn revoke(&mut self, name: &str, version: u32) -> bool {
        let Some(kept) = self.credentials.get_mut(name) else {
            return false;
        };
        let before = kept.versions.len();
        kept.versions.retain(|it| it.version != version);
        if let Some(last) = kept.versions.last_mut() {
            last.retires = None;
        }
        kept.versions.len() < before
    }

    /// Destroys the versions that have retired by `now`, in seconds since the epoch. Returns how many.
    pub fn retire(&mut self, now: i64) -> usize {
        let mut retired = 0;
        for kept in self.credentials.values_mut() {
            let before = kept.versions.len();
            kept.versions
                .retain(|it| it.retires.is_none_or(|retires| retires > now));
            retired += before - kept.versions.len();
        }
        retired
    }

    /// When the next version retires, in seconds since the epoch.
    pub fn next_retirement(&self) -> Option<i64> {
        self.list().filter_map(|it| it.retires).min()
    }

    /// Destroys a credential. Returns whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.credentials.remove(name).is_some()
    }

    /// All live versions.
    pub fn list(&self) -> impl Iterator<Item = Version<'_>> {
        self.credentials.iter().flat_map(|(name, kept)| {
            kept.versions.iter().map(|sealed| Version {
                name,
                version: sealed.version,
                retires: sealed.retires,
            })
        })
    }

    /// Wraps the keys of all versions as `provider` wraps now; gives how many were wrapped otherwise. What it cannot open
    /// stays as it is.
    ///
    /// # Errors
    /// If the key provider fails.
    pub fn rewrap(&mut self, provider: &dyn KeyProvider) -> Result<u64, VaultError> {
        let mut changed = 0;
        for (name, kept) in &mut self.credentials {
            for sealed in &mut kept.versions {
                let context = context(name, sealed.version);
                if let Some(wrapped) = rewrapped(provider, &sealed.wrapped, &context)? {
                    sealed.wrapped = wrapped;
                    changed += 1;
                }
            }
        }
        Ok(changed)
    }

    /// The ids of the key-encryption keys that wrap the live versions, one for each; none where that is not to be told.
    pub fn wrapped_by(&self) -> impl Iterator<Item = Option<u32>> {
        let versions = self.credentials.values().flat_map(|kept| &kept.versions);
        versions.map(|sealed| wrapped_by(&sealed.wrapped))
    }

    /// Opens the version of this name that is in use, if there is one.
    ///
    /// # Errors
    /// If it does not open.
    pub fn credential(
        &self,
        name: &str,
        provider: &dyn KeyProvider,
    ) -> Result<Option<Credential>, VaultError> {
        let kept = self.credentials.get(name);
        let sealed = kept.and_then(|kept| kept.versions.last());
        sealed.map(|it| it.open(name, provider)).transpose()
    }
}

impl Sealed {
    fn new(
        name: &str,
        version: u32,
        secret: &[u8],
        provider: &dyn KeyProvider,
    ) -> Result<Self, VaultError> {
        let context = context(name, version);
        let (key, wrapped) = DataKey::generate(provider, &context)?;
        let mut ciphertext = secret.to_vec();
        let seal = key.seal(&context, &mut ciphertext)?;
        ciphertext.extend_from_slice(&seal.tag);
        Ok(Self {
            version,
            retires: None,
            wrapped,
            nonce: seal.nonce,
            ciphertext,
        })
    }

    fn open(&self, name: &str, provider: &dyn KeyProvider) -> Result<Credential, VaultError> {
        let context = context(name, self.version);
        let key = DataKey::unwrap(provider, &self.wrapped, &context)?;
        let mut sealed = Zeroizing::new(self.ciphertext.clone());
        let secret = key.open(self.nonce, &context, &mut sealed)?;
        Ok(Credential {
            version: self.version,
            secret: Zeroizing::new((&*secret).into()),
        })
    }
}

/// What a version is bound to.
fn context(name: &str, version: u32) -> Vec<u8> {
    format!("credential\n{name}\n{version}").into_bytes()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;
    use crate::{CREDENTIALS_FILE, FileProvider, Keyring};

    fn provider(folder: &Path, name: &str) -> FileProvider {
        let keyring = Keyring::open_or_create(&folder.join(name)).unwrap();
        keyring.provider()
    }

    #[test]
    fn a_credential_comes_back_only_under_its_name_its_version_and_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CREDENTIALS_FILE);
        let provider = provider(folder.path(), "keyring.json");
        let other = self::provider(folder.path(), "other.json");

        let put = Credentials::change(&path, |credentials| {
            let first = credentials.put("a", b"first-one", &provider)?;
            let second = credentials.put("a", b"second-one", &provider)?;
            credentials.put("b", b"another-one", &provider)?;
            Ok((first, second))
        });
        assert_eq!(put.unwrap(), (1, 2));
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("second-one") && !text.contains(&hex::encode("second-one")));

        let mut credentials = Credentials::open(&path).unwrap();
        let opened = credentials.credential("a", &provider).unwrap().unwrap();
        assert_eq!(
            (opened.version, opened.expose()),
            (2, b"second-one".as_slice())
        );
        assert_eq!(format!("{opened:?}"), "[credential, version 2]");
        assert!(credentials.credential("a", &other).is_err());
        assert!(credentials.credential("c", &provider).unwrap().is_none());
        let swapped = credentials.credentials.remove("b").unwrap();
        credentials.credentials.insert("a".to_owned(), swapped);
        assert!(credentials.credential("a", &provider).is_err());
        assert!(credentials.remove("a") && !credentials.remove("a"));
    }

    /// The versions that are live, and when each retires.
    fn live(credentials: &Credentials) -> Vec<(u32, Option<i64>)> {
        credentials
            .list()
            .map(|it| (it.version, it.retires))
            .collect()
    }

    #[test]
    fn two_versions_are_live_during_a_change_and_one_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let provider = provider(folder.path(), "keyring.json");
        let mut credentials = Credentials::default();
        let used = |credentials: &Credentials| {
            let opened = credentials.credential("a", &provider).unwrap();
            opened.map(|it| String::from_utf8(it.expose().to_vec()).unwrap())
        };
        credentials.put("a", b"version-1", &provider).unwrap();
        assert_eq!(credentials.next_retirement(), None);
        assert_eq!(
            credentials
                .rotate("a", b"version-2", 100, &provider)
                .unwrap(),
            2
        );
        assert_eq!(live(&credentials), [(1, Some(100)), (2, None)]);
        assert_eq!(used(&credentials).unwrap(), "version-2");
        credentials
            .rotate("a", b"version-3", 200, &provider)
            .unwrap();
        assert_eq!(live(&credentials), [(2, Some(200)), (3, None)]);
        assert_eq!(credentials.next_retirement(), Some(200));
        assert_eq!(credentials.retire(199), 0);
        // A change that was wrong is taken back; its number is not given again.
        assert!(credentials.revoke("a", 3) && !credentials.revoke("a", 3));
        assert_eq!(live(&credentials), [(2, None)]);
        assert_eq!(used(&credentials).unwrap(), "version-2");
        assert_eq!(
            credentials
                .rotate("a", b"version-4", 300, &provider)
                .unwrap(),
            4
        );
        assert_eq!(credentials.retire(300), 1);
        assert_eq!(live(&credentials), [(4, None)]);
        assert!(credentials.revoke("a", 4));
        assert_eq!(used(&credentials), None);
        assert_eq!(credentials.put("a", b"version-5", &provider).unwrap(), 5);
        assert!(!credentials.revoke("b", 1));
    }
    #[test]
    fn every_version_goes_to_another_key_and_what_nobody_opens_stays() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::open_or_create(&folder.path().join("keyring.json")).unwrap();
        let other = provider(folder.path(), "other.json");
        let provider = keyring.provider();
        let mut credentials = Credentials::default();
        credentials.put("a", b"version-1", &provider).unwrap();
        credentials
            .rotate("a", b"version-2", 100, &provider)
            .unwrap();
        credentials.put("b", b"another-one", &other).unwrap();
        assert_eq!(credentials.rewrap(&provider).unwrap(), 0);
        let next = keyring.rotated().unwrap();
        provider.adopt(&next).unwrap();
        assert_eq!(credentials.rewrap(&provider).unwrap(), 2);
        assert_eq!(credentials.rewrap(&provider).unwrap(), 0);
        let ids: Vec<_> = credentials.wrapped_by().collect();
        assert_eq!(ids, [Some(2), Some(2), Some(1)]);
        provider.adopt(&next.retired().unwrap()).unwrap();
        for (version, secret) in [(2, b"version-2"), (1, b"version-1")] {
            let opened = credentials.credential("a", &provider).unwrap().unwrap();
            assert_eq!((opened.version, opened.expose()), (version, &secret[..]));
            credentials.revoke("a", version);
        }
        assert!(credentials.credential("b", &other).is_ok());
    }
}
