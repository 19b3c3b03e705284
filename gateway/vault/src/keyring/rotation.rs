//! Another key-encryption key for a keyring, and the end of the ones before.
//!
//! A keyring with more than one is on its way from the older to the newest: what the older ones wrapped is being
//! wrapped anew. Nothing else says so, so that whoever opens it after a crash knows what is left to do.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use super::{Contents, KEYRING_FILE, Keyring, WrappingKey, aside, written};
use crate::{KeyMaterial, VaultError};

/// The lock's name, in the log's folder.
const LOCK_FILE: &str = "keyring.lock";

/// Held by whoever changes the keyring, or wraps something into a file beside it: from before the keyring is read until
/// the file is written. So no key-encryption key goes that somebody is about to wrap by.
#[derive(Debug)]
pub struct KeyringHold {
    _locked: File,
}

impl KeyringHold {
    /// Waits for whoever else holds the keyring in `folder`. What a crash left of a keyring that was being written goes:
    /// it may be in clear, or have a key that is to be in no file.
    ///
    /// # Errors
    /// If the lock's file cannot be made, or what was left cannot be removed.
    pub fn wait(folder: &Path) -> Result<Self, VaultError> {
        let path = folder.join(LOCK_FILE);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(written(&path))?;
        file.lock().map_err(written(&path))?;
        let left = aside(&folder.join(KEYRING_FILE));
        match fs::remove_file(&left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(written(&left)(error));
            }
            _ => {}
        }
        Ok(Self { _locked: file })
    }
}

impl Keyring {
    /// The same keyring with another key-encryption key, by which is wrapped from then on. It is in no file yet.
    ///
    /// # Errors
    /// If there can be no more ids, or there is no randomness.
    pub fn rotated(&self) -> Result<Self, VaultError> {
        let mut contents = self.contents.clone();
        let newest = contents.wrapping.iter().map(|it| it.id).max();
        let id = newest.unwrap_or_default().checked_add(1);
        contents.wrapping.push(WrappingKey {
            id: id.ok_or(VaultError::Module)?,
            key: KeyMaterial::generate()?,
        });
        Self::of(contents)
    }

    /// The same keyring with its newest key-encryption key alone.
    ///
    /// # Errors
    /// If the module refuses.
    pub fn retired(&self) -> Result<Self, VaultError> {
        let mut contents: Contents = self.contents.clone();
        let newest = contents.wrapping.iter().map(|it| it.id).max();
        contents.wrapping.retain(|it| Some(it.id) == newest);
        Self::of(contents)
    }
}

#[cfg(test)]
mod tests;
