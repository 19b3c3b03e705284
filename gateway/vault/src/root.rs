//! The root of a sealed keyring, and the providers on this host that keep it.

mod symmetric;
mod token;

use std::fmt;

pub use self::token::Module;
use crate::{KeyMaterial, Place, VaultError};

/// The key that seals the secrets of one keyring. A provider wraps it, and has nothing else to do.
pub struct Root(KeyMaterial);

impl Root {
    /// A new one.
    pub fn generate() -> Result<Self, VaultError> {
        KeyMaterial::generate().map(Self)
    }

    /// From what a provider opened.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        KeyMaterial::new(bytes).map(Self)
    }

    /// Its bytes, for the provider that wraps it.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    pub(crate) fn material(&self) -> &KeyMaterial {
        &self.0
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[root]")
    }
}

/// A provider that needs no network; another crate asks the others.
pub enum LocalProvider {
    /// A passphrase, or a key as it is.
    Symmetric(Place),
    /// A token of PKCS #11.
    Token(Place, Module),
}

impl LocalProvider {
    /// The one that `place` names, if it is on this host. A module is loaded here, once.
    ///
    /// # Errors
    /// If the module cannot be loaded.
    pub fn new(place: &Place) -> Result<Option<Self>, VaultError> {
        Ok(match place {
            Place::Passphrase { .. } | Place::Credential { .. } => {
                Some(Self::Symmetric(place.clone()))
            }
            Place::Pkcs11 { module, .. } => Some(Self::Token(place.clone(), Module::load(module)?)),
            Place::AwsKms { .. } | Place::Transit { .. } => None,
        })
    }

    /// Encrypts `root` for the log named `log`.
    ///
    /// # Errors
    /// If the provider is away, or refuses.
    pub fn wrap(&self, root: &Root, log: &str) -> Result<Vec<u8>, VaultError> {
        match self {
            Self::Symmetric(place) => symmetric::wrap(place, root, log),
            Self::Token(place, module) => module.wrap(place, root, log),
        }
    }

    /// Decrypts what [`wrap`](Self::wrap) gave for the same `log`.
    ///
    /// # Errors
    /// If the provider is away, or refuses, or this is not its own.
    pub fn unwrap(&self, wrapped: &[u8], log: &str) -> Result<Root, VaultError> {
        match self {
            Self::Symmetric(place) => symmetric::unwrap(place, wrapped, log),
            Self::Token(place, module) => module.unwrap(place, wrapped, log),
        }
    }
}

/// What a wrapped root is bound to.
fn bound(log: &str) -> Vec<u8> {
    [b"tidegate keyring root v1 ", log.as_bytes()].concat()
}

#[cfg(test)]
mod tests;
