//! Credentials of third parties, sealed: agents never hold them, the gateway presents them.
//!
//! `credentials.json`, mode 0600, beside the keyring: by name a version and the credential, sealed by a
//! data key of its own that the key provider wraps. Both are bound to name and version, so that nothing
//! can be put in another's place. A new version takes the old one's place in one step.

use std::{collections::BTreeMap, fmt, io, path::Path};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    DataKey, KeyProvider, NONCE_BYTES, VaultError,
    keyring::{malformed, private, replace_private, written},
};

/// The file's usual name, in the log's folder.
pub const CREDENTIALS_FILE: &str = "credentials.json";

/// A credential has at least this many bytes: a shorter one could not be told from other text.
pub const CREDENTIAL_BYTES_MIN: usize = 8;
/// And at most this many.
pub const CREDENTIAL_BYTES_MAX: usize = 8 * 1024;

/// The most bytes of a credential's name.
const NAME_BYTES_MAX: usize = 64;

/// A credential, as it is presented to the one it is for. Wiped when it goes, and never shown.
pub struct Credential {
    /// Which version of it.
    pub version: u32,
    secret: Zeroizing<Box<[u8]>>,
}

impl Credential {
    /// One that stands in a file of its own; line ends behind it do not belong to it.
    pub fn from_file(path: &Path) -> Result<Self, VaultError> {
        let text = private(path)?;
        let end = text.iter().rposition(|byte| !b"\r\n".contains(byte));
        let secret = text.get(..end.map_or(0, |end| end + 1)).unwrap_or_default();
        if !is_credential(secret) {
            return Err(malformed(path, NOT_ONE.to_owned()));
        }
        Ok(Self {
            version: 0,
            secret: Zeroizing::new(secret.into()),
        })
    }

    /// Its bytes, for whoever presents it.
    pub fn expose(&self) -> &[u8] {
        &self.secret
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[credential, version {}]", self.version)
    }
}

const NOT_ONE: &str = "a credential is 8 to 8192 bytes of visible ASCII";

/// Whether these bytes can be a credential that a header field carries.
pub fn is_credential(secret: &[u8]) -> bool {
    (CREDENTIAL_BYTES_MIN..=CREDENTIAL_BYTES_MAX).contains(&secret.len())
        && secret.iter().all(u8::is_ascii_graphic)
}

/// Whether a credential can have this name.
pub fn is_credential_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(plain)
}

/// The credentials of one file, all sealed.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    credentials: BTreeMap<String, Sealed>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    version: u32,
    #[serde(with = "hex::serde")]
    wrapped: Vec<u8>,
    #[serde(with = "hex::serde")]
    nonce: [u8; NONCE_BYTES],
    #[serde(with = "hex::serde")]
    ciphertext: Vec<u8>,
}

impl Credentials {
    /// Reads the file; none yet are no credentials.
    pub fn open(path: &Path) -> Result<Self, VaultError> {
        match private(path) {
            Err(VaultError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(error) => Err(error),
            Ok(text) => {
                serde_json::from_slice(&text).map_err(|error| malformed(path, error.to_string()))
            }
        }
    }

    /// Seals a credential under `name`, in place of the one before. Gives its version.
    pub fn put(
        &mut self,
        name: &str,
        secret: &[u8],
        provider: &dyn KeyProvider,
    ) -> Result<u32, VaultError> {
        let version = self
            .credentials
            .get(name)
            .map_or(1, |it| it.version.saturating_add(1));
        let context = context(name, version);
        let (key, wrapped) = DataKey::generate(provider, &context)?;
        let mut ciphertext = secret.to_vec();
        let seal = key.seal(&context, &mut ciphertext)?;
        ciphertext.extend_from_slice(&seal.tag);
        let sealed = Sealed {
            version,
            wrapped,
            nonce: seal.nonce,
            ciphertext,
        };
        self.credentials.insert(name.to_owned(), sealed);
        Ok(version)
    }

    /// Destroys a credential. Returns whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.credentials.remove(name).is_some()
    }

    /// Names and versions.
    pub fn list(&self) -> impl Iterator<Item = (&str, u32)> {
        let all = self.credentials.iter();
        all.map(|(name, sealed)| (name.as_str(), sealed.version))
    }

    /// Opens the credential of this name, if there is one.
    pub fn credential(
        &self,
        name: &str,
        provider: &dyn KeyProvider,
    ) -> Result<Option<Credential>, VaultError> {
        let Some(kept) = self.credentials.get(name) else {
            return Ok(None);
        };
        let context = context(name, kept.version);
        let key = DataKey::unwrap(provider, &kept.wrapped, &context)?;
        let mut sealed = Zeroizing::new(kept.ciphertext.clone());
        let secret = key.open(kept.nonce, &context, &mut sealed)?;
        Ok(Some(Credential {
            version: kept.version,
            secret: Zeroizing::new((&*secret).into()),
        }))
    }

    /// Writes the file: whoever reads it finds the old one or the new one, whole.
    pub fn save(&self, path: &Path) -> Result<(), VaultError> {
        replace_private(path, self).map_err(written(path))
    }
}

/// What a credential is bound to.
fn context(name: &str, version: u32) -> Vec<u8> {
    format!("credential\n{name}\n{version}").into_bytes()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;
    use crate::Keyring;

    #[test]
    fn a_credential_comes_back_only_under_its_name_its_version_and_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CREDENTIALS_FILE);
        let keyring = Keyring::open_or_create(&folder.path().join("keyring.json")).unwrap();
        let other = Keyring::open_or_create(&folder.path().join("other.json")).unwrap();
        let (provider, other) = (keyring.provider().unwrap(), other.provider().unwrap());

        let mut credentials = Credentials::open(&path).unwrap();
        assert_eq!(credentials.put("a", b"first-one", &provider).unwrap(), 1);
        assert_eq!(credentials.put("a", b"second-one", &provider).unwrap(), 2);
        credentials.put("b", b"another-one", &provider).unwrap();
        credentials.save(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("second-one") && !text.contains(&hex::encode("second-one")));

        let mut credentials = Credentials::open(&path).unwrap();
        let opened = credentials.credential("a", &provider).unwrap().unwrap();
        assert_eq!(
            (opened.version, opened.expose()),
            (2, b"second-one".as_slice())
        );
        assert_eq!(format!("{opened:?}"), "[credential, version 2]");
        assert!(credentials.credential("a", &other).is_err());
        assert!(credentials.credential("c", &provider).unwrap().is_none());
        let swapped = credentials.credentials.remove("b").unwrap();
        credentials.credentials.insert("a".to_owned(), swapped);
        assert!(credentials.credential("a", &provider).is_err());
        assert!(credentials.remove("a") && !credentials.remove("a"));
    }

    #[test]
    fn a_file_gives_its_line_and_nobody_else_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "abcdefgh\r\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            Credential::from_file(&path),
            Err(VaultError::Exposed { .. })
        ));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(Credential::from_file(&path).unwrap().expose(), b"abcdefgh");
        for bad in ["", "short", "with space in it", "two\nlines-here"] {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            fs::write(&path, bad).unwrap();
            assert!(Credential::from_file(&path).is_err(), "{bad:?}");
        }
    }
}
