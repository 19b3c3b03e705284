//! Keys of people: who asks for a value, and who agrees, signs by Ed25519 (RFC 8032).

use std::{fmt, path::Path};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use crate::{KeyMaterial, VaultError, keyring};

/// The length of a public key.
const PUBLIC_KEY_BYTES: usize = 32;

/// One person's key.
pub struct OperatorKey(Ed25519KeyPair);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    operator_seed: KeyMaterial,
}

impl OperatorKey {
    /// Writes a fresh key to `path`, where there must be none, for its owner only.
    pub fn create(path: &Path) -> Result<Self, VaultError> {
        let contents = Contents {
            operator_seed: KeyMaterial::generate()?,
        };
        keyring::write_private(path, &contents).map_err(keyring::written(path))?;
        Self::of(&contents)
    }

    /// Reads the key at `path`.
    pub fn open(path: &Path) -> Result<Self, VaultError> {
        let text = keyring::private(path)?;
        let contents: Contents = serde_json::from_slice(&text)
            .map_err(|error| keyring::malformed(path, error.to_string()))?;
        Self::of(&contents)
    }

    fn of(contents: &Contents) -> Result<Self, VaultError> {
        Ed25519KeyPair::from_seed_unchecked(contents.operator_seed.expose())
            .map(Self)
            .map_err(|_| VaultError::Module)
    }

    /// The public key in base64, as a configuration names it.
    pub fn public(&self) -> String {
        BASE64_STANDARD.encode(self.0.public_key())
    }

    /// The signature of `statement` in base64.
    pub fn sign(&self, statement: &[u8]) -> Result<String, VaultError> {
        let signature = self.0.try_sign(statement)?;
        Ok(BASE64_STANDARD.encode(signature))
    }
}

/// Whether `text` is a public key as [`OperatorKey::public`] gives it.
pub fn is_operator_key(text: &str) -> bool {
    let decoded = BASE64_STANDARD.decode(text);
    decoded.is_ok_and(|key| key.len() == PUBLIC_KEY_BYTES)
}

/// Whether `signature` is that of `statement` by the holder of the key `public`.
pub fn is_signed_by(public: &str, statement: &[u8], signature: &str) -> bool {
    let decode = |text| BASE64_STANDARD.decode(text).ok();
    let (Some(public), Some(signature)) = (decode(public), decode(signature)) else {
        return false;
    };
    UnparsedPublicKey::new(&ED25519, public)
        .verify(statement, &signature)
        .is_ok()
}

impl fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[operator key]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_and_statement_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ann.key");
        let ann = OperatorKey::create(&path).unwrap();
        let ben = OperatorKey::create(&folder.path().join("ben.key")).unwrap();
        assert!(OperatorKey::create(&path).is_err());
        let signature = OperatorKey::open(&path).unwrap().sign(b"a").unwrap();
        assert!(is_operator_key(&ann.public()) && !is_operator_key("YQ=="));
        assert!(is_signed_by(&ann.public(), b"a", &signature));
        assert!(!is_signed_by(&ann.public(), b"b", &signature));
        assert!(!is_signed_by(&ben.public(), b"a", &signature));
        assert!(!is_signed_by(&ann.public(), b"a", "?"));
    }
}
