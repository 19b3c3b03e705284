//! The file of transform keys that the hosts of one deployment share, so that a token made by one
//! is turned back by all.
//!
//! JSON, mode 0600, version 1: keys by id from 1 to 31, each 32 bytes in base64. A new key is added
//! under a greater id on every host before any of them may see a token of it; an old one is taken
//! out once nothing needs its tokens any more.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Transforms;
use crate::{KeyMaterial, VaultError, keyring};

/// The only layout so far.
const VERSION: u32 = 1;

/// The greatest id: a token names it by one character.
const ID_MAX: u8 = 31;

/// Keys of one deployment.
pub struct TransformKeys(Contents);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    keys: Vec<Key>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    id: u8,
    key: KeyMaterial,
}

impl TransformKeys {
    /// Reads the file at `path`.
    pub fn open(path: &Path) -> Result<Self, VaultError> {
        let text = keyring::private(path)?;
        let contents: Contents = serde_json::from_slice(&text)
            .map_err(|error| keyring::malformed(path, error.to_string()))?;
        contents
            .check()
            .map_err(|why| keyring::malformed(path, why))?;
        Ok(Self(contents))
    }

    /// Writes a file with one fresh key to `path`, where there must be none.
    pub fn create(path: &Path) -> Result<(), VaultError> {
        let contents = Contents {
            version: VERSION,
            keys: vec![Key {
                id: 1,
                key: KeyMaterial::generate()?,
            }],
        };
        keyring::write_private(path, &contents).map_err(keyring::written(path))
    }

    /// The transforms of `tenant`.
    pub fn transforms(&self, tenant: &str) -> Result<Transforms, VaultError> {
        let keys = self.0.keys.iter();
        Transforms::new(tenant, keys.map(|key| (key.id, &key.key)))
    }
}

impl Contents {
    fn check(&self) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!(
                "version {} is unknown; this program reads version {VERSION}",
                self.version
            ));
        }
        let mut ids: Vec<u8> = self.keys.iter().map(|key| key.id).collect();
        ids.sort_unstable();
        if ids.is_empty() {
            return Err("`keys` holds no key".into());
        }
        if ids.iter().any(|id| !(1..=ID_MAX).contains(id)) {
            return Err(format!("an id of `keys` lies outside 1 to {ID_MAX}"));
        }
        ids.dedup();
        if ids.len() < self.keys.len() {
            return Err("two of `keys` have one id".into());
        }
        Ok(())
    }
}
