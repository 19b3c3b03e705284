//! How far the log is in its bucket, in a file beside the log.

use std::{fs, io, path::Path, time::Duration};

use audit::checkpoint::{Authority, Checkpoint};
use aws_lc_rs::digest::{SHA256, digest as hash};
use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use serde::{Deserialize, Serialize};

use crate::{objects::Objects, turns::Turns};

/// The file beside the log.
const FILE: &str = "shelved.json";
/// The longest, in bytes.
const FILE_BYTES_MAX: u64 = 4096;

/// How far the log is in the bucket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reached {
    /// The log's name.
    log: String,
    /// The bucket and what stands before each name there.
    place: String,
    /// For how many seconds what is there is locked. What was put with another lock, or without one, is offered again.
    #[serde(default)]
    locked: Option<u64>,
    /// All full tiles of so many records are there.
    pub(super) records: u64,
    /// The checkpoint of so many records is there,
    pub(super) checkpoint: u64,
    /// its root, hexadecimal,
    #[serde(default)]
    pub(super) root: Option<String>,
    /// and what it said, by its digest: later it may have more signatures.
    #[serde(default)]
    pub(super) note: Option<u32>,
}

impl Reached {
    /// Of the same, nothing.
    pub(super) fn anew(&self) -> Self {
        Self {
            log: self.log.clone(),
            place: self.place.clone(),
            locked: self.locked,
            ..Self::default()
        }
    }

    /// The checkpoint that is there; none if an earlier version did not say.
    pub(super) fn head(&self) -> Result<Option<Checkpoint>> {
        let Some(text) = &self.root else {
            return Ok(None);
        };
        let mut root = [0; 32];
        hex::decode_to_slice(text, &mut root)
            .into_diagnostic()
            .wrap_err_with(|| format!("`{FILE}` has no root of a tree"))?;
        let size = self.checkpoint;
        Ok(Some(Checkpoint { size, root }))
    }
}

/// The head of the digest of a checkpoint.
pub(super) fn digest(note: &str) -> u32 {
    let digest = hash(&SHA256, note.as_bytes());
    let head = digest.as_ref().first_chunk().copied().unwrap_or_default();
    u32::from_be_bytes(head)
}

/// The file.
pub(super) struct Reaches(Turns);

impl Reaches {
    pub(super) fn new(data: &Path) -> Self {
        Self(Turns::new(data.join(FILE)))
    }

    pub(super) fn file(&self) -> &Path {
        self.0.file()
    }

    /// How far this log is in this bucket; not at all, if it was another one.
    pub(super) fn read(&self, authority: &Authority, objects: &Objects) -> Result<Reached> {
        let begins = Reached {
            log: authority.origin().to_owned(),
            place: objects.place(),
            locked: objects.locked().as_ref().map(Duration::as_secs),
            ..Reached::default()
        };
        let path = self.file();
        let read = || match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(begins.clone()),
            Err(error) => Err(error).into_diagnostic(),
            Ok(found) if found.len() > FILE_BYTES_MAX => {
                Err(miette!("it is longer than {FILE_BYTES_MAX} bytes"))
            }
            Ok(_) => {
                let text = fs::read(path).into_diagnostic()?;
                serde_json::from_slice::<Reached>(&text).into_diagnostic()
            }
        };
        let reached = read().wrap_err_with(|| {
            format!(
                "`{}` does not say how far the log is in its bucket; without it, all is put again",
                path.display()
            )
        })?;
        let is_same = reached.anew() == begins;
        Ok(if is_same { reached } else { begins })
    }

    /// Says how far it is; durable when this returns.
    pub(super) async fn keep(&self, reached: &Reached) -> Result<()> {
        let text = serde_json::to_vec(reached).into_diagnostic()?;
        let written = self.0.write(text).await.into_diagnostic();
        written.wrap_err_with(|| format!("`{}` cannot be written", self.file().display()))
    }
}
