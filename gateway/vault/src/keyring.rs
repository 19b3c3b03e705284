//! The file that holds a gateway's secrets, made on first use.
//!
//! `keyring.json`, mode 0600. [`SealedKeyring`] is version 2. Version 1: the log's name, key-encryption keys by id, the pseudonym
//! key and the Ed25519 seed of the log's signature, each 32 bytes in base64. Losing it makes
//! every record unreadable, though the log still verifies; leaking it gives both away.

mod rotation;
mod sealed;
mod succession;

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use self::{
    rotation::KeyringHold,
    sealed::SealedKeyring,
    succession::{Former, PublicKeys},
};
use crate::{DataKey, FileProvider, KeyMaterial, LogSigner, Pseudonymizer, Transforms, VaultError};

/// The file's usual name, in the log's folder.
pub const KEYRING_FILE: &str = "keyring.json";

/// The layout in clear.
const VERSION: u32 = 1;

/// A keyring holds a handful of keys of 44 characters; a file of credentials some dozens.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Random bytes in a log's name: enough that no two hosts ever share one.
const LOG_ID_BYTES: usize = 8;

/// A gateway's secrets.
pub struct Keyring {
    contents: Contents,
    provider: FileProvider,
}

/// A keyring as it is in its file.
#[derive(Debug)]
pub enum Stored {
    /// In clear, kept by the file's mode alone.
    Clear(Keyring),
    /// Sealed; a provider must be asked for its root.
    Sealed(SealedKeyring),
}

/// What every layout begins with.
#[derive(Deserialize)]
struct Layout {
    version: u32,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    log: String,
    wrapping: Vec<WrappingKey>,
    pseudonym: KeyMaterial,
    signing: KeyMaterial,
    /// Another one that is to sign, or does already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_signing: Option<KeyMaterial>,
    /// Those that signed before, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former: Vec<Former>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrappingKey {
    id: u32,
    key: KeyMaterial,
}

impl Keyring {
    /// Reads the keyring at `path`, or makes one there, in clear, if there is none.
    pub fn stored_or_created(path: &Path) -> Result<Stored, VaultError> {
        match Self::stored(path) {
            Err(VaultError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            read => return read,
        }
        Contents::generate()?.create(path).map_err(written(path))?;
        // Whoever was first, this process or another, made the one that counts.
        Self::stored(path)
    }

    /// Reads the keyring at `path`.
    pub fn stored(path: &Path) -> Result<Stored, VaultError> {
        let text = private(path)?;
        let odd = |error: serde_json::Error| malformed(path, error.to_string());
        let Layout { version } = serde_json::from_slice(&text).map_err(odd)?;
        if version == sealed::SEALED {
            let sealed: SealedKeyring = serde_json::from_slice(&text).map_err(odd)?;
            sealed.check(path)?;
            return Ok(Stored::Sealed(sealed));
        }
        if version != VERSION {
            let why = format!(
                "version {version} is unknown; this program reads {VERSION} and {}",
                sealed::SEALED
            );
            return Err(malformed(path, why));
        }
        let contents: Contents = serde_json::from_slice(&text).map_err(odd)?;
        contents.check().map_err(|why| malformed(path, why))?;
        let keyring = Self::of(contents)?;
        if !keyring.public_keys()?.are_of(&keyring.contents.log) {
            return Err(malformed(path, succession::UNORDERED.to_owned()));
        }
        Ok(Stored::Clear(keyring))
    }

    /// Reads the keyring at `path`, which is in clear.
    pub fn open(path: &Path) -> Result<Self, VaultError> {
        Self::stored(path)?.clear(path)
    }

    /// Reads the keyring at `path`, which is in clear, or makes one there if there is none.
    pub fn open_or_create(path: &Path) -> Result<Self, VaultError> {
        Self::stored_or_created(path)?.clear(path)
    }

    /// The log's name, its origin line in every checkpoint.
    pub fn log(&self) -> &str {
        &self.contents.log
    }

    /// The ids of its key-encryption keys; the last one wraps.
    pub fn wrapping_ids(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.contents.wrapping.iter().map(|it| it.id).collect();
        ids.sort_unstable();
        ids
    }

    fn of(contents: Contents) -> Result<Self, VaultError> {
        let provider = FileProvider::new(contents.wrapping()?);
        Ok(Self { contents, provider })
    }

    /// Wraps data keys under this keyring's newest key-encryption key. It is the same one for all who ask.
    pub fn provider(&self) -> FileProvider {
        self.provider.clone()
    }

    pub(crate) fn wrapping(&self) -> Result<BTreeMap<u32, DataKey>, VaultError> {
        self.contents.wrapping()
    }

    /// Signs this keyring's log.
    pub fn signer(&self) -> Result<LogSigner, VaultError> {
        LogSigner::new(self.contents.log.clone(), &self.contents.signing)
    }

    /// The transforms of `tenant`, as only this keyring makes and undoes them.
    pub fn transforms(&self, tenant: &str) -> Result<Transforms, VaultError> {
        // HKDF keeps what is derived apart from the pseudonyms that the key itself makes.
        Transforms::new(tenant, std::iter::once((1, &self.contents.pseudonym)))
    }

    /// Makes pseudonyms that only this keyring can make.
    pub fn pseudonymizer(&self) -> Pseudonymizer {
        Pseudonymizer::new(&self.contents.pseudonym)
    }
}

impl Stored {
    fn clear(self, path: &Path) -> Result<Keyring, VaultError> {
        match self {
            Self::Clear(keyring) => Ok(keyring),
            Self::Sealed(_) => Err(malformed(path, "it is sealed".to_owned())),
        }
    }
}

impl Contents {
    fn generate() -> Result<Self, VaultError> {
        let mut id = [0; LOG_ID_BYTES];
        rand::fill(&mut id)?;
        Ok(Self {
            version: VERSION,
            log: format!("tidegate/{}", hex::encode(id)),
            wrapping: vec![WrappingKey {
                id: 1,
                key: KeyMaterial::generate()?,
            }],
            pseudonym: KeyMaterial::generate()?,
            signing: KeyMaterial::generate()?,
            next_signing: None,
            former: Vec::new(),
        })
    }

