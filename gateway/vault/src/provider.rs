//! Wraps data keys under key-encryption keys that never leave their home.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use crate::{DataKey, KeyMaterial, Keyring, NONCE_BYTES, VaultError, material::KEY_BYTES};

/// The layout of a wrapped key: this byte, the wrapping key's id, nonce, ciphertext, tag.
const WRAP_VERSION: u8 = 1;

/// Distinguishes wrapped keys from everything else AES-GCM may ever seal here.
const WRAP_DOMAIN: &[u8] = b"tidegate wrapped data key v1";

/// So many of a wrapped key's first bytes say by which key it is wrapped.
pub const WRAP_HEAD_BYTES: usize = 1 + size_of::<u32>();

/// The home of key-encryption keys: a key file, a PKCS#11 token, a KMS.
pub trait KeyProvider: Send + Sync {
    /// Encrypts `key`, bound to `context`, so that it can be stored beside what it seals.
    fn wrap(&self, key: &KeyMaterial, context: &[u8]) -> Result<Vec<u8>, VaultError>;

    /// Decrypts what [`wrap`](Self::wrap) gave for the same `context`.
    fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<KeyMaterial, VaultError>;

    /// What [`wrap`](Self::wrap) gave for the same `context`, as it would wrap now; none if that is what it is.
    fn rewrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Option<Vec<u8>>, VaultError>;
}

/// The id of the key-encryption key that a key was wrapped by; none if these are not the first
/// [`WRAP_HEAD_BYTES`] of a wrapped key, or more of it.
pub fn wrapped_by(wrapped: &[u8]) -> Option<u32> {
    let (&[version], rest) = wrapped.split_first_chunk()?;
    let (id, _) = rest.split_first_chunk()?;
    (version == WRAP_VERSION).then(|| u32::from_be_bytes(*id))
}

/// What [`KeyProvider::rewrap`] gives; none as well if the key cannot be opened, so that it stays what it is.
///
/// # Errors
/// If the module fails.
pub fn rewrapped(
    provider: &dyn KeyProvider,
    wrapped: &[u8],
    context: &[u8],
) -> Result<Option<Vec<u8>>, VaultError> {
    match provider.rewrap(wrapped, context) {
        Err(VaultError::UnknownKey { .. } | VaultError::Unopened) => Ok(None),
        given => given,
    }
}

/// The key-encryption keys of a keyring. Clones share them: what one takes over, all have.
#[derive(Clone)]
pub struct FileProvider(Arc<RwLock<Keys>>);

/// Key-encryption keys by id; all unwrap.
struct Keys {
    by_id: BTreeMap<u32, DataKey>,
    /// The one that wraps.
    wraps: u32,
}

impl Keys {
    fn new(by_id: BTreeMap<u32, DataKey>) -> Self {
        let wraps = by_id.last_key_value().map_or(0, |(id, _)| *id);
        Self { by_id, wraps }
    }
}

impl FileProvider {
    /// The greatest id wraps.
    pub(crate) fn new(by_id: BTreeMap<u32, DataKey>) -> Self {
        Self(Arc::new(RwLock::new(Keys::new(by_id))))
    }

    /// The ids of its keys, in order.
    pub fn ids(&self) -> Vec<u32> {
        self.keys().by_id.keys().copied().collect()
    }

    /// Unwraps by the keys of `next` as well, and wraps as before: nobody else knows them yet.
    ///
    /// # Errors
    /// If the module refuses.
    pub fn learn(&self, next: &Keyring) -> Result<(), VaultError> {
        let more = next.wrapping()?;
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        keys.by_id.extend(more);
        Ok(())
    }

    /// Has the keys of `next` and no others, and wraps by the newest.
    ///
    /// # Errors
    /// If the module refuses.
    pub fn adopt(&self, next: &Keyring) -> Result<(), VaultError> {
        let by_id = next.wrapping()?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Keys::new(by_id);
        Ok(())
    }

    fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyProvider for FileProvider {
    fn wrap(&self, key: &KeyMaterial, context: &[u8]) -> Result<Vec<u8>, VaultError> {
        let keys = self.keys();
        let id = keys.wraps;
        let wrapping = keys.by_id.get(&id).ok_or(VaultError::UnknownKey { id })?;
        let mut bytes = zeroize::Zeroizing::new(*key.expose());
        let seal = wrapping.seal(&additional(id, context), &mut *bytes)?;
        let mut wrapped = vec![WRAP_VERSION];
        wrapped.extend(id.to_be_bytes());
        wrapped.extend(seal.nonce);
        wrapped.extend(bytes.iter());
        wrapped.extend(seal.tag);
        Ok(wrapped)
    }

    fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<KeyMaterial, VaultError> {
        let id = wrapped_by(wrapped).ok_or(VaultError::Unopened)?;
        let (_, rest) = wrapped
            .split_at_checked(WRAP_HEAD_BYTES)
            .ok_or(VaultError::Unopened)?;
        let (nonce, sealed) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(VaultError::Unopened)?;
        if sealed.len() > KEY_BYTES + crate::TAG_BYTES {
            return Err(VaultError::Unopened);
        }
        let keys = self.keys();
        let wrapping = keys.by_id.get(&id).ok_or(VaultError::UnknownKey { id })?;
        let mut bytes = zeroize::Zeroizing::new(sealed.to_vec());
        let key = wrapping.open(*nonce, &additional(id, context), &mut bytes)?;
        KeyMaterial::new(key).ok_or(VaultError::Unopened)
    }

    fn rewrap(&self, wrapped: &[u8], context: &[u8]) -> Result<Option<Vec<u8>>, VaultError> {
        if wrapped_by(wrapped) == Some(self.keys().wraps) {
            return Ok(None);
        }
        let key = self.unwrap(wrapped, context)?;
        self.wrap(&key, context).map(Some)
    }
}

/// What a wrapped key is bound to.
fn additional(id: u32, context: &[u8]) -> Vec<u8> {
    [WRAP_DOMAIN, &id.to_be_bytes(), context].concat()
}

impl fmt::Debug for FileProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.ids()).finish()
    }
}
