//! Key bytes, kept from view and wiped when they go.

use std::fmt;

use aws_lc_rs::rand;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::VaultError;

/// The size of every symmetric key and of the Ed25519 seed (RFC 8032 §5.1.5).
pub(crate) const KEY_BYTES: usize = 32;

/// A key on its way between a provider and its use. Its bytes are visible in this crate only.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct KeyMaterial([u8; KEY_BYTES]);

impl KeyMaterial {
    /// Fresh from the module's random source.
    pub(crate) fn generate() -> Result<Self, VaultError> {
        let mut key = Self([0; KEY_BYTES]);
        rand::fill(&mut key.0)?;
        Ok(key)
    }

    /// From bytes that must be a whole key.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let mut key = Self([0; KEY_BYTES]);
        (bytes.len() == KEY_BYTES).then(|| key.0.copy_from_slice(bytes))?;
        Some(key)
    }

    /// The bytes.
    pub(crate) fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key]")
    }
}

impl Serialize for KeyMaterial {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Zeroizing::new(BASE64_STANDARD.encode(self.0)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for KeyMaterial {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        // The text is a secret: the error must not repeat it.
        BASE64_STANDARD
            .decode(text.as_bytes())
            .ok()
            .map(Zeroizing::new)
            .and_then(|bytes| Self::new(&bytes))
            .ok_or_else(|| D::Error::custom("a key is not 32 bytes in base64"))
    }
}
