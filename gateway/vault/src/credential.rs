//! Credentials of third parties: agents never hold them, the gateway presents them.

mod sealed;

use std::{fmt, path::Path};

use zeroize::Zeroizing;

pub use self::sealed::{Credentials, Version};
use crate::{
    VaultError,
    keyring::{malformed, private},
};

/// The file's usual name, in the log's folder.
pub const CREDENTIALS_FILE: &str = "credentials.json";

/// A credential has at least this many bytes: a shorter one could not be told from other text.
pub const CREDENTIAL_BYTES_MIN: usize = 8;
/// And at most this many.
pub const CREDENTIAL_BYTES_MAX: usize = 8 * 1024;
/// A certificate chain with its key, PEM (RFC 7468), has at most this many.
pub const PEM_BYTES_MAX: usize = 32 * 1024;

const PEM_BEGINS: &[u8] = b"-----BEGIN ";

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
        if !is_credential(secret) && !is_pem(secret) {
            return Err(malformed(path, NOT_ONE.to_owned()));
        }
        Ok(Self {
            version: 0,
            secret: Zeroizing::new(secret.into()),
        })
    }

    /// One that a store of somebody else's gave, as that numbers its versions.
    pub fn new(version: u32, secret: &[u8]) -> Self {
        Self {
            version,
            secret: Zeroizing::new(secret.into()),
        }
    }

    /// Its bytes, for whoever presents it.
    pub fn expose(&self) -> &[u8] {
        &self.secret
    }

    /// Whether it is PEM, which no header field carries.
    pub fn is_pem(&self) -> bool {
        is_pem(&self.secret)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[credential, version {}]", self.version)
    }
}

const NOT_ONE: &str = "a credential is 8 to 8192 bytes of visible ASCII, or PEM of up to 32 KiB";

/// Whether these bytes can be a credential that a header field carries.
pub fn is_credential(secret: &[u8]) -> bool {
    (CREDENTIAL_BYTES_MIN..=CREDENTIAL_BYTES_MAX).contains(&secret.len())
        && secret.iter().all(u8::is_ascii_graphic)
}

/// Whether these bytes can be a certificate chain with its key.
pub fn is_pem(secret: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_graphic() || b" \r\n".contains(byte);
    secret.starts_with(PEM_BEGINS) && secret.len() <= PEM_BYTES_MAX && secret.iter().all(fits)
}

/// Whether a credential can have this name.
pub fn is_credential_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

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

    #[test]
    fn a_chain_with_its_key_is_one_too() {
        let text = |label: &str, more: &str| format!("-----BEGIN {label}-----\n{more}\n");
        assert!(is_pem(text("CERTIFICATE", "AAAA\r\nBBBB").as_bytes()));
        assert!(!is_pem(text("CERTIFICATE", "\u{fc}").as_bytes()));
        assert!(!is_pem(
            &text("CERTIFICATE", &"A".repeat(PEM_BYTES_MAX)).into_bytes()
        ));
        assert!(!is_pem(b"AAAA") && !is_credential(text("KEY", "AAAA").as_bytes()));
    }
}
