//! Every key: nobody else sees key bytes.
//!
//! A [`Keyring`] is the file a gateway's secrets live in, in clear or sealed under a [`Root`] that somebody else keeps. From it come the parts that use them:
//! a [`KeyProvider`] that wraps data keys, a [`LogSigner`] that signs checkpoints, a
//! [`Pseudonymizer`] and [`Transforms`]. [`DataKey`] seals records; what leaves this crate is sealed, signed or
//! hashed, never a key, but the root on its way to the provider that wraps it.

mod bundler;
mod cosigner;
mod credential;
mod datakey;
mod keyring;
mod material;
mod operator;
mod place;
mod provider;
mod pseudonym;
mod root;
mod signer;
mod signing;
mod subject;
mod transforms;

use std::{io, path::PathBuf};

pub use cosigner::{COSIGNER_FILE, Cosigner};
pub use credential::{
    CREDENTIAL_BYTES_MAX, CREDENTIAL_BYTES_MIN, CREDENTIALS_FILE, Credential, Credentials,
    PEM_BYTES_MAX, Version, is_credential, is_credential_name, is_pem,
};
pub use datakey::{DataKey, NONCE_BYTES, SEALS_MAX, Seal, TAG_BYTES};
pub use keyring::{
    Former, KEYRING_FILE, Keyring, KeyringHold, PublicKeys, SealedKeyring, Stored, private,
};
pub use material::KeyMaterial;
pub use operator::{OperatorKey, is_operator_key, is_signed_by};
pub use place::{Place, Source};
pub use provider::{FileProvider, KeyProvider, WRAP_HEAD_BYTES, rewrapped, wrapped_by};
pub use pseudonym::{PSEUDONYM_BYTES, Pseudonymizer};
pub use root::{LocalProvider, Module, Root};
pub use signer::LogSigner;
pub use signing::{SignerFile, SigningKey, random_id};
pub use subject::{HANDLE_BYTES, Handle, SubjectKey, handle_of, subject_context};
pub use transforms::{DOMAIN_MIN, SEALED_OVERHEAD_BYTES, TransformKeys, Transforms};

/// Why a key could not be had or used. No variant carries key bytes or plaintext.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file could not be read or written.
    #[error("the key file `{}` cannot be {action}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// `read`, `written`.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others than its owner may read the file.
    #[error("the key file `{}` has mode {mode:o}; only its owner may read it (chmod 600)", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not a keyring.
    #[error("the key file `{}` is malformed: {why}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong, without any value of it.
        why: String,
    },
    /// A wrapped key names a key-encryption key that the provider does not hold.
    #[error("the key-encryption key {id} is not in the keyring")]
    UnknownKey {
        /// Its id.
        id: u32,
    },
    /// What should open does not: it was changed, or belongs to another key or place.
    #[error("the sealed bytes do not open")]
    Unopened,
    /// A credential of systemd is asked for where systemd started nothing.
    #[error(
        "the credential `{name}` of systemd is not to be had here: CREDENTIALS_DIRECTORY is not set \
         (LoadCredentialEncrypted={name}:FILE in the unit, or for a command `systemd-run -p`)"
    )]
    NoCredentials {
        /// Its name.
        name: String,
    },
    /// The provider of the keyring's root does not do what it is asked.
    #[error("the key provider does not answer: {why}")]
    Away {
        /// What it said, or what is not there.
        why: String,
    },
    /// The cryptographic module refused, or gave no randomness.
    #[error("the cryptographic module failed")]
    Module,
}

impl From<aws_lc_rs::error::Unspecified> for VaultError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Module
    }
}
