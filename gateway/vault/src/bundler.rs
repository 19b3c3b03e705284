//! Signs bundles of policies (C2SP signed-note) by Ed25519 (RFC 8032), with a key of its own file, which no gateway has.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    KeyMaterial, LogSigner, VaultError,
    keyring::{malformed, private, write_private, written},
};

/// The only layout so far.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    /// What the bundles are called.
    bundles: String,
    signing: KeyMaterial,
}

impl LogSigner {
    /// Writes a fresh key for bundles of this name to `path`, where there must be none, for its owner only.
    ///
    /// # Errors
    /// If the name has spaces or `+`, or the file is there or cannot be written.
    pub fn create_for_bundles(path: &Path, name: &str) -> Result<Self, VaultError> {
        if !signed_note::is_key_name_valid(name) {
            let why = "a name has neither spaces nor `+`, and is not empty".to_owned();
            return Err(malformed(path, why));
        }
        let contents = Contents {
            version: VERSION,
            bundles: name.to_owned(),
            signing: KeyMaterial::generate()?,
        };
        write_private(path, &contents).map_err(written(path))?;
        Self::new(contents.bundles, &contents.signing)
    }

    /// Reads the key for bundles at `path`.
    ///
    /// # Errors
    /// If it is no such key, or others may read the file.
    pub fn open_for_bundles(path: &Path) -> Result<Self, VaultError> {
        let text = private(path)?;
        let contents: Contents =
            serde_json::from_slice(&text).map_err(|error| malformed(path, error.to_string()))?;
        if contents.version != VERSION || !signed_note::is_key_name_valid(&contents.bundles) {
            return Err(malformed(path, "it is no key for bundles".into()));
        }
        Self::new(contents.bundles, &contents.signing)
    }
}

#[cfg(test)]
mod tests {
    use signed_note::Signer as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_its_owners() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("bundles.key");
        assert!(LogSigner::open_for_bundles(&path).is_err());
        assert!(LogSigner::create_for_bundles(&path, "a b").is_err());
        let made = LogSigner::create_for_bundles(&path, "rules.example").unwrap();
        let opened = LogSigner::open_for_bundles(&path).unwrap();
        assert_eq!(made.verifier_key(), opened.verifier_key());
        assert_eq!(opened.name(), "rules.example");
        assert!(LogSigner::create_for_bundles(&path, "rules.example").is_err());
        std::fs::write(&path, r#"{"version":1,"name":"w","signing":"x"}"#).unwrap();
        assert!(LogSigner::open_for_bundles(&path).is_err());
    }
}
