//! Seals records under a key of their epoch.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};

use crate::{KeyMaterial, KeyProvider, VaultError};

/// The length of an AES-GCM nonce.
pub const NONCE_BYTES: usize = 12;

/// The length of an AES-GCM tag.
pub const TAG_BYTES: usize = 16;

/// Seals under one key with random nonces (NIST SP 800-38D §8.3); the user of a [`DataKey`]
/// rotates it long before.
pub const SEALS_MAX: u64 = 1 << 32;

/// What sealing adds to the ciphertext.
pub struct Seal {
    /// Drawn by the module, never by the caller, so that it cannot repeat by mistake.
    pub nonce: [u8; NONCE_BYTES],
    /// Authenticates the ciphertext and the additional data.
    pub tag: [u8; TAG_BYTES],
}

/// An AES-256-GCM key for the records of one epoch.
pub struct DataKey(RandomizedNonceKey);

impl DataKey {
    /// A new key, and the same key as `provider` wraps it for `context`, to be stored.
    pub fn generate(
        provider: &dyn KeyProvider,
        context: &[u8],
    ) -> Result<(Self, Vec<u8>), VaultError> {
        let material = KeyMaterial::generate()?;
        let wrapped = provider.wrap(&material, context)?;
        Ok((Self::new(&material)?, wrapped))
    }

    /// The key that was stored as `wrapped` for this same `context`.
    pub fn unwrap(
        provider: &dyn KeyProvider,
        wrapped: &[u8],
        context: &[u8],
    ) -> Result<Self, VaultError> {
        Self::new(&provider.unwrap(wrapped, context)?)
    }

    pub(crate) fn new(material: &KeyMaterial) -> Result<Self, VaultError> {
        Ok(Self(RandomizedNonceKey::new(
            &AES_256_GCM,
            material.expose(),
        )?))
    }

    /// Encrypts `plaintext` where it is, bound to `aad`.
    pub fn seal(&self, aad: &[u8], plaintext: &mut [u8]) -> Result<Seal, VaultError> {
        let (nonce, tag) = self
            .0
            .seal_in_place_separate_tag(Aad::from(aad), plaintext)?;
        Ok(Seal {
            nonce: *nonce.as_ref(),
            tag: tag.as_ref().try_into().map_err(|_| VaultError::Module)?,
        })
    }

    /// Decrypts `sealed`, ciphertext and tag, where it is; gives the plaintext.
    pub fn open<'sealed>(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &'sealed mut [u8],
    ) -> Result<&'sealed mut [u8], VaultError> {
        self.0
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), sealed)
            .map_err(|_| VaultError::Unopened)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[data key]")
    }
}

#[cfg(test)]
mod tests;