    fn wrapping(&self) -> Result<BTreeMap<u32, DataKey>, VaultError> {
        let wrapping = self.wrapping.iter();
        wrapping
            .map(|it| Ok((it.id, DataKey::new(&it.key)?)))
            .collect()
    }

    fn check(&self) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("it holds version {}", self.version));
        }
        if !signed_note::is_key_name_valid(&self.log) {
            return Err("`log` is no C2SP key name".into());
        }
        if self.wrapping.is_empty() {
            return Err("`wrapping` holds no key".into());
        }
        Ok(())
    }

    /// Writes the file so that it appears whole, durable and private, or not at all; one that
    /// another process made meanwhile stays.
    fn create(&self, path: &Path) -> io::Result<()> {
        let draft = path.with_extension(format!("{}.new", self.log.replace('/', "-")));
        let written = write_private(&draft, self).and_then(|()| {
            // Unlike a rename, a link never replaces.
            match fs::hard_link(&draft, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                linked => linked,
            }
        });
        fs::remove_file(&draft)?;
        written?;
        let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyring").field(&self.contents.log).finish()
    }
}

/// Writes `keys` as JSON to `path`, where there must be no file, for its owner only; durable when this
/// returns.
pub(crate) fn write_private(path: &Path, keys: &impl Serialize) -> io::Result<()> {
    let text = Zeroizing::new(serde_json::to_vec_pretty(keys)?);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&text)?;
    file.sync_all()
}

/// Writes `keys` as JSON to `path`, for its owner only: whoever reads it finds the old file or the new
/// one, whole.
pub(crate) fn replace_private(path: &Path, keys: &impl Serialize) -> io::Result<()> {
    let aside = aside(path);
    // What a crash left there is nobody's.
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    write_private(&aside, keys)?;
    fs::rename(&aside, path)?;
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Where a file is written before it takes the place of `path`.
fn aside(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// The text of a file of keys or of another secret, which only its owner may read; among a unit's credentials its group
/// may, too, as systemd has it.
pub fn private(path: &Path) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let file = File::open(path).map_err(read(path))?;
    let mode = file.metadata().map_err(read(path))?.permissions().mode() & 0o777;
    let credentials = std::env::var_os(crate::place::CREDENTIALS_DIRECTORY);
    let is_credential = credentials.is_some_and(|folder| path.starts_with(folder));
    let others = if is_credential { 0o007 } else { 0o077 };
    if mode & others != 0 {
        let path = path.to_owned();
        return Err(VaultError::Exposed { path, mode });
    }
    let mut text = Zeroizing::new(Vec::new());
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut text)
        .map_err(read(path))?;
    Ok(text)
}

fn read(path: &Path) -> impl FnOnce(io::Error) -> VaultError {
    failed(path.to_owned(), "read")
}

pub(crate) fn written(path: &Path) -> impl FnOnce(io::Error) -> VaultError {
    failed(path.to_owned(), "written")
}

fn failed(path: PathBuf, action: &'static str) -> impl FnOnce(io::Error) -> VaultError {
    move |source| VaultError::File {
        path,
        action,
        source,
    }
}

pub(crate) fn malformed(path: &Path, why: String) -> VaultError {
    let path = path.to_owned();
    VaultError::Malformed { path, why }
}

#[cfg(test)]
mod tests;
