//! A keyring whose secrets are sealed under a root that a provider keeps.
//!
//! `keyring.json`, mode 0600, version 2: the log's name and public key, where the provider is, the root as that wrapped
//! it, and the secrets of version 1 sealed under the root (AES-256-GCM), bound to all of the others.

use std::{fmt, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    Contents, Former, Keyring, PublicKeys, VERSION, malformed, replace_private,
    succession::UNORDERED, written,
};
use crate::{DataKey, NONCE_BYTES, Place, Root, VaultError};

/// The layout of a sealed keyring.
pub(super) const SEALED: u32 = 2;

/// A keyring that nobody opened yet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedKeyring {
    version: u32,
    log: String,
    verifier: String,
    /// The log's keys that signed before, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former: Vec<Former>,
    /// The one that is to sign, or does already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    provider: Place,
    root: String,
    sealed: String,
}

impl SealedKeyring {
    /// The log's name.
    pub fn log(&self) -> &str {
        &self.log
    }

    /// The log's public keys, as the one who sealed it had them.
    pub fn public_keys(&self) -> PublicKeys {
        PublicKeys {
            former: self.former.clone(),
            current: self.verifier.clone(),
            next: self.next.clone(),
        }
    }

    /// Where the root is.
    pub fn place(&self) -> &Place {
        &self.provider
    }

    /// The root, as its provider wrapped it.
    pub fn wrapped_root(&self) -> Result<Vec<u8>, VaultError> {
        let decoded = BASE64_STANDARD.decode(&self.root);
        decoded.map_err(|_| VaultError::Unopened)
    }

    /// Opens it.
    ///
    /// # Errors
    /// If this is not its root, or it was changed.
    pub fn open(&self, root: &Root) -> Result<Keyring, VaultError> {
        let sealed = BASE64_STANDARD.decode(&self.sealed).map(Zeroizing::new);
        let mut sealed = sealed.map_err(|_| VaultError::Unopened)?;
        let (nonce, sealed) = sealed
            .split_first_chunk_mut::<NONCE_BYTES>()
            .ok_or(VaultError::Unopened)?;
        let key = DataKey::new(root.material())?;
        let opened = key.open(*nonce, &self.bound()?, sealed)?;
        let contents: Contents =
            serde_json::from_slice(opened).map_err(|_| VaultError::Unopened)?;
        let keyring = Keyring::of(contents)?;
        let is_whole = keyring.contents.check().is_ok();
        let is_own =
            keyring.contents.log == self.log && keyring.public_keys()? == self.public_keys();
        (is_whole && is_own)
            .then_some(keyring)
            .ok_or(VaultError::Unopened)
    }

    /// What the secrets are bound to: everything that stands beside them.
    fn bound(&self) -> Result<Vec<u8>, VaultError> {
        let beside = (
            "tidegate sealed keyring v2",
            &self.log,
            &self.verifier,
            &self.provider,
            &self.root,
        );
        let bound = if self.former.is_empty() && self.next.is_none() {
            serde_json::to_vec(&beside)
        } else {
            serde_json::to_vec(&(beside, &self.former, &self.next))
        };
        bound.map_err(|_| VaultError::Module)
    }

    pub(super) fn check(&self, path: &Path) -> Result<(), VaultError> {
        if !signed_note::is_key_name_valid(&self.log) {
            return Err(malformed(path, "`log` is no C2SP key name".to_owned()));
        }
        if !self.public_keys().are_of(&self.log) {
            return Err(malformed(path, UNORDERED.to_owned()));
        }
        Ok(())
    }
}

impl Keyring {
    /// Puts this keyring at `path`, sealed: `wrapped` is `root`, as the provider at `place` wrapped it for this log.
    /// Whoever reads the file finds the old one or the new one, whole.
    ///
    /// # Errors
    /// If it cannot be sealed or written.
    pub fn seal(
        &self,
        path: &Path,
        place: Place,
        root: &Root,
        wrapped: &[u8],
    ) -> Result<(), VaultError> {
        let keys = self.public_keys()?;
        let mut sealed = SealedKeyring {
            version: SEALED,
            log: self.contents.log.clone(),
            verifier: keys.current,
            former: keys.former,
            next: keys.next,
            provider: place,
            root: BASE64_STANDARD.encode(wrapped),
            sealed: String::new(),
        };
        let text = serde_json::to_vec(&self.contents).map_err(|_| VaultError::Module)?;
        let mut bytes = Zeroizing::new(text);
        let seal = DataKey::new(root.material())?.seal(&sealed.bound()?, &mut bytes)?;
        sealed.sealed = BASE64_STANDARD.encode([&seal.nonce[..], &bytes, &seal.tag].concat());
        replace_private(path, &sealed).map_err(written(path))
    }

    /// Puts this keyring at `path` in the place of `before`, sealed as that was, under its `root`.
    ///
    /// # Errors
    /// If it cannot be sealed or written.
    pub fn reseal(
        &self,
        path: &Path,
        before: &SealedKeyring,
        root: &Root,
    ) -> Result<(), VaultError> {
        self.seal(path, before.provider.clone(), root, &before.wrapped_root()?)
    }

    /// Puts this keyring at `path` in clear.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn unseal(&self, path: &Path) -> Result<(), VaultError> {
        debug_assert_eq!(self.contents.version, VERSION);
        replace_private(path, &self.contents).map_err(written(path))
    }
}

impl fmt::Debug for SealedKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[keyring of {}, sealed: {}]", self.log, self.provider)
    }
}
