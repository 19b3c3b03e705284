//! Signs other logs' checkpoints (C2SP tlog-cosignature) by Ed25519 (RFC 8032), with a key of its own file.

use std::{fmt, io, path::Path};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

use crate::{
    KeyMaterial, VaultError,
    keyring::{malformed, private, replace_private, written},
    random_id,
};

/// The file's usual name, in the witness's folder.
pub const COSIGNER_FILE: &str = "witness.json";

/// The algorithm byte of a cosignature by Ed25519 in a C2SP verifier key.
const ALGORITHM_COSIGNATURE: u8 = 4;

/// The only layout so far.
const VERSION: u32 = 1;

/// Characters of a random name: 64 bits, so that no two witnesses share one.
const NAME_DIGITS: usize = 16;

/// The key of a witness.
pub struct Cosigner {
    name: String,
    pair: Ed25519KeyPair,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    name: String,
    signing: KeyMaterial,
}

impl Cosigner {
    /// Reads the key at `path`, or makes one there, under this name or a random one. A name that is not the file's
    /// is an error: whoever trusts a witness trusts both.
    pub fn open_or_create(path: &Path, name: Option<&str>) -> Result<Self, VaultError> {
        let cosigner = match Self::open(path) {
            Err(VaultError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let random = random_id()?;
                let random: String = random.chars().take(NAME_DIGITS).collect();
                let name = name.map_or_else(|| format!("tidegate-witness/{random}"), str::to_owned);
                if !signed_note::is_key_name_valid(&name) {
                    return Err(malformed(path, "a name has neither spaces nor `+`".into()));
                }
                let contents = Contents {
                    version: VERSION,
                    name,
                    signing: KeyMaterial::generate()?,
                };
                replace_private(path, &contents).map_err(written(path))?;
                Self::open(path)?
            }
            opened => opened?,
        };
        match name {
            Some(name) if name != cosigner.name => {
                let why = format!("it is the key of `{}`, not of `{name}`", cosigner.name);
                Err(malformed(path, why))
            }
            _ => Ok(cosigner),
        }
    }

    /// Reads the key at `path`.
    pub fn open(path: &Path) -> Result<Self, VaultError> {
        let text = private(path)?;
        let contents: Contents =
            serde_json::from_slice(&text).map_err(|error| malformed(path, error.to_string()))?;
        if contents.version != VERSION || !signed_note::is_key_name_valid(&contents.name) {
            return Err(malformed(path, "it is no key of a witness".into()));
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(contents.signing.expose());
        Ok(Self {
            name: contents.name,
            pair: pair.map_err(|_| VaultError::Module)?,
        })
    }

    /// The public key as a C2SP verifier key of type 4: `<name>+<key id>+<base64>`.
    pub fn verifier_key(&self) -> String {
        let (key, id) = (BASE64_STANDARD.encode(self.public()), self.key_id());
        format!("{}+{id:08x}+{key}", self.name)
    }

    /// Its name, as it stands before its signatures.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is told apart by, beside its name.
    pub fn key_id(&self) -> u32 {
        signed_note::key_id(&self.name, &self.public())
    }

    /// The signature of a message.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, VaultError> {
        let signature = self.pair.try_sign(message)?;
        Ok(signature.as_ref().to_vec())
    }

    fn public(&self) -> Vec<u8> {
        let mut key = vec![ALGORITHM_COSIGNATURE];
        key.extend(self.pair.public_key().as_ref());
        key
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.verifier_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_what_it_was_and_whose() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(COSIGNER_FILE);
        assert!(Cosigner::open(&path).is_err());
        assert!(Cosigner::open_or_create(&path, Some("a b")).is_err());
        let made = Cosigner::open_or_create(&path, Some("w.example/1")).unwrap();
        let again = Cosigner::open_or_create(&path, None).unwrap();
        assert_eq!(made.verifier_key(), again.verifier_key());
        assert!(made.verifier_key().starts_with("w.example/1+"));
        assert!(Cosigner::open_or_create(&path, Some("w.example/2")).is_err());
    }
}
