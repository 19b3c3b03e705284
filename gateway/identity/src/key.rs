//! Static keys: what agents showed before they had tokens. Who copied one has it for good, so they are
//! accepted only where an operator says so, and each use is a finding.
//!
//! A key is made by the gateway, of 256 random bits, so that its digest tells nobody what it is; the
//! configuration has the digest alone (SHA-256).

use std::{fmt, str::FromStr, sync::Arc};

use aws_lc_rs::{constant_time, digest, rand};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;

/// What every key begins with.
pub const KEY_PREFIX: &str = "tidegate-key-";

/// The most keys that an agent may have: one, and the next one while they change.
pub const KEYS_MAX_OF_AGENT: usize = 4;

/// Random bytes of a key.
const KEY_BYTES: usize = 32;

/// A key of an agent, as its operator knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticKey {
    /// What it is called.
    pub name: Arc<str>,
    /// The digest of the key.
    pub digest: KeyDigest,
    /// When it stops being believed.
    pub expires_at: Timestamp,
}

/// SHA-256 of a key, which is compared in constant time.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; digest::SHA256_OUTPUT_LEN]);

/// A text is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not the digest of a key: 64 hexadecimal digits")]
pub struct KeyDigestError;

/// No randomness was to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic module gives no randomness")]
pub struct NoRandomness;

impl StaticKey {
    /// Whether a text is meant as a static key, whoever's.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(KEY_PREFIX)
    }

    /// A new key.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn generate() -> Result<String, NoRandomness> {
        let mut secret = [0; KEY_BYTES];
        rand::fill(&mut secret).map_err(|_| NoRandomness)?;
        Ok(format!(
            "{KEY_PREFIX}{}",
            BASE64_URL_SAFE_NO_PAD.encode(secret)
        ))
    }
}

impl KeyDigest {
    /// The digest of a key.
    pub fn of(key: &str) -> Self {
        let mut own = [0; digest::SHA256_OUTPUT_LEN];
        own.copy_from_slice(digest::digest(&digest::SHA256, key.as_bytes()).as_ref());
        Self(own)
    }
}

impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for KeyDigest {}

impl FromStr for KeyDigest {
    type Err = KeyDigestError;

    fn from_str(text: &str) -> Result<Self, KeyDigestError> {
        let mut digest = [0; digest::SHA256_OUTPUT_LEN];
        let decoded = hex::decode_to_slice(text, &mut digest);
        decoded.map(|()| Self(digest)).map_err(|_| KeyDigestError)
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[digest of a key]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_digest() {
        let key = StaticKey::generate().unwrap();
        assert!(StaticKey::is_meant(&key) && key.len() == KEY_PREFIX.len() + 43);
        assert_ne!(key, StaticKey::generate().unwrap());
        let digest = KeyDigest::of(&key);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_ne!(digest, KeyDigest::of(&format!("{key}x")));
        assert!(!format!("{digest:?}").contains(&digest.to_string()));
        for odd in ["", "00", &"g".repeat(64), &"0".repeat(65)] {
            assert_eq!(odd.parse::<KeyDigest>(), Err(KeyDigestError));
        }
    }
}
