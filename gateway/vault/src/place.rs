//! Where the root of a sealed keyring is: what `keyring.json` says of its provider.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{VaultError, keyring::malformed, keyring::private};

/// The folder that systemd has a unit's credentials in (`systemd.exec(5)`, `LoadCredentialEncrypted=`).
pub(crate) const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// A provider, with everything but its secret that it takes to ask it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Place {
    /// A passphrase, stretched by Argon2id.
    Passphrase {
        /// Where it is.
        secret: Source,
    },
    /// A key of 32 bytes, as systemd gives one to a unit.
    Credential {
        /// Where it is.
        secret: Source,
    },
    /// An AES key in a token of PKCS #11.
    Pkcs11 {
        /// The module, a shared library.
        module: PathBuf,
        /// The token's label.
        token: String,
        /// The key's label.
        key: String,
        /// Where the user's PIN is.
        secret: Source,
        /// What the module itself reads and writes: its configuration, its sockets, its store.
        #[serde(default)]
        files: Vec<PathBuf>,
    },
    /// A key of AWS KMS.
    AwsKms {
        /// Where the service is.
        endpoint: String,
        /// Its region.
        region: String,
        /// The key's id, ARN or alias.
        key: String,
        /// Where `ID:SECRET[:TOKEN]` is.
        secret: Source,
        /// A certificate of its own authority, PEM.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<PathBuf>,
    },
    /// A key of the Transit engine of HashiCorp Vault or OpenBao.
    Transit {
        /// Scheme, authority and base path.
        address: String,
        /// Where the engine is mounted.
        mount: String,
        /// The key's name.
        key: String,
        /// The namespace, where there are any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        /// Where the token is.
        secret: Source,
        /// A certificate of its own authority, PEM.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<PathBuf>,
    },
}

impl Place {
    /// As configuration and records name its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Passphrase { .. } => "passphrase",
            Self::Credential { .. } => "credential",
            Self::Pkcs11 { .. } => "pkcs11",
            Self::AwsKms { .. } => "aws_kms",
            Self::Transit { .. } => "transit",
        }
    }

    /// Where what it is shown is.
    pub fn secret(&self) -> &Source {
        match self {
            Self::Passphrase { secret }
            | Self::Credential { secret }
            | Self::Pkcs11 { secret, .. }
            | Self::AwsKms { secret, .. }
            | Self::Transit { secret, .. } => secret,
        }
    }

    /// What a process must be able to read to ask it.
    pub fn files_read(&self) -> Vec<PathBuf> {
        let ca = match self {
            Self::AwsKms { ca, .. } | Self::Transit { ca, .. } => ca.clone(),
            _ => None,
        };
        self.secret().path().into_iter().chain(ca).collect()
    }

    /// What its module must be able to read and write.
    pub fn files_written(&self) -> &[PathBuf] {
        match self {
            Self::Pkcs11 { files, .. } => files,
            _ => &[],
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Passphrase { secret } | Self::Credential { secret } => {
                write!(f, "{kind} {secret}")
            }
            Self::Pkcs11 { token, key, .. } => write!(f, "{kind} {token}/{key}"),
            Self::AwsKms { region, key, .. } => write!(f, "{kind} {region}/{key}"),
            Self::Transit {
                address,
                mount,
                key,
                ..
            } => write!(f, "{kind} {address}/{mount}/{key}"),
        }
    }
}

/// Where a secret is that a provider is shown. It is read anew each time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A file that only its owner may read.
    File(PathBuf),
    /// A credential that systemd has for the unit.
    Systemd(String),
}

impl Source {
    /// The file, if it can be told here.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path.clone()),
            Self::Systemd(name) => {
                let folder = std::env::var_os(CREDENTIALS_DIRECTORY)?;
                Some(Path::new(&folder).join(name))
            }
        }
    }

    /// Its bytes, as they are.
    pub(crate) fn bytes(&self) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        match self {
            Self::File(path) => private(path),
            Self::Systemd(name) => {
                let path = self.path();
                private(&path.ok_or_else(|| VaultError::NoCredentials { name: name.clone() })?)
            }
        }
    }

    /// Its line, without the line's end.
    pub fn line(&self) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let mut bytes = self.bytes()?;
        let end = bytes.iter().rposition(|byte| !b"\r\n".contains(byte));
        bytes.truncate(end.map_or(0, |end| end + 1));
        if bytes.is_empty() || bytes.contains(&b'\n') {
            let path = self.path().unwrap_or_default();
            return Err(malformed(&path, "it must be one line".to_owned()));
        }
        Ok(bytes)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Systemd(name) => write!(f, "systemd:{name}"),
        }
    }
}
