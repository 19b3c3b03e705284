//! Signs the log's checkpoints (C2SP signed-note) by Ed25519 (RFC 8032).

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::SignatureError;
use signed_note::Signer;

use crate::{KeyMaterial, VaultError};

/// The algorithm byte of Ed25519 in a C2SP verifier key.
const ALGORITHM_ED25519: u8 = 1;

/// The key that speaks for one log.
pub struct LogSigner {
    name: String,
    pair: Ed25519KeyPair,
}

impl LogSigner {
    pub(crate) fn new(name: String, seed: &KeyMaterial) -> Result<Self, VaultError> {
        let pair =
            Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| VaultError::Module)?;
        Ok(Self { name, pair })
    }

    /// The public key as a C2SP verifier key: `<name>+<key id>+<base64>`.
    pub fn verifier_key(&self) -> String {
        format!(
            "{}+{:08x}+{}",
            self.name,
            self.key_id(),
            BASE64_STANDARD.encode(self.public_key())
        )
    }

    /// The algorithm byte and the key, as C2SP signed-note encodes it.
    fn public_key(&self) -> Vec<u8> {
        let mut key = vec![ALGORITHM_ED25519];
        key.extend(self.pair.public_key().as_ref());
        key
    }
}

impl Signer for LogSigner {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        signed_note::key_id(&self.name, &self.public_key())
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        self.pair
            .try_sign(message)
            .map(|signature| signature.as_ref().to_vec())
            .map_err(|_| SignatureError::new())
    }
}

impl fmt::Debug for LogSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.verifier_key())
    }
}

#[cfg(test)]
mod tests {
    use signed_note::{StandardVerifier, Verifier};

    use super::*;

    #[test]
    fn an_independent_verifier_accepts_the_signature() {
        let seed = KeyMaterial::generate().unwrap();
        let signer = LogSigner::new("tidegate/1".into(), &seed).unwrap();
        let verifier = StandardVerifier::new(&signer.verifier_key()).unwrap();
        let mut signature = signer.sign(b"text\n").unwrap();
        assert!(verifier.verify(b"text\n", &signature));
        assert!(!verifier.verify(b"test\n", &signature));
        signature[0] ^= 1;
        assert!(!verifier.verify(b"text\n", &signature));
    }
}
