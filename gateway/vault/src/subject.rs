//! Seals what identifies a data subject under keys of that subject alone: to destroy these is to erase it
//! wherever it stands (GDPR Art. 17), backups of what it stands in included.

use std::fmt;

use aws_lc_rs::rand;
use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};

use crate::{DataKey, KeyProvider, NONCE_BYTES, VaultError};

/// The length of a key's handle.
pub const HANDLE_BYTES: usize = 16;

/// A key's name: random, so that it says nothing once its key is gone.
pub type Handle = [u8; HANDLE_BYTES];

/// What a sealed text begins with; then the handle, a colon, and nonce, ciphertext and tag in base64.
const PREFIX: &str = "sealed:";

/// What wrapping is bound to, before the log's name and the handle.
const CONTEXT: &str = "tidegate subject key";

/// A key of one data subject, one of several that it may have.
pub struct SubjectKey {
    handle: Handle,
    key: DataKey,
}

impl SubjectKey {
    /// A new key for the log called `log`, and the same key as `provider` wraps it.
    pub fn generate(provider: &dyn KeyProvider, log: &str) -> Result<(Self, Vec<u8>), VaultError> {
        let mut handle = [0; HANDLE_BYTES];
        rand::fill(&mut handle)?;
        let (key, wrapped) = DataKey::generate(provider, &subject_context(log, handle))?;
        Ok((Self { handle, key }, wrapped))
    }

    /// The key that was kept as `wrapped` under this same `handle`.
    pub fn unwrap(
        provider: &dyn KeyProvider,
        wrapped: &[u8],
        log: &str,
        handle: Handle,
    ) -> Result<Self, VaultError> {
        let key = DataKey::unwrap(provider, wrapped, &subject_context(log, handle))?;
        Ok(Self { handle, key })
    }

    /// Its handle.
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// Seals the value of the parameter `name`.
    pub fn seal(&self, name: &str, value: &str) -> Result<String, VaultError> {
        let mut bytes = value.as_bytes().to_vec();
        let seal = self.key.seal(name.as_bytes(), &mut bytes)?;
        let sealed = [&seal.nonce[..], &bytes, &seal.tag].concat();
        let sealed = BASE64_STANDARD_NO_PAD.encode(sealed);
        Ok(format!("{PREFIX}{}:{sealed}", hex::encode(self.handle)))
    }

    /// What [`seal`](Self::seal) sealed as the value of the parameter `name`.
    pub fn open(&self, name: &str, text: &str) -> Result<String, VaultError> {
        let (_, sealed) = parts(text).ok_or(VaultError::Unopened)?;
        let sealed = BASE64_STANDARD_NO_PAD.decode(sealed);
        let sealed = sealed.map_err(|_| VaultError::Unopened)?;
        let (nonce, rest) = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(VaultError::Unopened)?;
        let mut rest = rest.to_vec();
        let value = self.key.open(*nonce, name.as_bytes(), &mut rest)?;
        String::from_utf8(value.to_vec()).map_err(|_| VaultError::Unopened)
    }
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[subject key]")
    }
}

/// The handle of the key that sealed `text`; none if it is not sealed.
pub fn handle_of(text: &str) -> Option<Handle> {
    parts(text).map(|(handle, _)| handle)
}

fn parts(text: &str) -> Option<(Handle, &str)> {
    let (handle, sealed) = text.strip_prefix(PREFIX)?.split_once(':')?;
    let mut bytes = [0; HANDLE_BYTES];
    hex::decode_to_slice(handle, &mut bytes).ok()?;
    Some((bytes, sealed))
}

/// What the wrapping of the key with this handle is bound to, in the log called `log`.
pub fn subject_context(log: &str, handle: Handle) -> Vec<u8> {
    format!("{CONTEXT}\n{log}\n{}", hex::encode(handle)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Keyring;

    #[test]
    fn a_value_opens_under_its_own_key_and_name_only() {
        let home = tempfile::tempdir().unwrap();
        let keyring = Keyring::open_or_create(&home.path().join("keyring.json")).unwrap();
        let provider = keyring.provider();
        let (key, wrapped) = SubjectKey::generate(&provider, "log").unwrap();
        let (other, _) = SubjectKey::generate(&provider, "log").unwrap();
        let sealed = key.seal("customer", "C-771").unwrap();
        assert!(!sealed.contains("C-771"));
        assert_ne!(sealed, key.seal("customer", "C-771").unwrap());
        assert_eq!(handle_of(&sealed), Some(key.handle()));
        assert_eq!(handle_of("C-771"), None);
        assert_eq!(key.open("customer", &sealed).unwrap(), "C-771");
        assert!(key.open("patient", &sealed).is_err());
        assert!(other.open("customer", &sealed).is_err());
        let again = SubjectKey::unwrap(&provider, &wrapped, "log", key.handle()).unwrap();
        assert_eq!(again.open("customer", &sealed).unwrap(), "C-771");
        assert!(SubjectKey::unwrap(&provider, &wrapped, "log", other.handle()).is_err());
        assert!(SubjectKey::unwrap(&provider, &wrapped, "another", key.handle()).is_err());
    }
}
