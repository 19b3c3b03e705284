//! Wraps data keys under key-encryption keys that never leave their home.

use std::{collections::BTreeMap, fmt};

use crate::{DataKey, KeyMaterial, NONCE_BYTES, VaultError, material::KEY_BYTES};

/// The layout of a wrapped key: this byte, the wrapping key's id, nonce, ciphertext, tag.
const WRAP_VERSION: u8 = 1;

/// Distinguishes wrapped keys from everything else AES-GCM may ever seal here.
const WRAP_DOMAIN: &[u8] = b"tidegate wrapped data key v1";

/// The home of key-encryption keys: a key file, a PKCS#11 token, a KMS.
pub trait KeyProvider: Send + Sync {
    /// Encrypts `key`, bound to `context`, so that it can be stored beside what it seals.
    fn wrap(&self, key: &KeyMaterial, context: &[u8]) -> Result<Vec<u8>, VaultError>;

    /// Decrypts what [`wrap`](Self::wrap) gave for the same `context`.
    fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<KeyMaterial, VaultError>;
}

/// Key-encryption keys from the keyring file.
pub struct FileProvider {
    /// By id; the greatest wraps, all unwrap.
    keys: BTreeMap<u32, DataKey>,
}

impl FileProvider {
    pub(crate) fn new(keys: BTreeMap<u32, DataKey>) -> Self {
        Self { keys }
    }
}

impl KeyProvider for FileProvider {
    fn wrap(&self, key: &KeyMaterial, context: &[u8]) -> Result<Vec<u8>, VaultError> {
        let (id, wrapping) = self
            .keys
            .last_key_value()
            .ok_or(VaultError::UnknownKey { id: 0 })?;
        let mut bytes = *key.expose();
        let seal = wrapping.seal(&additional(*id, context), &mut bytes)?;
        let mut wrapped = vec![WRAP_VERSION];
        wrapped.extend(id.to_be_bytes());
        wrapped.extend(seal.nonce);
        wrapped.extend(bytes);
        wrapped.extend(seal.tag);
        Ok(wrapped)
    }

    fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<KeyMaterial, VaultError> {
        let (&[version], rest) = wrapped.split_first_chunk().ok_or(VaultError::Unopened)?;
        let (id, rest) = rest.split_first_chunk().ok_or(VaultError::Unopened)?;
        let (nonce, sealed) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(VaultError::Unopened)?;
        if version != WRAP_VERSION || sealed.len() > KEY_BYTES + crate::TAG_BYTES {
            return Err(VaultError::Unopened);
        }
        let id = u32::from_be_bytes(*id);
        let wrapping = self.keys.get(&id).ok_or(VaultError::UnknownKey { id })?;
        let mut bytes = zeroize::Zeroizing::new(sealed.to_vec());
        let key = wrapping.open(*nonce, &additional(id, context), &mut bytes)?;
        KeyMaterial::new(key).ok_or(VaultError::Unopened)
    }
}

/// What a wrapped key is bound to.
fn additional(id: u32, context: &[u8]) -> Vec<u8> {
    [WRAP_DOMAIN, &id.to_be_bytes(), context].concat()
}

impl fmt::Debug for FileProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}
