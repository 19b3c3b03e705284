//! Policies and classifiers for many gateways in one signed file.
//!
//! A bundle is a tar archive, packed by gzip. Its first entry is `manifest`, a C2SP signed note ([`note`]) that says which
//! revision this is, what files there are with the SHA-256 of each, and which hosts take it when ([`rollout`]). Behind it come
//! those files: `policies/NAME.cedar`, `classifiers/NAME.yaml`. Nothing of it is believed before the note is verified, and
//! no file that the note does not name ([`archive`]).
//!
//! A revision is a number that only grows: whoever can put an older bundle where gateways look changes nothing.

pub mod archive;
pub mod note;
pub mod rollout;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use archive::{BUNDLE_BYTES_MAX, FILE_BYTES_MAX, FILES_MAX, open, pack};
pub use note::{Keys, MalformedKey};
pub use rollout::{Rollout, Stage, Watch};

/// Where policies are.
pub const POLICIES: &str = "policies/";
/// Where an operator's classifiers are.
pub const CLASSIFIERS: &str = "classifiers/";

/// What a bundle says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Which one it is, larger than any before.
    pub revision: u64,
    /// When it was made; stages count from here.
    pub made: Timestamp,
    /// From when on no gateway takes it any more, if ever. One that has it keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The lower-case hexadecimal SHA-256 of each file.
    pub files: BTreeMap<String, String>,
    /// Which hosts take it when.
    #[serde(default)]
    pub rollout: Rollout,
}

/// A bundle whose signature and files hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The name under which it was signed.
    pub name: String,
    /// What it says of itself.
    pub manifest: Manifest,
    /// The text of each file.
    pub files: BTreeMap<String, String>,
    /// SHA-256 of what was signed, which stands for the whole.
    pub digest: String,
}

impl Bundle {
    /// The files of a folder, by their names there.
    pub fn within<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let files = self.files.iter();
        files.filter_map(move |(path, text)| Some((path.strip_prefix(folder)?, text.as_str())))
    }
}

/// Why a bundle is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is longer than a bundle may be.
    #[error("it is longer than {0} bytes")]
    Long(usize),
    /// It is no archive, or breaks off.
    #[error("it is no bundle, or a part of one: {0}")]
    Malformed(String),
    /// Its note is none.
    #[error("its manifest is no signed note of a bundle")]
    Note,
    /// None of the keys has signed it.
    #[error("none of the keys that are trusted has signed it")]
    Unsigned,
    /// A file is not what was signed, is not there, or was not signed.
    #[error("`{0}` {1}")]
    File(String, &'static str),
}

/// What is to be packed cannot be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpacked {
    /// A file has an odd name, or is too long.
    #[error("`{0}` {1}")]
    File(String, &'static str),
    /// There is nothing to decide by.
    #[error("a bundle without policies would refuse every call")]
    Empty,
    /// It would be longer than a bundle may be.
    #[error("it would be longer than a bundle may be")]
    Long,
    /// The key does not sign.
    #[error("the key does not sign")]
    Key,
}
